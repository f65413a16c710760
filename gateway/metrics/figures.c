#include "metrics/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/figures.h"
#include "store/requests.h"

/* Counting walks indexes: it may take this part of a node's time, and not more often than twice a minute. */
#define SHARE 50
#define LEAST_US (30 * US_PER_SECOND)

static bool write_certificates(struct tx *tx, struct arena *arena, struct buffer *out,
                               struct error *err) {
    static const char name[] = "gatehouse_certificates";
    struct figure_certificates *items;
    size_t count;
    TRY(figures_certificates(tx, arena, clock_now_us(), &items, &count, err));
    metrics_family(out, METRIC_GAUGE, name, "Certificates by authority and state, in the whole instance.");
    for (size_t i = 0; i < count; i++) {
        METRICS_SAMPLE(out, name, (double)items[i].valid, "ca", items[i].ca, "state", "valid");
        METRICS_SAMPLE(out, name, (double)items[i].held, "ca", items[i].ca, "state", "held");
        METRICS_SAMPLE(out, name, (double)items[i].revoked, "ca", items[i].ca, "state", "revoked");
        METRICS_SAMPLE(out, name, (double)items[i].expired, "ca", items[i].ca, "state", "expired");
    }
    return true;
}

static bool write_expiry(struct tx *tx, struct arena *arena, struct buffer *out, struct error *err) {
    static const char name[] = "gatehouse_expiry_timestamp_seconds";
    struct figure_expiry *items;
    size_t count;
    TRY(figures_expiry(tx, arena, &items, &count, err));
    metrics_family(out, METRIC_GAUGE, name,
                   "When certificates of authorities, services and TLS, and the newest CRLs end.");
    for (size_t i = 0; i < count; i++)
        METRICS_SAMPLE(out, name, (double)(items[i].not_after_us / US_PER_SECOND), "kind",
                       items[i].kind, "ca", items[i].ca);
    return true;
}

static bool write_requests(struct tx *tx, struct arena *arena, struct buffer *out, struct error *err) {
    static const char name[] = "gatehouse_requests_waiting";
    struct figure_requests *items;
    size_t count;
    TRY(figures_requests(tx, arena, &items, &count, err));
    metrics_family(out, METRIC_GAUGE, name, "Requests that wait for somebody, by state.");
    for (size_t i = 0; i < count; i++)
        METRICS_SAMPLE(out, name, (double)items[i].count, "state",
                       request_state_name((enum request_state)items[i].state));
    return true;
}

static void look(struct figures *figures, struct core *core) {
    SCOPED_ARENA struct arena *rows = arena_new();
    struct arena *arena = arena_new();
    struct buffer out = {0};
    struct error err = {0};
    int64_t started_us = clock_monotonic_us();
    bool done = false;
    TX(tx, core_db(core), &done, &err) {
        out = buffer_on(arena);
        tx.ok = write_certificates(tx.tx, rows, &out, &err) && write_expiry(tx.tx, rows, &out, &err) &&
                write_requests(tx.tx, rows, &out, &err);
    }
    int64_t now_us = clock_monotonic_us(), pause_us = SHARE * (now_us - started_us);
    if (!done)
        log_failure(LOG_WARN, "metrics", "figures", &err);
    arena_free(figures->arena);
    figures->arena = arena;
    figures->text = done ? buffer_text(&out) : NULL;
    /* After a failure the next caller tries again, but not every caller. */
    figures->until_us = now_us + (!done ? US_PER_SECOND : pause_us > LEAST_US ? pause_us : LEAST_US);
}

const char *figures_text(struct figures *figures, struct core *core, struct arena *arena) {
    pthread_mutex_lock(&figures->mutex);
    if (figures->arena == NULL || clock_monotonic_us() >= figures->until_us)
        look(figures, core);
    const char *text = figures->text == NULL ? NULL : arena_strdup(arena, figures->text);
    pthread_mutex_unlock(&figures->mutex);
    return text;
}
