/* Sessions of people: opened, recognised, listed, ended; the own password. */
#include "ca/access_internal.h"
#include "ca/actor_cache.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

#define SEEN_EVERY_US (60 * US_PER_SECOND)

static const char *way_details(struct arena *arena, const struct session_way *way) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "method", way->method);
    json_put_bool(&w, "secondFactor", way->strong);
    json_close_object(&w);
    return json_written(&w);
}

/* Who showed a certificate was not asked for the password, which may be the one that an administrator knows: it
 * is changed when it is used. */
static void forget_password(struct actor *actor, bool by_certificate) {
    actor->must_change_password = actor->must_change_password && !by_certificate;
}

static bool insert_session(struct tx *tx, struct arena *arena, const struct user *user,
                           const struct login_order *order, const struct session_way *way,
                           struct session *session, struct actor *ret_actor, struct error *err) {
    struct grant *grants = NULL;
    size_t count = 0;
    struct access_settings settings;
    TRY(access_settings_read(tx, arena, &settings, err));
    TRY(grant_list(tx, arena, user->id, &grants, &count, err));
    access_fill_actor(user, grants, count, order->address, order->request_id, ret_actor);
    memcpy(ret_actor->session_hash, session->hash, sizeof session->hash);
    forget_password(ret_actor, strcmp(way->method, "certificate") == 0);
    ret_actor->strong = way->strong;
    ret_actor->must_enrol_factor =
        !way->strong && second_factor_required(&settings, grants, count);
    session->expires_us = session->created_us + settings.session_us;
    session->idle_us = settings.idle_us;
    struct event_note note = {.code = "session.created",
                              .organisation_id = user->organisation_id,
                              .object_kind = "user",
                              .object = user->username,
                              .details = way_details(arena, way)};
    return user_record_login(tx, user->id, true, session->created_us, 0, err) &&
           session_insert(tx, session, err) && access_note(tx, ret_actor, &note, err);
}

bool access_open_session(struct core *core, struct arena *arena, const struct user *user,
                         const struct login_order *order, const struct session_way *way,
                         const char **ret_secret, struct actor *ret_actor, struct error *err) {
    const char *secret = access_new_secret(arena);
    struct session session = {.user_id = user->id,
                              .created_us = clock_now_us(),
                              .method = way->method,
                              .strong = way->strong,
                              .address = order->address,
                              .agent = order->agent,
                              .hint = order->hint};
    struct actor actor = {0};
    bool done = false;
    session.last_seen_us = session.created_us;
    access_hash(secret, session.hash);
    TX(tx, core_db(core), &done, err)
        tx.ok = insert_session(tx.tx, arena, user, order, way, &session, &actor, err);
    TRY(done);
    *ret_secret = secret;
    *ret_actor = actor;
    return true;
}

static bool load_by_session(struct tx *tx, struct arena *arena, const uint8_t hash[static 32],
                            const char *address, const char *request_id, struct actor *ret_actor,
                            struct error *err) {
    int64_t now = clock_now_us();
    struct session session;
    TRY(session_find(tx, hash, now, &session, err));
    TRY(access_load(tx, arena, session.user_id, address, request_id, ret_actor, err));
    forget_password(ret_actor, session.by_certificate);
    ret_actor->strong = session.strong;
    if (!session.strong) {
        struct access_settings settings;
        TRY(access_settings_read(tx, arena, &settings, err));
        ret_actor->must_enrol_factor =
            second_factor_required(&settings, ret_actor->grants, ret_actor->grant_count);
    }
    return session.last_seen_us + SEEN_EVERY_US > now || session_touch(tx, hash, now, err);
}

bool access_by_session(struct core *core, struct arena *arena, const char *secret,
                       const char *address, const char *request_id, struct actor *ret_actor,
                       struct error *err) {
    struct actor actor = {0};
    uint8_t hash[32];
    bool done = false;
    access_hash(secret, hash);
    TX(tx, core_db(core), &done, err)
        tx.ok = load_by_session(tx.tx, arena, hash, address, request_id, &actor, err);
    if (!done)
        return err->kind == ERROR_NOT_FOUND &&
               fail(err, ERROR_UNAUTHENTICATED, "bad-credentials",
                    "The session is unknown, has expired or was ended; log in again.");
    memcpy(actor.session_hash, hash, sizeof hash);
    *ret_actor = actor;
    return true;
}

bool access_logout(struct core *core, const struct actor *actor, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = session_delete(tx.tx, actor->session_hash, err) &&
                access_note(tx.tx, actor,
                            &(struct event_note){.code = "session.ended",
                                                 .object_kind = "user",
                                                 .object = actor->name},
                            err);
    return done;
}

static bool is_itself(const struct actor *actor, struct uuid user_id) {
    return !actor->system && uuid_equal(actor->user_id, user_id);
}

bool access_sessions(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid user_id, struct session **ret_items, size_t *ret_count,
                     struct error *err) {
    struct user user;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = (is_itself(actor, user_id) ||
                 access_may_change(tx.tx, arena, actor, user_id, &user, err)) &&
                session_list(tx.tx, arena, user_id, clock_now_us(), ret_items, ret_count, err);
    return done;
}

static bool end_sessions(struct tx *tx, struct arena *arena, const struct actor *actor,
                         struct uuid user_id, const uint8_t *prefix, struct error *err) {
    struct user user;
    bool own = is_itself(actor, user_id);
    TRY(own ? user_by_id(tx, arena, &scope_everything, user_id, &user, err)
            : access_may_change(tx, arena, actor, user_id, &user, err));
    if (prefix != NULL)
        TRY(session_delete_one(tx, user_id, prefix, err));
    else if (own)
        TRY(session_delete_others(tx, user_id, actor->session_hash, err));
    else
        TRY(session_delete_user(tx, user_id, err));
    return access_note(tx, actor,
                       &(struct event_note){.code = prefix == NULL ? "session.all-ended" : "session.ended",
                                            .organisation_id = user.organisation_id,
                                            .object_kind = "user",
                                            .object = user.username},
                       err);
}

bool access_sessions_end(struct core *core, struct arena *arena, const struct actor *actor,
                         struct uuid user_id, const uint8_t *prefix, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = end_sessions(tx.tx, arena, actor, user_id, prefix, err);
    return done;
}

/* Every other session of the user ends; the one that asks stays as it is. */
static bool store_password(struct tx *tx, const struct actor *actor, const struct user *user,
                           const char *encoded, struct error *err) {
    struct event_note note = {.code = "user.password-changed",
                              .organisation_id = user->organisation_id,
                              .object_kind = "user",
                              .object = user->username};
    TRY(user_set_password(tx, user->id, encoded, false, err));
    TRY(user_record_login(tx, user->id, true, clock_now_us(), 0, err));
    TRY(actor->by_token ? session_delete_user(tx, user->id, err)
                        : session_delete_others(tx, user->id, actor->session_hash, err));
    return access_note(tx, actor, &note, err);
}

bool access_change_password(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *old_password, const char *new_password, struct error *err) {
    struct user user;
    const char *encoded;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_by_id(tx.tx, arena, &scope_everything, actor->user_id, &user, err);
    TRY(done);
    if (user.provider[0] != '\0')
        return fail(err, ERROR_POLICY, "not-local",
                    "The password of %.100s is kept by %s; change it there.", user.username,
                    user.provider);
    TRY(access_charge(core, &user, err));
    if (!password_verify(user.password_hash, old_password))
        return access_refuse(core, actor, "wrong", err);
    if (strcmp(old_password, new_password) == 0)
        return fail(err, ERROR_POLICY, "bad-password", "The new password is the old one.");
    TRY(password_check_rules(new_password, user.username, err));
    TRY(password_hash(arena, new_password, &encoded, err));
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = store_password(tx.tx, actor, &user, encoded, err);
    return done;
}
