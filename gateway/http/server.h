/* The listeners. server.c is the only file that knows CivetWeb. */
#ifndef GATEHOUSE_HTTP_SERVER_H
#define GATEHOUSE_HTTP_SERVER_H

#include "http/types.h"

#include <openssl/ssl.h>

struct http_server;

/* 0: as the server has it. */
struct http_limits {
    size_t header;      /* bytes of request line and headers, at least 1024 */
    size_t body;        /* bytes, where the route takes more */
    int request_ms;     /* to send the header, see http_server_config */
    int keep_alive_ms;  /* how long an idle connection stays; less than 0: every answer closes */
    int stop_grace_ms;  /* how long http_server_stop waits for its requests */
};

struct http_listen {
    enum http_listener kind;
    const char *address; /* "127.0.0.1:8080", "[::1]:8443", "0.0.0.0:8080"; port 0: any free one.
                            "unix:/path" (without TLS): a socket that is made anew */
    bool plain;               /* no TLS here although the kind has it: a trusted proxy ended it */
    bool require_certificate; /* LISTENER_MTLS: no handshake without one */
    bool proxy_protocol;      /* with TLS: a PROXY header comes first, from peers that are trusted, else nothing */
    const char *const *paths; /* serves only what begins so; NULL-terminated; NULL: everything */
    int threads; /* of its own; 0: those that listens of its kind without own settings share */
    int most;    /* requests at once, the next get 503; 0: no such limit */
    struct http_limits limits;
};

struct http_server_config {
    const struct http_listen *listens;
    size_t listen_count;
    int threads; /* of each kind of listener, so that one kind cannot starve another; an open
                    connection holds one */
    size_t header_limit;    /* bytes of request line and headers, at least 1024 */
    int request_timeout_ms; /* to send the header; a body or an answer has this much and the time it
                               takes at 32 KiB a second */
    /* Sets certificate, key and chain on a handshake (SSL_CTX_set_cert_cb); called for every
     * handshake, so that a new certificate needs no restart. Needed when a listener does TLS. False
     * ends the handshake. */
    bool (*certificate)(void *context, SSL *ssl);
    void *certificate_context;
    const struct http_router *router;
    /* Who called, when the peer is a proxy that is trusted: its address on the request's arena. False
     * refuses the request. `plain`: see http_listen. May be NULL: the peer, and plain listens refuse. */
    bool (*client)(void *context, struct http_request *request, bool plain, struct error *err);
    void *client_context;
    bool (*trusts)(void *context, const char *address); /* whose PROXY header is believed; NULL: nobody's */
    void *trusts_context;
    int stop_grace_ms; /* how long http_server_stop waits for running requests; 0: request_timeout_ms */
};

/* `config` and what it points to, except the listens themselves, must outlive the server. */
MUST_USE bool http_server_start(const struct http_server_config *config,
                                struct http_server **ret_server, struct error *err);
/* The bound port of the i-th listen. */
int http_server_port(const struct http_server *server, size_t listen);
/* From now on every answer closes its connection, so that clients and proxies go elsewhere. */
void http_server_drain(struct http_server *server);
/* New requests get 503, running ones may finish (bounded by stop_grace_ms), then the threads
 * are joined. NULL is accepted. */
void http_server_stop(struct http_server *server);

#endif
