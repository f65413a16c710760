#include "cmp/cmp.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/anchors.h"
#include "cmp/exchange.h"
#include "cmp/manage.h"
#include "net/fetch.h"
#include "rest/handler.h"
#include "store/organisations.h"
#include "x509/crl.h"

#include <string.h>

/* The messages protect themselves (rfc9811#6). */
#define ANY (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)

static bool answer(struct core *core, struct http_request *request, struct http_response *response,
                   const char *slug, const char *operation, struct error *err) {
    struct view out;
    if (strcmp(ask_media_type(request), "application/pkixcmp") != 0) /* rfc9811#3.3 */
        return fail(err, ERROR_MALFORMED, "unsupported-media-type",
                    "CMP messages come with Content-Type: application/pkixcmp.");
    struct cmp_call call = {.core = core,
                            .arena = request->arena,
                            .template_slug = slug,
                            .operation = operation,
                            .address = request->address,
                            .request_id = request->id,
                            .now_us = clock_now_us()};
    TRY(cmp_serve(&call, request->body, &out, err));
    http_add_header(response, "Cache-Control", "no-cache");
    http_reply(response, 200, "application/pkixcmp", out);
    return true;
}

static bool by_default(struct core *core, struct http_request *request, struct http_response *response,
                       const char *operation, struct error *err) {
    const char *slug = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_get(tx.tx, request->arena, CMP_DEFAULT_SETTING, &slug, err);
    TRY(done);
    if (slug == NULL || slug[0] == '\0')
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "No template answers here by default; use /.well-known/cmp/p/{template}.");
    return answer(core, request, response, slug, operation, err);
}

static HANDLER(post_default) {
    return by_default(context, request, response, NULL, err);
}

static HANDLER(post_default_operation) {
    return by_default(context, request, response, request->parameters[0], err);
}

static HANDLER(post_label) {
    return answer(context, request, response, request->parameters[0], NULL, err);
}

static HANDLER(post_operation) {
    return answer(context, request, response, request->parameters[0], request->parameters[1], err);
}

static const struct http_route routes[] = {
    {"POST", "/.well-known/cmp", GATE_OPEN, ANY, CMP_MESSAGE_MAX, post_default, NULL},
    {"POST", "/.well-known/cmp/{}", GATE_OPEN, ANY, CMP_MESSAGE_MAX, post_default_operation, NULL},
    {"POST", "/.well-known/cmp/p/{}", GATE_OPEN, ANY, CMP_MESSAGE_MAX, post_label, NULL},
    {"POST", "/.well-known/cmp/p/{}/{}", GATE_OPEN, ANY, CMP_MESSAGE_MAX, post_operation, NULL},
    {"GET", API_BASE "/cmp", GATE_ACTOR, TLS, NO_BODY, cmp_default_get, "settings:read"},
    {"PUT", API_BASE "/cmp", GATE_ACTOR, TLS, SMALL, cmp_default_put, "settings:manage"},
    {"GET", API_BASE "/templates/{}/cmp", GATE_ACTOR, TLS, NO_BODY, cmp_settings_get, "templates:read"},
    {"PUT", API_BASE "/templates/{}/cmp", GATE_ACTOR, TLS, SMALL, cmp_settings_put, "templates:manage"},
    {"GET", API_BASE "/templates/{}/cmp/transactions", GATE_ACTOR, TLS, NO_BODY, cmp_transactions_list,
     "events:read"},
    {"GET", API_BASE "/templates/{}/cmp/transactions/{}", GATE_ACTOR, TLS, NO_BODY, cmp_transactions_get,
     "events:read"},
};

struct http_room cmp_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

/* --- by themselves ------------------------------------------------------------------------------------ */

#define KEPT_US (30 * US_PER_DAY)

/* Its certificates that nobody confirmed are revoked, its requests that nobody approved are cancelled. */
static bool give_up(struct core *core, struct arena *arena, struct cmp_transaction *t, struct error *err) {
    struct cmp_certificate *rows = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = cmp_certificate_list(tx.tx, arena, t->id, &rows, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++) {
        struct request_record request;
        struct error late = {0};
        if (rows[i].state == CMP_CERTIFICATE_ISSUED)
            TRY(cmp_take_back(core, arena, &actor_system, rows[i].certificate_id,
                              REASON_CESSATION_OF_OPERATION, err));
        else if (rows[i].state == CMP_CERTIFICATE_WAITING &&
                 !request_cancel(core, arena, &actor_system, rows[i].request_id,
                                 "The CMP client did not fetch it in time.", &request, &late))
            log_failure(LOG_INFO, "cmp", "a request that nobody fetched", &late);
        else if (rows[i].state != CMP_CERTIFICATE_WAITING)
            continue;
        rows[i].state = CMP_CERTIFICATE_GIVEN_UP;
        rows[i].sealed_key = "";
    }
    t->state = CMP_STATE_GIVEN_UP;
    t->reason = "The client did not go on in time.";
    t->deadline_us = INT64_MAX;
    t->changed_us = clock_now_us();
    done = false;
    TX(tx, core_db(core), &done, err) {
        tx.ok = cmp_transaction_update(tx.tx, t, err);
        for (size_t i = 0; tx.ok && i < count; i++)
            tx.ok = cmp_certificate_put(tx.tx, &rows[i], err);
    }
    return done;
}

static bool housekeeping(void *context, struct arena *arena, struct error *err) {
    static const enum cmp_state states[] = {CMP_STATE_CONFIRM, CMP_STATE_WAITING};
    int64_t now = clock_now_us(), pruned;
    bool done = false;
    for (size_t s = 0; s < 2; s++) {
        struct cmp_transaction *items = NULL;
        size_t count = 0;
        done = false;
        TX(tx, core_db(context), &done, err)
            tx.ok = cmp_transaction_overdue(tx.tx, arena, states[s], now, &items, &count, err);
        TRY(done);
        for (size_t i = 0; i < count; i++)
            TRY(give_up(context, arena, &items[i], err));
    }
    done = false;
    TX(tx, core_db(context), &done, err)
        tx.ok = cmp_transaction_prune(tx.tx, arena, now - KEPT_US, &pruned, err);
    return done;
}

/* CRLs of trust anchors: one that cannot be had leaves the others alone. */
static bool fetch_crls(void *context, struct arena *arena, struct error *err) {
    struct anchor_due *due;
    size_t count;
    TRY(anchors_due(context, arena, &due, &count, err));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < due[i].urls.count; j++) {
            struct fetch_request request = {.url = due[i].urls.items[j], .redirects = 3,
                                            .max_bytes = MAX_DOCUMENT, .reach = FETCH_ANYWHERE};
            struct fetch_reply reply;
            struct error failed = {0};
            bool ok = fetch(arena, &request, &reply, &failed) &&
                      (reply.status == 200 || fail(&failed, ERROR_UNAVAILABLE, "fetch-failed",
                                                   "%.200s answers with status %d.", request.url, reply.status)) &&
                      anchors_fetched(context, arena, &due[i], reply.body, &failed);
            if (!ok)
                log_failure(LOG_WARN, "anchors", due[i].name, &failed);
        }
    return true;
}

size_t cmp_jobs(struct core *core, struct job *table) {
    table[0] = (struct job){.name = "cmp-housekeeping", .every_us = 15 * US_PER_SECOND, .run = housekeeping,
                            .context = core};
    table[1] = (struct job){.name = "anchor-crls", .every_us = 60 * US_PER_SECOND, .run = fetch_crls,
                            .context = core};
    return CMP_JOBS;
}
