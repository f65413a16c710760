/* The instance's doors, and the secret of a template's policy hook. */
#include "api/handlers.h"

#include "ca/doors.h"
#include "ca/hook.h"

static void reply_doors(struct http_request *request, struct http_response *response,
                        const struct text_list *closed) {
    struct json_writer w = json_writer_on(request->arena);
    doors_write(&w, closed);
    reply_json(response, 200, &w);
}

HANDLER(doors_show) {
    struct text_list closed;
    TRY(ask_no_query(request, err));
    TRY(doors_get(context, request->arena, actor_of(request), &closed, err));
    reply_doors(request, response, &closed);
    return true;
}

HANDLER(doors_replace) {
    static const char *const members[] = {"rest", "console", "public", "preapproved", "acme",
                                          "scep", "est",     "cmp",    NULL};
    const struct json *body;
    struct text_list closed;
    TRY(ask_document(request, members, &body, err));
    TRY(doors_change(context, request->arena, actor_of(request), body, &closed, err));
    reply_doors(request, response, &closed);
    return true;
}

HANDLER(templates_hook_secret) {
    const char *secret;
    TRY(ask_no_query(request, err));
    TRY(hook_secret(context, request->arena, actor_of(request), request->parameters[0], &secret,
                    err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "secret", secret);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
