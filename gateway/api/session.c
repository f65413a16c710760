/* Log-in, who am I, log-out, the own password. */
#include "api/handlers.h"

#include "identity/outside.h"

#include <openssl/crypto.h>

#define COOKIE_FLAGS "; Path=/; HttpOnly; Secure; SameSite=Strict"

static bool write_actor(struct core *core, struct http_request *request, const struct actor *actor,
                        struct json_writer *w, struct error *err) {
    struct names names = {.core = core, .arena = request->arena};
    json_open_object(w);
    json_name(w, "user");
    json_open_object(w);
    put_uuid(w, "id", actor->user_id);
    json_put_string(w, "username", actor->name);
    json_close_object(w);
    json_put_bool(w, "mustChangePassword", actor->must_change_password);
    json_put_bool(w, "mustEnrolFactor", actor->must_enrol_factor);
    json_put_string(w, "by", actor->by_token ? "token" : actor->by_certificate ? "certificate" : "session");
    json_put_bool(w, "secondFactor", actor->strong);
    TRY(grants_write(w, &names, "roles", actor->grants, actor->grant_count, err));
    json_name(w, "permissions");
    json_open_array(w);
    for (int i = 0; i < PERMISSION_COUNT; i++)
        if (actor_could(actor, (enum permission)i))
            json_add_string(w, permission_name((enum permission)i));
    json_close_array(w);
    json_close_object(w);
    return true;
}

static void set_cookie(struct http_request *request, struct http_response *response,
                       const char *secret) {
    http_add_header(response, "Set-Cookie",
                    arena_printf(request->arena, SESSION_COOKIE "=%s" COOKIE_FLAGS, secret));
}

bool session_reply(struct core *core, struct http_request *request, struct http_response *response,
                   const struct login_result *result, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    if (result->secret != NULL) {
        TRY(write_actor(core, request, &result->actor, &w, err));
        set_cookie(request, response, result->secret);
        reply_json(response, 200, &w);
        return true;
    }
    json_open_object(&w);
    json_put_string(&w, "ticket", result->ticket);
    json_put_bool(&w, "totp", result->totp);
    json_put_bool(&w, "recoveryCode", result->recovery);
    if (result->passkey == NULL)
        json_put_null(&w, "publicKey");
    else
        put_document(&w, request->arena, "publicKey", result->passkey);
    json_close_object(&w);
    reply_json(response, 202, &w);
    return true;
}

struct login_order session_order(const struct http_request *request) {
    return (struct login_order){.address = request->address,
                                .request_id = request->id,
                                .agent = http_header(request, "User-Agent")};
}

HANDLER(session_create) {
    static const char *const members[] = {"username", "password",     "provider",
                                          "totp",     "recoveryCode", NULL};
    const struct json *document;
    const char *provider = NULL;
    struct login_result result;
    struct factor_proof proof = {0};
    struct login_order order = session_order(request);
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "username", &order.username, err));
    TRY(ask_string(document, "password", &order.password, err));
    TRY(json_string(document, "totp", &proof.totp, err));
    TRY(json_string(document, "recoveryCode", &proof.recovery_code, err));
    TRY(json_string(document, "provider", &provider, err));
    TRY(provider == NULL
            ? access_login(context, request->arena, &order, &proof, &result, err)
            : outside_login(context, request->arena, provider, &order, &proof, &result, err));
    return session_reply(context, request, response, &result, err);
}

HANDLER(session_second) {
    static const char *const members[] = {"ticket", "totp", "recoveryCode", "credential", NULL};
    const struct json *document;
    const char *ticket;
    struct login_result result;
    struct factor_proof proof = {0};
    struct login_order order = session_order(request);
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "ticket", &ticket, err));
    TRY(json_string(document, "totp", &proof.totp, err));
    TRY(json_string(document, "recoveryCode", &proof.recovery_code, err));
    TRY(json_object(document, "credential", &proof.credential, err));
    TRY(access_login_second(context, request->arena, ticket, &proof, &order, &result, err));
    return session_reply(context, request, response, &result, err);
}

HANDLER(session_passkey) {
    const char *ticket, *options;
    TRY(ask_no_query(request, err));
    TRY(access_passkey_begin(context, request->arena, &ticket, &options, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "ticket", ticket);
    put_document(&w, request->arena, "publicKey", options);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(session_passkey_finish) {
    static const char *const members[] = {"ticket", "credential", NULL};
    const struct json *document, *credential = NULL;
    const char *ticket;
    struct login_result result;
    struct login_order order = session_order(request);
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "ticket", &ticket, err));
    TRY(json_object(document, "credential", &credential, err));
    TRY(access_passkey_finish(context, request->arena, ticket, credential, &order, &result, err));
    return session_reply(context, request, response, &result, err);
}

HANDLER(session_certificate) {
    struct login_result result;
    struct login_order order = session_order(request);
    TRY(ask_no_query(request, err));
    TRY(access_login_certificate(context, request->arena, request->client_certificate, &order, &result,
                                 err));
    return session_reply(context, request, response, &result, err);
}

HANDLER(session_show) {
    struct json_writer w = json_writer_on(request->arena);
    TRY(ask_no_query(request, err));
    TRY(write_actor(context, request, actor_of(request), &w, err));
    reply_json(response, 200, &w);
    return true;
}

/* Where the provider that opened this session is told too; NULL: nowhere. */
static bool find_logout(struct core *core, struct http_request *request, const char **ret_url, struct error *err) {
    const struct actor *actor = actor_of(request);
    struct session *items = NULL;
    size_t count = 0;
    *ret_url = NULL;
    TRY(access_sessions(core, request->arena, actor, actor->user_id, &items, &count, err));
    for (size_t i = 0; i < count; i++)
        if (CRYPTO_memcmp(items[i].hash, actor->session_hash, sizeof items[i].hash) == 0)
            *ret_url = openid_logout(core, request->arena, items[i].method, items[i].hint);
    return true;
}

HANDLER(session_end) {
    const struct actor *actor = actor_of(request);
    const char *url;
    TRY(ask_no_query(request, err));
    if (actor->by_token || actor->by_certificate)
        return fail(
            err, ERROR_CONFLICT, "no-session",
            "There is no session to end; an API token is revoked with DELETE session/tokens/{id}.");
    TRY(find_logout(context, request, &url, err));
    TRY(access_logout(context, actor, err));
    http_add_header(response, "Set-Cookie", SESSION_COOKIE "=" COOKIE_FLAGS "; Max-Age=0");
    if (url == NULL) {
        reply_nothing(response);
        return true;
    }
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "logoutUrl", url);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(session_password) {
    static const char *const members[] = {"old", "new", NULL};
    const struct json *document;
    const char *old_password, *new_password;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "old", &old_password, err));
    TRY(ask_string(document, "new", &new_password, err));
    TRY(access_change_password(context, request->arena, actor_of(request), old_password,
                               new_password, err));
    reply_nothing(response);
    return true;
}
