#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static const struct {
    const char *document, *type; /* NULL: read */
} rows[] = {
    {"{}", NULL},
    {"{\"accuracy\":null}", NULL},
    {"{\"access\":{\"addresses\":[\"10.0.0.0/8\",\"2001:db8::/32\",\"::1\"]}}", NULL},
    {"[]", "wrong-type"},
    {"{\"polices\":[]}", "unknown-field"},
    {"{\"policies\":[]}", "tsa-policy"},
    {"{\"policies\":[\"1.2.3\",\"1.2.3\"]}", "tsa-policy"},
    {"{\"policies\":[\"timeStamping\"]}", "tsa-policy"},
    {"{\"policies\":[7]}", "wrong-type"},
    {"{\"digests\":[]}", "tsa-digest"},
    {"{\"digests\":[\"SHA-0\"]}", "tsa-digest"},
    {"{\"accuracy\":{\"seconds\":0}}", "tsa-accuracy"},
    {"{\"accuracy\":{\"millis\":1000}}", "out-of-range"},
    {"{\"serialLength\":7}", "out-of-range"},
    {"{\"serialLength\":21}", "out-of-range"},
    {"{\"signatureDigest\":\"SHA-1\"}", "tsa-digest"},
    {"{\"chain\":\"some\"}", "tsa-chain"},
    {"{\"certificate\":\"x\"}", "tsa-certificate"},
    {"{\"access\":{\"addresses\":[\"10.0.0.0/33\"]}}", "tsa-access"},
    {"{\"access\":{\"addresses\":[\"10.0.0.0/\"]}}", "tsa-access"},
    {"{\"access\":{\"addresses\":[\"10.0.0.0/1x\"]}}", "tsa-access"},
    {"{\"access\":{\"addresses\":[\"localhost\"]}}", "tsa-access"},
    {"{\"access\":{\"users\":[\"alice\"]}}", "tsa-access"},
    {"{\"access\":{\"clientCas\":[\"x\"]}}", "tsa-access"},
    {"{\"access\":{\"perMinute\":-1}}", "out-of-range"},
};

static void test_documents(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *document;
        struct tsp_profile profile;
        struct error err = {0};
        assert_true(json_parse(arena, view_text(rows[i].document), &document, &err));
        bool ok = tsp_profile_read(arena, document, &profile, &err);
        if (ok != (rows[i].type == NULL) || (!ok && strcmp(err.type, rows[i].type) != 0))
            fail_msg("%s: %s %s", rows[i].document, err.type, err.message);
        if (!ok)
            continue;
        /* What is written is read as the same. */
        struct json_writer one = json_writer_on(arena), two = json_writer_on(arena);
        tsp_profile_write(&one, &profile);
        const char *text = json_written(&one);
        assert_true(json_parse(arena, view_text(text), &document, &err));
        assert_true(tsp_profile_read(arena, document, &profile, &err));
        tsp_profile_write(&two, &profile);
        assert_string_equal(text, json_written(&two));
    }
}

#define POLICY "\"qualified\":true,\"policies\":[\"1.3.6.1.4.1.99999.1\"]"

/* ETSI EN 319 421 and 319 422; what is stored is read all the same. */
static void test_qualified(void **state) {
    static const struct {
        const char *document, *type; /* "": it may be set up */
    } table[] = {{"{" POLICY "}", ""},
                 {"{" POLICY ",\"accuracy\":{\"millis\":999}}", ""},
                 {"{" POLICY ",\"accuracy\":{\"seconds\":1}}", ""},
                 {"{" POLICY ",\"accuracy\":{\"seconds\":1,\"micros\":1}}", "tsa-accuracy"},
                 {"{" POLICY ",\"accuracy\":null}", "tsa-accuracy"},
                 {"{" POLICY ",\"ordering\":true}", "tsa-qualified"},
                 {"{" POLICY ",\"ordering\":false}", ""},
                 {"{" POLICY ",\"authenticode\":true}", "tsa-qualified"},
                 {"{" POLICY ",\"digests\":[\"SHA-256\",\"SHA-1\"]}", "tsa-qualified"},
                 {"{\"qualified\":true}", "tsa-qualified"}, /* any policy is none */
                 {"{\"qualified\":true,\"policies\":[\"0.4.0.2023.1.1\",\"2.5.29.32.0\"]}", "tsa-qualified"},
                 {"{\"qualified\":true,\"policies\":[\"0.4.0.2023.1.1\"]}", ""},
                 {"{\"accuracy\":null,\"ordering\":true}", ""},
                 {"{\"accuracy\":{\"seconds\":60}}", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *document;
        struct tsp_profile profile;
        struct error err = {0};
        assert_true(json_parse(arena, view_text(table[i].document), &document, &err));
        assert_true(tsp_profile_read(arena, document, &profile, &err));
        if (tsp_profile_check(&profile, &err) != (table[i].type[0] == '\0') || strcmp(err.type, table[i].type) != 0)
            fail_msg("%s: %s %s", table[i].document, err.type, err.message);
        assert_int_equal(profile.authenticode, !profile.qualified || strstr(table[i].document, "authenticode") != NULL);
    }
}

static void test_addresses(void **state) {
    static const struct {
        const char *address;
        bool in;
    } table[] = {{"10.1.2.3", true},      {"::ffff:10.1.2.3", true}, {"11.0.0.1", false}, {"2001:db8:1::1", true},
                 {"2001:db9::1", false}, {"192.0.2.7", true},       {"192.0.2.8", false}, {"::1", false}};
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *document;
    struct tsp_profile profile;
    struct error err = {0};
    assert_true(json_parse(arena,
                           view_text("{\"access\":{\"addresses\":[\"10.0.0.0/8\",\"2001:db8::/32\",\"192.0.2.7\"]}}"),
                           &document, &err));
    assert_true(tsp_profile_read(arena, document, &profile, &err));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint8_t address[16];
        assert_true(tsp_address_parse(table[i].address, address));
        assert_int_equal(tsp_address_in(address, profile.access.ranges, profile.access.range_count), table[i].in);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documents), cmocka_unit_test(test_qualified),
                                       cmocka_unit_test(test_addresses)};
    return cmocka_run_group_tests_name("timestamp issuers", tests, NULL, NULL);
}
