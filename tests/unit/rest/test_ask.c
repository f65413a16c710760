/* Reading requests: hostile queries, bodies and headers. */
#include "rest/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_request request_on(struct arena *arena, const char *query) {
    return (struct http_request){.arena = arena,
                                 .id = "test",
                                 .method = "GET",
                                 .path = "/api/v1/cas",
                                 .raw_path = "/api/v1/cas",
                                 .query = query,
                                 .address = "127.0.0.1"};
}

static void set_header(struct http_request *request, const char *name, const char *value) {
    request->headers[request->header_count++] = (struct http_header){name, value};
}

static void test_page(void **state) {
    (void)state;
    static const struct {
        const char *query;
        bool ok;
        unsigned limit;
        const char *cursor;
    } rows[] = {
        {"", true, 50, NULL},
        {"limit=1", true, 1, NULL},
        {"limit=500&cursor=abc", true, 500, "abc"},
        {"cursor=a%2Bb", true, 50, "a+b"},
        {"&&limit=2&", true, 2, NULL},
        {"state=pending", true, 50, NULL},
        {"limit=0", false, 0, NULL},
        {"limit=501", false, 0, NULL},
        {"limit=-1", false, 0, NULL},
        {"limit=+1", false, 0, NULL},
        {"limit=1e2", false, 0, NULL},
        {"limit=99999999999999999999999999", false, 0, NULL},
        {"limit=", false, 0, NULL},
        {"limit", false, 0, NULL},
        {"limit=1&limit=2", false, 0, NULL},
        {"limit=1&limit", false, 0, NULL},
        {"cursor=%ff", false, 0, NULL},
        {"cursor=%zz", false, 0, NULL},
        {"Limit=1", false, 0, NULL},
        {"%6cimit=1", false, 0, NULL},
        {"limits=1", false, 0, NULL},
        {"=1", false, 0, NULL},
        {"unknown=1", false, 0, NULL},
    };
    static const char *const others[] = {"state", NULL};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_request request = request_on(arena, rows[i].query);
        struct page page = {.limit = 7};
        struct error err = {0};
        bool ok = ask_page(&request, others, &page, &err);
        if (ok != rows[i].ok)
            fail_msg("%s: %s", rows[i].query, err.message);
        if (!ok) {
            assert_int_equal(err.kind, ERROR_MALFORMED);
            assert_string_equal(err.type, "bad-query");
            assert_int_equal(page.limit, 7);
            continue;
        }
        assert_int_equal(page.limit, rows[i].limit);
        if (rows[i].cursor == NULL)
            assert_null(page.cursor);
        else
            assert_string_equal(page.cursor, rows[i].cursor);
    }
}

static void test_long_cursor(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    char query[1100] = "cursor=";
    memset(query + 7, 'a', 1000);
    struct http_request request = request_on(arena, query);
    struct page page;
    struct error err;
    assert_false(ask_page(&request, NULL, &page, &err));
    assert_string_equal(err.type, "bad-query");
}

static void test_document(void **state) {
    (void)state;
    static const struct {
        const char *type, *body, *problem;
    } rows[] = {
        {"application/json", "{}", NULL},
        {"application/json", "{\"name\":\"x\"}", NULL},
        {"Application/JSON; charset=utf-8", "{}", NULL},
        {"application/json;charset=utf-8", " {} ", NULL},
        {NULL, "{}", "unsupported-media-type"},
        {"", "{}", "unsupported-media-type"},
        {"text/plain", "{}", "unsupported-media-type"},
        {"application/x-www-form-urlencoded", "{}", "unsupported-media-type"},
        {"application/jsonp", "{}", "unsupported-media-type"},
        {"application/json", "", "malformed-json"},
        {"application/json", "{} {}", "malformed-json"},
        {"application/json", "{\"name\":1,}", "malformed-json"},
        {"application/json", "[]", "wrong-type"},
        {"application/json", "null", "wrong-type"},
        {"application/json", "{\"nmae\":\"x\"}", "unknown-field"},
        {"application/json", "{\"name\":1,\"name\":2}", "duplicate-name"},
        {"application/json", "{\"name\":\"\\u0000\"}", "malformed-json"},
        {"application/json", "{\"name\":\"\xff\"}", "malformed-json"},
    };
    static const char *const names[] = {"name", NULL};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_request request = request_on(arena, "");
        const struct json *document = NULL;
        struct error err = {0};
        request.body = view_text(rows[i].body);
        if (rows[i].type != NULL)
            set_header(&request, "content-type", rows[i].type);
        bool ok = ask_document(&request, names, &document, &err);
        if (ok != (rows[i].problem == NULL))
            fail_msg("%s: %s", rows[i].body, err.message);
        if (!ok)
            assert_string_equal(err.type, rows[i].problem);
        assert_int_equal(document != NULL, ok);
    }
}

static void test_optional_document(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const char *const names[] = {NULL};
    struct http_request request = request_on(arena, "");
    const struct json *document = NULL;
    struct error err;
    assert_true(ask_optional_document(&request, names, &document, &err));
    assert_int_equal(document->count, 0);
    request.body = VIEW_LITERAL("{}");
    assert_false(ask_optional_document(&request, names, &document, &err));
    request = request_on(arena, "x=1");
    assert_false(ask_optional_document(&request, names, &document, &err));
    assert_string_equal(err.type, "bad-query");
}

static const struct json *parse(struct arena *arena, const char *text) {
    const struct json *value;
    struct error err;
    assert_true(json_parse(arena, view_text(text), &value, &err));
    return value;
}

static void test_members(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *document =
        parse(arena, "{\"s\":\"x\",\"n\":null,\"t\":\"2026-01-31T12:00:00Z\",\"bad\":\"tomorrow\","
                     "\"list\":[\"a\",\"b\"],\"mixed\":[\"a\",1]}");
    const char *text = "kept";
    int64_t us = 5;
    const char *const *items = NULL;
    size_t count = 0;
    struct error err;
    assert_true(ask_string(document, "s", &text, &err));
    assert_string_equal(text, "x");
    assert_false(ask_string(document, "n", &text, &err));
    assert_string_equal(err.type, "missing-field");
    assert_false(ask_string(document, "absent", &text, &err));
    assert_true(ask_time(document, "absent", &us, &err));
    assert_int_equal(us, 5);
    assert_true(ask_time(document, "t", &us, &err));
    assert_true(us == INT64_C(1769860800000000));
    assert_false(ask_time(document, "bad", &us, &err));
    assert_non_null(strstr(err.message, "\"bad\""));
    assert_true(ask_strings(arena, document, "list", 2, &items, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(items[1], "b");
    assert_false(ask_strings(arena, document, "list", 1, &items, &count, &err));
    assert_false(ask_strings(arena, document, "mixed", 9, &items, &count, &err));
    assert_false(ask_strings(arena, document, "s", 9, &items, &count, &err));
}

static void test_without(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const char *const ours[] = {"csr", "issue", NULL};
    const struct json *document =
        parse(arena, "{\"csr\":\"x\",\"sans\":[1],\"issue\":true,\"b\":2,\"c\":null}");
    const struct json *rest = ask_without(arena, document, ours);
    assert_int_equal(rest->count, 2);
    assert_non_null(json_get(rest, "sans"));
    assert_non_null(json_get(rest, "b"));
    assert_null(json_get(rest, "csr"));
    assert_int_equal(document->count, 5);
    assert_null(ask_without(arena, parse(arena, "{\"csr\":\"x\"}"), ours));
}

static void test_version(void **state) {
    (void)state;
    static const struct {
        const char *tag, *body;
        bool ok;
        int64_t version;
    } rows[] = {
        {NULL, "{}", true, 0},
        {"\"7\"", "{}", true, 7},
        {NULL, "{\"version\":7}", true, 7},
        {"\"7\"", "{\"version\":7}", true, 7},
        {"\"7\"", "{\"version\":8}", false, 0},
        {"7", "{}", false, 0},
        {"*", "{}", false, 0},
        {"W/\"7\"", "{}", false, 0},
        {"\"0\"", "{}", false, 0},
        {"\"-1\"", "{}", false, 0},
        {"\"7\", \"8\"", "{}", false, 0},
        {"\"7x\"", "{}", false, 0},
        {"\"\"", "{}", false, 0},
        {"", "{}", false, 0},
        {"\"99999999999999999999\"", "{}", false, 0},
        {NULL, "{\"version\":0}", false, 0},
        {NULL, "{\"version\":1.5}", false, 0},
        {NULL, "{\"version\":\"7\"}", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_request request = request_on(arena, "");
        int64_t version = 0;
        struct error err = {0};
        if (rows[i].tag != NULL)
            set_header(&request, "If-Match", rows[i].tag);
        bool ok = ask_version(&request, parse(arena, rows[i].body), &version, &err);
        if (ok != rows[i].ok || version != rows[i].version)
            fail_msg("row %zu: %s", i, err.message);
    }
}

static void test_id(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_request request = request_on(arena, "");
    struct uuid id;
    struct error err;
    request.parameters[0] = "0190d3f0-7a3b-7cc1-8b0f-0123456789ab";
    assert_true(ask_id(&request, 0, "request", &id, &err));
    request.parameters[0] = "0190d3f0-7a3b-7cc1-8b0f-0123456789ab'--";
    assert_false(ask_id(&request, 0, "request", &id, &err));
    assert_int_equal(err.kind, ERROR_NOT_FOUND);
    assert_false(ask_id(&request, 1, "request", &id, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),     cmocka_unit_test(test_long_cursor),
        cmocka_unit_test(test_document), cmocka_unit_test(test_optional_document),
        cmocka_unit_test(test_members),  cmocka_unit_test(test_without),
        cmocka_unit_test(test_version),  cmocka_unit_test(test_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
