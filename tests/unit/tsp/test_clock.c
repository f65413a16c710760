#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COOKIE UINT64_C(0x0123456789abcdef)
#define NOW (INT64_C(1795248000) * US_PER_SECOND)

static void put_64(uint8_t *at, uint64_t value) {
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t stamp(int64_t us) {
    uint64_t seconds = (uint64_t)(us / US_PER_SECOND) + 2208988800u;
    return seconds << 32 | ((uint64_t)(us % US_PER_SECOND) << 32) / (uint64_t)US_PER_SECOND;
}

/* A good answer of a server that is 1000 us ahead; the way takes 200 us each. */
static void good(uint8_t packet[static 48]) {
    memset(packet, 0, 48);
    packet[0] = 4 << 3 | 4;
    packet[1] = 2;
    put_64(packet + 24, COOKIE);
    put_64(packet + 32, stamp(NOW + 200 + 1000));
    put_64(packet + 40, stamp(NOW + 200 + 1000));
}

static void test_ntp(void **state) {
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        bool ok;
    } rows[] = {
        {"as it is", 2, 0, true},        {"version 3", 0, 3 << 3 | 4, true},  {"leap", 0, 1 << 6 | 4 << 3 | 4, true},
        {"client mode", 0, 4 << 3 | 3, false}, {"version 1", 0, 1 << 3 | 4, false}, {"version 7", 0, 7 << 3 | 4, false},
        {"unsynchronised", 0, 3 << 6 | 4 << 3 | 4, false}, {"kiss", 1, 0, false}, {"stratum 16", 1, 16, false},
        {"another cookie", 31, 0, false}, {"root distance", 9, 5, false}, {"t3 before t2", 35, 0xff, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t packet[48];
        struct clock_sample sample;
        struct error err = {0};
        good(packet);
        packet[rows[i].at] = rows[i].value;
        bool ok = ntp_read(view_of(packet, 48), COOKIE, NOW, NOW + 400, &sample, &err);
        if (ok != rows[i].ok)
            fail_msg("%s: %s", rows[i].name, err.message);
        if (ok) {
            assert_in_range(sample.offset_us, 998, 1002);
            assert_in_range(sample.bound_us, 199, 210);
        }
        for (size_t len = 0; len < 48; len++)
            assert_false(ntp_read(view_of(packet, len), COOKIE, NOW, NOW + 400, &sample, &err));
    }
}

/* Eras of 136 years (rfc5905#6): the second one begins in 2036. */
static void test_eras(void **state) {
    (void)state;
    int64_t later = INT64_C(2085978496) * US_PER_SECOND; /* 2036-02-07T06:28:16Z */
    uint8_t packet[48];
    struct clock_sample sample;
    struct error err = {0};
    good(packet);
    put_64(packet + 32, 0x0000000100000000);
    put_64(packet + 40, 0x0000000100000000);
    assert_true(ntp_read(view_of(packet, 48), COOKIE, later, later + 400, &sample, &err));
    assert_in_range(sample.offset_us, US_PER_SECOND - 300, US_PER_SECOND);
}

static void test_majority(void **state) {
    struct clock_sample samples[] = {{100, 50, 0}, {120, 50, 1}, {90000, 50, 1}, {-5000, 10, 0}};
    struct clock_sample agreed;
    struct error err = {0};
    unsigned count = 0;
    (void)state;
    assert_true(ntp_agree(samples, 3, 3, &agreed, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(agreed.offset_us, 110);
    assert_int_equal(agreed.leap, 1); /* two of three announce it */
    assert_false(ntp_agree(samples, 4, 4, &agreed, &count, &err)); /* two of four are no majority */
    assert_false(ntp_agree(samples, 2, 4, &agreed, &count, &err)); /* nor two of four when two are mute */
    assert_false(ntp_agree(samples, 0, 3, &agreed, &count, &err));
    assert_true(ntp_agree(samples, 1, 1, &agreed, &count, &err));
}

static void put_32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void test_chrony(void **state) {
    uint8_t packet[104] = {6, 2, 0, 0, 0, 33, 0, 5};
    struct clock_sample sample;
    struct error err = {0};
    (void)state;
    put_32(packet + 16, 77);
    put_32(packet + 28, 0x7f7f0101);      /* reference */
    packet[28 + 25] = 3;                  /* stratum */
    put_32(packet + 28 + 40, 0xf1000000 | 0x0ccccc); /* a small correction: 2^(-8-25) * 0x1000000-odd */
    assert_true(chrony_read(view_of(packet, sizeof packet), 77, &sample, &err));
    assert_false(chrony_read(view_of(packet, sizeof packet), 78, &sample, &err));
    assert_false(chrony_read(view_of(packet, sizeof packet - 1), 77, &sample, &err));
    packet[28 + 27] = 3; /* leap: not synchronised */
    assert_false(chrony_read(view_of(packet, sizeof packet), 77, &sample, &err));
    packet[28 + 27] = 1;
    assert_true(chrony_read(view_of(packet, sizeof packet), 77, &sample, &err));
    assert_int_equal(sample.leap, 1);
    packet[9] = 2; /* status: unauthorised */
    assert_false(chrony_read(view_of(packet, sizeof packet), 77, &sample, &err));
}

static int64_t fixed_now;
static int64_t fixed_clock(void) {
    return fixed_now;
}

/* A clock that was set, forward or back, tells no time until it has been compared. */
static void test_steps(void **state) {
    struct clock_settings settings = {.max_error_us = US_PER_SECOND, .interval_us = US_PER_DAY};
    struct tsp_clock *clock = tsp_clock_new(&settings, NULL, NULL);
    struct error err = {0};
    int64_t now = 0;
    (void)state;
    assert_false(tsp_clock_now(clock, 0, &now, &err)); /* not looked yet */
    clock_set(fixed_clock);
    fixed_now = NOW;
    tsp_clock_look(clock);
    assert_true(tsp_clock_now(clock, 0, &now, &err));
    assert_int_equal(now, NOW);
    for (int sign = -1; sign <= 1; sign += 2) {
        fixed_now += sign * 3 * US_PER_SECOND;
        assert_false(tsp_clock_now(clock, 0, &now, &err));
        assert_string_equal(err.type, "time-not-available");
        tsp_clock_look(clock);
        assert_true(tsp_clock_now(clock, 0, &now, &err));
    }
    clock_set(NULL);
    tsp_clock_free(clock);
}

/* An NTP server in a thread, by the injected clock, that announces a leap second. */
static void *serve_leap(void *context) {
    int fd = *(int *)context;
    uint8_t packet[48], answer[48];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    if (recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &len) != 48)
        return NULL;
    memset(answer, 0, sizeof answer);
    answer[0] = 1 << 6 | 4 << 3 | 4;
    answer[1] = 1;
    memcpy(answer + 24, packet + 40, 8);
    put_64(answer + 32, stamp(fixed_now));
    put_64(answer + 40, stamp(fixed_now));
    (void)!sendto(fd, answer, sizeof answer, 0, (struct sockaddr *)&from, len);
    return NULL;
}

/* rfc3161#2.4.2 wants the time: around a leap second a POSIX clock has none that is sure. */
static void test_leap_second(void **state) {
    static const struct {
        int64_t before_midnight_us; 
        bool granted;
    } rows[] = {{3 * US_PER_SECOND, true}, {2 * US_PER_SECOND, false}, {1, false},
                {0, false}, {1 - 2 * US_PER_SECOND, false}, {-2 * US_PER_SECOND, true}};
    (void)state;
    const int64_t midnight = NOW / US_PER_DAY * US_PER_DAY;
    clock_set(fixed_clock);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t len = sizeof address;
        char server[40];
        pthread_t thread;
        int64_t now = 0;
        struct error err = {0};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
        snprintf(server, sizeof server, "127.0.0.1:%u", ntohs(address.sin_port));
        struct clock_settings settings = {
            .servers = {server}, .server_count = 1, .max_error_us = US_PER_SECOND, .interval_us = US_PER_DAY};
        struct tsp_clock *clock = tsp_clock_new(&settings, NULL, NULL);
        fixed_now = midnight - rows[i].before_midnight_us;
        assert_int_equal(pthread_create(&thread, NULL, serve_leap, &fd), 0);
        tsp_clock_look(clock);
        pthread_join(thread, NULL);
        struct clock_state seen = tsp_clock_state(clock);
        if (!seen.good)
            fail_msg("row %zu: %s", i, seen.reason);
        if (tsp_clock_now(clock, 0, &now, &err) != rows[i].granted)
            fail_msg("row %zu: %s", i, err.message);
        if (!rows[i].granted)
            assert_string_equal(err.type, "time-not-available");
        tsp_clock_free(clock);
        close(fd);
    }
    clock_set(NULL);
}

/* The first two questions are lost on the way, the third is answered: the reference is not lost. */
static void *serve_third(void *context) {
    int fd = *(int *)context;
    uint8_t packet[48];
    for (int i = 0; i < 2; i++)
        if (recv(fd, packet, sizeof packet, 0) != 48)
            return NULL;
    return serve_leap(context);
}

static void test_lost_datagrams(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    char server[40];
    pthread_t thread;
    (void)state;
    clock_set(fixed_clock);
    fixed_now = NOW + US_PER_DAY / 2;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(server, sizeof server, "127.0.0.1:%u", ntohs(address.sin_port));
    struct clock_settings settings = {
        .servers = {server}, .server_count = 1, .max_error_us = US_PER_SECOND, .interval_us = US_PER_DAY};
    struct tsp_clock *clock = tsp_clock_new(&settings, NULL, NULL);
    assert_int_equal(pthread_create(&thread, NULL, serve_third, &fd), 0);
    tsp_clock_look(clock);
    pthread_join(thread, NULL);
    struct clock_state seen = tsp_clock_state(clock);
    if (!seen.good)
        fail_msg("%s", seen.reason);
    assert_int_equal(seen.answered, 1);
    tsp_clock_free(clock);
    close(fd);
    clock_set(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ntp),    cmocka_unit_test(test_eras),  cmocka_unit_test(test_majority),
        cmocka_unit_test(test_chrony), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_leap_second), cmocka_unit_test(test_lost_datagrams),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
