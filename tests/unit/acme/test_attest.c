/* CBOR and attestation statements: what is refused, and why. Good ones:
 * tests/interop/acme-attest.sh. */
#include "acme/attest.h"
#include "acme/cbor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text)                                                                                \
    { (const uint8_t *)("" text), sizeof(text) - 1 }

static void cbor_reads(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err;
    struct cbor root;
    /* {"a": -7, "b": h'0102', "c": [1, "x"]} */
    assert_true(cbor_parse(arena,
                           VIEW_LITERAL("\xa3\x61"
                                        "a\x26\x61"
                                        "b\x42\x01\x02\x61"
                                        "c\x82\x01\x61x"),
                           &root, &err));
    struct view bytes;
    assert_int_equal(cbor_get(&root, "a")->type, CBOR_NEGATIVE);
    assert_int_equal(cbor_get(&root, "a")->number, 6);
    assert_true(cbor_bytes(&root, "b", &bytes));
    assert_int_equal(bytes.len, 2);
    assert_int_equal(cbor_get(&root, "c")->count, 2);
    assert_null(cbor_get(&root, "d"));
    assert_false(cbor_bytes(&root, "a", &bytes));
    assert_null(cbor_get(cbor_get(&root, "c"), "a"));
}

static void cbor_refuses(void **state) {
    (void)state;
    static const struct {
        struct view bytes;
        const char *words;
    } rows[] = {
        {{NULL, 0}, "ends early"},
        {BYTES("\x18"), "ends early"},
        {BYTES("\x1b\x01"), "ends early"},
        {BYTES("\x42\x01"), "ends early"},
        {BYTES("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), "ends early"},
        {BYTES("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), "ends early"},
        {BYTES("\xbb\x80\x00\x00\x00\x00\x00\x00\x00"), "ends early"},
        {BYTES("\xa1\x01"), "ends early"},
        {BYTES("\x5f\xff"), "indefinite"},
        {BYTES("\x1f"), "indefinite"},
        {BYTES("\xc0\x01"), "tag"},
        {BYTES("\xf6"), "simple value"},
        {BYTES("\x01\x01"), "follows"},
        {BYTES("\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x01"), "nested"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct cbor root;
        assert_false(cbor_parse(arena, rows[i].bytes, &root, &err));
        assert_non_null(strstr(err.message, rows[i].words));
    }
}

static void statements_refused(void **state) {
    (void)state;
    static const struct {
        struct view bytes;
        const char *words;
    } rows[] = {
        {BYTES("\x01"), "\"fmt\""},
        {BYTES("\xa2\x63"
               "fmt\x64none\x67"
               "attStmt\xa0"),
         "apple, tpm or step"},
        {BYTES("\xa1\x63"
               "fmt\x65"
               "apple"),
         "\"attStmt\""},
        {BYTES("\xa2\x63"
               "fmt\x65"
               "apple\x67"
               "attStmt\xa0"),
         "x5c"},
        {BYTES("\xa2\x63"
               "fmt\x65"
               "apple\x67"
               "attStmt\xa1\x63x5c\x80"),
         "x5c"},
        {BYTES("\xa2\x63"
               "fmt\x65"
               "apple\x67"
               "attStmt\xa1\x63x5c\x81\x01"),
         "x5c"},
        {BYTES("\xa2\x63"
               "fmt\x65"
               "apple\x67"
               "attStmt\xa1\x63x5c\x81\x41\x30"),
         "cannot be read"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct attestation attestation;
        struct error err = {0};
        assert_false(attest_read(arena, rows[i].bytes, "t", "t.p", &attestation, &err));
        assert_string_equal(err.type, "acme:badAttestationStatement");
        if (strstr(err.message, rows[i].words) == NULL)
            fail_msg("row %zu: %s", i, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cbor_reads),
        cmocka_unit_test(cbor_refuses),
        cmocka_unit_test(statements_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
