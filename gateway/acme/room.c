/* Routes of ACME. {} is the directory: a template's slug, or "_" for the one of all. */
#include "acme/post.h"
#include "base/clock.h"

#include <string.h>

#define LISTENERS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define BODY ((size_t)384 * 1024) /* a CSR with an SLH-DSA signature, twice in base64 */
#define SMALL_BODY ((size_t)64 * 1024)

static void put_url(struct post *post, struct json_writer *w, const char *name, const char *last) {
    json_put_string(w, name,
                    arena_printf(post->arena, "%s/acme/%s/%s", post->base, post->directory, last));
}

/* Profiles that the policies show, each name once. */
static bool put_profiles(struct post *post, struct json_writer *w, struct error *err) {
    struct acme_policy_record *records = NULL;
    struct page page = {.limit = 200};
    struct text_list seen = {0};
    const char *next;
    size_t count = 0;
    bool done = false, shared = strcmp(post->directory, SHARED_DIRECTORY) == 0;
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_policy_list(tx.tx, post->arena, &scope_everything, &page, &records, &count, &next,
                             err);
    TRY(done);
    seen.items = arena_array(post->arena, count * 50, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        TRY(post_policy(post, &records[i], err));
        for (size_t j = 0; post->policy.enabled && shared && j < post->policy.profile_names.count;
             j++) {
            const char *name = post->policy.profile_names.items[j];
            if (text_list_has(&seen, name))
                continue;
            if (seen.count == 0) {
                json_name(w, "profiles");
                json_open_object(w);
            }
            json_put_string(w, name, post->policy.profile_templates.items[j]);
            seen.items[seen.count++] = name;
        }
    }
    if (seen.count > 0)
        json_close_object(w);
    return true;
}

static bool open_without_binding(struct post *post) {
    return post->settings.open && (*post->settings.default_policy != '\0' ||
                                   strcmp(post->directory, SHARED_DIRECTORY) != 0);
}

static bool directory(struct post *post, struct error *err) {
    struct json_writer w = json_writer_on(post->arena);
    TRY(acme_settings_get(post->acme, post->arena, &post->settings, err));
    post->is_directory = true;
    json_open_object(&w);
    put_url(post, &w, "newNonce", "new-nonce");
    put_url(post, &w, "newAccount", "new-account");
    put_url(post, &w, "newOrder", "new-order");
    put_url(post, &w, "newAuthz", "new-authz");
    put_url(post, &w, "revokeCert", "revoke-cert");
    put_url(post, &w, "keyChange", "key-change");
    put_url(post, &w, "renewalInfo", "renewal-info");
    json_name(&w, "meta");
    json_open_object(&w);
    if (*post->settings.terms != '\0')
        json_put_string(&w, "termsOfService", post->settings.terms);
    if (*post->settings.website != '\0')
        json_put_string(&w, "website", post->settings.website);
    if (post->settings.caa_identities.count > 0) {
        json_name(&w, "caaIdentities");
        json_open_array(&w);
        for (size_t i = 0; i < post->settings.caa_identities.count; i++)
            json_add_string(&w, post->settings.caa_identities.items[i]);
        json_close_array(&w);
    }
    json_put_bool(&w, "externalAccountRequired", !open_without_binding(post));
    TRY(put_profiles(post, &w, err));
    json_close_object(&w);
    json_close_object(&w);
    post_reply(post, 200, &w);
    return true;
}

/* rfc8555#6.3: signed, too */
static bool acme_directory(struct post *post, struct error *err) {
    return post_is_get(post, err) && directory(post, err);
}

static bool new_nonce(struct post *post, struct error *err) {
    (void)err;
    /* rfc8555#7.2 */
    http_reply(post->response, post->request->head ? 200 : 204, NULL, (struct view){NULL, 0});
    return true;
}

static bool acme_new_nonce(struct post *post, struct error *err) {
    return post_is_get(post, err) && new_nonce(post, err);
}

/* rfc9773#4.1, #4.2 */
static bool renewal_info(struct post *post, struct error *err) {
    struct certificate_record certificate;
    struct json_writer w = json_writer_on(post->arena);
    int64_t start, end;
    TRY(ari_certificate(post->core, post->arena, post->request->parameters[1], &certificate, err));
    ari_window(&certificate, clock_now_us(), &start, &end);
    json_open_object(&w);
    json_name(&w, "suggestedWindow");
    json_open_object(&w);
    json_put_time(&w, "start", start);
    json_put_time(&w, "end", end);
    json_close_object(&w);
    json_close_object(&w);
    post->retry_after_s = 6 * 3600;
    post_reply(post, 200, &w);
    return true;
}

#define PLAIN(name, nonce)                                                                         \
    static bool route_##name(void *context, struct http_request *request,                          \
                             struct http_response *response, struct error *err) {                  \
        (void)err;                                                                                 \
        return post_plain(context, request, response, nonce, name);                                \
    }
PLAIN(directory, false)
PLAIN(new_nonce, true)
PLAIN(renewal_info, false)

#define SIGNED(name, gates)                                                                        \
    static bool route_##name(void *context, struct http_request *request,                          \
                             struct http_response *response, struct error *err) {                  \
        (void)err;                                                                                 \
        return post_handle(context, request, response, gates, name);                               \
    }
SIGNED(acme_directory, POST_KID)
SIGNED(acme_new_nonce, POST_KID)
SIGNED(acme_new_account, POST_JWK)
SIGNED(acme_account, POST_KID)
SIGNED(acme_account_orders, POST_KID)
SIGNED(acme_key_change, POST_KID)
SIGNED(acme_new_authz, POST_KID)
SIGNED(acme_authz, POST_KID)
SIGNED(acme_challenge, POST_KID)
SIGNED(acme_new_order, POST_KID)
SIGNED(acme_order, POST_KID | POST_ORDER)
SIGNED(acme_finalize, POST_KID | POST_ORDER | POST_READY)
SIGNED(acme_certificate, POST_KID | POST_ORDER | POST_FINISHED)
SIGNED(acme_revoke, POST_KID | POST_JWK)

/* clang-format off */
static const struct http_route routes[] = {
    {"GET", "/acme/directory", GATE_OPEN, LISTENERS, 0, route_directory, NULL},
    {"POST", "/acme/directory", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_directory, NULL},
    {"GET", "/acme/{}/directory", GATE_OPEN, LISTENERS, 0, route_directory, NULL},
    {"POST", "/acme/{}/directory", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_directory, NULL},
    {"GET", "/acme/{}/new-nonce", GATE_OPEN, LISTENERS, 0, route_new_nonce, NULL},
    {"POST", "/acme/{}/new-nonce", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_new_nonce, NULL},
    {"GET", "/acme/{}/renewal-info/{}", GATE_OPEN, LISTENERS, 0, route_renewal_info, NULL},
    {"POST", "/acme/{}/new-account", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_new_account, NULL},
    {"POST", "/acme/{}/acct/{}", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_account, NULL},
    {"POST", "/acme/{}/acct/{}/orders", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_account_orders, NULL},
    {"POST", "/acme/{}/key-change", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_key_change, NULL},
    {"POST", "/acme/{}/new-authz", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_new_authz, NULL},
    {"POST", "/acme/{}/authz/{}", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_authz, NULL},
    {"POST", "/acme/{}/chall/{}/{}", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_challenge, NULL},
    {"POST", "/acme/{}/new-order", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_new_order, NULL},
    {"POST", "/acme/{}/order/{}", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_order, NULL},
    {"POST", "/acme/{}/finalize/{}", GATE_OPEN, LISTENERS, BODY, route_acme_finalize, NULL},
    {"POST", "/acme/{}/cert/{}", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_certificate, NULL},
    {"POST", "/acme/{}/cert/{}/{}", GATE_OPEN, LISTENERS, SMALL_BODY, route_acme_certificate, NULL},
    {"POST", "/acme/{}/revoke-cert", GATE_OPEN, LISTENERS, BODY, route_acme_revoke, NULL},
};
/* clang-format on */

struct http_room acme_room(struct acme *acme) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], acme};
}

struct acme *acme_new(struct core *core) {
    struct acme *acme = must_alloc(sizeof *acme);
    memset(acme, 0, sizeof *acme);
    acme->core = core;
    pthread_mutex_init(&acme->mutex, NULL);
    pthread_cond_init(&acme->wake, NULL);
    random_bytes(acme->nonce_maker, sizeof acme->nonce_maker);
    acme->own_nonces = own_nonces_new();
    acme->sessions = sessions_new();
    acme->recent = recent_new();
    acme->reuse = reuse_new();
    return acme;
}
