/* Actors of API tokens, remembered for a second: a client that asks a thousand times a second is looked up once. A
 * token, user or grant that is taken away is refused at once on the node where that happened, elsewhere within the
 * second (as with status, design of caches). */
#ifndef GATEHOUSE_CA_ACTOR_CACHE_H
#define GATEHOUSE_CA_ACTOR_CACHE_H

#include "ca/core.h"

/* The moment before a look-up: what was forgotten since is not remembered. */
unsigned actor_cache_moment(void);
/* A copy on the arena, without address and request id; false when it is not there. */
bool actor_cache_get(const struct core *core, struct arena *arena, const uint8_t hash[static 32],
                     struct actor *ret);
void actor_cache_put(const struct core *core, const uint8_t hash[static 32], const struct actor *actor,
                     unsigned moment);
/* After a change of users, roles or tokens on this node. */
void actor_cache_forget(void);

#endif
