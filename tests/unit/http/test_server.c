/* What a hostile or a slow client can do to a running server. */
#include "live.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct http_server *server;
static int port, port6;

static int start(void **state) {
    (void)state;
    log_setup(LOG_ERROR, false, "test");
    static const struct http_listen listens[] = {{.kind = LISTENER_HTTP, .address = "127.0.0.1:0"},
                                                 {.kind = LISTENER_HTTP, .address = "[::1]:0"}};
    server = live_start(listens, 2, 6, NULL, NULL);
    port = http_server_port(server, 0);
    port6 = http_server_port(server, 1);
    assert_true(port > 0 && port6 > 0 && port != port6);
    assert_int_equal(http_server_port(server, 2), 0);
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_server_stop(server);
    http_server_stop(NULL);
    return 0;
}

static size_t count_responses(const char *text) {
    size_t count = 0;
    for (; (text = strstr(text, "\r\nX-Request-Id: ")) != NULL; text++)
        count++;
    return count;
}

#define G "GET /echo HTTP/1.1\r\n"
#define P "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define HIDDEN "GET /files/hidden HTTP/1.1\r\nHost: x\r\n\r\n"

/* Refused, in one answer, and the connection is closed: what follows is never read as a request. */
/* clang-format off */
static const struct {
    const char *request;
    int status; /* 0: closed without an answer */
} hostile[] = {
    {"\r\n\r\n", 400},
    {"x\r\n\r\n", 400},
    {"GET\r\n\r\n", 400},
    {"GET /echo\r\n\r\n" HIDDEN, 400},
    {"GET /echo HTTP/1.1 x\r\nHost: x\r\n\r\n", 400},
    {"GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /echo  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET\t/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET \r\n/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {" GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /ec ho HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /echo HTTP/2.0\r\nHost: x\r\n\r\n", 505},
    {"GET /echo HTTP/1.2\r\nHost: x\r\n\r\n", 505},
    {"GET /echo http/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /echo XTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
    {"BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"get /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"TRACE /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET \x01/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {G "\r\n" HIDDEN, 400}, /* no Host */
    {G "Host: x\r\nHost: x\r\n\r\n" HIDDEN, 400},
    {G "Host : x\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\n folded\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\nA: b\r\n\tfolded\r\n\r\n" HIDDEN, 400},
    {G " Host: x\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\n: x\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\nnocolon\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\nA(b): c\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\n\xc3\xa9: c\r\n\r\n" HIDDEN, 400},
    {G "Host: x\nA: b\r\n\r\n" HIDDEN, 400},
    {G "Host: x\n\n" HIDDEN, 400},
    {"GET /echo HTTP/1.1\nHost: x\n\n" HIDDEN, 400},
    {G "Host: x\rA: b\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\nA: b\x01\r\n\r\n" HIDDEN, 400},
    {G "Host: x\r\nContent-Length: 5\r\n\r\nhello" HIDDEN, 400}, /* a body in a GET */
    {G "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" HIDDEN, 400},
    {P "Content-Length: 5, 5\r\n\r\nhello" HIDDEN, 400},
    {P "Content-Length: +5\r\n\r\nhello" HIDDEN, 400},
    {P "Content-Length: -5\r\n\r\nhello" HIDDEN, 411},
    {P "Content-Length: 5x\r\n\r\nhello" HIDDEN, 400},
    {P "Content-Length: 0x5\r\n\r\nhello" HIDDEN, 400},
    {P "Content-Length: five\r\n\r\nhello" HIDDEN, 411},
    {P "Content-Length: 99999999999999999999\r\n\r\nhello" HIDDEN, 400},
    {P "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello\r\n0\r\n\r\n", 400},
    {P "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", 400},
    {P "Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\nhello\r\n0\r\n\r\n", 400},
    {P "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nhello\r\n0\r\n\r\n", 400},
    {P "Expect: something\r\nContent-Length: 5\r\n\r\nhello" HIDDEN, 417},
    {P "Content-Length: 1001\r\n\r\n" HIDDEN, 413},
    {P "Content-Length: 5\r\n\r\nhell", 400}, /* the rest never comes */
    {"DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" HIDDEN, 400},
    {"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" HIDDEN, 404},
    {"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" HIDDEN, 405},
    {P "Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n5;a\x01\r\nhello\r\n0\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n" HIDDEN, 400},
    {P "Transfer-Encoding: chunked\r\n\r\n5;a=b", 400},
    {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN, 400},
    {"GET * HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN, 400},
    {"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN, 400},
    {"GET ftp://x/echo HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN, 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN, 400},
};
/* clang-format on */

static void test_hostile(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        bool closed = false;
        const char *answer = live_ask(arena, port, hostile[i].request, &closed);
        if (live_status(answer) != hostile[i].status || !closed || count_responses(answer) > 1)
            fail_msg("%s\n-> %d of %d, %s, %zu answers", hostile[i].request, live_status(answer),
                     hostile[i].status, closed ? "closed" : "open", count_responses(answer));
        assert_non_null(strstr(answer, "\r\nContent-Type: application/problem+json\r\n"));
        assert_non_null(strstr(answer, "\r\nX-Request-Id: "));
        assert_non_null(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
        assert_non_null(strstr(live_body(answer), "\"type\":\"/problems/"));
    }
}

/* Refused or not, the message is whole: the connection lives, and the next request is the next one.
 */
/* clang-format off */
static const struct {
    const char *request;
    int status;
    const char *body; /* of a 200 */
} sound[] = {
    {G "Host: x\r\n\r\n", 200, "/echo"},
    {P "Transfer-Encoding: chunked\r\n\r\n5;a=b;c=\"d\"\r\nhello\r\n0;e\r\nX: y\r\n\r\n", 200, "hello"},
    {"\r\n" G "Host: x\r\n\r\n", 200, "/echo"}, /* rfc9112#2.2: an empty line before is ignored */
    {G "host:x\r\nA:\tb\tc \r\nEmpty:\r\n\r\n", 200, "/echo"},
    {"GET http://elsewhere:99/echo?q HTTP/1.1\r\nHost: x\r\n\r\n", 200, "/echo"},
    {"GET /echo?a=/../%00&b=\" HTTP/1.1\r\nHost: x\r\n\r\n", 200, "/echo"},
    {"GET /files/MEow//A+b%2Bc== HTTP/1.1\r\nHost: x\r\n\r\n", 200, "MEow//A+b+c=="},
    {"GET /files/a%2Fb%20c HTTP/1.1\r\nHost: x\r\n\r\n", 200, "a/b c"},
    {"GET /files/../echo HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /files/%2e%2e/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /files/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /files/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /files/%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET http://x?/files/a HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET /files/a|b HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL},
    {"GET //echo HTTP/1.1\r\nHost: x\r\n\r\n", 404, NULL},
    {"GET /%65cho HTTP/1.1\r\nHost: x\r\n\r\n", 200, "/echo"},
    {"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", 404, NULL},
    {"PROPFIND /echo HTTP/1.1\r\nHost: x\r\n\r\n", 405, NULL},
    {"OPTIONS /echo HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\n"
     "Access-Control-Request-Method: PUT\r\n\r\n", 405, NULL},
    {P "Content-Length: 5\r\n\r\nhello", 200, "hello"},
    {P "Content-Length: 0\r\n\r\n", 200, "/echo"},
    {P "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
     200, "hello world"},
    {P "Transfer-Encoding: chunked\r\n\r\n05;x=\"y\"\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
     200, "hello"},
    {P "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "/echo"},
    {"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "/echo"},
    {"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, keep-alive\r\nUpgrade: h2c\r\n\r\n",
     200,
     "/echo"},
};
/* clang-format on */

static void test_sound(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        int s = live_connect(port);
        for (int round = 0; round < 2; round++) { /* the second one lies in the same packet */
            struct buffer both = buffer_on(arena);
            buffer_add_text(&both, sound[i].request);
            if (round == 1)
                buffer_add_text(&both, HIDDEN);
            live_send(s, both.at, both.len);
            const char *answer = live_response(arena, s, false);
            if (live_status(answer) != sound[i].status)
                fail_msg("%s\n-> %d", sound[i].request, live_status(answer));
            if (strstr(answer, "Connection: close") != NULL)
                fail_msg("%s\n-> closes", sound[i].request);
            if (sound[i].body != NULL)
                assert_string_equal(live_body(answer), sound[i].body);
        }
        assert_string_equal(live_body(live_response(arena, s, false)), "hidden");
        close(s);
    }
}

static void test_head_and_pipelining(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    int s = live_connect(port);
    live_say(s, "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN P "Content-Length: 3\r\n\r\nabc"
                "HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN);
    const char *head = live_response(arena, s, true);
    assert_int_equal(live_status(head), 200);
    assert_non_null(strstr(head, "Content-Length: 5\r\n"));
    assert_string_equal(live_body(live_response(arena, s, false)), "hidden");
    assert_string_equal(live_body(live_response(arena, s, false)), "abc");
    assert_int_equal(live_status(live_response(arena, s, true)), 404);
    assert_string_equal(live_body(live_response(arena, s, false)), "hidden");
    close(s);
}

/* rfc9112#7.1; HTTP/1.0 has no chunks: there the connection's end is the body's, and what breaks never looks whole. */
static void test_streams(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    bool closed;
    const char *answer = live_ask(arena, port, "GET /stream/whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &closed);
    assert_non_null(strstr(answer, "Transfer-Encoding: chunked\r\n"));
    assert_null(strstr(answer, "Content-Length"));
    assert_string_equal(live_body(answer), "8\r\npiece 0\n\r\n8\r\npiece 1\n\r\n8\r\npiece 2\n\r\n0\r\n\r\n");
    int s = live_connect(port); /* the connection goes on after the last chunk */
    live_say(s, "GET /stream/whole HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream/whole HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    answer = live_read(arena, s, 3000, &closed);
    assert_true(closed);
    assert_non_null(strstr(answer, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n")); /* nothing between: a HEAD has no body */
    assert_string_equal(answer + strlen(answer) - 5, "/echo");
    close(s);
    answer = live_ask(arena, port, "GET /stream/broken HTTP/1.1\r\nHost: x\r\n\r\n", &closed);
    assert_true(closed);
    assert_string_equal(live_body(answer), "8\r\npiece 0\n\r\n8\r\npiece 1\n\r\n");
    answer = live_ask(arena, port, "GET /stream/whole HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", &closed);
    assert_true(closed);
    assert_null(strstr(answer, "Transfer-Encoding"));
    assert_string_equal(live_body(answer), "piece 0\npiece 1\npiece 2\n");
}

static void test_large_headers(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer b = buffer_on(arena);
    char *filling = arena_alloc(arena, 20001);
    memset(filling, 'a', 20000);
    assert_int_equal(
        live_status(live_ask(
            arena, port, arena_printf(arena, G "Host: x\r\nX: %.*s\r\n\r\n", 6000, filling), NULL)),
        200);
    assert_int_equal(
        live_status(live_ask(
            arena, port, arena_printf(arena, G "Host: x\r\nX: %.*s\r\n\r\n", 8192, filling), NULL)),
        431);
    assert_int_equal(
        live_status(live_ask(
            arena, port,
            arena_printf(arena, "GET /%.*s HTTP/1.1\r\nHost: x\r\n\r\n", 8192, filling), NULL)),
        431);
    buffer_add_text(&b, G "Host: x\r\n");
    for (int i = 0; i < 62; i++)
        buffer_printf(&b, "X-%d: y\r\n", i);
    size_t len = b.len;
    buffer_add_text(&b, "Connection: close\r\n\r\n");
    assert_int_equal(live_status(live_ask(arena, port, buffer_text(&b), NULL)), 431); /* 64 */
    b.len = len;
    buffer_add_text(&b, "\r\n");
    assert_int_equal(live_status(live_ask(arena, port, buffer_text(&b), NULL)), 200);
    b.len = len; /* a header that would be dropped changes the framing */
    buffer_add_text(&b, "Y: 1\r\nZ: 1\r\nContent-Length: 5\r\n\r\nhello" HIDDEN);
    const char *answer = live_ask(arena, port, buffer_text(&b), NULL);
    assert_int_equal(live_status(answer), 431);
    assert_int_equal(count_responses(answer), 1);
}

static void test_bodies_over_the_limit(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    char *filling = arena_alloc(arena, 4000001);
    memset(filling, 'a', 4000000);
    /* said at once: not a byte of the body is needed */
    int64_t from_us = clock_monotonic_us();
    int s = live_connect(port);
    live_say(s, P "Content-Length: 1000000000\r\n\r\n");
    assert_int_equal(live_status(live_response(arena, s, false)), 413);
    assert_true(clock_monotonic_us() - from_us < 500000);
    close(s);
    /* and readable by a client that first sends everything */
    s = live_connect(port);
    live_say(s, P "Content-Length: 500000\r\n\r\n");
    live_send(s, filling, 500000);
    assert_int_equal(live_status(live_response(arena, s, false)), 413);
    close(s);
    s = live_connect(port);
    live_say(s, P "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2; i++)
        live_say(s, arena_printf(arena, "200\r\n%.512s\r\n", filling));
    assert_int_equal(live_status(live_response(arena, s, false)), 413);
    close(s);
    /* exactly at the limit is taken */
    const char *answer = live_ask(arena, port,
                                  arena_printf(arena,
                                               P "Connection: close\r\n"
                                                 "Content-Length: 1000\r\n\r\n%.1000s",
                                               filling),
                                  NULL);
    assert_int_equal(strlen(live_body(answer)), 1000);
    s = live_connect(port);
    live_say(s, "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
    live_send(s, filling, 4000000);
    assert_int_equal(strlen(live_body(live_response(arena, s, false))), 4000000);
    close(s);
}

/* What a client may add to chunks ends somewhere (rfc9112#7.1.1): in one of them, over all, and in the trailer. */
static void test_chunk_extras(void **state) {
    static const struct {
        int chunks, extension, trailer, status;
    } rows[] = {{1, 4000, 10, 200}, {1, 5000, 0, 400}, {40, 90, 0, 200},
                {60, 90, 0, 400},   {1, 1, 4000, 200}, {1, 1, 5000, 400}};
    static char filler[6000];
    (void)state;
    memset(filler, 'a', sizeof filler - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct buffer request = buffer_on(arena);
        bool closed = false;
        buffer_add_text(&request, P "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
        for (int k = 0; k < rows[i].chunks; k++)
            buffer_printf(&request, "5;%.*s\r\nhello\r\n", rows[i].extension, filler);
        buffer_add_text(&request, "0\r\n");
        if (rows[i].trailer > 0)
            buffer_printf(&request, "X: %.*s\r\n", rows[i].trailer, filler);
        buffer_add_text(&request, "\r\n");
        const char *answer = live_ask(arena, port, buffer_text(&request), &closed);
        if (live_status(answer) != rows[i].status || count_responses(answer) != 1)
            fail_msg("row %zu: %d, %zu answers", i, live_status(answer), count_responses(answer));
    }
}

static void test_expect(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    int s = live_connect(port);
    live_say(s, P "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_string_equal(live_response(arena, s, false), "HTTP/1.1 100 Continue\r\n\r\n");
    live_say(s, "hello");
    assert_string_equal(live_body(live_response(arena, s, false)), "hello");
    live_say(s, P "Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n"); /* no invitation */
    assert_int_equal(live_status(live_response(arena, s, false)), 413);
    bool closed = false;
    live_read(arena, s, 300, &closed);
    assert_true(closed);
    close(s);
}

/* Sends one byte each 50 ms, of `drip` over and over, until the server closes or 6 s are over. */
static int64_t dripped_us(const char *begin, const char *drip) {
    SCOPED_ARENA struct arena *arena = arena_new();
    int64_t from_us = clock_monotonic_us();
    int s = live_connect(port);
    bool closed = false;
    live_say(s, begin);
    for (size_t i = 0; !closed && clock_monotonic_us() - from_us < 6000000; i++) {
        live_send(s, &drip[i % strlen(drip)], 1);
        live_read(arena, s, 50, &closed);
    }
    close(s);
    return clock_monotonic_us() - from_us;
}

static void test_slow_senders(void **state) {
    (void)state;
    static const struct {
        const char *begin, *drip;
    } rows[] = {
        {"", "GET /echo HTTP/1.1\r\nHost: x\r\n"},
        {G "Host: x\r\nX: ", "a"},
        {P "Content-Length: 900\r\n\r\n", "a"},
        {P "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"},
        {P "Transfer-Encoding: chunked\r\n\r\n5;x=", "y"},           /* an extension without end */
        {P "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: ", "y"}, /* a trailer without end */
        {P "Content-Length: 100000\r\n\r\n", "a"},                   /* refused, and then sent */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t us = dripped_us(rows[i].begin, rows[i].drip);
        if (us > 3 * LIVE_TIMEOUT_MS * 1000)
            fail_msg("row %zu held a thread for %lld ms", i, (long long)us / 1000);
    }
}

static void test_slow_readers(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    int stuck[6]; /* as many as there are threads */
    for (int i = 0; i < 6; i++) {
        stuck[i] = live_connect(port);
        live_say(stuck[i], "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    assert_int_equal(
        live_status(live_ask(arena, port, G "Host: x\r\nConnection: close\r\n\r\n", NULL)), 200);
    for (int i = 0; i < 6; i++)
        close(stuck[i]);
    int s = live_connect(port); /* who reads gets it all */
    live_say(s, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(strlen(live_body(live_response(arena, s, false))), (size_t)16 << 20);
    close(s);
}

/* Of four threads and much time. */
static struct http_server *start_patient(int *ret_port) {
    static const struct http_listen listen = {.kind = LISTENER_HTTP, .address = "127.0.0.1:0"};
    struct http_server_config config = {.listens = &listen,
                                        .listen_count = 1,
                                        .threads = 4,
                                        .header_limit = 8192,
                                        .request_timeout_ms = 60000,
                                        .router = &live_router};
    struct http_server *patient = NULL;
    struct error err = {0};
    assert_true(http_server_start(&config, &patient, &err));
    *ret_port = http_server_port(patient, 0);
    return patient;
}

static void wait_ms(int64_t ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Peers stop in the middle, more than there are threads: who comes next is answered long before their time is over. One
 * server for each place to stop at, all at the same time. */
static void test_slow_in_a_crowd(void **state) {
    (void)state;
    static const char *const begins[] = {
        "", "GET /ec", G "Host: x\r\n\r\n", P "Content-Length: 900\r\n\r\na",
        P "Transfer-Encoding: chunked\r\n\r\n5\r\na", "GET /big HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    enum { KINDS = sizeof begins / sizeof begins[0], SLOW = 6 };
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_server *servers[KINDS];
    int slow[KINDS][SLOW], last[KINDS], at;
    for (int i = 0; i < KINDS; i++) {
        servers[i] = start_patient(&at);
        for (int k = 0; k < SLOW; k++)
            live_say(slow[i][k] = live_connect(at), begins[i]);
        live_say(last[i] = live_connect(at), G "Host: x\r\nConnection: close\r\n\r\n");
    }
    for (int i = 0; i < KINDS; i++) {
        const char *answer = live_read(arena, last[i], 20000, NULL);
        if (live_status(answer) != 200)
            fail_msg("behind peers that said \"%s\": %s", begins[i], answer);
        close(last[i]);
        for (int k = 0; k < SLOW; k++)
            close(slow[i][k]);
        http_server_stop(servers[i]);
    }
}

/* While nobody waits for a thread, who is slow has the time that he was given. */
static void test_slow_alone(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    int at, slow[4];
    struct http_server *patient = start_patient(&at);
    for (int k = 0; k < 4; k++)
        live_say(slow[k] = live_connect(at), P "Content-Length: 4\r\n\r\na");
    wait_ms(2000);
    for (int k = 0; k < 4; k++) {
        live_say(slow[k], "bcd");
        assert_string_equal(live_body(live_response(arena, slow[k], false)), "abcd");
    }
    wait_ms(1000); /* idle, and then again */
    for (int k = 0; k < 4; k++) {
        live_say(slow[k], G "Host: x\r\n\r\n");
        assert_int_equal(live_status(live_response(arena, slow[k], false)), 200);
        close(slow[k]);
    }
    http_server_stop(patient);
}

static void test_ipv6(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port6),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int s = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(s, (struct sockaddr *)&to, sizeof to), 0);
    live_say(s, G "Host: [::1]\r\n\r\n");
    assert_string_equal(live_body(live_response(arena, s, false)), "/echo");
    close(s);
}

static void *hammer(void *arg) {
    int *good = arg;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (int i = 0; i < 30; i++) {
        int s = live_connect(port);
        for (int k = 0; k < 3; k++) {
            char body[32];
            snprintf(body, sizeof body, "%p-%d-%d", arg, i, k);
            live_say(s, arena_printf(arena, P "Content-Length: %zu\r\n\r\n%s", strlen(body), body));
            const char *answer = live_response(arena, s, false);
            *good += strcmp(live_body(answer), body) == 0;
            if (strstr(answer, "Connection: close") != NULL) { /* when it is crowded */
                close(s);
                s = live_connect(port);
            }
        }
        close(s);
    }
    return NULL;
}

static void test_many_at_once(void **state) {
    (void)state;
    pthread_t threads[10];
    int good[10] = {0};
    for (int i = 0; i < 10; i++)
        pthread_create(&threads[i], NULL, hammer, &good[i]);
    for (int i = 0; i < 10; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 90);
    }
}

static void *ask_slow(void *arg) {
    struct arena *arena = arg;
    int s = live_connect(port);
    live_say(s, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *answer = live_response(arena, s, false);
    close(s);
    return (void *)(uintptr_t)answer;
}

/* Stops the server: the last test. A running request is finished. */
static void test_stop_drains(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    pthread_t thread;
    void *answer;
    pthread_create(&thread, NULL, ask_slow, arena);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    http_server_stop(server);
    server = NULL;
    pthread_join(thread, &answer);
    assert_string_equal(live_body(answer), "slept");
    assert_non_null(strstr(answer, "Connection: close\r\n"));
}

static bool start_on(const char *address, struct http_server **ret_server, struct error *err) {
    const struct http_listen listens[] = {{.kind = LISTENER_HTTP, .address = address}};
    struct http_server_config config = {
        .listens = listens,
        .listen_count = 1,
        .threads = 1,
        .header_limit = 2048,
        .request_timeout_ms = 500,
        .router = &live_router,
    };
    return http_server_start(&config, ret_server, err);
}

static void test_addresses(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        "8080",
        ":8080",
        "localhost:8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:8080s",
        "127.0.0.1:8080r",
        "127.0.0.1:0,0.0.0.0:8080",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "[::1]",
        "[::1:0",
        "::1:0",
        "[::g]:0",
        "[]:0",
        "256.0.0.1:0",
        "x/tmp/socket",
        "+8080",
        "127.0.0.1:000000080",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_server *none = NULL;
        struct error err = {0};
        if (start_on(bad[i], &none, &err))
            fail_msg("%s was taken", bad[i]);
        assert_null(none);
        assert_string_equal(err.type, "bad-address");
    }
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_server *none = NULL;
    struct error err = {0};
    const char *taken = arena_printf(arena, "127.0.0.1:%d", port);
    assert_false(start_on(taken, &none, &err));
    assert_string_equal(err.type, "cannot-listen");
    assert_non_null(strstr(err.message, taken));
}

static void *ask_slow_at(void *context) {
    int *at = context;
    struct arena *arena = arena_new();
    int status = live_status(live_ask(arena, *at, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL));
    arena_free(arena);
    return (void *)(intptr_t)status;
}

/* Two listens of one kind, each with its own rules. */
static void test_settings_of_a_listen(void **state) {
    (void)state;
    static const char *const only[] = {"/echo", NULL};
    const struct http_listen listens[] = {
        {.kind = LISTENER_HTTP, .address = "127.0.0.1:0"},
        {.kind = LISTENER_HTTP, .address = "127.0.0.1:0", .paths = only, .threads = 2},
        {.kind = LISTENER_HTTP, .address = "127.0.0.1:0", .most = 1, .threads = 4},
        {.kind = LISTENER_HTTPS, .address = "127.0.0.1:0", .plain = true}};
    struct http_server *several = live_start(listens, 4, 2, NULL, NULL);
    SCOPED_ARENA struct arena *arena = arena_new();
    int at[4];
    for (size_t i = 0; i < 4; i++)
        at[i] = http_server_port(several, i);
#define ASK(i, path) live_ask(arena, at[i], "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL)
    assert_int_equal(live_status(ASK(0, "/certificate")), 200);
    assert_int_equal(live_status(ASK(1, "/echo")), 200);
    assert_int_equal(live_status(ASK(1, "/certificate")), 404);
    assert_int_equal(live_status(ASK(1, "/echoes")), 404);
    assert_int_equal(live_status(ASK(1, "/")), 404);
    /* Nobody says which proxies are trusted, so nobody is. */
    assert_int_equal(live_status(ASK(3, "/echo")), 403);
    pthread_t thread;
    void *status;
    assert_int_equal(pthread_create(&thread, NULL, ask_slow_at, &at[2]), 0);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    const char *busy = ASK(2, "/echo");
    assert_int_equal(live_status(busy), 503);
    assert_non_null(strstr(busy, "Retry-After: "));
    assert_non_null(strstr(busy, "too-busy"));
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, 200);
    assert_int_equal(live_status(ASK(2, "/echo")), 200);
    int kept = live_connect(at[0]);
    http_server_drain(several);
    live_say(kept, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    bool closed = false;
    const char *last = live_read(arena, kept, 2000, &closed);
    assert_int_equal(live_status(last), 200);
    assert_non_null(strstr(last, "Connection: close\r\n"));
    assert_true(closed);
    close(kept);
    http_server_stop(several);
}

/* One listen has limits of its own, the other those of all. */
static void test_limits_of_a_listen(void **state) {
    (void)state;
    const struct http_listen listens[] = {
        {.kind = LISTENER_HTTP, .address = "127.0.0.1:0"},
        {.kind = LISTENER_HTTP,
         .address = "127.0.0.1:0",
         .limits = {.header = 1024, .body = 10, .request_ms = 300, .keep_alive_ms = -1}}};
    struct http_server *two = live_start(listens, 2, 2, NULL, NULL);
    SCOPED_ARENA struct arena *arena = arena_new();
    char *long_value = arena_alloc(arena, 1201);
    memset(long_value, 'a', 1200);
    static const int long_header[] = {200, 431}, body_of_11[] = {200, 413};
    for (size_t i = 0; i < 2; i++) {
        int at = http_server_port(two, i);
        const char *text = arena_printf(arena, "GET /echo HTTP/1.1\r\nHost: x\r\nX: %s\r\nConnection: close\r\n\r\n", long_value);
        assert_int_equal(live_status(live_ask(arena, at, text, NULL)), long_header[i]);
        text = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 11\r\n\r\n01234567890";
        assert_int_equal(live_status(live_ask(arena, at, text, NULL)), body_of_11[i]);
        text = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789";
        assert_int_equal(live_status(live_ask(arena, at, text, NULL)), 200);
    }
    int s = live_connect(http_server_port(two, 1));
    bool closed = false;
    live_say(s, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *answer = live_read(arena, s, 2000, &closed);
    assert_int_equal(live_status(answer), 200);
    assert_non_null(strstr(answer, "Connection: close\r\n"));
    assert_true(closed);
    close(s);
    s = live_connect(http_server_port(two, 1)); /* a header that does not come */
    int64_t from_us = clock_monotonic_us();
    live_say(s, "GET /echo HTTP/1.1\r\n");
    (void)live_read(arena, s, 5000, &closed);
    assert_true(closed);
    assert_true(clock_monotonic_us() - from_us < 4000000);
    close(s);
    http_server_stop(two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_head_and_pipelining),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_large_headers),
        cmocka_unit_test(test_bodies_over_the_limit),
        cmocka_unit_test(test_chunk_extras), cmocka_unit_test(test_expect),
        cmocka_unit_test(test_slow_senders),
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_slow_in_a_crowd),
        cmocka_unit_test(test_slow_alone),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_settings_of_a_listen),
        cmocka_unit_test(test_limits_of_a_listen),
        cmocka_unit_test(test_stop_drains),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
