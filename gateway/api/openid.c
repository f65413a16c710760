/* Log-in by an OpenID provider: away with a cookie, and back with a code. */
#include "api/handlers.h"

#include "identity/outside.h"

/* Strict will do: the page that the provider sends the browser back to is ours, and it is that page that calls. */
#define VISIT_COOKIE "gatehouse_visit"
#define VISIT_FLAGS "; Path=" API_BASE "/session/openid; HttpOnly; Secure; SameSite=Strict"

HANDLER(session_openid) {
    static const char *const members[] = {"provider", NULL};
    const struct json *document;
    const char *provider, *url, *secret;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "provider", &provider, err));
    TRY(openid_begin(context, request->arena, provider, &url, &secret, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "url", url);
    json_close_object(&w);
    http_add_header(response, "Set-Cookie",
                    arena_printf(request->arena, VISIT_COOKIE "=%s" VISIT_FLAGS "; Max-Age=900", secret));
    reply_json(response, 200, &w);
    return true;
}

HANDLER(session_openid_finish) {
    static const char *const members[] = {"provider", "code", "state", NULL};
    const struct json *document;
    struct login_result result;
    struct login_order order = session_order(request);
    struct openid_return back = {.secret = http_cookie(request, VISIT_COOKIE)};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "provider", &back.provider, err));
    TRY(ask_string(document, "code", &back.code, err));
    TRY(ask_string(document, "state", &back.state, err));
    TRY(openid_finish(context, request->arena, &back, &order, &result, err));
    http_add_header(response, "Set-Cookie", VISIT_COOKIE "=" VISIT_FLAGS "; Max-Age=0");
    return session_reply(context, request, response, &result, err);
}
