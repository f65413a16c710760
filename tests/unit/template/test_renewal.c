/* When a certificate may be renewed by showing it, and with which names; and what identifiers of keys a template
 * chooses (RFC 5280 4.2.1.1, 4.2.1.2; RFC 7093 2). */
#include "base/clock.h"
#include "template/renewal.h"
#include "x509/name.h"
#include "x509/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/sha.h>

#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND)

static struct template read_template(struct arena *arena, const char *text) {
    struct template t;
    const struct json *document;
    struct error err;
    assert_true(json_parse(arena, view_text(text), &document, &err));
    if (!template_from_json(arena, document, &t, &err))
        fail_msg("%s: %s", text, err.message);
    return t;
}

static void test_window(void **state) {
    (void)state;
    static const struct {
        const char *renewal;
        double ends; /* days from now */
        bool revoked, other_ca;
        const char *refusal; /* words of the message, or NULL */
    } rows[] = {
        {"{}", 300, false, false, NULL},
        {"{}", 0.001, false, false, NULL},
        {"{}", 0, false, false, NULL}, /* its last moment */
        {"{}", -0.001, false, false, "has expired"},
        {"{}", 300, true, false, "revoked or held"},
        {"{}", 300, false, true, "another authority"},
        {"{\"byCertificate\":false}", 300, false, false, "byCertificate"},
        {"{\"windowDays\":30}", 300, false, false, "too early"},
        {"{\"windowDays\":30}", 30.001, false, false, "too early"},
        {"{\"windowDays\":30}", 30, false, false, NULL},
        {"{\"windowDays\":30}", 1, false, false, NULL},
        {"{\"windowDays\":30}", -1, false, false, "has expired"},
        {"{\"graceDays\":7}", -6.999, false, false, NULL},
        {"{\"graceDays\":7}", -7, false, false, NULL},
        {"{\"graceDays\":7}", -7.001, false, false, "days of grace are over"},
        {"{\"graceDays\":7}", -1, true, false, "revoked or held"},
        {"{\"windowDays\":30,\"graceDays\":7}", -3, false, false, NULL},
        {"{\"windowDays\":36525,\"graceDays\":36525}", -36524, false, false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct template t =
            read_template(arena, arena_printf(arena, "{\"renewal\":%s}", rows[i].renewal));
        struct ca_record ca = {.id = uuid_new(), .slug = "issuing"};
        struct certificate_record old = {.ca_id = rows[i].other_ca ? uuid_new() : ca.id,
                                         .revoked = rows[i].revoked,
                                         .not_after_us =
                                             NOW + (int64_t)(rows[i].ends * (double)US_PER_DAY)};
        struct error err = {0};
        bool ok = renewal_check(&t, &ca, &old, NOW, &err);
        if (ok != (rows[i].refusal == NULL) || (!ok && strstr(err.message, rows[i].refusal) == NULL))
            fail_msg("row %zu: %s", i, ok ? "renewed" : err.message);
        if (!ok)
            assert_string_equal(err.type, "renewal");
    }
}

static X509 *make(struct arena *arena, const char *subject, const char *sans, EVP_PKEY *key, X509 *issuer,
                  const struct template *t) {
    static const uint8_t serial[] = {5};
    X509_NAME *name = NULL;
    GENERAL_NAMES *names = NULL;
    const struct json *array;
    X509 *certificate = NULL;
    assert_true(name_from_text(subject, &name, NULL));
    assert_true(json_parse(arena, view_text(sans), &array, NULL));
    assert_true(san_from_json(array, &names, NULL));
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = keep_X509_NAME(arena, name),
                                    .sans = keep_GENERAL_NAMES(arena, names),
                                    .public_key = key,
                                    .issuer = issuer,
                                    .not_before_us = NOW,
                                    .not_after_us = NOW + US_PER_DAY,
                                    .subject_key_id = t->subject_key_id,
                                    .authority_key_id = t->authority_key_id,
                                    .path_length = -1};
    struct error err;
    if (!certificate_build(&plan, &certificate, &err) ||
        !certificate_sign(certificate, key, EVP_sha256(), key, &err))
        fail_msg("%s %s", err.message, err.detail);
    return keep_X509(arena, certificate);
}

static void test_copied_names(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    EVP_PKEY *key = keep_EVP_PKEY(arena, EVP_EC_gen("P-256"));
    struct template off = read_template(arena, "{}");
    struct template on = read_template(arena, "{\"renewal\":{\"copyNames\":true,\"revokeOld\":true}}");
    X509 *x = make(arena, "CN=old.example,O=Old", "[\"DNS:old.example\",\"IP:192.0.2.1\"]", key, NULL, &off);
    struct certificate_record old = {.der = certificate_der(arena, x)};
    struct proposal proposal = {0};
    assert_true(renewal_copy_names(arena, &off, &old, &proposal, NULL));
    assert_null(proposal.subject);
    assert_false(renewal_revokes(&off));
    assert_true(renewal_copy_names(arena, &on, &old, &proposal, NULL));
    assert_string_equal(name_text(arena, proposal.subject), "CN=old.example,O=Old");
    assert_int_equal(sk_GENERAL_NAME_num(proposal.sans), 2);
    assert_true(renewal_revokes(&on));
    /* Without SANs none are copied, instead of the CSR's. */
    x = make(arena, "CN=bare", "[]", key, NULL, &off);
    old.der = certificate_der(arena, x);
    assert_true(renewal_copy_names(arena, &on, &old, &proposal, NULL));
    assert_int_equal(sk_GENERAL_NAME_num(proposal.sans), 0);
}

static void test_key_ids(void **state) {
    (void)state;
    static const struct {
        const char *word;
        const char *digest; /* NULL: no extension */
        size_t octets;
        bool whole; /* of the whole SubjectPublicKeyInfo */
    } rows[] = {
        {"sha1", "SHA1", 20, false},         {"rfc7093-1", "SHA256", 20, false},
        {"rfc7093-2", "SHA384", 20, false},  {"rfc7093-3", "SHA512", 20, false},
        {"rfc7093-4", "SHA256", 32, true},   {"none", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        EVP_PKEY *key = keep_EVP_PKEY(arena, EVP_EC_gen("P-256"));
        struct template t = read_template(
            arena, arena_printf(arena, "{\"subjectKeyId\":\"%s\",\"lint\":{\"rfc5280\":\"off\"}}", rows[i].word));
        X509 *x = make(arena, "CN=x", "[]", key, NULL, &t);
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(x);
        if (rows[i].digest == NULL) {
            assert_null(id);
            continue;
        }
        unsigned char digest[EVP_MAX_MD_SIZE], *spki = NULL;
        int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
        const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
        struct view over = rows[i].whole
                               ? view_of(spki, (size_t)spki_len)
                               : view_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits));
        assert_int_equal(EVP_Digest(over.at, over.len, digest, NULL, EVP_get_digestbyname(rows[i].digest), NULL), 1);
        OPENSSL_free(spki);
        assert_non_null(id);
        assert_int_equal(ASN1_STRING_length(id), rows[i].octets);
        assert_memory_equal(ASN1_STRING_get0_data(id), digest, rows[i].octets);
    }
}

static void test_authority_ids(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    EVP_PKEY *key = keep_EVP_PKEY(arena, EVP_EC_gen("P-256"));
    struct template of_issuer = read_template(arena, "{\"subjectKeyId\":\"rfc7093-4\"}");
    struct template plain = read_template(arena, "{}");
    struct template names = read_template(arena, "{\"authorityKeyId\":\"keyIdAndIssuer\"}");
    struct template none = read_template(arena, "{\"authorityKeyId\":\"none\"}");
    X509 *issuer = make(arena, "CN=Issuer", "[]", key, NULL, &of_issuer);
    X509 *leaf = make(arena, "CN=x", "[]", key, issuer, &plain);
    /* However the issuer's was made, it is that one. */
    assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf), X509_get0_subject_key_id(issuer)), 0);
    assert_null(X509_get0_authority_issuer(leaf));
    leaf = make(arena, "CN=x", "[]", key, issuer, &names);
    assert_non_null(X509_get0_authority_issuer(leaf));
    assert_int_equal(ASN1_INTEGER_cmp(X509_get0_authority_serial(leaf), X509_get0_serialNumber(issuer)), 0);
    leaf = make(arena, "CN=x", "[]", key, issuer, &none);
    assert_int_equal(X509_get_ext_by_NID(leaf, NID_authority_key_identifier, -1), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_copied_names),
        cmocka_unit_test(test_key_ids),
        cmocka_unit_test(test_authority_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
