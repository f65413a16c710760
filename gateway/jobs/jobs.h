/* What happens by itself: CRLs and OCSP signers are renewed ahead, expired sessions go. */
#ifndef GATEHOUSE_JOBS_JOBS_H
#define GATEHOUSE_JOBS_JOBS_H

#include "ca/core.h"

struct jobs;

/* Starts the thread; it runs a round every `interval_s` seconds. */
MUST_USE bool jobs_start(struct core *core, int interval_s, struct jobs **ret_jobs, struct error *err);
/* Ends it after the work at hand. NULL is accepted. */
void jobs_stop(struct jobs *jobs);
/* One round, in the caller's thread; failures are logged. */
void jobs_run_once(struct core *core);

#endif
