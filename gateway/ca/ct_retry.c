/* Requests that are approved and wait for transparency logs: their templates say "failure":
 * "retry". */
#include "ca/ct.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/transparency.h"

#include <string.h>

#define FIRST_WAIT_US (30 * US_PER_SECOND)
#define LONGEST_WAIT_US (1800 * US_PER_SECOND)
#define BATCH 20

bool ct_waits(const struct template *t, const struct error *err) {
    return t->ct.retry && err->kind == ERROR_UNAVAILABLE &&
           strcmp(err->type, "ct-unavailable") == 0;
}

static int64_t wait_after(int64_t tries) {
    int64_t wait = FIRST_WAIT_US;
    for (int64_t i = 0; i < tries && wait < LONGEST_WAIT_US; i++)
        wait *= 2;
    return wait < LONGEST_WAIT_US ? wait : LONGEST_WAIT_US;
}

bool ct_wait(struct tx *tx, struct arena *arena, const struct actor *actor,
             const struct request_record *request, const struct json *overrides,
             struct error *err) {
    int64_t now = clock_now_us();
    struct retry_record retry = {.request_id = request->id,
                                 .actor_id = actor->user_id,
                                 .actor = arena_printf(arena, "%.190s", actor->name),
                                 .overrides = flow_proposal_text(arena, overrides),
                                 .created_us = now,
                                 .due_us = now + FIRST_WAIT_US};
    return retry_put(tx, &retry, err) &&
           flow_note(tx, arena, actor, request, "request.waits-for-logs",
                     request->notes == NULL ? NULL
                                            : arena_printf(arena, "{\"notes\":%s}", request->notes),
                     err);
}

static bool forget(struct core *core, struct uuid id, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = retry_remove(tx.tx, id, err);
    return done;
}

/* Before the work: when this node dies in the middle, another goes on later. */
static bool postpone(struct core *core, const struct retry_record *retry, struct error *err) {
    struct retry_record later = *retry;
    bool done = false;
    later.tries++;
    later.due_us = clock_now_us() + wait_after(later.tries);
    TX(tx, core_db(core), &done, err)
    tx.ok = retry_put(tx.tx, &later, err);
    return done;
}

static bool retry_one(struct core *core, struct arena *arena, const struct retry_record *retry,
                      struct error *err) {
    struct actor actor = actor_system;
    struct request_context *c = arena_alloc(arena, sizeof *c);
    struct request_record request;
    struct certificate_record certificate;
    const struct json *overrides;
    actor.user_id = retry->actor_id;
    actor.name = retry->actor;
    TRY(flow_load_request(core, arena, &actor_system, retry->request_id, c, &request, err));
    if (request.state != REQUEST_PENDING && request.state != REQUEST_APPROVED)
        return forget(core, request.id, err);
    TRY(flow_open(core, arena, c, err));
    if (clock_now_us() > retry->created_us + c->template.ct.retry_hours * 3600 * US_PER_SECOND)
        return flow_close(core, arena, &actor_system, &request, REQUEST_DECLINED,
                          "The transparency logs gave too few timestamps for too long.", err) &&
               forget(core, request.id, err);
    TRY(postpone(core, retry, err));
    TRY(json_parse(arena, view_text(retry->overrides), &overrides, err));
    TRY(flow_finish(core, arena, &actor, c, overrides, &request, &certificate, err));
    return uuid_is_nil(certificate.id) || forget(core, request.id, err);
}

bool requests_retry(struct core *core, struct arena *arena, struct error *err) {
    struct retry_record *items;
    size_t count;
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = retry_due(tx.tx, arena, clock_now_us(), BATCH, &items, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++) {
        SCOPED_ARENA struct arena *one = arena_new();
        struct error why = {0};
        char id[UUID_TEXT_SIZE];
        uuid_format(items[i].request_id, id);
        if (!retry_one(core, one, &items[i], &why))
            log_failure(LOG_WARN, "ct", id, &why);
    }
    return true;
}
