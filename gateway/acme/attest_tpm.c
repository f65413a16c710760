/* TPM 2.0 statements: an attestation key (AK), whose certificate names the device, has certified
 * that the key of `pubArea` is in the same TPM (TPM 2.0 Library, part 2; WebAuthn 8.3, with the key
 * authorization in place of the authenticator's data). */
#include "acme/attest.h"
#include "acme/cbor.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>

#define TPM_GENERATED 0xff544347u
#define TPM_ST_ATTEST_CERTIFY 0x8017
#define TPM_ALG_RSA 0x0001
#define TPM_ALG_NULL 0x0010
#define TPM_ALG_RSASSA 0x0014
#define TPM_ALG_RSAPSS 0x0016
#define TPM_ALG_ECDSA 0x0018
#define TPM_ALG_ECDAA 0x001a
#define TPM_ALG_ECC 0x0023
#define ATTRIBUTE_FIXED_TPM (1u << 1)
#define ATTRIBUTE_FIXED_PARENT (1u << 4)
#define ATTRIBUTE_SENSITIVE_ORIGIN (1u << 5)
#define AK_USAGE "2.23.133.8.3" /* tcg-kp-AIKCertificate */

/* Reads big-endian numbers and sized buffers; what is short makes `ok` false for good. */
struct bytes {
    struct view rest;
    bool ok;
};

static struct view take(struct bytes *b, size_t len) {
    struct view out = view_of(b->rest.at, len);
    b->ok = b->ok && b->rest.len >= len;
    if (!b->ok)
        return (struct view){0};
    b->rest = view_of(b->rest.at + len, b->rest.len - len);
    return out;
}

static uint32_t number(struct bytes *b, size_t octets) {
    struct view v = take(b, octets);
    uint32_t out = 0;
    for (size_t i = 0; i < v.len; i++)
        out = out << 8 | v.at[i];
    return out;
}

static struct view sized(struct bytes *b) {
    return take(b, number(b, 2));
}

static const EVP_MD *digest_of(uint32_t alg) {
    return alg == 0x000b   ? EVP_sha256()
           : alg == 0x000c ? EVP_sha384()
           : alg == 0x000d ? EVP_sha512()
                           : NULL;
}

/* A scheme with its digest, where it has one. */
static void skip_scheme(struct bytes *b) {
    uint32_t scheme = number(b, 2);
    if (scheme != TPM_ALG_NULL)
        number(b, 2);
    if (scheme == TPM_ALG_ECDAA)
        number(b, 2);
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build) {
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(struct bytes *b) {
    skip_scheme(b);
    number(b, 2); /* bits */
    uint32_t exponent = number(b, 4);
    struct view modulus = sized(b);
    if (!b->ok || b->rest.len > 0 || modulus.len == 0 || modulus.len > 2048)
        return NULL;
    AUTO(BIGNUM) *n = BN_bin2bn(modulus.at, (int)modulus.len, NULL);
    AUTO(BIGNUM) *e = BN_new();
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (n != NULL && e != NULL && build != NULL &&
        BN_set_word(e, exponent == 0 ? 65537 : exponent) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = make_key("RSA", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *ec_key(struct bytes *b) {
    static const struct {
        uint32_t id;
        const char *name;
        size_t size;
    } curves[] = {{3, "P-256", 32}, {4, "P-384", 48}, {5, "P-521", 66}};
    uint8_t point[1 + 2 * 66] = {4};
    skip_scheme(b);
    uint32_t id = number(b, 2), kdf = number(b, 2);
    if (kdf != TPM_ALG_NULL)
        number(b, 2);
    struct view x = sized(b), y = sized(b);
    size_t at = 0;
    while (at < 3 && curves[at].id != id)
        at++;
    if (!b->ok || b->rest.len > 0 || at == 3 || x.len > curves[at].size || y.len > curves[at].size)
        return NULL;
    size_t size = curves[at].size;
    memcpy(point + 1 + size - x.len, x.at, x.len);
    memcpy(point + 1 + 2 * size - y.len, y.at, y.len);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curves[at].name, 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) == 1)
        key = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* TPMT_PUBLIC. The key is made in this TPM and cannot leave it. */
static EVP_PKEY *public_area(struct view area, uint32_t *ret_name_alg, const char **ret_why) {
    struct bytes b = {area, true};
    uint32_t type = number(&b, 2);
    *ret_name_alg = number(&b, 2);
    uint32_t attributes = number(&b, 4);
    const uint32_t wanted =
        ATTRIBUTE_FIXED_TPM | ATTRIBUTE_FIXED_PARENT | ATTRIBUTE_SENSITIVE_ORIGIN;
    sized(&b); /* authPolicy */
    *ret_why = "has a \"pubArea\" that cannot be read";
    if (!b.ok || (type != TPM_ALG_RSA && type != TPM_ALG_ECC))
        return NULL;
    if ((attributes & wanted) != wanted) {
        *ret_why = "is for a key that was not made in the TPM or can leave it";
        return NULL;
    }
    if (number(&b, 2) != TPM_ALG_NULL) /* symmetric: of storage keys, which sign nothing */
        return NULL;
    return type == TPM_ALG_RSA ? rsa_key(&b) : ec_key(&b);
}

static bool name_fits(struct view name, uint32_t alg, struct view area) {
    const EVP_MD *digest = digest_of(alg);
    uint8_t wanted[2 + EVP_MAX_MD_SIZE] = {(uint8_t)(alg >> 8), (uint8_t)alg};
    unsigned len = 0;
    return digest != NULL && EVP_Digest(area.at, area.len, wanted + 2, &len, digest, NULL) == 1 &&
           view_equal(name, view_of(wanted, 2 + len));
}

/* TPMS_ATTEST of TPM2_Certify: NULL, or what is wrong with it. */
static const char *certify_problem(struct view info, struct view area, uint32_t name_alg,
                                   const char *key_authorization) {
    struct bytes b = {info, true};
    uint8_t wanted[32];
    if (number(&b, 4) != TPM_GENERATED || number(&b, 2) != TPM_ST_ATTEST_CERTIFY)
        return "has a \"certInfo\" that is not of TPM2_Certify";
    sized(&b); /* qualifiedSigner */
    struct view extra = sized(&b);
    take(&b, 17 + 8); /* clockInfo, firmwareVersion */
    struct view name = sized(&b);
    sized(&b); /* qualifiedName */
    if (!b.ok || b.rest.len > 0)
        return "has a \"certInfo\" that cannot be read";
    SHA256((const unsigned char *)key_authorization, strlen(key_authorization), wanted);
    if (!view_equal(extra, view_of(wanted, sizeof wanted)))
        return "is not for this challenge: its extraData is not the SHA-256 of the key "
               "authorization";
    return name_fits(name, name_alg, area) ? NULL
                                           : "certifies another key than that of \"pubArea\"";
}

/* TPMT_SIGNATURE as the DER or octets that OpenSSL wants. */
static bool read_signature(struct arena *arena, struct view bytes, const EVP_MD **ret_digest,
                           bool *ret_pss, struct view *ret) {
    struct bytes b = {bytes, true};
    uint32_t alg = number(&b, 2);
    *ret_digest = digest_of(number(&b, 2));
    *ret_pss = alg == TPM_ALG_RSAPSS;
    struct view first = sized(&b);
    if (alg == TPM_ALG_RSASSA || alg == TPM_ALG_RSAPSS) {
        *ret = first;
        return b.ok && b.rest.len == 0 && *ret_digest != NULL;
    }
    struct view second = sized(&b);
    if (alg != TPM_ALG_ECDSA || !b.ok || b.rest.len > 0 || *ret_digest == NULL || first.len > 66 ||
        second.len > 66)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;
    BIGNUM *r = BN_bin2bn(first.at, (int)first.len, NULL);
    BIGNUM *s = BN_bin2bn(second.at, (int)second.len, NULL);
    int len = sig != NULL && ECDSA_SIG_set0(sig, r, s) == 1 ? i2d_ECDSA_SIG(sig, &der) : -1;
    if (len > 0)
        *ret = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return len > 0;
}

static bool verify(struct arena *arena, const X509 *ak, struct view signature, struct view info) {
    const EVP_MD *digest;
    EVP_PKEY_CTX *key_ctx = NULL;
    struct view raw;
    bool pss;
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || !read_signature(arena, signature, &digest, &pss, &raw) ||
        EVP_DigestVerifyInit(ctx, &key_ctx, digest, NULL, X509_get0_pubkey(ak)) != 1)
        return false;
    if (pss && (EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
                EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_AUTO) != 1))
        return false;
    return EVP_DigestVerify(ctx, raw.at, raw.len, info.at, info.len) == 1;
}

static bool is_attestation_key(X509 *ak) {
    AUTO(EXTENDED_KEY_USAGE) *usage = X509_get_ext_d2i(ak, NID_ext_key_usage, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
        char text[80];
        found = found || (OBJ_obj2txt(text, sizeof text, sk_ASN1_OBJECT_value(usage, i), 1) > 0 &&
                          strcmp(text, AK_USAGE) == 0);
    }
    return found && X509_check_ca(ak) == 0;
}

bool attest_tpm(struct attestation *a, struct arena *arena, const struct cbor *statement,
                X509 *certificate, const char *key_authorization, struct error *err) {
    const struct cbor *version = cbor_get(statement, "ver");
    struct view signature, info, area;
    uint32_t name_alg = 0;
    const char *why;
    if (version == NULL || version->type != CBOR_TEXT || !view_is(version->bytes, "2.0"))
        return attest_bad(err, a->format, "is not of TPM 2.0");
    if (!cbor_bytes(statement, "sig", &signature) || !cbor_bytes(statement, "certInfo", &info) ||
        !cbor_bytes(statement, "pubArea", &area))
        return attest_bad(err, a->format, "needs \"sig\", \"certInfo\" and \"pubArea\"");
    AUTO(EVP_PKEY) *key = public_area(area, &name_alg, &why);
    if (key == NULL)
        return attest_bad(err, a->format, why);
    why = certify_problem(info, area, name_alg, key_authorization);
    if (why != NULL)
        return attest_bad(err, a->format, why);
    if (!is_attestation_key(certificate))
        return attest_bad(err, a->format,
                          "is not by an attestation key's certificate "
                          "(tcg-kp-AIKCertificate, no CA)");
    if (!verify(arena, certificate, signature, info))
        return attest_bad(err, a->format, "has a wrong signature over \"certInfo\"");
    TRY(attest_names_of(a, arena, certificate, err));
    return attest_key(a, arena, key, err);
}
