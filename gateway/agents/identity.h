/* Who the gateway is to its agents, and who they are: certificates of the instance's own. */
#ifndef GATEHOUSE_AGENTS_IDENTITY_H
#define GATEHOUSE_AGENTS_IDENTITY_H

#include "ca/core.h"
#include "store/agents.h"

#include "agent/handshake.h"

/* The gateway's certificate and its RSA key (in the signer), made when there is none. The arena
 * drops both. */
MUST_USE bool identity_get(struct core *core, struct arena *arena, struct party *ret,
                           struct error *err);
/* A certificate for an agent's public key, by the gateway's. */
MUST_USE bool identity_certify(const struct party *gateway, struct arena *arena, const char *name,
                               EVP_PKEY *public_key, struct view *ret_der, struct error *err);

#endif
