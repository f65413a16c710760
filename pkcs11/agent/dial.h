/* From an agent to a gateway's address. */
#ifndef GATEHOUSE_AGENT_DIAL_H
#define GATEHOUSE_AGENT_DIAL_H

#include "agent/session.h"
#include "agent/state.h"

/* ca_file NULL: the gateway's TLS certificate is not looked at. Who it is is proved by the messages
 * within, so TLS is there for proxies and against curiosity about lengths and times. */
MUST_USE bool dial_context(const char *ca_file, SSL_CTX **ret_tls, struct error *err);
/* "HOST:PORT", "[::1]:8445". ERROR_UNAVAILABLE "gateway-unreachable". */
MUST_USE bool dial(SSL_CTX *tls, const char *address, struct link **ret_link, struct error *err);

/* The handshake of one that has enrolled. Takes over the link. */
MUST_USE bool dial_session(const struct agent_state *state, struct link *link,
                           struct session **ret_session, struct error *err);
/* Enrols over the link with a code, as code_read gave it, and saves what comes of it. Takes over
 * the link. */
MUST_USE bool dial_enrol(struct link *link, const uint8_t secret[static HANDSHAKE_CODE],
                         const uint8_t pin[static HANDSHAKE_PIN], const char *directory,
                         struct error *err);

#endif
