#include "cmp/protect.h"

#include "base/clock.h"

#include <openssl/core_names.h>
#include <openssl/crmf.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define SALT_MIN 8
#define SALT_MAX 64
#define ITERATIONS_MIN 100
#define PBMAC1_KEY 32

DEFINE_AUTO(OSSL_CRMF_PBMPARAMETER, OSSL_CRMF_PBMPARAMETER_free)
DEFINE_AUTO(PBMAC1PARAM, PBMAC1PARAM_free)
DEFINE_AUTO(PBKDF2PARAM, PBKDF2PARAM_free)

static bool bad_algorithm(struct error *err, const char *what) {
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "cmp-algorithm", "The protection is not accepted: %s.", what);
}

static bool bad_protection(struct error *err) {
    ERR_clear_error();
    return fail(err, ERROR_UNAUTHENTICATED, "cmp-protection",
                "The protection does not verify: another secret or key, or the message was changed on its way.");
}

static const EVP_MD *hmac_digest(int nid) {
    switch (nid) {
    case NID_hmacWithSHA224: return EVP_sha224();
    case NID_hmacWithSHA256: return EVP_sha256();
    case NID_hmacWithSHA384: return EVP_sha384();
    case NID_hmacWithSHA512: return EVP_sha512();
    default: return NULL;
    }
}

/* The MAC's digest, SHA-1 only when it is allowed. */
static bool hmac_allowed(int nid, const struct cmp_algorithms *allowed) {
    if (nid == NID_hmacWithSHA1 || nid == NID_hmac_sha1)
        return allowed->sha1;
    return minima_digest(&allowed->least, hmac_digest(nid));
}

static bool owf_allowed(int nid, const struct cmp_algorithms *allowed) {
    if (nid == NID_sha1)
        return allowed->sha1;
    return (nid == NID_sha224 || nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512) &&
           minima_digest(&allowed->least, EVP_get_digestbynid(nid));
}

static struct view parameter_of(const X509_ALGOR *algorithm) {
    const ASN1_OBJECT *object;
    const void *value;
    int type;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE)
        return view_of(NULL, 0);
    return view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

static int nid_of(const X509_ALGOR *algorithm) {
    const ASN1_OBJECT *object;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return OBJ_obj2nid(object);
}

static bool bounds(int64_t salt, const ASN1_INTEGER *iterations, const struct cmp_algorithms *allowed,
                   struct error *err) {
    int64_t count = 0;
    if (salt < SALT_MIN || salt > SALT_MAX)
        return bad_algorithm(err, "the salt must have 8 to 64 octets");
    if (ASN1_INTEGER_get_int64(&count, iterations) != 1 || count < ITERATIONS_MIN ||
        count > allowed->max_iterations)
        return bad_algorithm(err, "the iteration count is under 100 or over the template's limit");
    return true;
}

static bool check_pbm(struct arena *arena, const X509_ALGOR *algorithm, const struct cmp_algorithms *allowed,
                      struct error *err) {
    const CMP_PBM *pbm = asn1_read(arena, parameter_of(algorithm), ASN1_ITEM_rptr(CMP_PBM));
    if (!allowed->pbm)
        return bad_algorithm(err, "PasswordBasedMac is switched off for this template; use PBMAC1 or a signature");
    if (pbm == NULL)
        return bad_algorithm(err, "the parameters of PasswordBasedMac cannot be read");
    if (!owf_allowed(nid_of(pbm->owf), allowed))
        return bad_algorithm(err, "PasswordBasedMac needs SHA-2 of the template's leastDigestBits as its one-way "
                                  "function; with openssl cmp: -digest sha256");
    if (!hmac_allowed(nid_of(pbm->mac), allowed))
        return bad_algorithm(err, "PasswordBasedMac needs HMAC with SHA-2 (RFC 9481 6.1.1) of the template's "
                                  "leastDigestBits; with openssl cmp: -mac hmacWithSHA256");
    return bounds(ASN1_STRING_length(pbm->salt), pbm->iterations, allowed, err);
}

struct pbmac1 {
    struct view salt;
    int iterations;
    const EVP_MD *prf, *mac;
};

/* rfc9481#6.1.2, rfc8018#7.1: PBKDF2 with HMAC-SHA-2, then HMAC-SHA-2. */
static bool read_pbmac1(struct arena *arena, const X509_ALGOR *algorithm, const struct cmp_algorithms *allowed,
                        struct pbmac1 *ret, struct error *err) {
    AUTO(PBKDF2PARAM) *kdf = NULL;
    struct view der = parameter_of(algorithm);
    const unsigned char *at = der.at;
    AUTO(PBMAC1PARAM) *parameters = der.len == 0 ? NULL : d2i_PBMAC1PARAM(NULL, &at, (long)der.len);
    if (parameters == NULL || nid_of(parameters->keyDerivationFunc) != NID_id_pbkdf2)
        return bad_algorithm(err, "PBMAC1 needs PBKDF2");
    struct view inner = parameter_of(parameters->keyDerivationFunc);
    at = inner.at;
    kdf = inner.len == 0 ? NULL : d2i_PBKDF2PARAM(NULL, &at, (long)inner.len);
    if (kdf == NULL || kdf->salt->type != V_ASN1_OCTET_STRING)
        return bad_algorithm(err, "the parameters of PBKDF2 cannot be read");
    TRY(bounds(ASN1_STRING_length(kdf->salt->value.octet_string), kdf->iter, allowed, err));
    struct pbmac1 read = {.iterations = (int)ASN1_INTEGER_get(kdf->iter),
                          .prf = kdf->prf == NULL ? NULL : hmac_digest(nid_of(kdf->prf)),
                          .mac = hmac_digest(nid_of(parameters->messageAuthScheme))};
    if (!minima_digest(&allowed->least, read.prf) || !minima_digest(&allowed->least, read.mac))
        return bad_algorithm(err, "PBMAC1 needs HMAC with SHA-2 of the template's leastDigestBits in both places (RFC 9481 "
                                  "6.1.2)");
    if (kdf->keylength != NULL && ASN1_INTEGER_get(kdf->keylength) != PBMAC1_KEY)
        return bad_algorithm(err, "PBMAC1 needs a key length of 32 octets");
    read.salt = arena_copy(arena, ASN1_STRING_get0_data(kdf->salt->value.octet_string),
                           (size_t)ASN1_STRING_length(kdf->salt->value.octet_string));
    *ret = read;
    return true;
}

bool cmp_signature_allowed(const X509_ALGOR *algorithm, struct error *err) {
    int digest = NID_undef;
    if (!signature_digest(algorithm, &digest))
        return bad_algorithm(err, "the signature algorithm is not known");
    if (digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_ripemd160)
        return bad_algorithm(err, "signatures need SHA-2, SHA-3, EdDSA or ML-DSA");
    ERR_clear_error();
    return true;
}

bool cmp_protection_kind(struct arena *arena, const struct cmp_message *m, const struct cmp_algorithms *allowed,
                         enum cmp_protection *ret, struct error *err) {
    struct pbmac1 ignored;
    const X509_ALGOR *algorithm = m->header->protection_alg;
    if (algorithm == NULL || m->whole->protection == NULL) {
        *ret = CMP_UNPROTECTED;
        return true;
    }
    switch (nid_of(algorithm)) {
    case NID_id_PasswordBasedMAC:
        *ret = CMP_BY_MAC;
        return check_pbm(arena, algorithm, allowed, err);
    case NID_pbmac1:
        *ret = CMP_BY_MAC;
        if (!allowed->pbmac1)
            return bad_algorithm(err, "PBMAC1 is switched off for this template");
        return read_pbmac1(arena, algorithm, allowed, &ignored, err);
    default:
        *ret = CMP_BY_SIGNATURE;
        if (!allowed->signature)
            return bad_algorithm(err, "signatures are switched off for this template; use a shared secret");
        return cmp_signature_allowed(algorithm, err) &&
               minima_signature(&allowed->least, algorithm, "protection", err);
    }
}

/* --- MACs --------------------------------------------------------------------------------------------- */

static bool pbm_value(const X509_ALGOR *algorithm, struct view secret, struct view message,
                      uint8_t ret[EVP_MAX_MD_SIZE], size_t *ret_len, struct error *err) {
    struct view der = parameter_of(algorithm);
    const unsigned char *at = der.at;
    unsigned char *mac = NULL;
    AUTO(OSSL_CRMF_PBMPARAMETER) *pbm = d2i_OSSL_CRMF_PBMPARAMETER(NULL, &at, (long)der.len);
    if (pbm == NULL || OSSL_CRMF_pbm_new(NULL, NULL, pbm, message.at, message.len, secret.at, secret.len, &mac,
                                         ret_len) != 1)
        return bad_algorithm(err, "PasswordBasedMac cannot be computed with these parameters");
    if (*ret_len > EVP_MAX_MD_SIZE)
        *ret_len = 0;
    memcpy(ret, mac, *ret_len);
    OPENSSL_free(mac);
    return true;
}

static bool pbmac1_value(struct arena *arena, const X509_ALGOR *algorithm, struct view secret,
                         struct view message, uint8_t ret[EVP_MAX_MD_SIZE], size_t *ret_len, struct error *err) {
    static const struct cmp_algorithms any = {.max_iterations = 10000000};
    struct pbmac1 p;
    uint8_t key[PBMAC1_KEY];
    TRY(read_pbmac1(arena, algorithm, &any, &p, err));
    bool ok = PKCS5_PBKDF2_HMAC((const char *)secret.at, (int)secret.len, p.salt.at, (int)p.salt.len,
                                p.iterations, p.prf, sizeof key, key) == 1 &&
              EVP_Q_mac(NULL, "HMAC", NULL, EVP_MD_get0_name(p.mac), NULL, key, sizeof key, message.at,
                        message.len, ret, EVP_MAX_MD_SIZE, ret_len) != NULL;
    OPENSSL_cleanse(key, sizeof key);
    return ok || fail_internal(err, "PBMAC1");
}

static bool mac_value(struct arena *arena, const X509_ALGOR *algorithm, struct view secret, struct view message,
                      uint8_t ret[EVP_MAX_MD_SIZE], size_t *ret_len, struct error *err) {
    if (nid_of(algorithm) == NID_pbmac1)
        return pbmac1_value(arena, algorithm, secret, message, ret, ret_len, err);
    return pbm_value(algorithm, secret, message, ret, ret_len, err);
}

static bool equal(const ASN1_BIT_STRING *value, const uint8_t *mac, size_t len) {
    /* All bits count: one MAC has one encoding. */
    return len > 0 && (value->flags & 0x07) == 0 && (size_t)ASN1_STRING_length(value) == len &&
           CRYPTO_memcmp(ASN1_STRING_get0_data(value), mac, len) == 0;
}

static struct view protected_part(struct arena *arena, const struct cmp_message *m) {
    CMP_PROTECTED part = {m->whole->header, m->whole->body};
    return asn1_der(arena, &part, ASN1_ITEM_rptr(CMP_PROTECTED));
}

bool cmp_verify_mac(struct arena *arena, const struct cmp_message *m, struct view secret, struct error *err) {
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t len = 0;
    TRY(mac_value(arena, m->header->protection_alg, secret, protected_part(arena, m), mac, &len, err));
    return equal(m->whole->protection, mac, len) || bad_protection(err);
}

bool cmp_check_public_key_mac(struct arena *arena, const CRMF_MAC *mac, struct view spki, struct view secret,
                              const struct cmp_algorithms *allowed, struct error *err) {
    uint8_t value[EVP_MAX_MD_SIZE];
    size_t len = 0;
    struct pbmac1 ignored;
    if (nid_of(mac->alg) == NID_pbmac1)
        TRY(read_pbmac1(arena, mac->alg, allowed, &ignored, err));
    else
        TRY(check_pbm(arena, mac->alg, allowed, err));
    TRY(mac_value(arena, mac->alg, secret, spki, value, &len, err));
    return equal(mac->value, value, len) || bad_protection(err);
}

bool cmp_verify_signature(const struct cmp_message *m, EVP_PKEY *key, struct error *err) {
    CMP_PROTECTED part = {m->whole->header, m->whole->body};
    if (ASN1_item_verify(ASN1_ITEM_rptr(CMP_PROTECTED), m->header->protection_alg, m->whole->protection, &part,
                         key) != 1)
        return bad_protection(err);
    return true;
}

/* --- sealing ------------------------------------------------------------------------------------------ */

static struct view algorithm_der(struct arena *arena, const X509_ALGOR *algorithm) {
    return asn1_der(arena, algorithm, ASN1_ITEM_rptr(X509_ALGOR));
}

static struct view pbmac1_again(struct arena *arena, struct view parameters_der, struct view salt) {
    const unsigned char *at = parameters_der.at;
    AUTO(PBMAC1PARAM) *parameters = d2i_PBMAC1PARAM(NULL, &at, (long)parameters_der.len);
    struct view inner = parameters == NULL ? view_of(NULL, 0) : parameter_of(parameters->keyDerivationFunc);
    at = inner.at;
    AUTO(PBKDF2PARAM) *kdf = inner.len == 0 ? NULL : d2i_PBKDF2PARAM(NULL, &at, (long)inner.len);
    if (kdf == NULL)
        return view_of(NULL, 0);
    struct view pbkdf2 = WIRE_SEQ(arena, salt, wire_int(arena, ASN1_INTEGER_get(kdf->iter)),
                                 wire_int(arena, PBMAC1_KEY), algorithm_der(arena, kdf->prf));
    return WIRE_SEQ(arena, wire_oid(arena, NID_pbmac1),
                   WIRE_SEQ(arena, WIRE_SEQ(arena, wire_oid(arena, NID_id_pbkdf2), pbkdf2),
                           algorithm_der(arena, parameters->messageAuthScheme)));
}

/* The client's algorithm with a salt of our own. */
static struct view replace_salt(struct arena *arena, const X509_ALGOR *like) {
    uint8_t random[16];
    random_bytes(random, sizeof random);
    struct view salt = wire_octets(arena, view_of(random, sizeof random));
    if (nid_of(like) == NID_pbmac1)
        return pbmac1_again(arena, parameter_of(like), salt);
    const CMP_PBM *pbm = asn1_read(arena, parameter_of(like), ASN1_ITEM_rptr(CMP_PBM));
    if (pbm == NULL)
        return view_of(NULL, 0);
    return WIRE_SEQ(arena, wire_oid(arena, NID_id_PasswordBasedMAC),
                   WIRE_SEQ(arena, salt, algorithm_der(arena, pbm->owf),
                           wire_int(arena, ASN1_INTEGER_get(pbm->iterations)), algorithm_der(arena, pbm->mac)));
}

bool cmp_seal_mac(struct arena *arena, const struct cmp_answer *answer, const X509_ALGOR *like,
                  struct view secret, struct view *ret_der, struct error *err) {
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t len = 0;
    struct view der = replace_salt(arena, like);
    const X509_ALGOR *algorithm = asn1_read(arena, der, ASN1_ITEM_rptr(X509_ALGOR));
    if (algorithm == NULL)
        return fail_internal(err, "the MAC's parameters cannot be repeated");
    struct view header = cmp_header_der(arena, answer, der), body = cmp_body_der(arena, answer);
    TRY(mac_value(arena, algorithm, secret, WIRE_SEQ(arena, header, body), mac, &len, err));
    *ret_der = cmp_assemble(arena, answer, header, body, view_of(mac, len));
    return true;
}

/* The AlgorithmIdentifier of signatures by this key. RSA has a NULL (rfc4055#5), all others have no parameters. */
static struct view signature_algorithm(struct arena *arena, const X509 *certificate, const EVP_MD *digest) {
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    int key_nid = EVP_PKEY_get_base_id(key), nid = NID_undef;
    if (key_nid <= 0)
        key_nid = OBJ_txt2nid(EVP_PKEY_get0_type_name(key));
    if (digest == NULL)
        nid = key_nid;
    else if (OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(digest), key_nid) != 1)
        return view_of(NULL, 0);
    struct view null = key_nid == NID_rsaEncryption ? wire_null() : view_of(NULL, 0);
    return WIRE_SEQ(arena, wire_oid(arena, nid), null);
}

static bool sign(struct arena *arena, EVP_PKEY *key, const EVP_MD *digest, struct view message,
                 struct view *ret, struct error *err) {
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    size_t len = 0;
    const char *name = digest == NULL ? NULL : EVP_MD_get0_name(digest);
    if (ctx == NULL || EVP_DigestSignInit_ex(ctx, NULL, name, NULL, NULL, key, NULL) != 1 ||
        EVP_DigestSign(ctx, NULL, &len, message.at, message.len) != 1)
        return fail(err, ERROR_UNAVAILABLE, "signing-failed", "The CMP service key does not sign; its token is away.");
    uint8_t *signature = arena_alloc(arena, len);
    if (EVP_DigestSign(ctx, signature, &len, message.at, message.len) != 1) {
        ERR_clear_error();
        return fail(err, ERROR_UNAVAILABLE, "signing-failed", "The CMP service key does not sign; its token is away.");
    }
    *ret = view_of(signature, len);
    return true;
}

bool cmp_seal_signature(struct arena *arena, const struct cmp_answer *answer, EVP_PKEY *key,
                        const X509 *certificate, const EVP_MD *digest, struct view *ret_der, struct error *err) {
    struct view algorithm = signature_algorithm(arena, certificate, digest), signature;
    if (algorithm.len == 0)
        return fail_internal(err, "no signature algorithm for the CMP service key");
    struct view header = cmp_header_der(arena, answer, algorithm), body = cmp_body_der(arena, answer);
    TRY(sign(arena, key, digest, WIRE_SEQ(arena, header, body), &signature, err));
    *ret_der = cmp_assemble(arena, answer, header, body, signature);
    return true;
}

struct view cmp_seal_nothing(struct arena *arena, const struct cmp_answer *answer) {
    struct view none = view_of(NULL, 0);
    return cmp_assemble(arena, answer, cmp_header_der(arena, answer, none), cmp_body_der(arena, answer), none);
}
