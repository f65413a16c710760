#include "store/watch.h"

#include "base/log.h"
#include "store/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_NS 250000000L

struct watch {
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

/* False when it is over. */
static bool pause_a_round(struct watch *watch) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ROUND_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping && pthread_cond_timedwait(&watch->wake, &watch->lock, &until) == 0)
        ;
    bool go_on = !watch->stopping;
    pthread_mutex_unlock(&watch->lock);
    return go_on;
}

/* One at a time, for each may cost its whole time-out. */
static void *run(void *context) {
    struct watch *watch = context;
    const struct db_url *down = NULL;
    while (pause_a_round(watch)) {
        const struct db_url *waiting = pool_waiting(watch->db);
        if (waiting != NULL && !connection_answers(waiting))
            pool_cut(watch->db, waiting);
        down = pool_next_down(watch->db, down);
        if (down != NULL && connection_answers(down))
            pool_answers(watch->db, down);
        pool_try_first(watch->db);
    }
    return NULL;
}

/* Signals are for the threads that wait for them. */
static bool start(struct watch *watch) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&watch->thread, NULL, run, watch) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

struct watch *watch_start(struct db *db) {
    struct watch *watch = must_alloc(sizeof *watch);
    pthread_condattr_t monotonic;
    watch->db = db;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start(watch))
        return watch;
    log_error("store", "the thread that watches the database cannot be started");
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
    return NULL;
}

void watch_stop(struct watch *watch) {
    if (watch == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
