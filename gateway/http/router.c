/* Routes are matched on the raw path, segment by segment, and each segment is decoded by itself: so
 * an encoded slash never moves a request from one route to another. */
#include "http/internal.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include <string.h>
#include <strings.h>

/* Two bits of rank a segment, the first highest. */
enum { RANK_REST, RANK_ANY, RANK_SUFFIX, RANK_TEXT };
#define MAX_SEGMENTS 31

struct segment {
    const char *at, *end;
};

struct found {
    const struct http_room *room;
    const struct http_route *route;
    uint64_t rank;
};

static const char *raw_path_of(const struct http_request *request) {
    return request->raw_path != NULL ? request->raw_path
                                     : (request->path != NULL ? request->path : "");
}

/* The segment behind the slash at *at, which moves to the next slash or the end. */
static struct segment next_segment(const char **at) {
    struct segment s = {*at + 1, *at + 1 + strcspn(*at + 1, "/")};
    *at = s.end;
    return s;
}

static int folded(int byte) {
    return byte >= 'A' && byte <= 'Z' ? byte + 'a' - 'A' : byte;
}

/* The decoded segment is the text, of `len` characters, in any letter case of ASCII. */
static bool segment_folds_to(struct segment s, const char *text, size_t len) {
    for (const char *at = s.at; at < s.end; len--, text++) {
        int byte = http_percent_next(&at, s.end);
        if (byte < 0 || len == 0 || folded(byte) != folded((unsigned char)*text))
            return false;
    }
    return len == 0;
}

/* The decoded segment from its `skip`th byte is the text. */
static bool segment_is(struct segment s, size_t skip, const char *text) {
    size_t pos = 0;
    for (const char *at = s.at; at < s.end; pos++) {
        int byte = http_percent_next(&at, s.end);
        if (byte < 0)
            return false;
        if (pos < skip)
            continue;
        if (*text == '\0' || (unsigned char)*text++ != byte)
            return false;
    }
    return pos >= skip && *text == '\0';
}

/* Decoded length; 0 when it holds a slash or a broken escape: no {} takes that. */
static size_t segment_length(struct segment s) {
    size_t len = 0;
    for (const char *at = s.at; at < s.end; len++) {
        int byte = http_percent_next(&at, s.end);
        if (byte < 0 || byte == '/')
            return 0;
    }
    return len;
}

static bool starts_with(struct segment s, const char *text) {
    size_t len = strlen(text);
    return (size_t)(s.end - s.at) >= len && memcmp(s.at, text, len) == 0;
}

/* How the pattern's segment takes the path's: a rank, or -1. */
static int match_segment(const char *scratch, struct segment pattern, struct segment raw) {
    size_t len = segment_length(raw);
    if (starts_with(pattern, "{~")) /* "{~text}" */
        return segment_folds_to(raw, scratch + 2, strlen(scratch) - 3) ? RANK_TEXT : -1;
    if (starts_with(pattern, "{}")) {
        const char *suffix = scratch + 2;
        size_t suffix_len = strlen(suffix);
        if (len <= suffix_len)
            return -1;
        if (suffix_len == 0)
            return RANK_ANY;
        return segment_is(raw, len - suffix_len, suffix) ? RANK_SUFFIX : -1;
    }
    return segment_is(raw, 0, scratch) ? RANK_TEXT : -1;
}

/* A NUL-terminated copy of a pattern's segment; patterns are ours and short. */
static const char *copy_segment(struct segment s, char text[static 64]) {
    size_t len = (size_t)(s.end - s.at);
    if (len > 63)
        len = 63;
    memcpy(text, s.at, len);
    text[len] = '\0';
    return text;
}

static bool match(const char *pattern, const char *raw, uint64_t *ret_rank) {
    char scratch[64];
    uint64_t rank = 0;
    for (int i = 0; i < MAX_SEGMENTS; i++) {
        if (*pattern == '\0' && *raw == '\0') {
            *ret_rank = rank | 1; /* so that no match has rank 0 */
            return true;
        }
        if (*pattern != '/' || *raw != '/')
            return false;
        struct segment p = next_segment(&pattern);
        if (starts_with(p, "{*}")) {
            *ret_rank = rank | 1;
            return true;
        }
        int segment = match_segment(copy_segment(p, scratch), p, next_segment(&raw));
        if (segment < 0)
            return false;
        rank |= (uint64_t)segment << (62 - 2 * i);
    }
    return false;
}

static char *decode(struct arena *arena, const char *at, const char *end) {
    char *text = arena_alloc(arena, (size_t)(end - at) + 1), *out = text;
    while (at < end) {
        int byte = http_percent_next(&at, end);
        if (byte < 0)
            break;
        *out++ = (char)byte;
    }
    return text;
}

/* Fills the parameters from a path that matches the pattern. */
static void capture(struct http_request *request, const char *pattern, const char *raw) {
    size_t n = 0;
    while (*pattern == '/' && n < HTTP_MAX_PARAMETERS) {
        struct segment p = next_segment(&pattern);
        if (starts_with(p, "{*}")) {
            const char *rest = *raw == '/' ? raw + 1 : raw;
            request->parameters[n] = decode(request->arena, rest, rest + strlen(rest));
            return;
        }
        struct segment r = next_segment(&raw);
        if (starts_with(p, "{}")) {
            char *text = decode(request->arena, r.at, r.end);
            text[strlen(text) - (size_t)(p.end - p.at - 2)] = '\0';
            request->parameters[n++] = text;
        }
    }
}

static bool heard_on(const struct http_route *route, enum http_listener listener) {
    return (route->listeners & 1u << listener) != 0;
}

/* Most routes begin otherwise, which is seen at once where the path needs no decoding: everything up to the
 * pattern's first parameter stands there as it is. */
static bool may_match(const char *pattern, const char *raw, bool plain) {
    if (!plain)
        return true;
    while (*pattern != '\0' && *pattern != '{' && *pattern == *raw) {
        pattern++;
        raw++;
    }
    return *pattern == '{' || *pattern == *raw;
}

struct wanted {
    const enum http_listener *listener; /* NULL: every one */
    const char *method, *raw;           /* method NULL: every one */
    bool plain;                         /* raw needs no decoding */
};

static void try_route(const struct wanted *w, const struct http_room *room,
                      const struct http_route *route, struct found *best) {
    uint64_t rank;
    if (!may_match(route->pattern, w->raw, w->plain) ||
        (w->listener != NULL && !heard_on(route, *w->listener)) ||
        (w->method != NULL && strcmp(route->method, w->method) != 0) ||
        !match(route->pattern, w->raw, &rank) || rank <= best->rank)
        return;
    *best = (struct found){room, route, rank};
}

/* ---- the index: routes by the beginning of their patterns ---- */

#define INDEX_SLOTS 1024
#define INDEX_DEPTH 3 /* segments, as long as they are text */

struct entry {
    const struct http_room *room;
    const struct http_route *route;
    const struct entry *next;
};

struct http_route_index {
    const struct entry *slots[INDEX_SLOTS];
};

#define HASH_START 2166136261u /* FNV-1a */

/* Over the slash at *at and the segment behind it; *at moves to the next slash or the end. */
static uint32_t hash_segment(uint32_t hash, const char **at) {
    const char *c = *at;
    do
        hash = (hash ^ (uint8_t)*c++) * 16777619u;
    while (*c != '\0' && *c != '/');
    *at = c;
    return hash;
}

static uint32_t hash_pattern(const char *pattern) {
    uint32_t hash = HASH_START;
    for (int i = 0; i < INDEX_DEPTH && *pattern == '/' && pattern[1] != '{'; i++)
        hash = hash_segment(hash, &pattern);
    return hash;
}

void http_router_index(struct arena *arena, struct http_router *router) {
    struct http_route_index *index = arena_alloc(arena, sizeof *index);
    for (size_t i = router->room_count; i-- > 0;) /* so that each slot is in the rooms' order */
        for (size_t k = router->rooms[i].count; k-- > 0;) {
            const struct http_route *route = &router->rooms[i].routes[k];
            const struct entry **slot = &index->slots[hash_pattern(route->pattern) % INDEX_SLOTS];
            struct entry *entry = arena_alloc(arena, sizeof *entry);
            *entry = (struct entry){&router->rooms[i], route, *slot};
            *slot = entry;
        }
    router->index = index;
}

/* A path that needs no decoding is matched only by patterns whose text is its own beginning. */
static void search_index(const struct http_route_index *index, const struct wanted *w,
                         struct found *best) {
    uint32_t hash = HASH_START;
    const char *at = w->raw;
    for (int i = 0;; i++) {
        for (const struct entry *e = index->slots[hash % INDEX_SLOTS]; e != NULL; e = e->next)
            try_route(w, e->room, e->route, best);
        if (i == INDEX_DEPTH || *at != '/')
            return;
        hash = hash_segment(hash, &at);
    }
}

/* The best match; a NULL method stands for every method, a NULL listener for every listener. */
static struct found find(const struct http_router *router, const enum http_listener *listener,
                         const char *method, const char *raw) {
    struct found best = {0};
    const struct wanted w = {listener, method, raw, strchr(raw, '%') == NULL};
    if (router->index != NULL && w.plain) {
        search_index(router->index, &w, &best);
        return best;
    }
    for (size_t i = 0; i < router->room_count; i++)
        for (size_t k = 0; k < router->rooms[i].count; k++)
            try_route(&w, &router->rooms[i], &router->rooms[i].routes[k], &best);
    return best;
}

/* Looked for once a request. */
static struct found find_for(const struct http_router *router, struct http_request *request) {
    if (request->route == NULL) {
        struct found found =
            find(router, &request->listener, request->method, raw_path_of(request));
        request->route = found.route;
        request->room = found.room;
    }
    return (struct found){request->room, request->route, 0};
}

bool http_router_body_limit(const struct http_router *router, struct http_request *request,
                            size_t *ret_limit) {
    struct found found = find_for(router, request);
    if (found.route == NULL)
        return false;
    *ret_limit = found.route->body_limit;
    return true;
}

/* rfc9110#10.2.1: the methods of this path, each once */
static const char *allowed_methods(const struct http_router *router, enum http_listener listener,
                                   const char *raw, struct arena *arena) {
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    struct buffer out = buffer_on(arena);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *method = strcmp(methods[i], "HEAD") == 0 ? "GET" : methods[i];
        if (find(router, &listener, method, raw).route != NULL)
            buffer_printf(&out, "%s%s", out.len > 0 ? ", " : "", methods[i]);
    }
    return buffer_text(&out);
}

static void answer_unrouted(const struct http_router *router, const struct http_request *request,
                            struct http_response *response) {
    const char *raw = raw_path_of(request);
    struct error err = {0};
    if (find(router, &request->listener, NULL, raw).route != NULL) {
        const char *allowed = allowed_methods(router, request->listener, raw, response->arena);
        (void)fail(&err, ERROR_MALFORMED, "method-not-allowed",
                   "The method %.20s is not possible here; use %s.", request->method, allowed);
        if (router->method_refused == NULL || !router->method_refused(request, response, &err))
            http_problem_as(request, response, 405, &err);
        http_add_header(response, "Allow", allowed);
        return;
    }
    if (find(router, NULL, request->method, raw).route != NULL)
        (void)fail(&err, ERROR_NOT_FOUND, "other-listener",
                   "This address is not served on this port; use %s.",
                   request->listener == LISTENER_HTTP ? "HTTPS" : "another one");
    else
        (void)fail(&err, ERROR_NOT_FOUND, "not-found", "There is nothing at this address.");
    http_problem(request, response, &err);
}

static bool pass_gate(const struct http_router *router, const struct http_route *route,
                      struct http_request *request, struct error *err) {
    if (route->gate == GATE_OPEN && route->permission == NULL)
        return true;
    if (router->authenticate == NULL || (route->permission != NULL && router->permit == NULL))
        return fail_internal(err, "a route with a gate, and nobody who authenticates");
    TRY(router->authenticate(router->authenticate_context, request, err));
    if (request->actor == NULL)
        return fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                    "This needs a log-in or an API token (Authorization: Bearer).");
    if (request->must_change_password && (route->gate & GATE_ADMIN_PASSWORD_CHANGE) == 0)
        return fail(err, ERROR_FORBIDDEN, "password-change-needed",
                    "The password is a first one and must be changed before anything else.");
    if (request->must_enrol_factor && (route->gate & GATE_FACTOR_ENROL) == 0)
        return fail(err, ERROR_FORBIDDEN, "second-factor-needed",
                    "A role of this user needs a second factor; set one up before anything else.");
    return route->permission == NULL || router->permit(request, route->permission, err);
}

static bool run(const struct http_router *router, struct found found, struct http_request *request,
                struct http_response *response, struct error *err) {
    const struct http_route *route = found.route;
    if (request->body.len > route->body_limit)
        return fail(err, ERROR_TOO_LARGE, "body-too-large",
                    "The body has %zu bytes; at most %zu are taken here.", request->body.len,
                    route->body_limit);
    TRY(pass_gate(router, route, request, err));
    capture(request, route->pattern, raw_path_of(request));
    TRY(route->handle(found.room->context, request, response, err));
    if (response->status == 0)
        return fail_internal(err, "%s %s: the handler gave no answer", route->method,
                             route->pattern);
    return true;
}

/* What the handler had prepared for its good answer (caching, cookies) does not fit the bad one. */
static void forget_headers(struct http_response *response) {
    const char *retry = http_response_header(response, "Retry-After");
    response->header_count = 0;
    if (retry != NULL)
        http_add_header(response, "Retry-After", retry);
}

static bool about_caller(enum error_kind kind) {
    return kind == ERROR_UNAUTHENTICATED || kind == ERROR_FORBIDDEN || kind == ERROR_TOO_MANY;
}

void http_router_handle(const struct http_router *router, struct http_request *request,
                        struct http_response *response) {
    int64_t started_us = clock_monotonic_us();
    struct error err = {0};
    struct found found = find_for(router, request);
    const char *pattern = found.route == NULL ? NULL : found.route->pattern;
    if (found.route == NULL) {
        answer_unrouted(router, request, response);
    } else if (!run(router, found, request, response, &err)) {
        forget_headers(response);
        http_problem(request, response, &err);
        if (router->refused != NULL && about_caller(err.kind))
            router->refused(router->refused_context, request, &err);
    }
    http_add_security_headers(request, response);
    bool follows = found.route != NULL && (found.route->gate & GATE_FOLLOWS_LOG) != 0 && response->status < 400;
    http_log_request(request, pattern, response->status, started_us, follows ? LOG_DEBUG : LOG_INFO);
}

void http_add_security_headers(const struct http_request *request, struct http_response *response) {
    static const struct http_header always[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
        {"Cache-Control", "no-store"},
    };
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (http_response_header(response, always[i].name) == NULL)
            http_add_header(response, always[i].name, always[i].value);
    if (request->listener != LISTENER_HTTP) /* rfc6797#7.2: over secure transport alone */
        http_add_header(response, "Strict-Transport-Security", "max-age=31536000");
}

/* What is logged of a path: not what is itself a secret. The query is never logged, whatever the path. */
static const char *path_logged(const char *path) {
    if (strcasestr(path, "/claim/") != NULL)
        return "/claim/...";
    return strcasestr(path, "/profile/") != NULL ? "/profile/..." : path;
}

METRIC(requests, METRIC_COUNTER, "gatehouse_http_requests_total",
       "Answered requests by method, route and status.", "method", "route", "status");
METRIC(durations, METRIC_SECONDS, "gatehouse_http_request_duration_seconds",
       "From the request's header to its answer, before that is sent.", "method", "route");

/* A method that no route has is the caller's text, which must not make series. */
static void count(const struct http_request *request, const char *pattern, int status, int64_t us) {
    const char *method = pattern == NULL || request->method == NULL ? "" : request->method;
    const char *route = pattern == NULL ? "none" : pattern;
    unsigned digits = status < 0 || status > 999 ? 0 : (unsigned)status;
    char code[] = {(char)('0' + digits / 100), (char)('0' + digits / 10 % 10),
                   (char)('0' + digits % 10), '\0'};
    METRIC_ADD(&requests, 1, method, route, code);
    METRIC_OBSERVE(&durations, us, method, route);
}

void http_log_request(const struct http_request *request, const char *pattern, int status,
                      int64_t started_us, enum log_level level) {
    const char *path = request->path == NULL ? "-" : request->path;
    int64_t us = clock_monotonic_us() - started_us;
    count(request, pattern, status, us);
    if (!log_wanted(level, "http"))
        return;
    log_at(level, "http", "%s %.300s %d %lld us %s", request->method == NULL ? "-" : request->method, path_logged(path),
           status, (long long)us, request->address == NULL ? "-" : request->address);
}
