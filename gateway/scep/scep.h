/* SCEP (RFC 8894) and what grew around it: NDES pages, device management services, configuration profiles.
 *
 *   GET, POST /scep/{template}[/pkiclient.exe | /nop/...]?operation=...
 *   GET       /certsrv/mscep_admin/{template}, /certsrv/mscep/{template}   in any letter case
 *   REST      /api/v1/templates/{template}/scep ...
 */
#ifndef GATEHOUSE_SCEP_SCEP_H
#define GATEHOUSE_SCEP_SCEP_H

#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"

/* The protocol and its management; the core is the context of both. */
struct http_room scep_room(struct core *core);
/* Notifications to outside services, house-keeping. Writes at most SCEP_JOBS of them. */
#define SCEP_JOBS 4
size_t scep_jobs(struct core *core, struct job *table);

#endif
