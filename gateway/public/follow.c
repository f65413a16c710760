/* Mails about what became of requests of the public pages, and to those who can approve. */
#include "public/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "mail/mail.h"
#include "store/users.h"

#include <string.h>

#define ROUND 50

struct news {
    struct public_pages *pages;
    struct arena *arena;
    const struct public_request *row;
    struct request_record request;
    struct ca_record ca;
    struct template_record template;
    struct certificate_record certificate;
    struct public_rules rules;
    struct deciders approvers;
    struct mail_ready *mails; /* to be queued */
    size_t mail_count;
    bool claim;
    struct claim_record claim_record;
};

static bool load(struct tx *tx, struct news *n, struct error *err) {
    TRY(request_by_id(tx, n->arena, &scope_everything, n->row->request_id, &n->request, err));
    TRY(ca_by_id(tx, n->arena, &scope_everything, n->request.ca_id, &n->ca, err));
    TRY(template_version(tx, n->arena, n->request.template_id, 0, &n->template, err));
    TRY(user_deciders(tx, n->arena, n->ca.organisation_id, n->ca.id, INT64_C(1) << MAY_DECIDE_REQUESTS, &n->approvers, err));
    return uuid_is_nil(n->request.certificate_id) ||
           certificate_by_id(tx, n->arena, &scope_everything, n->request.certificate_id, &n->certificate, err);
}

static const char *time_of(struct arena *arena, int64_t us) {
    char *text = arena_alloc(arena, TIME_TEXT_SIZE);
    if (us == 0)
        return "";
    time_format(us / US_PER_SECOND * US_PER_SECOND, text);
    return text;
}

static bool write_mail(struct news *n, const char *template, const char *to, const char *link,
                       int64_t expires_us, struct error *err) {
    const struct request_record *r = &n->request;
    struct mail_variable variables[] = {
        {"link", link},
        {"subject", r->subject[0] == '\0' ? r->sans : r->subject},
        {"sans", r->sans},
        {"template", n->template.name},
        {"ca", n->ca.name},
        {"reason", r->reason},
        {"requester", n->row->name[0] == '\0' ? r->requester
                                               : arena_printf(n->arena, "%s (%s)", n->row->name, r->requester)},
        {"expires", time_of(n->arena, expires_us)},
        {"serial", hex_encode(n->arena, n->certificate.serial)},
        {"notAfter", time_of(n->arena, n->certificate.not_after_us)},
    };
    struct mail mail = {.template = template, .organisation_id = n->ca.organisation_id, .to = to,
                        .variables = variables, .variable_count = sizeof variables / sizeof variables[0]};
    return mail_prepare(n->pages->core, n->arena, &mail, &n->mails[n->mail_count++], err);
}

static bool write_to_asker(struct news *n, const char *https, struct error *err) {
    const char *secret, *template;
    struct claim_link link = {0};
    switch ((int)n->row->state) {
    case REQUEST_PENDING: template = "request.submitted"; break;
    case REQUEST_ISSUED: template = "certificate.issued"; break;
    case REQUEST_DECLINED: template = "request.declined"; break;
    case REQUEST_CANCELLED: template = "request.cancelled"; break;
    case (int)REQUEST_AWAITING_CSR: template = "request.approved"; break;
    default: return true;
    }
    if (n->row->email[0] == '\0')
        return true;
    TRY(public_link_make(n->pages, n->arena, LINK_STATUS, n->row->id, &secret, err));
    link.url = arena_printf(n->arena, "%s/request/%s#status=%s", https, n->template.slug, secret);
    n->claim = n->row->state == REQUEST_AWAITING_CSR;
    if (n->claim)
        TRY(claim_link_new(n->pages->core, n->arena, n->request.id, 0, &link, &n->claim_record, err));
    return write_mail(n, template, n->row->email, link.url, link.expires_us, err);
}

static bool write_to_deciders(struct news *n, const char *https, struct error *err) {
    const char *link =
        arena_printf(n->arena, "%s/console/requests/%s", https, uuid_text(n->arena, n->request.id));
    const char *const *to = n->rules.notify.count > 0 ? n->rules.notify.items : n->approvers.emails;
    size_t count = n->rules.notify.count > 0 ? n->rules.notify.count : n->approvers.count;
    struct error ignored = {0};
    if (n->row->state != REQUEST_PENDING)
        return true;
    for (size_t i = 0; i < count; i++)
        if (mail_address_check(to[i], &ignored)) /* a user's may be anything */
            TRY(write_mail(n, "request.waiting", to[i], link, 0, err));
    return true;
}

static bool queue(struct tx *tx, const struct news *n, bool open, struct error *err) {
    bool mine;
    TRY(public_request_tell(tx, n->row, open, &mine, err));
    if (!mine)
        return true;
    if (n->claim)
        TRY(claim_insert(tx, &n->claim_record, err));
    for (size_t i = 0; i < n->mail_count; i++)
        TRY(mail_enqueue(tx, &n->mails[i], err));
    return true;
}

static bool tell(struct public_pages *pages, const struct public_request *row, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct news n = {.pages = pages, .arena = arena, .row = row};
    struct core_urls urls;
    bool done = false;
    bool open = row->state == REQUEST_PENDING || row->state == REQUEST_APPROVED ||
                row->state == REQUEST_AWAITING_CSR;
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = load(tx.tx, &n, err);
    TRY(done);
    TRY(core_public_urls(pages->core, arena, &urls, err));
    TRY(public_rules_read(pages->core, arena, n.template.id, &n.rules, err));
    n.mails = arena_array(arena, n.approvers.count + n.rules.notify.count + 1, sizeof *n.mails);
    TRY(write_to_asker(&n, urls.https, err) && write_to_deciders(&n, urls.https, err));
    done = false;
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = queue(tx.tx, &n, open, err);
    return done;
}

bool public_follow(void *context, struct arena *arena, struct error *err) {
    struct public_pages *pages = context;
    struct public_request *items = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = public_request_news(tx.tx, arena, ROUND, &items, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++) {
        struct error why = {0};
        if (!tell(pages, &items[i], &why))
            log_failure(LOG_WARN, "public", uuid_text(arena, items[i].id), &why);
    }
    return true;
}

bool public_clean(void *context, struct arena *arena, struct error *err) {
    struct public_pages *pages = context;
    int64_t now = clock_now_us();
    bool done = false;
    (void)arena;
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = public_purge(tx.tx, now - 2 * US_PER_DAY, now, err);
    return done;
}
