/* The listeners. server.c is the only file that knows CivetWeb. */
#ifndef GATEHOUSE_HTTP_SERVER_H
#define GATEHOUSE_HTTP_SERVER_H

#include "http/types.h"

#include <openssl/ssl.h>

struct http_server;

struct http_listen {
    enum http_listener kind;
    const char *address; /* "127.0.0.1:8080", "[::1]:8443", "0.0.0.0:8080"; port 0: any free one */
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
};

/* `config` and what it points to, except the listens, must outlive the server. */
MUST_USE bool http_server_start(const struct http_server_config *config,
                                struct http_server **ret_server, struct error *err);
/* The bound port of the i-th listen. */
int http_server_port(const struct http_server *server, size_t listen);
/* New requests get 503, running ones may finish (bounded by the request timeout), then the threads
 * are joined. NULL is accepted. */
void http_server_stop(struct http_server *server);

#endif
