#include "ca/kek_state.h"

#include "base/clock.h"
#include "base/encode.h"

#include <string.h>

#define FORGOTTEN_US (60 * US_PER_SECOND) /* by then every node has forgotten keys that it had opened */

static const struct uuid nobody;

static bool may(const struct actor *actor, enum permission permission, struct error *err) {
    return actor_may(actor, permission, nobody, nobody, err);
}

static bool holds(struct arena *arena, const struct kek_list *list, const char *id) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(hex_encode(arena, list->ids[i]), id) == 0)
            return true;
    return false;
}

/* --- rotating -------------------------------------------------------------------------------------------- */

static bool check_idle(const struct kek_state *state, struct error *err) {
    enum kek_rotation rotation = kek_state_rotation(state);
    return (rotation != KEK_WAITING && rotation != KEK_RUNNING) ||
           fail(err, ERROR_CONFLICT, "kek-rotation", "A rotation is %s already; see GET /kek.",
                kek_rotation_name(rotation));
}

static bool start(struct tx *tx, struct arena *arena, const struct actor *actor, const char *before,
                  const char *id, struct error *err) {
    struct kek_state state;
    TRY(kek_state_lock(tx, arena, &state, err) && check_idle(&state, err));
    if (state.active[0] == '\0')
        state.active = before; /* it wraps what is made while the rotation waits */
    if (strcmp(state.active, id) == 0)
        return fail(err, ERROR_CONFLICT, "kek-rotation", "%s is the active key-encryption key already.", id);
    state.next = id;
    state.by = actor->name;
    state.problem = "";
    state.started_us = clock_now_us();
    state.ended_us = 0;
    return kek_state_write(tx, arena, &state, err) &&
           kek_note(tx, arena, actor, "kek.rotation-started", id, -1, err);
}

/* The KEK that wraps until now, when the setting does not say: the token's newest but the one to come. */
static const char *newest_but(struct arena *arena, const struct kek_list *list, const char *id) {
    for (size_t i = list->count; i-- > 0;) {
        const char *one = hex_encode(arena, list->ids[i]);
        if (id == NULL || strcmp(one, id) != 0)
            return one;
    }
    return "";
}

bool kek_rotate(struct core *core, struct arena *arena, const struct actor *actor, const char *id,
                struct error *err) {
    struct kek_state state;
    struct kek_list list;
    struct view made;
    bool done = false;
    TRY(may(actor, MAY_MANAGE_SETTINGS, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = kek_state_read(tx.tx, arena, &state, NULL, err) && check_idle(&state, err);
    TRY(done && signer_keks(core_signer(core), arena, &list, err));
    const char *before = newest_but(arena, &list, id);
    if (id != NULL && !holds(arena, &list, id))
        return fail(err, ERROR_NOT_FOUND, "not-found", "The managed token holds no key-encryption key \"%.130s\".", id);
    if (id == NULL) {
        TRY(signer_kek_make(core_signer(core), arena, &made, err));
        id = hex_encode(arena, made);
    }
    TX(tx, core_db(core), &done, err)
        tx.ok = start(tx.tx, arena, actor, before, id, err);
    return done;
}

static bool cancel(struct tx *tx, struct arena *arena, const struct actor *actor, struct error *err) {
    struct kek_state state;
    TRY(kek_state_lock(tx, arena, &state, err));
    if (kek_state_rotation(&state) != KEK_WAITING)
        return fail(err, ERROR_CONFLICT, "kek-rotation",
                    "No rotation waits for nodes; one that runs goes on to its end.");
    const char *id = state.next;
    state.next = "";
    state.ended_us = clock_now_us();
    return kek_state_write(tx, arena, &state, err) &&
           kek_note(tx, arena, actor, "kek.rotation-cancelled", id, -1, err);
}

bool kek_cancel(struct core *core, struct arena *arena, const struct actor *actor, struct error *err) {
    bool done = false;
    TRY(may(actor, MAY_MANAGE_SETTINGS, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = cancel(tx.tx, arena, actor, err);
    return done;
}

/* --- removing -------------------------------------------------------------------------------------------- */

/* What nobody has looked at yet might be under it. */
static bool look(struct core *core, struct arena *arena, struct error *err) {
    struct kek_work work;
    struct kek_state state;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = kek_state_read(tx.tx, arena, &state, NULL, err);
    return done && kek_work_all(core, arena, state.active, &work, err);
}

static bool check_unused(struct tx *tx, struct arena *arena, const char *id, struct error *err) {
    struct wrapped_count *counts;
    struct kek_state state;
    size_t count;
    TRY(kek_state_read(tx, arena, &state, NULL, err));
    if (strcmp(id, state.active) == 0 || strcmp(id, state.next) == 0 || state.active[0] == '\0')
        return fail(err, ERROR_CONFLICT, "kek-in-use", "Key-encryption key %s wraps new keys: rotate first.", id);
    if (kek_state_rotation(&state) == KEK_RUNNING || clock_now_us() - state.settled_us < FORGOTTEN_US)
        return fail(err, ERROR_CONFLICT, "kek-in-use",
                    "A node may still use a key as it was wrapped before: wait until a minute after the rotation's end.");
    TRY(wrapped_counts(tx, arena, &counts, &count, err));
    for (size_t i = 0; i < count; i++)
        if (counts[i].keys > 0 && (counts[i].kek.len == 0 || strcmp(hex_encode(arena, counts[i].kek), id) == 0))
            return fail(err, ERROR_CONFLICT, "kek-in-use",
                        "%lld keys are, or may be, wrapped by key-encryption key %s.", (long long)counts[i].keys, id);
    return true;
}

bool kek_remove(struct core *core, struct arena *arena, const struct actor *actor, const char *id,
                struct error *err) {
    struct view bytes;
    bool done = false;
    TRY(may(actor, MAY_MANAGE_SETTINGS, err));
    if (!hex_decode(arena, view_text(id), &bytes) || bytes.len == 0 || bytes.len > KEK_ID_MAX)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no key-encryption key \"%.130s\".", id);
    id = hex_encode(arena, bytes);
    TRY(look(core, arena, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = check_unused(tx.tx, arena, id, err);
    TRY(done && signer_kek_remove(core_signer(core), bytes, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = kek_note(tx.tx, arena, actor, "kek.removed", id, -1, err);
    return done;
}

bool kek_forget_node(struct core *core, struct arena *arena, const struct actor *actor, const char *name,
                     struct error *err) {
    const struct event_note note = {.code = "kek.node-forgotten", .object_kind = "node", .object = name};
    bool done = false;
    (void)arena;
    TRY(may(actor, MAY_MANAGE_SETTINGS, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = kek_node_remove(tx.tx, name, err) && access_note(tx.tx, actor, &note, err);
    return done;
}

/* --- status ---------------------------------------------------------------------------------------------- */

#define KEKS_SHOWN 256

static struct kek_entry *entry_of(struct kek_status *s, const char *id) {
    for (size_t i = 0; i < s->kek_count; i++)
        if (strcmp(s->keks[i].id, id) == 0)
            return &s->keks[i];
    if (s->kek_count < KEKS_SHOWN)
        s->kek_count++;
    struct kek_entry *entry = &s->keks[s->kek_count - 1];
    *entry = (struct kek_entry){.id = id};
    return entry;
}

static void add_nodes(struct arena *arena, struct kek_status *s, const struct kek_node *nodes, size_t count,
                      const char *target) {
    s->nodes = arena_array(arena, count + 1, sizeof *s->nodes);
    s->node_count = count;
    for (size_t i = 0; i < count; i++) {
        struct view rest = nodes[i].keks;
        const char **ids = arena_array(arena, rest.len + 1, sizeof *ids);
        struct kek_holder *holder = &s->nodes[i];
        *holder = (struct kek_holder){.name = nodes[i].name, .ids = ids, .seen_us = nodes[i].seen_us};
        while (rest.len > 0 && rest.at[0] < rest.len) {
            ids[holder->count] = hex_encode(arena, view_of(rest.at + 1, rest.at[0]));
            entry_of(s, ids[holder->count++]);
            rest = view_of(rest.at + 1 + rest.at[0], rest.len - 1 - rest.at[0]);
        }
        holder->lacks = target[0] != '\0' && !kek_list_has(arena, nodes[i].keks, target);
    }
}

static void add_counts(struct arena *arena, struct kek_status *s, const struct wrapped_count *counts,
                       size_t count, const char *target) {
    for (size_t i = 0; i < count; i++) {
        const char *id = hex_encode(arena, counts[i].kek);
        s->total += counts[i].keys;
        if (id[0] != '\0')
            entry_of(s, id)->keys = counts[i].keys;
        if (target[0] != '\0' && strcmp(id, target) == 0)
            s->done = counts[i].keys;
    }
}

static bool read_status(struct tx *tx, struct arena *arena, const struct kek_list *list,
                        struct kek_status *s, struct error *err) {
    struct kek_state state;
    struct wrapped_count *counts;
    struct kek_node *nodes;
    size_t count, node_count;
    TRY(kek_state_read(tx, arena, &state, NULL, err) && wrapped_counts(tx, arena, &counts, &count, err) &&
        kek_node_list(tx, arena, &nodes, &node_count, err));
    const char *active = state.active[0] == '\0' ? newest_but(arena, list, NULL) : state.active;
    *s = (struct kek_status){.rotation = kek_state_rotation(&state),
                             .by = state.by,
                             .problem = state.problem,
                             .started_us = state.started_us,
                             .ended_us = state.ended_us,
                             .keks = arena_array(arena, KEKS_SHOWN, sizeof(struct kek_entry))};
    for (size_t i = 0; i < list->count; i++)
        entry_of(s, hex_encode(arena, list->ids[i]))->here = true;
    add_nodes(arena, s, nodes, node_count, kek_state_target(&state));
    add_counts(arena, s, counts, count, kek_state_target(&state));
    for (size_t i = 0; i < s->kek_count; i++) {
        s->keks[i].active = strcmp(s->keks[i].id, active) == 0;
        s->keks[i].next = strcmp(s->keks[i].id, state.next) == 0;
    }
    return true;
}

bool kek_status(struct core *core, struct arena *arena, const struct actor *actor, struct kek_status *ret,
                struct error *err) {
    struct kek_list list;
    bool done = false;
    TRY(may(actor, MAY_READ_TOKENS, err) && signer_keks(core_signer(core), arena, &list, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = read_status(tx.tx, arena, &list, ret, err);
    return done;
}

bool kek_settle(struct core *core, struct arena *arena, struct view spki, struct view *blob,
                struct error *err) {
    struct kek_state state;
    struct view active;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = kek_state_read(tx.tx, arena, &state, NULL, err);
    TRY(done);
    if (!hex_decode(arena, view_text(state.active), &active))
        return fail_internal(err, "the setting kek names no key-encryption key");
    if (active.len == 0 || view_equal(active, signer_blob_kek(*blob)))
        return true;
    return signer_rewrap(core_signer(core), arena, *blob, spki, active, blob, err);
}
