/* The own second factors, and those of a user who has lost them. */
#include "access/handlers.h"

#include "ca/factors.h"

static void write_factor(struct json_writer *w, const struct factor *factor) {
    json_open_object(w);
    put_uuid(w, "id", factor->id);
    json_put_string(w, "kind", factor->kind == FACTOR_TOTP ? "totp" : "webauthn");
    json_put_string(w, "label", factor->label);
    json_put_bool(w, "confirmed", factor->confirmed);
    json_put_time(w, "createdAt", factor->created_us);
    put_time_or_null(w, "lastUsedAt", factor->last_used_us);
    json_close_object(w);
}

static void write_codes(struct json_writer *w, const char *const *codes) {
    json_name(w, "recoveryCodes");
    if (codes == NULL) {
        json_add_null(w);
        return;
    }
    json_open_array(w);
    for (int i = 0; i < RECOVERY_CODES; i++)
        json_add_string(w, codes[i]);
    json_close_array(w);
}

HANDLER(factors_list) {
    struct factor *items = NULL;
    size_t count = 0;
    int64_t codes;
    TRY(ask_no_query(request, err));
    TRY(access_factors(context, request->arena, actor_of(request), &items, &count, &codes, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_factor(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(factors_remove) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "second factor", &id, err));
    TRY(access_factor_remove(context, request->arena, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}

HANDLER(totp_begin) {
    static const char *const members[] = {"label", NULL};
    const struct json *document;
    const char *label, *secret, *uri;
    struct factor factor;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "label", &label, err));
    TRY(access_totp_begin(context, request->arena, actor_of(request), label, &factor, &secret, &uri, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "factor");
    write_factor(&w, &factor);
    json_put_string(&w, "secret", secret);
    json_put_string(&w, "uri", uri);
    json_close_object(&w);
    reply_json(response, 201, &w);
    return true;
}

HANDLER(totp_confirm) {
    static const char *const members[] = {"code", NULL};
    const struct json *document;
    const char *code, *const *codes;
    struct uuid id;
    TRY(ask_id(request, 0, "second factor", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "code", &code, err));
    TRY(access_totp_confirm(context, request->arena, actor_of(request), id, code, &codes, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    write_codes(&w, codes);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(keys_begin) {
    static const char *const members[] = {"label", NULL};
    const struct json *document;
    const char *label, *ticket, *options;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "label", &label, err));
    TRY(access_key_begin(context, request->arena, actor_of(request), label, &ticket, &options, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "ticket", ticket);
    put_document(&w, request->arena, "publicKey", options);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(keys_finish) {
    static const char *const members[] = {"ticket", "credential", NULL};
    const struct json *document, *credential = NULL;
    const char *ticket, *const *codes;
    struct factor factor;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "ticket", &ticket, err));
    TRY(json_object(document, "credential", &credential, err));
    TRY(access_key_finish(context, request->arena, actor_of(request), ticket, credential, &factor, &codes,
                          err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "factor");
    write_factor(&w, &factor);
    write_codes(&w, codes);
    json_close_object(&w);
    reply_json(response, 201, &w);
    return true;
}

HANDLER(recovery_show) {
    struct factor *items = NULL;
    size_t count = 0;
    int64_t codes;
    TRY(ask_no_query(request, err));
    TRY(access_factors(context, request->arena, actor_of(request), &items, &count, &codes, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "remaining", codes);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(recovery_renew) {
    const char *const *codes;
    TRY(ask_no_query(request, err));
    TRY(access_recovery_renew(context, request->arena, actor_of(request), &codes, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    write_codes(&w, codes);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(factors_reset) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(access_factors_reset(context, request->arena, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}
