/* The lists of revoked certificates beyond this instance: validators (OCSP for authorities of others, from lists that
 * are fetched or pushed) by REST under /api/v1/validators, the looking at their sources, and the copies of our own
 * lists that go to other places. */
#ifndef GATEHOUSE_VALIDATION_VALIDATION_ROOM_H
#define GATEHOUSE_VALIDATION_VALIDATION_ROOM_H

#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"

struct http_room validation_room(struct core *core);
/* Writes at most VALIDATION_JOBS of them. */
#define VALIDATION_JOBS 2
size_t validation_jobs(struct core *core, struct job *table);

#endif
