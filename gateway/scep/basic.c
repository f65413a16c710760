/* Who calls a page of ours that is not the API's: by the console's session or by HTTP Basic. */
#include "scep/room.h"

#include "base/encode.h"

#include <string.h>
#include <strings.h>

#define SESSION_COOKIE "gatehouse_session"

bool scep_caller(struct core *core, struct http_request *request, struct http_response *response,
                 struct actor *ret, struct error *err) {
    struct arena *arena = request->arena;
    const char *cookie = http_cookie(request, SESSION_COOKIE);
    const char *header = http_header(request, "Authorization");
    struct view decoded;
    if (header == NULL && cookie != NULL)
        return access_by_session(core, arena, cookie, request->address, request->id, ret, err) &&
               (!ret->must_change_password ||
                fail(err, ERROR_FORBIDDEN, "password-change-needed",
                     "Change the one-time password in the console first."));
    /* rfc7617#2 */
    if (header != NULL && strncasecmp(header, "Basic ", 6) == 0 &&
        base64_decode(arena, view_text(header + 6), &decoded)) {
        char *text = arena_text(arena, decoded), *colon = strchr(text, ':');
        if (colon != NULL && strlen(text) == decoded.len) {
            *colon = '\0';
            return access_by_password(core, arena, text, colon + 1, request->address, request->id,
                                      ret, err);
        }
    }
    http_add_header(response, "WWW-Authenticate", "Basic realm=\"Gatehouse\", charset=\"UTF-8\"");
    return fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                "This page needs a log-in: HTTP Basic, or a session of the console.");
}
