#include "identity/openid.h"

#include "base/clock.h"
#include "base/encode.h"
#include "net/fetch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_ANSWER ((size_t)256 * 1024)
#define TIMEOUT_MS 10000

static bool failed(struct error *err, const struct openid *openid, const char *what) {
    return fail(err, ERROR_UNAVAILABLE, "provider-failed", "The identity provider %.200s: %s.", openid->issuer, what);
}

void openid_field(struct buffer *form, const char *name, const char *value) {
    buffer_printf(form, "%s%s=", form->len == 0 ? "" : "&", name);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        buffer_printf(form, plain ? "%c" : "%%%02X", c);
    }
}

static const char *encoded(struct arena *arena, const char *value) {
    struct buffer out = buffer_on(arena);
    openid_field(&out, "", value);
    return buffer_text(&out) + 1;
}

/* One question, answered by JSON. step: what it was, for the error. */
static bool ask(struct arena *arena, const struct openid *openid, const char *step, struct fetch_request *request,
                int *ret_status, const struct json **ret, struct error *err) {
    struct fetch_reply reply;
    struct error why = {0};
    request->ca_pem = openid->ca;
    request->total_timeout_ms = TIMEOUT_MS;
    request->max_bytes = MAX_ANSWER;
    if (!fetch(arena, request, &reply, &why))
        return failed(err, openid, arena_printf(arena, "%s: %.200s", step, why.message));
    if (!json_parse(arena, reply.body, ret, &why) || (*ret)->type != JSON_OBJECT)
        return failed(err, openid, arena_printf(arena, "%s: status %d, and no JSON object", step, reply.status));
    *ret_status = reply.status;
    return true;
}

static bool get(struct arena *arena, const struct openid *openid, const char *step, const char *url,
                const struct json **ret, struct error *err) {
    struct fetch_request request = {.url = url};
    int status;
    TRY(ask(arena, openid, step, &request, &status, ret, err));
    return status == 200 || failed(err, openid, arena_printf(arena, "%s: status %d", step, status));
}

/* --- discovery ------------------------------------------------------------------------------------------------- */

/* What providers say of themselves, so that strangers who press the button do not make us ask each time. */
#define KEPT 16
#define KEPT_US (300 * US_PER_SECOND)
static struct {
    char *key, *document;
    int64_t until_us; /* monotonic */
} kept[KEPT];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *recall(struct arena *arena, const char *key) {
    const char *document = NULL;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i].key != NULL && kept[i].until_us > now && strcmp(kept[i].key, key) == 0)
            document = arena_strdup(arena, kept[i].document);
    pthread_mutex_unlock(&mutex);
    return document;
}

static void keep(const char *key, const char *document) {
    size_t oldest = 0;
    pthread_mutex_lock(&mutex);
    for (size_t i = 1; i < KEPT; i++)
        if (kept[i].until_us < kept[oldest].until_us)
            oldest = i;
    free(kept[oldest].key);
    free(kept[oldest].document);
    kept[oldest].key = must_strdup(key);
    kept[oldest].document = must_strdup(document);
    kept[oldest].until_us = clock_monotonic_us() + KEPT_US;
    pthread_mutex_unlock(&mutex);
}

static bool discovered(struct arena *arena, const struct openid *openid, const char *key, const struct json **ret,
                       struct error *err) {
    const char *document = recall(arena, key);
    if (document != NULL)
        return json_parse(arena, view_text(document), ret, err);
    size_t len = strlen(openid->issuer);
    bool slash = len > 0 && openid->issuer[len - 1] == '/';
    TRY(get(arena, openid, "discovery",
            arena_printf(arena, "%s%s.well-known/openid-configuration", openid->issuer, slash ? "" : "/"), ret, err));
    struct json_writer w = json_writer_on(arena);
    json_add_value(&w, *ret);
    keep(key, json_written(&w));
    return true;
}

static bool place(struct arena *arena, const struct openid *openid, const struct json *document, const char *name,
                  bool needed, const char **ret, struct error *err) {
    struct error why = {0};
    *ret = NULL;
    if (!json_string(document, name, ret, &why) || (*ret == NULL && needed) ||
        (*ret != NULL && strncasecmp(*ret, "https://", 8) != 0))
        return failed(err, openid, arena_printf(arena, "discovery: \"%s\" is no https URL", name));
    return true;
}

static bool lists(const struct json *document, const char *name, const char *value) {
    JSON_EACH (item, json_get(document, name))
        if (item->type == JSON_STRING && strcmp(item->text, value) == 0)
            return true;
    return false;
}

bool openid_discover(struct arena *arena, const struct openid *openid, const char *key, struct openid_places *ret,
                     struct error *err) {
    const struct json *document;
    const char *issuer = NULL;
    struct openid_places places = {0};
    TRY(discovered(arena, openid, key, &document, err));
    /* openid-connect-discovery#4.3: it MUST be the one that was asked for */
    if (!json_string(document, "issuer", &issuer, err) || issuer == NULL || strcmp(issuer, openid->issuer) != 0)
        return failed(err, openid, arena_printf(arena, "discovery: it calls itself \"%.200s\"; write that as \"issuer\"",
                                                issuer == NULL ? "" : issuer));
    TRY(place(arena, openid, document, "authorization_endpoint", true, &places.authorization, err));
    TRY(place(arena, openid, document, "token_endpoint", true, &places.token, err));
    TRY(place(arena, openid, document, "jwks_uri", true, &places.jwks, err));
    TRY(place(arena, openid, document, "userinfo_endpoint", false, &places.userinfo, err));
    TRY(place(arena, openid, document, "end_session_endpoint", false, &places.end_session, err));
    places.secret_in_body = json_get(document, "token_endpoint_auth_methods_supported") != NULL &&
                            !lists(document, "token_endpoint_auth_methods_supported", "client_secret_basic");
    *ret = places;
    return true;
}

bool openid_keys(struct arena *arena, const struct openid *openid, const struct openid_places *places,
                 const struct json **ret_keys, struct error *err) {
    TRY(get(arena, openid, "its keys", places->jwks, ret_keys, err));
    const struct json *keys = json_get(*ret_keys, "keys");
    return (keys != NULL && keys->type == JSON_ARRAY && keys->count > 0) ||
           failed(err, openid, "its key set has no keys");
}

/* --- the code and what it is good for ----------------------------------------------------------------------------- */

static const char *basic(struct arena *arena, const struct openid *openid, const char *secret) {
    /* rfc6749#2.3.1: both are form-encoded first */
    const char *pair = arena_printf(arena, "%s:%s", encoded(arena, openid->client_id), encoded(arena, secret));
    return arena_printf(arena, "Basic %s", base64_encode(arena, view_text(pair)));
}

bool openid_exchange(struct arena *arena, const struct openid *openid, const struct openid_places *places,
                     const struct openid_exchange *exchange, const char **ret_id_token,
                     const char **ret_access_token, struct error *err) {
    struct buffer form = buffer_on(arena);
    struct fetch_header headers[3] = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    struct fetch_request request = {.method = "POST", .url = places->token, .headers = headers, .header_count = 2};
    const struct json *answer;
    const char *id_token = NULL, *access_token = NULL, *code = NULL;
    int status;
    openid_field(&form, "grant_type", "authorization_code");
    openid_field(&form, "code", exchange->code);
    openid_field(&form, "redirect_uri", exchange->redirect_uri);
    openid_field(&form, "code_verifier", exchange->verifier);
    if (exchange->secret == NULL || places->secret_in_body)
        openid_field(&form, "client_id", openid->client_id);
    if (exchange->secret != NULL && places->secret_in_body)
        openid_field(&form, "client_secret", exchange->secret);
    else if (exchange->secret != NULL)
        headers[request.header_count++] = (struct fetch_header){"Authorization", basic(arena, openid, exchange->secret)};
    request.body = view_text(buffer_text(&form));
    TRY(ask(arena, openid, "the token", &request, &status, &answer, err));
    TRY(json_string(answer, "error", &code, err) && json_string(answer, "id_token", &id_token, err) &&
        json_string(answer, "access_token", &access_token, err));
    bool refused = status == 400 && code != NULL && strcmp(code, "invalid_grant") == 0;
    if (!refused && (status != 200 || id_token == NULL))
        return failed(err, openid, arena_printf(arena, "the token: status %d, %.100s; look at client id and secret", status,
                                                code == NULL ? "no ID token" : code));
    *ret_id_token = refused ? NULL : id_token;
    *ret_access_token = access_token;
    return true;
}

bool openid_userinfo(struct arena *arena, const struct openid *openid, const struct openid_places *places,
                     const char *access_token, const char *subject, const struct json **ret_claims,
                     struct error *err) {
    struct fetch_header header = {"Authorization", arena_printf(arena, "Bearer %s", access_token)};
    struct fetch_request request = {.url = places->userinfo, .headers = &header, .header_count = 1};
    const char *told = NULL;
    int status;
    TRY(ask(arena, openid, "its userinfo", &request, &status, ret_claims, err));
    if (status != 200)
        return failed(err, openid, arena_printf(arena, "its userinfo: status %d", status));
    TRY(json_string(*ret_claims, "sub", &told, err));
    /* openid-connect-core#5.3.2: or it MUST NOT be used */
    return (told != NULL && strcmp(told, subject) == 0) || failed(err, openid, "its userinfo is about another person");
}
