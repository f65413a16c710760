#include "ca/access.h"
#include "ca/actor_cache.h"
#include "ca/core.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"

#include <openssl/evp.h>
#include <string.h>

#define MAX_LABEL 100

bool access_token_create(struct core *core, struct arena *arena, const struct actor *actor,
                         const char *label, int64_t expires_us, const char **ret_secret,
                         struct api_token *ret_token, struct error *err) {
    uint8_t bytes[32];
    struct api_token token = {.id = uuid_new(),
                              .user_id = actor->user_id,
                              .label = label,
                              .created_us = clock_now_us(),
                              .expires_us = expires_us};
    if (label[0] == '\0' || strlen(label) > MAX_LABEL)
        return fail(err, ERROR_POLICY, "bad-label", "An API token needs a label of 1 to %d bytes.",
                    MAX_LABEL);
    if (expires_us != 0 && expires_us <= token.created_us)
        return fail(err, ERROR_POLICY, "bad-time", "The API token would expire in the past.");
    random_bytes(bytes, sizeof bytes);
    const char *secret = arena_printf(arena, "gh_%s", base64url_encode(arena, view_of(bytes, 32)));
    EVP_Digest(secret, strlen(secret), token.hash, NULL, EVP_sha256(), NULL);
    struct event_note note = {
        .code = "api-token.created", .object_kind = "api-token", .object = uuid_text(arena, token.id)};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = api_token_insert(tx.tx, &token, err) && access_note(tx.tx, actor, &note, err);
    TRY(done);
    *ret_secret = secret;
    *ret_token = token;
    return true;
}

bool access_token_list(struct core *core, struct arena *arena, const struct actor *actor,
                       struct api_token **ret_items, size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = api_token_list(tx.tx, arena, actor->user_id, ret_items, ret_count, err);
    return done;
}

bool access_token_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                         struct uuid id, struct error *err) {
    struct event_note note = {
        .code = "api-token.revoked", .object_kind = "api-token", .object = uuid_text(arena, id)};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = api_token_revoke(tx.tx, actor->user_id, id, err) &&
                access_note(tx.tx, actor, &note, err);
    actor_cache_forget();
    return done;
}
