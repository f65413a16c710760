/* Against a real server on loopback that answers by path: "/len/N" N bytes, "/to/CODE/URL" a
 * redirect,
 * "/slow" never ends, "/echo" what it got. */
#include "base/buffer.h"
#include "base/clock.h"
#include "net/fetch.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct peer {
    int listener;
    unsigned short port;
    SSL_CTX *tls;
    pthread_t thread;
    atomic_int accepted;
};
static struct peer plain, other, tls_peer;

struct line { /* one connection, TLS or not */
    int socket;
    SSL *ssl;
};

static int line_read(struct line *line, char *at, size_t room) {
    return line->ssl != NULL ? SSL_read(line->ssl, at, (int)room)
                             : (int)recv(line->socket, at, room, 0);
}

static bool line_write(struct line *line, const char *at, size_t len) {
    return line->ssl != NULL ? SSL_write(line->ssl, at, (int)len) > 0
                             : send(line->socket, at, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void say(struct line *line, const char *text) {
    line_write(line, text, strlen(text));
}

static void answer(struct line *line, const char *status, const char *headers, const char *body) {
    char head[4096];
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
             strlen(body), headers);
    say(line, head);
    say(line, body);
}

static void answer_length(struct line *line, long len) {
    char head[200], block[1000];
    memset(block, 'x', sizeof block);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", len);
    say(line, head);
    for (; len > 0; len -= (long)sizeof block)
        if (!line_write(line, block, (size_t)(len > 1000 ? 1000 : len)))
            return;
}

static void serve(struct line *line, const char *request) {
    char path[1500] = "", headers[2000];
    sscanf(request, "%*15s %1499s", path);
    if (strncmp(path, "http://", 7) == 0) /* as a proxy */
        answer(line, "200 OK", "Via: test\r\n", path);
    else if (strncmp(path, "/len/", 5) == 0)
        answer_length(line, atol(path + 5));
    else if (strncmp(path, "/to/", 4) == 0) {
        snprintf(headers, sizeof headers, "Location: %s\r\n", path + 8);
        char status[4] = {path[4], path[5], path[6], 0};
        answer(line, status, headers, "");
    } else if (strcmp(path, "/slow") == 0) {
        say(line, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (line_write(line, "x", 1))
            usleep(50000);
    } else if (strcmp(path, "/headers") == 0) {
        say(line, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 3000; i++)
            if (!line_write(line, "X-Filler: yes\r\n", 15))
                return;
        say(line, "\r\n");
    } else if (strcmp(path, "/continue") == 0) {
        say(line, "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n");
        answer(line, "418 No", "X-Late:  spaced \r\n", "pot");
    } else if (strcmp(path, "/cut") == 0) {
        say(line, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    } else if (strcmp(path, "/noise") == 0) {
        say(line, "SSH-2.0-OpenSSH\r\n");
    } else {
        answer(line, "200 OK", "Content-Type: text/plain\r\n", request);
    }
}

static void connection(struct line *line) {
    char request[8000] = "";
    size_t len = 0, want = 0;
    while (len < sizeof request - 1) {
        int n = line_read(line, request + len, sizeof request - 1 - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        const char *length = strstr(request, "Content-Length: ");
        if (end == NULL)
            continue;
        want = (size_t)(end - request) + 4 + (length == NULL ? 0 : strtoul(length + 16, NULL, 10));
        if (len >= want)
            break;
    }
    serve(line, request);
}

static void *run_peer(void *context) {
    struct peer *peer = context;
    int s;
    while ((s = accept(peer->listener, NULL, NULL)) >= 0) {
        struct line line = {.socket = s};
        atomic_fetch_add(&peer->accepted, 1);
        if (peer->tls != NULL) {
            line.ssl = SSL_new(peer->tls);
            SSL_set_fd(line.ssl, s);
        }
        if (line.ssl == NULL || SSL_accept(line.ssl) == 1)
            connection(&line);
        if (line.ssl != NULL) {
            SSL_shutdown(line.ssl);
            SSL_free(line.ssl);
        }
        close(s);
    }
    return NULL;
}

static void start_peer(struct peer *peer) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof to;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(listen(peer->listener, 16), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&to, &len), 0);
    peer->port = ntohs(to.sin_port);
    assert_int_equal(pthread_create(&peer->thread, NULL, run_peer, peer), 0);
}

static void stop_peer(struct peer *peer) {
    shutdown(peer->listener, SHUT_RDWR);
    close(peer->listener);
    pthread_join(peer->thread, NULL);
    SSL_CTX_free(peer->tls);
}

static SSL_CTX *self_signed(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_gmtime_adj(X509_getm_notBefore(cert), -100);
    X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
    assert_int_equal(X509_set_subject_name(cert, name) & X509_set_issuer_name(cert, name), 1);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_NAME_free(name);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static int set_up(void **state) {
    (void)state;
    assert_true(fetch_configure(NULL, NULL, NULL, NULL));
    tls_peer.tls = self_signed();
    start_peer(&plain);
    start_peer(&other);
    start_peer(&tls_peer);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stop_peer(&plain);
    stop_peer(&other);
    stop_peer(&tls_peer);
    return 0;
}

static const char *at(struct arena *arena, const struct peer *peer, const char *path) {
    return arena_printf(arena, "http://127.0.0.1:%d%s", peer->port, path);
}

static void must_fail(struct fetch_request request, enum error_kind kind, const char *type) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fetch_reply reply;
    struct error err = {0};
    if (fetch(arena, &request, &reply, &err))
        fail_msg("fetched: %s", request.url);
    if (err.kind != kind || strcmp(err.type, type) != 0)
        fail_msg("%s: %s %s (%s)", request.url, err.type, err.message, err.detail);
}

static struct fetch_reply must(struct arena *arena, struct fetch_request request) {
    struct fetch_reply reply;
    struct error err = {0};
    if (!fetch(arena, &request, &reply, &err))
        fail_msg("%s: %s %s (%s)", request.url, err.type, err.message, err.detail);
    return reply;
}

static bool has(struct fetch_reply reply, const char *text) {
    return strstr((const char *)reply.body.at, text) != NULL;
}

static void test_plain(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fetch_reply reply =
        must(arena, (struct fetch_request){.url = at(arena, &plain, "/echo?a=b")});
    assert_int_equal(reply.status, 200);
    assert_true(has(reply, "GET /echo?a=b HTTP/1.1"));
    assert_false(has(reply, "Expect"));
    assert_string_equal(fetch_header(&reply, "content-TYPE"), "text/plain");
    assert_string_equal(reply.address, "127.0.0.1");
    reply = must(arena, (struct fetch_request){.url = at(arena, &plain, "/continue")});
    assert_int_equal(reply.status, 418);
    assert_null(fetch_header(&reply, "X-Early"));
    assert_string_equal(fetch_header(&reply, "X-Late"), "spaced");
    assert_true(view_is(reply.body, "pot"));
}

static void test_post(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct fetch_header headers[] = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
    struct fetch_reply reply = must(arena, (struct fetch_request){.method = "POST",
                                                                  .url = at(arena, &plain, "/echo"),
                                                                  .body = view_text("{\"a\":1}"),
                                                                  .headers = headers,
                                                                  .header_count = 2,
                                                                  .username = "user",
                                                                  .password = "pass"});
    assert_true(has(reply, "POST /echo") && has(reply, "{\"a\":1}"));
    assert_true(has(reply, "Content-Type: application/json") && has(reply, "X-Empty:"));
    assert_true(has(reply, "Authorization: Basic dXNlcjpwYXNz"));
    reply = must(arena, (struct fetch_request){.method = "PUT",
                                               .url = at(arena, &plain, "/echo"),
                                               .body = view_text("x")});
    assert_true(has(reply, "PUT /echo"));
    const struct fetch_header broken[] = {{"X-A", "b\r\nX-C: d"}};
    must_fail((struct fetch_request){.url = at(arena, &plain, "/echo"),
                                     .headers = broken,
                                     .header_count = 1},
              ERROR_INTERNAL, "internal");
}

static void test_limits(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fetch_reply reply = must(
        arena, (struct fetch_request){.url = at(arena, &plain, "/len/5000"), .max_bytes = 5000});
    assert_int_equal(reply.body.len, 5000);
    must_fail((struct fetch_request){.url = at(arena, &plain, "/len/5001"), .max_bytes = 5000},
              ERROR_TOO_LARGE, "fetch-too-large");
    must_fail((struct fetch_request){.url = at(arena, &plain, "/len/1048577")}, ERROR_TOO_LARGE,
              "fetch-too-large");
    must_fail((struct fetch_request){.url = at(arena, &plain, "/headers")}, ERROR_TOO_LARGE,
              "fetch-too-large");
    int64_t began = clock_monotonic_us();
    must_fail((struct fetch_request){.url = at(arena, &plain, "/slow"), .total_timeout_ms = 400},
              ERROR_UNAVAILABLE, "fetch-timeout");
    assert_true(clock_monotonic_us() - began < 3 * US_PER_SECOND);
    must_fail((struct fetch_request){.url = at(arena, &plain, "/cut")}, ERROR_UNAVAILABLE,
              "fetch-failed");
    must_fail((struct fetch_request){.url = at(arena, &plain, "/noise")}, ERROR_UNAVAILABLE,
              "fetch-failed");
    must_fail((struct fetch_request){.url = "http://127.0.0.1:1/"}, ERROR_UNAVAILABLE,
              "fetch-failed");
}

static void test_schemes(void **state) {
    (void)state;
    static const char *const bad[] = {
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "scp://h/",
        "telnet://h",
        "127.0.0.1/x",
        "",
        "http://",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "javascript:alert(1)",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        must_fail((struct fetch_request){.url = bad[i]}, ERROR_POLICY, "fetch-refused");
}

static void test_redirects(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *there = at(arena, &other, "/echo");
    const char *url = at(arena, &plain, arena_printf(arena, "/to/302/%s", there));
    struct fetch_reply reply = must(arena, (struct fetch_request){.url = url});
    assert_int_equal(reply.status, 302); /* none is followed unless asked for */
    const struct fetch_header headers[] = {{"Authorization", "Bearer t"}, {"X-Stays", "y"}};
    reply = must(arena, (struct fetch_request){.url = url,
                                               .redirects = 1,
                                               .headers = headers,
                                               .header_count = 2,
                                               .username = "user",
                                               .method = "POST",
                                               .body = view_text("gone")});
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.url, there);
    assert_true(has(reply, "GET /echo") && has(reply, "X-Stays: y"));
    assert_false(has(reply, "Authorization") || has(reply, "gone"));
    reply = must(arena, (struct fetch_request){.url = at(arena, &plain, "/to/307//echo"),
                                               .redirects = 1,
                                               .method = "POST",
                                               .headers = headers,
                                               .header_count = 2,
                                               .body = view_text("kept")});
    assert_true(has(reply, "POST /echo") && has(reply, "kept") && has(reply, "Bearer t"));
    must_fail((struct fetch_request){.url = at(arena, &plain, "/to/301//to/301//to/301//echo"),
                                     .redirects = 2},
              ERROR_POLICY, "fetch-refused");
    unsigned short ports[] = {plain.port};
    must_fail((struct fetch_request){.url = url, .redirects = 3, .ports = ports, .port_count = 1},
              ERROR_POLICY, "fetch-refused");
    must_fail((struct fetch_request){.url = at(arena, &plain, "/to/302/file:///etc/passwd"),
                                     .redirects = 3},
              ERROR_POLICY, "fetch-refused");
    must_fail((struct fetch_request){.url = at(arena, &plain, "/to/302/gopher://127.0.0.1:70/"),
                                     .redirects = 3},
              ERROR_POLICY, "fetch-refused");
}

static void test_addresses(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *literal = at(arena, &plain, "/echo");
    const char *name = arena_printf(arena, "http://localhost:%d/echo", plain.port);
    const char *const own[] = {"127.0.0.0/8", "::1", NULL};
    int before = atomic_load(&plain.accepted);
    const char *const urls[] = {literal,
                                name,
                                arena_printf(arena, "http://[::ffff:127.0.0.1]:%d/", plain.port),
                                arena_printf(arena, "http://0x7f.1:%d/", plain.port),
                                arena_printf(arena, "http://2130706433:%d/", plain.port),
                                arena_printf(arena, "http://0:%d/", plain.port)};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        must_fail((struct fetch_request){.url = urls[i], .reach = FETCH_NOT_LOCAL}, ERROR_POLICY,
                  "fetch-refused");
        must_fail((struct fetch_request){.url = urls[i], .reach = FETCH_PUBLIC}, ERROR_POLICY,
                  "fetch-refused");
    }
    must_fail((struct fetch_request){.url = name, .denied = own}, ERROR_POLICY, "fetch-refused");
    /* The given address is judged, not what the name would say; and it is what is dialled. */
    must_fail((struct fetch_request){.url = "http://pki.example.org/",
                                     .address = "127.0.0.1",
                                     .reach = FETCH_NOT_LOCAL},
              ERROR_POLICY, "fetch-refused");
    assert_int_equal(atomic_load(&plain.accepted), before);
    struct fetch_reply reply =
        must(arena, (struct fetch_request){
                        .url = arena_printf(arena, "http://pki.example.org:%d/echo", plain.port),
                        .address = "127.0.0.1",
                        .reach = FETCH_PUBLIC,
                        .allowed = own});
    assert_true(has(reply, "Host: pki.example.org"));
    must(arena, (struct fetch_request){.url = name, .reach = FETCH_PUBLIC, .allowed = own});
}

static void test_tls(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *url = arena_printf(arena, "https://127.0.0.1:%d/echo", tls_peer.port);
    must_fail((struct fetch_request){.url = url}, ERROR_UNAVAILABLE, "fetch-failed");
    struct fetch_reply reply = must(arena, (struct fetch_request){.url = url, .insecure = true});
    assert_int_equal(reply.status, 200);
    must_fail((struct fetch_request){.url = url, .ca_file = "/nonexistent"}, ERROR_UNAVAILABLE,
              "fetch-failed");
}

static void test_proxy(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *proxy = at(arena, &plain, "");
    struct fetch_reply reply =
        must(arena, (struct fetch_request){
                        .url = "http://far.example.org/x", .proxy = proxy, .reach = FETCH_PUBLIC});
    assert_true(view_is(reply.body, "http://far.example.org/x"));
    must_fail(
        (struct fetch_request){.url = "http://10.0.0.1/x", .proxy = proxy, .reach = FETCH_PUBLIC},
        ERROR_POLICY, "fetch-refused");
    struct error err;
    assert_false(fetch_configure("ftp://x", NULL, NULL, &err));
    assert_string_equal(err.type, "bad-proxy");
    assert_true(fetch_configure(proxy, "127.0.0.0/8, .local.test", NULL, NULL));
    reply = must(arena, (struct fetch_request){.url = "http://far.example.org/y"});
    assert_true(view_is(reply.body, "http://far.example.org/y"));
    reply = must(arena, (struct fetch_request){.url = at(arena, &other, "/echo")});
    assert_true(has(reply, "GET /echo"));
    reply = must(arena, (struct fetch_request){
                            .url = arena_printf(arena, "http://a.local.test:%d/echo", other.port),
                            .address = "127.0.0.1"});
    assert_true(has(reply, "GET /echo"));
    assert_true(fetch_configure(NULL, NULL, NULL, NULL));
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_post),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_redirects), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_tls),       cmocka_unit_test(test_proxy),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
