#include "ca/access.h"
#include "ca/actor_cache.h"
#include "ca/core.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define SESSION_LIFE_US (12 * 3600 * US_PER_SECOND)
#define FREE_TRIES 5
#define LONGEST_DELAY_S 30
#define SECRET_SIZE 32
#define TOUCH_EVERY_US (60 * US_PER_SECOND)

static void hash_secret(const char *secret, uint8_t ret_hash[static 32]) {
    EVP_Digest(secret, strlen(secret), ret_hash, NULL, EVP_sha256(), NULL);
}

static const char *new_secret(struct arena *arena) {
    uint8_t bytes[SECRET_SIZE];
    random_bytes(bytes, sizeof bytes);
    return base64url_encode(arena, view_of(bytes, sizeof bytes));
}

/* The pause after the nth failure in a row: none for the first five, then 1, 2, 4 ... 30 seconds. It never
 * becomes a lock-out. */
static int64_t delay_after(int failures) {
    if (failures < FREE_TRIES)
        return 0;
    int shift = failures - FREE_TRIES;
    int64_t seconds = shift > 5 ? LONGEST_DELAY_S : INT64_C(1) << shift;
    return (seconds > LONGEST_DELAY_S ? LONGEST_DELAY_S : seconds) * US_PER_SECOND;
}

static void fill_actor(const struct user *user, const struct grant *grants, size_t count,
                       const char *address, const char *request_id, struct actor *ret_actor) {
    *ret_actor = (struct actor){.user_id = user->id,
                                .name = user->username,
                                .address = address,
                                .request_id = request_id,
                                .grants = grants,
                                .grant_count = count,
                                .must_change_password = user->must_change_password};
}

/* The person behind a try that may fail: its name is what was typed, which is no secret but may be long. */
static struct actor stranger(struct arena *arena, const char *username, const char *address,
                             const char *request_id) {
    return (struct actor){.name = arena_printf(arena, "%.100s", username),
                          .address = address,
                          .request_id = request_id};
}

static bool find_user(struct core *core, struct arena *arena, const char *username,
                      struct user *ret_user, bool *ret_found, struct error *err) {
    bool done = false, found = false;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = user_by_name(tx.tx, arena, username, ret_user, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    *ret_found = found;
    return done;
}

/* Every try is charged as a failure before the password is looked at, so that many at once do not slip
 * through together; success clears the account. */
static bool charge_try(struct core *core, const struct user *user, struct error *err) {
    int64_t now = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_record_login(tx.tx, user->id, false, now,
                                  now + delay_after(user->failed_logins + 1), err);
    return done;
}

static bool refuse(struct core *core, const struct actor *who, const char *why, struct error *err) {
    char details[64];
    snprintf(details, sizeof details, "{\"reason\":\"%s\"}", why);
    access_note_alone(core, who,
                      &(struct event_note){.code = "session.refused",
                                           .outcome = "refused",
                                           .object_kind = "user",
                                           .object = who->name,
                                           .details = details});
    if (strcmp(why, "delayed") == 0)
        return fail(err, ERROR_TOO_MANY, "slow-down",
                    "Too many wrong passwords for this user; wait up to %d seconds and try again.",
                    LONGEST_DELAY_S);
    return fail(err, ERROR_UNAUTHENTICATED, "login-failed", "User name or password is wrong.");
}

static bool open_session(struct core *core, struct arena *arena, struct user *user,
                         const char *address, const char *request_id, const char *secret,
                         struct actor *ret_actor, struct error *err) {
    struct session session = {.user_id = user->id, .created_us = clock_now_us()};
    struct actor actor = {0};
    bool done = false;
    session.expires_us = session.created_us + SESSION_LIFE_US;
    hash_secret(secret, session.hash);
    TX(tx, core_db(core), &done, err) {
        struct grant *grants = NULL;
        size_t count = 0;
        tx.ok = grant_list(tx.tx, arena, user->id, &grants, &count, err);
        fill_actor(user, grants, count, address, request_id, &actor);
        memcpy(actor.session_hash, session.hash, sizeof session.hash);
        struct event_note note = {.code = "session.created",
                                  .organisation_id = user->organisation_id,
                                  .object_kind = "user",
                                  .object = user->username};
        tx.ok = tx.ok &&
                user_record_login(tx.tx, user->id, true, session.created_us, 0, err) &&
                session_insert(tx.tx, &session, err) && access_note(tx.tx, &actor, &note, err);
    }
    *ret_actor = actor;
    return done;
}

/* Slowed, charged and verified; the user's record when the password is right. */
static bool check_password(struct core *core, struct arena *arena, const char *username,
                           const char *password, const char *address, const char *request_id,
                           struct user *ret_user, struct error *err) {
    /* Verified for names that do not exist, so that they cost the same: it is nobody's password. */
    static const char nobody[] = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    struct actor who = stranger(arena, username, address, request_id);
    bool found;
    TRY(find_user(core, arena, username, ret_user, &found, err));
    if (found && ret_user->retry_after_us > clock_now_us())
        return refuse(core, &who, "delayed", err);
    if (found)
        TRY(charge_try(core, ret_user, err));
    const char *hash = found && ret_user->password_hash[0] != '\0' ? ret_user->password_hash : nobody;
    bool right = password_verify(hash, password);
    if (!found || !right)
        return refuse(core, &who, "wrong", err);
    return ret_user->state == USER_ACTIVE || refuse(core, &who, "suspended", err);
}

bool access_login(struct core *core, struct arena *arena, const char *username, const char *password,
                  const char *address, const char *request_id, const char **ret_secret,
                  struct actor *ret_actor, struct error *err) {
    struct user user = {0};
    TRY(check_password(core, arena, username, password, address, request_id, &user, err));
    const char *secret = new_secret(arena);
    TRY(open_session(core, arena, &user, address, request_id, secret, ret_actor, err));
    *ret_secret = secret;
    return true;
}

bool access_by_password(struct core *core, struct arena *arena, const char *username,
                        const char *password, const char *address, const char *request_id,
                        struct actor *ret_actor, struct error *err) {
    struct user user = {0};
    struct grant *grants = NULL;
    size_t count = 0;
    bool done = false;
    TRY(check_password(core, arena, username, password, address, request_id, &user, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = grant_list(tx.tx, arena, user.id, &grants, &count, err) &&
                user_record_login(tx.tx, user.id, true, clock_now_us(), 0, err);
    TRY(done);
    if (user.must_change_password)
        return fail(err, ERROR_FORBIDDEN, "password-change-needed",
                    "The user %.100s must change the password first, in the console.", user.username);
    fill_actor(&user, grants, count, address, request_id, ret_actor);
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

/* The user's record and roles in the caller's transaction. */
static bool load_actor(struct tx *tx, struct arena *arena, struct uuid user_id, const char *address,
                       const char *request_id, struct actor *ret_actor, struct error *err) {
    struct user user;
    struct grant *grants = NULL;
    size_t count = 0;
    TRY(user_by_id(tx, arena, &scope_everything, user_id, &user, err));
    if (user.state != USER_ACTIVE)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The user is suspended.");
    TRY(grant_list(tx, arena, user_id, &grants, &count, err));
    fill_actor(&user, grants, count, address, request_id, ret_actor);
    return true;
}

static bool bad_credentials(const char *what, struct error *err) {
    if (err->kind != ERROR_NOT_FOUND)
        return false;
    return fail(err, ERROR_UNAUTHENTICATED, "bad-credentials",
                "The %s is unknown, has expired or was ended; log in again.", what);
}

bool access_by_session(struct core *core, struct arena *arena, const char *secret,
                       const char *address, const char *request_id, struct actor *ret_actor,
                       struct error *err) {
    struct session session;
    struct actor actor = {0};
    uint8_t hash[32];
    bool done = false;
    hash_secret(secret, hash);
    TX(tx, core_db(core), &done, err)
        tx.ok = session_find(tx.tx, hash, clock_now_us(), &session, err) &&
                load_actor(tx.tx, arena, session.user_id, address, request_id, &actor, err);
    if (!done)
        return bad_credentials("session", err);
    memcpy(actor.session_hash, hash, sizeof hash);
    *ret_actor = actor;
    return true;
}

bool access_by_token(struct core *core, struct arena *arena, const char *secret, const char *address,
                     const char *request_id, struct actor *ret_actor, struct error *err) {
    struct api_token token;
    struct actor actor = {0};
    uint8_t hash[32];
    bool done = false;
    int64_t now = clock_now_us();
    hash_secret(secret, hash);
    if (actor_cache_get(core, arena, hash, &actor)) {
        actor.address = address;
        actor.request_id = request_id;
        *ret_actor = actor;
        return true;
    }
    unsigned moment = actor_cache_moment();
    TX(tx, core_db(core), &done, err)
        tx.ok = api_token_find(tx.tx, arena, hash, now, &token, err) &&
                load_actor(tx.tx, arena, token.user_id, address, request_id, &actor, err) &&
                (token.last_used_us + TOUCH_EVERY_US > now ||
                 api_token_touch(tx.tx, token.id, now, err));
    if (!done)
        return bad_credentials("API token", err);
    /* The one-time password is a matter of people at the console; a token was made on purpose. */
    actor.must_change_password = false;
    actor.by_token = true;
    actor.token_id = token.id;
    if (token.expires_us == 0 || token.expires_us > now + 2 * US_PER_SECOND)
        actor_cache_put(core, hash, &actor, moment);
    *ret_actor = actor;
    return true;
}

bool access_change_password(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *old_password, const char *new_password, struct error *err) {
    struct user user;
    const char *encoded;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_by_id(tx.tx, arena, &scope_everything, actor->user_id, &user, err);
    TRY(done);
    TRY(charge_try(core, &user, err));
    if (!password_verify(user.password_hash, old_password))
        return refuse(core, actor, "wrong", err);
    if (strcmp(old_password, new_password) == 0)
        return fail(err, ERROR_POLICY, "bad-password", "The new password is the old one.");
    TRY(password_check_rules(new_password, user.username, err));
    TRY(password_hash(arena, new_password, &encoded, err));
    struct session session = {.user_id = user.id, .created_us = clock_now_us()};
    session.expires_us = session.created_us + SESSION_LIFE_US;
    memcpy(session.hash, actor->session_hash, sizeof session.hash);
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_set_password(tx.tx, user.id, encoded, false, err) &&
                user_record_login(tx.tx, user.id, true, session.created_us, 0, err) &&
                session_delete_user(tx.tx, user.id, err) &&
                (actor->by_token || session_insert(tx.tx, &session, err)) &&
                access_note(tx.tx, actor,
                            &(struct event_note){.code = "user.password-changed",
                                                 .organisation_id = user.organisation_id,
                                                 .object_kind = "user",
                                                 .object = user.username},
                            err);
    return done;
}
