/* A link whose messages are sealed: what gateway and agent talk over after the handshake. */
#ifndef GATEHOUSE_AGENT_SESSION_H
#define GATEHOUSE_AGENT_SESSION_H

#include "agent/handshake.h"
#include "agent/link.h"

struct session;

/* Takes over the link; `gateway` says which side this is. A message from the peer may have `limit`
 * octets. */
struct session *session_new(struct link *link, const struct session_keys *keys, bool gateway,
                            size_t limit);
void session_free(struct session *session);
/* Any thread; what is sent first arrives first. */
MUST_USE bool session_send(struct session *session, struct view plain, struct error *err);
/* As link_receive; the message lives until the next call. */
MUST_USE bool session_receive(struct session *session, int milliseconds, struct view *ret_plain,
                              struct error *err);
void session_close(struct session *session, unsigned code, const char *reason);

#endif
