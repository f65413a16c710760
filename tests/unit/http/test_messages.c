/* Paths, queries, cookies, framing, heads and problems: the pure functions of the room. */
#include "base/clock.h"
#include "base/json.h"
#include "http/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
    const char *raw, *path; /* NULL: refused */
} paths[] = {
    {"/", "/"},
    {"/a/b", "/a/b"},
    {"/a%20b", "/a b"},
    {"/a+b", "/a+b"}, /* a plus is a plus */
    {"/%41%7e%C3%A9", "/A~\xc3\xa9"},
    {"//", "//"},
    {"/ocsp/x/MEow//Aw==", "/ocsp/x/MEow//Aw=="},
    {"/ocsp/x/MEow%2F%2FAw%3D%3D", "/ocsp/x/MEow//Aw=="},
    {"/a/...", "/a/..."},
    {"/a/.b/..c/d.", "/a/.b/..c/d."},
    {"/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~"},
    {"/%25", "/%"},
    {"/%252e%252e", "/%2e%2e"}, /* decoded once */
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
    {"/%", NULL},
    {"/%4", NULL},
    {"/%4g", NULL},
    {"/%%41", NULL},
    {"/%-1", NULL},
    {"/%00", NULL},
    {"/a%00.crl", NULL},
    {"/%0a", NULL},
    {"/%0D%0Ax:y", NULL},
    {"/%7f", NULL},
    {"/%ff", NULL},
    {"/%c0%ae", NULL}, /* overlong dot */
    {"/%ed%a0%80", NULL},
    {"/\xc3\xa9", NULL},
    {"/a b", NULL},
    {"/a\tb", NULL},
    {"/a\\b", NULL},
    {"/a\"b", NULL},
    {"/<x>", NULL},
    {"/{x}", NULL},
    {"/a|b", NULL},
    {"/a^b`c", NULL},
    {"/a#b", NULL},
    {"/a?b", NULL},
    {"/.", NULL},
    {"/..", NULL},
    {"/a/../b", NULL},
    {"/a/./b", NULL},
    {"/a/..", NULL},
    {"/%2e%2e/b", NULL},
    {"/a/.%2E/b", NULL},
    {"/a%2f..%2fb", NULL},
    {"/a//..//b", NULL},
};
/* clang-format on */

static void test_paths(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const char *path = "poison";
        struct error err = {0};
        bool ok = http_path_decode(arena, paths[i].raw, &path, &err);
        if (ok != (paths[i].path != NULL))
            fail_msg("%s: %s", paths[i].raw, ok ? "taken" : err.message);
        assert_string_equal(path, ok ? paths[i].path : "poison");
        if (!ok)
            assert_string_equal(err.type, "malformed-path");
    }
}

/* clang-format off */
static const struct {
    const char *query, *name, *value;
} queries[] = {
    {"a=1&b=2", "a", "1"},
    {"a=1&b=2", "b", "2"},
    {"a=1&b=2", "c", NULL},
    {"", "a", NULL},
    {NULL, "a", NULL},
    {"a", "a", ""},
    {"a=", "a", ""},
    {"=x", "", "x"},
    {"a=1&a=2", "a", "1"},
    {"aa=1&a=2", "a", "2"},
    {"a=x+y%2Bz", "a", "x y+z"},
    {"%61=%31", "a", "1"},
    {"a=b=c", "a", "b=c"},
    {"&&a=1&", "a", "1"},
    {"A=1", "a", NULL},
    {"a=%", "a", NULL},
    {"a=%4", "a", NULL},
    {"a=%zz", "a", NULL},
    {"a=%00", "a", NULL},
    {"a=%ff", "a", NULL},
    {"%=1&a=2", "a", "2"},
    {"a=%C3%A9", "a", "\xc3\xa9"},
};
/* clang-format on */

/* clang-format off */
static const struct {
    const char *cookie, *name, *value;
} cookies[] = {
    {"a=1; b=2", "a", "1"},
    {"a=1; b=2", "b", "2"},
    {"a=1;b=2", "b", "2"},
    {"a=1; b=2 ", "b", "2"},
    {"a=\"1\"", "a", "1"},
    {"a=\"", "a", "\""},
    {"a=", "a", ""},
    {"a", "a", NULL},
    {"aa=1", "a", NULL},
    {"b=a=1", "a", NULL},
    {"b=x; xa=3; a=2", "a", "2"},
    {"a=1; a=2", "a", "1"},
    {"", "a", NULL},
    {";;; ;", "a", NULL},
    {"A=1", "a", NULL},
    {"a=b=c", "a", "b=c"},
};
/* clang-format on */

static void test_queries_and_cookies(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct http_request request = {.arena = arena, .query = queries[i].query};
        const char *value = http_query(&request, queries[i].name);
        assert_int_equal(value == NULL, queries[i].value == NULL);
        if (value != NULL)
            assert_string_equal(value, queries[i].value);
    }
    for (size_t i = 0; i < sizeof cookies / sizeof cookies[0]; i++) {
        struct http_request request = {.arena = arena,
                                       .header_count = 2,
                                       .headers = {{"X", "a=9"}, {"cookie", cookies[i].cookie}}};
        const char *value = http_cookie(&request, cookies[i].name);
        assert_int_equal(value == NULL, cookies[i].value == NULL);
        if (value != NULL)
            assert_string_equal(value, cookies[i].value);
        assert_string_equal(http_header(&request, "COOKIE"), cookies[i].cookie);
        assert_null(http_header(&request, "Cook"));
    }
}

#define H(...) \
    { __VA_ARGS__ }
#define HOST \
    { "Host", "x" }

/* clang-format off */
static const struct {
    const char *method, *version;
    struct http_header headers[5];
    int status;
    const char *type;
    struct http_framing framing;
} framings[] = {
    {"GET", "1.1", H(HOST), 0, "", {.keep_alive = true}},
    {"GET", "1.0", H({0}), 0, "", {0}},
    {"GET", "1.0", H(HOST, {"Connection", "Keep-Alive"}), 0, "", {.keep_alive = true}},
    {"GET", "1.1", H(HOST, {"Connection", "close"}), 0, "", {0}},
    {"GET", "1.1", H(HOST, {"Connection", "x, keep-alive"}), 0, "", {.keep_alive = true}},
    {"GET", "1.1", H({"Host", "[::1]:8443"}), 0, "", {.keep_alive = true}},
    {"GET", "1.1", H({"hOST", "ca.example:80"}), 0, "", {.keep_alive = true}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7"}), 0, "", {.length = 7, .keep_alive = true}},
    {"POST", "1.1", H(HOST, {"Content-Length", "007"}), 0, "", {.length = 7, .keep_alive = true}},
    {"POST", "1.1", H(HOST, {"content-length", "0"}), 0, "", {.keep_alive = true}},
    {"GET", "1.1", H(HOST, {"Content-Length", "0"}), 0, "", {.keep_alive = true}},
    {"POST", "1.1", H(HOST, {"Transfer-Encoding", "Chunked"}), 0, "",
     {.chunked = true, .keep_alive = true}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7"}, {"Expect", "100-Continue"}), 0, "",
     {.length = 7, .keep_alive = true, .expect_continue = true}},
    {"POST", "1.0", H({"Content-Length", "7"}, {"Expect", "100-continue"}), 0, "", {.length = 7}},
    {"POST", "1.1", H(HOST, {"Expect", "200-ok"}), 417, "expectation-failed", {0}},
    {"GET", "1.1", H({0}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"host", "y"}), 400, "repeated-header", {0}},
    {"GET", "1.1", H({"Host", "a, b"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H({"Host", "a/b"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H({"Host", "user@x"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"Content-Length", "1"}), 400, "unexpected-body", {0}},
    {"GET", "1.1", H(HOST, {"Transfer-Encoding", "chunked"}), 400, "unexpected-body", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7"}, {"Transfer-Encoding", "chunked"}), 400,
     "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7"}, {"Content-Length", "7"}),
     400, "repeated-header",
     {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7, 7"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "+7"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "-7"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7x"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "0x7"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", ""}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "7 "}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Content-Length", "99999999999999999999999999"}),
     400, "ambiguous-length",
     {0}},
    {"POST", "1.1", H(HOST, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}),
     400,
     "repeated-header", {0}},
    {"POST", "1.1", H(HOST, {"Transfer-Encoding", "identity"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Transfer-Encoding", "gzip, chunked"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Transfer-Encoding", "xchunked"}), 400, "ambiguous-length", {0}},
    {"POST", "1.1", H(HOST, {"Transfer-Encoding", ""}), 400, "ambiguous-length", {0}},
    {"POST", "1.0", H(HOST, {"Transfer-Encoding", "chunked"}), 400, "ambiguous-length", {0}},
    {"GET", "1.1", H(HOST, {"Bad Name", "x"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"Name(", "x"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"", "x"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"X", "a\x01"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"X", "a\x7f"}), 400, "malformed-header", {0}},
    {"GET", "1.1", H(HOST, {"X", "a\tb \xc3\xa9"}), 0, "", {.keep_alive = true}},
    {"GET", "1.1", H(HOST, {"Authorization", "Bearer a"}, {"authorization", "Bearer b"}), 400,
     "repeated-header", {0}},
    {"POST", "1.1", H(HOST, {"Content-Type", "a/b"}, {"Content-Type", "c/d"}),
     400, "repeated-header",
     {0}},
};
/* clang-format on */

static void test_framing(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof framings / sizeof framings[0]; i++) {
        struct http_request request = {.method = framings[i].method};
        struct http_framing got = {0};
        struct error err = {0};
        while (request.header_count < 5 && framings[i].headers[request.header_count].name != NULL) {
            request.headers[request.header_count] = framings[i].headers[request.header_count];
            request.header_count++;
        }
        int status = http_framing_check(&request, framings[i].version, &got, &err);
        if (status != framings[i].status || strcmp(err.type, framings[i].type) != 0)
            fail_msg("row %zu: %d %s", i, status, err.type);
        assert_int_equal(got.chunked, framings[i].framing.chunked);
        assert_int_equal(got.length, framings[i].framing.length);
        assert_int_equal(got.keep_alive, framings[i].framing.keep_alive);
        assert_int_equal(got.expect_continue, framings[i].framing.expect_continue);
    }
}

static int64_t fixed_clock(void) {
    return INT64_C(784111777) * US_PER_SECOND; /* the example of rfc9110#5.6.7 */
}

static const char *head_of(struct arena *arena, struct http_response *response, bool old,
                           bool keep) {
    struct http_request request = {.arena = arena, .id = "abc"};
    response->arena = arena;
    struct buffer head = buffer_on(arena);
    http_head(&head, &request, response, old, keep);
    return buffer_text(&head);
}

static void test_head(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response response = {0};
    clock_set(fixed_clock);
    http_reply_text(&response, 200, "text/plain", "hello");
    http_add_header(&response, "X-A", "1");
    assert_string_equal(head_of(arena, &response, false, true),
                        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "X-Request-Id: abc\r\n"
                        "Content-Type: text/plain\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n");
    assert_non_null(strstr(head_of(arena, &response, true, true), "Connection: keep-alive\r\n"));
    assert_non_null(strstr(head_of(arena, &response, false, false), "Connection: close\r\n"));
    http_reply(&response, 204, NULL, view_of(NULL, 0));
    assert_null(strstr(head_of(arena, &response, false, true), "Content-"));
    http_reply(&response, 304, "text/plain", view_of(NULL, 0));
    assert_null(strstr(head_of(arena, &response, false, true), "Content-"));
    http_reply(&response, 299, "text/plain", view_of(NULL, 0));
    assert_memory_equal(head_of(arena, &response, false, true), "HTTP/1.1 299 \r\n", 15);
    clock_set(NULL);
}

static void test_head_is_not_split(void **state) {
    (void)state;
    static const struct http_header broken[] = {
        {"X-Evil", "a\r\nSet-Cookie: x=y"},
        {"X-Evil", "a\nb"},
        {"X-Evil", "\x01"},
        {"X-Evil", NULL},
        {"X Evil", "a"},
        {"X-Evil:", "a"},
        {"X-Evil\r\nY", "a"},
        {"", "X-Evil"},
        {"Content-Length", "5 X-Evil"},
        {"transfer-encoding", "X-Evil"},
        {"Connection", "X-Evil"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response response = {0};
        http_reply_text(&response, 200, "text/plain\r\nX-Evil: 1", "hello");
        http_add_header(&response, broken[i].name, broken[i].value);
        const char *head = head_of(arena, &response, false, true);
        assert_null(strstr(head, "Evil"));
        assert_null(strstr(head, "Set-Cookie"));
        assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
    }
    struct http_response full = {0};
    for (int i = 0; i < HTTP_MAX_HEADERS + 5; i++)
        http_add_header(&full, "X", "1");
    assert_int_equal(full.header_count, HTTP_MAX_HEADERS);
}

/* clang-format off */
static const struct {
    enum error_kind kind;
    int status;
} kinds[] = {
    {ERROR_NONE, 500}, {ERROR_MALFORMED, 400}, {ERROR_UNAUTHENTICATED, 401}, {ERROR_FORBIDDEN, 403},
    {ERROR_NOT_FOUND, 404}, {ERROR_CONFLICT, 409}, {ERROR_TOO_LARGE, 413}, {ERROR_POLICY, 422},
    {ERROR_TOO_MANY, 429}, {ERROR_INTERNAL, 500}, {ERROR_UNAVAILABLE, 503},
    {(enum error_kind)77, 500},
};
/* clang-format on */

static void test_problems(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_request request = {.arena = arena, .id = "0123"};
        struct http_response response = {.arena = arena};
        struct error err = {.kind = kinds[i].kind};
        const struct json *document;
        const char *type = NULL, *title = NULL, *detail = NULL, *instance = NULL;
        int64_t status = 0;
        snprintf(err.type, sizeof err.type, "some-type");
        snprintf(err.message, sizeof err.message, "The \"key\" is \x80 weak.");
        snprintf(err.detail, sizeof err.detail, "table secrets");
        assert_int_equal(http_status_of(err.kind), kinds[i].status);
        http_problem(&request, &response, &err);
        assert_int_equal(response.status, kinds[i].status);
        assert_string_equal(response.content_type, "application/problem+json");
        assert_true(json_parse(arena, response.body, &document, &err));
        assert_true(json_string(document, "type", &type, &err) &&
                    json_string(document, "title", &title, &err) &&
                    json_int(document, "status", 400, 599, &status, &err) &&
                    json_string(document, "detail", &detail, &err) &&
                    json_string(document, "instance", &instance, &err));
        assert_string_equal(type, "/problems/some-type");
        assert_string_equal(detail, "The \"key\" is \xef\xbf\xbd weak.");
        assert_string_equal(instance, "0123");
        assert_int_equal(status, kinds[i].status);
        assert_true(title != NULL && title[0] != '\0');
        assert_null(memmem(response.body.at, response.body.len, "secrets", 7));
        assert_int_equal(http_response_header(&response, "WWW-Authenticate") != NULL,
                         status == 401);
        assert_int_equal(http_response_header(&response, "Retry-After") != NULL,
                         status == 429 || status == 503);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_queries_and_cookies),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_head_is_not_split),
        cmocka_unit_test(test_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
