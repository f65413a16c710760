#include "cmp/exchange.h"

#include "x509/crl.h"

#include <openssl/err.h>
#include <string.h>

static bool read_reason(const CMP_REVOCATION *details, int *ret) {
    int critical;
    ASN1_ENUMERATED *reason = X509V3_get_d2i(details->extensions, NID_crl_reason, &critical, NULL);
    *ret = reason == NULL ? REASON_UNSPECIFIED : (int)ASN1_ENUMERATED_get(reason);
    ASN1_ENUMERATED_free(reason);
    ERR_clear_error();
    return critical != -2 && reason_name(*ret) != NULL;
}

static bool find_certificate(struct exchange *x, const CRMF_TEMPLATE *t, struct certificate_record *ret,
                             struct error *err) {
    uint8_t octets[MAX_SERIAL + 1];
    bool done = false;
    X509 *issuer;
    const unsigned char *at = x->target.ca.certificate.at;
    if (t->serial == NULL || t->issuer == NULL) /* rfc9483#4.2 */
        return REFUSED(x, CMP_BAD_CERT_ID, ERROR_MALFORMED, "cmp-request",
                       "rr must name the certificate by issuer and serial number.");
    issuer = d2i_X509(NULL, &at, (long)x->target.ca.certificate.len);
    if (issuer == NULL)
        return fail_internal(err, "CA certificate of %s", x->target.ca.slug);
    keep_X509(x->arena, issuer);
    if (X509_NAME_cmp(t->issuer, X509_get_subject_name(issuer)) != 0)
        return REFUSED(x, CMP_WRONG_AUTHORITY, ERROR_POLICY, "cmp-request",
                       "The certificate to be revoked was issued by another CA.");
    AUTO(BIGNUM) *number = ASN1_INTEGER_to_BN(t->serial, NULL);
    if (number == NULL || BN_is_negative(number) || BN_num_bytes(number) > MAX_SERIAL)
        return REFUSED(x, CMP_BAD_CERT_ID, ERROR_MALFORMED, "cmp-request", "The serial number is none of ours.");
    int len = BN_num_bytes(number) + (BN_num_bits(number) % 8 == 0 ? 1 : 0);
    BN_bn2binpad(number, octets, len);
    TX(tx, core_db(x->core), &done, err)
        tx.ok = certificate_by_serial(tx.tx, x->arena, x->target.ca.id, view_of(octets, (size_t)len), ret, err);
    return done || REFUSED(x, CMP_BAD_CERT_ID, ERROR_NOT_FOUND, "cmp-request",
                           "There is no certificate with this serial number.");
}

/* The holder of the certificate, the holder of the secret it was got with, or an RA of its template. */
static bool may_revoke(struct exchange *x, const struct certificate_record *c, struct error *err) {
    bool found = false, done = false;
    if (x->peer.own && uuid_equal(c->id, x->peer.certificate.id))
        return true;
    if (x->peer.ra && uuid_equal(c->template_id, x->target.record.id))
        return true;
    if (x->peer.protection == CMP_BY_MAC) {
        TX(tx, core_db(x->core), &done, err)
            tx.ok = cmp_certificate_by_credential(tx.tx, c->id, x->peer.credential.id, &found, err);
        TRY(done);
    }
    return found || REFUSED(x, CMP_NOT_AUTHORIZED, ERROR_FORBIDDEN, "cmp-request",
                            "rr must be protected with the certificate itself, with the shared secret it was got "
                            "with, or by a registration authority of its template.");
}

static bool one(struct exchange *x, const CMP_REVOCATION *details, struct error *err) {
    struct certificate_record certificate;
    struct actor actor = cmp_actor(x);
    int reason;
    TRY(find_certificate(x, details->template, &certificate, err));
    TRY(may_revoke(x, &certificate, err));
    if (!read_reason(details, &reason))
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "cmp-request", "The reason code is not known.");
    if (reason == REASON_REMOVE_FROM_CRL)
        return REFUSED(x, CMP_BAD_REQUEST, ERROR_POLICY, "cmp-request",
                       "A hold is released by an officer, in the console or by REST, not by rr.");
    x->fail = CMP_NO_FAIL;
    return enrol_revoke(x->core, x->arena, &actor, certificate.id, reason, err);
}

bool cmp_revoke(struct exchange *x, struct error *err) {
    const CMP_REVOCATIONS *list = asn1_read(x->arena, x->m.content, ASN1_ITEM_rptr(CMP_REVOCATIONS));
    struct view statuses[CMP_REQUESTS_MAX], ids[CMP_REQUESTS_MAX];
    int count = sk_CMP_REVOCATION_num(list);
    size_t done = 0, named = 0;
    if (list == NULL || count < 1 || count > CMP_REQUESTS_MAX)
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "malformed-cmp", "The RevReqContent cannot be read.");
    for (int i = 0; i < count; i++) {
        const CMP_REVOCATION *details = sk_CMP_REVOCATION_value(list, i);
        const CRMF_TEMPLATE *t = details->template;
        struct error refused = {0};
        x->fail = CMP_NO_FAIL;
        bool ok = one(x, details, &refused);
        if (!ok && (refused.kind == ERROR_INTERNAL || refused.kind == ERROR_UNAVAILABLE)) {
            *err = refused;
            return false;
        }
        enum cmp_fail why = ok ? CMP_NO_FAIL : x->fail != CMP_NO_FAIL ? x->fail : cmp_fail_of(&refused);
        statuses[done++] =
            cmp_status_info(x->arena, ok ? CMP_ACCEPTED : CMP_REJECTED, ok ? NULL : refused.message, why);
        if (!ok) {
            x->row.state = CMP_STATE_REFUSED;
            x->row.reason = arena_strdup(x->arena, refused.message);
        }
        if (t->issuer != NULL && t->serial != NULL)
            ids[named++] = WIRE_SEQ(x->arena, cmp_directory_name(x->arena, t->issuer),
                                   asn1_der(x->arena, t->serial, ASN1_ITEM_rptr(ASN1_INTEGER)));
    }
    x->fail = CMP_NO_FAIL;
    struct view certs = {0};
    if (named == done)
        certs = wire_tagged(x->arena, 0, wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, ids, named)));
    x->body = CMP_RP;
    x->content =
        WIRE_SEQ(x->arena, wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, statuses, done)), certs);
    return true;
}
