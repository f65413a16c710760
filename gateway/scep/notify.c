/* What services outside are told, until they have taken it; and what Intune wants revoked. */
#include "scep/outside.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/templates.h"
#include "store/cas.h"
#include "store/organisations.h"
#include "store/scep.h"

#include <string.h>

#define BATCH 20
#define GIVEN_UP_AFTER_US (3 * US_PER_DAY)
#define LONGEST_PAUSE_US (3600 * US_PER_SECOND)
#define UNDECIDED_PAUSE_US (60 * US_PER_SECOND)
#define WARN_BEFORE_US (30 * US_PER_DAY)

void scep_queue_failure(struct scep_exchange *x, const char *kind, const struct error *why) {
    struct json_writer w = json_writer_on(x->arena);
    struct error err = {0};
    bool done = false;
    json_open_object(&w);
    json_put_string(&w, "transaction", x->message.transaction);
    json_put_string(&w, "csr", base64_encode(x->arena, x->csr_der));
    json_put_string(&w, "reason", why->message);
    json_close_object(&w);
    struct scep_message_out out = {.id = uuid_new(),
                                   .template_id = x->target->enrolment.record.id,
                                   .kind = kind,
                                   .document = json_written(&w),
                                   .created_us = clock_now_us()};
    out.next_us = out.created_us;
    TX(tx, core_db(x->core), &done, &err)
        tx.ok = scep_outbox_add(tx.tx, &out, &err);
    if (!done)
        log_failure(LOG_WARN, "scep", "notification", &err);
}

/* What is known of the request by now. *ret_decided false: somebody has still to decide. */
static bool read_news(struct core *core, struct arena *arena, const struct scep_message_out *out,
                      struct scep_news *news, struct enrolled *enrolled, bool *ret_decided,
                      struct error *err) {
    const struct json *document;
    const char *request = NULL, *csr = "";
    struct uuid id;
    TRY(json_parse(arena, view_text(out->document), &document, err));
    TRY(json_string(document, "transaction", &news->transaction, err));
    TRY(json_string(document, "reason", &news->reason, err));
    TRY(json_string(document, "csr", &csr, err));
    TRY(json_string(document, "request", &request, err));
    *ret_decided = true;
    if (request == NULL)
        return base64_decode(arena, view_text(csr), &news->csr) ||
               fail_internal(err, "the CSR of a notification");
    if (!uuid_parse(request, &id))
        return fail_internal(err, "the request of a notification");
    TRY(enrol_poll_id(core, arena, id, enrolled, err));
    news->csr = enrolled->request.csr;
    news->reason = enrolled->request.reason;
    if (enrolled->request.state == REQUEST_ISSUED)
        news->certificate = &enrolled->certificate;
    *ret_decided = enrolled->request.state != REQUEST_PENDING &&
                   enrolled->request.state != REQUEST_APPROVED;
    return true;
}

static bool open_news(struct core *core, struct arena *arena, const struct scep_message_out *out,
                      struct scep_news *news, struct ca_record *ca, struct error *err) {
    struct template_record template;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = template_version(tx.tx, arena, out->template_id, 0, &template, err) &&
                ca_by_id(tx.tx, arena, &scope_everything, template.ca_id, ca, err);
    TRY(done);
    news->template_id = out->template_id;
    news->template_slug = template.slug;
    news->ca_slug = ca->slug;
    return true;
}

static bool tell(struct core *core, struct arena *arena, const struct scep_message_out *out,
                 const struct scep_news *news, struct error *err) {
    struct scep_settings settings;
    TRY(scep_settings_of(core, arena, out->template_id, &settings, NULL, err));
    if (strcmp(out->kind, "intune") == 0 && settings.intune.tenant != NULL)
        return scep_intune_notify(core, arena, &settings, news, err);
    if (strcmp(out->kind, "webhook") == 0 && settings.webhook.url != NULL)
        return scep_webhook_notify(core, arena, &settings, news, err);
    return true; /* the service was taken out of the settings: there is nobody to tell */
}

static void note_given_up(struct core *core, struct arena *arena, const struct scep_news *news,
                          const struct ca_record *ca, const struct error *why) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "transaction", news->transaction);
    json_put_string(&w, "text", why->message);
    json_close_object(&w);
    access_note_alone(core, &actor_system,
                      &(struct event_note){.code = "scep.notification-failed",
                                           .outcome = "failure",
                                           .organisation_id = ca->organisation_id,
                                           .ca_id = ca->id,
                                           .object_kind = "template",
                                           .object = news->template_slug,
                                           .details = json_written(&w)});
}

/* True when the message is done with. */
static bool deliver(struct core *core, struct arena *arena, const struct scep_message_out *out,
                    int64_t *ret_next_us) {
    struct scep_news news = {.transaction = "", .reason = ""};
    struct enrolled enrolled;
    struct ca_record ca;
    struct error err = {0};
    bool decided = true;
    int64_t now = clock_now_us();
    if (!open_news(core, arena, out, &news, &ca, &err) ||
        !read_news(core, arena, out, &news, &enrolled, &decided, &err))
        return err.kind == ERROR_NOT_FOUND; /* CA or template are gone */
    if (!decided) {
        *ret_next_us = now + UNDECIDED_PAUSE_US;
        return false;
    }
    if (tell(core, arena, out, &news, &err))
        return true;
    log_failure(LOG_WARN, "scep", news.template_slug, &err);
    int64_t pause = (INT64_C(5) << (out->attempts > 10 ? 10 : out->attempts)) * US_PER_SECOND;
    *ret_next_us = now + (pause > LONGEST_PAUSE_US ? LONGEST_PAUSE_US : pause);
    if (out->created_us + GIVEN_UP_AFTER_US > now)
        return false;
    note_given_up(core, arena, &news, &ca, &err);
    return true;
}

bool scep_deliver(void *core, struct arena *arena, struct error *err) {
    struct scep_message_out *items = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = scep_outbox_due(tx.tx, arena, clock_now_us(), BATCH, &items, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++) {
        int64_t next = clock_now_us() + UNDECIDED_PAUSE_US;
        bool finished = deliver(core, arena, &items[i], &next);
        done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = finished ? scep_outbox_remove(tx.tx, items[i].id, err)
                             : scep_outbox_postpone(tx.tx, items[i].id, next, err);
        TRY(done);
    }
    return true;
}

/* --- Intune by itself --------------------------------------------------------------------------------- */

bool scep_secret_ends(const struct scep_intune *intune) {
    return intune->tenant != NULL && intune->secret_expires_us != 0 &&
           intune->secret_expires_us <= clock_now_us() + WARN_BEFORE_US;
}

/* Once a day, whichever node it is and however often they start: a lease that nobody can hold on to. */
static bool warn_today(struct core *core, struct arena *arena, const struct scep_template *template) {
    const char *name = arena_printf(arena, "intune-secret/%s", uuid_text(arena, template->template_id));
    struct error ignored = {0};
    int64_t now = clock_now_us();
    bool mine = false, done = false;
    TX(tx, core_db(core), &done, &ignored)
        tx.ok = lease_take(tx.tx, name, uuid_new(), now, now + US_PER_DAY, &mine, &ignored);
    return done && mine;
}

static void warn_of_secret(struct core *core, const struct scep_template *template,
                           const struct scep_intune *intune) {
    char when[TIME_TEXT_SIZE], details[64];
    time_format(intune->secret_expires_us, when);
    snprintf(details, sizeof details, "{\"expiresAt\":\"%s\"}", when);
    log_warn("scep", "template %s: the secret for Intune ends on %s", template->slug, when);
    access_note_alone(core, &actor_system,
                      &(struct event_note){.code = "scep.intune-secret-expires",
                                           .outcome = "failure",
                                           .organisation_id = template->organisation_id,
                                           .ca_id = template->ca_id,
                                           .object_kind = "template",
                                           .object = template->slug,
                                           .details = details});
}

/* Both jobs go over all templates with Intune. */
static bool each_intune(struct core *core, struct arena *arena, bool warn, struct error *err) {
    struct scep_template *templates = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = scep_template_list(tx.tx, arena, &templates, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++) {
        const struct json *document;
        struct scep_settings settings;
        struct error why = {0};
        if (!json_parse(arena, view_text(templates[i].document), &document, &why) ||
            !scep_settings_read(arena, document, &settings, &why) || settings.intune.tenant == NULL)
            continue;
        if (warn && scep_secret_ends(&settings.intune) && warn_today(core, arena, &templates[i]))
            warn_of_secret(core, &templates[i], &settings.intune);
        if (!warn && !scep_intune_revocations(core, arena, templates[i].template_id, &settings, &why))
            log_failure(LOG_WARN, "scep", templates[i].slug, &why);
    }
    return true;
}

bool scep_poll_revocations(void *core, struct arena *arena, struct error *err) {
    return each_intune(core, arena, false, err);
}

bool scep_warn_of_secrets(void *core, struct arena *arena, struct error *err) {
    return each_intune(core, arena, true, err);
}
