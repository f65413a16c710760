/* The log while the process runs: its levels by room, for a while and on every node; and its last lines, as they come. */
#ifndef GATEHOUSE_LOGS_LOGS_H
#define GATEHOUSE_LOGS_LOGS_H

#include "http/types.h"
#include "jobs/jobs.h"

/* What the option log-level says, at the start and whenever it is read again. */
void logs_configured(const char *levels);
struct http_room logs_room(struct core *core);
/* Every node takes over what another was told. */
size_t logs_jobs(struct core *core, struct job *table);

#endif
