/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_METRICS_INTERNAL_H
#define GATEHOUSE_METRICS_INTERNAL_H

#include "base/metrics.h"
#include "metrics/metrics_room.h"

#include <pthread.h>

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
