/* What a template makes of a request: each row is a template, a CSR's subject and SANs, what comes beside it,
 * and the certificate's names or the refusal. */
#include "base/clock.h"
#include "template/policy.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <cmocka.h>

#define NOW (INT64_C(1800000000) * US_PER_SECOND)

static EVP_PKEY *ec_key, *rsa_key, *ed_key;
static X509 *issuer;

static X509_NAME *name_of(const char *text) {
    X509_NAME *name = NULL;
    struct error err = {0};
    if (!name_from_text(text, &name, &err))
        fail_msg("%s: %s", text, err.message);
    return name;
}

static int make_issuer(void **state) {
    (void)state;
    ec_key = EVP_EC_gen("P-256");
    rsa_key = EVP_RSA_gen(2048);
    ed_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509_NAME *subject = name_of("CN=Issuer");
    static const uint8_t serial[] = {1};
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = subject,
                                    .public_key = ec_key,
                                    .not_before_us = NOW - 10 * US_PER_DAY,
                                    .not_after_us = NOW + 1000 * US_PER_DAY,
                                    .basic_constraints = true,
                                    .is_ca = true,
                                    .path_length = -1,
                                    .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN};
    bool ok = certificate_build(&plan, &issuer, NULL) &&
              certificate_sign(issuer, ec_key, EVP_sha256(), ec_key, NULL);
    X509_NAME_free(subject);
    return ok ? 0 : -1;
}

static int drop_issuer(void **state) {
    (void)state;
    X509_free(issuer);
    EVP_PKEY_free(ec_key);
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(ed_key);
    return 0;
}

struct row {
    const char *template, *subject, *sans; /* sans: JSON array */
    const char *proposal;
    const char *refusal; /* error type, or NULL */
    const char *want;    /* subject | SANs joined */
};

static X509_REQ *make_csr(struct arena *arena, const struct row *row, EVP_PKEY *key) {
    X509_NAME *subject = name_of(row->subject);
    GENERAL_NAMES *sans = NULL;
    X509_REQ *csr = NULL;
    struct view der;
    const struct json *array;
    assert_true(json_parse(arena, view_text(row->sans), &array, NULL));
    assert_true(san_from_json(array, &sans, NULL));
    const EVP_MD *digest = key == ed_key ? NULL : EVP_sha256();
    assert_true(csr_build(arena, subject, sans, key, digest, &der, NULL));
    assert_true(csr_decode(arena, der, &csr, &der, NULL));
    GENERAL_NAMES_free(sans);
    X509_NAME_free(subject);
    return csr;
}

static bool apply(struct arena *arena, const struct row *row, EVP_PKEY *key,
                  struct certificate_plan *ret, struct error *err) {
    struct template template;
    struct proposal proposal;
    struct ca_urls urls = {0};
    const struct json *document, *beside;
    assert_true(json_parse(arena, view_text(row->template), &document, err));
    if (!template_from_json(arena, document, &template, err))
        fail_msg("%s: %s", row->template, err->message);
    assert_true(json_parse(arena, view_text(row->proposal), &beside, err));
    if (!proposal_from_json(arena, beside, &proposal, err))
        return false;
    X509_REQ *csr = keep_X509_REQ(arena, make_csr(arena, row, key));
    struct policy_input input = {.template = &template,
                                 .urls = &urls,
                                 .issuer = issuer,
                                 .csr = csr,
                                 .proposal = &proposal,
                                 .now_us = NOW};
    return policy_apply(arena, &input, ret, err);
}

static void rows_hold(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{}", "CN=www.example.com", "[]", "{}", NULL, "CN=www.example.com|DNS:www.example.com"},
        {"{}", "CN=www.example.com", "[\"DNS:WWW.example.com\"]", "{}", NULL,
         "CN=www.example.com|DNS:WWW.example.com"},
        {"{}", "CN=192.0.2.7", "[]", "{}", NULL, "CN=192.0.2.7|IP:192.0.2.7"},
        {"{\"sans\":{\"commonNameToSan\":false,\"min\":1,\"max\":9}}", "CN=www.example.com", "[]", "{}",
         "san-count", NULL},
        {"{}", "CN=a.example,emailAddress=a@b.example", "[]", "{}", "subject-attribute", NULL},
        {"{\"subject\":{\"from\":\"csr\",\"attributes\":[\"CN\"],\"required\":[\"O\"]}}", "CN=a.example",
         "[]", "{}", "subject-attribute", NULL},
        {"{\"subject\":{\"fixed\":{\"O\":\"Fixed\"}}}", "CN=a.example,O=Mine", "[]", "{}", NULL,
         "O=Fixed,CN=a.example|DNS:a.example"},
        {"{\"subject\":{\"from\":\"none\"}}", "CN=a.example", "[\"DNS:b.example\"]", "{}", NULL,
         "|DNS:b.example"},
        {"{\"subject\":{\"from\":\"none\"}}", "CN=a.example", "[]", "{}", "no-names", NULL},
        {"{}", "CN=a.example", "[\"email:x@example.com\"]", "{}", "san-type", NULL},
        {"{\"sans\":{\"types\":[\"dns\"],\"min\":0,\"max\":1}}", "CN=a.example", "[\"DNS:b.example\"]",
         "{}", "san-count", NULL},
        {"{}", "CN=a.example", "[]", "{\"subject\":{\"CN\":\"b.example\"}}", NULL,
         "CN=b.example|DNS:b.example"},
        {"{}", "CN=a.example", "[\"DNS:a.example\"]", "{\"sans\":[\"DNS:c.example\"]}", NULL,
         "CN=a.example|DNS:c.example, DNS:a.example"},
        {"{}", "CN=a.example", "[]", "{\"validityDays\":398}", "validity", NULL},
        {"{\"validity\":{\"days\":10,\"maxDays\":2000}}", "CN=a.example", "[]", "{\"validityDays\":1500}",
         "validity", NULL},
        {"{}", "CN=a.example", "[]", "{\"notAfter\":\"2001-01-01T00:00:00Z\"}", "validity", NULL},
        {"{}", "CN=a.example", "[]",
         "{\"notBefore\":\"2026-01-01T00:00:00Z\",\"validityDays\":30}", "validity", NULL},
        {"{}", "CN=a.example", "[]", "{\"validityDays\":3,\"notAfter\":\"2027-02-01T00:00:00Z\"}",
         "validity", NULL},
        {"{\"keys\":[\"RSA-3072\"]}", "CN=a.example", "[]", "{}", "key-type", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct certificate_plan plan = {0};
        struct error err = {0};
        bool ok = apply(arena, &rows[i], ec_key, &plan, &err);
        if (rows[i].refusal != NULL) {
            if (ok || strcmp(err.type, rows[i].refusal) != 0)
                fail_msg("row %zu: wanted %s, got %s: %s", i, rows[i].refusal, ok ? "ok" : err.type,
                         err.message);
            continue;
        }
        if (!ok)
            fail_msg("row %zu: %s", i, err.message);
        struct buffer got = buffer_on(arena);
        buffer_printf(&got, "%s|", name_text(arena, plan.subject));
        for (int j = 0; j < sk_GENERAL_NAME_num(plan.sans); j++)
            buffer_printf(&got, "%s%s", j == 0 ? "" : ", ",
                          san_text(arena, sk_GENERAL_NAME_value(plan.sans, j), NULL));
        assert_string_equal(buffer_text(&got), rows[i].want);
    }
}

static void end_is_clamped_only_by_default(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct certificate_plan plan = {0};
    struct error err = {0};
    struct row row = {"{\"validity\":{\"days\":2000,\"maxDays\":2000}}", "CN=a.example", "[]", "{}", NULL,
                      NULL};
    assert_true(apply(arena, &row, ec_key, &plan, &err));
    assert_int_equal(plan.not_after_us, NOW + 1000 * US_PER_DAY);
    row.proposal = "{\"validityDays\":2000}";
    assert_false(apply(arena, &row, ec_key, &plan, &err));
    assert_non_null(strstr(err.message, "outlive"));
}

static void key_usage_fits_the_key(void **state) {
    (void)state;
    static const struct row row = {"{\"keyUsage\":[\"digitalSignature\",\"keyEncipherment\","
                                   "\"keyAgreement\"]}",
                                   "CN=a.example", "[]", "{}", NULL, NULL};
    const struct {
        EVP_PKEY *key;
        unsigned want;
    } keys[] = {{rsa_key, KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT},
                {ec_key, KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT},
                {ed_key, KU_DIGITAL_SIGNATURE}};
    for (size_t i = 0; i < 3; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct certificate_plan plan = {0};
        struct error err = {0};
        assert_true(apply(arena, &row, keys[i].key, &plan, &err));
        assert_int_equal(plan.key_usage, keys[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_hold),
                                       cmocka_unit_test(end_is_clamped_only_by_default),
                                       cmocka_unit_test(key_usage_fits_the_key)};
    return cmocka_run_group_tests(tests, make_issuer, drop_issuer);
}
