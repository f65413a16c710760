#include "ca/bulk.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "ca/access_internal.h"
#include "ca/certificate_steps.h"
#include "ca/issue.h"
#include "ca/status_cache.h"
#include "store/organisations.h"

#include <inttypes.h>
#include <string.h>

#define CHUNK 100 /* certificates of one transaction */
#define PAGE 500
#define LEASE_US (30 * US_PER_SECOND)
#define PRUNE 5000 /* items of one transaction */
#define PRUNES 20  /* of a run */

METRIC(items_done, METRIC_COUNTER, "gatehouse_bulk_items_total",
       "Certificates that jobs have acted on, by the act and how it went.", "action", "outcome");

static const struct uuid nobody;

bool certificate_act_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                        const struct certificate_act *act, struct error *err) {
    int64_t now = clock_now_us() / US_PER_SECOND * US_PER_SECOND;
    struct certificate_record certificate;
    switch (act->action) {
    case ACT_REVOKE:
        return revoke_in(tx, arena, actor, id, act->reason, now, act->invalidity_us, &certificate, err);
    case ACT_UNHOLD:
        return unhold_in(tx, arena, actor, id, now, &certificate, err);
    case ACT_EDIT:
        return edit_in(tx, arena, actor, id, &act->edit, err);
    case ACT_EXPORT:
        break;
    }
    return fail_internal(err, "an export acts on no certificate");
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const struct bulk_job *job, const char *code,
                 struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "action", job->action);
    if (job->filter[0] != '\0')
        json_put_string(&w, "filter", job->filter);
    json_put_int(&w, "count", job->state == BULK_COUNTING ? job->expected : job->total);
    if (job->finished_us != 0) {
        json_put_int(&w, "done", job->position - job->failed);
        json_put_int(&w, "refused", job->failed);
    }
    if (job->problem.kind != ERROR_NONE)
        json_put_string(&w, "reason", job->problem.message);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .outcome = job->state == BULK_FAILED ? "failure" : NULL,
                                            .object_kind = "certificate-job",
                                            .object = uuid_text(arena, job->id),
                                            .details = json_written(&w)},
                       err);
}

/* --- jobs of the actor ------------------------------------------------------------------------------ */

static bool insert(struct tx *tx, struct arena *arena, const struct actor *actor, const struct bulk_job *job,
                   const struct bulk_order *order, struct error *err) {
    int64_t open = 0;
    TRY(bulk_count_open(tx, actor->user_id, &open, err));
    if (open >= BULK_MAX_OPEN)
        return fail(err, ERROR_CONFLICT, "too-many-jobs",
                    "%d of your jobs are not over yet; wait for one, or cancel one.", BULK_MAX_OPEN);
    return bulk_insert(tx, job, err) && bulk_items_add(tx, job->id, 0, order->ids, order->id_count, err) &&
           note(tx, arena, actor, job, "certificate-job.started", err);
}

bool bulk_start(struct core *core, struct arena *arena, const struct actor *actor, const struct bulk_order *order,
                struct bulk_job *ret, struct error *err) {
    int64_t now = clock_now_us();
    bool done = false, ticked = order->filter == NULL;
    struct bulk_job job = {.id = uuid_new(),
                           .user_id = actor->user_id,
                           .token_id = actor->token_id,
                           .user_name = actor->name,
                           .action = order->action,
                           .document = order->document,
                           .filter = ticked ? "" : order->filter,
                           .state = ticked ? BULK_RUNNING : BULK_COUNTING,
                           .expected = ticked ? (int64_t)order->id_count : order->expected,
                           .total = (int64_t)order->id_count,
                           .cursor = "",
                           .created_us = now,
                           .changed_us = now};
    if (strlen(job.filter) > BULK_FILTER_MAX)
        return fail(err, ERROR_MALFORMED, "too-long", "The filter is longer than %d octets; shorten it.",
                    BULK_FILTER_MAX);
    if (ticked && strcmp(job.action, "export") == 0) {
        job.state = BULK_DONE;
        job.position = job.total;
        job.finished_us = now;
    }
    TX(tx, core_db(core), &done, err)
        tx.ok = insert(tx.tx, arena, actor, &job, order, err);
    TRY(done);
    *ret = job;
    return true;
}

static bool sees_all(const struct actor *actor) {
    return actor_can(actor, MAY_MANAGE_SETTINGS, nobody, nobody);
}

static bool find(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id, struct bulk_job *ret,
                 struct error *err) {
    TRY(bulk_by_id(tx, arena, id, ret, err));
    return uuid_equal(ret->user_id, actor->user_id) || sees_all(actor) ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no job %s.", uuid_text(arena, id));
}

bool bulk_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id, struct bulk_job *ret,
              struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = find(tx.tx, arena, actor, id, ret, err);
    return done;
}

bool bulk_page(struct core *core, struct arena *arena, const struct actor *actor, const struct page *page,
               struct bulk_job **ret_items, size_t *ret_count, const char **ret_next, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = bulk_list(tx.tx, arena, sees_all(actor) ? nobody : actor->user_id, page, ret_items, ret_count,
                          ret_next, err);
    return done;
}

bool bulk_results(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id, int outcome,
                  const struct page *page, struct bulk_item **ret_items, size_t *ret_count, const char **ret_next,
                  struct error *err) {
    struct bulk_job job;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = find(tx.tx, arena, actor, id, &job, err) &&
                bulk_item_list(tx.tx, arena, id, outcome, page, ret_items, ret_count, ret_next, err);
    return done;
}

static bool is_over(const struct bulk_job *job) {
    return job->state != BULK_COUNTING && job->state != BULK_RUNNING;
}

/* A chunk may commit between the look and the move; then it is looked at again. */
static bool cancel(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id, struct bulk_job *ret,
                   bool *ret_moved, struct error *err) {
    struct bulk_job job;
    TRY(find(tx, arena, actor, id, &job, err));
    if (is_over(&job))
        return fail(err, ERROR_CONFLICT, "job-over", "The job is over; there is nothing to cancel.");
    *ret = job;
    ret->state = BULK_CANCELLED;
    ret->changed_us = ret->finished_us = clock_now_us();
    return bulk_move(tx, &job, ret, ret_moved, err) &&
           (!*ret_moved || note(tx, arena, actor, ret, "certificate-job.cancelled", err));
}

bool bulk_cancel(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id, struct bulk_job *ret,
                 struct error *err) {
    for (int tries = 0; tries < 20; tries++) {
        bool done = false, moved = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = cancel(tx.tx, arena, actor, id, ret, &moved, err);
        TRY(done);
        if (moved)
            return true;
    }
    return fail(err, ERROR_UNAVAILABLE, "database-busy", "The job moves on all the time; try again.");
}

/* --- what an export shows --------------------------------------------------------------------------- */

static bool is_visible(struct core *core, struct arena *arena, const struct actor *actor, const struct scope *scope,
                       const struct certificate_record *c) {
    struct certificate_record again;
    struct error ignored = {0};
    return scope->own_only ? certificate_get(core, arena, actor, c->id, &again, &ignored)
                           : scope_covers(scope, c->organisation_id, c->ca_id);
}

bool bulk_export_read(struct core *core, struct arena *arena, const struct actor *actor, struct uuid job_id, int64_t first,
                      bool want_der, struct certificate_record **ret_items, size_t *ret_count, int64_t *ret_next,
                      struct error *err) {
    struct uuid ids[PAGE];
    struct bulk_item *items;
    struct certificate_record *found;
    struct scope scope;
    size_t count = 0, found_count = 0, kept = 0;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    TX(tx, core_db(core), &done, err) {
        tx.ok = bulk_items_read(tx.tx, arena, job_id, first, PAGE, &items, &count, err);
        for (size_t i = 0; tx.ok && i < count; i++)
            ids[i] = items[i].certificate_id;
        tx.ok = tx.ok && certificate_by_ids(tx.tx, arena, ids, count, want_der, &found, &found_count, err);
    }
    TRY(done);
    for (size_t i = 0; i < found_count; i++)
        if (is_visible(core, arena, actor, &scope, &found[i]))
            found[kept++] = found[i];
    *ret_items = found;
    *ret_count = kept;
    *ret_next = first + (int64_t)count;
    return true;
}

/* --- work ------------------------------------------------------------------------------------------- */

static const char *lease_name(struct arena *arena, const struct bulk_job *job) {
    return arena_printf(arena, "bulk/%s", uuid_text(arena, job->id));
}

static bool lease(struct core *core, struct arena *arena, struct uuid holder, const struct bulk_job *job, int64_t for_us,
                  bool *ret_mine, struct error *err) {
    int64_t now = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = lease_take(tx.tx, lease_name(arena, job), holder, now, now + for_us, ret_mine, err);
    return done;
}

bool bulk_take(struct core *core, struct arena *arena, struct uuid holder, struct bulk_job *ret, bool *ret_found,
               struct error *err) {
    struct bulk_job *jobs = NULL;
    size_t count = 0;
    bool done = false;
    *ret_found = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = bulk_open(tx.tx, arena, 50, &jobs, &count, err);
    TRY(done);
    for (size_t i = 0; !*ret_found && i < count; i++) {
        TRY(lease(core, arena, holder, &jobs[i], LEASE_US, ret_found, err));
        *ret = jobs[i];
    }
    return true;
}

void bulk_give_back(struct core *core, struct uuid holder, const struct bulk_job *job) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error ignored = {0};
    bool mine;
    (void)lease(core, arena, holder, job, 0, &mine, &ignored); /* it ends by itself */
}

/* The token that the job was asked with may have been revoked since; that it has expired does not matter. */
static bool limit_by_token(struct tx *tx, struct arena *arena, struct uuid token_id, struct actor *actor,
                           struct error *err) {
    struct api_token *tokens;
    size_t count;
    TRY(api_token_list(tx, arena, actor->user_id, &tokens, &count, err));
    for (size_t i = 0; i < count; i++) {
        struct grant *grants = (struct grant *)(uintptr_t)actor->grants; /* on our arena */
        if (!uuid_equal(tokens[i].id, token_id) || tokens[i].revoked)
            continue;
        actor->token_id = token_id;
        actor->by_token = true;
        if (tokens[i].limits == NULL || tokens[i].limits[0] == '\0')
            return true;
        TRY(token_limit_grants(tx, arena, tokens[i].limits, &grants, &actor->grant_count, err));
        actor->grants = grants;
        actor->limited = true;
        return true;
    }
    return fail(err, ERROR_NOT_FOUND, "not-found", "The API token was revoked.");
}

bool bulk_actor(struct core *core, struct arena *arena, const struct bulk_job *job, struct actor *ret, struct error *err) {
    struct actor actor = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = access_load(tx.tx, arena, job->user_id, "", uuid_text(arena, job->id), &actor, err) &&
                (uuid_is_nil(job->token_id) || limit_by_token(tx.tx, arena, job->token_id, &actor, err));
    if (!done)
        return err->kind == ERROR_NOT_FOUND &&
               fail(err, ERROR_FORBIDDEN, "job-user",
                    "The user or API token that asked for this job was removed, suspended or revoked meanwhile.");
    actor.must_change_password = false; /* a matter of people at the console: who asked was allowed to */
    *ret = actor;
    return true;
}

static bool end_if_over(struct tx *tx, struct arena *arena, const struct actor *actor, const struct bulk_job *job,
                        struct error *err) {
    return !is_over(job) ||
           note(tx, arena, actor, job, job->state == BULK_DONE ? "certificate-job.ended" : "certificate-job.failed", err);
}

static void finish(struct bulk_job *job, enum bulk_state state) {
    job->state = state;
    job->finished_us = job->changed_us;
}

/* All are listed: as many as somebody has looked at, or none is touched. */
static void counted(struct bulk_job *job) {
    job->cursor = "";
    if (job->total != job->expected) {
        (void)fail(&job->problem, ERROR_CONFLICT, "changed-meanwhile",
                   "The filter finds %" PRId64 " certificates, not %" PRId64 "; look at them again. Nothing was changed.",
                   job->total, job->expected);
        finish(job, BULK_FAILED);
    } else if (strcmp(job->action, "export") == 0) {
        job->position = job->total;
        finish(job, BULK_DONE);
    } else if (job->total == 0) {
        finish(job, BULK_DONE);
    } else {
        job->state = BULK_RUNNING;
    }
}

bool bulk_count_page(struct core *core, struct arena *arena, const struct actor *actor, struct bulk_job *job,
                     const char *ca_slug, struct certificate_filter *filter, bool *ret_moved, struct error *err) {
    struct page page = {.limit = PAGE, .cursor = job->cursor};
    struct certificate_record *found;
    struct bulk_job next = *job;
    struct uuid ids[PAGE];
    size_t found_count, count = 0;
    bool done = false, moved = false;
    TRY(certificate_page(core, arena, actor, ca_slug, filter, &page, &found, &found_count, &page.cursor, err));
    for (size_t i = 0; i < found_count; i++)
        if (memcmp(found[i].id.bytes, job->id.bytes, sizeof job->id.bytes) < 0) /* not issued since it was asked for */
            ids[count++] = found[i].id;
    next.total += (int64_t)count;
    next.changed_us = clock_now_us();
    next.cursor = page.cursor;
    if (page.cursor == NULL || next.total > next.expected)
        counted(&next);
    TX(tx, core_db(core), &done, err)
        tx.ok = bulk_move(tx.tx, job, &next, &moved, err) &&
                (!moved || (bulk_items_add(tx.tx, job->id, job->total, ids, count, err) &&
                            end_if_over(tx.tx, arena, actor, &next, err)));
    TRY(done);
    *ret_moved = moved;
    *job = next;
    return true;
}

/* What the person asked for cannot be done to this one; anything else is no answer about a certificate. */
static bool is_answer(const struct error *why) {
    return why->kind != ERROR_INTERNAL && why->kind != ERROR_UNAVAILABLE && why->kind != ERROR_NONE;
}

static bool act_on(struct tx *tx, struct arena *arena, const struct actor *actor, const struct certificate_act *act,
                   struct uuid job_id, const struct bulk_item *item, struct bulk_job *next, struct error *err) {
    struct error why = {0};
    if (certificate_act_in(tx, arena, actor, item->certificate_id, act, &why))
        return true;
    if (!is_answer(&why)) {
        *err = why;
        return false;
    }
    next->failed++;
    return bulk_item_refused(tx, job_id, item->ordinal, &why, err);
}

/* The job's row first: it is the lock behind which a second worker, or who cancels, waits. */
static bool act_chunk(struct tx *tx, struct arena *arena, const struct actor *actor, const struct bulk_job *job,
                      const struct certificate_act *act, struct bulk_job *next, bool *ret_moved, struct error *err) {
    struct bulk_item *items;
    struct bulk_job locked;
    size_t count;
    bool again;
    *next = *job;
    next->changed_us = clock_now_us();
    TRY(bulk_items_read(tx, arena, job->id, job->position, CHUNK, &items, &count, err));
    next->position += (int64_t)count;
    TRY(bulk_move(tx, job, next, ret_moved, err));
    if (!*ret_moved)
        return true;
    locked = *next;
    TRY(bulk_items_done(tx, job->id, job->position, next->position, err));
    for (size_t i = 0; i < count; i++)
        TRY(act_on(tx, arena, actor, act, job->id, &items[i], next, err));
    if (count == 0 || next->position >= next->total)
        finish(next, BULK_DONE);
    return bulk_move(tx, &locked, next, &again, err) && end_if_over(tx, arena, actor, next, err);
}

bool bulk_act_chunk(struct core *core, struct arena *arena, const struct actor *actor, struct bulk_job *job,
                    const struct certificate_act *act, bool *ret_moved, struct error *err) {
    struct bulk_job next;
    bool done = false, moved = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = act_chunk(tx.tx, arena, actor, job, act, &next, &moved, err);
    TRY(done);
    *ret_moved = moved;
    if (!moved)
        return true;
    if (act->action != ACT_EDIT)
        status_cache_forget(core);
    METRIC_ADD(&items_done, next.position - job->position - (next.failed - job->failed), job->action, "done");
    METRIC_ADD(&items_done, next.failed - job->failed, job->action, "refused");
    *job = next;
    return true;
}

bool bulk_stop(struct core *core, struct arena *arena, struct bulk_job *job, const struct error *why, struct error *err) {
    struct actor user = {.user_id = job->user_id, .name = job->user_name, .address = "", .request_id = ""};
    struct bulk_job next = *job;
    bool done = false, moved = false;
    next.problem = *why;
    next.changed_us = clock_now_us();
    finish(&next, BULK_FAILED);
    TX(tx, core_db(core), &done, err)
        tx.ok = bulk_move(tx.tx, job, &next, &moved, err) && (!moved || end_if_over(tx.tx, arena, &user, &next, err));
    if (done && moved)
        *job = next;
    return done;
}

bool bulk_forget_old(struct core *core, struct arena *arena, struct error *err) {
    int64_t before = clock_now_us() - BULK_KEEP_DAYS * US_PER_DAY, removed = PRUNE;
    for (int i = 0; i < PRUNES && removed >= PRUNE; i++) {
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = bulk_prune(tx.tx, arena, before, PRUNE, &removed, err);
        TRY(done);
    }
    return true;
}
