#include "ca/anchors.h"

#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/key_type.h"
#include "x509/name.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

DEFINE_AUTO(X509_STORE, X509_STORE_free)
DEFINE_AUTO(X509_STORE_CTX, X509_STORE_CTX_free)
typedef STACK_OF(X509) CERTIFICATE_LIST;
static void certificate_list_free(CERTIFICATE_LIST *list) {
    sk_X509_pop_free(list, X509_free);
}
DEFINE_AUTO(CERTIFICATE_LIST, certificate_list_free)
typedef STACK_OF(X509_CRL) CRL_LIST;
static void crl_list_free(CRL_LIST *list) {
    sk_X509_CRL_pop_free(list, X509_CRL_free);
}
DEFINE_AUTO(CRL_LIST, crl_list_free)

static bool refused(struct error *err, const char *subject, const char *why, const char *remedy) {
    ERR_clear_error();
    return fail(err, ERROR_UNAUTHENTICATED, "untrusted-certificate",
                "The certificate \"%.150s\" is not trusted here: %.150s. %s", subject, why, remedy);
}

/* What the peer sent besides; what does not parse helps nobody and is left out. */
static CERTIFICATE_LIST *read_chain(const struct view *chain, size_t count) {
    CERTIFICATE_LIST *list = sk_X509_new_null();
    for (size_t i = 0; list != NULL && i < count && i < ANCHOR_CHAIN_MAX; i++) {
        const unsigned char *at = chain[i].at;
        X509 *one = d2i_X509(NULL, &at, (long)chain[i].len);
        if (one != NULL && sk_X509_push(list, one) == 0)
            X509_free(one);
    }
    ERR_clear_error();
    return list;
}

static bool fill_store(X509_STORE *store, const struct anchor_set *set, struct error *err) {
    for (size_t i = 0; i < set->anchor_count; i++) {
        const unsigned char *at = set->anchors[i].certificate.at;
        AUTO(X509) *one = d2i_X509(NULL, &at, (long)set->anchors[i].certificate.len);
        if (one == NULL || X509_STORE_add_cert(store, one) != 1)
            return fail_internal(err, "trust anchor %s cannot be read", set->anchors[i].name);
    }
    return true;
}

static CRL_LIST *read_crls(const struct anchor_set *set) {
    CRL_LIST *list = sk_X509_CRL_new_null();
    for (size_t i = 0; list != NULL && i < set->crl_count; i++) {
        const unsigned char *at = set->crls[i].der.at;
        X509_CRL *one = d2i_X509_CRL(NULL, &at, (long)set->crls[i].der.len);
        if (one != NULL && sk_X509_CRL_push(list, one) == 0)
            X509_CRL_free(one);
    }
    ERR_clear_error();
    return list;
}

/* What is wrong with a CRL, not with a certificate. */
static bool about_crl(int error) {
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        return true;
    default:
        return false;
    }
}

/* The anchor itself was put there by an administrator: no CRL is asked about it. */
static int forgive_anchor(int ok, X509_STORE_CTX *ctx) {
    int top = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1, error = X509_STORE_CTX_get_error(ctx);
    bool crl = about_crl(error) || error == X509_V_ERR_CERT_REVOKED;
    return crl && X509_STORE_CTX_get_error_depth(ctx) == top ? 1 : ok;
}

/* Without a current CRL a revoked certificate cannot be told from a good one: the anchor says what then. An old
 * one still tells of what was revoked before. */
static int forgive_missing_crl(int ok, X509_STORE_CTX *ctx) {
    int error = X509_STORE_CTX_get_error(ctx);
    if (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED)
        return 1;
    return forgive_anchor(ok, ctx);
}

struct search {
    X509 *leaf;
    CERTIFICATE_LIST *untrusted;
    CRL_LIST *crls;
    const char *subject;
    time_t now;
};

/* One path to one of the set's anchors; check NONE looks at no CRL. ret_fingerprint: where it ends. */
static bool walk(const struct search *s, X509_STORE *store, enum anchor_crl_check check,
                 uint8_t ret_fingerprint[32], struct error *err) {
    AUTO(X509_STORE_CTX) *ctx = X509_STORE_CTX_new();
    if (ctx == NULL || X509_STORE_CTX_init(ctx, store, s->leaf, s->untrusted) != 1)
        return fail_internal(err, "X509_STORE_CTX_init");
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, s->now);
    X509_VERIFY_PARAM_set_depth(param, ANCHOR_CHAIN_MAX);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    if (check != ANCHOR_CRL_NONE) {
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        X509_STORE_CTX_set0_crls(ctx, s->crls);
    }
    X509_STORE_CTX_set_verify_cb(ctx, check == ANCHOR_CRL_IF_THERE ? forgive_missing_crl
                                                                    : forgive_anchor);
    int ok = X509_verify_cert(ctx), why = X509_STORE_CTX_get_error(ctx);
    if (ok != 1) {
        ERR_clear_error();
        if (why == X509_V_ERR_CERT_REVOKED)
            return fail(err, ERROR_UNAUTHENTICATED, "revoked-certificate",
                        "The certificate \"%.200s\" or an issuer of it has been revoked; get a new one from "
                        "its issuer.",
                        s->subject);
        if (about_crl(why))
            return fail(err, ERROR_UNAUTHENTICATED, "no-crl",
                        "Whether the certificate \"%.150s\" is revoked cannot be told: %.150s. Give the trust "
                        "anchor a current CRL of every issuer, or let its CRL check be \"ifAvailable\".",
                        s->subject, X509_verify_cert_error_string(why));
        return refused(err, s->subject, X509_verify_cert_error_string(why),
                       "Send the chain up to a trust anchor of the template, or have its CA added there.");
    }
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
    unsigned len = 32;
    X509 *top = sk_X509_value(path, sk_X509_num(path) - 1);
    if (X509_digest(top, EVP_sha256(), ret_fingerprint, &len) != 1)
        return fail_internal(err, "X509_digest");
    return true;
}

static const struct anchor_record *find(const struct anchor_set *set, const uint8_t fingerprint[32]) {
    for (size_t i = 0; i < set->anchor_count; i++)
        if (view_equal(view_of(set->anchors[i].fingerprint_sha256, 32), view_of(fingerprint, 32)))
            return &set->anchors[i];
    return NULL;
}

static bool check_leaf(const struct search *s, struct error *err) {
    if (X509_get_version(s->leaf) != X509_VERSION_3)
        return refused(err, s->subject, "it is not of version 3", "Use an X.509 v3 certificate.");
    if ((X509_get_extension_flags(s->leaf) & EXFLAG_KUSAGE) != 0 &&
        (X509_get_key_usage(s->leaf) & KU_DIGITAL_SIGNATURE) == 0)
        return refused(err, s->subject, "its key usage lacks digitalSignature",
                       "Authenticate with a signature certificate.");
    EVP_PKEY *key = X509_get0_pubkey(s->leaf);
    if (key == NULL)
        return refused(err, s->subject, "its key is of no known type", "Use RSA, EC, EdDSA or ML-DSA.");
    return key_check(key, "client certificate", err);
}

static bool find_path(const struct search *s, const struct anchor_set *set,
                      const struct anchor_record **ret, struct error *err) {
    uint8_t fingerprint[32];
    AUTO(X509_STORE) *store = X509_STORE_new();
    if (store == NULL)
        return fail_internal(err, "X509_STORE_new");
    TRY(fill_store(store, set, err));
    TRY(walk(s, store, ANCHOR_CRL_NONE, fingerprint, err));
    const struct anchor_record *anchor = find(set, fingerprint);
    if (anchor == NULL)
        return fail_internal(err, "the path of %s ends at no anchor", s->subject);
    if (anchor->crl_check != ANCHOR_CRL_NONE)
        TRY(walk(s, store, anchor->crl_check, fingerprint, err));
    *ret = anchor;
    return true;
}

bool anchors_check(struct arena *arena, const struct anchor_set *set, struct view certificate,
                   const struct view *chain, size_t chain_count, int64_t now_us, struct anchored *ret,
                   struct error *err) {
    X509 *leaf = NULL;
    TRY(certificate_decode(arena, certificate, &leaf, err));
    keep_X509(arena, leaf);
    AUTO(CERTIFICATE_LIST) *untrusted = read_chain(chain, chain_count);
    AUTO(CRL_LIST) *crls = read_crls(set);
    if (untrusted == NULL || crls == NULL)
        return fail_internal(err, "no memory for the chain");
    struct search s = {.leaf = leaf,
                       .untrusted = untrusted,
                       .crls = crls,
                       .subject = name_text(arena, X509_get_subject_name(leaf)),
                       .now = (time_t)(now_us / US_PER_SECOND)};
    if (set->anchor_count == 0)
        return refused(err, s.subject, "the template has no trust anchors",
                       "An administrator can add the CA of the device to them.");
    TRY(check_leaf(&s, err));
    struct anchored found = {0};
    unsigned len = sizeof found.fingerprint_sha256;
    if (X509_digest(leaf, EVP_sha256(), found.fingerprint_sha256, &len) != 1)
        return fail_internal(err, "X509_digest");
    /* A certificate that is trusted by itself is that before it is one of its CA's. */
    const struct anchor_record *anchor = find(set, found.fingerprint_sha256);
    struct anchor_set pinned = {.anchors = anchor, .anchor_count = 1};
    TRY(find_path(&s, anchor != NULL && anchor->role == ANCHOR_RA ? &pinned : set, &anchor, err));
    if (anchor->role == ANCHOR_DEVICE &&
        view_equal(view_of(anchor->fingerprint_sha256, 32), view_of(found.fingerprint_sha256, 32)))
        return refused(err, s.subject, "it is a trust anchor, not a device's certificate",
                       "A single certificate can be trusted in the role \"ra\".");
    found.anchor_id = anchor->id;
    found.role = anchor->role;
    found.anchor_name = anchor->name;
    found.subject = s.subject;
    found.issuer = name_text(arena, X509_get_issuer_name(leaf));
    found.certificate = leaf;
    *ret = found;
    return true;
}

bool anchors_verify(struct core *core, struct arena *arena, struct uuid template_id,
                    struct view certificate, const struct view *chain, size_t chain_count,
                    struct anchored *ret, struct error *err) {
    struct anchor_record *anchors;
    struct anchor_crl_record *crls;
    struct anchor_set set = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        tx.ok = anchor_list(tx.tx, arena, template_id, &anchors, &set.anchor_count, err) &&
                anchor_crl_list_template(tx.tx, arena, template_id, &crls, &set.crl_count, err);
    }
    TRY(done);
    set.anchors = anchors;
    set.crls = crls;
    return anchors_check(arena, &set, certificate, chain, chain_count, clock_now_us(), ret, err);
}
