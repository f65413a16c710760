#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef bool decoder(struct arena *arena, struct view text, struct view *ret_bytes);

/* clang-format off */
static const struct {
    const char *bytes, *base64, *base64url, *hex;
} vectors[] = { /* rfc4648#10, and the letters that differ */
    {"", "", "", ""},
    {"f", "Zg==", "Zg", "66"},
    {"fo", "Zm8=", "Zm8", "666f"},
    {"foo", "Zm9v", "Zm9v", "666f6f"},
    {"foob", "Zm9vYg==", "Zm9vYg", "666f6f62"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
    {"\xfb\xff\xfe", "+//+", "-__-", "fbfffe"},
};
/* clang-format on */

static void must_decode(decoder *decode, struct arena *arena, const char *text, const char *bytes) {
    struct view got;
    assert_true(decode(arena, view_text(text), &got));
    assert_true(view_is(got, bytes));
}

static void test_vectors(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct view bytes = view_text(vectors[i].bytes);
        assert_string_equal(base64_encode(arena, bytes), vectors[i].base64);
        assert_string_equal(base64url_encode(arena, bytes), vectors[i].base64url);
        assert_string_equal(hex_encode(arena, bytes), vectors[i].hex);
        must_decode(base64_decode, arena, vectors[i].base64, vectors[i].bytes);
        must_decode(base64url_decode, arena, vectors[i].base64url, vectors[i].bytes);
        must_decode(hex_decode, arena, vectors[i].hex, vectors[i].bytes);
    }
    must_decode(base64_decode, arena, " Zm9v\r\n\tYg = =\n", "foob");
    must_decode(hex_decode, arena, "FbFFfE", "\xfb\xff\xfe");
}

/* clang-format off */
static const struct {
    decoder *decode;
    const char *text;
} hostile[] = {
    {base64_decode, "Z"}, {base64_decode, "Zg"}, {base64_decode, "Zg="}, {base64_decode, "Zg==="},
    {base64_decode, "Zh=="}, /* the unused bits are not zero */
    {base64_decode, "Zm9="}, {base64_decode, "===="}, {base64_decode, "A==="}, {base64_decode, "="},
    {base64_decode, "Zm=v"}, {base64_decode, "Zg==Zg=="}, {base64_decode, "Zm9v===="},
    {base64_decode, "Zm9-"}, {base64_decode, "Zm9_"}, {base64_decode, "Zm9\x80"},
    {base64_decode, "Zm9v\v"}, {base64_decode, "Zm9v\xc2\xa0"}, {base64_decode, "Zm9v#"},
    {base64url_decode, "Zg=="}, {base64url_decode, "Z"}, {base64url_decode, "Zh"},
    {base64url_decode, "Zm9"}, {base64url_decode, "Zm+v"}, {base64url_decode, "Zm/v"},
    {base64url_decode, "Zm9v\n"}, {base64url_decode, " Zm9v"}, {base64url_decode, "Zm9vA"},
    {hex_decode, "6"}, {hex_decode, "6g"}, {hex_decode, "0x66"}, {hex_decode, "66 6f"},
    {hex_decode, "-1"}, {hex_decode, "\xb6\xb6"},
};
/* clang-format on */

static void test_hostile(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct view got = {(const uint8_t *)"poison", 6};
        assert_false(hostile[i].decode(arena, view_text(hostile[i].text), &got));
        assert_true(view_is(got, "poison"));
    }
    decoder *const all[] = {base64_decode, base64url_decode, hex_decode};
    for (size_t i = 0; i < 3; i++) {
        struct view got;
        assert_false(all[i](arena, view_of("Zm9\0", 4), &got)); /* NUL is no letter */
        assert_true(all[i](arena, view_of(NULL, 0), &got));
        assert_int_equal(got.len, 0);
    }
}

static void test_every_length(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct view in = view_of(bytes, len), out;
        assert_true(base64_decode(arena, view_text(base64_encode(arena, in)), &out));
        assert_true(view_equal(in, out));
        assert_true(base64url_decode(arena, view_text(base64url_encode(arena, in)), &out));
        assert_true(view_equal(in, out));
        assert_true(pem_decode(arena, view_text(pem_encode(arena, "X", in)), "X", &out));
        assert_true(view_equal(in, out));
    }
}

static void test_pem(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    uint8_t bytes[49] = {0};
    struct view got;
    assert_string_equal(pem_encode(arena, "X", view_of(bytes, 49)),
                        "-----BEGIN X-----\n"
                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                        "AA==\n-----END X-----\n");
    static const char two[] = "subject=/CN=x\n-----BEGIN A-----\nZm9v\n-----END A-----\n"
                              "-----BEGIN B-----\r\nYmFy\r\n-----END B-----";
    assert_true(pem_decode(arena, view_text(two), "A", &got));
    assert_true(view_is(got, "foo"));
    assert_true(pem_decode(arena, view_text(two), "B", &got));
    assert_true(view_is(got, "bar"));
    static const char *const broken[] = {
        "",
        "-----BEGIN A-----",
        "-----BEGIN A-----\nZm9v\n",
        "-----BEGIN A-----\nZm9v\n-----END B-----",
        "-----END A-----\nZm9v\n-----BEGIN A-----",
        "-----BEGIN A-----\nZm9!\n-----END A-----",
        "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nZm9v\n-----END A-----",
        "----BEGIN A----\nZm9v\n----END A----",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_false(pem_decode(arena, view_text(broken[i]), "A", &got));
    assert_false(pem_decode(arena, view_of(NULL, 0), "A", &got));
    assert_false(pem_decode(arena, view_text(two), "C", &got));
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *digits, *octets;
    } good[] = {
        {"0", "00"},    {"00", "00"},     {"000000", "00"},   {"1", "01"},        {"01", "01"},    {"0001", "01"}, {"7f", "7f"},
        {"80", "0080"}, {"0080", "0080"}, {"000080", "0080"}, {"FFFF", "00ffff"}, {"abc", "0abc"}, {"0x", NULL},   {"", NULL},
        {"g", NULL},    {"-1", NULL},     {"1 2", NULL},      {"00ffffffff", "00ffffffff"},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view got;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(der_number_of_hex(arena, good[i].digits, &got), good[i].octets != NULL);
        if (good[i].octets != NULL)
            assert_string_equal(hex_encode(arena, got), good[i].octets);
    }
    assert_string_equal(hex_encode(arena, der_number(arena, view_of(NULL, 0))), "00");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
