#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define S US_PER_SECOND

/* clang-format off */
static const struct {
    int64_t us;
    const char *text;
} formats[] = {
    {0, "1970-01-01T00:00:00Z"},
    {1, "1970-01-01T00:00:00.000001Z"},
    {-1, "1969-12-31T23:59:59.999999Z"},
    {-S, "1969-12-31T23:59:59Z"},
    {951782400 * S, "2000-02-29T00:00:00Z"},
    {2524607999 * S, "2049-12-31T23:59:59Z"}, /* the last second of UTCTime */
    {2524608000 * S, "2050-01-01T00:00:00Z"},
    {INT64_C(253402300799) * S, "9999-12-31T23:59:59Z"},
};
/* clang-format on */

static void test_format_and_back(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char text[TIME_TEXT_SIZE];
        int64_t us;
        struct error err;
        time_format(formats[i].us, text);
        assert_string_equal(text, formats[i].text);
        assert_true(time_parse(text, &us, &err));
        assert_int_equal(us, formats[i].us);
    }
    char text[TIME_TEXT_SIZE]; /* must end, and stay in bounds */
    time_format(INT64_MIN, text);
    time_format(INT64_MAX, text);
}

/* clang-format off */
static const struct {
    const char *text;
    int64_t us;
} good[] = {
    {"2026-11-21T05:12:57Z", 1795237977 * S},
    {"2026-11-21t05:12:57z", 1795237977 * S},
    {"2026-11-21 05:12:57Z", 1795237977 * S},
    {"2026-11-21T06:12:57+01:00", 1795237977 * S},
    {"2026-11-20T23:42:57-05:30", 1795237977 * S},
    {"2026-11-21T05:12:57.5Z", 1795237977 * S + 500000},
    {"2026-11-21T05:12:57.1234567899Z", 1795237977 * S + 123456},
    {"2016-12-31T23:59:60Z", 1483228800 * S}, /* a leap second is the next minute */
    {"2024-02-29T00:00:00Z", 1709164800 * S},
    {"0001-01-01T00:00:00Z", INT64_C(-62135596800) * S},
};
/* clang-format on */

/* clang-format off */
static const char *const bad[] = {
    "", "Z", "2026", "2026-11-21", "2026-11-21T05:12:57", "2026-11-21T05:12Z",
    "2026-11-21T05:12:57ZZ", "2026-11-21T05:12:57Z ", " 2026-11-21T05:12:57Z",
    "2026-11-21T05:12:57.Z", "2026-11-21T05:12:57,5Z", "2026-11-21T24:00:00Z",
    "2026-11-21T05:60:00Z", "2026-11-21T05:12:61Z", "2026-13-21T05:12:57Z",
    "2026-00-21T05:12:57Z", "2026-11-00T05:12:57Z", "2026-11-31T05:12:57Z",
    "2026-02-30T05:12:57Z", "2026-02-30T05:12:60Z", "2025-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-026-11-21T05:12:57Z",
    "+026-11-21T05:12:57Z", "2026-1-21T05:12:57Z", "2026-11-21T05:12:57+0100",
    "2026-11-21T05:12:57+24:00", "2026-11-21T05:12:57+01:60", "2026-11-21T05:12:57+01:00Z",
    "2026-11-21T05:12:57\xc2\xa0Z", "20261121051257Z", "tomorrow",
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
};
/* clang-format on */

static void test_parse(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t us;
        struct error err;
        assert_true(time_parse(good[i].text, &us, &err));
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = 42;
        struct error err = {0};
        assert_false(time_parse(bad[i], &us, &err));
        assert_int_equal(us, 42);
        assert_int_equal(err.kind, ERROR_MALFORMED);
        assert_string_equal(err.type, "malformed-time");
    }
}

static int64_t noon(void) {
    return 43200 * S;
}

static void sevens(void *at, size_t len) {
    memset(at, 7, len);
}

static void test_injection(void **state) {
    (void)state;
    uint8_t bytes[8] = {0};
    clock_set(noon);
    assert_int_equal(clock_now_us(), 43200 * S);
    clock_set(NULL);
    assert_true(clock_now_us() > 1700000000 * S);
    random_set(sevens);
    random_bytes(bytes, sizeof bytes);
    assert_memory_equal(bytes, "\7\7\7\7\7\7\7\7", 8);
    random_set(NULL);
    random_bytes(bytes, sizeof bytes);
    assert_memory_not_equal(bytes, "\7\7\7\7\7\7\7\7", 8);
    int64_t before = clock_monotonic_us();
    assert_true(clock_monotonic_us() >= before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_and_back),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_injection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
