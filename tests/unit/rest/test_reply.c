/* Answers: lists with their links, and the shapes of members. */
#include "rest/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* cmocka's; ours is meant */

static const char *header_of(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (strcmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}

static void test_list_links(void **state) {
    (void)state;
    static const struct {
        const char *raw_path, *query, *next, *link;
    } rows[] = {
        {"/api/v1/cas", "", NULL, NULL},
        {"/api/v1/cas", "", "abc", "</api/v1/cas?cursor=abc>; rel=\"next\""},
        {"/api/v1/cas", "limit=2&cursor=old", "n/=w",
         "</api/v1/cas?limit=2&cursor=n%2F%3Dw>; rel=\"next\""},
        {"/api/v1/cas/a/certificates", "q=a%20b&state=valid", "x",
         "</api/v1/cas/a/certificates?q=a%20b&state=valid&cursor=x>; rel=\"next\""},
        {"/api/v1/cas", "q=>;evil\"&cursor=a", "x",
         "</api/v1/cas?q=%3E%3Bevil%22&cursor=x>; rel=\"next\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_request request = {.arena = arena,
                                       .raw_path = rows[i].raw_path,
                                       .path = rows[i].raw_path,
                                       .query = rows[i].query};
        struct http_response response = {.arena = arena};
        struct json_writer w = reply_list_begin(arena);
        json_add_int(&w, 1);
        reply_list(&request, &response, &w, rows[i].next);
        assert_int_equal(response.status, 200);
        const char *link = header_of(&response, "Link");
        if (rows[i].link == NULL) {
            assert_null(link);
            assert_true(view_is(response.body, "{\"items\":[1],\"next\":null}"));
        } else {
            assert_string_equal(link, rows[i].link);
        }
    }
}

static const char *joined(struct arena *arena, const char *text) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    put_joined(&w, arena, "a", text);
    json_close_object(&w);
    return json_written(&w);
}

static void test_joined(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    assert_string_equal(joined(arena, NULL), "{\"a\":[]}");
    assert_string_equal(joined(arena, ""), "{\"a\":[]}");
    assert_string_equal(joined(arena, "DNS:a"), "{\"a\":[\"DNS:a\"]}");
    assert_string_equal(joined(arena, "DNS:a, IP:::1"), "{\"a\":[\"DNS:a\",\"IP:::1\"]}");
    assert_string_equal(joined(arena, "dirName:CN=a\\, b,O=c, DNS:d"),
                        "{\"a\":[\"dirName:CN=a\\\\, b,O=c\",\"DNS:d\"]}");
}

static void test_members(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    struct uuid nil = {{0}};
    json_open_object(&w);
    put_uuid(&w, "id", nil);
    put_time_or_null(&w, "t", 0);
    put_time_or_null(&w, "u", INT64_C(1769860800000000));
    put_text_or_null(&w, "e", "");
    put_document(&w, arena, "d", "{\"x\":[1]}");
    put_document(&w, arena, "broken", "{");
    put_hex(&w, arena, "h", view_of("\x01\xff", 2));
    json_close_object(&w);
    assert_string_equal(json_written(&w),
                        "{\"id\":null,\"t\":null,\"u\":\"2026-01-31T12:00:00Z\",\"e\":null,"
                        "\"d\":{\"x\":[1]},\"broken\":{},\"h\":\"01ff\"}");
}

static void test_problem_is_the_same(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_request request = {.arena = arena, .id = "r1", .path = "/", .query = ""};
    struct http_response response = {.arena = arena};
    struct error err = {0};
    struct json_writer w = json_writer_on(arena);
    (void)fail(&err, ERROR_POLICY, "weak-key", "The CSR's key is weak.");
    http_problem(&request, &response, &err);
    json_open_object(&w);
    put_problem(&w, &request, "problem", &err);
    json_close_object(&w);
    assert_string_equal(json_written(&w),
                        arena_printf(arena, "{\"problem\":%s}", arena_text(arena, response.body)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_links),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_problem_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
