/* What this node cannot use or do just now, written down for the notices (gateway/notices/troubles.c). */
#ifndef GATEHOUSE_CA_TROUBLES_H
#define GATEHOUSE_CA_TROUBLES_H

#include "base/clock.h"
#include "ca/core.h"

#define TROUBLES_AGAIN_US (600 * US_PER_SECOND) /* what goes on is written down again: the node is still there to say so */

struct trouble {
    const char *object, *reason;
};
/* All of that kind ("token", "agent"); what is not among them is well. */
MUST_USE bool troubles_are(struct core *core, const char *kind, const struct trouble *troubles, size_t count,
                           struct error *err);
/* One by itself ("job"); reason: NULL when it is well. */
MUST_USE bool trouble_is(struct core *core, const char *kind, const char *object, const char *reason, struct error *err);

#endif
