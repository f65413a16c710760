/* What is wrong with it, or will be. */
#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/crl.h"
#include "x509/csr.h"
#include "x509/inspect_items.h"
#include "x509/internal.h"
#include "x509/lint.h"

#include <string.h>

#define SOON (30 * US_PER_DAY)
#define MAX_REVOKED_SHOWN 20

static void add(struct json_writer *w, const char *level, const char *message) {
    json_open_object(w);
    json_put_string(w, "level", level);
    json_put_string(w, "message", message);
    json_close_object(w);
}

static void judge_dates(struct json_writer *w, const struct inspection *in, int64_t from,
                        int64_t to) {
    if (in->now_us < from)
        add(w, "warning", "It is not valid yet.");
    if (in->now_us >= to + US_PER_SECOND)
        add(w, "error", "It has expired.");
    else if (in->now_us + SOON > to && in->now_us >= from)
        add(w, "warning", "It expires within 30 days.");
}

static void judge_key(struct json_writer *w, EVP_PKEY *key, const char *object) {
    struct error err = {0};
    if (key == NULL)
        add(w, "error", "The public key cannot be used: its type is not known or it is broken.");
    else if (!key_check(key, object, &err))
        add(w, "error", err.message);
}

static void judge_digest(struct json_writer *w, int signature_nid) {
    int digest = NID_undef, key = NID_undef;
    if (OBJ_find_sigid_algs(signature_nid, &digest, &key) == 1 &&
        (digest == NID_sha1 || digest == NID_md5 || digest == NID_md2 || digest == NID_md4))
        add(w, "error", "It is signed with a digest that can be forged (SHA-1 or MD5).");
}

/* By the profiles that it claims. */
static void lint(struct json_writer *w, const struct inspection *in, const X509 *certificate, const X509 *issuer) {
    static const char *const levels[] = {
        [LINT_NOTICE] = "info", [LINT_WARNING] = "warning", [LINT_ERROR] = "error", [LINT_FATAL] = "error"};
    struct lint_findings findings;
    struct error err = {0};
    if (!lint_certificate(in->arena, certificate, issuer, lint_profiles_claimed(certificate), &findings, &err)) {
        add(w, "error", err.message);
        return;
    }
    for (size_t i = 0; i < findings.count; i++) {
        json_open_object(w);
        json_put_string(w, "level", levels[findings.items[i].severity]);
        json_put_string(w, "message", findings.items[i].text);
        json_put_string(w, "rule", findings.items[i].rule);
        json_put_string(w, "source", findings.items[i].source);
        json_close_object(w);
    }
}

static void judge_certificate(struct json_writer *w, const struct inspection *in,
                              const struct inspect_item *item) {
    struct certificate_facts facts;
    struct error err = {0};
    int signer = item->signer;
    const X509 *issuer =
        signer < 0 || in->items[signer].object == item->object ? NULL : in->items[signer].object;
    bool self =
        X509_NAME_cmp(X509_get_subject_name(item->object), X509_get_issuer_name(item->object)) == 0;
    if (!certificate_read(in->arena, item->object, &facts, &err)) {
        add(w, "error", err.message);
        return;
    }
    judge_dates(w, in, facts.not_before_us, facts.not_after_us);
    judge_key(w, item->key, "Certificate");
    judge_digest(w, X509_get_signature_nid(item->object));
    if (self && signer < 0 && item->key != NULL)
        add(w, "error", "Issuer and subject are the same, but its own key did not sign it.");
    lint(w, in, item->object, issuer);
    if (issuer == NULL && !self)
        add(w, "info",
            "Its issuer is not among what was pasted: nothing that needs it was checked.");
}

static void judge_csr(struct json_writer *w, const struct inspection *in,
                      const struct inspect_item *item) {
    AUTO(X509_REQ) *again = NULL;
    struct view der;
    struct error err = {0};
    if (!csr_decode(in->arena, item->der, &again, &der, &err))
        add(w, "error", err.message);
}

/* Those pasted beside it that it takes back. */
static void judge_revoked(struct json_writer *w, const struct inspection *in,
                          const struct inspect_item *item) {
    unsigned shown = 0;
    for (size_t i = 0; i < in->count && shown < MAX_REVOKED_SHOWN; i++) {
        const struct inspect_item *other = &in->items[i];
        X509_REVOKED *revoked = NULL;
        if (other->kind != KIND_CERTIFICATE ||
            X509_NAME_cmp(X509_get_issuer_name(other->object), X509_CRL_get_issuer(item->object)) !=
                0)
            continue;
        if (X509_CRL_get0_by_serial(item->object, &revoked, X509_get_serialNumber(other->object)) ==
            1) {
            add(w, "error", arena_printf(in->arena, "It revokes item %zu.", i));
            shown++;
        }
    }
}

static void judge_crl(struct json_writer *w, const struct inspection *in,
                      const struct inspect_item *item) {
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(item->object);
    struct error err = {0};
    int64_t from = INT64_MIN, to = INT64_MAX;
    if (next == NULL)
        add(w, "error", "It says no nextUpdate (rfc5280#5.1.2.5).");
    else if (asn1_time_to_us(next, &to, &err) && in->now_us > to)
        add(w, "error", "It is stale: a newer one should be there since its nextUpdate.");
    if (asn1_time_to_us(X509_CRL_get0_lastUpdate(item->object), &from, &err) && in->now_us < from)
        add(w, "warning", "It is not valid yet.");
    judge_digest(w, X509_CRL_get_signature_nid(item->object));
    if (item->signer < 0)
        add(w, "info", "The certificate that signed it is not among what was pasted.");
    judge_revoked(w, in, item);
    ERR_clear_error();
}

static void judge_ocsp_response(struct json_writer *w, const struct inspect_item *item) {
    int status = OCSP_response_status(item->object);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        add(w, "error", OCSP_response_status_str(status));
}

void inspect_findings(struct json_writer *w, const struct inspection *in,
                      const struct inspect_item *item) {
    if (item->problem != NULL)
        add(w, "warning", item->problem);
    if (item->object == NULL)
        return;
    switch (item->kind) {
    case KIND_CERTIFICATE:
        judge_certificate(w, in, item);
        break;
    case KIND_CSR:
        judge_csr(w, in, item);
        break;
    case KIND_CRL:
        judge_crl(w, in, item);
        break;
    case KIND_OCSP_RESPONSE:
        judge_ocsp_response(w, item);
        break;
    case KIND_PRIVATE_KEY:
        add(w, "warning", "A private key has left its owner's hands: whoever saw it can use it.");
        judge_key(w, item->key, "Private key");
        break;
    case KIND_PUBLIC_KEY:
        judge_key(w, item->key, "Public key");
        break;
    default:
        break;
    }
}
