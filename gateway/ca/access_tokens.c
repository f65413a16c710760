#include "ca/access_internal.h"
#include "ca/actor_cache.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "store/cas.h"

#include <openssl/evp.h>
#include <string.h>

#define MAX_LABEL 100

static bool has_role(const struct actor *actor, const char *role) {
    for (size_t i = 0; i < actor->grant_count; i++)
        if (strcmp(grant_role_name(&actor->grants[i]), role) == 0)
            return true;
    return false;
}

static void write_list(struct json_writer *w, const char *name, const char *const *items, size_t count) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_add_string(w, items[i]);
    json_close_array(w);
}

/* The limits as the database keeps them; "" for none. Only what the owner has can be in them. */
static bool make_limits(struct core *core, struct arena *arena, const struct actor *actor,
                        const struct token_order *order, const char **ret_limits, struct error *err) {
    struct scope scope;
    bool done = false;
    *ret_limits = "";
    if (order->role_count == 0 && order->ca_count == 0 && order->requests_per_second == 0 &&
        order->certificates_per_day == 0)
        return true;
    for (size_t i = 0; i < order->role_count; i++)
        if (!has_role(actor, order->roles[i]))
            return fail(err, ERROR_POLICY, "bad-role", "%.60s does not have the role \"%.60s\".",
                        actor->name, order->roles[i]);
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err) {
        tx.ok = true;
        for (size_t i = 0; tx.ok && i < order->ca_count; i++) {
            struct ca_record ca;
            tx.ok = ca_by_slug(tx.tx, arena, &scope, order->cas[i], &ca, err);
        }
    }
    TRY(done);
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    write_list(&w, "roles", order->roles, order->role_count);
    write_list(&w, "cas", order->cas, order->ca_count);
    if (order->requests_per_second != 0)
        json_put_int(&w, "requestsPerSecond", order->requests_per_second);
    if (order->certificates_per_day != 0)
        json_put_int(&w, "certificatesPerDay", order->certificates_per_day);
    json_close_object(&w);
    *ret_limits = json_written(&w);
    return true;
}

static bool listed(const struct json *list, const char *text) {
    JSON_EACH (item, list)
        if (item->type == JSON_STRING && strcmp(item->text, text) == 0)
            return true;
    return list == NULL || list->count == 0;
}

/* The grants that reach a CA, narrowed to it. */
static size_t narrow(const struct grant *grants, size_t count, const struct ca_record *ca,
                     struct grant *out) {
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        const struct grant *g = &grants[i];
        bool reaches = g->scope == ROLE_SCOPE_INSTANCE ||
                       (g->scope == ROLE_SCOPE_ORGANISATION && uuid_equal(g->object, ca->organisation_id)) ||
                       (g->scope == ROLE_SCOPE_CA && uuid_equal(g->object, ca->id));
        if (!reaches)
            continue;
        out[made] = *g;
        out[made].scope = ROLE_SCOPE_CA;
        out[made++].object = ca->id;
    }
    return made;
}

static bool narrow_to_cas(struct tx *tx, struct arena *arena, const struct json *cas,
                          struct grant **grants, size_t *count, struct error *err) {
    struct grant *out = arena_array(arena, *count * cas->count + 1, sizeof *out);
    size_t made = 0;
    JSON_EACH (item, cas) {
        struct ca_record ca;
        struct error gone = {0};
        if (ca_by_slug(tx, arena, &scope_everything, item->text, &ca, &gone))
            made += narrow(*grants, *count, &ca, out + made);
        else if (gone.kind != ERROR_NOT_FOUND) { /* a deleted CA leaves nothing to do */
            *err = gone;
            return false;
        }
    }
    *grants = out;
    *count = made;
    return true;
}

bool token_limit_grants(struct tx *tx, struct arena *arena, const char *limits, struct grant **grants,
                        size_t *count, struct error *err) {
    const struct json *document;
    TRY(json_parse(arena, view_text(limits), &document, err));
    const struct json *roles = json_get(document, "roles"), *cas = json_get(document, "cas");
    struct grant *kept = arena_array(arena, *count + 1, sizeof *kept);
    size_t kept_count = 0;
    for (size_t i = 0; i < *count; i++)
        if (listed(roles, grant_role_name(&(*grants)[i])))
            kept[kept_count++] = (*grants)[i];
    *grants = kept;
    *count = kept_count;
    return cas == NULL || cas->count == 0 || narrow_to_cas(tx, arena, cas, grants, count, err);
}

bool token_read_rates(struct arena *arena, const char *limits, struct actor *actor, struct error *err) {
    const struct json *document;
    return json_parse(arena, view_text(limits), &document, err) &&
           json_int(document, "requestsPerSecond", 1, INT64_MAX, &actor->requests_per_second, err) &&
           json_int(document, "certificatesPerDay", 1, INT64_MAX, &actor->certificates_per_day, err);
}

bool access_token_create(struct core *core, struct arena *arena, const struct actor *actor,
                         const struct token_order *order, const char **ret_secret,
                         struct api_token *ret_token, struct error *err) {
    struct api_token token = {.id = uuid_new(),
                              .user_id = actor->user_id,
                              .label = order->label,
                              .created_us = clock_now_us(),
                              .expires_us = order->expires_us};
    if (actor->limited)
        return fail(err, ERROR_FORBIDDEN, "limited-token",
                    "A token that is limited makes no others; log in, or use one without limits.");
    if (token.label[0] == '\0' || strlen(token.label) > MAX_LABEL)
        return fail(err, ERROR_POLICY, "bad-label", "An API token needs a label of 1 to %d bytes.",
                    MAX_LABEL);
    if (token.expires_us != 0 && token.expires_us <= token.created_us)
        return fail(err, ERROR_POLICY, "bad-time", "The API token would expire in the past.");
    TRY(make_limits(core, arena, actor, order, &token.limits, err));
    const char *secret = arena_printf(arena, "gh_%s", access_new_secret(arena));
    access_hash(secret, token.hash);
    struct event_note note = {.code = "api-token.created",
                              .object_kind = "api-token",
                              .object = uuid_text(arena, token.id),
                              .details = token.limits[0] == '\0' ? NULL : token.limits};
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

static bool revoke_all(struct tx *tx, const struct actor *actor, const struct user *user,
                       struct error *err) {
    int64_t count;
    TRY(api_token_revoke_all(tx, user->id, &count, err));
    return access_note(tx, actor,
                       &(struct event_note){.code = "api-token.all-revoked",
                                            .organisation_id = user->organisation_id,
                                            .object_kind = "user",
                                            .object = user->username},
                       err);
}

bool access_token_revoke_all(struct core *core, struct arena *arena, const struct actor *actor,
                             struct error *err) {
    struct user user;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_by_id(tx.tx, arena, &scope_everything, actor->user_id, &user, err) &&
                revoke_all(tx.tx, actor, &user, err);
    actor_cache_forget();
    return done;
}

bool access_user_tokens(struct core *core, struct arena *arena, const struct actor *actor,
                        struct uuid id, struct api_token **ret_items, size_t *ret_count,
                        struct error *err) {
    struct user user;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = access_may_change(tx.tx, arena, actor, id, &user, err) &&
                api_token_list(tx.tx, arena, id, ret_items, ret_count, err);
    return done;
}

bool access_user_tokens_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                               struct uuid id, struct error *err) {
    struct user user;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = access_may_change(tx.tx, arena, actor, id, &user, err) &&
                revoke_all(tx.tx, actor, &user, err);
    actor_cache_forget();
    return done;
}
