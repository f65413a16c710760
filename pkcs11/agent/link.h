/* One WebSocket over TLS: a thread of its owner reads it and writes what any thread has queued, so
 * that the TLS connection is one thread's alone. */
#ifndef GATEHOUSE_AGENT_LINK_H
#define GATEHOUSE_AGENT_LINK_H

#include "agent/websocket.h"

#include <openssl/ssl.h>

#define LINK_QUEUE_MAX ((size_t)160 * 1024 * 1024) /* octets that wait for a slow peer */
#define LINK_PATH "/agent"

struct link;

/* Takes over both, whatever becomes of it; the handshake (TLS and WebSocket) has to be done within
 * `seconds`. ssl is in its initial state. `host` is for the client's request. ERROR_UNAVAILABLE
 * "link-closed", "link-timeout", "bad-upgrade", ERROR_MALFORMED. */
MUST_USE bool link_accept(int fd, SSL *ssl, unsigned seconds, struct link **ret_link,
                          struct error *err);
MUST_USE bool link_connect(int fd, SSL *ssl, const char *host, unsigned seconds,
                           struct link **ret_link, struct error *err);
/* When nobody else uses it any more. */
void link_free(struct link *link);

/* Octets that a message from the peer may have; little before one knows who it is. */
void link_set_limit(struct link *link, size_t limit);
/* Queues one message; any thread. "link-closed", or ERROR_TOO_MANY "link-full". */
MUST_USE bool link_send(struct link *link, struct view message, struct error *err);
/* The owner's thread: the next message, which lives until the next call. "link-timeout" when none
 * came for so long: the link goes on. Everything else is its end. */
MUST_USE bool link_receive(struct link *link, int milliseconds, struct view *ret_message,
                           struct error *err);
/* Any thread: the owner's link_receive fails from now on; what is queued is still tried. */
void link_close(struct link *link, unsigned code, const char *reason);

#endif
