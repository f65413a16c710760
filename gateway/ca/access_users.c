#include "ca/access_internal.h"
#include "ca/actor_cache.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/cas.h"
#include "store/factors.h"
#include "store/organisations.h"

#include <string.h>

#define USERNAME_BYTES 100

static bool check_username(const char *name, struct error *err) {
    size_t len = strlen(name);
    bool ok = len >= 1 && len <= USERNAME_BYTES;
    for (const char *at = name; ok && *at != '\0'; at++)
        ok = (unsigned char)*at > 0x20 && *at != 0x7f;
    return ok || fail(err, ERROR_POLICY, "bad-username",
                      "A user name has 1 to %d bytes and no spaces or control characters.",
                      USERNAME_BYTES);
}

static bool check_text(const char *what, const char *text, struct error *err) {
    return text == NULL || strlen(text) <= 200 ||
           fail(err, ERROR_POLICY, "too-long", "The %s is longer than 200 bytes.", what);
}

bool access_check_user_texts(const char *username, const char *display_name, const char *email,
                             struct error *err) {
    return check_username(username, err) && check_text("display name", display_name, err) &&
           check_text("e-mail address", email, err);
}

/* The organisation a grant is about; nil for the instance. */
static bool grant_organisation(struct tx *tx, struct arena *arena, const struct grant *grant,
                               struct uuid *ret_organisation, struct error *err) {
    struct ca_record ca;
    *ret_organisation = (struct uuid){{0}};
    if (grant->scope == ROLE_SCOPE_ORGANISATION)
        *ret_organisation = grant->object;
    if (grant->scope == ROLE_SCOPE_CA) {
        TRY(ca_by_id(tx, arena, &scope_everything, grant->object, &ca, err));
        *ret_organisation = ca.organisation_id;
    }
    return true;
}

bool access_may_give(struct tx *tx, struct arena *arena, const struct actor *actor,
                     const struct grant *grants, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        struct uuid organisation;
        struct uuid ca = grants[i].scope == ROLE_SCOPE_CA ? grants[i].object : (struct uuid){{0}};
        TRY(grant_organisation(tx, arena, &grants[i], &organisation, err));
        TRY(actor_may(actor, MAY_MANAGE_USERS, organisation, ca, err));
        for (unsigned p = 0; p < PERMISSION_COUNT; p++)
            if (grant_has(&grants[i], (enum permission)p))
                TRY(actor_may(actor, (enum permission)p, organisation, ca, err));
    }
    return true;
}

/* A one-time password that is easy to read out: 20 characters, about 100 bits. */
static const char *one_time_password(struct arena *arena) {
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    char *text = arena_alloc(arena, 25);
    uint8_t byte;
    for (int i = 0; i < 23; i++) {
        if (i % 6 == 5) {
            text[i] = '-';
            continue;
        }
        do
            random_bytes(&byte, 1);
        while (byte >= 256 / (sizeof letters - 1) * (sizeof letters - 1));
        text[i] = letters[byte % (sizeof letters - 1)];
    }
    return text;
}

static bool insert_user(struct tx *tx, struct arena *arena, const struct actor *actor,
                        const struct user_order *order, struct user *user, struct error *err) {
    struct organisation organisation;
    const char *slug = order->organisation == NULL ? "default" : order->organisation;
    TRY(organisation_by_slug(tx, arena, slug, &organisation, err));
    TRY(actor_may(actor, MAY_MANAGE_USERS, organisation.id, (struct uuid){{0}}, err));
    TRY(access_may_give(tx, arena, actor, order->grants, order->grant_count, err));
    user->organisation_id = organisation.id;
    TRY(user_insert(tx, user, err));
    TRY(grant_replace(tx, user->id, order->grants, order->grant_count, err));
    return access_note(tx, actor,
                       &(struct event_note){.code = "user.created",
                                            .organisation_id = organisation.id,
                                            .object_kind = "user",
                                            .object = user->username},
                       err);
}

bool access_user_create(struct core *core, struct arena *arena, const struct actor *actor,
                        const struct user_order *order, struct user *ret_user,
                        const char **ret_password, struct error *err) {
    const char *password = one_time_password(arena);
    struct user user = {.id = uuid_new(),
                        .username = order->username,
                        .display_name = order->display_name == NULL ? "" : order->display_name,
                        .email = order->email == NULL ? "" : order->email,
                        .must_change_password = true,
                        .state = USER_ACTIVE,
                        .created_us = clock_now_us()};
    bool done = false;
    TRY(access_check_user_texts(order->username, order->display_name, order->email, err));
    TRY(password_hash(arena, password, &user.password_hash, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = insert_user(tx.tx, arena, actor, order, &user, err);
    TRY(done);
    *ret_user = user;
    *ret_password = password;
    return true;
}

bool access_user_list(struct core *core, struct arena *arena, const struct actor *actor,
                      const struct page *page, struct user **ret_items, size_t *ret_count,
                      const char **ret_next, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_USERS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = user_list(tx.tx, arena, &scope, page, ret_items, ret_count, ret_next, err);
    return done;
}

bool access_user_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                     struct user *ret_user, struct grant **ret_grants, size_t *ret_grant_count,
                     struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_USERS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = user_by_id(tx.tx, arena, &scope, id, ret_user, err) &&
                grant_list(tx.tx, arena, id, ret_grants, ret_grant_count, err);
    return done;
}

/* Who changes a user must rule all that the user rules, or a lesser administrator could take over a
 * greater one by resetting its password. */
static bool may_change_user(struct tx *tx, struct arena *arena, const struct actor *actor,
                            const struct user *user, struct error *err) {
    struct grant *grants = NULL;
    size_t count = 0;
    TRY(actor_may(actor, MAY_MANAGE_USERS, user->organisation_id, (struct uuid){{0}}, err));
    TRY(grant_list(tx, arena, user->id, &grants, &count, err));
    return access_may_give(tx, arena, actor, grants, count, err);
}

bool access_may_change(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                       struct user *ret_user, struct error *err) {
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_USERS, &scope);
    return user_by_id(tx, arena, &scope, id, ret_user, err) &&
           may_change_user(tx, arena, actor, ret_user, err);
}

static bool suspend_last(struct tx *tx, struct arena *arena, struct uuid id, struct error *err) {
    struct grant *grants = NULL;
    size_t count = 0;
    TRY(grant_list(tx, arena, id, &grants, &count, err));
    return grant_replace(tx, id, grants, count, err); /* checks that an active administrator stays */
}

static bool apply_change(struct tx *tx, struct arena *arena, const struct actor *actor,
                         struct uuid id, const struct user_change *change, struct error *err) {
    struct user user;
    TRY(access_may_change(tx, arena, actor, id, &user, err));
    if (change->display_name != NULL || change->email != NULL)
        TRY(user_set_profile(tx, id,
                             change->display_name == NULL ? user.display_name : change->display_name,
                             change->email == NULL ? user.email : change->email, err));
    if (change->set_grants) {
        TRY(access_may_give(tx, arena, actor, change->grants, change->grant_count, err));
        TRY(grant_replace(tx, id, change->grants, change->grant_count, err));
    }
    if (change->set_state) {
        TRY(user_set_state(tx, id, change->state, err));
        if (change->state != USER_ACTIVE)
            TRY(suspend_last(tx, arena, id, err) && session_delete_user(tx, id, err));
    }
    if (change->must_change_password)
        TRY(user_set_must_change(tx, id, true, err));
    bool approved = change->set_state && change->state == USER_ACTIVE && user.state == USER_PENDING;
    return access_note(tx, actor,
                       &(struct event_note){.code = approved ? "user.approved" : "user.changed",
                                            .organisation_id = user.organisation_id,
                                            .object_kind = "user",
                                            .object = user.username},
                       err);
}

bool access_user_update(struct core *core, struct arena *arena, const struct actor *actor,
                        struct uuid id, const struct user_change *change, struct error *err) {
    bool done = false;
    TRY(check_text("display name", change->display_name, err));
    TRY(check_text("e-mail address", change->email, err));
    if (change->set_state && change->state == USER_PENDING)
        return fail(err, ERROR_POLICY, "bad-state", "Nobody is made to wait again; suspend the user.");
    TX(tx, core_db(core), &done, err)
        tx.ok = apply_change(tx.tx, arena, actor, id, change, err);
    actor_cache_forget();
    return done;
}

static bool reset(struct tx *tx, struct arena *arena, const struct actor *actor, const char *username,
                  const char *encoded, struct error *err) {
    struct user user;
    TRY(user_by_name(tx, arena, username, &user, err));
    TRY(access_may_change(tx, arena, actor, user.id, &user, err));
    if (user.provider[0] != '\0')
        return fail(err, ERROR_POLICY, "not-local",
                    "The password of %.100s is kept by %s; reset it there.", user.username,
                    user.provider);
    TRY(user_set_password(tx, user.id, encoded, true, err));
    TRY(user_record_login(tx, user.id, false, clock_now_us(), 0, err));
    TRY(session_delete_user(tx, user.id, err));
    if (actor->system) /* `gatehouse user reset`: for who has lost everything */
        TRY(factor_delete_user(tx, user.id, err));
    return access_note(tx, actor,
                       &(struct event_note){.code = "user.reset",
                                            .organisation_id = user.organisation_id,
                                            .object_kind = "user",
                                            .object = user.username},
                       err);
}

bool access_user_reset(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *username, const char **ret_password, struct error *err) {
    const char *password = one_time_password(arena), *encoded;
    bool done = false;
    TRY(password_hash(arena, password, &encoded, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = reset(tx.tx, arena, actor, username, encoded, err);
    TRY(done);
    *ret_password = password;
    return true;
}

bool access_require_password_change(struct core *core, const struct actor *actor, struct error *err) {
    static const struct uuid nil = {{0}};
    int64_t count;
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_USERS, nil, nil, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = user_require_password_change(tx.tx, &count, err) &&
                access_note(tx.tx, actor,
                            &(struct event_note){.code = "user.all-must-change-password"}, err);
    return done;
}
