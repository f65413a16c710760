/* JWS and JWK: the vectors of the RFCs, every algorithm with fresh keys, and what must be refused.
 */
#include "acme/jws.h"

#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* rfc7515#A.3 and its signature */
static const char es256_jwk[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char es256_input[] =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
    "Ijp0cnVlfQ";
static const char es256_signature[] =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/* rfc8037#A.2, #A.4 */
static const char ed25519_jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
static const char ed25519_input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char ed25519_signature[] =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

static struct jwk must_parse(struct arena *arena, const char *text) {
    struct jwk jwk;
    struct error err = {0};
    if (!jwk_parse(arena, text, &jwk, &err))
        fail_msg("%s (%s)", err.message, err.detail);
    return jwk;
}

static struct view decoded(struct arena *arena, const char *text) {
    struct view bytes;
    assert_true(base64url_decode(arena, view_text(text), &bytes));
    return bytes;
}

static void test_vectors(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct jwk es = must_parse(arena, es256_jwk), ed = must_parse(arena, ed25519_jwk);
    struct view signature = decoded(arena, es256_signature);
    assert_true(jwk_verify(&es, "ES256", view_text(es256_input), signature));
    assert_true(
        jwk_verify(&ed, "EdDSA", view_text(ed25519_input), decoded(arena, ed25519_signature)));
    /* rfc8037#A.3 */
    assert_string_equal(base64url_encode(arena, view_of(ed.thumbprint, 32)),
                        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    uint8_t *bent = (uint8_t *)arena_copy(arena, signature.at, signature.len).at;
    for (size_t i = 0; i < signature.len; i++) {
        bent[i] ^= 1;
        assert_false(
            jwk_verify(&es, "ES256", view_text(es256_input), view_of(bent, signature.len)));
        bent[i] ^= 1;
    }
    assert_false(jwk_verify(&es, "ES256", view_text("x.y"), signature));
    assert_false(jwk_verify(&es, "ES384", view_text(es256_input), signature));
    assert_false(jwk_verify(&es, "none", view_text(es256_input), view_of("", 0)));
    assert_false(jwk_verify(&es, "HS256", view_text(es256_input), signature));
    assert_false(jwk_verify(&ed, "ES256", view_text(es256_input), signature));
    for (size_t len = 0; len < signature.len; len++)
        assert_false(jwk_verify(&es, "ES256", view_text(es256_input), view_of(signature.at, len)));
    /* zero r and s: CVE-2022-21449 */
    memset(bent, 0, signature.len);
    assert_false(jwk_verify(&es, "ES256", view_text(es256_input), view_of(bent, signature.len)));
}

static const char *number(struct arena *arena, EVP_PKEY *key, const char *name) {
    BIGNUM *value = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &value), 1);
    int len = BN_num_bytes(value);
    uint8_t *bytes = arena_alloc(arena, (size_t)len);
    BN_bn2bin(value, bytes);
    BN_free(value);
    return base64url_encode(arena, view_of(bytes, (size_t)len));
}

static void test_rsa(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(EVP_PKEY) *key = EVP_RSA_gen(2048);
    struct jwk jwk =
        must_parse(arena, arena_printf(arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}",
                                       number(arena, key, OSSL_PKEY_PARAM_RSA_N),
                                       number(arena, key, OSSL_PKEY_PARAM_RSA_E)));
    for (int pss = 0; pss < 2; pss++) {
        AUTO(EVP_MD_CTX) *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx = NULL;
        uint8_t signature[256];
        size_t len = sizeof signature;
        const char *alg = pss ? "PS256" : "RS256";
        assert_int_equal(EVP_DigestSignInit_ex(md, &ctx, "SHA2-256", NULL, NULL, key, NULL), 1);
        if (pss) {
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
            assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32), 1);
        }
        assert_int_equal(EVP_DigestSign(md, signature, &len, (const unsigned char *)"a.b", 3), 1);
        assert_true(jwk_verify(&jwk, alg, view_text("a.b"), view_of(signature, len)));
        assert_false(
            jwk_verify(&jwk, pss ? "RS256" : "PS256", view_text("a.b"), view_of(signature, len)));
        assert_false(jwk_verify(&jwk, alg, view_text("a.c"), view_of(signature, len)));
    }
    assert_false(jwk_fits(&jwk, "ES256"));
}

static const char *jwk_of_mldsa(struct arena *arena, EVP_PKEY *key, const char *alg) {
    size_t len = 0;
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, NULL, &len), 1);
    uint8_t *raw = arena_alloc(arena, len);
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
    return arena_printf(arena, "{\"alg\":\"%s\",\"kty\":\"AKP\",\"pub\":\"%s\"}", alg,
                        base64url_encode(arena, view_of(raw, len)));
}

static void test_mldsa(void **state) {
    (void)state;
    static const char *const names[] = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    for (size_t i = 0; i < 3; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        AUTO(EVP_PKEY) *key = EVP_PKEY_Q_keygen(NULL, NULL, names[i]);
        AUTO(EVP_MD_CTX) *md = EVP_MD_CTX_new();
        uint8_t *signature = arena_alloc(arena, 5000);
        size_t len = 5000;
        assert_int_equal(EVP_DigestSignInit_ex(md, NULL, NULL, NULL, NULL, key, NULL), 1);
        assert_int_equal(EVP_DigestSign(md, signature, &len, (const unsigned char *)"a.b", 3), 1);
        struct jwk jwk = must_parse(arena, jwk_of_mldsa(arena, key, names[i]));
        assert_true(jwk_verify(&jwk, names[i], view_text("a.b"), view_of(signature, len)));
        assert_false(jwk_verify(&jwk, names[i], view_text("a.c"), view_of(signature, len)));
        assert_false(jwk_fits(&jwk, names[(i + 1) % 3]));
        assert_false(jwk_fits(&jwk, "EdDSA"));
    }
}

/* clang-format off */
static const char *const bad_keys[] = {
    "1", "[]", "{}", "{\"kty\":1}", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "{\"kty\":\"EC\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
    "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
    /* off the curve */
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}",
    /* private */
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
        "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}",
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
    "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", /* tiny */
    "{\"kty\":\"RSA\",\"n\":\"AAEAAQ\",\"e\":\"AQAB\"}", /* leading zero */
    "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}", "{\"kty\":\"RSA\",\"n\":\"=\",\"e\":\"AQAB\"}",
    "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-65\",\"pub\":\"AAAA\"}", "{\"kty\":\"AKP\",\"alg\":\"RS256\",\"pub\":\"AAAA\"}",
};
/* protected headers; the rest of the message is right */
static const char *const bad_headers[] = {
    "", "1", "[]", "{}", "{\"alg\":\"ES256\"}", "{\"alg\":\"ES256\",\"url\":\"u\"}",
    "{\"alg\":\"ES256\",\"url\":\"u\",\"kid\":\"k\",\"jwk\":{}}",
    "{\"alg\":1,\"url\":\"u\",\"kid\":\"k\"}", "{\"alg\":\"ES256\",\"url\":[],\"kid\":\"k\"}",
    "{\"alg\":\"ES256\",\"url\":\"u\",\"kid\":\"k\",\"crit\":[\"x\"]}",
    "{\"alg\":\"ES256\",\"url\":\"u\",\"kid\":\"k\",\"b64\":false}",
    "{\"alg\":\"ES256\",\"alg\":\"none\",\"url\":\"u\",\"kid\":\"k\"}",
    "{\"alg\":\"ES256\",\"url\":\"u\",\"jwk\":\"text\"}",
    "{\"alg\":\"ES256\",\"url\":\"u\",\"kid\":\"k\"} x",
};
static const char *const bad_messages[] = {
    "", "{", "null", "[]", "{}", "{\"protected\":\"e30\"}",
    "{\"protected\":\"e30\",\"payload\":\"\"}",
    "{\"protected\":\"e30=\",\"payload\":\"\",\"signature\":\"\"}",
    "{\"protected\":\"e30\",\"payload\":\"*\",\"signature\":\"\"}",
    "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\" \"}",
    "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\",\"header\":{}}",
    "{\"payload\":\"\",\"signatures\":[]}", "{\"protected\":{},\"payload\":\"\",\"signature\":\"\"}",
};
/* clang-format on */

static void test_refusals(void **state) {
    (void)state;
    struct jwk jwk;
    struct jws jws = {.alg = "poison"};
    struct error err;
    for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        if (jwk_parse(arena, bad_keys[i], &jwk, &err))
            fail_msg("taken: %s", bad_keys[i]);
        assert_int_not_equal(err.kind, ERROR_INTERNAL);
    }
    for (size_t i = 0; i < sizeof bad_messages / sizeof bad_messages[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        if (jws_read(arena, view_text(bad_messages[i]), &jws, &err))
            fail_msg("taken: %s", bad_messages[i]);
    }
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const char *message =
            arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"\",\"signature\":\"\"}",
                         base64url_encode(arena, view_text(bad_headers[i])));
        if (jws_read(arena, view_text(message), &jws, &err))
            fail_msg("taken: %s", bad_headers[i]);
    }
    assert_string_equal(jws.alg, "poison");
}

static void test_mac(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    /* rfc7515#A.1 */
    struct view key =
        decoded(arena, "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwj"
                       "AzZr1Z9CAow");
    struct jws jws = {
        .alg = "HS256",
        .signing_input = view_text(
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4M"
            "TkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"),
        .signature = decoded(arena, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")};
    assert_true(jws_verify_mac(&jws, key));
    assert_false(jws_verify_mac(&jws, view_of(key.at, key.len - 1)));
    jws.alg = "HS512";
    assert_false(jws_verify_mac(&jws, key));
    jws.alg = "none";
    jws.signature = view_of("", 0);
    assert_false(jws_verify_mac(&jws, key));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),  cmocka_unit_test(test_rsa), cmocka_unit_test(test_mldsa),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_mac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
