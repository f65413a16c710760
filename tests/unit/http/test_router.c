#include "http/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WEB (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS)
#define TLS_ONLY (1u << LISTENER_HTTPS)
#define MTLS_ONLY (1u << LISTENER_MTLS)

/* Answers with its route's name (the context) and the parameters. */
static bool echo(void *context, struct http_request *request, struct http_response *response,
                 struct error *err) {
    (void)err;
    const char *const *p = request->parameters;
    http_reply_text(response, 200, "text/plain",
                    arena_printf(request->arena, "%s(%s,%s,%s)", (const char *)context,
                                 p[0] == NULL ? "-" : p[0], p[1] == NULL ? "-" : p[1],
                                 p[2] == NULL ? "-" : p[2]));
    return true;
}

static bool no_answer(void *context, struct http_request *request, struct http_response *response,
                      struct error *err) {
    (void)context, (void)request, (void)response, (void)err;
    return true;
}

static bool with_headers(void *context, struct http_request *request,
                         struct http_response *response, struct error *err) {
    (void)context;
    http_add_header(response, "Cache-Control", "public, max-age=60");
    http_add_header(response, "Content-Security-Policy", "default-src 'self'");
    http_add_header(response, "Retry-After", "77");
    if (http_query(request, "fail") != NULL)
        return (fail)(err, ERROR_TOO_MANY, "slow-down", "Too many.");
    http_reply_text(response, 200, "text/html", "x");
    return true;
}

static bool forbids(void *context, struct http_request *request, struct http_response *response,
                    struct error *err) {
    (void)context, (void)request, (void)response;
    return (fail)(err, ERROR_FORBIDDEN, "not-yours", "Not yours.");
}

#define ROUTE(method, pattern) \
    { method, pattern, GATE_OPEN, WEB, 100, echo, NULL }

static const struct http_route root[] = {ROUTE("GET", "/")};
static const struct http_route crt[] = {ROUTE("GET", "/ca/{}.crt")};
static const struct http_route pem[] = {ROUTE("GET", "/ca/{}.pem")};
static const struct http_route any_ca[] = {ROUTE("GET", "/ca/{}")};
static const struct http_route cas[] = {ROUTE("GET", "/api/v1/cas"), ROUTE("POST", "/api/v1/cas")};
static const struct http_route certs[] = {ROUTE("GET", "/api/v1/cas/{}/certificates"),
                                          ROUTE("DELETE", "/api/v1/cas/{}/certificates")};
static const struct http_route batch[] = {ROUTE("POST", "/api/v1/requests/batch")};
static const struct http_route request_id[] = {ROUTE("POST", "/api/v1/requests/{}")};
static const struct http_route ocsp[] = {ROUTE("GET", "/ocsp/{}/{*}"), ROUTE("POST", "/ocsp/{}")};
static const struct http_route rest[] = {{"GET", "/files/{*}", GATE_OPEN, WEB, 0, echo, NULL}};
static const struct http_route tls[] = {{"GET", "/secret", GATE_OPEN, TLS_ONLY, 0, echo, NULL},
                                        {"GET", "/nowhere", GATE_OPEN, 0, 0, echo, NULL},
                                        {"GET", "/mtls", GATE_OPEN, MTLS_ONLY, 0, echo, NULL}};
/* clang-format off */
static const struct http_route gated[] = {
    {"GET", "/gated", GATE_ACTOR, WEB, 0, echo, NULL},
    {"POST", "/password", GATE_ADMIN_PASSWORD_CHANGE, WEB, 10, echo, NULL},
    {"GET", "/silent", GATE_OPEN, WEB, 0, no_answer, NULL},
    {"GET", "/headers", GATE_OPEN, WEB, 0, with_headers, NULL},
    {"GET", "/forbidden", GATE_ACTOR, WEB, 0, forbids, NULL},
    {"GET", "/cas", GATE_ACTOR, WEB, 0, echo, "cas:read"},
    {"POST", "/cas", GATE_ACTOR, WEB, 0, echo, "cas:manage"},
    {"GET", "/forgotten", GATE_OPEN, WEB, 0, echo, "cas:manage"}, /* its gate, not its permission */
};
/* clang-format on */

#define ROOM(routes) \
    { routes, sizeof routes / sizeof routes[0], (void *)(uintptr_t) #routes }

/* clang-format off */
static const struct http_room rooms[] = {
    /* in an order in which "first match" would be wrong */
    ROOM(any_ca), ROOM(request_id), ROOM(root), ROOM(crt), ROOM(pem), ROOM(cas), ROOM(certs),
    ROOM(batch), ROOM(ocsp), ROOM(rest), ROOM(tls), ROOM(gated),
};
/* clang-format on */

static char actor;
static int refusals;

static bool authenticate(void *context, struct http_request *request, struct error *err) {
    (void)context;
    const char *who = http_header(request, "Authorization");
    if (who == NULL)
        return true;
    if (strcmp(who, "wrong") == 0)
        return (fail)(err, ERROR_UNAUTHENTICATED, "bad-credentials", "Wrong.");
    request->actor = &actor;
    request->must_change_password = strcmp(who, "first") == 0;
    return true;
}

static bool permit(const struct http_request *request, const char *permission, struct error *err) {
    assert_ptr_equal(request->actor, &actor);
    return strcmp(permission, "cas:read") == 0 || (fail)(err, ERROR_FORBIDDEN, "forbidden", "You may not.");
}

static void count_refusal(void *context, const struct http_request *request,
                          const struct error *err) {
    (void)context;
    assert_non_null(request->method);
    assert_true(err->kind != ERROR_NONE);
    refusals++;
}

static struct http_router router = { /* runs as it is, then with its index */
    .rooms = rooms,
    .room_count = sizeof rooms / sizeof rooms[0],
    .authenticate = authenticate,
    .permit = permit,
    .refused = count_refusal,
};

struct call {
    const char *method, *raw, *query, *authorization;
    enum http_listener listener;
    size_t body_len;
};

/* clang-format off */
static const char *body_of(struct arena *arena, const struct http_response *response) {
    return arena_text(arena, response->body);
}

static void ask(struct arena *arena, struct call call, struct http_response *response) {
    struct http_request request = {
        .arena = arena, .id = "id", .listener = call.listener, .method = call.method,
        .raw_path = call.raw, .path = call.raw, .query = call.query, .address = "192.0.2.1",
        .body = view_of("0123456789", call.body_len),
    };
    if (call.authorization != NULL)
        request.headers[request.header_count++] =
            (struct http_header){"Authorization", call.authorization};
    *response = (struct http_response){.arena = arena};
    http_router_handle(&router, &request, response);
}

static const struct {
    const char *method, *raw;
    int status;
    const char *expected; /* body of a 200, Allow of a 405 */
} table[] = {
    {"GET", "/", 200, "root(-,-,-)"},
    {"POST", "/", 405, "GET, HEAD"},
    {"GET", "", 404, NULL},
    {"GET", "//", 404, NULL},
    {"GET", "/ca/root.crt", 200, "crt(root,-,-)"},
    {"GET", "/ca/root.pem", 200, "pem(root,-,-)"},
    {"GET", "/ca/root", 200, "any_ca(root,-,-)"},
    {"GET", "/ca/a.crt.crt", 200, "crt(a.crt,-,-)"},
    {"GET", "/ca/%72oot%2Ecrt", 200, "crt(root,-,-)"},
    {"GET", "/ca/.crt", 200, "any_ca(.crt,-,-)"}, /* nothing before the suffix */
    {"GET", "/ca/a%20b.crt", 200, "crt(a b,-,-)"},
    {"GET", "/ca/a%2Fb.crt", 404, NULL}, /* an encoded slash is no part of a name */
    {"GET", "/ca/a%2fb", 404, NULL},
    {"GET", "/ca%2Froot", 404, NULL}, /* and separates nothing */
    {"GET", "/%63a/root", 200, "any_ca(root,-,-)"},
    {"GET", "/ca/", 404, NULL},
    {"GET", "/ca//root", 404, NULL},
    {"GET", "//ca/root", 404, NULL},
    {"GET", "/ca/root/", 404, NULL},
    {"GET", "/ca/root.crt/x", 404, NULL},
    {"GET", "/CA/root", 404, NULL},
    {"DELETE", "/ca/root.crt", 405, "GET, HEAD"},
    {"PATCH", "/api/v1/cas", 405, "GET, HEAD, POST"},
    {"GET", "/api/v1/cas", 200, "cas(-,-,-)"},
    {"GET", "/api/v1/cas/", 404, NULL},
    {"GET", "/api/v1/cas/x/certificates", 200, "certs(x,-,-)"},
    {"PUT", "/api/v1/cas/x/certificates", 405, "GET, HEAD, DELETE"},
    {"OPTIONS", "/api/v1/cas", 405, "GET, HEAD, POST"},
    {"PROPFIND", "/api/v1/cas", 405, "GET, HEAD, POST"},
    {"get", "/api/v1/cas", 405, "GET, HEAD, POST"},
    {"POST", "/api/v1/requests/batch", 200, "batch(-,-,-)"}, /* text before {} */
    {"POST", "/api/v1/requests/b%61tch", 200, "batch(-,-,-)"},
    {"POST", "/api/v1/requests/other", 200, "request_id(other,-,-)"},
    {"GET", "/ocsp/ca/MEow//A+w==", 200, "ocsp(ca,MEow//A+w==,-)"},
    {"GET", "/ocsp/ca/MEow%2F%2FA%2Bw%3D%3D", 200, "ocsp(ca,MEow//A+w==,-)"},
    {"GET", "/ocsp/ca//", 200, "ocsp(ca,/,-)"},
    {"GET", "/ocsp/ca/", 200, "ocsp(ca,,-)"},
    {"GET", "/ocsp/ca", 405, "POST"},
    {"GET", "/ocsp//x", 404, NULL},
    {"POST", "/ocsp/ca", 200, "ocsp(ca,-,-)"},
    {"POST", "/ocsp/ca/x", 405, "GET, HEAD"},
    {"GET", "/files/a/b/c", 200, "rest(a/b/c,-,-)"},
    {"GET", "/secret", 404, NULL},
    {"GET", "/nowhere", 404, NULL},
    {"GET", "/silent", 500, NULL},
    {"GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i", 404, NULL},
    {"GET", "/files/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i", 200,
     "rest(b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i,-,-)"},
};
/* clang-format on */

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response response;
        ask(arena, (struct call){.method = table[i].method, .raw = table[i].raw}, &response);
        if (response.status != table[i].status)
            fail_msg("%s %s: %d", table[i].method, table[i].raw, response.status);
        if (response.status == 200)
            assert_string_equal(body_of(arena, &response), table[i].expected);
        else
            assert_string_equal(response.content_type, "application/problem+json");
        if (response.status == 405)
            assert_string_equal(http_response_header(&response, "Allow"), table[i].expected);
    }
}

static void test_listeners(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response response;
    ask(arena, (struct call){.method = "GET", .raw = "/secret", .listener = LISTENER_HTTPS},
        &response);
    assert_int_equal(response.status, 200);
    ask(arena, (struct call){.method = "GET", .raw = "/secret"}, &response);
    assert_non_null(strstr(body_of(arena, &response), "HTTPS"));
    ask(arena, (struct call){.method = "GET", .raw = "/mtls", .listener = LISTENER_HTTPS},
        &response);
    assert_int_equal(response.status, 404);
    ask(arena, (struct call){.method = "GET", .raw = "/mtls", .listener = LISTENER_MTLS},
        &response);
    assert_int_equal(response.status, 200);
    ask(arena, (struct call){.method = "GET", .raw = "/ca/x", .listener = LISTENER_MTLS},
        &response);
    assert_int_equal(response.status, 404);
}

/* clang-format off */
static const struct {
    const char *method, *raw, *authorization;
    int status, refused;
} gates[] = {
    {"GET", "/gated", NULL, 401, 1},
    {"GET", "/gated", "wrong", 401, 1},
    {"GET", "/gated", "good", 200, 0},
    {"GET", "/gated", "first", 403, 1}, /* the password must be changed before */
    {"POST", "/password", NULL, 401, 1},
    {"POST", "/password", "first", 200, 0},
    {"POST", "/password", "good", 200, 0},
    {"GET", "/ca/x", "wrong", 200, 0}, /* an open route asks nobody */
    {"GET", "/forbidden", "good", 403, 1},
    {"GET", "/unknown", NULL, 404, 0},
    {"POST", "/gated", NULL, 405, 0},
};
/* clang-format on */

static void test_gates(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response response;
        refusals = 0;
        ask(arena,
            (struct call){.method = gates[i].method,
                          .raw = gates[i].raw,
                          .authorization = gates[i].authorization},
            &response);
        assert_int_equal(response.status, gates[i].status);
        assert_int_equal(refusals, gates[i].refused);
        const char *challenge = http_response_header(&response, "WWW-Authenticate");
        assert_int_equal(challenge != NULL, gates[i].status == 401);
        if (challenge != NULL)
            assert_memory_equal(challenge, "Bearer", 6);
    }
}

static void test_gate_without_authenticator_is_shut(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_router open = router;
    struct http_request request = {.arena = arena, .method = "GET", .path = "/gated"};
    struct http_response response = {.arena = arena};
    open.authenticate = NULL;
    http_router_handle(&open, &request, &response);
    assert_int_equal(response.status, 500);
}

static void test_permission_is_asked_for_by_the_router(void **state) {
    (void)state;
    static const struct {
        const char *method, *path, *who;
        int status;
    } rows[] = {{"GET", "/cas", "good", 200},       {"POST", "/cas", "good", 403},      {"GET", "/cas", NULL, 401},
                {"GET", "/forgotten", "good", 403}, {"GET", "/forgotten", NULL, 401}};
    struct http_router deaf = router;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response response;
        ask(arena, (struct call){.method = rows[i].method, .raw = rows[i].path, .authorization = rows[i].who}, &response);
        assert_int_equal(response.status, rows[i].status);
    }
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_request request = {.arena = arena, .method = "GET", .path = "/cas", .header_count = 1,
                                   .headers = {{"Authorization", "good"}}};
    struct http_response response = {.arena = arena};
    deaf.permit = NULL;
    http_router_handle(&deaf, &request, &response);
    assert_int_equal(response.status, 500);
}

static bool body_limit(enum http_listener listener, const char *method, const char *path,
                       size_t *ret_limit) {
    struct http_request request = {.listener = listener, .method = method, .raw_path = path};
    return http_router_body_limit(&router, &request, ret_limit);
}

static void test_body_limits(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response response;
    size_t limit = 7;
    assert_true(body_limit(LISTENER_HTTP, "POST", "/password", &limit));
    assert_int_equal(limit, 10);
    assert_true(body_limit(LISTENER_HTTP, "GET", "/files/x", &limit));
    assert_int_equal(limit, 0);
    limit = 7;
    assert_false(body_limit(LISTENER_HTTP, "POST", "/none", &limit));
    assert_false(body_limit(LISTENER_HTTP, "PUT", "/password", &limit));
    assert_false(body_limit(LISTENER_MTLS, "POST", "/password", &limit));
    assert_int_equal(limit, 7);
    struct call call = {
        .method = "POST", .raw = "/password", .authorization = "good", .body_len = 10};
    ask(arena, call, &response);
    assert_int_equal(response.status, 200);
    call = (struct call){.method = "GET", .raw = "/files/x", .body_len = 1};
    ask(arena, call, &response);
    assert_int_equal(response.status, 413);
}

/* clang-format off */
static const char *header_of(struct arena *arena, struct call call, const char *name) {
    struct http_response response;
    ask(arena, call, &response);
    size_t count = 0;
    for (size_t i = 0; i < response.header_count; i++)
        count += strcmp(response.headers[i].name, name) == 0;
    assert_true(count <= 1);
    const char *value = http_response_header(&response, name);
    return value == NULL ? "" : value;
}

static void test_security_headers(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const char *const raws[] = {"/ca/x", "/none", "/gated", "/silent"};
    for (size_t i = 0; i < 4; i++) {
        struct call call = {.method = "GET", .raw = raws[i]};
        assert_string_equal(header_of(arena, call, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(header_of(arena, call, "Referrer-Policy"), "no-referrer");
        assert_string_equal(header_of(arena, call, "Cache-Control"), "no-store");
        assert_string_equal(header_of(arena, call, "Content-Security-Policy"),
                            "default-src 'none'; frame-ancestors 'none'");
        assert_string_equal(header_of(arena, call, "Strict-Transport-Security"), "");
        call.listener = LISTENER_HTTPS;
        assert_memory_equal(header_of(arena, call, "Strict-Transport-Security"), "max-age=", 8);
    }
    struct call own = {.method = "GET", .raw = "/headers"};
    assert_string_equal(header_of(arena, own, "Cache-Control"), "public, max-age=60");
    assert_string_equal(header_of(arena, own, "Content-Security-Policy"), "default-src 'self'");
    own.query = "fail=1"; /* what was meant for the good answer is gone, Retry-After stays */
    assert_string_equal(header_of(arena, own, "Cache-Control"), "no-store");
    assert_string_equal(header_of(arena, own, "Retry-After"), "77");
    assert_memory_equal(header_of(arena, own, "Content-Security-Policy"), "default-src 'none'", 18);
}

/* The log never has the query, nor a path that is a secret. */
static void test_log_keeps_secrets(void **state) {
    (void)state;
    static const char *const raws[] = {"/ca/public", "/claim/s3cret", "/Claim/s3cret/x",
                                       "//claim/s3cret", "/profile/s3cret"};
    static const char *const logged[] = {"GET /ca/public 200 ", "GET /claim/... 404 ", "GET /claim/... 404 ",
                                         "GET /claim/... 404 ", "GET /profile/... 404 "};
    for (size_t i = 0; i < 5; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response response;
        char text[4096] = "";
        int ends[2], saved = dup(STDERR_FILENO);
        assert_int_equal(pipe(ends), 0);
        dup2(ends[1], STDERR_FILENO);
        ask(arena, (struct call){.method = "GET", .raw = raws[i], .query = "token=s3cret"},
            &response);
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(ends[1]);
        assert_true(read(ends[0], text, sizeof text - 1) > 0);
        close(ends[0]);
        assert_null(strstr(text, "s3cret"));
        assert_non_null(strstr(text, logged[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_gate_without_authenticator_is_shut),
        cmocka_unit_test(test_permission_is_asked_for_by_the_router),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_security_headers),
        cmocka_unit_test(test_log_keeps_secrets),
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    int failed = cmocka_run_group_tests_name("routes one by one", tests, NULL, NULL);
    http_router_index(arena, &router);
    return failed + cmocka_run_group_tests_name("routes by their index", tests, NULL, NULL);
}

/* clang-format on */