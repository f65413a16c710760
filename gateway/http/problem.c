#include "http/internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <string.h>

/* The one place where a kind of error becomes HTTP's words. */
static const struct {
    int status;
    const char *title;
} words[] = {
    [ERROR_NONE] = {500, "Internal error"},
    [ERROR_MALFORMED] = {400, "Malformed request"},
    [ERROR_UNAUTHENTICATED] = {401, "Authentication needed"},
    [ERROR_FORBIDDEN] = {403, "Not allowed"},
    [ERROR_NOT_FOUND] = {404, "Not found"},
    [ERROR_CONFLICT] = {409, "Not possible in this state"},
    [ERROR_TOO_LARGE] = {413, "Too large"},
    [ERROR_POLICY] = {422, "Refused by a rule"},
    [ERROR_TOO_MANY] = {429, "Too many requests"},
    [ERROR_INTERNAL] = {500, "Internal error"},
    [ERROR_UNAVAILABLE] = {503, "Temporarily unavailable"},
};

static enum error_kind known(enum error_kind kind) {
    return (unsigned)kind < sizeof words / sizeof words[0] ? kind : ERROR_INTERNAL;
}

int http_status_of(enum error_kind kind) {
    return words[known(kind)].status;
}

static void log_problem(const struct error *err) {
    enum log_level level = err->kind == ERROR_NONE || err->kind == ERROR_INTERNAL ? LOG_ERROR
                           : err->kind == ERROR_UNAVAILABLE                       ? LOG_WARN
                           : err->detail[0] != '\0'                               ? LOG_INFO
                                                                                  : LOG_DEBUG;
    log_failure(level, "http", err->type[0] == '\0' ? "internal" : err->type, err);
}

void http_problem_as(const struct http_request *request, struct http_response *response, int status,
                     const struct error *err) {
    bool by_kind = status == http_status_of(err->kind);
    const char *type = err->type[0] == '\0' ? "internal" : err->type;
    struct json_writer w = json_writer_on(response->arena);
    log_problem(err);
    json_open_object(&w);
    json_put_string(&w, "type", arena_printf(response->arena, "/problems/%s", type));
    json_put_string(&w, "title", by_kind ? words[known(err->kind)].title : http_reason(status));
    json_put_int(&w, "status", status);
    json_put_string(&w, "detail", err->message);
    json_put_string(&w, "instance", request->id == NULL ? "" : request->id);
    json_close_object(&w);
    http_reply_text(response, status, "application/problem+json", json_written(&w));
    if (status == 401) /* rfc9110#11.6.1: a 401 must say how to authenticate */
        http_add_header(response, "WWW-Authenticate", "Bearer realm=\"gatehouse\"");
    if (status == 429 && strcmp(type, "rate-limit") == 0)
        http_add_header(response, "Retry-After", "1");
    if (status == 429 && strcmp(type, "daily-limit") == 0) /* until the next day begins (UTC) */
        http_add_header(response, "Retry-After",
                        arena_printf(response->arena, "%lld", (long long)(86400 - clock_now_us() / US_PER_SECOND % 86400)));
    if ((status == 429 || status == 503) && http_response_header(response, "Retry-After") == NULL)
        http_add_header(response, "Retry-After", "5");
}

void http_problem(const struct http_request *request, struct http_response *response,
                  const struct error *err) {
    http_problem_as(request, response, http_status_of(err->kind), err);
}
