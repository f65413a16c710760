/* The TLS listeners: groups, versions, certificates that change, client certificates. */
#include "live.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct pair first, second, client;
static _Atomic(struct pair *) current;
static struct http_server *server;
static int https, mtls;

static struct pair make_pair(const char *name) {
    struct pair p = {EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), X509_new()};
    X509_NAME *subject = X509_get_subject_name(p.certificate);
    X509_set_version(p.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(p.certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(p.certificate), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(p.certificate, subject);
    X509_set_pubkey(p.certificate, p.key);
    assert_true(X509_sign(p.certificate, p.key, EVP_sha256()) > 0);
    return p;
}

static void free_pair(struct pair *p) {
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

static bool give_certificate(void *context, SSL *ssl) {
    struct pair *p = atomic_load((_Atomic(struct pair *) *)context);
    return p != NULL && SSL_use_cert_and_key(ssl, p->certificate, p->key, NULL, 1) == 1;
}

static int start(void **state) {
    (void)state;
    log_setup(LOG_ERROR, false, "test");
    static const struct http_listen listens[] = {{.kind = LISTENER_MTLS, .address = "127.0.0.1:0"},
                                                 {.kind = LISTENER_HTTPS, .address = "127.0.0.1:0"},
                                                 {.kind = LISTENER_HTTP, .address = "127.0.0.1:0"}};
    first = make_pair("first");
    second = make_pair("second");
    client = make_pair("client");
    atomic_store(&current, &first);
    server = live_start(listens, 3, 4, give_certificate, &current);
    mtls = http_server_port(server, 0);
    https = http_server_port(server, 1);
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_server_stop(server);
    free_pair(&first);
    free_pair(&second);
    free_pair(&client);
    return 0;
}

/* A client; what it offers beyond the defaults is set by the caller. */
struct caller {
    SSL_CTX *context;
    SSL *ssl;
    int socket;
};

static void prepare(struct caller *c, int port) {
    *c = (struct caller){.context = SSL_CTX_new(TLS_client_method()), .socket = live_connect(port)};
    struct timeval patience = {.tv_sec = 5};
    setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    c->ssl = SSL_new(c->context);
    SSL_set_fd(c->ssl, c->socket);
}

static void hang_up(struct caller *c) {
    SSL_set_shutdown(c->ssl,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* so the session stays good */
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    close(c->socket);
    ERR_clear_error();
}

/* One response over TLS; its body's length too, since it may be binary. */
static const char *tls_ask(struct arena *arena, struct caller *c, const char *text,
                           size_t *ret_len) {
    struct buffer all = buffer_on(arena);
    char piece[4096];
    size_t want = SIZE_MAX;
    assert_true(SSL_write(c->ssl, text, (int)strlen(text)) > 0);
    while (all.len < want) {
        int n = SSL_read(c->ssl, piece, sizeof piece);
        if (n <= 0)
            break;
        buffer_add(&all, piece, (size_t)n);
        const char *answer = buffer_text(&all), *end = strstr(answer, "\r\n\r\n");
        const char *length = strstr(answer, "Content-Length: ");
        if (end != NULL && length != NULL) {
            *ret_len = strtoul(length + 16, NULL, 10);
            want = (size_t)(end + 4 - answer) + *ret_len;
        }
    }
    return buffer_text(&all);
}

#define ECHO "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"

static void test_hybrid_group(void **state) {
    (void)state;
    static const char *const groups[] = {"X25519MLKEM768", "X25519", "P-256", "P-384"};
    for (size_t i = 0; i < 4; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct caller c;
        size_t len = 0;
        prepare(&c, https);
        assert_int_equal(SSL_set1_groups_list(c.ssl, groups[i]), 1);
        assert_int_equal(SSL_connect(c.ssl), 1);
        assert_string_equal(SSL_get_version(c.ssl), "TLSv1.3");
        if (i < 2)
            assert_string_equal(SSL_get0_group_name(c.ssl), i == 0 ? "X25519MLKEM768" : "x25519");
        const char *answer = tls_ask(arena, &c, ECHO, &len);
        assert_int_equal(live_status(answer), 200);
        assert_non_null(strstr(answer, "Strict-Transport-Security: max-age="));
        assert_string_equal(live_body(answer), "/echo");
        for (int k = 0; k < 3; k++) /* the connection lives on */
            assert_string_equal(live_body(tls_ask(arena, &c, ECHO, &len)), "/echo");
        hang_up(&c);
    }
    struct caller c; /* by default, when both can */
    prepare(&c, https);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_string_equal(SSL_get0_group_name(c.ssl), "X25519MLKEM768");
    hang_up(&c);
}

static void test_versions(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct caller c;
    size_t len;
    prepare(&c, https);
    SSL_set_max_proto_version(c.ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_string_equal(live_body(tls_ask(arena, &c, ECHO, &len)), "/echo");
    hang_up(&c);
    prepare(&c, https);
    SSL_set_security_level(c.ssl, 0);
    SSL_set_min_proto_version(c.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(c.ssl, TLS1_1_VERSION);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    hang_up(&c);
    prepare(&c, https); /* no forward secrecy */
    SSL_set_max_proto_version(c.ssl, TLS1_2_VERSION);
    SSL_set_cipher_list(c.ssl, "kRSA");
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    hang_up(&c);
}

static void test_alpn(void **state) {
    (void)state;
    static const unsigned char both[] = "\x02h2\x08http/1.1", h2[] = "\x02h2";
    const unsigned char *chosen;
    unsigned int len;
    struct caller c;
    prepare(&c, https);
    SSL_set_alpn_protos(c.ssl, both, sizeof both - 1);
    assert_int_equal(SSL_connect(c.ssl), 1);
    SSL_get0_alpn_selected(c.ssl, &chosen, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    hang_up(&c);
    prepare(&c, https);
    SSL_set_alpn_protos(c.ssl, h2, sizeof h2 - 1);
    assert_int_equal(SSL_connect(c.ssl), 1);
    SSL_get0_alpn_selected(c.ssl, &chosen, &len);
    assert_int_equal(len, 0);
    hang_up(&c);
}

static void see_certificate(struct pair *expected) {
    struct caller c;
    prepare(&c, https);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c.ssl), expected->certificate), 0);
    hang_up(&c);
}

static void test_certificate_changes_without_restart(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct caller old;
    size_t len;
    see_certificate(&first);
    prepare(&old, https);
    assert_int_equal(SSL_connect(old.ssl), 1);
    atomic_store(&current, &second);
    see_certificate(&second);
    assert_string_equal(live_body(tls_ask(arena, &old, ECHO, &len)), "/echo"); /* not cut off */
    hang_up(&old);
    atomic_store(&current, NULL); /* none can be given: the handshake ends, the server does not */
    prepare(&old, https);
    assert_int_not_equal(SSL_connect(old.ssl), 1);
    hang_up(&old);
    atomic_store(&current, &first);
    see_certificate(&first);
}

static int asked;

static int note_asked(SSL *ssl, void *context) {
    (void)ssl, (void)context;
    asked++;
    return 1;
}

/* Connects with a client certificate when there is one, and gives what the route has seen. */
static struct view seen_by_route(struct arena *arena, int port, struct pair *p, int version) {
    struct caller c;
    size_t len = 0;
    prepare(&c, port);
    asked = 0;
    SSL_set_max_proto_version(c.ssl, version);
    SSL_set_cert_cb(c.ssl, note_asked, NULL);
    if (p != NULL)
        SSL_use_cert_and_key(c.ssl, p->certificate, p->key, NULL, 1);
    assert_int_equal(SSL_connect(c.ssl), 1);
    const char *answer = tls_ask(arena, &c, "GET /certificate HTTP/1.1\r\nHost: x\r\n\r\n", &len);
    assert_int_equal(live_status(answer), 200);
    struct view body = view_of(live_body(answer), len);
    hang_up(&c);
    return body;
}

static void test_client_certificates(void **state) {
    (void)state;
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    for (int i = 0; i < 2; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        unsigned char *der = NULL;
        int der_len = i2d_X509(client.certificate, &der);
        struct view seen = seen_by_route(arena, mtls, &client, versions[i]);
        assert_true(asked > 0);
        assert_true(view_equal(seen, view_of(der, (size_t)der_len)));
        OPENSSL_free(der);
        assert_int_equal(seen_by_route(arena, mtls, NULL, versions[i]).len,
                         0); /* none is fine too */
        seen = seen_by_route(arena, https, &client, versions[i]);
        assert_int_equal(asked, 0); /* browsers would prompt */
        assert_int_equal(seen.len, 0);
    }
}

/* A connection with a client certificate is never resumed: its certificate might be another one by
 * now. */
static void test_mtls_is_not_resumed(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const int ports[] = {mtls, https};
    for (int i = 0; i < 2; i++) {
        struct caller c;
        size_t len;
        prepare(&c, ports[i]);
        assert_int_equal(SSL_connect(c.ssl), 1);
        tls_ask(arena, &c, ECHO, &len);
        SSL_SESSION *session = SSL_get1_session(c.ssl);
        hang_up(&c);
        prepare(&c, ports[i]);
        SSL_set_session(c.ssl, session);
        assert_int_equal(SSL_connect(c.ssl), 1);
        assert_int_equal(SSL_session_reused(c.ssl), i == 1);
        assert_string_equal(live_body(tls_ask(arena, &c, ECHO, &len)), "/echo");
        SSL_SESSION_free(session);
        hang_up(&c);
    }
}

static void test_not_tls(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    bool closed = false;
    live_ask(arena, https, ECHO, &closed);
    assert_true(closed);
    int silent[4]; /* as many as there are threads: the time-out frees them */
    for (int i = 0; i < 4; i++)
        silent[i] = live_connect(https);
    live_say(silent[0], "\x16\x03\x01\x02");
    see_certificate(&first);
    for (int i = 0; i < 4; i++)
        close(silent[i]);
}

static void *swap_and_ask(void *arg) {
    int *good = arg;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (int i = 0; i < 12; i++) {
        struct caller c;
        size_t len;
        atomic_store(&current, i % 2 == 0 ? &second : &first);
        prepare(&c, i % 3 == 0 ? mtls : https);
        if (SSL_connect(c.ssl) == 1)
            *good += strcmp(live_body(tls_ask(arena, &c, ECHO, &len)), "/echo") == 0;
        hang_up(&c);
    }
    return NULL;
}

static void test_many_at_once(void **state) {
    (void)state;
    pthread_t threads[4];
    int good[4] = {0};
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, swap_and_ask, &good[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 12);
    }
    atomic_store(&current, &first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hybrid_group),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_certificate_changes_without_restart),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_mtls_is_not_resumed),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
