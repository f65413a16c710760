#include "portal/internal.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* rfc9110#5.6.7, whatever the locale is. */
static const char *http_date(struct arena *arena, int64_t us) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(us / US_PER_SECOND);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return arena_printf(arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

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
    const char *modified = http_date(arena, document->modified_us);
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
