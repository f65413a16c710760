#include "cmp/exchange.h"

#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/key_type.h"
#include "x509/name.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

static void hash_peer(const char *kind, struct view id, uint8_t ret[32]) {
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {
        EVP_DigestUpdate(ctx, kind, strlen(kind) + 1);
        EVP_DigestUpdate(ctx, id.at, id.len);
        EVP_DigestFinal_ex(ctx, ret, NULL);
    }
}

/* --- by a shared secret ------------------------------------------------------------------------------- */

/* rfc9483#3.1: senderKID names the shared secret. */
static bool reference_of(struct exchange *x, const struct cmp_message *m, const char **ret, struct error *err) {
    if (m->sender_kid.len == 0 || m->sender_kid.len > 200 || !utf8_valid(m->sender_kid))
        return REFUSED(x, CMP_BAD_MESSAGE_CHECK, ERROR_UNAUTHENTICATED, "bad-challenge",
                       "senderKID must hold the reference value of the shared secret (openssl cmp: -ref).");
    *ret = arena_text(x->arena, m->sender_kid);
    return true;
}

/* One whose last use began this transaction is good to its end. */
static bool find_secret(struct exchange *x, const char *name, struct peer *p, struct error *err) {
    if (x->known && !uuid_is_nil(x->row.credential_id))
        TRY(credential_again(x->core, x->arena, x->row.credential_id, &p->credential, &p->secret, err));
    else
        TRY(credential_by_name(x->core, x->arena, x->target.record.id, CREDENTIAL_MAC, name, &p->credential,
                               &p->secret, err));
    if (strcmp(p->credential.name, name) == 0 && p->secret.len > 0)
        return true;
    return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                "The transaction was begun with another shared secret, or the secret cannot be used for MACs.");
}

static bool by_mac(struct exchange *x, const struct cmp_message *m, struct peer *p, struct error *err) {
    const char *name;
    x->fail = CMP_BAD_MESSAGE_CHECK;
    TRY(reference_of(x, m, &name, err));
    TRY(find_secret(x, name, p, err));
    TRY(cmp_verify_mac(x->arena, m, p->secret, err));
    hash_peer("mac", view_of(p->credential.id.bytes, sizeof p->credential.id.bytes), p->hash);
    p->name = arena_printf(x->arena, "cmp: %.150s", name);
    return true;
}

/* --- by a signature ----------------------------------------------------------------------------------- */

static bool names_sender(const X509 *certificate, const struct cmp_message *m) {
    const GENERAL_NAME *sender = m->header->sender;
    const ASN1_OCTET_STRING *kid = X509_get0_subject_key_id((X509 *)certificate);
    if (sender->type == GEN_DIRNAME && !name_empty(sender->d.directoryName) &&
        X509_NAME_cmp(sender->d.directoryName, X509_get_subject_name(certificate)) != 0)
        return false;
    return m->sender_kid.len == 0 || kid == NULL ||
           view_equal(m->sender_kid, view_of(ASN1_STRING_get0_data(kid), (size_t)ASN1_STRING_length(kid)));
}

/* rfc9483#3.3: the protecting certificate is the first of extraCerts; other places are looked at, too. */
static bool find_signer(struct exchange *x, const struct cmp_message *m, X509 **ret, struct error *err) {
    const STACK_OF(X509) *certs = m->whole->extra_certs;
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *one = sk_X509_value(certs, i);
        EVP_PKEY *key = X509_get0_pubkey(one);
        if (key == NULL || !names_sender(one, m))
            continue;
        TRY(key_check(key, "protecting certificate", err));
        TRY(minima_key(&x->settings.algorithms.least, key, "protecting certificate", err));
        TRY(cmp_verify_signature(m, key, err));
        *ret = one;
        return true;
    }
    ERR_clear_error();
    return REFUSED(x, CMP_BAD_MESSAGE_CHECK, ERROR_UNAUTHENTICATED, "cmp-protection",
                   "extraCerts holds no certificate whose subject is the sender (and whose key identifier is "
                   "senderKID); send the protecting certificate first.");
}

static bool check_own(struct exchange *x, struct peer *p, bool going_on, struct error *err) {
    const struct certificate_record *c = &p->certificate;
    int64_t now = x->call->now_us;
    x->fail = CMP_SIGNER_NOT_TRUSTED;
    if (c->revoked && !going_on) /* a renewed one is superseded, and still confirms its successor */
        return REFUSED(x, CMP_CERT_REVOKED, ERROR_UNAUTHENTICATED, "revoked-certificate",
                       "The certificate \"%.200s\" is revoked or on hold.", c->subject);
    if (c->not_after_us < now || c->not_before_us > now)
        return fail(err, ERROR_UNAUTHENTICATED, "untrusted-certificate",
                    "The certificate \"%.200s\" is not valid now.", c->subject);
    if (!uuid_equal(c->template_id, x->target.record.id))
        return fail(err, ERROR_UNAUTHENTICATED, "untrusted-certificate",
                    "The certificate \"%.150s\" was not issued under the template %s; use the URL of its own "
                    "template.", c->subject, x->target.record.slug);
    return true;
}

static bool by_anchor(struct exchange *x, const struct cmp_message *m, struct view der, struct peer *p,
                      struct error *err) {
    struct view chain[CMP_CERTS_MAX];
    size_t count = 0;
    struct anchored found;
    for (int i = 0; i < sk_X509_num(m->whole->extra_certs) && count < CMP_CERTS_MAX; i++)
        chain[count++] = certificate_der(x->arena, sk_X509_value(m->whole->extra_certs, i));
    x->fail = CMP_SIGNER_NOT_TRUSTED;
    TRY(anchors_verify(x->core, x->arena, x->target.record.id, der, chain, count, &found, err));
    p->ra = found.role == ANCHOR_RA;
    p->device = found.role == ANCHOR_DEVICE;
    return true;
}

static bool by_signature(struct exchange *x, const struct cmp_message *m, struct peer *p, struct error *err) {
    struct error other = {0};
    x->fail = CMP_BAD_MESSAGE_CHECK;
    TRY(find_signer(x, m, &p->x509, err));
    struct view der = certificate_der(x->arena, p->x509);
    hash_peer("certificate", der, p->hash);
    bool going_on = x->known && CRYPTO_memcmp(x->row.peer_hash, p->hash, sizeof p->hash) == 0;
    p->name = arena_printf(x->arena, "cmp: %.150s", name_text(x->arena, X509_get_subject_name(p->x509)));
    /* A pinned RA may have its certificate from here. */
    if (by_anchor(x, m, der, p, err))
        return true;
    if (!enrol_certificate(x->core, x->arena, der, &p->certificate, &other))
        return other.kind == ERROR_NOT_FOUND ? false : (*err = other, false);
    p->own = true;
    *err = (struct error){0};
    return check_own(x, p, going_on, err);
}

bool cmp_authenticate(struct exchange *x, const struct cmp_message *m, struct peer *ret, struct error *err) {
    struct peer p = {0};
    x->fail = CMP_BAD_ALG;
    TRY(cmp_protection_kind(x->arena, m, &x->settings.algorithms, &p.protection, err));
    if (p.protection == CMP_UNPROTECTED) /* rfc9483#3.2 */
        return REFUSED(x, CMP_BAD_MESSAGE_CHECK, ERROR_UNAUTHENTICATED, "cmp-protection",
                       "The message must be protected, by a shared secret or a signature.");
    TRY(p.protection == CMP_BY_MAC ? by_mac(x, m, &p, err) : by_signature(x, m, &p, err));
    x->fail = CMP_NO_FAIL;
    *ret = p;
    return true;
}
