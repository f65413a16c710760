/* From a ready order to a certificate (rfc8555#7.4). Issuing, the order's new state and the nonce
 * are one transaction, that of ca/enrol.h. */
#include "acme/post.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/csr.h"

#include <string.h>

struct finalization {
    struct post *post;
    struct acme_order order;
    struct identifier *identifiers;
    size_t count;
    struct view csr;
    X509_REQ *opened; /* the same, decoded and its signature checked */
    bool common_only, has_subject; /* of the CSR */
    struct acme_order stored;      /* what the transaction wrote, for this request */
    struct uuid request_id;
};

static bool check_names(struct finalization *f, X509_REQ *csr, struct error *err) {
    struct post *post = f->post;
    struct identifier *names;
    size_t count;
    bool devices = false;
    TRY(identifiers_of_csr(post->arena, csr, f->identifiers, f->count, &names, &count,
                           &f->common_only, err));
    if (!identifiers_same(f->identifiers, f->count, names, count))
        return acme_refuse(err, "badCSR", ERROR_MALFORMED,
                           "The names of the CSR are not those of the order (rfc8555#7.4).");
    for (size_t i = 0; i < f->count; i++)
        devices = devices || f->identifiers[i].kind == ACME_PERMANENT;
    return !devices || order_check_attested(post, &f->order, X509_REQ_get0_pubkey(csr), err);
}

static bool read_csr(struct finalization *f, struct error *err) {
    struct post *post = f->post;
    const char *text = NULL;
    struct view bytes;
    X509_REQ *csr = NULL;
    TRY(post_needs_payload(post, err));
    TRY(json_string(post->payload, "csr", &text, err));
    if (text == NULL || !base64url_decode(post->arena, view_text(text), &bytes))
        return acme_refuse(err, "badCSR", ERROR_MALFORMED,
                           "\"csr\" must be a DER CSR in base64url (rfc8555#7.4).");
    if (bytes.len > 0 && bytes.at[0] != 0x30)
        return acme_refuse(err, "badCSR", ERROR_MALFORMED, "\"csr\" must be DER, not PEM.");
    TRY(csr_decode(post->arena, bytes, &csr, &f->csr, err));
    f->opened = keep_X509_REQ(post->arena, csr);
    TRY(check_names(f, csr, err));
    f->has_subject = X509_NAME_entry_count(X509_REQ_get_subject_name(csr)) > 0;
    /* rfc8555#11.1 */
    if (EVP_PKEY_eq(X509_REQ_get0_pubkey(csr), post->jwk.key) == 1)
        return acme_refuse(err, "badCSR", ERROR_MALFORMED,
                           "The CSR is for the account's own key; use a key of its own for each "
                           "certificate (rfc8555#11.1).");
    return true;
}

/* How the identifier was proved: the type of the challenge that succeeded, or NULL when it needed none. */
static bool method_of(struct post *post, const struct acme_authorization *authorizations, size_t count,
                      const struct identifier *identifier, const char **ret, struct error *err) {
    *ret = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct acme_authorization *one = &authorizations[i];
        struct challenges challenges;
        if (one->kind != identifier->kind || one->wildcard != identifier->wildcard ||
            strcmp(one->identifier, identifier->value) != 0)
            continue;
        TRY(challenges_read(post->arena, one->challenges, &challenges, err));
        for (size_t j = 0; j < challenges.count; j++)
            if (challenges.items[j].state == CHALLENGE_VALID)
                *ret = challenges.items[j].type;
    }
    return true;
}

static bool check_caa_of_all(struct finalization *f, struct error *err) {
    struct post *post = f->post;
    struct acme_authorization *authorizations = NULL;
    size_t wanted = f->order.authorizations.len / 16, count = 0;
    bool done = false;
    if (!post->policy.caa)
        return true;
    struct uuid *ids = arena_array(post->arena, wanted, sizeof *ids);
    for (size_t i = 0; i < wanted; i++)
        memcpy(ids[i].bytes, f->order.authorizations.at + 16 * i, 16);
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_authorization_by_ids(tx.tx, post->arena, ids, wanted, &authorizations, &count, err);
    TRY(done);
    for (size_t i = 0; i < f->count; i++) {
        const char *method;
        TRY(method_of(post, authorizations, count, &f->identifiers[i], &method, err));
        TRY(check_caa(post->arena, &post->policy, &post->settings, &f->identifiers[i],
                      post_url(post, "acct", post->account.id), method, err));
    }
    return true;
}

static void put_sans(struct finalization *f, struct json_writer *w) {
    json_name(w, "sans");
    json_open_array(w);
    for (size_t i = 0; i < f->count; i++) {
        if (f->identifiers[i].kind == ACME_PERMANENT)
            continue;
        json_add_string(w, arena_printf(f->post->arena, "%s:%s",
                                        f->identifiers[i].kind == ACME_IP ? "IP" : "DNS",
                                        identifier_text(f->post->arena, &f->identifiers[i])));
    }
    json_close_array(w);
}

/* What goes beside the CSR, which itself stays as it is. */
static const struct json *make_proposal(struct finalization *f) {
    struct json_writer w = json_writer_on(f->post->arena);
    const struct json *document = NULL;
    enum common_name_rule rule = f->post->policy.common_name;
    json_open_object(&w);
    if (f->order.not_before_us > 0)
        json_put_time(&w, "notBefore", f->order.not_before_us);
    if (f->order.not_after_us > 0)
        json_put_time(&w, "notAfter", f->order.not_after_us);
    if (rule == COMMON_NAME_NONE || (rule == COMMON_NAME_FIRST && !f->has_subject)) {
        const char *first = identifier_text(f->post->arena, &f->identifiers[0]);
        json_name(&w, "subject");
        json_open_object(&w);
        if (rule == COMMON_NAME_FIRST && strlen(first) <= 64) /* ub-common-name */
            json_put_string(&w, "CN", first);
        json_close_object(&w);
    }
    if (f->common_only || rule == COMMON_NAME_NONE)
        put_sans(f, &w);
    json_close_object(&w);
    if (!json_parse(f->post->arena, view_text(json_written(&w)), &document, NULL))
        return NULL;
    return document->count > 0 ? document : NULL;
}

static bool alongside(struct tx *tx, void *context, const struct request_record *request,
                      struct error *err) {
    struct finalization *f = context;
    struct acme_order order = f->order;
    order.state = request->state == REQUEST_ISSUED ? ACME_ORDER_VALID : ACME_ORDER_PROCESSING;
    order.certificate_id = request->certificate_id;
    order.problem = "";
    f->stored = order;
    f->request_id = request->id;
    return post_spend(tx, f->post, err) &&
           acme_order_move(tx, &order, ACME_ORDER_PENDING, request->created_us, err);
}

/* What refused stands in the order, so that the administrator sees it; failing to write it changes
 * nothing. */
static void keep_problem(struct finalization *f, const struct error *problem) {
    struct json_writer w = json_writer_on(f->post->arena);
    struct acme_order order = f->order;
    struct error ignored;
    bool done = false;
    if (problem->kind == ERROR_INTERNAL || problem->kind == ERROR_UNAVAILABLE ||
        post_not_spent(problem))
        return;
    acme_problem_write(&w, f->post->arena, problem, NULL);
    order.problem = json_written(&w);
    TX(tx, core_db(f->post->core), &done, &ignored)
    tx.ok = acme_order_move(tx.tx, &order, ACME_ORDER_PENDING, clock_now_us(), &ignored);
}

static const char *requester_of(struct post *post) {
    const struct json *contacts;
    const char *text = post->policy_record.name;
    if (json_parse(post->arena, view_text(post->account.contacts), &contacts, NULL) &&
        contacts->first != NULL && strncmp(contacts->first->text, "mailto:", 7) == 0)
        text = contacts->first->text + 7;
    return arena_printf(post->arena, "acme: %.150s", text);
}

static bool issue(struct finalization *f, struct error *err) {
    struct post *post = f->post;
    struct enrolled enrolled;
    struct enrolment enrolment = {.template_slug = f->order.template_slug,
                                  .door = "acme",
                                  .transaction =
                                      view_of(f->order.id.bytes, sizeof f->order.id.bytes),
                                  .csr = f->csr,
                                  .opened = f->opened,
                                  .first = true, /* or the order would not be pending */
                                  .proposal = make_proposal(f),
                                  .requester = requester_of(post),
                                  .approved = true,
                                  .account_url = post_url(post, "acct", post->account.id),
                                  .alongside = alongside,
                                  .context = f};
    TRY(enrol(post->core, post->arena, &post->actor, &enrolment, &enrolled, err));
    post->spent = uuid_equal(f->request_id, enrolled.request.id);
    if (post->spent && f->stored.state == ACME_ORDER_VALID && enrolled.certificate.der.len > 0)
        recent_keep(post->acme->recent, &f->stored, &enrolled.certificate);
    return true;
}

static bool read_again(struct finalization *f, struct error *err) {
    bool done = false;
    TX(tx, core_db(f->post->core), &done, err)
    tx.ok = acme_order_by_id(tx.tx, f->post->arena, f->order.id, &f->stored, err);
    return done;
}

/* The order's certificate is for the CSR's key. */
static bool was_for(struct finalization *f) {
    struct post *post = f->post;
    const char *text = NULL;
    struct view bytes, der;
    X509_REQ *csr = NULL;
    X509 *certificate = NULL;
    struct error ignored;
    if (post->payload == NULL || !json_string(post->payload, "csr", &text, &ignored) || text == NULL ||
        !base64url_decode(post->arena, view_text(text), &bytes) ||
        !csr_decode(post->arena, bytes, &csr, &der, &ignored))
        return false;
    keep_X509_REQ(post->arena, csr);
    if (!certificate_decode(post->arena, post->certificate, &certificate, &ignored))
        return false;
    keep_X509(post->arena, certificate);
    return EVP_PKEY_eq(X509_REQ_get0_pubkey(csr), X509_get0_pubkey(certificate)) == 1;
}

bool acme_finalize(struct post *post, struct error *err) {
    struct finalization f = {.post = post};
    enum order_status status;
    TRY(order_load(post, &f.order, err));
    TRY(order_status(post->core, post->arena, &f.order, &status, err));
    /* A client that did not get the answer asks again. */
    if (status == ORDER_PROCESSING || (status == ORDER_VALID && was_for(&f)))
        return order_show(post, &f.order, err);
    if (status != ORDER_READY)
        return acme_refuse(err, "orderNotReady", ERROR_FORBIDDEN, "The order is %s.",
                           order_status_name(status));
    TRY(order_identifiers(post->arena, &f.order, &f.identifiers, &f.count, err));
    if (!read_csr(&f, err) || !check_caa_of_all(&f, err) || !issue(&f, err)) {
        if (post->recent && err->kind == ERROR_CONFLICT && !post_not_spent(err))
            return post_look_again(err);
        keep_problem(&f, err);
        if (!post_not_spent(err))
            count_order("failed");
        return false;
    }
    /* Told before under this order: then nothing was written now. */
    if (!post->spent)
        TRY(read_again(&f, err));
    else if (f.stored.state == ACME_ORDER_VALID)
        count_issued(&f.stored);
    else
        count_order("waiting");
    return order_show(post, &f.stored, err);
}

/* --- what became of a request that waits for people
 * -------------------------------------------------------- */

static bool refresh(struct core *core, struct arena *arena, struct acme_order *order,
                    struct error *err) {
    struct enrolled enrolled;
    struct acme_order next = *order;
    struct json_writer w = json_writer_on(arena);
    struct error declined;
    bool done = false;
    TRY(enrol_poll(core, arena, order->template_slug, "acme",
                   view_of(order->id.bytes, sizeof order->id.bytes), &enrolled, err));
    switch (enrolled.request.state) {
    case REQUEST_ISSUED:
        next.state = ACME_ORDER_VALID;
        next.certificate_id = enrolled.certificate.id;
        break;
    case REQUEST_DECLINED:
    case REQUEST_CANCELLED:
        acme_refuse(&declined, "unauthorized", ERROR_FORBIDDEN, "The request was declined: %.300s",
                    enrolled.request.reason);
        acme_problem_write(&w, arena, &declined, NULL);
        next.state = ACME_ORDER_INVALID;
        next.problem = json_written(&w);
        break;
    default:
        return true;
    }
    TX(tx, core_db(core), &done, err)
    tx.ok = acme_order_move(tx.tx, &next, ACME_ORDER_PROCESSING, clock_now_us(), err);
    if (done && next.state == ACME_ORDER_VALID)
        count_issued(&next);
    else if (done)
        count_order("declined");
    if (!done && err->kind == ERROR_CONFLICT) { /* another node has seen it */
        TX(tx, core_db(core), &done, err)
        tx.ok = acme_order_by_id(tx.tx, arena, order->id, &next, err);
    }
    TRY(done);
    *order = next;
    return true;
}

bool order_refresh(struct core *core, struct arena *arena, struct acme_order *order,
                   struct error *err) {
    return order->state != ACME_ORDER_PROCESSING || refresh(core, arena, order, err);
}
