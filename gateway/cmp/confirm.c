#include "cmp/exchange.h"

#include "x509/certificate.h"
#include "x509/crl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

/* The rows of the transaction as wanted ones, with what became of their requests when `poll`. */
static bool load(struct exchange *x, bool poll, struct error *err) {
    struct cmp_certificate *rows = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(x->core), &done, err)
        tx.ok = cmp_certificate_list(tx.tx, x->arena, x->row.id, &rows, &count, err);
    TRY(done);
    for (size_t i = 0; i < count && i < CMP_REQUESTS_MAX; i++) {
        struct wanted *w = &x->wanted[x->wanted_count++];
        *w = (struct wanted){.id = rows[i].cert_req_id, .row = rows[i], .fail = CMP_NOT_AUTHORIZED};
        if (rows[i].state == CMP_CERTIFICATE_REFUSED)
            w->refused = rows[i].reason;
        if (w->refused == NULL && (poll || !uuid_is_nil(w->row.certificate_id)))
            TRY(enrol_poll_id(x->core, x->arena, w->row.request_id, &w->enrolled, err));
    }
    return true;
}

static struct wanted *find(struct exchange *x, int64_t id) {
    for (size_t i = 0; i < x->wanted_count; i++)
        if (x->wanted[i].id == id)
            return &x->wanted[i];
    return NULL;
}

bool cmp_take_back(struct core *core, struct arena *arena, const struct actor *actor, struct uuid certificate_id,
                   int reason, struct error *err) {
    if (enrol_revoke(core, arena, actor, certificate_id, reason, err))
        return true;
    return strcmp(err->type, "already-revoked") == 0 || strcmp(err->type, "certificate-expired") == 0;
}

static bool reject(struct exchange *x, struct wanted *w, const char *why, struct error *err) {
    struct actor actor = cmp_actor(x);
    w->row.state = CMP_CERTIFICATE_REJECTED;
    w->row.reason = why;
    return cmp_take_back(x->core, x->arena, &actor, w->row.certificate_id, REASON_CESSATION_OF_OPERATION, err);
}

/* --- certConf ----------------------------------------------------------------------------------------- */

/* rfc9810#5.3.18: the digest of the certificate's own signature, or the one named by hashAlg (version 3), which
 * it must be for signatures without a digest (rfc9481#2.2: SHA-512 for Ed25519 ...). */
static bool hash_matches(struct exchange *x, const struct wanted *w, const CMP_CONFIRMATION *c) {
    X509 *certificate = NULL;
    int digest = NID_undef, bits;
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!certificate_decode(x->arena, w->enrolled.certificate.der, &certificate, NULL))
        return false;
    keep_X509(x->arena, certificate);
    if (c->hash_alg != NULL)
        digest = OBJ_obj2nid(c->hash_alg->algorithm);
    else if (X509_get_signature_info(certificate, &digest, NULL, &bits, NULL) != 1 || digest == NID_undef)
        digest = NID_sha256;
    const EVP_MD *md = EVP_get_digestbynid(digest);
    bool weak = digest == NID_sha1 || digest == NID_md5;
    bool ok = md != NULL && !weak && X509_digest(certificate, md, hash, &len) == 1 &&
              ASN1_STRING_length(c->hash) == (int)len && CRYPTO_memcmp(ASN1_STRING_get0_data(c->hash), hash, len) == 0;
    if (!ok && c->hash_alg == NULL && X509_digest(certificate, EVP_sha512(), hash, &len) == 1)
        ok = X509_get_signature_nid(certificate) == NID_ED25519 && ASN1_STRING_length(c->hash) == (int)len &&
             CRYPTO_memcmp(ASN1_STRING_get0_data(c->hash), hash, len) == 0;
    ERR_clear_error();
    return ok;
}

static const char *reason_of(struct exchange *x, const CMP_STATUS *status) {
    if (sk_ASN1_UTF8STRING_num(status->texts) < 1)
        return "The client rejected the certificate.";
    const ASN1_UTF8STRING *text = sk_ASN1_UTF8STRING_value(status->texts, 0);
    struct view view = view_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    if (!utf8_valid(view))
        return "The client rejected the certificate.";
    return arena_printf(x->arena, "The client rejected the certificate: %.300s", arena_text(x->arena, view));
}

static bool confirm_one(struct exchange *x, const CMP_CONFIRMATION *c, struct error *err) {
    int64_t id, status = CMP_ACCEPTED;
    struct wanted *w = ASN1_INTEGER_get_int64(&id, c->id) == 1 ? find(x, id) : NULL;
    if (w == NULL || w->row.state != CMP_CERTIFICATE_ISSUED)
        return REFUSED(x, CMP_BAD_CERT_ID, ERROR_CONFLICT, "cmp-transaction",
                       "certConf names a certReqId that has no certificate to be confirmed.");
    if (c->status != NULL && ASN1_INTEGER_get_int64(&status, c->status->status) != 1)
        status = CMP_REJECTED;
    if (status == CMP_REJECTED)
        return reject(x, w, reason_of(x, c->status), err);
    if (status != CMP_ACCEPTED && status != CMP_MODIFIED)
        return REFUSED(x, CMP_BAD_REQUEST, ERROR_MALFORMED, "cmp-transaction",
                       "The status in certConf is neither acceptance nor rejection.");
    if (!hash_matches(x, w, c)) {
        TRY(reject(x, w, "The hash in certConf is not that of the certificate.", err));
        return true;
    }
    w->row.state = CMP_CERTIFICATE_CONFIRMED;
    return true;
}

static bool confirm_all(struct exchange *x, struct error *err) {
    const CMP_CONFIRMATIONS *list = asn1_read(x->arena, x->m.content, ASN1_ITEM_rptr(CMP_CONFIRMATIONS));
    if (list == NULL || sk_CMP_CONFIRMATION_num(list) > CMP_REQUESTS_MAX)
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "malformed-cmp", "certConf cannot be read.");
    for (int i = 0; i < sk_CMP_CONFIRMATION_num(list); i++)
        TRY(confirm_one(x, sk_CMP_CONFIRMATION_value(list, i), err));
    return true;
}

bool cmp_confirm(struct exchange *x, struct error *err) {
    if (x->row.state == CMP_STATE_GIVEN_UP)
        return REFUSED(x, CMP_BAD_REQUEST, ERROR_CONFLICT, "cmp-transaction",
                       "The certificate was not confirmed in time and is revoked; ask for a new one.");
    if (x->row.state != CMP_STATE_CONFIRM)
        return REFUSED(x, CMP_CERT_CONFIRMED, ERROR_CONFLICT, "cmp-transaction",
                       "Nothing of this transaction waits for a confirmation.");
    TRY(load(x, false, err));
    if (x->m.body == CMP_CERTCONF)
        TRY(confirm_all(x, err));
    /* rfc9810#5.3.18: what is not mentioned is rejected; so is everything by an error message. */
    for (size_t i = 0; i < x->wanted_count; i++)
        if (x->wanted[i].row.state == CMP_CERTIFICATE_ISSUED)
            TRY(reject(x, &x->wanted[i], "The client did not accept the certificate.", err));
    x->row.state = CMP_STATE_DONE;
    x->row.deadline_us = INT64_MAX;
    for (size_t i = 0; i < x->wanted_count; i++)
        if (x->wanted[i].row.state == CMP_CERTIFICATE_REJECTED) {
            x->row.state = CMP_STATE_REFUSED;
            x->row.reason = x->wanted[i].row.reason;
        }
    x->body = CMP_PKICONF;
    x->content = wire_null();
    for (size_t i = 0; i < x->wanted_count; i++)
        if (strncmp(x->wanted[i].row.reason, "The hash in certConf", 20) == 0) {
            x->body = CMP_ERROR_BODY;
            x->content = cmp_error_body(x->arena, CMP_BAD_CERT_ID, x->wanted[i].row.reason);
        }
    return true;
}

/* --- pollReq ------------------------------------------------------------------------------------------ */

static bool still_waits(const struct wanted *w) {
    enum request_state state = w->enrolled.request.state;
    return w->refused == NULL && uuid_is_nil(w->enrolled.certificate.id) &&
           (state == REQUEST_PENDING || state == REQUEST_APPROVED);
}

bool cmp_poll(struct exchange *x, struct error *err) {
    const CMP_POLLS *list = asn1_read(x->arena, x->m.content, ASN1_ITEM_rptr(CMP_POLLS));
    struct view entries[CMP_REQUESTS_MAX];
    size_t waiting = 0;
    if (list == NULL || sk_CMP_POLL_num(list) < 1 || sk_CMP_POLL_num(list) > CMP_REQUESTS_MAX)
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "malformed-cmp", "pollReq cannot be read.");
    if (x->row.state != CMP_STATE_WAITING)
        return REFUSED(x, CMP_BAD_REQUEST, ERROR_CONFLICT, "cmp-transaction",
                       "Nothing of this transaction waits; it is over.");
    TRY(load(x, true, err));
    for (int i = 0; i < sk_CMP_POLL_num(list); i++) {
        int64_t id;
        if (ASN1_INTEGER_get_int64(&id, sk_CMP_POLL_value(list, i)->id) != 1 || find(x, id) == NULL)
            return REFUSED(x, CMP_BAD_CERT_ID, ERROR_CONFLICT, "cmp-transaction",
                           "pollReq names a certReqId that this transaction does not have.");
    }
    for (size_t i = 0; i < x->wanted_count; i++)
        if (still_waits(&x->wanted[i]))
            entries[waiting++] = cmp_poll_rep(x->arena, x->wanted[i].id, x->settings.poll_s,
                                              "The request waits for approval.");
    if (waiting == 0)
        return cmp_tell(x, err);
    x->body = CMP_POLLREP;
    x->content = wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, entries, waiting));
    return true;
}
