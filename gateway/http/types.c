#include "http/internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

const char *http_header(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

const char *http_response_header(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (strcasecmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}

/* Form-decodes [at, end); NULL when it is broken. */
static char *form_decode(struct arena *arena, const char *at, const char *end) {
    char *text = arena_alloc(arena, (size_t)(end - at) + 1), *out = text;
    while (at < end) {
        if (*at == '+') {
            *out++ = ' ';
            at++;
            continue;
        }
        int byte = http_percent_next(&at, end);
        if (byte < 0)
            return NULL;
        *out++ = (char)byte;
    }
    return utf8_valid(view_of(text, (size_t)(out - text))) ? text : NULL;
}

const char *http_query(const struct http_request *request, const char *name) {
    const char *at = request->query == NULL ? "" : request->query;
    while (*at != '\0') {
        const char *end = strchrnul(at, '&');
        const char *equals = memchr(at, '=', (size_t)(end - at));
        const char *name_end = equals == NULL ? end : equals;
        const char *found = form_decode(request->arena, at, name_end);
        if (found != NULL && strcmp(found, name) == 0)
            return equals == NULL ? "" : form_decode(request->arena, equals + 1, end);
        at = *end == '&' ? end + 1 : end;
    }
    return NULL;
}

static const char *cookie_in(struct arena *arena, const char *at, const char *name) {
    size_t len = strlen(name);
    while (*at != '\0') {
        at += strspn(at, " \t;");
        const char *end = strchrnul(at, ';');
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            const char *value = at + len + 1;
            while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
            if (end - value >= 2 && value[0] == '"' && end[-1] == '"') {
                value++;
                end--;
            }
            return arena_text(arena, view_of(value, (size_t)(end - value)));
        }
        at = end;
    }
    return NULL;
}

const char *http_cookie(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, "Cookie") != 0)
            continue;
        const char *found = cookie_in(request->arena, request->headers[i].value, name);
        if (found != NULL)
            return found;
    }
    return NULL;
}

void http_add_header(struct http_response *response, const char *name, const char *value) {
    if (response->header_count == HTTP_MAX_HEADERS) {
        log_error("http", "the answer has more than %d headers; %s is dropped", HTTP_MAX_HEADERS,
                  name);
        return;
    }
    response->headers[response->header_count++] = (struct http_header){name, value};
}

void http_reply(struct http_response *response, int status, const char *content_type,
                struct view body) {
    response->status = status;
    response->content_type = content_type;
    response->body = body;
}

void http_reply_text(struct http_response *response, int status, const char *content_type,
                     const char *text) {
    http_reply(response, status, content_type, view_text(text));
}

void http_date(int64_t us, char text[static HTTP_DATE_SIZE]) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(us / US_PER_SECOND);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    snprintf(text, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
             (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12], (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
