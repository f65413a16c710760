/* What an agent does for a gateway, by the rights that its owner gives; and a link between two threads, as gateway and agent
 * use one: requests and answers cross, while somebody else says that he is still at work. */
#include "parties.h"

#include "agent/relay.h"
#include "agent/session.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SENDERS 3
#define EACH 60

/* ---- rights ---------------------------------------------------------------------------------- */

static void a_gateway_does_what_the_owner_allows(void **state) {
    static const struct {
        uint8_t op, action;
        bool use, make, all;
    } rows[] = {
        {WIRE_TOKENS, 0, true, true, true},
        {WIRE_FIND, 0, true, true, true},
        {WIRE_SIGN, 0, true, true, true},
        {WIRE_DECRYPT, 0, true, true, true},
        {WIRE_STORE_CERTIFICATE, 0, true, true, true},
        {WIRE_TOKEN, WIRE_TOKEN_KEYS, true, true, true},
        {WIRE_TOKEN, WIRE_TOKEN_CERTIFICATES, true, true, true},
        {WIRE_TOKEN, WIRE_TOKEN_STORE, true, true, true},
        {WIRE_TOKEN, WIRE_TOKEN_CHECK, true, true, true},
        {WIRE_TOKEN, WIRE_TOKEN_MAKE, false, true, true},
        {WIRE_TOKEN, WIRE_TOKEN_REMOVE, false, false, true},
        /* With a private key or a PIN in them: at the agent itself alone. */
        {WIRE_TOKEN, WIRE_TOKEN_IMPORT, false, false, false},
        {WIRE_TOKEN, WIRE_TOKEN_INIT, false, false, false},
        {WIRE_LOGIN, 0, false, false, false},
        {WIRE_GENERATE, 0, false, false, false},
        {WIRE_IMPORT, 0, false, false, false},
        {WIRE_LOAD, 0, false, false, false},
        {WIRE_EXPORT, 0, false, false, false},
        {WIRE_REWRAP, 0, false, false, false},
        {WIRE_KEK, WIRE_KEK_REMOVE, false, false, false},
        {WIRE_HELLO, 0, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire_request request = {.op = rows[i].op};
        struct error err = {0};
        if (rows[i].op == WIRE_TOKEN)
            request.token.action = rows[i].action;
        assert_int_equal(relay_allows(RELAY_USE, &request, &err), rows[i].use);
        assert_int_equal(relay_allows(RELAY_MAKE, &request, &err), rows[i].make);
        assert_int_equal(relay_allows(RELAY_ALL, &request, &err), rows[i].all);
        if (!rows[i].use)
            assert_string_equal(err.type, "agent-refuses");
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

struct side {
    int fd;
    bool gateway;
    struct party party;
    struct session_keys keys;
    struct session *session;
    unsigned received;
};

static atomic_uint satisfied; /* sides that have got all: until both have, both go on writing what is queued */

static void open_side(struct side *side) {
    struct link *link;
    struct error err = {0};
    SSL_CTX *tls = SSL_CTX_new(side->gateway ? TLS_server_method() : TLS_client_method());
    if (side->gateway)
        assert_true(SSL_CTX_use_certificate(tls, side->party.certificate) == 1 &&
                    SSL_CTX_use_PrivateKey(tls, side->party.key) == 1);
    SSL *ssl = SSL_new(tls);
    SSL_CTX_free(tls);
    assert_true(side->gateway ? link_accept(side->fd, ssl, 20, &link, &err)
                              : link_connect(side->fd, ssl, "localhost", 20, &link, &err));
    side->session = session_new(link, &side->keys, side->gateway, 65536);
}

static void *send_main(void *argument) {
    struct side *side = argument;
    char text[4000];
    struct error err = {0};
    memset(text, 'x', sizeof text);
    for (int i = 0; i < EACH; i++)
        assert_true(session_send(side->session, view_of(text, 1 + (size_t)i * 60), &err));
    return NULL;
}

/* The owner: reads what the other side's threads send, and writes what its own have queued. */
static void *side_main(void *argument) {
    struct side *side = argument;
    pthread_t threads[SENDERS];
    struct view message;
    struct error err = {0};
    open_side(side);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_main, side), 0);
    while (satisfied < 2) {
        if (!session_receive(side->session, 200, &message, &err))
            assert_string_equal(err.type, "link-timeout");
        else if (++side->received == SENDERS * EACH)
            satisfied++;
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

static void many_threads_send_over_one_link(void **state) {
    struct side sides[2] = {{.gateway = true}, {.gateway = false}};
    pthread_t threads[2];
    int fds[2];
    static const uint8_t code[HANDSHAKE_CODE] = "0123456789abcde";
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    sides[0].party = party_rsa("Gateway");
    sides[1].party = party_ec("Agent");
    parties_agree(&sides[0].party, &sides[1].party, view_of(code, sizeof code), &sides[0].keys, &sides[1].keys);
    for (int i = 0; i < 2; i++) {
        sides[i].fd = fds[i];
        assert_int_equal(pthread_create(&threads[i], NULL, side_main, &sides[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sides[i].received, SENDERS * EACH);
        session_free(sides[i].session);
        party_free(&sides[i].party);
    }
}

/* ---- a flood ----------------------------------------------------------------------------------- */

struct flood {
    SSL *client;
    atomic_bool enough;
    atomic_ullong pings;
};

/* Pings without end, and reads nothing of what comes. */
static void *flood_main(void *argument) {
    static const char head[] = "GET " LINK_PATH " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               "Sec-WebSocket-Version: 13\r\n\r\n";
    struct flood *flood = argument;
    struct wire_buffer pings = {0};
    char text[125] = {'x'}, answer[4096];
    for (int i = 0; i < 100; i++)
        websocket_frame(&pings, WEBSOCKET_PING, view_of(text, sizeof text), true);
    assert_int_equal(SSL_connect(flood->client), 1);
    assert_int_equal(SSL_write(flood->client, head, sizeof head - 1), sizeof head - 1);
    assert_true(SSL_read(flood->client, answer, sizeof answer) > 0);
    while (!flood->enough && SSL_write(flood->client, pings.at, (int)pings.len) > 0)
        flood->pings += 100;
    pings.len = 0;
    websocket_frame(&pings, WEBSOCKET_BINARY, VIEW_LITERAL("a message"), true);
    assert_true(SSL_write(flood->client, pings.at, (int)pings.len) > 0);
    wire_buffer_free(&pings);
    return NULL;
}

/* Who floods holds no connection longer than who says nothing, and fills no memory. */
static void pings_without_end_are_no_message(void **state) {
    struct party party = party_rsa("Gateway");
    struct flood flood = {0};
    struct link *link;
    struct view message;
    struct error err = {0};
    pthread_t thread;
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
    assert_true(SSL_CTX_use_certificate(tls, party.certificate) == 1 && SSL_CTX_use_PrivateKey(tls, party.key) == 1);
    flood.client = SSL_new(client);
    SSL_set_fd(flood.client, fds[1]);
    assert_int_equal(pthread_create(&thread, NULL, flood_main, &flood), 0);
    assert_true(link_accept(fds[0], SSL_new(tls), 20, &link, &err));
    while (flood.pings < 100000 && err.kind == ERROR_NONE) {
        struct error cause = {0};
        assert_false(link_receive(link, 50, &message, &cause));
        if (strcmp(cause.type, "link-timeout") != 0)
            err = cause;
    }
    assert_string_equal(err.type, "");
    flood.enough = true;
    while (!link_receive(link, 1000, &message, &err))
        assert_string_equal(err.type, "link-timeout");
    assert_true(view_is(message, "a message")); /* it goes on */
    pthread_join(thread, NULL);
    link_free(link);
    SSL_free(flood.client);
    close(fds[1]);
    SSL_CTX_free(tls);
    SSL_CTX_free(client);
    party_free(&party);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_without_end_are_no_message),
        cmocka_unit_test(a_gateway_does_what_the_owner_allows),
        cmocka_unit_test(many_threads_send_over_one_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
