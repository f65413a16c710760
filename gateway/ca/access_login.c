#include "ca/access_internal.h"
#include "ca/actor_cache.h"
#include "ca/factors.h"
#include "ca/password_cache.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define FREE_TRIES 5
#define LONGEST_DELAY_S 30
#define SECRET_SIZE 32
#define TOUCH_EVERY_US (60 * US_PER_SECOND)

void access_hash(const char *secret, uint8_t ret_hash[static 32]) {
    EVP_Digest(secret, strlen(secret), ret_hash, NULL, EVP_sha256(), NULL);
}

const char *access_new_secret(struct arena *arena) {
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

void access_fill_actor(const struct user *user, const struct grant *grants, size_t count,
                       const char *address, const char *request_id, struct actor *ret_actor) {
    *ret_actor = (struct actor){.user_id = user->id,
                                .name = user->username,
                                .organisation_id = user->organisation_id,
                                .address = address,
                                .request_id = request_id,
                                .grants = grants,
                                .grant_count = count,
                                .must_change_password = user->must_change_password};
}

struct actor access_stranger(struct arena *arena, const char *username, const char *address,
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

bool access_charge(struct core *core, const struct user *user, struct error *err) {
    int64_t now = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_record_login(tx.tx, user->id, false, now,
                                  now + delay_after(user->failed_logins + 1), err);
    return done;
}

bool access_refuse(struct core *core, const struct actor *who, const char *why, struct error *err) {
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
    if (strcmp(why, "pending") == 0)
        return fail(err, ERROR_FORBIDDEN, "account-pending",
                    "The registration waits for an administrator's approval.");
    if (strcmp(why, "factor") == 0)
        return fail(err, ERROR_UNAUTHENTICATED, "factor-failed",
                    "The code or key is wrong, was used already or is too old; try again.");
    return fail(err, ERROR_UNAUTHENTICATED, "login-failed", "User name or password is wrong.");
}

/* Verified for names that do not exist, so that they cost the same: it is nobody's password. */
static const char nobodys_hash[] = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$"
                                   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

bool access_check_password(struct core *core, struct arena *arena, const struct login_order *order,
                           struct user *ret_user, struct error *err) {
    struct actor who = access_stranger(arena, order->username, order->address, order->request_id);
    bool found;
    TRY(find_user(core, arena, order->username, ret_user, &found, err));
    if (found && ret_user->retry_after_us > clock_now_us())
        return access_refuse(core, &who, "delayed", err);
    if (found)
        TRY(access_charge(core, ret_user, err));
    const char *hash =
        found && ret_user->password_hash[0] != '\0' ? ret_user->password_hash : nobodys_hash;
    bool right = password_verify(hash, order->password);
    if (!found || !right)
        return access_refuse(core, &who, "wrong", err);
    if (ret_user->state == USER_PENDING)
        return access_refuse(core, &who, "pending", err);
    return ret_user->state == USER_ACTIVE || access_refuse(core, &who, "suspended", err);
}

bool access_login(struct core *core, struct arena *arena, const struct login_order *order,
                  const struct factor_proof *proof, struct login_result *ret, struct error *err) {
    struct user user = {0};
    TRY(access_check_password(core, arena, order, &user, err));
    return access_login_go_on(core, arena, &user, order, "password", proof, ret, err);
}

/* The user whose password was right a moment ago, as the database has it now. */
static bool find_remembered(struct core *core, struct arena *arena, const struct login_order *order,
                            struct user *ret_user, bool *ret_right, struct error *err) {
    bool found;
    *ret_right = false;
    TRY(find_user(core, arena, order->username, ret_user, &found, err));
    *ret_right = found && ret_user->state == USER_ACTIVE && ret_user->password_hash[0] != '\0' &&
                 password_cache_has(core, ret_user->password_hash, order->password);
    return true;
}

static bool verify_and_remember(struct core *core, struct arena *arena, const struct login_order *order,
                                struct user *ret_user, struct error *err) {
    bool done = false;
    TRY(access_check_password(core, arena, order, ret_user, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = user_record_login(tx.tx, ret_user->id, true, clock_now_us(), 0, err);
    TRY(done);
    password_cache_put(core, ret_user->password_hash, order->password);
    return true;
}

bool access_one_factor_is_enough(struct tx *tx, struct arena *arena, const struct actor *actor,
                                 struct error *err) {
    struct access_settings settings;
    struct factor *factors;
    size_t count;
    TRY(access_settings_read(tx, arena, &settings, err));
    TRY(factor_list(tx, arena, actor->user_id, &factors, &count, err));
    bool has = false;
    for (size_t i = 0; i < count; i++)
        has = has || factors[i].confirmed;
    if (!has && !second_factor_required(&settings, actor->grants, actor->grant_count))
        return true;
    return fail(err, ERROR_FORBIDDEN, "second-factor-needed",
                "The user %.100s logs in with a second factor, which does not fit here; make a user of "
                "its own for devices.",
                actor->name);
}

bool access_by_password(struct core *core, struct arena *arena, const char *username,
                        const char *password, const char *address, const char *request_id,
                        struct actor *ret_actor, struct error *err) {
    const struct login_order order = {
        .username = username, .password = password, .address = address, .request_id = request_id};
    struct user user = {0};
    struct actor actor = {0};
    bool done = false, right;
    TRY(find_remembered(core, arena, &order, &user, &right, err));
    if (!right)
        TRY(verify_and_remember(core, arena, &order, &user, err));
    if (user.must_change_password)
        return fail(err, ERROR_FORBIDDEN, "password-change-needed",
                    "The user %.100s must change the password first, in the console.", user.username);
    TX(tx, core_db(core), &done, err)
        tx.ok = access_load(tx.tx, arena, user.id, address, request_id, &actor, err) &&
                access_one_factor_is_enough(tx.tx, arena, &actor, err);
    TRY(done);
    *ret_actor = actor;
    return true;
}

bool access_load(struct tx *tx, struct arena *arena, struct uuid user_id, const char *address,
                 const char *request_id, struct actor *ret_actor, struct error *err) {
    struct user user;
    struct grant *grants = NULL;
    size_t count = 0;
    TRY(user_by_id(tx, arena, &scope_everything, user_id, &user, err));
    if (user.state != USER_ACTIVE)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The user is suspended.");
    TRY(grant_list(tx, arena, user_id, &grants, &count, err));
    access_fill_actor(&user, grants, count, address, request_id, ret_actor);
    return true;
}

static bool load_by_token(struct tx *tx, struct arena *arena, const struct api_token *token,
                          const char *address, const char *request_id, struct actor *ret_actor,
                          struct error *err) {
    struct actor actor;
    TRY(access_load(tx, arena, token->user_id, address, request_id, &actor, err));
    if (token->limits[0] != '\0') {
        struct grant *grants = (struct grant *)(uintptr_t)actor.grants; /* on our arena */
        TRY(token_limit_grants(tx, arena, token->limits, &grants, &actor.grant_count, err));
        actor.grants = grants;
        actor.limited = true;
        TRY(token_read_rates(arena, token->limits, &actor, err));
    }
    /* The one-time password is a matter of people at the console; a token was made on purpose. */
    actor.must_change_password = false;
    actor.by_token = true;
    actor.token_id = token->id;
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
    access_hash(secret, hash);
    if (actor_cache_get(core, arena, hash, &actor)) {
        actor.address = address;
        actor.request_id = request_id;
        *ret_actor = actor;
        return true;
    }
    unsigned moment = actor_cache_moment();
    TX(tx, core_db(core), &done, err)
        tx.ok = api_token_find(tx.tx, arena, hash, now, &token, err) &&
                load_by_token(tx.tx, arena, &token, address, request_id, &actor, err) &&
                (token.last_used_us + TOUCH_EVERY_US > now ||
                 api_token_touch(tx.tx, token.id, now, err));
    if (!done)
        return err->kind == ERROR_NOT_FOUND &&
               fail(err, ERROR_UNAUTHENTICATED, "bad-credentials",
                    "The API token is unknown, has expired or was ended; log in again.");
    if (token.expires_us == 0 || token.expires_us > now + 2 * US_PER_SECOND)
        actor_cache_put(core, hash, &actor, moment);
    *ret_actor = actor;
    return true;
}
