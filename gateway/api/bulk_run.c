/* The work of jobs on many certificates: each node takes those that nobody is at, for some seconds at a time. */
#include "api/api.h"
#include "api/bulk.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

#define EVERY_US US_PER_SECOND
#define SLICE_US (10 * US_PER_SECOND) /* shorter than the lease; a stopping server waits for it at most */
#define FORGET_US (3600 * US_PER_SECOND)

static struct {
    struct core *core;
    struct uuid holder;
    int64_t forgotten_us; /* when old jobs were last removed; of one thread */
} worker;

/* The filter as its user reads it: of what it does not see, nothing is listed. */
static bool count_page(struct arena *arena, const struct actor *actor, struct bulk_job *job, bool *ret_moved,
                       struct error *err) {
    struct actor as = *actor;
    struct http_request request = {.arena = arena, .id = actor->request_id, .actor = &as};
    struct certificate_filter filter;
    const char *ca = NULL;
    TRY(certificate_filter_parse(worker.core, &request, job->filter, &ca, &filter, err));
    return bulk_count_page(worker.core, arena, request.actor, job, ca, &filter, ret_moved, err);
}

static bool act_chunk(struct arena *arena, const struct actor *actor, struct bulk_job *job, bool *ret_moved,
                      struct error *err) {
    struct json_writer w = json_writer_on(arena);
    const struct json *document, *kept;
    struct certificate_act act;
    TRY(json_parse(arena, view_text(job->document), &kept, err));
    json_open_object(&w);
    json_put_string(&w, "action", job->action);
    JSON_EACH (member, kept) {
        json_name(&w, member->name);
        json_add_value(&w, member);
    }
    json_close_object(&w);
    TRY(json_parse(arena, view_text(json_written(&w)), &document, err));
    TRY(certificate_act_read(document, &act, err));
    return bulk_act_chunk(worker.core, arena, actor, job, &act, ret_moved, err);
}

#define CURSOR_SIZE 401

/* The job's texts are the caller's, but for the cursor, which each step gives anew: it moves into `cursor`. */
static bool step(struct bulk_job *job, char cursor[static CURSOR_SIZE], bool *ret_moved, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct actor actor;
    TRY(bulk_actor(worker.core, arena, job, &actor, err));
    TRY(job->state == BULK_COUNTING ? count_page(arena, &actor, job, ret_moved, err)
                                    : act_chunk(arena, &actor, job, ret_moved, err));
    if (job->cursor != cursor)
        snprintf(cursor, CURSOR_SIZE, "%s", job->cursor == NULL ? "" : job->cursor);
    job->cursor = cursor;
    return true;
}

/* What is away comes back, and the job goes on then; anything else will be the same next time. */
static bool fail_job(struct bulk_job *job, const struct error *why, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    if (why->kind == ERROR_UNAVAILABLE) {
        *err = *why;
        return false;
    }
    log_failure(LOG_WARN, "api", "certificate job", why);
    return bulk_stop(worker.core, arena, job, why, err);
}

static bool work_on(struct bulk_job *job, struct error *err) {
    int64_t until = clock_monotonic_us() + SLICE_US;
    char cursor[CURSOR_SIZE] = "";
    bool moved = true;
    while (moved && (job->state == BULK_COUNTING || job->state == BULK_RUNNING) && clock_monotonic_us() < until) {
        struct error why = {0};
        if (!step(job, cursor, &moved, &why))
            return fail_job(job, &why, err);
    }
    return true;
}

static bool run(void *context, struct arena *arena, struct error *err) {
    struct bulk_job job;
    bool found = true;
    (void)context;
    if (worker.forgotten_us == 0 || clock_monotonic_us() - worker.forgotten_us > FORGET_US) {
        TRY(bulk_forget_old(worker.core, arena, err));
        worker.forgotten_us = clock_monotonic_us();
    }
    TRY(bulk_take(worker.core, arena, worker.holder, &job, &found, err));
    if (!found)
        return true;
    bool ok = work_on(&job, err);
    bulk_give_back(worker.core, worker.holder, &job);
    return ok;
}

struct job api_bulk_job(struct core *core) {
    worker.core = core;
    worker.holder = uuid_new();
    return (struct job){.name = "certificate-jobs", .every_us = EVERY_US, .everywhere = true, .run = run};
}
