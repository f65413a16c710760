/* Agents of this instance: the listener they connect to, and their administration by REST
 * (docs/agent.md). */
#ifndef GATEHOUSE_AGENTS_AGENTS_H
#define GATEHOUSE_AGENTS_AGENTS_H

#include "ca/core.h"
#include "http/types.h"
#include "portal/portal.h"

#include <openssl/ssl.h>

struct agents;

struct agents_config {
    struct core *core;
    const char *const *addresses; /* "0.0.0.0:8445", NULL-terminated; none: no agent can connect */
    unsigned patience_s; /* without a word from an agent; then another is asked */
    /* Sets certificate, key and chain on a handshake. */
    bool (*certificate)(void *context, SSL *ssl);
    void *certificate_context;
};
struct agents *agents_new(const struct agents_config *config);
/* Listens, and makes the signer ask agents for keys it has not. */
MUST_USE bool agents_start(struct agents *agents, struct error *err);
/* Ends all connections; NULL is accepted. */
void agents_free(struct agents *agents);

struct http_room agents_room(struct agents *agents);

/* A job for every node: which of the enrolled agents are not connected to it, or do not answer. */
MUST_USE bool agents_watch_run(void *agents, struct arena *arena, struct error *err);
/* For portal_add_list. */
void agents_watch_list(void *agents, const struct portal_put *put);

#endif
