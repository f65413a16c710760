#include "portal/internal.h"

#include "base/json.h"

#include <stdio.h>

/* Anybody may ask, so database and token are asked once a second at most. */
#define CHECK_AGAIN_US US_PER_SECOND

HANDLER(portal_healthz) {
    (void)context, (void)request, (void)err;
    http_reply_text(response, 200, "text/plain; charset=utf-8", "ok\n");
    return true;
}

static void look(struct portal *portal) {
    struct error err = {0};
    portal->database[0] = portal->signer[0] = '\0';
    struct db *db = core_db(portal->core);
    if (!db_ping(db, &err) || !db_schema_check(db, &err))
        snprintf(portal->database, sizeof portal->database, "%.255s", err.message);
    if (!signer_ping(core_signer(portal->core), &err))
        snprintf(portal->signer, sizeof portal->signer, "%.255s", err.message);
    portal->checked_us = clock_monotonic_us();
}

static void put_check(struct json_writer *w, const char *name, bool ok, const char *member, const char *text) {
    json_open_object(w);
    json_put_string(w, "name", name);
    json_put_bool(w, "ok", ok);
    if (text[0] != '\0')
        json_put_string(w, member, text);
    json_close_object(w);
}

static void add_check(struct json_writer *w, const char *name, const char *reason) {
    put_check(w, name, reason[0] == '\0', "reason", reason);
}

struct warnings {
    struct json_writer *w;
    bool any;
};

static void add_warning(void *to, const char *name, const char *reason) {
    struct warnings *warnings = to;
    put_check(warnings->w, name, true, "warning", reason);
    warnings->any = true;
}

HANDLER(portal_readyz) {
    struct portal *portal = context;
    struct json_writer w = json_writer_on(request->arena);
    (void)err;
    pthread_mutex_lock(&portal->lock);
    if (portal->checked_us == 0 || clock_monotonic_us() - portal->checked_us >= CHECK_AGAIN_US)
        look(portal);
    char reasons[PORTAL_MAX_CHECKS][256];
    bool draining = atomic_load(&portal->draining);
    bool warned = false, ready = portal->database[0] == '\0' && portal->signer[0] == '\0' && !draining;
    for (size_t i = 0; i < portal->check_count; i++) {
        portal->checks[i].look(portal->checks[i].context, reasons[i], sizeof reasons[i]);
        warned = warned || (reasons[i][0] != '\0' && portal->checks[i].only_warns);
        ready = ready && (reasons[i][0] == '\0' || portal->checks[i].only_warns);
    }
    json_open_object(&w);
    json_put_bool(&w, "ready", ready);
    json_name(&w, "checks");
    json_open_array(&w);
    add_check(&w, "database", portal->database);
    add_check(&w, "signer", portal->signer);
    if (draining)
        add_check(&w, "stopping", "This node is about to stop.");
    for (size_t i = 0; i < portal->check_count; i++)
        put_check(&w, portal->checks[i].name, reasons[i][0] == '\0' || portal->checks[i].only_warns,
                  portal->checks[i].only_warns ? "warning" : "reason", reasons[i]);
    struct warnings warnings = {&w, warned};
    for (size_t i = 0; i < portal->list_count; i++)
        portal->lists[i].list(portal->lists[i].context, &(struct portal_put){add_warning, &warnings});
    json_close_array(&w);
    json_put_bool(&w, "degraded", warnings.any);
    if (portal->age != NULL)
        json_put_int(&w, "behindSeconds", portal->age(portal->age_context));
    json_close_object(&w);
    pthread_mutex_unlock(&portal->lock);
    http_reply_text(response, ready ? 200 : 503, "application/json", json_written(&w));
    return true;
}
