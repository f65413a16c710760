/* What is counted is what /metrics says, from however many threads. */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

METRIC(plain, METRIC_COUNTER, "test_plain_total", "Plain.", NULL);
METRIC(labelled, METRIC_COUNTER, "test_labelled_total", "Labelled.", "route", "status");
METRIC(level, METRIC_GAUGE, "test_level", "Level.", "queue");
METRIC(durations, METRIC_SECONDS, "test_duration_seconds", "Durations.", "room");
METRIC(crowd, METRIC_COUNTER, "test_crowd_total", "Crowd.", "who");
METRIC(unused, METRIC_COUNTER, "test_unused_total", "Never used.", NULL);

static const char *page(struct arena *arena) {
    struct buffer out = buffer_on(arena);
    metrics_write(&out);
    return buffer_text(&out);
}

static void assert_line(const char *text, const char *line) {
    const char *at = strstr(text, line);
    if (at == NULL || (at > text && at[-1] != '\n') || at[strlen(line)] != '\n')
        fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void test_lines(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    metric_add(&plain, 2, NULL);
    metric_add(&plain, 40, NULL);
    METRIC_ADD(&labelled, 1, "/x/{}", "200");
    METRIC_ADD(&labelled, 5, "/x/{}", "500");
    METRIC_ADD(&labelled, 1, "/x/{}", "200");
    METRIC_SET(&level, 7, "mail");
    METRIC_ADD(&level, -9, "mail");
    const char *text = page(arena);
    assert_line(text, "# HELP test_plain_total Plain.");
    assert_line(text, "# TYPE test_plain_total counter");
    assert_line(text, "test_plain_total 42");
    assert_line(text, "test_labelled_total{route=\"/x/{}\",status=\"200\"} 2");
    assert_line(text, "test_labelled_total{route=\"/x/{}\",status=\"500\"} 5");
    assert_line(text, "# TYPE test_level gauge");
    assert_line(text, "test_level{queue=\"mail\"} -2");
    assert_null(strstr(text, "test_unused_total"));
    assert_int_equal(metric_value(&unused, NULL), 0);
    assert_int_equal(metric_value(&labelled, METRIC_VALUES("/x/{}", "500")), 5);
    assert_int_equal(metric_value(&labelled, METRIC_VALUES("/x/{}", "404")), 0);
}

static void test_histogram(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    METRIC_OBSERVE(&durations, 0, "a");
    METRIC_OBSERVE(&durations, 500, "a"); /* the end of a bucket belongs to it */
    METRIC_OBSERVE(&durations, 501, "a");
    METRIC_OBSERVE(&durations, 3600LL * 1000000, "a");
    METRIC_OBSERVE(&durations, -5, "a"); /* a clock that went back */
    const char *text = page(arena);
    assert_line(text, "# TYPE test_duration_seconds histogram");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"0.0005\"} 3");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"0.001\"} 4");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"10\"} 4");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"1800\"} 4");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"3600\"} 5");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"86400\"} 5");
    assert_line(text, "test_duration_seconds_bucket{room=\"a\",le=\"+Inf\"} 5");
    assert_line(text, "test_duration_seconds_sum{room=\"a\"} 3600.001001");
    assert_line(text, "test_duration_seconds_count{room=\"a\"} 5");
    assert_int_equal(metric_value(&durations, METRIC_VALUES("a")), 5);
}

static void test_values_are_escaped(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    METRIC_SET(&level, 1, "a\"b\\c\nd");
    assert_line(page(arena), "test_level{queue=\"a\\\"b\\\\c\\nd\"} 1");
    struct buffer out = buffer_on(arena);
    METRICS_SAMPLE(&out, "x", 1.5, "name", "\"", "other", NULL);
    assert_string_equal(buffer_text(&out), "x{name=\"\\\"\",other=\"\"} 1.5\n");
}

static void test_number_of_series_is_bounded(void **state) {
    (void)state;
    char who[20];
    for (int i = 0; i < 3 * METRIC_MAX_SERIES; i++) {
        snprintf(who, sizeof who, "n%d", i);
        METRIC_ADD(&crowd, 1, who);
    }
    assert_int_equal(metric_value(&crowd, METRIC_VALUES("n0")), 1);
    assert_int_equal(metric_value(&crowd, METRIC_VALUES("n5999")), 0);
    assert_int_equal(metric_value(&crowd, METRIC_VALUES("other")), 2 * METRIC_MAX_SERIES);
}

#define THREADS 4
#define TIMES 20000

static void *count(void *context) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    (void)context;
    for (int i = 0; i < TIMES; i++) {
        METRIC_ADD(&labelled, 1, "threads", names[i % 5]);
        METRIC_OBSERVE(&durations, i, names[i % 5]);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < 20; i++) { /* somebody reads meanwhile */
        SCOPED_ARENA struct arena *arena = arena_new();
        assert_true(strlen(page(arena)) > 100);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_value(&labelled, METRIC_VALUES("threads", "e")), THREADS * TIMES / 5);
    assert_int_equal(metric_value(&durations, METRIC_VALUES("e")), THREADS * TIMES / 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),          cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_values_are_escaped), cmocka_unit_test(test_number_of_series_is_bounded),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
