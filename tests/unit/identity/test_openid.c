/* ID tokens: what is believed, and every way of bending one that is not (rfc8725, openid-connect-core#3.1.3.7). */
#include "identity/openid.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/handles.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ISSUER "https://id.example.test/realm"
#define NOW 1800000000

static struct {
    const char *alg, *type, *digest;
    bool pss;
    EVP_PKEY *key;
} signers[] = {{"RS256", "RSA", "SHA256", false, NULL},
               {"PS256", "RSA", "SHA256", true, NULL},
               {"ES256", "EC", "SHA256", false, NULL},
               {"EdDSA", "ED25519", NULL, false, NULL},
               {"RS256", "RSA", "SHA256", false, NULL}}; /* of somebody else */
#define STRANGER 4

static int make_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < 5; i++)
        signers[i].key = strcmp(signers[i].type, "RSA") == 0  ? EVP_RSA_gen(2048)
                         : strcmp(signers[i].type, "EC") == 0 ? EVP_EC_gen("P-256")
                                                              : EVP_PKEY_Q_keygen(NULL, NULL, signers[i].type);
    for (size_t i = 0; i < 5; i++)
        assert_non_null(signers[i].key);
    return 0;
}

static int drop_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < 5; i++)
        EVP_PKEY_free(signers[i].key);
    return 0;
}

static const char *number(struct arena *arena, EVP_PKEY *key, const char *name) {
    AUTO(BIGNUM) *value = NULL;
    uint8_t bytes[512];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &value), 1);
    int len = strcmp(name, "qx") == 0 || strcmp(name, "qy") == 0 ? BN_bn2binpad(value, bytes, 32) : BN_bn2bin(value, bytes);
    return base64url_encode(arena, view_of(bytes, (size_t)len));
}

static const char *jwk_of(struct arena *arena, size_t i) {
    EVP_PKEY *key = signers[i].key;
    uint8_t raw[32];
    size_t len = sizeof raw;
    if (strcmp(signers[i].type, "RSA") == 0)
        return arena_printf(arena, "{\"kty\":\"RSA\",\"kid\":\"k%zu\",\"use\":\"sig\",\"n\":\"%s\",\"e\":\"%s\"}", i,
                            number(arena, key, "n"), number(arena, key, "e"));
    if (strcmp(signers[i].type, "EC") == 0)
        return arena_printf(arena, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k%zu\",\"x\":\"%s\",\"y\":\"%s\"}", i,
                            number(arena, key, "qx"), number(arena, key, "qy"));
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
    return arena_printf(arena, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k%zu\",\"x\":\"%s\"}", i,
                        base64url_encode(arena, view_of(raw, len)));
}

/* The provider's keys: not the stranger's, and one for encryption that is nobody's to sign with. */
static const struct json *key_set(struct arena *arena) {
    const struct json *set;
    struct error err = {0};
    const char *text = arena_printf(
        arena, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"mac\"},{\"kty\":\"new\",\"kid\":\"new\"},%s,%s,%s,%s]}",
        jwk_of(arena, 0), jwk_of(arena, 1), jwk_of(arena, 2), jwk_of(arena, 3));
    assert_true(json_parse(arena, view_text(text), &set, &err));
    return set;
}

static struct view sign(struct arena *arena, size_t i, const char *input) {
    AUTO(EVP_MD_CTX) *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    uint8_t out[1024];
    size_t len = sizeof out;
    assert_int_equal(EVP_DigestSignInit_ex(md, &ctx, signers[i].digest, NULL, NULL, signers[i].key, NULL), 1);
    if (signers[i].pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(EVP_DigestSign(md, out, &len, (const unsigned char *)input, strlen(input)), 1);
    if (strcmp(signers[i].type, "EC") == 0) { /* rfc7518#3.4 */
        const unsigned char *at = out;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
        uint8_t raw[64];
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
        ECDSA_SIG_free(sig);
        return arena_copy(arena, raw, sizeof raw);
    }
    return arena_copy(arena, out, len);
}

static const char *input_of(struct arena *arena, const char *header, const char *claims) {
    return arena_printf(arena, "%s.%s", base64url_encode(arena, view_text(header)),
                        base64url_encode(arena, view_text(claims)));
}

static const char *token_of(struct arena *arena, size_t i, const char *header, const char *claims) {
    const char *input = input_of(arena, header, claims);
    return arena_printf(arena, "%s.%s", input, base64url_encode(arena, sign(arena, i, input)));
}

static bool verify(struct arena *arena, const char *token, struct error *err) {
    const struct json *claims = NULL;
    const struct openid_expected expected = {
        .issuer = ISSUER, .client_id = "gatehouse", .nonce = "n-1", .now_us = NOW * US_PER_SECOND};
    bool ok = openid_verify(arena, token, key_set(arena), &expected, &claims, err);
    assert_true(ok == (claims != NULL));
    return ok;
}

#define HEAD(alg, kid) "{\"alg\":\"" alg "\",\"kid\":\"" kid "\"}"
#define CLAIMS(iss, aud, rest) "{\"iss\":\"" iss "\",\"aud\":" aud ",\"sub\":\"s\"," rest "}"
#define DATES "\"iat\":1799999990,\"exp\":1800000300"
#define GOOD CLAIMS(ISSUER, "\"gatehouse\"", DATES ",\"nonce\":\"n-1\"")

static void believed(struct arena *arena, size_t i, const char *header, const char *claims) {
    struct error err = {0};
    if (!verify(arena, token_of(arena, i, header, claims), &err))
        fail_msg("%s %s: %s", header, claims, err.message);
}

static void test_believed(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    believed(arena, 0, HEAD("RS256", "k0"), GOOD);
    believed(arena, 1, HEAD("PS256", "k1"), GOOD);
    believed(arena, 2, HEAD("ES256", "k2"), GOOD);
    believed(arena, 3, HEAD("EdDSA", "k3"), GOOD);
    believed(arena, 0, "{\"alg\":\"RS256\"}", GOOD); /* no kid: whichever fits */
    believed(arena, 2, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", GOOD);
    believed(arena, 0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "[\"gatehouse\"]", DATES ",\"nonce\":\"n-1\""));
    believed(arena, 0, HEAD("RS256", "k0"),
             CLAIMS(ISSUER, "[\"x\",\"gatehouse\"]", DATES ",\"azp\":\"gatehouse\",\"nonce\":\"n-1\""));
    /* a minute for clocks; a fraction of a second (rfc7519#2) */
    believed(arena, 0, HEAD("RS256", "k0"),
             CLAIMS(ISSUER, "\"gatehouse\"",
     "\"iat\":1800000059.5,\"exp\":1799999941,\"nonce\":\"n-1\""));
}

static const struct refused {
    size_t signer;
    const char *header, *claims, *why;
} refused[] = {
    {STRANGER, HEAD("RS256", "k0"), GOOD, "wrong signature"},
    {STRANGER, HEAD("RS256", "k9"), GOOD, "not signed by a key"},
    {1, HEAD("RS256", "k0"), GOOD, "wrong signature"}, /* another of its keys, and another algorithm */
    {0, HEAD("PS256", "k0"), GOOD, "wrong signature"},
    {0, HEAD("ES256", "k0"), GOOD, "not signed by a key"},
    {0, HEAD("none", "k0"), GOOD, "not signed by a key"},
    {0, "{\"alg\":\"\"}", GOOD, "not signed by a key"},
    {0, HEAD("HS256", "mac"), GOOD, "not signed by a key"},
    {0, "{\"kid\":\"k0\"}", GOOD, "header"},
    {0, "{\"alg\":\"RS256\",\"crit\":[\"x\"],\"x\":1}", GOOD, "crit"},
    {0, "{\"alg\":\"RS256\",\"b64\":false}", GOOD, "b64"},
    {0, "[]", GOOD, "header"},
    {0, HEAD("RS256", "k0"), CLAIMS("https://id.example.test/other", "\"gatehouse\"", DATES ",\"nonce\":\"n-1\""), "iss"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER "/", "\"gatehouse\"", DATES ",\"nonce\":\"n-1\""), "iss"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"other\"", DATES ",\"nonce\":\"n-1\""), "aud"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "[]", DATES ",\"nonce\":\"n-1\""), "aud"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "[\"gatehouse\",\"x\"]", DATES ",\"nonce\":\"n-1\""), "azp"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"gatehouse\"", DATES ",\"azp\":\"x\",\"nonce\":\"n-1\""), "azp"},
    {0, HEAD("RS256", "k0"),
     CLAIMS(ISSUER, "\"gatehouse\"", "\"iat\":1799990000,\"exp\":1799999939,\"nonce\":\"n-1\""), "expired"},
    {0, HEAD("RS256", "k0"),
     CLAIMS(ISSUER, "\"gatehouse\"", "\"iat\":1800000061,\"exp\":1800000300,\"nonce\":\"n-1\""), "future"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"gatehouse\"", DATES ",\"nbf\":1800000090,\"nonce\":\"n-1\""), "future"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"gatehouse\"", DATES ",\"nbf\":\"soon\",\"nonce\":\"n-1\""), "future"},
    {0, HEAD("RS256", "k0"),
     CLAIMS(ISSUER, "\"gatehouse\"", "\"iat\":1799999990,\"nonce\":\"n-1\""), "exp"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"gatehouse\"", "\"exp\":\"1800000300\",\"iat\":1,\"nonce\":\"n-1\""), "exp"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"gatehouse\"", DATES ",\"nonce\":\"n-2\""), "nonce"},
    {0, HEAD("RS256", "k0"), CLAIMS(ISSUER, "\"gatehouse\"", DATES), "nonce"},
    {0, HEAD("RS256", "k0"), "{\"iss\":\"" ISSUER "\",\"aud\":\"gatehouse\"," DATES ",\"nonce\":\"n-1\"}", "sub"},
    {0, HEAD("RS256", "k0"), "[1]", "no JSON object"},
    {0, HEAD("RS256", "k0"), "{", "no JSON object"},
};

static void expect_refused(struct arena *arena, const char *token, const char *why) {
    struct error err = {0};
    if (verify(arena, token, &err))
        fail_msg("believed: %s (%s)", token, why);
    assert_string_equal(err.type, "bad-id-token");
    if (strstr(err.message, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, why);
}

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        expect_refused(arena, token_of(arena, refused[i].signer, refused[i].header, refused[i].claims), refused[i].why);
    }
}

/* A MAC under the provider's own public key, in the forms in which libraries have taken it for a secret. */
static void test_key_confusion(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(signers[0].key, &der);
    const char *pem = pem_encode(arena, "PUBLIC KEY", view_of(der, (size_t)len));
    const struct view secrets[] = {view_of(der, (size_t)len), view_text(pem), view_text(jwk_of(arena, 0))};
    const char *input = input_of(arena, HEAD("HS256", "k0"), GOOD);
    for (size_t i = 0; i < 3; i++) {
        uint8_t mac[64];
        size_t size = 0;
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secrets[i].at, secrets[i].len,
                                  (const unsigned char *)input, strlen(input), mac, sizeof mac, &size));
        expect_refused(arena, arena_printf(arena, "%s.%s", input, base64url_encode(arena, view_of(mac, size))),
                       "not signed by a key");
    }
    OPENSSL_free(der);
}

static void test_broken(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *good = token_of(arena, 0, HEAD("RS256", "k0"), GOOD);
    expect_refused(arena, "", "three parts");
    expect_refused(arena, "a.b", "three parts");
    expect_refused(arena, arena_printf(arena, "%s.x", good), "three parts");
    expect_refused(arena, arena_printf(arena, "%s=", good), "base64url");
    expect_refused(arena, arena_printf(arena, "%s.", input_of(arena, HEAD("RS256", "k0"), GOOD)), "wrong signature");
    expect_refused(arena, arena_printf(arena, "%s.", input_of(arena, HEAD("none", "k0"), GOOD)), "not signed by a key");
    char *long_one = arena_alloc(arena, 70000);
    memset(long_one, 'A', 69999);
    long_one[69999] = '\0';
    expect_refused(arena, long_one, "three parts");
    for (const char *at = good; *at != '\0'; at += 7) { /* any octet of it */
        char *bent = arena_strdup(arena, good);
        struct error err = {0};
        bent[at - good] = *at == 'A' ? 'B' : 'A';
        assert_false(verify(arena, bent, &err));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_believed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_key_confusion),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests_name("identity_openid", tests, make_keys, drop_keys);
}
