/* What happens by itself: CRLs and OCSP signers are renewed ahead, expired sessions go, and what other rooms
 * have to do now and then. */
#ifndef GATEHOUSE_JOBS_JOBS_H
#define GATEHOUSE_JOBS_JOBS_H

#include "ca/core.h"

/* A piece of work of some room, in a thread of its own. On many nodes one does it: who has the lease
 * "job/<name>"; another takes over when that node has not renewed it. A failure is logged, and tried again
 * next time. */
struct job {
    const char *name;  /* short, unique: "acme-housekeeping" */
    int64_t every_us;  /* first after this time, then again this long after each end */
    bool everywhere;   /* on every node (caches of the process): no lease */
    bool (*run)(void *context, struct arena *arena, struct error *err);
    void *context;
};

struct jobs;

/* Starts the threads: those of the table (copied; names and contexts are not) and the core's own, every
 * `interval_s` seconds. */
MUST_USE bool jobs_start(struct core *core, int interval_s, const struct job *table, size_t count,
                         struct jobs **ret_jobs, struct error *err);
/* Ends them after the work at hand. NULL is accepted. */
void jobs_stop(struct jobs *jobs);

#endif
