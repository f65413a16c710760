/* What is this? Decodes what the caller sends and forgets it. */
#include "api/handlers.h"

#include "base/clock.h"
#include "x509/inspect.h"

#include <string.h>

/* The bytes as the body, or {"data":"PEM or base64","password":"..."}. */
static bool read_input(struct http_request *request, struct view *ret_bytes,
                       const char **ret_password, struct error *err) {
    static const char *const members[] = {"data", "password", NULL};
    const struct json *document;
    const char *data;
    if (strcmp(ask_media_type(request), "application/octet-stream") == 0) {
        TRY(ask_no_query(request, err));
        *ret_bytes = request->body;
        return true;
    }
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "data", &data, err));
    TRY(json_string(document, "password", ret_password, err));
    *ret_bytes = view_text(data);
    return true;
}

HANDLER(inspect_create) {
    struct json_writer w = json_writer_on(request->arena);
    struct view bytes;
    const char *password = NULL;
    TRY(read_input(request, &bytes, &password, err));
    TRY(inspect(request->arena, bytes, password, clock_now_us(), &w, err));
    reply_json(response, 200, &w);
    return true;
}
