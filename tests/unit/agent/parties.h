/* Certificates and keys of a gateway and an agent, made anew. */
#ifndef TESTS_UNIT_AGENT_PARTIES_H
#define TESTS_UNIT_AGENT_PARTIES_H

#include "agent/handshake.h"

struct party party_rsa(const char *name); /* a gateway's: 3072 bits */
struct party party_ec(const char *name);  /* an agent's: P-256 */
void party_free(struct party *party);
/* A whole handshake in memory. */
void parties_agree(const struct party *gateway, const struct party *agent, struct view code,
                   struct session_keys *ret_gateway, struct session_keys *ret_agent);

#endif
