#include "console/send.h"

#include <string.h>

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

void files_send(const struct http_request *request, struct http_response *response,
                const struct file *file, const char *policy) {
    bool for_ever = strncmp(file->path, "assets/", 7) == 0;
    bool compressed = file->gzip.len > 0 && takes_gzip(request);
    const char *match = http_header(request, "If-None-Match");
    http_add_header(response, "Cache-Control",
                    for_ever ? "public, max-age=31536000, immutable" : "no-cache");
    http_add_header(response, "ETag", file->etag);
    http_add_header(response, "Vary", "Accept-Encoding");
    http_add_header(response, "Content-Security-Policy", policy);
    if (match != NULL && strstr(match, file->etag) != NULL) {
        http_reply(response, 304, NULL, view_of(NULL, 0));
        return;
    }
    if (compressed)
        http_add_header(response, "Content-Encoding", "gzip");
    http_reply(response, 200, type_of(file->path), compressed ? file->gzip : file->bytes);
}
