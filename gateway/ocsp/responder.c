#include "ocsp/ocsp.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ocsp/internal.h"
#include "ocsp/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Caches between us and the client must not hold an answer for as long as it is valid: a revocation
 * is to be seen the same hour even through them. */
#define HTTP_MAX_AGE_SECONDS 3600
#define SLEW_US (5 * US_PER_SECOND)

METRIC(answers, METRIC_COUNTER, "gatehouse_ocsp_answers_total",
       "OCSP answers by where they came from.", "source");

struct ocsp_responder *ocsp_responder_new(const struct ocsp_source *source, size_t cache_bytes) {
    struct ocsp_responder *responder = must_alloc(sizeof *responder);
    *responder = (struct ocsp_responder){.source = *source, .cache = ocsp_cache_new(cache_bytes)};
    flights_init(&responder->flights);
    return responder;
}

void ocsp_responder_free(struct ocsp_responder *responder) {
    if (responder == NULL)
        return;
    ocsp_cache_free(responder->cache);
    flights_destroy(&responder->flights);
    free(responder);
}

/* --- over HTTP --- */

static void reply(struct exchange *x, struct view der) {
    http_reply(x->response, 200, "application/ocsp-response", der);
}

static void reply_once(struct exchange *x, struct view der) {
    http_add_header(x->response, "Cache-Control", "no-store");
    reply(x, der);
}

/* rfc5019#6.2, for GET; an answer to a POST is not for caches. */
static void reply_ready(struct exchange *x, struct ocsp_answer *answer) {
    if (!x->by_get) {
        reply_once(x, ocsp_answer_der(answer));
        return;
    }
    int64_t age = (answer->refresh_us - x->now_us) / US_PER_SECOND;
    if (age > HTTP_MAX_AGE_SECONDS)
        age = HTTP_MAX_AGE_SECONDS;
    http_add_header(x->response, "Cache-Control",
                    arena_printf(x->arena,
                                 "max-age=%lld, public, no-transform, must-revalidate",
                                 (long long)(age < 0 ? 0 : age)));
    http_add_header(x->response, "Last-Modified", answer->last_modified);
    http_add_header(x->response, "Expires", answer->expires);
    http_add_header(x->response, "ETag", answer->etag);
    const char *have = http_header(x->request, "If-None-Match");
    if (have != NULL && strstr(have, answer->etag) != NULL)
        http_reply(x->response, 304, NULL, view_of(NULL, 0));
    else
        reply(x, ocsp_answer_der(answer));
}

/* While database or token are away every request fails: one line a second says so. */
static void log_ours(struct exchange *x, const struct error *err) {
    int64_t now = clock_monotonic_us(), last = atomic_load(&x->responder->logged_us);
    if ((last == 0 || now - last >= US_PER_SECOND) &&
        atomic_compare_exchange_strong(&x->responder->logged_us, &last, now))
        log_failure(LOG_ERROR, "ocsp", x->slug, err);
}

static void reply_error(struct exchange *x, const struct error *err) {
    int status = strcmp(err->type, "ocsp-signature-needed") == 0 ? OCSP_STATUS_SIG_REQUIRED
                                                                : ocsp_status_of(err->kind);
    if (status == OCSP_RESPONSE_STATUS_INTERNALERROR || status == OCSP_RESPONSE_STATUS_TRYLATER)
        log_ours(x, err);
    else
        log_failure(LOG_DEBUG, "ocsp", x->slug, err);
    reply_once(x, ocsp_error_response(status));
}

/* --- answers
 * --------------------------------------------------------------------------------------- */

static void drop_x509(void *certificate) {
    X509_free(certificate);
}

/* The status of each CertID. One whose issuer is another is `unknown` (rfc6960#2.2); a request that
 * names no certificate of this CA at all is not answered by signing (rfc5019#2.2.3 unauthorized).
 */
static bool look_up(struct exchange *x, const struct ocsp_query *query,
                    const struct ocsp_profile *profile, struct ocsp_single *singles, struct error *err) {
    const unsigned char *at = x->ca.certificate.at;
    X509 *issuer = d2i_X509(NULL, &at, (long)x->ca.certificate.len);
    if (issuer == NULL)
        return fail(err, ERROR_NOT_FOUND, "ca-not-active", "CA %s: has no certificate yet",
                    x->ca.slug);
    arena_defer(x->arena, drop_x509, issuer);
    size_t ours = 0;
    for (size_t i = 0; i < query->count; i++) {
        struct view serial;
        singles[i] =
            (struct ocsp_single){.id = query->ids[i], .answer = {.status = STATUS_UNKNOWN}};
        if (!ocsp_id_issuer_is(query->ids[i], issuer))
            continue;
        ours++;
        if (ocsp_id_serial(x->arena, query->ids[i], &serial))
            TRY(x->responder->source.status(x->responder->source.context, x->arena, &x->ca,
                                            serial, &singles[i].answer, err));
        singles[i].never_issued =
            profile->never_issued_revoked && singles[i].answer.status == STATUS_UNKNOWN;
    }
    return ours > 0 ||
           fail(err, ERROR_NOT_FOUND, "other-issuer",
                "OCSP request: names no certificate of CA %s; ask its own responder", x->ca.slug);
}

static bool make(struct exchange *x, const struct ocsp_query *query, const struct ocsp_profile *profile,
                 const struct ocsp_single *singles, int64_t *ret_next_us, struct view *ret_der,
                 struct error *err) {
    const struct ocsp_source *source = &x->responder->source;
    struct service_identity signer;
    TRY(source->identity(source->context, x->arena, &x->ca, &signer, err));
    int64_t next = x->now_us + profile->validity_us;
    if (next > signer.not_after_us) /* nobody could verify it afterwards */
        next = signer.not_after_us;
    if (next <= x->now_us)
        return fail(err, ERROR_UNAVAILABLE, "ocsp-signer-expired",
                    "CA %s: the OCSP signer's certificate has expired", x->ca.slug);
    for (size_t i = 0; i < query->count; i++)
        if (singles[i].answer.until_us != 0 && singles[i].answer.until_us < next)
            next = singles[i].answer.until_us;
    struct ocsp_plan plan = {.singles = singles,
                             .count = query->count,
                             .nonce_of = query->nonce ? query->request : NULL,
                             .this_update_us = x->now_us,
                             .next_update_us = next,
                             .archive_us = profile->archive_us,
                             .signer = &signer,
                             .by_name = profile->by_name};
    TRY(ocsp_response_build(x->arena, &plan, ret_der, err));
    *ret_next_us = next;
    return true;
}

static struct ocsp_answer *keep(struct exchange *x, const struct status_answer *status,
                                int64_t next_us, struct view der) {
    struct ocsp_answer *answer = ocsp_answer_new(x->ca.id, x->der, der);
    atomic_init(&answer->epoch, x->ca.epoch);
    answer->made_us = x->now_us;
    answer->refresh_us = x->now_us + (next_us - x->now_us) / 2;
    answer->next_update_us = next_us;
    answer->status = *status;
    snprintf(answer->slug, sizeof answer->slug, "%s", x->ca.slug);
    http_date(x->now_us, answer->last_modified);
    http_date(next_us, answer->expires);
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(der.at, der.len, digest, NULL, EVP_sha256(), NULL) == 1)
        snprintf(answer->etag, sizeof answer->etag, "\"%s\"",
                 hex_encode(x->arena, view_of(digest, 16)));
    ocsp_cache_put(x->responder->cache, answer);
    return answer;
}

static void release(void *answer) {
    ocsp_answer_release(answer);
}

static bool same_status(const struct status_answer *a, const struct status_answer *b) {
    return a->status == b->status && a->known_us == b->known_us &&
           (a->status != STATUS_REVOKED ||
            (a->reason == b->reason && a->revoked_us == b->revoked_us && a->invalidity_us == b->invalidity_us));
}

/* An answer that still may be right, under another epoch; not one that was made under other settings. */
static bool same_settings(int64_t epoch, int64_t other) {
    return epoch >> OCSP_EPOCH_BITS == other >> OCSP_EPOCH_BITS;
}

/* `stale`: a ready answer of another epoch, or NULL. */
static bool answer_slowly(struct exchange *x, struct ocsp_answer *stale, struct error *err) {
    const struct ocsp_source *source = &x->responder->source;
    struct ocsp_query query;
    struct ocsp_single singles[OCSP_MAX_CERTIDS];
    struct ocsp_profile profile;
    TRY(ocsp_request_decode(x->arena, x->der, &query, err));
    TRY(source->profile(source->context, x->arena, &x->ca, &profile, err));
    if (profile.require_signed)
        TRY(ocsp_request_verify(query.request, x->ca.certificate, x->ca.chain, x->now_us, err));
    TRY(look_up(x, &query, &profile, singles, err));
    /* Another certificate of the CA was revoked, this one was not: what was signed still holds. */
    if (stale != NULL && same_settings(atomic_load(&stale->epoch), x->ca.epoch) &&
        same_status(&stale->status, &singles[0].answer)) {
        atomic_store(&stale->epoch, x->ca.epoch);
        METRIC_ADD(&answers, 1, "checked");
        reply_ready(x, stale);
        return true;
    }
    int64_t next;
    struct view der;
    TRY(make(x, &query, &profile, singles, &next, &der, err));
    METRIC_ADD(&answers, 1, "signed");
    if (query.nonce || query.count > 1 || x->der.len > OCSP_CACHE_KEY_MAX ||
        singles[0].answer.status == STATUS_UNKNOWN) {
        reply_once(x, der);
        return true;
    }
    struct ocsp_answer *answer = keep(x, &singles[0].answer, next, der);
    arena_defer(x->arena, release, answer);
    reply_ready(x, answer);
    return true;
}

/* A ready answer, or NULL; *ret_right: it may be served as it is. */
static struct ocsp_answer *find_ready(struct exchange *x, bool *ret_right) {
    struct ocsp_answer *ready = ocsp_cache_find(x->responder->cache, x->ca.id, x->der);
    *ret_right = false;
    if (ready == NULL)
        return NULL;
    arena_defer(x->arena, release, ready);
    if (x->now_us >= ready->refresh_us || x->now_us < ready->made_us - SLEW_US)
        return NULL;
    *ret_right = atomic_load(&ready->epoch) == x->ca.epoch;
    return ready;
}

/* The epoch is read before the status, so an answer can be kept under too old an epoch, never too
 * new. */
static bool answer(struct exchange *x, struct error *err) {
    const struct ocsp_source *source = &x->responder->source;
    struct flight flight;
    bool right;
    TRY(source->authority(source->context, x->arena, x->slug, &x->ca, err));
    if (x->der.len > OCSP_CACHE_KEY_MAX)
        return answer_slowly(x, NULL, err);
    struct ocsp_answer *ready = x->ahead ? NULL : find_ready(x, &right);
    if (ready != NULL && right) {
        METRIC_ADD(&answers, 1, "cache");
        reply_ready(x, ready);
        return true;
    }
    if (!flight_begin(&x->responder->flights, &flight, x->ca.id, x->der)) {
        /* What was made meanwhile, unless it is of a kind that is not kept. */
        ready = find_ready(x, &right);
        if (ready == NULL || !right)
            return answer_slowly(x, ready, err);
        METRIC_ADD(&answers, 1, "cache");
        reply_ready(x, ready);
        return true;
    }
    bool ok = answer_slowly(x, ready, err);
    flight_end(&x->responder->flights, &flight);
    return ok;
}

bool ocsp_exchange(struct exchange *x, struct error *err) {
    return answer(x, err);
}

/* Who is asked when the address does not say: the issuer of the first certificate. */
static bool find_ca(struct exchange *x, struct error *err) {
    const struct ocsp_source *source = &x->responder->source;
    struct ocsp_query query;
    TRY(ocsp_request_decode(x->arena, x->der, &query, err));
    struct issuer_hashes hashes = ocsp_id_issuer(query.ids[0]);
    return source->issuer(source->context, x->arena, &hashes, &x->slug, err);
}

static bool handle(void *context, struct http_request *request, struct http_response *response,
                   bool by_get, bool names_ca) {
    struct exchange x = {.responder = context,
                         .request = request,
                         .response = response,
                         .arena = request->arena,
                         .slug = names_ca ? request->parameters[0] : "",
                         .der = request->body,
                         .now_us = clock_now_us(),
                         .by_get = by_get};
    struct error err = {0};
    if ((by_get && !ocsp_request_from_path(request->arena, request->raw_path, &x.der, &err)) ||
        (!names_ca && !find_ca(&x, &err)) || !answer(&x, &err)) {
        METRIC_ADD(&answers, 1, "error");
        reply_error(&x, &err);
    }
    return true;
}

/* Every outcome is an OCSP response with HTTP status 200: that is what clients of OCSP read. */
static bool handle_post(void *context, struct http_request *request, struct http_response *response,
                        struct error *err) {
    (void)err;
    return handle(context, request, response, false, true);
}

static bool handle_post_any(void *context, struct http_request *request, struct http_response *response,
                            struct error *err) {
    (void)err;
    return handle(context, request, response, false, false);
}

static bool handle_get(void *context, struct http_request *request, struct http_response *response,
                       struct error *err) {
    (void)err;
    return handle(context, request, response, true, ocsp_path_names_ca(request->raw_path));
}

#define BOTH (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS)
static const struct http_route routes[] = {
    {"POST", "/ocsp/{}", GATE_OPEN, BOTH, OCSP_REQUEST_MAX, handle_post, NULL},
    {"GET", "/ocsp/{}/{*}", GATE_OPEN, BOTH, 0, handle_get, NULL},
    {"POST", "/ocsp", GATE_OPEN, BOTH, OCSP_REQUEST_MAX, handle_post_any, NULL},
    {"GET", "/ocsp/{*}", GATE_OPEN, BOTH, 0, handle_get, NULL},
};

struct http_room ocsp_room(struct ocsp_responder *responder) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, responder};
}
