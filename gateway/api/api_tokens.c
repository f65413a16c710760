/* The caller's own API tokens. */
#include "api/handlers.h"

static void token_write(struct json_writer *w, const struct api_token *token, const char *secret) {
    json_open_object(w);
    put_uuid(w, "id", token->id);
    json_put_string(w, "label", token->label);
    json_put_time(w, "createdAt", token->created_us);
    put_time_or_null(w, "expiresAt", token->expires_us);
    put_time_or_null(w, "lastUsedAt", token->last_used_us);
    json_put_bool(w, "revoked", token->revoked);
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
        token_write(&w, &items[i], NULL);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(api_tokens_create) {
    static const char *const members[] = {"label", "expiresAt", NULL};
    const struct json *document;
    const char *label, *secret;
    int64_t expires_us = 0;
    struct api_token token;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "label", &label, err));
    TRY(ask_time(document, "expiresAt", &expires_us, err));
    TRY(access_token_create(context, request->arena, actor_of(request), label, expires_us, &secret,
                            &token, err));
    struct json_writer w = json_writer_on(request->arena);
    token_write(&w, &token, secret);
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
