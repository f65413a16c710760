/* Who calls: a bearer token or the session cookie. */
#include "api/api.h"
#include "api/handlers.h"

#include <string.h>
#include <strings.h>

/* "Bearer" and the token after it (rfc6750#2.1), or NULL. Other schemes belong to other rooms. */
static const char *bearer_token(const struct http_request *request) {
    const char *header = http_header(request, "Authorization");
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    header += 7;
    return header + strspn(header, " ");
}

/* GET and HEAD change nothing (rfc9110#9.2.1). */
static bool is_safe(const struct http_request *request) {
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "OPTIONS") == 0;
}

/* Another site can make a browser send the cookie, but neither this header without a preflight that
 * nobody answers, nor a forged Sec-Fetch-Site. SameSite=Strict is the first wall, this the second.
 */
static bool check_origin(const struct http_request *request, struct error *err) {
    const char *header = http_header(request, "X-Gatehouse-CSRF");
    const char *site = http_header(request, "Sec-Fetch-Site");
    if (is_safe(request) || (header != NULL && strcmp(header, "1") == 0) ||
        (site != NULL && strcmp(site, "same-origin") == 0))
        return true;
    return fail(err, ERROR_FORBIDDEN, "csrf",
                "A request with the session cookie that changes something needs the header "
                "X-Gatehouse-CSRF: 1.");
}

static bool authenticate_session(struct core *core, struct http_request *request,
                                 const char *secret, struct error *err) {
    struct actor *actor = arena_alloc(request->arena, sizeof *actor);
    TRY(access_by_session(core, request->arena, secret, request->address, request->id, actor, err));
    TRY(check_origin(request, err));
    request->actor = actor;
    request->must_change_password = actor->must_change_password;
    return true;
}

bool api_authenticate(void *context, struct http_request *request, struct error *err) {
    const char *token = bearer_token(request);
    const char *secret = http_cookie(request, SESSION_COOKIE);
    if (token != NULL) {
        struct actor *actor = arena_alloc(request->arena, sizeof *actor);
        TRY(access_by_token(context, request->arena, token, request->address, request->id, actor,
                            err));
        request->actor = actor;
        return true;
    }
    if (secret == NULL || secret[0] == '\0')
        return true;
    return authenticate_session(context, request, secret, err);
}

void api_refused(void *context, const struct http_request *request, const struct error *err) {
    struct actor anonymous = {
        .name = "anonymous", .address = request->address, .request_id = request->id};
    const struct actor *actor = request->actor == NULL ? &anonymous : request->actor;
    if (err->kind != ERROR_FORBIDDEN) /* a 401 has no name; log-ins write their own events */
        return;
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "method", request->method);
    json_put_string(&w, "type", err->type);
    json_close_object(&w);
    access_note_alone(
        context, actor,
        &(struct event_note){.code = "request.refused",
                             .outcome = "refused",
                             .object_kind = "path",
                             .object = arena_printf(request->arena, "%.200s", request->path),
                             .details = json_written(&w)});
}
