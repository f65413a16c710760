/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_HTTP_INTERNAL_H
#define GATEHOUSE_HTTP_INTERNAL_H

#include "base/buffer.h"
#include "base/log.h"
#include "http/types.h"

#include <openssl/ssl.h>

/* -- path.c: percent-encoding (RFC 3986), without any decoding by the web server -- */

/* The decoded byte at *at, which moves on; -1 for a broken escape. *at < end. */
int http_percent_next(const char **at, const char *end);
/* Strict: only what RFC 3986 allows in a path, whole escapes, UTF-8 without control characters, no
 * "." or ".." segments. Encoded slashes and "//" are left to the router. */
MUST_USE bool http_path_decode(struct arena *arena, const char *raw, const char **ret_path,
                               struct error *err);

/* -- framing.c: is this one message, the same for everybody who reads it? -- */

struct http_framing {
    bool chunked;
    uint64_t length; /* of the body when it is not chunked */
    bool expect_continue;
    bool keep_alive; /* the client's wish */
};
/* 0, or the status of the refusal, with the error filled. `version` is "1.0" or "1.1". */
int http_framing_check(const struct http_request *request, const char *version,
                       struct http_framing *ret_framing, struct error *err);
bool http_is_token(const char *text);       /* rfc9110#5.6.2 */
bool http_is_field_value(const char *text); /* no control characters but tab */

/* -- head.c -- */

/* Adds status line and headers up to the empty line. Broken headers of the handler are dropped and
 * logged. */
void http_head(struct buffer *out, const struct http_request *request,
               const struct http_response *response, bool old_version, bool keep_alive);
/* 1xx, 204 and 304 have no body (rfc9110#6.4.1). */
bool http_status_has_body(int status);
const char *http_reason(int status);

/* -- problem.c -- */

/* http_problem with a status that no error_kind has (405, 417, 431, ...). */
void http_problem_as(const struct http_request *request, struct http_response *response, int status,
                     const struct error *err);

/* -- router.c: for answers that never reach a route, too -- */

void http_add_security_headers(const struct http_request *request, struct http_response *response);
/* Writes the line and counts the request; `pattern`: the route's, NULL when there was none. */
void http_log_request(const struct http_request *request, const char *pattern, int status,
                      int64_t started_us, enum log_level level);

/* -- types.c -- */

const char *http_response_header(const struct http_response *response, const char *name);

/* -- tls.c -- */

struct http_tls_config {
    bool ask_certificate, require_certificate;
    bool (*certificate)(void *context, SSL *ssl);
    void *context;
    bool proxy_protocol; /* in front of TLS; only from peers that are trusted */
    bool (*trusts)(void *context, const char *address);
    void *trusts_context;
};
/* The config must outlive the SSL_CTX. */
MUST_USE bool http_tls_new(const struct http_tls_config *config, SSL_CTX **ret_tls,
                           struct error *err);
/* The connection that this thread serves, since its handshake; http_tls_forget when it is over. */
void http_tls_forget(void);
/* Its channel bindings, and what the peer sent beside its certificate, go into the request. */
void http_tls_describe(struct http_request *request);

/* -- proxy_protocol.c -- */

#define HTTP_PROXY_ADDRESS 46 /* INET6_ADDRSTRLEN */

/* The octets of a header at the beginning; 0: more must come; -1: there is none, or a broken one. ret_client: the
 * client's address, "" when the proxy speaks for itself. */
long http_proxy_parse(const uint8_t *at, size_t len, char ret_client[static HTTP_PROXY_ADDRESS]);
/* Takes the header off a fresh connection. False: the peer may not say such things, or does not. */
bool http_proxy_client(int fd, const struct http_tls_config *config, char ret_client[static HTTP_PROXY_ADDRESS]);

#endif
