#include "x509/jwk.h"

#include "base/encode.h"
#include "x509/key_type.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

DEFINE_AUTO(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFINE_AUTO(OSSL_PARAM, OSSL_PARAM_free)
DEFINE_AUTO(ECDSA_SIG, ECDSA_SIG_free)

#define BASIC "provider=default"

static const struct {
    const char *crv, *group;
    size_t octets;
} curves[] = {{"P-256", "P-256", 32}, {"P-384", "P-384", 48}, {"P-521", "P-521", 66}};

static const struct {
    const char *alg, *kty, *crv; /* crv NULL: any of that type; AKP: none */
    const char *digest;          /* NULL: the whole message is signed */
    bool pss;
} algorithms[] = {
    {"ES256", "EC", "P-256", "SHA2-256", false},    {"ES384", "EC", "P-384", "SHA2-384", false},
    {"ES512", "EC", "P-521", "SHA2-512", false},    {"RS256", "RSA", NULL, "SHA2-256", false},
    {"PS256", "RSA", NULL, "SHA2-256", true},       {"EdDSA", "OKP", NULL, NULL, false},
    {"Ed25519", "OKP", "Ed25519", NULL, false},     {"Ed448", "OKP", "Ed448", NULL, false},
    {"ML-DSA-44", "AKP", "ML-DSA-44", NULL, false}, {"ML-DSA-65", "AKP", "ML-DSA-65", NULL, false},
    {"ML-DSA-87", "AKP", "ML-DSA-87", NULL, false},
};

static bool bad(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "bad-jwk", "The JSON Web Key %s.", what);
}

static bool member(struct arena *arena, const struct json *document, const char *name,
                   struct view *ret, struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    if (text == NULL || *text == '\0' || !base64url_decode(arena, view_text(text), ret))
        return fail(err, ERROR_MALFORMED, "bad-jwk",
                    "The JSON Web Key has no member \"%s\" in base64url (rfc7518#6).", name);
    return true;
}

static bool import(struct arena *arena, const char *type, OSSL_PARAM_BLD *build, EVP_PKEY **ret,
                   struct error *err) {
    AUTO(OSSL_PARAM) *params = OSSL_PARAM_BLD_to_param(build);
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, BASIC);
    EVP_PKEY *key = NULL;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
        return fail_internal(err, "EVP_PKEY_fromdata_init");
    if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return bad(err, "is no valid public key");
    *ret = keep_EVP_PKEY(arena, key);
    return true;
}

static bool read_ec(struct arena *arena, const struct json *document, struct jwk *ret,
                    struct error *err) {
    const char *crv = "";
    struct view x, y;
    size_t i = 0;
    TRY(json_string(document, "crv", &crv, err));
    while (i < 3 && strcmp(curves[i].crv, crv) != 0)
        i++;
    if (i == 3)
        return bad(err, "is on another curve than P-256, P-384 and P-521");
    TRY(member(arena, document, "x", &x, err));
    TRY(member(arena, document, "y", &y, err));
    /* rfc7518#6.2.1.2: the full size of a coordinate */
    if (x.len != curves[i].octets || y.len != curves[i].octets)
        return bad(err, "has coordinates of a wrong length");
    uint8_t *point = arena_alloc(arena, 1 + x.len + y.len);
    point[0] = 4;
    memcpy(point + 1, x.at, x.len);
    memcpy(point + 1 + x.len, y.at, y.len);
    AUTO(OSSL_PARAM_BLD) *build = OSSL_PARAM_BLD_new();
    if (build == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) !=
            1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + x.len + y.len) != 1)
        return fail_internal(err, "OSSL_PARAM_BLD");
    TRY(import(arena, "EC", build, &ret->key, err));
    ret->canonical =
        arena_printf(arena, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", crv,
                     base64url_encode(arena, x), base64url_encode(arena, y));
    return true;
}

static bool read_rsa(struct arena *arena, const struct json *document, struct jwk *ret,
                     struct error *err) {
    struct view n, e;
    TRY(member(arena, document, "n", &n, err));
    TRY(member(arena, document, "e", &e, err));
    if (n.len > 1024 || e.len > 32 || n.at[0] == 0 || e.at[0] == 0)
        return bad(err, "has an RSA number that is too large or has leading zeros (rfc7518#6.3.1)");
    AUTO(BIGNUM) *modulus = BN_bin2bn(n.at, (int)n.len, NULL);
    AUTO(BIGNUM) *exponent = BN_bin2bn(e.at, (int)e.len, NULL);
    AUTO(OSSL_PARAM_BLD) *build = OSSL_PARAM_BLD_new();
    if (modulus == NULL || exponent == NULL || build == NULL ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return fail_internal(err, "OSSL_PARAM_BLD");
    TRY(import(arena, "RSA", build, &ret->key, err));
    ret->canonical = arena_printf(arena, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
                                  base64url_encode(arena, e), base64url_encode(arena, n));
    return true;
}

static bool raw(struct arena *arena, const char *type, struct view public, struct jwk *ret,
                struct error *err) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, type, BASIC, public.at, public.len);
    if (key == NULL)
        return bad(err, "is no valid public key");
    ret->key = keep_EVP_PKEY(arena, key);
    return true;
}

static bool read_okp(struct arena *arena, const struct json *document, struct jwk *ret,
                     struct error *err) {
    const char *crv = "";
    struct view x;
    TRY(json_string(document, "crv", &crv, err));
    if (strcmp(crv, "Ed25519") != 0 && strcmp(crv, "Ed448") != 0)
        return bad(err, "is an OKP key other than Ed25519 and Ed448");
    TRY(member(arena, document, "x", &x, err));
    TRY(raw(arena, crv, x, ret, err));
    ret->canonical = arena_printf(arena, "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", crv,
                                  base64url_encode(arena, x));
    return true;
}

static bool read_akp(struct arena *arena, const struct json *document, struct jwk *ret,
                     struct error *err) {
    const char *alg = "";
    struct view pub;
    TRY(json_string(document, "alg", &alg, err));
    if (strcmp(alg, "ML-DSA-44") != 0 && strcmp(alg, "ML-DSA-65") != 0 &&
        strcmp(alg, "ML-DSA-87") != 0)
        return bad(err, "is an AKP key of an unknown algorithm");
    TRY(member(arena, document, "pub", &pub, err));
    TRY(raw(arena, alg, pub, ret, err));
    ret->canonical = arena_printf(arena, "{\"alg\":\"%s\",\"kty\":\"AKP\",\"pub\":\"%s\"}", alg,
                                  base64url_encode(arena, pub));
    return true;
}

bool jwk_read(struct arena *arena, const struct json *document, struct jwk *ret,
              struct error *err) {
    static const char *const private_members[] = {"d",  "p",   "q", "dp",  "dq",
                                                  "qi", "oth", "k", "priv"};
    const char *kty = "";
    struct jwk out = {0};
    if (document == NULL || document->type != JSON_OBJECT)
        return bad(err, "is no object");
    TRY(json_string(document, "kty", &kty, err));
    for (size_t i = 0; i < sizeof private_members / sizeof private_members[0]; i++)
        if (json_get(document, private_members[i]) != NULL)
            return bad(err, "is a private one: send the public members alone, and make a new key");
    if (strcmp(kty, "EC") == 0)
        TRY(read_ec(arena, document, &out, err));
    else if (strcmp(kty, "RSA") == 0)
        TRY(read_rsa(arena, document, &out, err));
    else if (strcmp(kty, "OKP") == 0)
        TRY(read_okp(arena, document, &out, err));
    else if (strcmp(kty, "AKP") == 0)
        TRY(read_akp(arena, document, &out, err));
    else
        return bad(err, "is of another type (kty) than EC, RSA, OKP and AKP");
    TRY(key_check(out.key, "JSON Web Key", err));
    SHA256((const unsigned char *)out.canonical, strlen(out.canonical), out.thumbprint);
    *ret = out;
    return true;
}

bool jwk_parse(struct arena *arena, const char *text, struct jwk *ret, struct error *err) {
    const struct json *document;
    TRY(json_parse(arena, view_text(text), &document, err));
    return jwk_read(arena, document, ret, err);
}

/* The canonical text is ours: a quoted word with its name stands in it once at most. */
static bool says(const struct jwk *jwk, const char *name, const char *value) {
    char member[40];
    snprintf(member, sizeof member, "\"%s\":\"%s\"", name, value);
    return strstr(jwk->canonical, member) != NULL;
}

static int find(const struct jwk *jwk, const char *alg) {
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const char *kty = algorithms[i].kty, *crv = algorithms[i].crv;
        if (strcmp(algorithms[i].alg, alg) != 0)
            continue;
        bool fits = says(jwk, "kty", kty) &&
                    (crv == NULL || says(jwk, strcmp(kty, "AKP") == 0 ? "alg" : "crv", crv));
        return fits ? (int)i : -1;
    }
    return -1;
}

bool jwk_fits(const struct jwk *jwk, const char *alg) {
    return find(jwk, alg) >= 0;
}

/* rfc7518#3.4: R and S side by side, each of the curve's length. */
static bool ec_signature(struct arena *arena, struct view signature, size_t octets,
                         struct view *ret) {
    AUTO(ECDSA_SIG) *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;
    if (signature.len != 2 * octets || sig == NULL)
        return false;
    BIGNUM *r = BN_bin2bn(signature.at, (int)octets, NULL);
    BIGNUM *s = BN_bin2bn(signature.at + octets, (int)octets, NULL);
    if (r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return false;
    }
    int len = i2d_ECDSA_SIG(sig, &der);
    if (len <= 0)
        return false;
    *ret = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

static size_t coordinate(const char *crv) {
    for (size_t i = 0; i < 3; i++)
        if (crv != NULL && strcmp(curves[i].crv, crv) == 0)
            return curves[i].octets;
    return 0;
}

bool jwk_verify(const struct jwk *jwk, const char *alg, struct view input, struct view signature) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(EVP_MD_CTX) *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    int i = find(jwk, alg);
    if (i < 0 || md == NULL)
        return false;
    if (strcmp(algorithms[i].kty, "EC") == 0 &&
        !ec_signature(arena, signature, coordinate(algorithms[i].crv), &signature))
        return false;
    if (EVP_DigestVerifyInit_ex(md, &ctx, algorithms[i].digest, NULL, BASIC, jwk->key, NULL) != 1)
        return false;
    /* rfc7518#3.5: the salt is as long as the digest */
    if (algorithms[i].pss && (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
                              EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) != 1))
        return false;
    return EVP_DigestVerify(md, signature.at, signature.len, input.at, input.len) == 1;
}
