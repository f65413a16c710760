/* GET /metrics: what the process counts (base/metrics.h) and what the database knows of the instance, as
 * Prometheus text. For callers from the addresses of `allow`, and for everybody with an API token or a session
 * that may read the instance's settings. */
#ifndef GATEHOUSE_METRICS_METRICS_ROOM_H
#define GATEHOUSE_METRICS_METRICS_ROOM_H

#include "base/buffer.h"
#include "ca/core.h"
#include "http/types.h"

struct metrics_page;

struct metrics_config {
    struct core *core;
    http_authenticate *authenticate;
    void *authenticate_context;
    const char *const *allow; /* "127.0.0.1", "10.0.0.0/8", "2001:db8::/32"; NULL-terminated */
    void (*more)(void *context, struct buffer *out); /* values of other rooms, looked up now; or NULL */
    void *more_context;
};

/* ERROR_MALFORMED "bad-option" for an address that is none. */
MUST_USE bool metrics_page_new(const struct metrics_config *config, struct metrics_page **ret_page,
                               struct error *err);
void metrics_page_free(struct metrics_page *page); /* NULL is accepted */

struct http_room metrics_room(struct metrics_page *page);

#endif
