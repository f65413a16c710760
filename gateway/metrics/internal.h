/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_METRICS_INTERNAL_H
#define GATEHOUSE_METRICS_INTERNAL_H

#include "base/metrics.h"
#include "metrics/metrics_room.h"

#include <pthread.h>

/* -- allow.c -- */

struct allowed { /* IPv4 as ::ffff:a.b.c.d */
    uint8_t address[16];
    unsigned bits;
};
MUST_USE bool allowed_read(const char *text, struct allowed *ret, struct error *err);
bool allowed_has(const struct allowed *allowed, size_t count, const char *address);

/* -- figures.c: from the database -- */

struct figures {
    pthread_mutex_t mutex; /* one looks, the others wait for what it finds */
    struct arena *arena;   /* owns the text */
    const char *text;
    int64_t until_us; /* by the monotonic clock: it is fresh until then */
};
/* NULL when the database does not answer. On the arena. */
const char *figures_text(struct figures *figures, struct core *core, struct arena *arena);

#endif
