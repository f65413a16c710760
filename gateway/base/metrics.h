/* What the process counts about itself, written as Prometheus text (exposition format 0.0.4).
 *
 * A room declares a metric once, in the file that counts, and adds to it from any thread; it appears in
 * /metrics from its first use on. Counting takes no lock. Names end in their unit (_seconds, _bytes), counters
 * in _total. Label values come from a small set (a route's pattern, never a path): a metric takes
 * METRIC_MAX_SERIES combinations, what comes after that is counted under "other".
 *
 *     METRIC(answers, METRIC_COUNTER, "gatehouse_ocsp_answers_total",
 *            "OCSP answers by where they came from.", "source");
 *     METRIC_ADD(&answers, 1, "cache"); */
#ifndef GATEHOUSE_BASE_METRICS_H
#define GATEHOUSE_BASE_METRICS_H

#include "base/buffer.h"

#include <stdatomic.h>

#define METRIC_LABELS 3
#define METRIC_SLOTS 128
#define METRIC_MAX_SERIES 2000

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_SECONDS /* a histogram of durations */ };

struct metric_series;

struct metric {
    enum metric_kind kind;
    const char *name, *help;
    const char *labels[METRIC_LABELS];
    /* Filled by use. */
    _Atomic(struct metric_series *) slots[METRIC_SLOTS];
    atomic_uint series_count;
    atomic_flag listed;
    struct metric *next;
};

/* METRIC(name, kind, "gatehouse_x_total", "Help.", "label", ...): the last is NULL when there is none. */
#define METRIC(variable, metric_kind, metric_name, metric_help, ...)                               \
    static struct metric variable = {.kind = (metric_kind),                                        \
                                     .name = (metric_name),                                        \
                                     .help = (metric_help),                                        \
                                     .labels = {__VA_ARGS__}}

/* `values`: one for each label; NULL when there are none. They are copied. */
void metric_add(struct metric *metric, int64_t by, const char *const *values);
void metric_set(struct metric *metric, int64_t value, const char *const *values);
/* METRIC_SECONDS takes microseconds. */
void metric_observe(struct metric *metric, int64_t us, const char *const *values);
/* For tests: the value (of METRIC_SECONDS the number of observations), 0 when never used. */
int64_t metric_value(const struct metric *metric, const char *const *values);

#define METRIC_VALUES(...) ((const char *const[METRIC_LABELS]){__VA_ARGS__})
#define METRIC_ADD(metric, by, ...) metric_add(metric, by, METRIC_VALUES(__VA_ARGS__))
#define METRIC_SET(metric, value, ...) metric_set(metric, value, METRIC_VALUES(__VA_ARGS__))
#define METRIC_OBSERVE(metric, us, ...) metric_observe(metric, us, METRIC_VALUES(__VA_ARGS__))

/* All metrics that have been used. */
void metrics_write(struct buffer *out);
/* For values that are looked up when somebody asks: the head of a family, then its samples.
 * `pairs`: name, value, name, value, ..., NULL; or NULL. Values are escaped. */
void metrics_family(struct buffer *out, enum metric_kind kind, const char *name, const char *help);
void metrics_sample(struct buffer *out, const char *name, const char *const *pairs, double value);
#define METRICS_SAMPLE(out, name, value, ...)                                                      \
    metrics_sample(out, name, (const char *const[]){__VA_ARGS__, NULL}, value)

#endif
