/* Retention: how long expired certificates stay in the lists, and closed requests keep what they say about people.
 * Certificates, revocations and events are not removed: CRLs, OCSP answers and the sealed trail stand on them. */
#ifndef GATEHOUSE_CA_RETENTION_H
#define GATEHOUSE_CA_RETENTION_H

#include "base/json.h"
#include "ca/core.h"

struct retention {
    int64_t archive_days; /* after a certificate's end; 0: never */
    int64_t erase_days;   /* after a request was declined, cancelled or not claimed; 0: never */
    int64_t version;
};
/* MAY_READ_SETTINGS of the instance. */
MUST_USE bool retention_get(struct core *core, struct arena *arena, const struct actor *actor, struct retention *ret,
                            struct error *err);
/* MAY_MANAGE_SETTINGS; ret->version is the one it is based on (ERROR_CONFLICT "changed-meanwhile"). */
MUST_USE bool retention_put(struct core *core, struct arena *arena, const struct actor *actor, struct retention *ret,
                            struct error *err);

struct retention_result {
    int64_t archived, erased;
    bool more; /* there was more than one run does */
};
/* What is due now, in small transactions. MAY_MANAGE_SETTINGS. */
MUST_USE bool retention_apply(struct core *core, const struct actor *actor, struct retention_result *ret,
                              struct error *err);

#endif
