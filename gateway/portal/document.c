#include "portal/internal.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static const char *etag_of(struct arena *arena, struct view body) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(body.at, body.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return NULL;
    return arena_printf(arena, "\"%s\"", hex_encode(arena, view_of(digest, 16)));
}

/* rfc9110#13.2.2: If-None-Match decides when it is there; else If-Modified-Since, of which only the
 * date we gave counts. */
static bool client_has_it(const struct http_request *request, const char *etag,
                          const char *modified) {
    const char *match = http_header(request, "If-None-Match");
    if (match != NULL)
        return strcmp(match, "*") == 0 || (etag != NULL && strstr(match, etag) != NULL);
    const char *since = http_header(request, "If-Modified-Since");
    return since != NULL && strcmp(since, modified) == 0;
}

void portal_reply_document(const struct http_request *request, struct http_response *response,
                           struct document *document) {
    struct arena *arena = request->arena;
    const char *etag = document->etag != NULL ? document->etag : etag_of(arena, document->body);
    char *modified = arena_alloc(arena, HTTP_DATE_SIZE);
    http_date(document->modified_us, modified);
    http_add_header(response, "Cache-Control",
                    arena_printf(arena, "public, max-age=%lld, must-revalidate",
                                 (long long)(document->max_age < 0 ? 0 : document->max_age)));
    http_add_header(response, "Last-Modified", modified);
    if (etag != NULL)
        http_add_header(response, "ETag", etag);
    if (client_has_it(request, etag, modified))
        http_reply(response, 304, NULL, view_of(NULL, 0));
    else
        http_reply(response, 200, document->content_type, document->body);
}
