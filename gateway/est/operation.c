/* What is done with a request. */
#include "est/exchange.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/authority.h"
#include "ca/generations.h"
#include "store/cas.h"
#include "x509/certificate.h"
#include "x509/csr.h"

#include <openssl/crypto.h>
#include <string.h>

#define MAX_GENERATIONS 64                /* certificates for one CSR, one after the other */
#define REPEATED_US (7 * US_PER_DAY)      /* so long is a CSR answered with the certificate it got */
#define MAX_CERTIFICATES 64               /* of /cacerts */

bool est_open(struct est_exchange *x, const char *slug, struct error *err) {
    TRY(enrol_target(x->core, x->arena, slug, EST_PROTOCOL, &x->target, err));
    return est_settings_of(x->core, x->arena, x->target.record.id, &x->settings, NULL, err);
}

/* --- the CSR ------------------------------------------------------------------------------------------- */

/* rfc7030#3.5, rfc9266#4: base64 of the connection's binding in challengePassword */
static bool is_binding(struct est_exchange *x, const char *text) {
    const struct view bindings[] = {x->proof.tls_exporter, x->proof.tls_unique};
    struct view given;
    if (!base64_decode(x->arena, view_text(text), &given))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (bindings[i].len > 0 && given.len == bindings[i].len &&
            CRYPTO_memcmp(given.at, bindings[i].at, given.len) == 0)
            return true;
    return false;
}

static bool read_csr(struct est_exchange *x, struct view body, struct error *err) {
    X509_REQ *csr;
    const X509_ALGOR *algorithm;
    struct view der;
    TRY(est_body_decode(x->arena, body, &x->form, &der, err));
    TRY(x->keygen ? csr_decode_names(x->arena, der, &csr, &x->csr_der, err)
                  : csr_decode(x->arena, der, &csr, &x->csr_der, err));
    x->csr = keep_X509_REQ(x->arena, csr);
    X509_REQ_get0_signature(csr, NULL, &algorithm);
    TRY(minima_key(&x->settings.least, X509_REQ_get0_pubkey(csr), "CSR", err));
    TRY(minima_signature(&x->settings.least, algorithm, "CSR", err));
    const char *challenge = csr_challenge_password(x->arena, csr);
    x->bound = challenge != NULL && is_binding(x, challenge);
    x->challenge = x->bound ? NULL : challenge;
    return true;
}

static bool check_binding(const struct est_exchange *x, struct error *err) {
    bool secret = x->caller.kind == EST_CREDENTIAL && x->proof.name == NULL;
    if (x->bound || x->settings.binding == EST_BINDING_IGNORE)
        return true;
    if (x->settings.binding == EST_BINDING_REQUIRED)
        return fail(err, ERROR_POLICY, "est-binding",
                    "The template wants the CSR bound to the TLS connection: challengePassword must "
                    "be the base64 of tls-exporter (RFC 9266), or of tls-unique under TLS 1.2.");
    return x->challenge == NULL || x->challenge[0] == '\0' || secret ||
           fail(err, ERROR_POLICY, "est-binding",
                "The challengePassword of the CSR is not the binding of this TLS connection; leave "
                "it out, or set \"channelBinding\" to \"ignore\" in the template's EST settings.");
}

/* --- the same again ------------------------------------------------------------------------------------ */

static const char *operation_of(const struct est_exchange *x) {
    return x->keygen ? "serverkeygen" : x->renewal ? "simplereenroll" : "simpleenroll";
}

/* rfc7030#4.2.3: after a 202 the client repeats its request. So does one that lost the answer. The very same CSR
 * from the same caller is the same request; no secret goes into the name. */
static struct view name_transaction(struct est_exchange *x, enum est_caller_kind kind) {
    struct view parts[] = {view_text(operation_of(x)),
                           x->csr_der, view_text(x->proof.name == NULL ? "" : x->proof.name),
                           kind == EST_USER || kind == EST_CREDENTIAL ? (struct view){0}
                                                                      : x->proof.certificate};
    return enrol_transaction(x->arena, parts, 4);
}

/* A certificate that is over, taken back or half through its life is no answer to who asks again. A renewal names
 * the old certificate, too, so that one is not asked for twice with the same words. */
static bool stale(const struct est_exchange *x, const struct enrolled *e) {
    int64_t now = clock_now_us();
    const struct certificate_record *c = &e->certificate;
    if (e->request.state == REQUEST_DECLINED || e->request.state == REQUEST_CANCELLED)
        return e->request.created_us + REPEATED_US < now;
    if (e->request.state != REQUEST_ISSUED)
        return false;
    if (c->revoked || c->not_after_us <= now || (x->keygen && est_key_is_over(x)))
        return true;
    return !x->renewal && (c->created_us + REPEATED_US < now ||
                           c->not_before_us + (c->not_after_us - c->not_before_us) / 2 < now);
}

static bool find_earlier(struct est_exchange *x, struct view *transaction, struct enrolled *ret,
                         bool *ret_found, struct error *err) {
    for (int i = 0; i < MAX_GENERATIONS; i++) {
        struct error missing = {0};
        if (!enrol_poll(x->core, x->arena, x->target.record.slug, EST_PROTOCOL, *transaction, ret,
                        &missing)) {
            *ret_found = false;
            if (missing.kind == ERROR_NOT_FOUND)
                return true;
            *err = missing;
            return false;
        }
        *ret_found = true;
        if (x->keygen)
            TRY(est_find_key(x, ret->request.id, err));
        if (!stale(x, ret))
            return true;
        struct view parts[] = {*transaction, view_of(ret->request.id.bytes, 16)};
        *transaction = enrol_transaction(x->arena, parts, 2);
    }
    return fail(err, ERROR_POLICY, "est-repeated",
                "This CSR was used too often; the client must make a new one.");
}

/* --- enrolment ----------------------------------------------------------------------------------------- */

static bool alongside(struct tx *tx, void *context, const struct request_record *request,
                      struct error *err) {
    struct est_exchange *x = context;
    const struct est_caller *c = &x->caller;
    const struct ca_record *ca = &x->target.ca;
    struct json_writer w = json_writer_on(x->arena);
    if (c->kind == EST_CREDENTIAL)
        TRY(credential_spend(tx, c->credential.id, clock_now_us(), err));
    if (x->keygen)
        TRY(est_store_key(tx, x, request->id, err));
    json_open_object(&w);
    json_put_string(&w, "request", uuid_text(x->arena, request->id));
    json_put_string(&w, "by", c->rule);
    json_put_bool(&w, "bound", x->bound);
    if (x->keygen)
        json_put_bool(&w, "keyMadeHere", true);
    if (c->kind == EST_CREDENTIAL)
        json_put_string(&w, "credential", uuid_text(x->arena, c->credential.id));
    json_close_object(&w);
    return access_note(tx, &c->actor,
                       &(struct event_note){.code = x->renewal ? "est.renewal" : "est.enrolment",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "template",
                                            .object = x->target.record.slug,
                                            .details = json_written(&w)},
                       err);
}

static bool enrol_new(struct est_exchange *x, struct view transaction, struct enrolled *ret,
                      struct error *err) {
    const struct json *proposal;
    TRY(check_binding(x, err));
    TRY(est_check_names(x, &proposal, err));
    if (x->keygen)
        TRY(est_prepare_key(x, err));
    const struct est_caller *c = &x->caller;
    struct enrolment enrolment = {.template_slug = x->target.record.slug,
                                  .door = EST_PROTOCOL,
                                  .transaction = transaction,
                                  .csr = x->keygen ? x->key_csr : x->csr_der,
                                  .proven = x->keygen,
                                  .proposal = proposal,
                                  .requester = c->name,
                                  .requester_id = c->requester_id,
                                  .approved = c->approved,
                                  .alongside = alongside,
                                  .context = x};
    if (x->renewal)
        enrolment.renews = c->certificate.id;
    return enrol(x->core, x->arena, &c->actor, &enrolment, ret, err);
}

static bool tell(const struct enrolled *enrolled, struct view *ret_certificate, struct error *err) {
    switch (enrolled->request.state) {
    case REQUEST_ISSUED:
        *ret_certificate = enrolled->certificate.der;
        return true;
    case REQUEST_PENDING:
    case REQUEST_APPROVED:
        *ret_certificate = (struct view){0};
        return true;
    case REQUEST_DECLINED:
    case REQUEST_CANCELLED:
        break;
    }
    return fail(err, ERROR_POLICY, "est-declined", "The request was declined: %.300s",
                enrolled->request.reason);
}

static bool work(struct est_exchange *x, struct view body, struct enrolled *ret, struct error *err) {
    enum est_caller_kind kind;
    bool found;
    TRY(read_csr(x, body, err));
    if (x->keygen)
        TRY(est_read_wishes(x, err));
    TRY(est_choose(x, &kind, err));
    struct view transaction = name_transaction(x, kind);
    TRY(find_earlier(x, &transaction, ret, &found, err));
    /* A challenge password is spent and a certificate superseded by the first time; a password is checked again. */
    if (found && x->keygen)
        TRY(est_same_caller(x, kind, err));
    else if (!found || kind == EST_USER)
        TRY(est_authenticate(x, kind, err));
    if (!found)
        TRY(enrol_new(x, transaction, ret, err));
    return true;
}

static void note_refusal(struct est_exchange *x, const struct error *err) {
    struct actor actor = actor_device("est", x->address, x->request_id);
    struct json_writer w = json_writer_on(x->arena);
    if (err->kind == ERROR_INTERNAL || err->kind == ERROR_UNAVAILABLE ||
        strcmp(err->type, "authentication-needed") == 0) /* how every client with a password begins */
        return;
    json_open_object(&w);
    json_put_string(&w, "type", err->type);
    json_put_string(&w, "text", err->message);
    json_put_string(&w, "operation", operation_of(x));
    json_close_object(&w);
    access_note_alone(x->core, &actor,
                      &(struct event_note){.code = "est.refused",
                                           .outcome = "refused",
                                           .organisation_id = x->target.ca.organisation_id,
                                           .ca_id = x->target.ca.id,
                                           .object_kind = "template",
                                           .object = x->target.record.slug,
                                           .details = json_written(&w)});
}

bool est_enrol(struct est_exchange *x, struct view body, struct view *ret_certificate,
               struct error *err) {
    struct enrolled enrolled;
    if (work(x, body, &enrolled, err) && tell(&enrolled, ret_certificate, err))
        return true;
    note_refusal(x, err);
    return false;
}

/* Only one of two that came at the same time has stored its key: what is stored goes out. */
static bool make_and_tell(struct est_exchange *x, struct view body, struct est_made *ret,
                          struct error *err) {
    struct enrolled enrolled;
    TRY(work(x, body, &enrolled, err));
    TRY(tell(&enrolled, &ret->certificate, err));
    if (ret->certificate.len == 0)
        return true;
    TRY(est_find_key(x, enrolled.request.id, err));
    return est_deliver_key(x, ret, err);
}

bool est_make(struct est_exchange *x, struct view body, struct est_made *ret, struct error *err) {
    *ret = (struct est_made){.encrypted = false};
    if (make_and_tell(x, body, ret, err))
        return true;
    note_refusal(x, err);
    return false;
}

/* --- CA certificates ------------------------------------------------------------------------------------ */

struct bag {
    struct view ders[MAX_CERTIFICATES];
    size_t count;
};

static void put(struct bag *bag, struct view der) {
    for (size_t i = 0; i < bag->count; i++)
        if (view_equal(bag->ders[i], der))
            return;
    if (der.len > 0 && bag->count < MAX_CERTIFICATES)
        bag->ders[bag->count++] = der;
}

/* rfc7030#4.1.3: the certificates of the keys it had, and cross certificates between them. */
static bool put_roll_over(struct est_exchange *x, const struct ca_record *ca, struct bag *bag,
                          struct error *err) {
    struct ca_record *generations;
    struct ca_certificate *further = NULL;
    size_t count, further_count = 0;
    int64_t now = clock_now_us();
    bool done = false;
    TRY(authority_generations(x->core, x->arena, ca, &generations, &count, err));
    TX(tx, core_db(x->core), &done, err)
        tx.ok = ca_certificate_list(tx.tx, x->arena, ca->id, &further, &further_count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        put(bag, generations[i].certificate);
    for (size_t i = 0; i < further_count; i++)
        if (further[i].not_after_us > now)
            put(bag, further[i].certificate);
    return true;
}

bool est_ca_certificates(struct est_exchange *x, struct view *ret_der, struct error *err) {
    struct bag *bag = arena_alloc(x->arena, sizeof *bag);
    struct ca_record ca = x->target.ca;
    struct view *chain;
    size_t count;
    TRY(authority_chain(x->core, x->arena, &ca, &chain, &count, err));
    for (size_t i = 0; i < count; i++)
        put(bag, chain[i]);
    for (int depth = 0; depth < 8; depth++) {
        TRY(put_roll_over(x, &ca, bag, err));
        if (uuid_is_nil(ca.issuer_id))
            break;
        bool done = false;
        struct uuid issuer = ca.issuer_id;
        TX(tx, core_db(x->core), &done, err)
            tx.ok = ca_by_id(tx.tx, x->arena, &scope_everything, issuer, &ca, err);
        TRY(done);
    }
    return certificate_pkcs7(x->arena, bag->ders, bag->count, ret_der, err);
}
