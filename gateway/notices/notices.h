/* Notices by rules, to people by mail and to chats by webhook, and reports on schedule. docs/notices.md */
#ifndef GATEHOUSE_NOTICES_NOTICES_H
#define GATEHOUSE_NOTICES_NOTICES_H

#include "http/types.h"
#include "jobs/jobs.h"

struct http_room notices_room(struct core *core);
size_t notices_jobs(struct core *core, struct job *table);

#endif
