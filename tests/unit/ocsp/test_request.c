/* The decoder of OCSP requests, and how a request is found in a path. */
#include "fixture.h"

#include "base/encode.h"
#include "ocsp/request.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fixture *fixture;

static int setup(void **state) {
    (void)state;
    fixture = fixture_new("EC");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fixture_free(fixture);
    return 0;
}

static const long one_serial[] = {5};

static struct view plain(struct arena *arena) {
    return fixture_request_der(arena, fixture_request(fixture, EVP_sha1(), one_serial, 1, 0));
}

static struct view der(struct arena *arena, uint8_t tag, struct view content) {
    struct buffer out = buffer_on(arena);
    buffer_add_byte(&out, tag);
    if (content.len >= 256) {
        buffer_add_byte(&out, 0x82);
        buffer_add_byte(&out, (uint8_t)(content.len >> 8));
    } else if (content.len >= 128) {
        buffer_add_byte(&out, 0x81);
    }
    buffer_add_byte(&out, (uint8_t)content.len);
    buffer_add(&out, content.at, content.len);
    return buffer_view(&out);
}

static struct view join(struct arena *arena, struct view a, struct view b) {
    struct buffer out = buffer_on(arena);
    buffer_add(&out, a.at, a.len);
    buffer_add(&out, b.at, b.len);
    return buffer_view(&out);
}

/* requestList of the plain request; its two outer headers have two octets each. */
static struct view request_list(struct arena *arena) {
    struct view whole = plain(arena);
    assert_true(whole.len < 130);
    return view_of(whole.at + 4, whole.len - 4);
}

static struct view with_version(struct arena *arena, struct view version) {
    return der(arena, 0x30, der(arena, 0x30, join(arena, version, request_list(arena))));
}

static struct view version_1(struct arena *arena) {
    return with_version(arena, VIEW_LITERAL("\xa0\x03\x02\x01\x00"));
}

static struct view version_2(struct arena *arena) {
    return with_version(arena, VIEW_LITERAL("\xa0\x03\x02\x01\x01"));
}

static struct view version_long(struct arena *arena) {
    return with_version(arena, VIEW_LITERAL("\xa0\x04\x02\x02\x01\x00"));
}

static struct view empty_list(struct arena *arena) {
    return der(arena, 0x30, der(arena, 0x30, VIEW_LITERAL("\x30\x00")));
}

static struct view indefinite(struct arena *arena) {
    struct view whole = plain(arena);
    struct view inner = view_of(whole.at + 2, whole.len - 2);
    return join(arena, join(arena, VIEW_LITERAL("\x30\x80"), inner), VIEW_LITERAL("\x00\x00"));
}

static struct view long_length(struct arena *arena) {
    struct view whole = plain(arena);
    uint8_t head[3] = {0x30, 0x81, (uint8_t)(whole.len - 2)};
    return join(arena, arena_copy(arena, head, 3), view_of(whole.at + 2, whole.len - 2));
}

static struct view trailing(struct arena *arena) {
    return join(arena, plain(arena), VIEW_LITERAL("\x00"));
}

static struct view two_requests(struct arena *arena) {
    return join(arena, plain(arena), plain(arena));
}

static struct view empty(struct arena *arena) {
    (void)arena;
    return view_of("", 0);
}

static struct view certificate(struct arena *arena) {
    (void)arena;
    return fixture->ca.certificate;
}

static struct view huge(struct arena *arena) {
    uint8_t *at = arena_alloc(arena, OCSP_REQUEST_MAX + 1);
    memcpy(at, "\x30\x82\x27\xfd", 4);
    return view_of(at, OCSP_REQUEST_MAX + 1);
}

static struct view many(struct arena *arena, size_t count) {
    long serials[64];
    for (size_t i = 0; i < count; i++)
        serials[i] = (long)i + 1;
    return fixture_request_der(arena, fixture_request(fixture, EVP_sha256(), serials, count, 0));
}

static struct view sixteen(struct arena *arena) {
    return many(arena, 16);
}

static struct view seventeen(struct arena *arena) {
    return many(arena, 17);
}

static struct view nonce(struct arena *arena, size_t len) {
    return fixture_request_der(arena, fixture_request(fixture, EVP_sha1(), one_serial, 1, len));
}

static struct view nonce_1(struct arena *arena) {
    return nonce(arena, 1);
}

static struct view nonce_32(struct arena *arena) {
    return nonce(arena, 32);
}

static struct view nonce_128(struct arena *arena) {
    return nonce(arena, 128);
}

static struct view nonce_129(struct arena *arena) {
    return nonce(arena, 129);
}

/* One extension of the request: OID, critical, value as it is. */
static struct view extended(struct arena *arena, int nid, int critical, struct view value,
                            int times) {
    OCSP_REQUEST *request = fixture_request(fixture, EVP_sha1(), one_serial, 1, 0);
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(octets, value.at, (int)value.len);
    AUTO(X509_EXTENSION) *extension = X509_EXTENSION_create_by_NID(NULL, nid, critical, octets);
    for (int i = 0; i < times; i++)
        assert_true(OCSP_REQUEST_add_ext(request, extension, -1));
    return fixture_request_der(arena, request);
}

static struct view nonce_empty(struct arena *arena) {
    return extended(arena, NID_id_pkix_OCSP_Nonce, 0, VIEW_LITERAL("\x04\x00"), 1);
}

static struct view nonce_raw(struct arena *arena) {
    return extended(arena, NID_id_pkix_OCSP_Nonce, 0, VIEW_LITERAL("0123456789abcdef"), 1);
}

static struct view nonce_trailing(struct arena *arena) {
    return extended(arena, NID_id_pkix_OCSP_Nonce, 0, VIEW_LITERAL("\x04\x01\x01\x00"), 1);
}

static struct view nonce_twice(struct arena *arena) {
    return extended(arena, NID_id_pkix_OCSP_Nonce, 0, VIEW_LITERAL("\x04\x01\x01"), 2);
}

static struct view unknown_critical(struct arena *arena) {
    return extended(arena, NID_id_pkix_OCSP_CrlID, 1, VIEW_LITERAL("\x30\x00"), 1);
}

static struct view unknown_ignored(struct arena *arena) {
    return extended(arena, NID_id_pkix_OCSP_CrlID, 0, VIEW_LITERAL("\x30\x00"), 1);
}

static struct view single_extension(struct arena *arena, int critical) {
    OCSP_REQUEST *request = fixture_request(fixture, EVP_sha1(), one_serial, 1, 0);
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    AUTO(X509_EXTENSION) *extension =
        X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_serviceLocator, critical, octets);
    OCSP_ONEREQ_add_ext(OCSP_request_onereq_get0(request, 0), extension, -1);
    return fixture_request_der(arena, request);
}

static struct view single_critical(struct arena *arena) {
    return single_extension(arena, 1);
}

static struct view single_ignored(struct arena *arena) {
    return single_extension(arena, 0);
}

static const struct row {
    const char *name;
    struct view (*make)(struct arena *arena);
    enum error_kind kind; /* ERROR_NONE: accepted */
    size_t count;
    bool nonce;
} rows[] = {
    {"plain", plain, ERROR_NONE, 1, false},
    {"explicit version 1", version_1, ERROR_NONE, 1, false},
    {"sixteen", sixteen, ERROR_NONE, 16, false},
    {"nonce of 1", nonce_1, ERROR_NONE, 1, true},
    {"nonce of 32", nonce_32, ERROR_NONE, 1, true},
    {"nonce of 128", nonce_128, ERROR_NONE, 1, true},
    {"unknown extension", unknown_ignored, ERROR_NONE, 1, false},
    {"unknown single extension", single_ignored, ERROR_NONE, 1, false},
    {"empty", empty, ERROR_MALFORMED, 0, false},
    {"a certificate", certificate, ERROR_MALFORMED, 0, false},
    {"trailing byte", trailing, ERROR_MALFORMED, 0, false},
    {"two requests", two_requests, ERROR_MALFORMED, 0, false},
    {"BER indefinite length", indefinite, ERROR_MALFORMED, 0, false},
    {"BER long length", long_length, ERROR_MALFORMED, 0, false},
    {"version 2", version_2, ERROR_MALFORMED, 0, false},
    {"version 256", version_long, ERROR_MALFORMED, 0, false},
    {"empty list", empty_list, ERROR_MALFORMED, 0, false},
    {"seventeen", seventeen, ERROR_MALFORMED, 0, false},
    {"nonce of 129", nonce_129, ERROR_MALFORMED, 0, false},
    {"nonce of 0", nonce_empty, ERROR_MALFORMED, 0, false},
    {"nonce without OCTET STRING", nonce_raw, ERROR_MALFORMED, 0, false},
    {"nonce with trailing byte", nonce_trailing, ERROR_MALFORMED, 0, false},
    {"nonce twice", nonce_twice, ERROR_MALFORMED, 0, false},
    {"unknown critical extension", unknown_critical, ERROR_MALFORMED, 0, false},
    {"unknown critical single extension", single_critical, ERROR_MALFORMED, 0, false},
    {"over 10 KiB", huge, ERROR_TOO_LARGE, 0, false},
};

static void decodes_or_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct ocsp_query query = {.count = 99};
        bool ok = ocsp_request_decode(arena, rows[i].make(arena), &query, &err);
        if (ok != (rows[i].kind == ERROR_NONE) || err.kind != rows[i].kind)
            fail_msg("%s: %s %s", rows[i].name, ok ? "accepted" : "refused", err.message);
        assert_int_equal(query.count, ok ? rows[i].count : 99);
        if (ok)
            assert_int_equal(query.nonce, rows[i].nonce);
    }
}

static void refuses_every_truncation(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view whole = nonce_32(arena);
    for (size_t len = 0; len < whole.len; len++) {
        struct ocsp_query query;
        uint8_t *exact = arena_alloc(arena, len + 1);
        memcpy(exact, whole.at, len);
        assert_false(ocsp_request_decode(arena, view_of(exact, len), &query, NULL));
    }
}

static void survives_every_changed_byte(void **state) {
    (void)state;
    static const uint8_t patterns[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view whole = nonce_32(arena);
    for (size_t i = 0; i < whole.len; i++)
        for (size_t p = 0; p < sizeof patterns; p++) {
            struct ocsp_query query;
            struct view copy = arena_copy(arena, whole.at, whole.len);
            ((uint8_t *)copy.at)[i] = patterns[p];
            if (!ocsp_request_decode(arena, copy, &query, NULL))
                continue;
            struct view serial;
            (void)ocsp_id_serial(arena, query.ids[0], &serial);
            (void)ocsp_id_issuer_is(query.ids[0], fixture->ca_certificate);
        }
}

static void reads_serials(void **state) {
    (void)state;
    static const struct {
        const char *der, *serial; /* hex; NULL: no serial of a certificate */
    } serials[] = {
        {"020105", "05"},
        {"02020080", "0080"},
        {"0210"
         "0102030405060708090a0b0c0d0e0f10",
         "0102030405060708090a0b0c0d0e0f10"},
        {"0214"
         "7fffffffffffffffffffffffffffffffffffffff",
         "7fffffffffffffffffffffffffffffffffffffff"},
        {"0215"
         "00ffffffffffffffffffffffffffffffffffffffff",
         NULL},
        {"0215"
         "01ffffffffffffffffffffffffffffffffffffffff",
         NULL},
        {"020100", "00"}, /* as others have issued it (rfc5280#4.1.2.2) */
        {"0201ff", NULL},
    };
    for (size_t i = 0; i < sizeof serials / sizeof *serials; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct view bytes, serial;
        assert_true(hex_decode(arena, view_text(serials[i].der), &bytes));
        const unsigned char *at = bytes.at;
        AUTO(ASN1_INTEGER) *number = d2i_ASN1_INTEGER(NULL, &at, (long)bytes.len);
        assert_non_null(number);
        AUTO(OCSP_CERTID) *id =
            OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(fixture->ca_certificate),
                             X509_get0_pubkey_bitstr(fixture->ca_certificate), number);
        bool ok = ocsp_id_serial(arena, id, &serial);
        assert_int_equal(ok, serials[i].serial != NULL);
        if (ok)
            assert_string_equal(hex_encode(arena, serial), serials[i].serial);
    }
}

static void knows_the_issuer(void **state) {
    (void)state;
    static const struct {
        const char *digest;
        bool known;
    } digests[] = {{"SHA1", true},     {"SHA256", true}, {"SHA384", true},     {"SHA512", true},
                   {"SHA3-256", true}, {"MD5", false},   {"SHA512-256", false}};
    struct fixture *other = fixture_new("EC");
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        OCSP_REQUEST *request =
            fixture_request(fixture, EVP_get_digestbyname(digests[i].digest), one_serial, 1, 0);
        OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0));
        assert_int_equal(ocsp_id_issuer_is(id, fixture->ca_certificate), digests[i].known);
        /* Same name, another key. */
        assert_false(ocsp_id_issuer_is(id, other->ca_certificate));
        OCSP_REQUEST_free(request);
    }
    fixture_free(other);
}

static void finds_the_request_in_a_path(void **state) {
    (void)state;
    static const struct {
        const char *path, *hex; /* NULL: refused */
    } paths[] = {
        {"/ocsp/demo/AAEC", "000102"},
        {"/ocsp/demo/+/+/", "fbffbf"},
        {"/ocsp/demo/%2B%2F%2b/", "fbffbf"},
        {"/ocsp/demo///+/", "ffffbf"},
        {"/ocsp/demo/AA==", "00"},
        {"/ocsp/demo/AA%3D%3D", "00"},
        {"/ocsp/d%2fx/AA==", "00"},
        {"/ocsp/demo/", NULL},
        {"/ocsp/demo", NULL},
        {"/ocsp", NULL},
        {"", NULL},
        {"/ocsp/demo/AA", NULL},
        {"/ocsp/demo/AB==", NULL},
        {"/ocsp/demo/A-_C", NULL},
        {"/ocsp/demo/AA=%3", NULL},
        {"/ocsp/demo/AA=%", NULL},
        {"/ocsp/demo/AA%zz", NULL},
        {"/ocsp/demo/%00%00%00%00", NULL},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct view bytes;
        bool ok = ocsp_request_from_path(arena, paths[i].path, &bytes, NULL);
        if (ok != (paths[i].hex != NULL))
            fail_msg("%s: %s", paths[i].path, ok ? "accepted" : "refused");
        if (ok)
            assert_string_equal(hex_encode(arena, bytes), paths[i].hex);
    }
}

static void refuses_a_path_that_is_too_long(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    char *path = arena_alloc(arena, OCSP_REQUEST_MAX * 5);
    memset(path, 'A', OCSP_REQUEST_MAX * 5 - 1);
    memcpy(path, "/ocsp/demo/", 11);
    struct error err = {0};
    struct view bytes;
    assert_false(ocsp_request_from_path(arena, path, &bytes, &err));
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_or_refuses),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_changed_byte),
        cmocka_unit_test(reads_serials),
        cmocka_unit_test(knows_the_issuer),
        cmocka_unit_test(finds_the_request_in_a_path),
        cmocka_unit_test(refuses_a_path_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
