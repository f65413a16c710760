/* A running server on free loopback ports, and a client that sends exactly the bytes it is given.
 */
#ifndef GATEHOUSE_TESTS_LIVE_H
#define GATEHOUSE_TESTS_LIVE_H

#include "base/buffer.h"
#include "http/server.h"

#define LIVE_TIMEOUT_MS 600 /* of the servers here */

extern const struct http_router live_router;

/* Starts with these listens or fails the test. */
struct http_server *live_start(const struct http_listen *listens, size_t count, int threads,
                               bool (*certificate)(void *context, SSL *ssl), void *context);
int live_connect(int port);
void live_send(int socket, const void *at, size_t len);
void live_say(int socket, const char *text);
/* Everything until the peer closes, or `ms` have passed. *ret_closed: the peer closed. */
const char *live_read(struct arena *arena, int socket, int ms, bool *ret_closed);
/* One whole response (head and as much body as Content-Length says); "" when none comes. */
const char *live_response(struct arena *arena, int socket, bool head);
/* Connects, sends, reads until the peer closes (or 3 s), closes. */
const char *live_ask(struct arena *arena, int port, const char *text, bool *ret_closed);
int live_status(const char *response); /* 0: no status line */
const char *live_body(const char *response);

#endif
