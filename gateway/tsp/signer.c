#include "tsp/token.h"

#include "tsp/der.h"
#include "x509/certificate.h"

#include <openssl/err.h>
#include <stdatomic.h>
#include <string.h>

#define OID_SIGNING_CERTIFICATE_V2 VIEW_LITERAL("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f")
#define MAX_CHAIN 16
#define READY_MAX 16
#define SIGNATURE_MAX 8192

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_POLICY, "tsa-certificate", "Timestamping certificate: %s", rule);
}

/* rfc3161#2.3: "The corresponding certificate MUST contain only one instance of the extended key usage
 * field extension ... with KeyPurposeID having value id-kp-timeStamping. This extension MUST be critical." */
bool tsp_certificate_check(const X509 *certificate, struct error *err) {
    int critical = -1;
    AUTO(EXTENDED_KEY_USAGE) *usage =
        X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
    AUTO(ASN1_BIT_STRING) *key_usage = X509_get_ext_d2i(certificate, NID_key_usage, NULL, NULL);
    ERR_clear_error();
    if (usage == NULL || sk_ASN1_OBJECT_num(usage) != 1 ||
        OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) != NID_time_stamp)
        return refuse(err, "its extended key usage must be timeStamping and nothing else (RFC 3161, 2.3)");
    if (critical != 1)
        return refuse(err, "its extended key usage must be critical (RFC 3161, 2.3)");
    /* Bits 0 and 1: digitalSignature, nonRepudiation; OpenSSL's verifier bears nothing else beside them. */
    if (key_usage != NULL) {
        bool signs = ASN1_BIT_STRING_get_bit(key_usage, 0) || ASN1_BIT_STRING_get_bit(key_usage, 1);
        for (int i = 2; i < 9; i++)
            signs = signs && !ASN1_BIT_STRING_get_bit(key_usage, i);
        if (!signs)
            return refuse(err, "its key usage must be digitalSignature or nonRepudiation alone");
    }
    return true;
}

static struct view algorithm(struct arena *arena, int nid, bool null_parameters) {
    unsigned char *oid = NULL;
    int len = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &oid);
    struct der d = der_on(arena, 64);
    if (null_parameters)
        der_raw(&d, VIEW_LITERAL("\x05\x00"));
    der_raw(&d, view_of(oid, len > 0 ? (size_t)len : 0));
    OPENSSL_free(oid);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

/* The digests by which keys sign, and the algorithms' identifiers. */
static bool choose_algorithms(struct arena *arena, const char *wanted, struct tsp_signer *s,
                              struct error *err) {
    char type[KEY_TYPE_SIZE];
    int digest, signature;
    if (!key_type_of(s->public_key, type))
        return refuse(err, "its key is of an unknown type");
    s->whole = key_type_digest(type) == NULL;
    if (strcmp(type, "Ed25519") == 0 || strncmp(type, "ML-DSA", 6) == 0)
        s->digest = EVP_sha512(); /* rfc8419#3.1 MUST; rfc9882#3.3 suits all parameter sets */
    else if (s->whole)
        return refuse(err, "its key must be RSA, EC, Ed25519 or ML-DSA");
    else
        s->digest = wanted != NULL ? tsp_digest_md(wanted) : key_type_digest(type);
    digest = EVP_MD_get_type(s->digest);
    if (s->whole)
        signature = EVP_PKEY_get_id(s->public_key) > 0 ? EVP_PKEY_get_id(s->public_key) : OBJ_sn2nid(type);
    else if (strncmp(type, "RSA", 3) == 0)
        signature = NID_rsaEncryption; /* as PKCS #7 knows it; every verifier of tokens takes it */
    else if (OBJ_find_sigid_by_algs(&signature, digest, NID_X9_62_id_ecPublicKey) != 1)
        return refuse(err, "there is no signature algorithm of this key with the issuer's signatureDigest");
    if (signature == NID_undef)
        signature = OBJ_txt2nid(EVP_PKEY_get0_type_name(s->public_key));
    s->digest_algorithm = algorithm(arena, digest, false);
    s->signature_algorithm = algorithm(arena, signature, signature == NID_rsaEncryption);
    return true;
}

static struct view name_der(struct arena *arena, const X509_NAME *name) {
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(name, &der);
    struct view copy = arena_copy(arena, der, len > 0 ? (size_t)len : 0);
    OPENSSL_free(der);
    return copy;
}

static void encode_names(struct arena *arena, struct tsp_signer *s) {
    unsigned char *serial = NULL;
    int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(s->certificate), &serial);
    struct der d = der_on(arena, 512);
    der_raw(&d, view_of(serial, len > 0 ? (size_t)len : 0));
    OPENSSL_free(serial);
    der_raw(&d, name_der(arena, X509_get_issuer_name(s->certificate)));
    der_wrap(&d, DER_SEQUENCE, 0);
    s->issuer_and_serial = der_view(&d);
    d = der_on(arena, 512);
    der_raw(&d, name_der(arena, X509_get_subject_name(s->certificate)));
    der_wrap(&d, 0xa4, 0); /* directoryName [4] EXPLICIT: Name is a CHOICE */
    s->name = der_view(&d);
}

/* rfc5816#2.2.1: ESSCertIDv2 with SHA-256, the default, which DER leaves out. */
static bool encode_ess(struct arena *arena, struct view der, struct tsp_signer *s, struct error *err) {
    uint8_t hash[32];
    struct der d = der_on(arena, 128);
    if (EVP_Digest(der.at, der.len, hash, NULL, EVP_sha256(), NULL) != 1)
        return fail_internal(err, "digest of a timestamping certificate");
    der_put(&d, DER_OCTETS, view_of(hash, sizeof hash));
    der_wrap(&d, DER_SEQUENCE, 0); /* ESSCertIDv2 */
    der_wrap(&d, DER_SEQUENCE, 0); /* certs */
    der_wrap(&d, DER_SEQUENCE, 0); /* SigningCertificateV2 */
    der_wrap(&d, DER_SET, 0);
    der_raw(&d, OID_SIGNING_CERTIFICATE_V2);
    der_wrap(&d, DER_SEQUENCE, 0);
    s->ess = der_view(&d);
    return true;
}

static bool before(struct view a, struct view b) {
    size_t least = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < least; i++)
        if (a.at[i] != b.at[i])
            return a.at[i] < b.at[i];
    return a.len < b.len;
}

/* A SET OF in the order of DER (X.690 11.6). */
static void encode_certificates(struct arena *arena, struct view own, struct view chain,
                                enum tsp_chain which, struct tsp_signer *s) {
    struct view all[MAX_CHAIN + 1] = {own};
    size_t count = 1;
    while (which != TSP_CHAIN_SIGNER && count <= MAX_CHAIN) {
        const uint8_t *start = chain.at;
        AUTO(X509) *issuer = certificate_next(&chain);
        if (issuer == NULL)
            break;
        bool root = X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(issuer)) == 0;
        if (!root || which == TSP_CHAIN_ALL)
            all[count++] = view_of(start, (size_t)(chain.at - start));
    }
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && before(all[j], all[j - 1]); j--) {
            struct view swap = all[j];
            all[j] = all[j - 1];
            all[j - 1] = swap;
        }
    struct der d = der_on(arena, own.len + chain.len + 16);
    for (size_t i = count; i > 0; i--)
        der_raw(&d, all[i - 1]);
    s->certificates = der_view(&d);
}

/* rfc3280#4.2.1.4 privateKeyUsagePeriod: when the key stops to sign, while its certificate goes on. */
static bool read_times(const X509 *certificate, struct tsp_signer *s, struct error *err) {
    PKEY_USAGE_PERIOD *period =
        X509_get_ext_d2i(certificate, NID_private_key_usage_period, NULL, NULL);
    bool ok = asn1_time_to_us(X509_get0_notBefore(certificate), &s->not_before_us, err) &&
              asn1_time_to_us(X509_get0_notAfter(certificate), &s->not_after_us, err);
    s->key_not_after_us = s->not_after_us;
    if (ok && period != NULL && period->notAfter != NULL)
        ok = asn1_time_to_us(period->notAfter, &s->key_not_after_us, err);
    PKEY_USAGE_PERIOD_free(period);
    ERR_clear_error();
    return ok;
}

/* --- signing ------------------------------------------------------------------------------------------- */

/* Contexts that are set up with key and digest. One is taken by one thread at a time; who finds none makes one, so
 * there are as many as have signed at once, but no more than these are kept. */
struct tsp_ready {
    _Atomic(EVP_PKEY_CTX *) contexts[READY_MAX];
};

static void drop_ready(void *object) {
    struct tsp_ready *ready = object;
    for (size_t i = 0; i < READY_MAX; i++)
        EVP_PKEY_CTX_free(atomic_load(&ready->contexts[i]));
}

static EVP_PKEY_CTX *take_ready(const struct tsp_signer *s) {
    for (size_t i = 0; i < READY_MAX; i++) {
        EVP_PKEY_CTX *context = atomic_load(&s->ready->contexts[i]);
        if (context != NULL && atomic_compare_exchange_strong(&s->ready->contexts[i], &context, NULL))
            return context;
    }
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, s->key, NULL);
    if (context != NULL && EVP_PKEY_sign_init(context) == 1 &&
        EVP_PKEY_CTX_set_signature_md(context, s->digest) == 1)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static void give_ready(const struct tsp_signer *s, EVP_PKEY_CTX *context) {
    for (size_t i = 0; i < READY_MAX; i++) {
        EVP_PKEY_CTX *none = NULL;
        if (atomic_compare_exchange_strong(&s->ready->contexts[i], &none, context))
            return;
    }
    EVP_PKEY_CTX_free(context);
}

static bool sign_digest(const struct tsp_signer *s, struct view message, uint8_t *signature, size_t *len) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;
    EVP_PKEY_CTX *context;
    if (EVP_Digest(message.at, message.len, digest, &digest_len, s->digest, NULL) != 1 ||
        (context = take_ready(s)) == NULL)
        return false;
    if (EVP_PKEY_sign(context, signature, len, digest, digest_len) == 1) {
        give_ready(s, context);
        return true;
    }
    EVP_PKEY_CTX_free(context);
    return false;
}

static bool sign_whole(const struct tsp_signer *s, struct view message, uint8_t *signature, size_t *len) {
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    return context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, s->key) == 1 &&
           EVP_DigestSign(context, signature, len, message.at, message.len) == 1;
}

static bool is_right(const struct tsp_signer *s, struct view message, struct view signature) {
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    return context != NULL &&
           EVP_DigestVerifyInit(context, NULL, s->whole ? NULL : s->digest, NULL, s->public_key) == 1 &&
           EVP_DigestVerify(context, signature.at, signature.len, message.at, message.len) == 1;
}

bool tsp_signer_sign(struct arena *arena, const struct tsp_signer *signer, struct view message,
                     struct view *ret_signature, struct error *err) {
    int most = EVP_PKEY_get_size(signer->public_key);
    size_t len = most > 0 ? (size_t)most : SIGNATURE_MAX;
    uint8_t *signature = arena_alloc(arena, len);
    if (!(signer->whole ? sign_whole : sign_digest)(signer, message, signature, &len)) {
        ERR_clear_error();
        return fail(err, ERROR_UNAVAILABLE, "signing-failed",
                    "The timestamping key does not answer; try again.");
    }
    *ret_signature = view_of(signature, len);
    return !signer->verify || is_right(signer, message, *ret_signature) ||
           fail_internal(err, "the timestamping key's signature does not verify");
}

/* --- what does not change from token to token ------------------------------------------------------------ */

static void drop_digest(void *digest) {
    EVP_MD_free(digest);
}

/* A digest that is fetched once is not looked for at each use. */
static bool prepare(struct arena *arena, struct tsp_signer *s, struct error *err) {
    EVP_MD *digest = EVP_MD_fetch(NULL, EVP_MD_get0_name(s->digest), NULL);
    if (digest == NULL) {
        ERR_clear_error();
        return fail_internal(err, "digest of a timestamp");
    }
    arena_defer(arena, drop_digest, digest);
    s->digest = digest;
    if (!s->whole) {
        s->ready = arena_alloc(arena, sizeof *s->ready);
        arena_defer(arena, drop_ready, s->ready);
    }
    return true;
}

bool tsp_signer_make(struct arena *arena, const struct tsp_identity *identity,
                     const char *signature_digest, enum tsp_chain chain, struct tsp_signer *ret,
                     struct error *err) {
    struct tsp_signer s = {.certificate = identity->certificate, .key = identity->key};
    struct view own = certificate_der(arena, identity->certificate);
    TRY(tsp_certificate_check(identity->certificate, err));
    s.public_key = X509_get0_pubkey(identity->certificate);
    if (s.public_key == NULL || own.len == 0)
        return refuse(err, "its public key cannot be read");
    TRY(read_times(identity->certificate, &s, err));
    TRY(choose_algorithms(arena, signature_digest, &s, err));
    TRY(prepare(arena, &s, err));
    /* What a token of others signs is verified before it leaves. Our own one has proved each key when it loaded
     * it, and verifying would cost more than signing does. */
    s.verify = !identity->managed;
    encode_names(arena, &s);
    TRY(encode_ess(arena, own, &s, err));
    encode_certificates(arena, own, identity->chain, chain, &s);
    *ret = s;
    return true;
}
