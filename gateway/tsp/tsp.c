#include "tsp/tsp.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/metrics.h"
#include "tsp/der.h"
#include "tsp/guard.h"
#include "tsp/page.h"

#include <stdlib.h>
#include <string.h>

METRIC(stamps, METRIC_COUNTER, "gatehouse_timestamps_total",
       "Answers about timestamps by outcome.", "outcome");

struct tsp {
    struct tsp_source source;
    struct tsp_clock *clock;
    struct tsp_issuers *issuers;
    _Atomic uint64_t granted, authenticode, refused, unavailable, denied;
    _Atomic int64_t logged_us; /* clock_monotonic_us() of the last failure in the log */
};

struct tsp *tsp_new(const struct tsp_source *source, struct tsp_clock *clock) {
    struct tsp *tsp = must_alloc(sizeof *tsp);
    memset(tsp, 0, sizeof *tsp);
    tsp->source = *source;
    tsp->clock = clock;
    tsp->issuers = tsp_issuers_new();
    return tsp;
}

void tsp_free(struct tsp *tsp) {
    if (tsp == NULL)
        return;
    tsp_issuers_free(tsp->issuers);
    free(tsp);
}

void tsp_forget(struct tsp *tsp) {
    tsp_issuers_forget(tsp->issuers);
}

struct tsp_counts tsp_counts(struct tsp *tsp) {
    return (struct tsp_counts){.granted = tsp->granted,
                               .authenticode = tsp->authenticode,
                               .refused = tsp->refused,
                               .unavailable = tsp->unavailable,
                               .denied = tsp->denied};
}

struct tsp_clock *tsp_clock_of(struct tsp *tsp) {
    return tsp->clock;
}

/* --- stamping -------------------------------------------------------------------------------------- */

static int64_t cut_off_us(int digits) {
    int64_t unit = US_PER_SECOND;
    for (int i = 0; i < digits; i++)
        unit /= 10;
    return digits < 6 ? unit : 0;
}

/* The time that the token will carry, or why there is none. */
static bool choose_time(struct tsp *tsp, struct arena *arena, const struct tsp_issuer *issuer,
                        int64_t *ret_us, struct error *err) {
    const struct tsp_profile *profile = &issuer->profile;
    int64_t now, need = profile->has_accuracy ? profile->accuracy_us - cut_off_us(issuer->digits) : 0;
    /* EN 319 421, 7.7.2: drifts out of synchronisation with UTC are detected. */
    if (profile->qualified && !tsp_clock_is_compared(tsp->clock))
        return fail(err, ERROR_UNAVAILABLE, "time-not-available",
                    "No time to be trusted: a qualified timestamp needs a clock that is compared; start the gateway with "
                    "--ntp-server or --chrony.");
    TRY(tsp_clock_now(tsp->clock, need, &now, err));
    if (now < issuer->signer.not_before_us || now >= issuer->signer.not_after_us)
        return fail(err, ERROR_UNAVAILABLE, "tsa-certificate-expired",
                    "The timestamping certificate is not valid now.");
    if (now >= issuer->signer.key_not_after_us)
        return fail(err, ERROR_UNAVAILABLE, "tsa-certificate-expired",
                    "The private key usage period of the timestamping certificate is over.");
    *ret_us = now;
    if (!profile->ordering)
        return true;
    TRY(tsp->source.order(tsp->source.context, arena, issuer->owner_id, now, ret_us, err));
    /* Another node's clock is ahead: this one cannot say a time after that one's and be right. */
    int64_t ahead = profile->has_accuracy ? profile->accuracy_us : US_PER_SECOND;
    return *ret_us - now <= ahead ||
           fail(err, ERROR_UNAVAILABLE, "time-not-available",
                "No time to be trusted: this issuer has given later times already.");
}

/* From a store of each thread: asking for a few octets costs as much as asking for many. */
static void draw(uint8_t *octets, size_t len) {
    static _Thread_local uint8_t store[512];
    static _Thread_local size_t left;
    if (left < len) {
        random_bytes(store, sizeof store);
        left = sizeof store;
    }
    left -= len;
    memcpy(octets, store + left, len);
}

static struct view new_serial(struct arena *arena, const struct tsp_profile *profile) {
    size_t len = (size_t)profile->serial_length;
    uint8_t *octets = arena_alloc(arena, len);
    draw(octets, len); /* 20 at most */
    octets[0] = (uint8_t)((octets[0] & 0x7f) | 0x40); /* positive, and of that length */
    return view_of(octets, len);
}

static bool keep(struct tsp *tsp, const struct tsp_issuer *issuer, const struct tsp_kept *kept,
                 struct error *err) {
    return !issuer->profile.log_tokens || tsp->source.keep(tsp->source.context, issuer, kept, err);
}

static bool stamp(struct tsp *tsp, struct arena *arena, const struct tsp_issuer *issuer,
                  const struct tsp_query *query, const char *address, struct tsp_kept *ret,
                  enum tsp_failure *ret_failure, struct error *err) {
    const struct tsp_profile *profile = &issuer->profile;
    struct tsp_order order = {.signer = &issuer->signer,
                              .query = query,
                              .digits = issuer->digits,
                              .accuracy_us = profile->has_accuracy ? profile->accuracy_us : 0,
                              .ordering = profile->ordering,
                              .tsa_name = profile->tsa_name,
                              .qualified = profile->qualified};
    struct view token;
    TRY(tsp_request_check(query, profile, &order.policy, ret_failure, err));
    *ret_failure = TSP_SYSTEM_FAILURE;
    if (!choose_time(tsp, arena, issuer, &order.time_us, err)) {
        if (strcmp(err->type, "time-not-available") == 0)
            *ret_failure = TSP_TIME_NOT_AVAILABLE;
        return false;
    }
    order.serial = new_serial(arena, profile);
    TRY(tsp_token_build(arena, &order, &token, err));
    *ret = (struct tsp_kept){.serial = order.serial,
                             .hash = query->hash,
                             .token = token,
                             .at_us = order.time_us,
                             .address = address};
    return keep(tsp, issuer, ret, err);
}

bool tsp_stamp(struct tsp *tsp, struct arena *arena, const char *ca_slug, const char *issuer_name,
               const struct tsp_query *query, const char *address, struct view *ret_token,
               int64_t *ret_time_us, struct error *err) {
    struct tsp_issuer *issuer;
    struct tsp_kept kept;
    enum tsp_failure failure;
    TRY(tsp_issuer_get(tsp->issuers, &tsp->source, arena, ca_slug, issuer_name, &issuer, err));
    TRY(stamp(tsp, arena, issuer, query, address, &kept, &failure, err));
    *ret_token = kept.token;
    *ret_time_us = kept.at_us;
    atomic_fetch_add(&tsp->granted, 1);
    METRIC_ADD(&stamps, 1, "granted");
    return true;
}

/* --- over HTTP ------------------------------------------------------------------------------------- */

struct exchange {
    struct tsp *tsp;
    const struct http_request *request;
    struct http_response *response;
    struct tsp_issuer *issuer;
};

/* While the clock, the token or the database is away every request fails: one line a second says so. */
static void log_ours(struct exchange *x, const struct error *err) {
    int64_t now = clock_monotonic_us(), last = atomic_load(&x->tsp->logged_us);
    if ((last == 0 || now - last >= US_PER_SECOND) &&
        atomic_compare_exchange_strong(&x->tsp->logged_us, &last, now))
        log_failure(LOG_ERROR, "tsa", x->request->parameters[0], err);
}

static void reply(struct exchange *x, struct view der) {
    http_add_header(x->response, "Cache-Control", "no-store");
    http_reply(x->response, 200, "application/timestamp-reply", der);
}

/* Every outcome of a request that was let in is a TimeStampResp with HTTP status 200 (rfc3161#3.4). */
static void answer_query(struct exchange *x) {
    struct arena *arena = x->request->arena;
    struct tsp_query query;
    struct tsp_kept kept;
    struct error err = {0};
    enum tsp_failure failure = TSP_SYSTEM_FAILURE;
    if (tsp_request_decode(arena, x->request->body, &query, &failure, &err) &&
        stamp(x->tsp, arena, x->issuer, &query, x->request->address, &kept, &failure, &err)) {
        atomic_fetch_add(&x->tsp->granted, 1);
        METRIC_ADD(&stamps, 1, "granted");
        reply(x, tsp_response_granted(arena, kept.token));
        return;
    }
    bool ours = err.kind == ERROR_UNAVAILABLE || err.kind == ERROR_INTERNAL;
    if (ours)
        log_ours(x, &err);
    else
        log_failure(LOG_DEBUG, "tsa", x->request->parameters[0], &err);
    atomic_fetch_add(ours ? &x->tsp->unavailable : &x->tsp->refused, 1);
    METRIC_ADD(&stamps, 1, ours ? "unavailable" : "refused");
    reply(x, tsp_response_refused(arena, failure, err.message));
}

/* The old protocol knows no refusals: HTTP says them. */
static bool answer_authenticode(struct exchange *x, struct error *err) {
    struct arena *arena = x->request->arena;
    struct view content, token;
    uint8_t hash[32];
    int64_t now;
    if (!x->issuer->profile.authenticode)
        return fail(err, ERROR_FORBIDDEN, "tsa-authenticode",
                    "This timestamp issuer answers RFC 3161 requests alone (signtool /tr, not /t).");
    TRY(tsp_authenticode_decode(arena, x->request->body, &content, err));
    TRY(choose_time(x->tsp, arena, x->issuer, &now, err));
    TRY(tsp_authenticode_build(arena, &x->issuer->signer, content, now, &token, err));
    if (EVP_Digest(content.at, content.len, hash, NULL, EVP_sha256(), NULL) != 1)
        return fail_internal(err, "digest of a signature");
    struct tsp_kept kept = {.serial = new_serial(arena, &x->issuer->profile),
                            .hash = view_of(hash, sizeof hash),
                            .token = token,
                            .at_us = now,
                            .address = x->request->address};
    TRY(keep(x->tsp, x->issuer, &kept, err));
    atomic_fetch_add(&x->tsp->authenticode, 1);
    METRIC_ADD(&stamps, 1, "authenticode");
    http_add_header(x->response, "Cache-Control", "no-store");
    http_reply_text(x->response, 200, "application/octet-stream", base64_encode(arena, token));
    return true;
}

static bool post(struct exchange *x, struct error *err) {
    if (tsp_is_authenticode(x->request->body)) {
        if (answer_authenticode(x, err))
            return true;
        bool ours = err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_INTERNAL;
        atomic_fetch_add(ours ? &x->tsp->unavailable : &x->tsp->refused, 1);
        METRIC_ADD(&stamps, 1, ours ? "unavailable" : "refused");
        return false;
    }
    answer_query(x);
    return true;
}

static bool open_issuer(struct exchange *x, struct error *err) {
    const char *name = x->request->parameters[1] == NULL ? "" : x->request->parameters[1];
    TRY(tsp_issuer_get(x->tsp->issuers, &x->tsp->source, x->request->arena, x->request->parameters[0], name,
                       &x->issuer, err));
    return x->issuer->profile.enabled ||
           fail(err, ERROR_NOT_FOUND, "not-found", "This timestamp issuer is switched off.");
}

static bool handle_post(void *context, struct http_request *request, struct http_response *response,
                        struct error *err) {
    struct exchange x = {.tsp = context, .request = request, .response = response};
    TRY(open_issuer(&x, err));
    if (tsp_guard(&x.tsp->source, x.issuer, request, err))
        return post(&x, err);
    atomic_fetch_add(&x.tsp->denied, 1);
    METRIC_ADD(&stamps, 1, "denied");
    if (err->kind != ERROR_UNAUTHENTICATED)
        return false;
    http_problem(request, response, err);
    http_add_header(response, "WWW-Authenticate", "Basic realm=\"timestamps\", charset=\"UTF-8\"");
    return true;
}

static bool handle_get(void *context, struct http_request *request, struct http_response *response,
                       struct error *err) {
    struct exchange x = {.tsp = context, .request = request, .response = response};
    TRY(open_issuer(&x, err));
    tsp_page(x.issuer, request, response);
    return true;
}

#define ALL (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
static const struct http_route routes[] = {
    {"POST", "/tsa/{}", GATE_OPEN, ALL, TSP_REQUEST_MAX, handle_post, NULL},
    {"POST", "/tsa/{}/{}", GATE_OPEN, ALL, TSP_REQUEST_MAX, handle_post, NULL},
    {"GET", "/tsa/{}", GATE_OPEN, ALL, 0, handle_get, NULL},
    {"GET", "/tsa/{}/{}", GATE_OPEN, ALL, 0, handle_get, NULL},
};

struct http_room tsp_room(struct tsp *tsp) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, tsp};
}
