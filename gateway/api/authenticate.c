/* Who calls: a bearer token or the session cookie. */
#include "api/api.h"
#include "api/handlers.h"

#include "base/clock.h"
#include "ca/rates.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

/* "Bearer" and the token after it (rfc6750#2.1), or NULL. Other schemes belong to other rooms. */
static const char *bearer_token(const struct http_request *request) {
    const char *header = http_header(request, "Authorization");
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    header += 7;
    return header + strspn(header, " ");
}

/* GET and HEAD change nothing (rfc9110#9.2.1). */
static bool is_safe(const struct http_request *request) {
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "OPTIONS") == 0;
}

/* Another site can make a browser send the cookie, but neither this header without a preflight that
 * nobody answers, nor a forged Sec-Fetch-Site. SameSite=Strict is the first wall, this the next. */
static bool check_origin(const struct http_request *request, struct error *err) {
    const char *header = http_header(request, "X-Gatehouse-CSRF");
    const char *site = http_header(request, "Sec-Fetch-Site");
    if (is_safe(request) || (header != NULL && strcmp(header, "1") == 0) ||
        (site != NULL && strcmp(site, "same-origin") == 0))
        return true;
    return fail(err, ERROR_FORBIDDEN, "csrf",
                "A request with the session cookie that changes something needs the header "
                "X-Gatehouse-CSRF: 1.");
}

static bool authenticate_session(struct core *core, struct http_request *request,
                                 const char *secret, struct error *err) {
    struct actor *actor = arena_alloc(request->arena, sizeof *actor);
    TRY(access_by_session(core, request->arena, secret, request->address, request->id, actor, err));
    request->actor = actor;
    request->must_change_password = actor->must_change_password;
    request->must_enrol_factor = actor->must_enrol_factor;
    return check_origin(request, err);
}

/* The browser or program shows the certificate with every request, whoever caused it: as with a cookie. */
static bool authenticate_certificate(struct core *core, struct http_request *request,
                                     struct error *err) {
    struct actor *actor = arena_alloc(request->arena, sizeof *actor);
    if (!access_by_certificate(core, request->arena, request->client_certificate, request->address,
                               request->id, actor, err))
        return err->kind == ERROR_NOT_FOUND; /* nobody's: as if it had not come */
    TRY(rates_request(actor, err));
    request->actor = actor;
    return check_origin(request, err);
}

bool api_authenticate(void *context, struct http_request *request, struct error *err) {
    const char *token = bearer_token(request);
    const char *secret = http_cookie(request, SESSION_COOKIE);
    if (token != NULL) {
        struct actor *actor = arena_alloc(request->arena, sizeof *actor);
        TRY(access_by_token(context, request->arena, token, request->address, request->id, actor,
                            err));
        request->actor = actor;
        return rates_request(actor, err);
    }
    if (secret == NULL || secret[0] == '\0')
        return request->client_certificate.len == 0 || authenticate_certificate(context, request, err);
    return authenticate_session(context, request, secret, err);
}

/* Anybody can send wrong tokens, and each event is a row for good: so many of them a minute and
 * node, the rest are counted and told with the next one. */
#define WRONG_PER_MINUTE 60
static struct {
    pthread_mutex_t mutex;
    int64_t minute;
    unsigned noted;
    int64_t unnoted;
} wrong = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool note_wrong(int64_t *ret_unnoted) {
    int64_t minute = clock_monotonic_us() / (60 * US_PER_SECOND);
    pthread_mutex_lock(&wrong.mutex);
    if (minute != wrong.minute) {
        wrong.minute = minute;
        wrong.noted = 0;
    }
    bool ok = wrong.noted < WRONG_PER_MINUTE;
    *ret_unnoted = ok ? wrong.unnoted : 0;
    wrong.noted += ok;
    wrong.unnoted = ok ? 0 : wrong.unnoted + 1;
    pthread_mutex_unlock(&wrong.mutex);
    return ok;
}

/* Paths of other rooms may hold a secret behind their first segment. */
static const char *path_for_event(const struct http_request *request) {
    const char *path = request->path;
    bool ours = strncmp(path, API_BASE "/", strlen(API_BASE "/")) == 0;
    int len = ours || path[0] == '\0' ? 200 : (int)strcspn(path + 1, "/") + 1;
    return arena_printf(request->arena, "%.*s", len < 200 ? len : 200, path);
}

void api_refused(void *context, const struct http_request *request, const struct error *err) {
    struct actor anonymous = {
        .name = "anonymous", .address = request->address, .request_id = request->id};
    const struct actor *actor = request->actor == NULL ? &anonymous : request->actor;
    int64_t unnoted = 0;
    bool credentials = strcmp(err->type, "bad-credentials") == 0;
    /* Log-ins write their own events; nothing was refused to who has not said who it is. */
    if (err->kind != ERROR_FORBIDDEN && !(credentials && note_wrong(&unnoted)))
        return;
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "method", request->method);
    json_put_string(&w, "type", err->type);
    if (unnoted > 0)
        json_put_int(&w, "moreSinceTheLast", unnoted);
    json_close_object(&w);
    access_note_alone(context, actor,
                      &(struct event_note){.code = "request.refused",
                                           .outcome = "refused",
                                           .object_kind = "path",
                                           .object = path_for_event(request),
                                           .details = json_written(&w)});
}
