#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROW(text) \
    { text, sizeof text - 1 }

/* clang-format off */
static const struct {
    const char *text;
    size_t len;
} good[] = {
    ROW("null"), ROW("true"), ROW("false"), ROW("0"), ROW("-0"), ROW("1.5e+300"), ROW("1E9"),
    ROW("\"\""), ROW("[]"), ROW("{}"), ROW(" \t\r\n[ 1 , 2 ] \n"),
    ROW("{\"a\":{\"a\":[{\"a\":1}]}}"),
    ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), ROW("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\""),
    ROW("\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""), ROW("{\"\":1}"),
    ROW("12345678901234567890123456789012345678901234567890e999999"), ROW("\"\x7f\""),
    ROW("[[],[[]],{},[{}]]"), ROW("{\"a\":1,\"A\":2,\"a \":3}"),
};
/* clang-format on */

/* clang-format off */
static const struct {
    const char *text;
    size_t len;
} bad[] = {
    ROW(""), ROW(" "), ROW("\n\n"), ROW("nul"), ROW("nulll"), ROW("True"), ROW("undefined"),
    ROW("NaN"),
    ROW("Infinity"), ROW("-"), ROW("+1"), ROW("01"), ROW("-01"), ROW("1."), ROW(".5"), ROW("1e"),
    ROW("1e+"), ROW("0x10"), ROW("1 2"), ROW("1,2"), ROW("--1"), ROW("1_000"), ROW("1a"),
    ROW("0b1"),
    ROW("["), ROW("]"), ROW("[1"), ROW("[1,"), ROW("[1,]"), ROW("[,1]"), ROW("[1 2]"),
    ROW("[1,,2]"),
    ROW("[1}"), ROW("{]"), ROW("[1]]"), ROW("[1] [2]"), ROW("[01]"), ROW("[:]"), ROW("[\"a\":1]"),
    ROW("{"), ROW("}"), ROW("{\"a\""), ROW("{\"a\"}"), ROW("{\"a\":}"), ROW("{\"a\":1,}"),
    ROW("{,}"),
    ROW("{\"a\":1 \"b\":2}"), ROW("{\"a\" 1}"), ROW("{\"a\"::1}"), ROW("{a:1}"), ROW("{'a':1}"),
    ROW("{1:1}"), ROW("{null:1}"), ROW("{[]:1}"), ROW("{} {}"), ROW("{\"a\":1}x"),
    ROW("{\"a\",\"b\"}"),
    ROW("{\"a\":1,\"a\":2}"), ROW("{\"a\":1,\"\\u0061\":2}"),
    ROW("{\"x\":{\"b\":1,\"c\":1,\"b\":1}}"),
    ROW("\""), ROW("\"a"), ROW("\"\\\""), ROW("\"\\x41\""), ROW("\"\\u004\""), ROW("\"\\u00zz\""),
    ROW("\"\\U0041\""), ROW("\"\\'\""), ROW("\"\\\n\""), ROW("'a'"), ROW("\"a\" \"b\""),
    ROW("\"\\ud83d\""), ROW("\"\\ude00\""), ROW("\"\\ud83d\\u0041\""), ROW("\"\\ud83dx\""),
    ROW("\"\\ud83d\\ud83d\""), ROW("\"\\ud83d\\\""), ROW("\"\\ud83d\\ude0\""),
    ROW("\"\\u0000\""), ROW("\"a\0b\""), ROW("null\0"), ROW("\0"), ROW("{\"a\\u0000\":1}"),
    ROW("\"\n\""), ROW("\"\t\""), ROW("\"\x1f\""), ROW("\"\x01\""),
    ROW("\"\x80\""), ROW("\"\xc3\""), ROW("\"\xc0\xaf\""), ROW("\"\xc1\x81\""),
    ROW("\"\xe0\x80\xaf\""),
    ROW("\"\xed\xa0\x80\""), ROW("\"\xf0\x80\x80\xaf\""), ROW("\"\xf4\x90\x80\x80\""),
    ROW("\"\xff\""),
    ROW("\"\xf8\x88\x80\x80\x80\""), ROW("\xef\xbb\xbf{}"), ROW("\xfe\xff\0{\0}"), ROW("\xa0[]"),
    ROW("[1]//x"), ROW("/**/[1]"), ROW("#\n[1]"), ROW("\v[]"), ROW("\f[]"), ROW("[\xc2\xa0]"),
    ROW("{\"a\":1}\\"), ROW("[\"a\\\"]"), ROW("\\u0031"),
};
/* clang-format on */

static void test_grammar(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *value = NULL;
        struct error err = {0};
        if (!json_parse(arena, view_of(good[i].text, good[i].len), &value, &err))
            fail_msg("refused %s: %s", good[i].text, err.message);
        assert_non_null(value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json poison, *value = &poison;
        struct error err = {0};
        if (json_parse(arena, view_of(bad[i].text, bad[i].len), &value, &err))
            fail_msg("taken: %s", bad[i].text);
        assert_ptr_equal(value, &poison);
        assert_int_equal(err.kind, ERROR_MALFORMED);
        assert_true(err.type[0] != '\0' && err.message[0] != '\0');
    }
}

/* Every prefix of a valid document is refused (numbers apart), and nothing is read behind its end.
 */
static void test_truncation(void **state) {
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.5e3,\"x\\u00e9\\ud83d\\ude00\",true,null,{\"b\":\"c\"}]}";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *value;
        char *copy = must_alloc(len == 0 ? 1 : len); /* the sanitizer guards its end */
        memcpy(copy, text, len);
        assert_false(json_parse(arena, view_of(copy, len), &value, NULL));
        free(copy);
    }
}

static bool parse_nested(size_t depth, bool objects) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer b = buffer_on(arena);
    const struct json *value;
    for (size_t i = 0; i < depth; i++)
        buffer_add_text(&b, objects ? "{\"a\":" : "[");
    if (objects)
        buffer_add_text(&b, "1");
    for (size_t i = 0; i < depth; i++)
        buffer_add_text(&b, objects ? "}" : "]");
    return json_parse(arena, buffer_view(&b), &value, NULL);
}

static void test_limits(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *value;
    struct error err = {0};
    assert_true(parse_nested(JSON_MAX_DEPTH, false));
    assert_true(parse_nested(JSON_MAX_DEPTH, true));
    assert_false(parse_nested(JSON_MAX_DEPTH + 1, false));
    assert_false(parse_nested(JSON_MAX_DEPTH + 1, true));
    assert_false(parse_nested(JSON_MAX_VALUES / 2, false));
    assert_false(parse_nested(1000000, false));
    for (size_t count = JSON_MAX_VALUES - 2; count <= JSON_MAX_VALUES + 1; count++) {
        struct buffer b = buffer_on(arena);
        for (size_t i = 0; i < count; i++)
            buffer_add_text(&b, i == 0 ? "[1" : ",1");
        buffer_add_text(&b, "]");
        assert_int_equal(json_parse(arena, buffer_view(&b), &value, &err),
                         count + 1 <= JSON_MAX_VALUES);
    }
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
    char *big = arena_alloc(arena, JSON_MAX_SIZE + 1);
    memset(big, ' ', JSON_MAX_SIZE + 1);
    big[0] = '1';
    assert_true(json_parse(arena, view_of(big, JSON_MAX_SIZE), &value, &err));
    assert_false(json_parse(arena, view_of(big, JSON_MAX_SIZE + 1), &value, &err));
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
}

/* clang-format off */
static const struct json *parse(struct arena *arena, const char *text) {
    const struct json *value = NULL;
    struct error err;
    if (!json_parse(arena, view_text(text), &value, &err))
        fail_msg("%s: %s", text, err.message);
    return value;
}

static void test_values(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *v = parse(
        arena, "{\"s\":\"\\u00e9\\ud83d\\ude00\\n\\/\",\"n\":-12.50,\"l\":[1,2,3]}");
    assert_int_equal(v->count, 3);
    assert_string_equal(json_get(v, "s")->text, "\xc3\xa9\xf0\x9f\x98\x80\n/");
    assert_string_equal(json_get(v, "n")->text, "-12.50");
    assert_int_equal(json_get(v, "l")->count, 3);
    assert_null(json_get(v, "S"));
    assert_null(json_get(json_get(v, "l"), "s"));
    assert_null(json_get(NULL, "s"));
    size_t n = 0;
    JSON_EACH(item, json_get(v, "l"))
        assert_int_equal(item->text[0], '1' + n++);
    assert_int_equal(n, 3);
}

static void test_typed_members(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    const struct json *o =
        parse(arena, "{\"s\":\"x\",\"b\":true,\"n\":5,\"z\":null,\"a\":[],\"o\":{}}");
    const char *s = "kept";
    bool b = false;
    int64_t n = 0;
    const struct json *sub = NULL;
    assert_true(json_string(o, "s", &s, &err) && json_bool(o, "b", &b, &err));
    assert_true(json_int(o, "n", 0, 5, &n, &err) && json_array(o, "a", &sub, &err));
    assert_true(sub->type == JSON_ARRAY && json_object(o, "o", &sub, &err));
    assert_true(sub->type == JSON_OBJECT && b && n == 5);
    assert_string_equal(s, "x");
    /* absent and null leave the value */
    assert_true(json_string(o, "z", &s, &err) && json_string(o, "absent", &s, &err));
    assert_true(json_bool(o, "z", &b, &err) && json_int(o, "z", 0, 1, &n, &err));
    assert_true(json_array(o, "z", &sub, &err) && json_object(NULL, "s", &sub, &err));
    assert_string_equal(s, "x");
    assert_true(b && n == 5 && sub->type == JSON_OBJECT);
    /* another type names the member */
    assert_false(json_string(o, "n", &s, &err));
    assert_string_equal(err.type, "wrong-type");
    assert_non_null(strstr(err.message, "\"n\""));
    assert_false(json_bool(o, "s", &b, &err));
    assert_false(json_int(o, "s", 0, 9, &n, &err));
    assert_false(json_array(o, "o", &sub, &err));
    assert_false(json_object(o, "a", &sub, &err));
}

static void test_integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"{\"n\":0}", true, 0}, {"{\"n\":-0}", true, 0}, {"{\"n\":-7}", true, -7},
        {"{\"n\":9223372036854775807}", true, INT64_MAX}, {"{\"n\":-9223372036854775808}",
         true, INT64_MIN},
        {"{\"n\":9223372036854775808}", false, 0}, {"{\"n\":-9223372036854775809}", false, 0},
        {"{\"n\":1.0}", false, 0}, {"{\"n\":1e2}", false, 0}, {"{\"n\":1E0}", false, 0},
        {"{\"n\":99999999999999999999999999999999}", false, 0}, {"{\"n\":\"1\"}", false, 0},
        {"{\"n\":true}", false, 0}, {"{\"n\":[1]}", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err;
        int64_t n = 42;
        bool ok = json_int(parse(arena, rows[i].text), "n", INT64_MIN, INT64_MAX, &n, &err);
        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(n, rows[i].ok ? rows[i].value : 42);
    }
    SCOPED_ARENA struct arena *arena = arena_new();
    int64_t n = 42;
    assert_false(json_int(parse(arena, "{\"n\":11}"), "n", 1, 10, &n, NULL));
    assert_false(json_int(parse(arena, "{\"n\":0}"), "n", 1, 10, &n, NULL));
    assert_int_equal(n, 42);
}

static void test_unknown_members(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const char *const names[] = {"a", "b", NULL}, *const none[] = {NULL};
    struct error err = {0};
    assert_true(json_only(parse(arena, "{\"b\":1}"), names, &err));
    assert_true(json_only(parse(arena, "{}"), none, &err));
    assert_false(json_only(parse(arena, "{\"a\":1,\"c\":1}"), names, &err));
    assert_string_equal(err.type, "unknown-field");
    assert_non_null(strstr(err.message, "\"c\""));
    assert_false(json_only(parse(arena, "[]"), names, &err));
    assert_false(json_only(NULL, names, &err));
}

static void test_writer(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "s", "a\"b\\c/\b\f\n\r\t\x01\x7f\xc3\xa9");
    json_put_string(&w, "none", NULL);
    json_put_int(&w, "n", INT64_MIN);
    json_put_bool(&w, "t", true);
    json_put_time(&w, "at", 0);
    json_name(&w, "list");
    json_open_array(&w);
    json_add_int(&w, 1);
    json_open_object(&w);
    json_close_object(&w);
    json_open_array(&w);
    json_close_array(&w);
    json_add_null(&w);
    json_add_bool(&w, false);
    json_close_array(&w);
    json_put_null(&w, "q\"");
    json_close_object(&w);
    assert_string_equal(json_written(&w),
                        "{\"s\":\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u007f\xc3\xa9\","
                        "\"none\":null,"
                        "\"n\":-9223372036854775808,\"t\":true,\"at\":\"1970-01-01T00:00:00Z\","
                        "\"list\":[1,{},[],null,false],\"q\\\"\":null}");
}

/* Each octet at each place of a text that is longer than what is looked at together. */
static void test_writer_escapes_everywhere(void **state) {
    (void)state;
    static const char *const escapes[256] = {['"'] = "\\\"",  ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
                                             ['\n'] = "\\n", ['\r'] = "\\r",   ['\t'] = "\\t"};
    for (int c = 1; c < 256; c++)
        for (size_t at = 0; at < 18; at++) {
            SCOPED_ARENA struct arena *arena = arena_new();
            struct json_writer w = json_writer_on(arena);
            char text[] = "aaaaaaaaaaaaaaaaaa", octet[] = {(char)c, '\0'};
            const char *there = escapes[c];
            if (there == NULL)
                there = c < 0x20 || c == 0x7f ? arena_printf(arena, "\\u%04x", (unsigned)c) : c < 0x80 ? octet : "\xef\xbf\xbd";
            text[at] = (char)c;
            json_add_string(&w, text);
            assert_string_equal(json_written(&w), arena_printf(arena, "\"%.*s%s%s\"", (int)at, text, there, text + at + 1));
        }
}

static void test_utf8_everywhere(void **state) {
    (void)state;
    for (size_t len = 0; len < 20; len++)
        for (size_t at = 0; at < len; at++) {
            uint8_t text[20] = "aaaaaaaaaaaaaaaaaaa";
            assert_true(utf8_valid(view_of(text, len)));
            text[at] = 0xff;
            assert_false(utf8_valid(view_of(text, len)));
            text[at] = 0xc3;
            assert_false(utf8_valid(view_of(text, len)));
            if (at + 1 < len) {
                text[at + 1] = 0xa9;
                assert_true(utf8_valid(view_of(text, len)));
            }
        }
}

static void test_writer_repairs_utf8(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"a\xff" "b", "\"a\xef\xbf\xbd" "b\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf0\x9f\x98\x80\xf0", "\"\xf0\x9f\x98\x80\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct json_writer w = json_writer_on(arena);
        json_add_string(&w, rows[i][0]);
        assert_string_equal(json_written(&w), rows[i][1]);
        parse(arena, json_written(&w));
    }
}

static void test_round_trip(void **state) {
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.50e+3,\"\xc3\xa9\\n\",true,false,null,{\"b\":{}}],\"\":[]}";
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    json_add_value(&w, parse(arena, text));
    assert_string_equal(json_written(&w), text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_typed_members),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_unknown_members),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_escapes_everywhere),
        cmocka_unit_test(test_utf8_everywhere),
        cmocka_unit_test(test_writer_repairs_utf8),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* clang-format on */