/* Places outside that somebody has tried now: one answer and one event, whatever was tried. */
#ifndef GATEHOUSE_REST_TRIAL_H
#define GATEHOUSE_REST_TRIAL_H

#include "ca/core.h"
#include "rest/reply.h"

struct trials {
    struct json_writer w;
    int64_t begun_us; /* of the one that runs */
    size_t tried, answered;
};
struct trials trials_of(struct arena *arena);
/* Before each. */
void trial_begins(struct trials *trials);
/* says: what it answered, or why it did not. */
void trial_ended(struct trials *trials, const char *target, bool ok, const char *says);
/* The event, whose object and scope the caller gives, and the list. What was tried stays out of the event: addresses may
 * have secrets in them. */
void trials_reply(struct trials *trials, struct core *core, struct http_request *request, struct http_response *response,
                  struct event_note about);

#endif
