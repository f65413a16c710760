/* What the portal does without a core: documents that caches may keep. */
#include "portal/internal.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static const char *header(const struct http_response *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

static struct http_response ask(struct arena *arena, const char *name, const char *value) {
    struct http_request request = {.arena = arena, .method = "GET", .query = ""};
    struct http_response reply = {.arena = arena};
    struct document document = {.content_type = "application/pkix-crl",
                                .body = VIEW_LITERAL("crl"),
                                .etag = "\"42\"",
                                .modified_us = INT64_C(1795237977) * US_PER_SECOND,
                                .max_age = 300};
    if (name != NULL)
        request.headers[request.header_count++] = (struct http_header){name, value};
    portal_reply_document(&request, &reply, &document);
    return reply;
}

static void answers_conditions(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
        int status;
    } rows[] = {
        {NULL, NULL, 200},
        {"If-None-Match", "\"42\"", 304},
        {"If-None-Match", "\"41\", W/\"42\"", 304},
        {"If-None-Match", "*", 304},
        {"If-None-Match", "\"4\"", 200},
        {"If-None-Match", "42", 200},
        {"If-Modified-Since", "Sat, 21 Nov 2026 05:12:57 GMT", 304},
        {"If-Modified-Since", "Sat, 21 Nov 2026 05:12:56 GMT", 200},
        {"If-Modified-Since", "nonsense", 200},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response reply = ask(arena, rows[i].name, rows[i].value);
        assert_int_equal(reply.status, rows[i].status);
        assert_int_equal(reply.body.len, rows[i].status == 200 ? 3 : 0);
        assert_string_equal(header(&reply, "ETag"), "\"42\"");
        assert_string_equal(header(&reply, "Cache-Control"),
                            "public, max-age=300, must-revalidate");
        assert_string_equal(header(&reply, "Last-Modified"), "Sat, 21 Nov 2026 05:12:57 GMT");
    }
}

static void names_every_version_by_its_bytes(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_request request = {.arena = arena, .method = "GET", .query = ""};
    struct http_response one = {.arena = arena}, two = {.arena = arena};
    struct document document = {.content_type = "text/plain", .body = VIEW_LITERAL("a")};
    portal_reply_document(&request, &one, &document);
    document.body = VIEW_LITERAL("b");
    document.max_age = -5; /* a CRL past its end */
    portal_reply_document(&request, &two, &document);
    assert_string_not_equal(header(&one, "ETag"), header(&two, "ETag"));
    assert_string_equal(header(&two, "Cache-Control"), "public, max-age=0, must-revalidate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_conditions),
        cmocka_unit_test(names_every_version_by_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
