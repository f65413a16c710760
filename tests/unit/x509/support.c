#include "support.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *type;
    EVP_PKEY *key;
} cache[32];

static EVP_PKEY *generate(const char *type) {
    if (strncmp(type, "RSA-", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 4));
    if (strncmp(type, "P-", 2) == 0 || strncmp(type, "secp", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
    return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

EVP_PKEY *test_key(const char *type) {
    size_t i = 0;
    for (; i < COUNT(cache) && cache[i].type != NULL; i++)
        if (strcmp(cache[i].type, type) == 0)
            return cache[i].key;
    assert_true(i < COUNT(cache));
    cache[i].type = type;
    cache[i].key = generate(type);
    assert_non_null(cache[i].key);
    return cache[i].key;
}

void test_keys_free(void) {
    for (size_t i = 0; i < COUNT(cache); i++)
        EVP_PKEY_free(cache[i].key);
    memset(cache, 0, sizeof cache);
}

EVP_PKEY *test_ed25519(uint8_t fill) {
    uint8_t seed[32];
    memset(seed, fill, sizeof seed);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    assert_non_null(key);
    return key;
}

EVP_PKEY *test_rsa_public(const BIGNUM *n, unsigned long e) {
    EVP_PKEY *key = NULL;
    AUTO(BIGNUM) *exponent = BN_new();
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    assert_int_equal(BN_set_word(exponent, e), 1);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

X509_NAME *test_name(const char *text) {
    struct error err = {0};
    X509_NAME *name = NULL;
    expect_done(name_from_text(text, &name, &err), &err, text);
    return name;
}

int64_t test_time(const char *text) {
    struct error err = {0};
    int64_t us = 0;
    expect_done(time_parse(text, &us, &err), &err, text);
    return us;
}

const struct json *test_json(struct arena *arena, const char *text) {
    struct error err = {0};
    const struct json *value = NULL;
    expect_done(json_parse(arena, view_text(quoted(arena, text)), &value, &err), &err, text);
    return value;
}

const char *quoted(struct arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    return copy;
}

struct certificate_plan test_plan(EVP_PKEY *key, const X509_NAME *subject, const X509 *issuer) {
    static const uint8_t serial[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    return (struct certificate_plan){
        .serial = view_of(serial, sizeof serial),
        .issuer = issuer,
        .subject = subject,
        .public_key = key,
        .not_before_us = test_time("2026-01-01T00:00:00Z"),
        .not_after_us = test_time("2026-12-31T23:59:59Z"),
        .basic_constraints = true,
        .path_length = -1,
        .key_usage = KU_DIGITAL_SIGNATURE,
    };
}

struct certificate_plan test_ca_plan(EVP_PKEY *key, const X509_NAME *subject, const X509 *issuer) {
    struct certificate_plan plan = test_plan(key, subject, issuer);
    plan.is_ca = true;
    plan.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    plan.not_before_us = test_time("2025-01-01T00:00:00Z");
    plan.not_after_us = test_time("2035-01-01T00:00:00Z");
    return plan;
}

X509 *test_issue(const struct certificate_plan *plan, EVP_PKEY *issuer_key) {
    struct error err = {0};
    X509 *certificate = NULL;
    char type[KEY_TYPE_SIZE];
    expect_done(certificate_build(plan, &certificate, &err), &err, "build");
    assert_true(key_type_of(issuer_key, type));
    expect_done(certificate_sign(certificate, issuer_key, key_type_digest(type), issuer_key, &err),
                &err, "sign");
    return certificate;
}

void expect_error(const struct error *err, enum error_kind kind, const char *type,
                  const char *in_message) {
    if (err->kind != kind || strcmp(err->type, type) != 0 || err->message[0] == '\0' ||
        (in_message != NULL && strstr(err->message, in_message) == NULL))
        fail_msg("expected %s \"%s\" with \"%s\", got %s \"%s\": %s (%s)", error_kind_name(kind),
                 type, in_message == NULL ? "" : in_message, error_kind_name(err->kind), err->type,
                 err->message, err->detail);
}

void expect_done(bool done, const struct error *err, const char *row) {
    if (!done)
        fail_msg("%s: %s (%s)", row, err->message, err->detail);
}

void expect_clean_queue(const char *row) {
    unsigned long code = ERR_peek_error();
    char text[200];
    if (code == 0)
        return;
    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    fail_msg("%s: left in the error queue: %s", row, text);
}
