#include "jobs/jobs.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ca/generations.h"
#include "ca/service.h"
#include "ca/status.h"
#include "ca/troubles.h"
#include "store/est.h"
#include "store/factors.h"
#include "store/organisations.h"
#include "store/troubles.h"
#include "store/usage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEASE_RESERVE_US (30 * US_PER_SECOND)
#define FIRST_ROUND_US (15 * US_PER_SECOND)
#define HOUSE_US (900 * US_PER_SECOND)
#define USAGE_DAYS 31
#define UNFETCHED_KEY_US (30 * US_PER_DAY)

struct worker {
    struct jobs *jobs;
    struct job job;
    pthread_t thread;
    int64_t told_us; /* monotonic: when the notices were told how it goes; 0: not since the last change */
};

struct jobs {
    struct core *core;
    struct uuid holder; /* of leases: this process */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
    size_t count; /* of threads that run */
    struct worker *workers;
};

/* A CRL or signer that cannot be renewed now is tried again in the next round; the old one goes on. */
static void refresh_key(struct core *core, struct arena *arena, const struct ca_record *ca) {
    struct error err = {0};
    struct service_identity identity;
    if (!status_refresh(core, arena, generation_slug(arena, ca), &err))
        log_failure(LOG_WARN, "jobs", ca->slug, &err);
    if (!service_ocsp(core, arena, ca, &identity, &err))
        log_failure(LOG_WARN, "jobs", ca->slug, &err);
}

static void refresh_ca(struct core *core, const struct ca_record *ca) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct ca_record *keys;
    size_t count;
    if (!authority_warn_expiry(core, arena, ca, &err))
        log_failure(LOG_WARN, "jobs", ca->slug, &err);
    if (ca->state == CA_CERTIFICATE_ONLY || ca->not_after_us <= clock_now_us())
        return; /* it signs nothing here, or nothing any more */
    if (!authority_generations(core, arena, ca, &keys, &count, &err)) {
        log_failure(LOG_WARN, "jobs", ca->slug, &err);
        return;
    }
    for (size_t i = 0; i < count; i++)
        refresh_key(core, arena, &keys[i]);
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
        if (cas[i].certificate.len > 0)
            refresh_ca(core, &cas[i]);
    return page->cursor != NULL && page->cursor[0] != '\0';
}

static void refresh_cas(struct core *core) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct page page = {.limit = 100};
    while (refresh_page(core, arena, &page))
        ;
}

/* Every node keeps its own caches warm; who makes what is settled by leases further down. */
static bool refresh(void *context, struct arena *arena, struct error *err) {
    (void)arena;
    (void)err;
    refresh_cas(context);
    return true;
}

static bool end_sessions(void *context, struct arena *arena, struct error *err) {
    bool done = false;
    (void)arena;
    TX(tx, core_db(context), &done, err)
        tx.ok = session_delete_expired(tx.tx, clock_now_us(), err) &&
                ticket_delete_expired(tx.tx, clock_now_us(), err) && db_forget_marks(tx.tx, err);
    return done;
}

/* What nobody comes for any more: yesterday's counts of who has a daily limit, keys made by EST that nobody fetched. */
static bool keep_house(void *context, struct arena *arena, struct error *err) {
    bool done = false;
    (void)arena;
    TX(tx, core_db(context), &done, err)
        tx.ok = usage_forget(tx.tx, clock_now_us() / US_PER_DAY - USAGE_DAYS, err) &&
                trouble_purge(tx.tx, clock_now_us(), err) &&
                est_key_sweep(tx.tx, clock_now_us() - EST_KEY_KEPT_US, err) &&
                est_key_forget(tx.tx, clock_now_us() - UNFETCHED_KEY_US, err);
    return done;
}

static bool wait_for(struct jobs *jobs, int64_t us) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(us / US_PER_SECOND);
    until.tv_nsec += (long)(us % US_PER_SECOND) * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&jobs->mutex);
    while (!jobs->stopping && pthread_cond_timedwait(&jobs->wake, &jobs->mutex, &until) == 0)
        ;
    bool go_on = !jobs->stopping;
    pthread_mutex_unlock(&jobs->mutex);
    return go_on;
}

static bool my_turn(const struct worker *worker, struct arena *arena, bool *ret_mine,
                    struct error *err) {
    const struct job *job = &worker->job;
    const char *name = arena_printf(arena, "job/%s", job->name);
    int64_t now = clock_now_us();
    bool done = false;
    *ret_mine = job->everywhere;
    if (job->everywhere)
        return true;
    TX(tx, core_db(worker->jobs->core), &done, err)
        tx.ok = lease_take(tx.tx, name, worker->jobs->holder, now,
                           now + job->every_us + LEASE_RESERVE_US, ret_mine, err);
    return done;
}

METRIC(rounds, METRIC_COUNTER, "gatehouse_job_runs_total",
       "Runs of each job on this node; \"elsewhere\": another node had its lease.", "task", "outcome");
METRIC(last_good, METRIC_GAUGE, "gatehouse_job_last_success_timestamp_seconds",
       "When this node last did the job, or saw that another node does it.", "task");
METRIC(durations, METRIC_SECONDS, "gatehouse_job_duration_seconds",
       "How long each job took.", "task");

/* The first failure of a row: notices can be made of it. */
static void note_failure(const struct worker *worker, struct arena *arena, const struct error *why) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "type", why->type);
    json_put_string(&w, "reason", why->message);
    json_close_object(&w);
    access_note_alone(worker->jobs->core, &actor_system,
                      &(struct event_note){.code = "job.failed", .outcome = "failure", .object_kind = "job",
                                           .object = worker->job.name, .details = json_written(&w)});
}

/* What people are told: the cause of our own faults stands in the log alone. */
static const char *reason_of(const struct error *why) {
    return why->kind == ERROR_INTERNAL ? "an internal error; the log's room \"jobs\" has its cause" : why->message;
}

/* At each change, also of what another process of this node has left, and now and then that it fails still. */
static void tell_notices(struct worker *worker, bool changed, const struct error *why) {
    struct error err = {0};
    if (changed)
        worker->told_us = 0;
    if (worker->told_us != 0 && (why == NULL || clock_monotonic_us() - worker->told_us < TROUBLES_AGAIN_US))
        return;
    if (trouble_is(worker->jobs->core, "job", worker->job.name, why == NULL ? NULL : reason_of(why), &err))
        worker->told_us = clock_monotonic_us();
    else
        log_failure(LOG_WARN, "jobs", "troubles", &err);
}

/* failed: whether it did the last time. */
static bool run_once(struct worker *worker, bool failed) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *name = worker->job.name;
    struct error err = {0};
    bool mine = false;
    int64_t started_us = clock_monotonic_us();
    bool ok = my_turn(worker, arena, &mine, &err) &&
              (!mine || worker->job.run(worker->job.context, arena, &err));
    if (!ok)
        log_failure(LOG_WARN, "jobs", name, &err);
    if (!ok && !failed)
        note_failure(worker, arena, &err);
    tell_notices(worker, ok == failed, ok ? NULL : &err);
    METRIC_ADD(&rounds, 1, name, !ok ? "failed" : mine ? "done" : "elsewhere");
    if (ok)
        METRIC_SET(&last_good, clock_now_us() / US_PER_SECOND, name);
    if (mine)
        METRIC_OBSERVE(&durations, clock_monotonic_us() - started_us, name);
    return ok;
}

/* The first round comes soon, or a node that is started again every hour would never clean up. */
static void *run(void *context) {
    struct worker *worker = context;
    int64_t wait_us = worker->job.every_us < FIRST_ROUND_US ? worker->job.every_us : FIRST_ROUND_US;
    bool failed = false;
    while (wait_for(worker->jobs, wait_us)) {
        failed = !run_once(worker, failed);
        wait_us = worker->job.every_us;
    }
    return NULL;
}

static bool start_worker(struct jobs *jobs, const struct job *job, struct error *err) {
    struct worker *worker = &jobs->workers[jobs->count];
    *worker = (struct worker){.jobs = jobs, .job = *job};
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        return fail_internal(err, "the thread of the job %s cannot be started", job->name);
    jobs->count++;
    return true;
}

static struct jobs *jobs_new(struct core *core, size_t count) {
    struct jobs *jobs = must_alloc(sizeof *jobs);
    pthread_condattr_t monotonic;
    jobs->core = core;
    jobs->holder = uuid_new();
    jobs->workers = must_alloc(count * sizeof *jobs->workers);
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return jobs;
}

bool jobs_start(struct core *core, int interval_s, const struct job *table, size_t count,
                struct jobs **ret_jobs, struct error *err) {
    const struct job own[] = {
        {"refresh", interval_s * US_PER_SECOND, true, refresh, core},
        {"sessions", interval_s * US_PER_SECOND, false, end_sessions, core},
        {"housekeeping", HOUSE_US, false, keep_house, core},
    };
    size_t own_count = sizeof own / sizeof own[0];
    struct jobs *jobs = jobs_new(core, own_count + count);
    bool ok = true;
    for (size_t i = 0; ok && i < own_count; i++)
        ok = start_worker(jobs, &own[i], err);
    for (size_t i = 0; ok && i < count; i++)
        ok = start_worker(jobs, &table[i], err);
    if (!ok) {
        jobs_stop(jobs);
        return false;
    }
    *ret_jobs = jobs;
    return true;
}

/* Another node, or this one when it is started again, need not wait for their end. */
static void give_back_leases(struct jobs *jobs) {
    struct error err = {0};
    bool done = false;
    TX(tx, core_db(jobs->core), &done, &err)
        tx.ok = lease_release(tx.tx, jobs->holder, clock_now_us(), &err);
    if (!done)
        log_failure(LOG_WARN, "jobs", "leases", &err);
}

void jobs_stop(struct jobs *jobs) {
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->mutex);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < jobs->count; i++)
        pthread_join(jobs->workers[i].thread, NULL);
    give_back_leases(jobs);
    pthread_mutex_destroy(&jobs->mutex);
    pthread_cond_destroy(&jobs->wake);
    free(jobs->workers);
    free(jobs);
}
