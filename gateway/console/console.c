#include "console/console.h"

#include "console/files.h"
#include "console/send.h"

#include <stdlib.h>
#include <string.h>

/* Files of this origin alone, no inline script or style, in no frame. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "   \
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "               \
    "frame-ancestors 'none'"

struct console {
    struct arena *arena;
    struct files files;
};

bool console_open(const char *directory, struct console **ret_console, struct error *err) {
    struct console *console = must_alloc(sizeof *console);
    console->arena = arena_new();
    if (!files_read(console->arena, directory, &console->files, err)) {
        console_free(console);
        return false;
    }
    *ret_console = console;
    return true;
}

void console_free(struct console *console) {
    if (console == NULL)
        return;
    arena_free(console->arena);
    free(console);
}

static bool redirect(struct http_response *response, const char *to) {
    http_add_header(response, "Location", to);
    http_reply(response, 303, NULL, view_of(NULL, 0));
    return true;
}

static bool root(void *context, struct http_request *request, struct http_response *response,
                 struct error *err) {
    const struct console *console = context;
    (void)request;
    (void)err;
    return redirect(response, console->files.count > 0 ? "/console/" : "/start");
}

/* Pages of the console have no dot in their last segment; what has one is a file that is not there. */
static bool is_page(const char *path) {
    const char *slash = strrchr(path, '/');
    return strchr(slash == NULL ? path : slash, '.') == NULL;
}

static bool serve(void *context, struct http_request *request, struct http_response *response,
                  struct error *err) {
    const struct console *console = context;
    const char *path = request->parameters[0];
    const struct file *file = files_find(&console->files, path);
    if (file == NULL && is_page(path))
        file = files_find(&console->files, "index.html");
    if (file == NULL && console->files.count == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "The console is not installed here; scripts/run builds it, --console names its "
                    "directory. The REST API is at /api/v1/.");
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The console has no such file.");
    files_send(request, response, file, POLICY);
    return true;
}

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS) /* the latter for log-in by certificate */
static const struct http_route routes[] = {
    {"GET", "/", GATE_OPEN, TLS, 0, root, NULL},
    {"GET", "/console", GATE_OPEN, TLS, 0, root, NULL},
    {"GET", "/console/{*}", GATE_OPEN, TLS, 0, serve, NULL},
};

struct http_room console_room(struct console *console) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, console};
}
