#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Upper ends in microseconds; the last bucket is without end. */
/* Up to a day: an ACME order waits for its client, its validation and for people. */
static const int64_t bounds_us[] = {500,      1000,     2500,      5000,       10000,      25000,      50000,
                                    100000,   250000,   500000,    1000000,    2500000,    5000000,    10000000,
                                    30000000, 60000000, 300000000, 1800000000, 3600000000, 21600000000, 86400000000};
#define BUCKETS (sizeof bounds_us / sizeof bounds_us[0] + 1)

struct metric_series {
    struct metric_series *next; /* in its slot; never changes once it is there */
    const char *values[METRIC_LABELS];
    _Atomic int64_t value; /* of METRIC_SECONDS: the sum of microseconds */
    _Atomic int64_t buckets[]; /* METRIC_SECONDS alone: BUCKETS of them, each for itself */
};

static _Atomic(struct metric *) metrics; /* the newest first */

static size_t label_count(const struct metric *m) {
    size_t count = 0;
    while (count < METRIC_LABELS && m->labels[count] != NULL)
        count++;
    return count;
}

static const char *value_of(const char *const *values, size_t i) {
    return values == NULL || values[i] == NULL ? "" : values[i];
}

static size_t slot_of(const char *const *values, size_t count) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        for (const char *at = value_of(values, i);; at++) {
            hash = (hash ^ (uint8_t)*at) * 16777619u;
            if (*at == '\0')
                break;
        }
    return hash % METRIC_SLOTS;
}

static bool is_series(const struct metric_series *s, const char *const *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(s->values[i], value_of(values, i)) != 0)
            return false;
    return true;
}

static struct metric_series *find(const struct metric *m, size_t slot, const char *const *values,
                                  size_t count) {
    struct metric_series *s = atomic_load_explicit(&m->slots[slot], memory_order_acquire);
    while (s != NULL && !is_series(s, values, count))
        s = s->next;
    return s;
}

/* What is made here stays until the process ends, like the metric itself. */
static struct metric_series *add_series(struct metric *m, size_t slot, const char *const *values,
                                        size_t count) {
    static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;
    size_t buckets = m->kind == METRIC_SECONDS ? BUCKETS * sizeof(_Atomic int64_t) : 0;
    pthread_mutex_lock(&adding);
    struct metric_series *s = find(m, slot, values, count); /* another thread was quicker? */
    if (s == NULL) {
        s = must_alloc(sizeof *s + buckets);
        for (size_t i = 0; i < count; i++)
            s->values[i] = must_strdup(value_of(values, i));
        s->next = atomic_load_explicit(&m->slots[slot], memory_order_relaxed);
        atomic_store_explicit(&m->slots[slot], s, memory_order_release);
        atomic_fetch_add_explicit(&m->series_count, 1, memory_order_relaxed);
        if (!atomic_flag_test_and_set(&m->listed)) {
            m->next = atomic_load_explicit(&metrics, memory_order_relaxed);
            atomic_store_explicit(&metrics, m, memory_order_release);
        }
    }
    pthread_mutex_unlock(&adding);
    return s;
}

static struct metric_series *series_of(struct metric *m, const char *const *values) {
    static const char *const other[METRIC_LABELS] = {"other", "other", "other"};
    size_t count = label_count(m), slot = slot_of(values, count);
    struct metric_series *s = find(m, slot, values, count);
    if (s != NULL)
        return s;
    if (atomic_load_explicit(&m->series_count, memory_order_relaxed) < METRIC_MAX_SERIES)
        return add_series(m, slot, values, count);
    slot = slot_of(other, count);
    s = find(m, slot, other, count);
    return s != NULL ? s : add_series(m, slot, other, count);
}

void metric_add(struct metric *metric, int64_t by, const char *const *values) {
    atomic_fetch_add_explicit(&series_of(metric, values)->value, by, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value, const char *const *values) {
    atomic_store_explicit(&series_of(metric, values)->value, value, memory_order_relaxed);
}

void metric_observe(struct metric *metric, int64_t us, const char *const *values) {
    struct metric_series *s = series_of(metric, values);
    size_t bucket = 0;
    while (bucket < BUCKETS - 1 && us > bounds_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&s->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->value, us < 0 ? 0 : us, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric, const char *const *values) {
    size_t count = label_count(metric);
    const struct metric_series *s = find(metric, slot_of(values, count), values, count);
    if (s == NULL || metric->kind != METRIC_SECONDS)
        return s == NULL ? 0 : atomic_load_explicit(&s->value, memory_order_relaxed);
    int64_t observations = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        observations += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
    return observations;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The text format escapes backslash, quote and line feed in label values, and no more. */
static void add_label(struct buffer *out, const char *name, const char *value, bool first) {
    buffer_printf(out, "%s%s=\"", first ? "" : ",", name);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            buffer_add_byte(out, '\\');
        if (*value == '\n')
            buffer_add_text(out, "\\n");
        else
            buffer_add_byte(out, (uint8_t)*value);
    }
    buffer_add_byte(out, '"');
}

static void add_labels(struct buffer *out, const struct metric *m, const struct metric_series *s,
                       const char *le) {
    size_t count = label_count(m);
    if (count == 0 && le == NULL)
        return;
    buffer_add_byte(out, '{');
    for (size_t i = 0; i < count; i++)
        add_label(out, m->labels[i], s->values[i], i == 0);
    if (le != NULL)
        add_label(out, "le", le, count == 0);
    buffer_add_byte(out, '}');
}

static void write_seconds(struct buffer *out, int64_t us) {
    buffer_printf(out, " %" PRId64 ".%06" PRId64 "\n", us / 1000000, us % 1000000);
}

static void write_histogram(struct buffer *out, const struct metric *m, const struct metric_series *s) {
    int64_t sum_us = atomic_load_explicit(&s->value, memory_order_relaxed), total = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        char le[32] = "+Inf";
        if (i < BUCKETS - 1)
            snprintf(le, sizeof le, "%g", (double)bounds_us[i] / 1e6);
        total += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
        buffer_printf(out, "%s_bucket", m->name);
        add_labels(out, m, s, le);
        buffer_printf(out, " %" PRId64 "\n", total);
    }
    buffer_printf(out, "%s_sum", m->name);
    add_labels(out, m, s, NULL);
    write_seconds(out, sum_us);
    buffer_printf(out, "%s_count", m->name);
    add_labels(out, m, s, NULL);
    buffer_printf(out, " %" PRId64 "\n", total);
}

static void write_series(struct buffer *out, const struct metric *m, const struct metric_series *s) {
    if (m->kind == METRIC_SECONDS) {
        write_histogram(out, m, s);
        return;
    }
    buffer_add_text(out, m->name);
    add_labels(out, m, s, NULL);
    buffer_printf(out, " %" PRId64 "\n", atomic_load_explicit(&s->value, memory_order_relaxed));
}

void metrics_family(struct buffer *out, enum metric_kind kind, const char *name, const char *help) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[kind]);
}

void metrics_sample(struct buffer *out, const char *name, const char *const *pairs, double value) {
    buffer_add_text(out, name);
    if (pairs != NULL && pairs[0] != NULL) {
        buffer_add_byte(out, '{');
        for (size_t i = 0; pairs[i] != NULL; i += 2)
            add_label(out, pairs[i], pairs[i + 1] == NULL ? "" : pairs[i + 1], i == 0);
        buffer_add_byte(out, '}');
    }
    buffer_printf(out, " %.15g\n", value);
}

void metrics_write(struct buffer *out) {
    for (const struct metric *m = atomic_load_explicit(&metrics, memory_order_acquire); m != NULL; m = m->next) {
        metrics_family(out, m->kind, m->name, m->help);
        for (size_t slot = 0; slot < METRIC_SLOTS; slot++)
            for (const struct metric_series *s =
                     atomic_load_explicit(&m->slots[slot], memory_order_acquire);
                 s != NULL; s = s->next)
                write_series(out, m, s);
    }
}
