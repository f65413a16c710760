/* Organisations: who owns CAs, users and what hangs on them. */
#ifndef GATEHOUSE_CA_ORGANISATIONS_H
#define GATEHOUSE_CA_ORGANISATIONS_H

#include "ca/core.h"
#include "store/organisations.h"

/* slug NULL: made from the name. Takes settings:manage on the instance. ERROR_CONFLICT "exists". */
MUST_USE bool organisation_create(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                                  const char *name, struct organisation *ret, struct error *err);
/* Its name alone: the slug is kept for life. */
MUST_USE bool organisation_change(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                                  const char *name, struct organisation *ret, struct error *err);
/* The actor with what its grants say of one organisation alone; for looking, not for acting. ERROR_NOT_FOUND for an
 * organisation that does not exist or of which the actor sees nothing. */
MUST_USE bool actor_narrow(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                           struct actor *ret, struct error *err);

#endif
