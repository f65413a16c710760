/* What is done with a pkiMessage: RFC 8894 section 4, and devices older than it. */
#include "scep/outside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ca/credentials.h"
#include "ca/service.h"
#include "ca/status.h"
#include "store/scep.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/err.h>
#include <string.h>

#define MAX_GENERATIONS 64 /* re-enrolments under one transaction id with one CSR */

/* What a CertRep will say. */
struct verdict {
    enum scep_status status;
    enum scep_fail fail;
    const char *text;
    struct view certificate, crl;
};

bool scep_recipients(struct core *core, struct arena *arena, const struct ca_record *ca,
                     struct scep_recipient **ret_items, size_t *ret_count, struct error *err) {
    struct service_identity current, *all;
    size_t count;
    TRY(service_of(core, arena, ca, SERVICE_SCEP, &current, err)); /* made and renewed here */
    TRY(service_all(core, arena, ca, SERVICE_SCEP, &all, &count, err));
    struct scep_recipient *items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct scep_recipient){all[i].certificate, all[i].key};
    *ret_items = items;
    *ret_count = count;
    return count > 0 || fail_internal(err, "a CA without a SCEP identity");
}

/* --- names of transactions ---------------------------------------------------------------------------- */

/* Who polls shows transaction id and key, and no more. */
static bool name_poll(struct scep_exchange *x, struct error *err) {
    struct view spki;
    TRY(key_spki(x->arena, X509_get0_pubkey(x->message.signer), &spki, err));
    struct view parts[] = {VIEW_LITERAL("poll"), view_text(x->message.transaction), spki};
    x->poll_key = enrol_transaction(x->arena, parts, 3);
    return true;
}

/* A retry has the same transaction id, key, CertificationRequestInfo and, when it renews, the same old
 * certificate. Devices whose transaction id is a hash of their key come back with it years later: by then
 * something of these is another. */
static bool name_request(struct scep_exchange *x, struct error *err) {
    unsigned char *info = NULL;
    int len = i2d_re_X509_REQ_tbs(x->csr, &info);
    if (len <= 0)
        return fail_internal(err, "i2d_re_X509_REQ_tbs");
    struct view parts[] = {VIEW_LITERAL("request"), x->poll_key, view_of(info, (size_t)len),
                           view_of(x->renewed.id.bytes, sizeof x->renewed.id.bytes)};
    x->transaction = enrol_transaction(x->arena, parts, 4);
    OPENSSL_free(info);
    return true;
}

/* --- answers ------------------------------------------------------------------------------------------ */

static bool tell(const struct enrolled *enrolled, struct verdict *verdict, struct error *err) {
    switch (enrolled->request.state) {
    case REQUEST_ISSUED:
        verdict->status = SCEP_SUCCESS;
        verdict->certificate = enrolled->certificate.der;
        return true;
    case REQUEST_PENDING:
    case REQUEST_APPROVED:
        verdict->status = SCEP_PENDING;
        return true;
    case REQUEST_DECLINED:
    case REQUEST_CANCELLED:
        break;
    }
    return fail(err, ERROR_POLICY, "scep-declined", "The request was declined: %.300s",
                enrolled->request.reason);
}

/* A certificate that is over or taken back is no answer to who asks again. */
static bool stale(const struct enrolled *enrolled) {
    return enrolled->request.state == REQUEST_ISSUED &&
           (enrolled->certificate.revoked ||
            enrolled->certificate.not_after_us <= clock_now_us());
}

static bool find_earlier(struct scep_exchange *x, struct enrolled *ret, bool *ret_found,
                         struct error *err) {
    const char *slug = x->target->enrolment.record.slug;
    for (int i = 0; i < MAX_GENERATIONS; i++) {
        struct error missing = {0};
        if (!enrol_poll(x->core, x->arena, slug, SCEP_PROTOCOL, x->transaction, ret, &missing)) {
            *ret_found = false;
            if (missing.kind == ERROR_NOT_FOUND)
                return true;
            *err = missing;
            return false;
        }
        *ret_found = true;
        if (!stale(ret))
            return true;
        struct view parts[] = {x->transaction, view_of(ret->certificate.id.bytes, 16)};
        x->transaction = enrol_transaction(x->arena, parts, 2);
    }
    return fail(err, ERROR_POLICY, "scep-transaction",
                "This SCEP transaction was used too often; the device must choose a new "
                "transaction id.");
}

/* --- enrolment ---------------------------------------------------------------------------------------- */

/* A signer whose certificate is one of ours renews it. Before anything is decrypted: it does not depend on that. */
static bool judge_signer(struct scep_exchange *x, struct error *err) {
    struct error missing = {0};
    if (enrol_certificate(x->core, x->arena, x->message.signer_der, &x->renewed, &missing)) {
        x->renewal = uuid_equal(x->renewed.ca_id, x->target->enrolment.ca.id) ||
                     x->message.type == SCEP_RENEWAL_REQ;
        if (!x->renewal)
            x->renewed = (struct certificate_record){0};
    } else if (missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    if (x->message.type == SCEP_RENEWAL_REQ && !x->renewal)
        return fail(err, ERROR_POLICY, "scep-signer",
                    "A RenewalReq must be signed with a certificate of this CA.");
    return true;
}

struct alongside {
    struct scep_exchange *x;
    const struct scep_validation *validation;
};

static const char *transaction_details(struct scep_exchange *x,
                                       const struct scep_validation *validation) {
    struct json_writer w = json_writer_on(x->arena);
    json_open_object(&w);
    json_put_string(&w, "rule", validation->rule);
    json_put_string(&w, "transaction", x->message.transaction);
    json_close_object(&w);
    return json_written(&w);
}

static bool note_use(struct tx *tx, struct scep_exchange *x, const struct scep_validation *validation,
                     const struct request_record *request, struct error *err) {
    const struct ca_record *ca = &x->target->enrolment.ca;
    struct actor actor = actor_device(validation->requester, x->address, x->request_id);
    actor.user_id = validation->requester_id;
    return access_note(tx, &actor,
                       &(struct event_note){.code = "credential.used",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "credential",
                                            .object = uuid_text(x->arena, validation->credential_id),
                                            .details = arena_printf(x->arena, "{\"request\":\"%s\"}",
                                                                    uuid_text(x->arena, request->id))},
                       err);
}

/* What a service outside is to be told once it is known what became of the request. */
static bool queue(struct tx *tx, struct scep_exchange *x, const struct scep_validation *validation,
                  const struct request_record *request, struct error *err) {
    struct scep_message_out out = {.id = uuid_new(),
                                   .template_id = x->target->enrolment.record.id,
                                   .kind = validation->notify,
                                   .created_us = clock_now_us()};
    struct json_writer w = json_writer_on(x->arena);
    if (validation->notify == NULL)
        return true;
    out.next_us = out.created_us;
    json_open_object(&w);
    json_put_string(&w, "request", uuid_text(x->arena, request->id));
    json_put_string(&w, "transaction", x->message.transaction);
    json_close_object(&w);
    out.document = json_written(&w);
    return scep_outbox_add(tx, &out, err);
}

static bool alongside(struct tx *tx, void *context, const struct request_record *request,
                      struct error *err) {
    const struct alongside *a = context;
    struct scep_exchange *x = a->x;
    struct scep_transaction transaction = {.template_id = x->target->enrolment.record.id,
                                           .poll_key = x->poll_key,
                                           .request_id = request->id,
                                           .credential_id = a->validation->credential_id,
                                           .details = transaction_details(x, a->validation)};
    if (!uuid_is_nil(a->validation->credential_id))
        TRY(credential_spend(tx, a->validation->credential_id, clock_now_us(), err) &&
            note_use(tx, x, a->validation, request, err));
    return scep_transaction_insert(tx, &transaction, err) &&
           queue(tx, x, a->validation, request, err);
}

/* Errors that the device should wait out are HTTP's: many take a CertRep with a failure as the last word. */
static bool final(const struct error *err) {
    return err->kind != ERROR_INTERNAL && err->kind != ERROR_UNAVAILABLE &&
           err->kind != ERROR_TOO_MANY;
}

static bool enrol_new(struct scep_exchange *x, struct enrolled *ret, struct error *err) {
    struct scep_validation validation = {.requester = "scep", .rule = ""};
    TRY(scep_validate(x, &validation, err));
    struct alongside context = {x, &validation};
    struct actor actor = actor_device(validation.requester, x->address, x->request_id);
    struct enrolment enrolment = {.template_slug = x->target->enrolment.record.slug,
                                  .door = SCEP_PROTOCOL,
                                  .transaction = x->transaction,
                                  .csr = x->csr_der,
                                  .proposal = validation.proposal,
                                  .requester = validation.requester,
                                  .requester_id = validation.requester_id,
                                  .approved = validation.approved,
                                  .renews = x->renewed.id,
                                  .alongside = alongside,
                                  .context = &context};
    actor.user_id = validation.requester_id;
    if (enrol(x->core, x->arena, &actor, &enrolment, ret, err))
        return true;
    if (validation.notify != NULL && final(err))
        scep_queue_failure(x, validation.notify, err);
    return false;
}

/* rfc8894#2.3: a self-signed signer has the key of the CSR. */
static bool open_csr(struct scep_exchange *x, struct error *err) {
    X509 *signer = x->message.signer;
    bool self = !x->renewal && X509_NAME_cmp(X509_get_subject_name(signer), X509_get_issuer_name(signer)) == 0;
    TRY(scep_message_open_csr(x->arena, &x->message, x->recipients, x->recipient_count, self, &x->csr,
                              &x->csr_der, err));
    x->challenge = csr_challenge_password(x->arena, x->csr);
    return true;
}

static bool do_enrol(struct scep_exchange *x, struct verdict *verdict, struct error *err) {
    struct enrolled enrolled;
    bool found;
    TRY(judge_signer(x, err));
    TRY(open_csr(x, err));
    TRY(name_request(x, err));
    TRY(find_earlier(x, &enrolled, &found, err));
    if (!found)
        TRY(enrol_new(x, &enrolled, err));
    return tell(&enrolled, verdict, err);
}

/* --- questions ---------------------------------------------------------------------------------------- */

static bool do_poll(struct scep_exchange *x, struct view content, struct verdict *verdict,
                    struct error *err) {
    struct scep_subject subject;
    struct scep_transaction transaction;
    struct enrolled enrolled;
    bool done = false;
    TRY(scep_issuer_and_subject(x->arena, content, &subject, err));
    TX(tx, core_db(x->core), &done, err)
        tx.ok = scep_transaction_newest(tx.tx, x->arena, x->target->enrolment.record.id, x->poll_key,
                                        &transaction, err);
    TRY(done);
    TRY(enrol_poll_id(x->core, x->arena, transaction.request_id, &enrolled, err));
    return tell(&enrolled, verdict, err);
}

static bool issuer_is_ours(struct scep_exchange *x, const X509_NAME *issuer, struct error *err) {
    const struct ca_record *ca = &x->target->enrolment.ca;
    const unsigned char *at = ca->certificate.at;
    AUTO(X509) *certificate = d2i_X509(NULL, &at, (long)ca->certificate.len);
    return (certificate != NULL && X509_NAME_cmp(X509_get_subject_name(certificate), issuer) == 0) ||
           fail(err, ERROR_NOT_FOUND, "not-found", "The message names another CA as the issuer.");
}

static bool do_get_cert(struct scep_exchange *x, struct view content, struct verdict *verdict,
                        struct error *err) {
    struct scep_subject asked;
    struct certificate_record found;
    bool done = false;
    TRY(scep_issuer_and_serial(x->arena, content, &asked, err));
    TRY(issuer_is_ours(x, asked.issuer, err));
    TX(tx, core_db(x->core), &done, err)
        tx.ok = certificate_by_serial(tx.tx, x->arena, x->target->enrolment.ca.id, asked.serial,
                                      &found, err);
    TRY(done);
    verdict->certificate = found.der;
    return true;
}

static bool do_get_crl(struct scep_exchange *x, struct view content, struct verdict *verdict,
                       struct error *err) {
    struct scep_subject asked;
    struct crl_document crl;
    TRY(scep_issuer_and_serial(x->arena, content, &asked, err));
    TRY(issuer_is_ours(x, asked.issuer, err));
    TRY(status_crl(x->core, x->arena, x->target->enrolment.ca.slug, &crl, err));
    verdict->crl = crl.der;
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static bool decide(struct scep_exchange *x, struct verdict *verdict, struct error *err) {
    bool enrols = x->message.type == SCEP_PKCS_REQ || x->message.type == SCEP_RENEWAL_REQ;
    struct view content = {0};
    TRY(scep_message_algorithms(&x->message, x->target->settings.legacy, err));
    TRY(name_poll(x, err));
    if (!enrols)
        TRY(scep_message_open(x->arena, &x->message, x->recipients, x->recipient_count, &content, err));
    verdict->status = SCEP_SUCCESS;
    switch (x->message.type) {
    case SCEP_PKCS_REQ:
    case SCEP_RENEWAL_REQ:
        return do_enrol(x, verdict, err);
    case SCEP_CERT_POLL:
        return do_poll(x, content, verdict, err);
    case SCEP_GET_CERT:
        return do_get_cert(x, content, verdict, err);
    case SCEP_GET_CRL:
        return do_get_crl(x, content, verdict, err);
    case SCEP_CERT_REP:
        break;
    }
    return fail(err, ERROR_POLICY, "scep-type", "A server is not sent a CertRep.");
}

static enum scep_fail fail_of(const struct scep_exchange *x, const struct error *err) {
    bool asks = x->message.type != SCEP_PKCS_REQ && x->message.type != SCEP_RENEWAL_REQ;
    if (strcmp(err->type, "scep-envelope") == 0)
        return SCEP_BAD_MESSAGE_CHECK;
    if (strcmp(err->type, "scep-algorithm") == 0)
        return SCEP_BAD_ALG;
    return asks && err->kind == ERROR_NOT_FOUND ? SCEP_BAD_CERT_ID : SCEP_BAD_REQUEST;
}

static void note_failure(struct scep_exchange *x, const struct error *err) {
    const struct enrolment_target *target = &x->target->enrolment;
    struct actor actor = actor_device("scep", x->address, x->request_id);
    struct json_writer w = json_writer_on(x->arena);
    json_open_object(&w);
    json_put_string(&w, "type", err->type);
    json_put_string(&w, "text", err->message);
    json_put_string(&w, "message", scep_type_name(x->message.type));
    json_put_string(&w, "transaction", x->message.transaction);
    json_close_object(&w);
    access_note_alone(x->core, &actor,
                      &(struct event_note){.code = "scep.refused",
                                           .outcome = "refused",
                                           .organisation_id = target->ca.organisation_id,
                                           .ca_id = target->ca.id,
                                           .object_kind = "template",
                                           .object = target->record.slug,
                                           .details = json_written(&w)});
    log_failure(LOG_INFO, "scep", target->record.slug, err);
}

static bool answer(struct scep_exchange *x, const struct verdict *verdict, struct view *ret_der,
                   struct error *err) {
    struct scep_reply reply = {.to = &x->message,
                               .status = verdict->status,
                               .fail = verdict->fail,
                               .fail_text = verdict->text,
                               .crl = verdict->crl,
                               .password = x->challenge};
    if (verdict->certificate.len > 0) {
        reply.certificates = &verdict->certificate;
        reply.certificate_count = 1;
    }
    return scep_reply_build(x->arena, &reply, &x->recipients[0], ret_der, err);
}

METRIC(messages, METRIC_COUNTER, "gatehouse_scep_messages_total",
       "SCEP messages that could be read, by pkiStatus of the answer.", "status");

bool scep_operate(struct scep_exchange *x, struct view bytes, struct view *ret_der,
                  struct error *err) {
    struct verdict verdict = {0};
    struct error why = {0};
    TRY(scep_message_decode(x->arena, bytes, &x->message, err));
    TRY(scep_recipients(x->core, x->arena, &x->target->enrolment.ca, &x->recipients,
                        &x->recipient_count, err));
    bool ok = decide(x, &verdict, &why) && answer(x, &verdict, ret_der, &why);
    METRIC_ADD(&messages, 1,
               ok ? (verdict.status == SCEP_PENDING ? "pending" : "success")
               : final(&why) ? "failure"
                             : "unavailable");
    if (!ok && !final(&why)) {
        scep_capture_exchange(x, (struct view){0}, why.message);
        *err = why;
        return false;
    }
    if (!ok) {
        note_failure(x, &why);
        verdict = (struct verdict){SCEP_FAILURE, fail_of(x, &why), why.message, {0}, {0}};
        TRY(answer(x, &verdict, ret_der, err));
    }
    ERR_clear_error();
    scep_capture_exchange(x, *ret_der, ok ? (verdict.status == SCEP_PENDING ? "pending" : "success")
                                          : why.message);
    return true;
}
