/* Sessions, the own and those of users one may change. */
#include "access/handlers.h"

#include <openssl/crypto.h>
#include <string.h>

/* A session's id is the first half of its secret's hash: it names the session and opens nothing. */
static struct uuid session_id(const uint8_t hash[static 32]) {
    struct uuid id;
    memcpy(id.bytes, hash, sizeof id.bytes);
    return id;
}

static bool reply_sessions(struct core *core, struct http_request *request,
                           struct http_response *response, struct uuid user_id, struct error *err) {
    const struct actor *actor = actor_of(request);
    struct session *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(access_sessions(core, request->arena, actor, user_id, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        put_uuid(&w, "id", session_id(items[i].hash));
        json_put_string(&w, "method", items[i].method);
        json_put_bool(&w, "secondFactor", items[i].strong);
        put_text_or_null(&w, "address", items[i].address);
        put_text_or_null(&w, "agent", items[i].agent);
        json_put_time(&w, "createdAt", items[i].created_us);
        put_time_or_null(&w, "lastSeenAt", items[i].last_seen_us);
        json_put_time(&w, "expiresAt", items[i].expires_us);
        json_put_bool(&w, "current",
                      !actor->by_token && CRYPTO_memcmp(items[i].hash, actor->session_hash, 32) == 0);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(sessions_own) {
    return reply_sessions(context, request, response, actor_of(request)->user_id, err);
}

HANDLER(sessions_of_user) {
    struct uuid id;
    TRY(ask_id(request, 0, "user", &id, err));
    return reply_sessions(context, request, response, id, err);
}

static bool end(struct core *core, struct http_request *request, struct http_response *response,
                struct uuid user_id, const uint8_t *prefix, struct error *err) {
    TRY(ask_no_query(request, err));
    TRY(access_sessions_end(core, request->arena, actor_of(request), user_id, prefix, err));
    reply_nothing(response);
    return true;
}

HANDLER(sessions_own_end) {
    return end(context, request, response, actor_of(request)->user_id, NULL, err);
}

HANDLER(sessions_own_end_one) {
    struct uuid id;
    TRY(ask_id(request, 0, "session", &id, err));
    return end(context, request, response, actor_of(request)->user_id, id.bytes, err);
}

HANDLER(sessions_of_user_end) {
    struct uuid id;
    TRY(ask_id(request, 0, "user", &id, err));
    return end(context, request, response, id, NULL, err);
}
