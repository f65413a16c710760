#include "jobs/jobs.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/service.h"
#include "ca/status.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct jobs {
    struct core *core;
    int interval_s;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};

/* A CRL or signer that cannot be renewed now is tried again in the next round; the old one goes on. */
static void refresh_ca(struct core *core, const struct ca_record *ca) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct crl_document crl;
    struct service_identity identity;
    if (!status_crl(core, arena, ca->slug, &crl, &err))
        log_failure(LOG_WARN, "jobs", ca->slug, &err);
    if (!service_ocsp(core, arena, ca, &identity, &err))
        log_failure(LOG_WARN, "jobs", ca->slug, &err);
}

/* One page of authorities; false after the last. */
static bool refresh_page(struct core *core, struct arena *arena, struct page *page) {
    struct error err = {0};
    struct ca_record *cas;
    size_t count;
    if (!authority_page(core, arena, &actor_system, page, &cas, &count, &page->cursor, &err)) {
        log_failure(LOG_WARN, "jobs", "authorities", &err);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (cas[i].certificate.len > 0 && cas[i].not_after_us > clock_now_us())
            refresh_ca(core, &cas[i]);
    return page->cursor != NULL && page->cursor[0] != '\0';
}

static void refresh_cas(struct core *core) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct page page = {.limit = 100};
    while (refresh_page(core, arena, &page))
        ;
}

static void end_sessions(struct core *core) {
    struct error err = {0};
    bool done = false;
    TX(tx, core_db(core), &done, &err)
        tx.ok = session_delete_expired(tx.tx, clock_now_us(), &err);
    if (!done)
        log_failure(LOG_WARN, "jobs", "expired sessions", &err);
}

void jobs_run_once(struct core *core) {
    refresh_cas(core);
    end_sessions(core);
}

static bool wait_for_round(struct jobs *jobs) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += jobs->interval_s;
    pthread_mutex_lock(&jobs->mutex);
    while (!jobs->stopping &&
           pthread_cond_timedwait(&jobs->wake, &jobs->mutex, &until) == 0)
        ;
    bool go_on = !jobs->stopping;
    pthread_mutex_unlock(&jobs->mutex);
    return go_on;
}

static void *run(void *context) {
    struct jobs *jobs = context;
    while (wait_for_round(jobs))
        jobs_run_once(jobs->core);
    return NULL;
}

bool jobs_start(struct core *core, int interval_s, struct jobs **ret_jobs, struct error *err) {
    struct jobs *jobs = must_alloc(sizeof *jobs);
    jobs->core = core;
    jobs->interval_s = interval_s;
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_cond_init(&jobs->wake, NULL);
    if (pthread_create(&jobs->thread, NULL, run, jobs) != 0) {
        free(jobs);
        return fail_internal(err, "the jobs' thread cannot be started");
    }
    *ret_jobs = jobs;
    return true;
}

void jobs_stop(struct jobs *jobs) {
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->mutex);
    jobs->stopping = true;
    pthread_cond_signal(&jobs->wake);
    pthread_mutex_unlock(&jobs->mutex);
    pthread_join(jobs->thread, NULL);
    pthread_mutex_destroy(&jobs->mutex);
    pthread_cond_destroy(&jobs->wake);
    free(jobs);
}
