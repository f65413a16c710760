#include "console/console.h"

#include "console/files.h"

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

static const char *type_of(const char *path) {
    static const struct {
        const char *suffix, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},  {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},    {".svg", "image/svg+xml"},
                 {".woff2", "font/woff2"},               {".json", "application/json"},
                 {".txt", "text/plain; charset=utf-8"},  {".png", "image/png"},
                 {".jpg", "image/jpeg"},                 {".ico", "image/x-icon"},
                 {".map", "application/json"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].suffix, dot) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* rfc9110#12.5.3, as far as it matters: gzip is named and not refused by q=0. */
static bool takes_gzip(const struct http_request *request) {
    const char *accepted = http_header(request, "Accept-Encoding");
    const char *gzip = accepted == NULL ? NULL : strstr(accepted, "gzip");
    return gzip != NULL && strncmp(gzip, "gzip;q=0", 8) != 0;
}

static bool send_file(const struct http_request *request, struct http_response *response,
                      const struct file *file) {
    bool for_ever = strncmp(file->path, "assets/", 7) == 0;
    bool compressed = file->gzip.len > 0 && takes_gzip(request);
    const char *match = http_header(request, "If-None-Match");
    http_add_header(response, "Cache-Control",
                    for_ever ? "public, max-age=31536000, immutable" : "no-cache");
    http_add_header(response, "ETag", file->etag);
    http_add_header(response, "Vary", "Accept-Encoding");
    http_add_header(response, "Content-Security-Policy", POLICY);
    if (match != NULL && strstr(match, file->etag) != NULL) {
        http_reply(response, 304, NULL, view_of(NULL, 0));
        return true;
    }
    if (compressed)
        http_add_header(response, "Content-Encoding", "gzip");
    http_reply(response, 200, type_of(file->path), compressed ? file->gzip : file->bytes);
    return true;
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
    return file == NULL ? fail(err, ERROR_NOT_FOUND, "not-found", "The console has no such file.")
                        : send_file(request, response, file);
}

#define HTTPS (1u << LISTENER_HTTPS)
static const struct http_route routes[] = {
    {"GET", "/", GATE_OPEN, HTTPS, 0, root, NULL},
    {"GET", "/console", GATE_OPEN, HTTPS, 0, root, NULL},
    {"GET", "/console/{*}", GATE_OPEN, HTTPS, 0, serve, NULL},
};

struct http_room console_room(struct console *console) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, console};
}
