/* Wrapping anew: what the nodes do by themselves. */
#include "ca/kek_state.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ca/key_use.h"
#include "ca/person_key.h"
#include "ca/secret.h"
#include "store/organisations.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 50
#define RUN_US (8 * US_PER_SECOND)
#define LEASE_US (12 * US_PER_SECOND)
#define LOOK_EVERY_US (300 * US_PER_SECOND) /* without a rotation: for keys of restores and imports */

/* --- one key --------------------------------------------------------------------------------------------- */

static const char *place_of(struct arena *arena, enum wrapped_home home, const struct wrapped_row *row) {
    const char *id = uuid_text(arena, row->place_id);
    switch (home) {
    case WRAPPED_USER: return arena_printf(arena, "user_keys/%s/wrapped", id);
    case WRAPPED_EST: return arena_printf(arena, "est_keys/%s/sealed", id);
    case WRAPPED_MDM: return arena_printf(arena, "mdm_keys/%s", id);
    default: return arena_printf(arena, "cmp_certificates/%s/%lld", id, (long long)row->number);
    }
}

/* ret_kek is the one it is under now. */
static bool wrap_anew(struct core *core, struct arena *arena, struct view spki, struct view kek,
                      struct view *blob, struct view *ret_kek, bool *ret_changed, struct error *err) {
    *ret_kek = signer_blob_kek(*blob);
    *ret_changed = !view_equal(*ret_kek, kek);
    if (!*ret_changed)
        return true;
    *ret_kek = kek;
    return signer_rewrap(core_signer(core), arena, *blob, spki, kek, blob, err);
}

static bool wrap_sealed(struct core *core, struct arena *arena, const char *place, struct view kek,
                        struct view *value, struct view *ret_kek, struct error *err) {
    struct person_key key;
    struct view packed;
    const char *sealed;
    bool changed;
    TRY(secret_open(core, arena, place, arena_text(arena, *value), &packed, err) &&
        person_key_unpack(arena, packed, &key, err) &&
        wrap_anew(core, arena, key.spki, kek, &key.blob, ret_kek, &changed, err));
    if (!changed)
        return true;
    TRY(secret_seal(core, arena, place, person_key_pack(arena, &key), &sealed, err));
    *value = view_text(sealed);
    return true;
}

static bool do_row(struct core *core, struct arena *arena, enum wrapped_home home,
                   const struct wrapped_row *row, struct view kek, struct error *err) {
    struct view value = row->value, now;
    bool done = false, changed;
    if (home == WRAPPED_PRIVATE)
        TRY(wrap_anew(core, arena, row->spki, kek, &value, &now, &changed, err));
    else
        TRY(wrap_sealed(core, arena, place_of(arena, home, row), kek, &value, &now, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = wrapped_replace(tx.tx, home, row, value, now, err);
    return done;
}

/* --- all of them ----------------------------------------------------------------------------------------- */

METRIC(rewrapped, METRIC_COUNTER, "gatehouse_kek_rewrapped_total",
       "Keys that were wrapped anew (or looked at) for a key-encryption key.", "outcome");

static void do_rows(struct kek_work *work, struct arena *arena, enum wrapped_home home,
                    const struct wrapped_row *rows, size_t count) {
    for (size_t i = 0; i < count && !work->out_of_time; i++) {
        SCOPED_ARENA struct arena *own = arena_new();
        struct error err = {0};
        bool done = do_row(work->core, own, home, &rows[i], work->kek, &err);
        METRIC_ADD(&rewrapped, 1, done ? "done" : "failed");
        if (!done) {
            const char *id = uuid_text(arena, rows[i].id);
            log_failure(LOG_WARN, "kek", id, &err);
            work->problem = arena_printf(arena, "Key %s: %s", id, err.message);
        }
        work->out_of_time = clock_monotonic_us() > work->until_us;
    }
}

static bool do_home(struct kek_work *work, struct arena *arena, enum wrapped_home home, struct error *err) {
    struct wrapped_row last, *rows;
    size_t count = BATCH;
    bool first = true;
    while (count == BATCH && !work->out_of_time) {
        bool done = false;
        TX(tx, core_db(work->core), &done, err)
            tx.ok = wrapped_list(tx.tx, arena, home, work->kek, first ? NULL : &last, BATCH, &rows,
                                 &count, err);
        TRY(done);
        do_rows(work, arena, home, rows, count);
        if (count > 0)
            last = rows[count - 1];
        first = false;
    }
    return true;
}

bool kek_work_all(struct core *core, struct arena *arena, const char *active, struct kek_work *ret_work,
                  struct error *err) {
    *ret_work = (struct kek_work){.core = core, .until_us = clock_monotonic_us() + RUN_US};
    if (!hex_decode(arena, view_text(active), &ret_work->kek))
        return fail_internal(err, "the setting kek names no key-encryption key");
    if (ret_work->kek.len == 0)
        return true; /* no node has reported yet */
    for (size_t home = 0; home < WRAPPED_HOMES; home++)
        TRY(do_home(ret_work, arena, (enum wrapped_home)home, err));
    return true;
}

static bool all_hold(struct tx *tx, struct arena *arena, const char *id, bool *ret_all, struct error *err) {
    struct kek_node *nodes;
    size_t count;
    TRY(kek_node_list(tx, arena, &nodes, &count, err));
    *ret_all = count > 0;
    for (size_t i = 0; i < count; i++)
        if (nodes[i].seen_us > clock_now_us() - KEK_NODE_COUNTS_US && !kek_list_has(arena, nodes[i].keks, id))
            *ret_all = false;
    return true;
}

/* Waiting becomes running as soon as every node holds the new one. */
static bool begin(struct tx *tx, struct arena *arena, struct kek_state *state, struct error *err) {
    bool all;
    TRY(kek_state_lock(tx, arena, state, err));
    if (state->next[0] == '\0')
        return true;
    TRY(all_hold(tx, arena, state->next, &all, err));
    if (!all)
        return true;
    state->active = state->next;
    state->next = "";
    return kek_state_write(tx, arena, state, err) &&
           kek_note(tx, arena, &actor_system, "kek.activated", state->active, -1, err);
}

/* An instance that never heard of rotations: the newest KEK that every node holds wraps what is made. */
static bool choose(struct tx *tx, struct arena *arena, struct kek_state *state, struct error *err) {
    struct kek_node *nodes;
    size_t count;
    TRY(kek_state_lock(tx, arena, state, err) && kek_node_list(tx, arena, &nodes, &count, err));
    if (state->active[0] != '\0' || count == 0)
        return true;
    struct view rest = nodes[0].keks; /* oldest first */
    while (rest.len > 0 && rest.at[0] < rest.len) {
        const char *id = hex_encode(arena, view_of(rest.at + 1, rest.at[0]));
        bool all;
        TRY(all_hold(tx, arena, id, &all, err));
        if (all)
            state->active = id;
        rest = view_of(rest.at + 1 + rest.at[0], rest.len - 1 - rest.at[0]);
    }
    return state->active[0] == '\0' || kek_state_write(tx, arena, state, err);
}

static bool left_over(struct tx *tx, struct arena *arena, const char *id, int64_t *ret_total,
                      int64_t *ret_left, struct error *err) {
    struct wrapped_count *counts;
    size_t count;
    TRY(wrapped_counts(tx, arena, &counts, &count, err));
    *ret_total = *ret_left = 0;
    for (size_t i = 0; i < count; i++) {
        *ret_total += counts[i].keys;
        if (strcmp(hex_encode(arena, counts[i].kek), id) != 0)
            *ret_left += counts[i].keys;
    }
    return true;
}

/* The end is noted once, whatever node finds it; and a problem that is new. */
static bool conclude(struct tx *tx, struct arena *arena, const struct kek_work *work, struct error *err) {
    const char *problem = work->problem == NULL ? "" : work->problem;
    struct kek_state state;
    int64_t total, left;
    TRY(kek_state_lock(tx, arena, &state, err));
    if (kek_state_rotation(&state) != KEK_RUNNING)
        return true;
    TRY(left_over(tx, arena, state.active, &total, &left, err));
    bool ended = left == 0;
    if (!ended && strcmp(problem, state.problem) == 0)
        return true;
    state.problem = problem;
    if (ended)
        state.ended_us = state.settled_us = clock_now_us();
    return kek_state_write(tx, arena, &state, err) &&
           (!ended || kek_note(tx, arena, &actor_system, "kek.rotated", state.active, total, err));
}

/* Short, so that another node goes on soon when this one was killed. Two at work would only do it twice. */
static bool my_turn(struct tx *tx, const struct kek_watch *watch, bool *ret_mine, struct error *err) {
    int64_t now = clock_now_us();
    return lease_take(tx, "kek/work", watch->holder, now, now + LEASE_US, ret_mine, err);
}

bool kek_work_run(void *context, struct arena *arena, struct error *err) {
    struct kek_watch *watch = context;
    if (uuid_is_nil(watch->holder))
        watch->holder = uuid_new();
    struct kek_work work;
    struct kek_state state;
    bool done = false, mine = false;
    TX(tx, core_db(watch->core), &done, err)
        tx.ok = my_turn(tx.tx, watch, &mine, err) && kek_state_read(tx.tx, arena, &state, NULL, err);
    TRY(done);
    if (!mine)
        return true;
    if (state.active[0] == '\0' || kek_state_rotation(&state) == KEK_WAITING) {
        bool waiting = state.active[0] != '\0';
        TX(tx, core_db(watch->core), &done, err)
            tx.ok = waiting ? begin(tx.tx, arena, &state, err) : choose(tx.tx, arena, &state, err);
        TRY(done);
    }
    bool running = kek_state_rotation(&state) == KEK_RUNNING;
    if (!running && watch->looked_us != 0 && clock_monotonic_us() - watch->looked_us < LOOK_EVERY_US)
        return true;
    TRY(kek_work_all(watch->core, arena, state.active, &work, err));
    if (!work.out_of_time)
        watch->looked_us = clock_monotonic_us();
    if (!running)
        return true;
    TX(tx, core_db(watch->core), &done, err)
        tx.ok = conclude(tx.tx, arena, &work, err);
    return done;
}

/* --- reports --------------------------------------------------------------------------------------------- */

static struct view pack_ids(struct arena *arena, const struct kek_list *list) {
    struct buffer out = buffer_on(arena);
    for (size_t i = 0; i < list->count; i++) {
        buffer_add_byte(&out, (uint8_t)list->ids[i].len);
        buffer_add(&out, list->ids[i].at, list->ids[i].len);
    }
    return buffer_view(&out);
}

bool kek_watch_run(void *context, struct arena *arena, struct error *err) {
    struct kek_watch *watch = context;
    struct kek_list list;
    struct kek_state state;
    const char *text = NULL;
    bool done = false;
    TRY(signer_keks(core_signer(watch->core), arena, &list, err));
    struct kek_node node = {watch->node, pack_ids(arena, &list), clock_now_us()};
    TX(tx, core_db(watch->core), &done, err)
        tx.ok = kek_node_put(tx.tx, &node, err) && kek_state_read(tx.tx, arena, &state, &text, err);
    TRY(done);
    if (watch->seen != NULL && strcmp(watch->seen, text) != 0)
        core_forget_keys(watch->core); /* their rows may have changed */
    if (watch->seen == NULL || strcmp(watch->seen, text) != 0) {
        free(watch->seen);
        watch->seen = must_strdup(text);
    }
    return true;
}
