#include "commands/validation_node.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "ca/reading.h"

#include <stdio.h>
#include <string.h>

bool validation_node(const struct app *app) {
    return strcmp(option_text(app->options, "mode"), "validation") == 0;
}

bool validation_node_listens(const struct http_listen *listens, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++)
        if (listens[i].kind != LISTENER_HTTP)
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "A validation node has no TLS certificate and serves plain HTTP alone: set https = none, and "
                        "take %.60s away.", listens[i].address);
    return count > 0 || fail(err, ERROR_MALFORMED, "bad-option", "There is no listener: set http or listen.");
}

/* --- what is not here ------------------------------------------------------------------------------------ */

static bool elsewhere(void *context, struct http_request *request, struct http_response *response, struct error *err) {
    (void)context, (void)request, (void)response;
    return fail(err, ERROR_NOT_FOUND, "validation-node",
                "This node answers for the status of certificates alone (OCSP, CRLs, certificates of CAs); it writes "
                "nothing. Ask a full node of this instance.");
}

#define LIMIT ((size_t)64 * 1024)
static const struct http_route routes[] = {
    {"GET", "/{*}", GATE_OPEN, 1u << LISTENER_HTTP, 0, elsewhere, NULL},
    {"POST", "/{*}", GATE_OPEN, 1u << LISTENER_HTTP, LIMIT, elsewhere, NULL},
    {"PUT", "/{*}", GATE_OPEN, 1u << LISTENER_HTTP, LIMIT, elsewhere, NULL},
    {"PATCH", "/{*}", GATE_OPEN, 1u << LISTENER_HTTP, LIMIT, elsewhere, NULL},
    {"DELETE", "/{*}", GATE_OPEN, 1u << LISTENER_HTTP, LIMIT, elsewhere, NULL},
};

struct http_room validation_node_room(void) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, NULL};
}

bool validation_node_nobody(void *context, struct http_request *request, struct error *err) {
    (void)context, (void)err;
    request->actor = NULL;
    return true;
}

/* --- how far behind -------------------------------------------------------------------------------------- */

/* -1: nobody knows. */
static int64_t behind_seconds(void *core) {
    struct error ignored = {0};
    int64_t as_of_us = 0;
    if (!reading_as_of(core, &as_of_us, &ignored) || as_of_us == 0)
        return -1;
    return (clock_now_us() - as_of_us) / US_PER_SECOND;
}

static void look(void *core, char *reason, size_t size) {
    struct error err = {0};
    int64_t as_of_us;
    bool recent = reading_recent(core, &as_of_us, &err);
    snprintf(reason, size, "%s", recent ? "" : err.message);
}

void validation_node_watch(struct portal *portal, struct core *core) {
    portal_add_age(portal, behind_seconds, core);
    portal_add_check(portal, &(struct portal_check){"database-age", look, core, false});
}

void validation_node_metrics(void *core, struct buffer *out) {
    static const char name[] = "gatehouse_database_behind_seconds";
    int64_t seconds = behind_seconds(core);
    if (seconds < 0)
        return;
    metrics_family(out, METRIC_GAUGE, name, "How old what a validation node reads is at most.");
    METRICS_SAMPLE(out, name, (double)seconds, NULL);
}
