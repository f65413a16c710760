/* Recovery of a kept key: one person asks, another agrees, the first one has it once. */
#include "ca/user_key_access.h"

#include "base/clock.h"

#include <string.h>

#define HOUR_US (INT64_C(3600) * US_PER_SECOND)
#define ASK_US (RECOVERY_ASK_DAYS * 24 * HOUR_US)
#define OPEN_US (RECOVERY_OPEN_HOURS * HOUR_US)

static const struct uuid nil = {{0}};

static bool is_over(const struct recovery_record *r) {
    int64_t now = clock_now_us();
    return (r->state == RECOVERY_ASKED && r->created_us + ASK_US < now) ||
           (r->state == RECOVERY_APPROVED && r->changed_us + OPEN_US < now);
}

const char *recovery_state_name(const struct recovery_record *recovery) {
    static const char *const names[] = {"", "asked", "approved", "declined", "done"};
    return is_over(recovery) ? "over" : names[recovery->state];
}

/* A key of others that can be recovered by the actor; everything else does not exist for it. */
static bool get_recoverable(struct tx *tx, struct arena *arena, const struct actor *actor,
                            struct uuid id, struct user_key_record *ret, struct error *err) {
    TRY(user_key_get(tx, arena, id, ret, err));
    if (ret->kind == USER_KEY_OWN || !actor_can(actor, MAY_RECOVER_KEYS, ret->organisation_id, nil))
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such key.");
    return true;
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
                 const struct user_key_record *key, const struct recovery_record *r,
                 struct error *err) {
    const char *const details[] = {"recovery", uuid_text(arena, r->id), "owner", key->owner,
                                   "asker",    r->asker,                "reason", r->reason, NULL};
    return user_key_note(tx, arena, actor, code, key, details, err);
}

static bool insert(struct tx *tx, struct arena *arena, const struct actor *actor,
                   const struct recovery_record *r, struct error *err) {
    struct user_key_record key;
    return get_recoverable(tx, arena, actor, r->key_id, &key, err) && recovery_insert(tx, r, err) &&
           note(tx, arena, actor, "key.recovery-asked", &key, r, err);
}

bool recovery_ask(struct core *core, struct arena *arena, const struct actor *actor,
                  struct uuid key_id, const char *reason, struct recovery_record *ret,
                  struct error *err) {
    int64_t now = clock_now_us();
    bool done = false;
    if (reason[0] == '\0' || strlen(reason) > 1000 || !utf8_valid(view_text(reason)))
        return fail(err, ERROR_POLICY, "bad-reason",
                    "A recovery needs a reason of 1 to 1000 octets: it stands in the events.");
    struct recovery_record r = {.id = uuid_new(),
                                .key_id = key_id,
                                .asker_id = actor->user_id,
                                .asker = actor->name,
                                .decider = "",
                                .reason = reason,
                                .state = RECOVERY_ASKED,
                                .created_us = now,
                                .changed_us = now};
    TX(tx, core_db(core), &done, err)
        tx.ok = insert(tx.tx, arena, actor, &r, err);
    TRY(done);
    *ret = r;
    return true;
}

bool recovery_all(struct core *core, struct arena *arena, const struct actor *actor,
                  struct recovery_record **ret_items, size_t *ret_count, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_RECOVER_KEYS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = recovery_list(tx.tx, arena, &scope, ret_items, ret_count, err);
    return done;
}

static bool get_both(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                     struct recovery_record *r, struct user_key_record *key, struct error *err) {
    TRY(recovery_get(tx, arena, id, r, err));
    return get_recoverable(tx, arena, actor, r->key_id, key, err);
}

static bool in_state(const struct recovery_record *r, enum recovery_state state, struct error *err) {
    return (r->state == state && !is_over(r)) ||
           fail(err, ERROR_CONFLICT, "recovery-state", "The recovery is %s.", recovery_state_name(r));
}

static bool decide(struct tx *tx, struct arena *arena, const struct actor *actor, bool approve,
                   struct recovery_record *r, struct error *err) {
    struct user_key_record key;
    TRY(get_both(tx, arena, actor, r->id, r, &key, err));
    TRY(in_state(r, RECOVERY_ASKED, err));
    if (approve && uuid_equal(r->asker_id, actor->user_id))
        return fail(err, ERROR_FORBIDDEN, "second-person",
                    "Who asked for the key does not approve it: another person has to.");
    r->decider_id = actor->user_id;
    r->decider = actor->name;
    r->changed_us = clock_now_us();
    r->state = approve ? RECOVERY_APPROVED : RECOVERY_DECLINED;
    return recovery_move(tx, r, RECOVERY_ASKED, err) &&
           note(tx, arena, actor, approve ? "key.recovery-approved" : "key.recovery-declined", &key,
                r, err);
}

bool recovery_decide(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid id, bool approve, struct recovery_record *ret, struct error *err) {
    struct recovery_record r = {.reason = ""};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        r.id = id;
        tx.ok = decide(tx.tx, arena, actor, approve, &r, err);
    }
    TRY(done);
    *ret = r;
    return true;
}

bool recovery_file(struct core *core, struct arena *arena, const struct actor *actor,
                   struct uuid id, const struct user_key_export *order, struct view *ret_file,
                   struct error *err) {
    struct recovery_record r = {.reason = ""};
    struct user_key_record key = {.name = ""};
    struct view file;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = get_both(tx.tx, arena, actor, id, &r, &key, err);
    TRY(done);
    TRY(in_state(&r, RECOVERY_APPROVED, err));
    if (!uuid_equal(r.asker_id, actor->user_id))
        return fail(err, ERROR_FORBIDDEN, "second-person",
                    "The key goes to %.60s, who asked for it.", r.asker);
    TRY(user_key_write(core, arena, actor, &key, order, &file, err));
    r.state = RECOVERY_DONE;
    r.changed_us = clock_now_us();
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = recovery_move(tx.tx, &r, RECOVERY_APPROVED, err) &&
                note(tx.tx, arena, actor, "key.recovered", &key, &r, err);
    TRY(done);
    *ret_file = file;
    return true;
}
