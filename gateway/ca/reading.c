#include "ca/reading.h"

#include "base/clock.h"
#include "store/wrapped.h"

#include <pthread.h>
#include <stdlib.h>

#define LOOK_AGAIN_US US_PER_SECOND

struct reading {
    int64_t most_behind_us;
    pthread_mutex_t mutex; /* guards what follows */
    int64_t looked_us;     /* monotonic; 0: never */
    int64_t as_of_us;
};

struct reading *reading_new(int64_t most_behind_us) {
    struct reading *reading = must_alloc(sizeof *reading);
    *reading = (struct reading){.most_behind_us = most_behind_us};
    pthread_mutex_init(&reading->mutex, NULL);
    return reading;
}

void reading_free(struct reading *reading) {
    if (reading == NULL)
        return;
    pthread_mutex_destroy(&reading->mutex);
    free(reading);
}

static bool look(struct core *core, struct reading *reading, struct error *err) {
    int64_t started_us = clock_monotonic_us(), seen_us = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = kek_nodes_seen(tx.tx, &seen_us, err);
    TRY(done);
    reading->looked_us = started_us;
    reading->as_of_us = seen_us;
    return true;
}

bool reading_as_of(struct core *core, int64_t *ret_us, struct error *err) {
    struct reading *reading = core_reading(core);
    pthread_mutex_lock(&reading->mutex);
    bool ok = (reading->looked_us != 0 && clock_monotonic_us() - reading->looked_us < LOOK_AGAIN_US) ||
              look(core, reading, err);
    int64_t as_of_us = reading->as_of_us, now_us = clock_now_us();
    pthread_mutex_unlock(&reading->mutex);
    *ret_us = as_of_us < now_us ? as_of_us : now_us; /* the other node's clock may be ahead */
    return ok;
}

bool reading_recent(struct core *core, int64_t *ret_us, struct error *err) {
    TRY(reading_as_of(core, ret_us, err));
    int64_t behind_us = clock_now_us() - *ret_us, most_us = core_reading(core)->most_behind_us;
    if (*ret_us == 0)
        return fail(err, ERROR_UNAVAILABLE, "database-behind",
                    "No node that writes has ever noted its presence in this database.");
    return behind_us <= most_us ||
           fail(err, ERROR_UNAVAILABLE, "database-behind",
                "What this node reads is %lld seconds old, and most-behind allows %lld: see to the replication, or to "
                "the nodes that write.",
                (long long)(behind_us / US_PER_SECOND), (long long)(most_us / US_PER_SECOND));
}
