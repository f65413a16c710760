/* Requests made to hurt: otherNames that nest, swell or lie about their length, and extensions that are critical
 * and unknown. They are refused with words or lose what is not allowed, and cost little. */
#include "base/clock.h"
#include "template/policy.h"
#include "x509/csr.h"
#include "x509/der.h"
#include "x509/name.h"
#include "x509/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>

#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND)
#define TAKES_OTHER                                                                                \
    "{\"sans\":{\"types\":[\"dns\",\"other\"],\"min\":0,\"max\":1000,\"commonNameToSan\":false}}"
#define TAKES_DNS "{\"sans\":{\"types\":[\"dns\"],\"min\":0,\"max\":1000,\"commonNameToSan\":false}}"
#define EXTENSIONS(allowed, others)                                                                \
    "{\"requestExtensions\":{\"allowed\":[" allowed "],\"others\":\"" others "\"}}"

static EVP_PKEY *key;
static X509 *issuer;

static X509_NAME *name_of(const char *text) {
    X509_NAME *name = NULL;
    assert_true(name_from_text(text, &name, NULL));
    return name;
}

static int setup(void **state) {
    (void)state;
    static const uint8_t serial[] = {1};
    AUTO(X509_NAME) *subject = name_of("CN=Issuer");
    key = EVP_EC_gen("P-256");
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = subject,
                                    .public_key = key,
                                    .not_before_us = NOW - 10 * US_PER_DAY,
                                    .not_after_us = NOW + 2000 * US_PER_DAY,
                                    .basic_constraints = true,
                                    .is_ca = true,
                                    .path_length = -1,
                                    .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN};
    assert_true(certificate_build(&plan, &issuer, NULL));
    assert_true(certificate_sign(issuer, key, EVP_sha256(), key, NULL));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    X509_free(issuer);
    EVP_PKEY_free(key);
    return 0;
}

static struct view csr_with(struct arena *arena, const char *oid, bool critical, struct view value) {
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    AUTO(ASN1_OBJECT) *object = OBJ_txt2obj(oid, 1);
    AUTO(EXTENSION_LIST) *list = sk_X509_EXTENSION_new_null();
    AUTO(X509_NAME) *subject = name_of("CN=hostile.example.com");
    AUTO(X509_REQ) *csr = X509_REQ_new();
    unsigned char *der = NULL;
    assert_int_equal(ASN1_OCTET_STRING_set(octets, value.at, (int)value.len), 1);
    assert_true(sk_X509_EXTENSION_push(
                    list, X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets)) > 0);
    assert_true(X509_REQ_set_subject_name(csr, subject) == 1 &&
                X509_REQ_set_pubkey(csr, key) == 1 && X509_REQ_add_extensions(csr, list) == 1 &&
                X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    int len = i2d_X509_REQ(csr, &der);
    assert_true(len > 0);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

/* The certificate that comes of it, or NULL and why. */
static X509 *issue(struct arena *arena, const char *document, struct view der,
                   struct policy_notes *notes, struct error *err) {
    static const uint8_t serial[] = {0x11, 2, 3, 4, 5, 6, 7, 8};
    const struct json *parsed;
    struct template t;
    struct proposal proposal = {0};
    struct ca_urls urls = {0};
    struct certificate_plan plan;
    struct lint_findings findings;
    X509_REQ *csr = NULL;
    AUTO(X509) *certificate = NULL;
    assert_true(json_parse(arena, view_text(document), &parsed, err));
    if (!template_from_json(arena, parsed, &t, err))
        fail_msg("%s: %s", document, err->message);
    if (!csr_decode(arena, der, &csr, &der, err))
        return NULL;
    keep_X509_REQ(arena, csr);
    struct policy_input input = {.template = &t,
                                 .urls = &urls,
                                 .issuer = issuer,
                                 .csr = csr,
                                 .proposal = &proposal,
                                 .now_us = NOW,
                                 .notes = notes};
    if (!policy_apply(arena, &input, &plan, err))
        return NULL;
    plan.serial = view_of(serial, sizeof serial);
    plan.issuer = issuer;
    if (!certificate_build(&plan, &certificate, err) ||
        !policy_lint(arena, &t, certificate, issuer, &findings, err) ||
        !certificate_sign(certificate, key, EVP_sha256(), key, err))
        return NULL;
    return keep_X509(arena, TAKE(certificate));
}

/* --- otherNames */

static struct view wrap(struct arena *arena, unsigned tag, struct view content) {
    struct buffer out = buffer_on(arena);
    der_add(&out, (uint8_t)tag, content);
    return buffer_view(&out);
}

static struct view other_name(struct arena *arena, struct view value) {
    static const uint8_t oid[] = {0x06, 0x03, 0x2a, 0x03, 0x04};
    struct buffer both = buffer_on(arena);
    buffer_add(&both, oid, sizeof oid);
    der_add(&both, 0xa0, value);
    return wrap(arena, 0xa0, buffer_view(&both));
}

/* SEQUENCE in SEQUENCE in SEQUENCE..., written from its end. */
static struct view nest(struct arena *arena, size_t levels) {
    size_t size = levels * 5 + 2, at = size;
    uint8_t *bytes = arena_alloc(arena, size);
    bytes[--at] = 0;
    bytes[--at] = 0x05;
    while (levels-- > 0) {
        size_t len = size - at;
        bytes[--at] = (uint8_t)len;
        if (len > 0xff)
            bytes[--at] = (uint8_t)(len >> 8);
        if (len > 0xffff)
            bytes[--at] = (uint8_t)(len >> 16);
        if (len > 0x7f)
            bytes[--at] = (uint8_t)(len > 0xffff ? 0x83 : len > 0xff ? 0x82 : 0x81);
        bytes[--at] = 0x30;
    }
    return view_of(bytes + at, size - at);
}

static struct view text_of(struct arena *arena, size_t len) {
    char *text = arena_alloc(arena, len);
    memset(text, 'x', len);
    return wrap(arena, 0x0c, view_of(text, len));
}

static struct view many(struct arena *arena, size_t count) {
    struct buffer all = buffer_on(arena);
    struct view one = other_name(arena, text_of(arena, 20));
    for (size_t i = 0; i < count; i++)
        buffer_add(&all, one.at, one.len);
    return buffer_view(&all);
}

static void other_names(void **state) {
    (void)state;
    static const uint8_t endless[] = {0x30, 0x80, 0x05, 0x00, 0x00, 0x00}, lies[] = {0x0c, 0x7f, 'x'},
                         tail[] = {0x05, 0x00, 0x05, 0x00}, absurd[] = {0x30, 0x84, 0xff, 0xff, 0xff, 0xff};
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct {
        const char *what;
        struct view names;
        bool may; /* be issued under a template that takes other names */
    } rows[] = {
        {"plain", other_name(arena, text_of(arena, 20)), true},
        {"nested", other_name(arena, nest(arena, 20000)), false},
        {"nested a little", other_name(arena, nest(arena, 200)), false},
        {"long", other_name(arena, text_of(arena, 100000)), false},
        {"of endless length", other_name(arena, view_of(endless, sizeof endless)), false},
        {"longer than it is", other_name(arena, view_of(lies, sizeof lies)), false},
        {"with a tail", other_name(arena, view_of(tail, sizeof tail)), false},
        {"of absurd length", other_name(arena, view_of(absurd, sizeof absurd)), false},
        {"without a value", other_name(arena, view_of("", 0)), false},
        {"at the limit of names", many(arena, SAN_MAX_COUNT), true},
        {"over the limit of names", many(arena, SAN_MAX_COUNT + 1), false},
        {"very many", many(arena, 6000), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        struct view der = csr_with(arena, "2.5.29.17", false, wrap(arena, 0x30, rows[i].names));
        clock_t before = clock();
        X509 *certificate = issue(arena, TAKES_OTHER, der, NULL, &err);
        if ((certificate != NULL) != rows[i].may)
            fail_msg("%s: %s", rows[i].what, certificate != NULL ? "issued" : err.message);
        if (certificate == NULL && (err.kind == ERROR_INTERNAL || err.message[0] == '\0'))
            fail_msg("%s: %s %s", rows[i].what, err.type, err.detail);
        err = (struct error){0};
        assert_null(issue(arena, TAKES_DNS, der, NULL, &err));
        assert_int_not_equal(err.kind, ERROR_INTERNAL);
        if (clock() - before > 5 * CLOCKS_PER_SEC)
            fail_msg("%s: took too long", rows[i].what);
    }
}

/* --- critical and unknown */

static void critical_unknowns(void **state) {
    (void)state;
    static const uint8_t value[] = {0x0c, 0x01, 'x'};
    static const struct {
        const char *document;
        const char *refusal; /* or NULL */
        int critical;        /* of the extension in the certificate; -1: not there */
        const char *note;    /* or NULL: none */
    } rows[] = {
        {"{}", NULL, -1, "does not take it"},
        {EXTENSIONS("", "ignore"), NULL, -1, "does not take it"},
        {EXTENSIONS("", "refuse"), "request-extension", -1, NULL},
        {EXTENSIONS("\"1.2.3.4.5\"", "refuse"), NULL, 0, "not as critical"},
        {EXTENSIONS("{\"oid\":\"1.2.3.4.5\",\"critical\":\"request\"}", "refuse"), NULL, 1, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct policy_notes notes = {0};
        struct error err = {0};
        AUTO(ASN1_OBJECT) *object = OBJ_txt2obj("1.2.3.4.5", 1);
        struct view der = csr_with(arena, "1.2.3.4.5", true, view_of(value, sizeof value));
        X509 *certificate = issue(arena, rows[i].document, der, &notes, &err);
        if (rows[i].refusal != NULL) {
            assert_null(certificate);
            assert_string_equal(err.type, rows[i].refusal);
            continue;
        }
        if (certificate == NULL)
            fail_msg("%s: %s", rows[i].document, err.message);
        int at = X509_get_ext_by_OBJ(certificate, object, -1);
        int critical =
            at < 0 ? -1 : X509_EXTENSION_get_critical(X509_get_ext(certificate, at));
        assert_int_equal(critical, rows[i].critical);
        assert_int_equal(notes.count, rows[i].note != NULL);
        if (rows[i].note != NULL && strstr(notes.items[0], rows[i].note) == NULL)
            fail_msg("%s: %s", rows[i].document, notes.items[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(other_names),
                                       cmocka_unit_test(critical_unknowns)};
    return cmocka_run_group_tests_name("requests made to hurt", tests, setup, teardown);
}
