/* The caller's own API tokens. */
#include "api/handlers.h"

#define MAX_LIMITS 100

static void token_write(struct json_writer *w, struct arena *arena, const struct api_token *token,
                        const char *secret) {
    json_open_object(w);
    put_uuid(w, "id", token->id);
    json_put_string(w, "label", token->label);
    json_put_time(w, "createdAt", token->created_us);
    put_time_or_null(w, "expiresAt", token->expires_us);
    put_time_or_null(w, "lastUsedAt", token->last_used_us);
    json_put_bool(w, "revoked", token->revoked);
    if (token->limits[0] == '\0')
        json_put_null(w, "limits");
    else
        put_document(w, arena, "limits", token->limits);
    if (secret != NULL)
        json_put_string(w, "token", secret);
    json_close_object(w);
}

HANDLER(api_tokens_list) {
    struct api_token *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(access_token_list(context, request->arena, actor_of(request), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        token_write(&w, request->arena, &items[i], NULL);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(api_tokens_create) {
    static const char *const members[] = {"label", "expiresAt", "roles", "cas", "requestsPerSecond",
                                          "certificatesPerDay", NULL};
    const struct json *document;
    const char *secret;
    struct token_order order = {0};
    struct api_token token;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "label", &order.label, err));
    TRY(ask_time(document, "expiresAt", &order.expires_us, err));
    TRY(ask_strings(request->arena, document, "roles", MAX_LIMITS, &order.roles, &order.role_count, err));
    TRY(ask_strings(request->arena, document, "cas", MAX_LIMITS, &order.cas, &order.ca_count, err));
    TRY(json_int(document, "requestsPerSecond", 1, 100000, &order.requests_per_second, err));
    TRY(json_int(document, "certificatesPerDay", 1, 1000000000, &order.certificates_per_day, err));
    TRY(access_token_create(context, request->arena, actor_of(request), &order, &secret, &token, err));
    struct json_writer w = json_writer_on(request->arena);
    token_write(&w, request->arena, &token, secret);
    reply_created(
        response, &w,
        arena_printf(request->arena, "/session/tokens/%s", uuid_text(request->arena, token.id)));
    return true;
}

HANDLER(api_tokens_revoke) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "API token", &id, err));
    TRY(access_token_revoke(context, request->arena, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}

HANDLER(api_tokens_revoke_all) {
    TRY(ask_no_query(request, err));
    TRY(access_token_revoke_all(context, request->arena, actor_of(request), err));
    reply_nothing(response);
    return true;
}

HANDLER(users_tokens) {
    struct uuid id;
    struct api_token *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(access_user_tokens(context, request->arena, actor_of(request), id, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        token_write(&w, request->arena, &items[i], NULL);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(users_tokens_revoke) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(access_user_tokens_revoke(context, request->arena, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}
