#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL 16 /* octets */
#define STORE_SIZE 512

static int64_t system_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static void generate(void *at, size_t len) {
    if (RAND_bytes(at, (int)len) != 1) {
        fputs("gatehouse: no random numbers\n", stderr);
        abort();
    }
}

/* A few octets, as ids, serial numbers and nonces need, come from a store of each thread, since a call of the generator
 * costs far more than they do. Whoever reads the store could read the generator's own state as well; what was given away
 * is wiped. Keys and access tokens are longer and never lie there. No process of ours goes on after fork() but to exec. */
static void drbg(void *at, size_t len) {
    static _Thread_local uint8_t store[STORE_SIZE];
    static _Thread_local size_t left;
    if (len > SMALL) {
        generate(at, len);
        return;
    }
    if (left < len) {
        generate(store, sizeof store);
        left = sizeof store;
    }
    left -= len;
    memcpy(at, store + left, len);
    OPENSSL_cleanse(store + left, len);
}

static int64_t (*now_source)(void) = system_now_us;
static void (*random_source)(void *at, size_t len) = drbg;

int64_t clock_now_us(void) {
    return now_source();
}

void clock_set(int64_t (*now_us)(void)) {
    now_source = now_us == NULL ? system_now_us : now_us;
}

int64_t clock_monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

void random_bytes(void *at, size_t len) {
    random_source(at, len);
}

void random_set(void (*source)(void *at, size_t len)) {
    random_source = source == NULL ? drbg : source;
}

/* Gives where the next character goes, behind `end`. printf takes some ten times as long, and an answer has six times. */
static char *put_digits(char *at, int digits, int value, char end) {
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = end;
    return at + digits + 1;
}

void time_format(int64_t us, char text[static TIME_TEXT_SIZE]) {
    int64_t fraction = us % US_PER_SECOND;
    time_t seconds = (time_t)(us / US_PER_SECOND);
    if (fraction < 0) {
        fraction += US_PER_SECOND;
        seconds -= 1;
    }
    struct tm tm = {.tm_year = 9999 - 1900, .tm_mon = 11, .tm_mday = 31};
    (void)gmtime_r(&seconds, &tm); /* fails when the year does not fit an int */
    char *at = put_digits(text, 4, abs((tm.tm_year + 1900) % 10000), '-');
    at = put_digits(at, 2, tm.tm_mon + 1, '-');
    at = put_digits(at, 2, tm.tm_mday, 'T');
    at = put_digits(at, 2, tm.tm_hour, ':');
    at = put_digits(at, 2, tm.tm_min, ':');
    at = put_digits(at, 2, tm.tm_sec, fraction == 0 ? 'Z' : '.');
    if (fraction != 0)
        at = put_digits(at, 6, (int)fraction, 'Z');
    *at = '\0';
}

/* Reads exactly `digits` decimal digits within [min, max]. */
static bool take_number(const char **at, int digits, int min, int max, int *ret) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *ret = value;
    return value >= min && value <= max;
}

static bool take_char(const char **at, const char *allowed) {
    if (**at == '\0' || strchr(allowed, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

static bool take_fraction(const char **at, int64_t *ret_us) {
    int64_t scale = 100000;
    if (**at != '.')
        return true;
    (*at)++;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
        *ret_us += (**at - '0') * scale;
    return true;
}

static bool take_offset(const char **at, int64_t *ret_seconds) {
    int hours = 0, minutes = 0;
    if (take_char(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, "+-") || !take_number(at, 2, 0, 23, &hours) || !take_char(at, ":") ||
        !take_number(at, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool time_parse(const char *text, int64_t *ret_us, struct error *err) {
    struct tm tm = {0}, normal;
    const char *at = text;
    int64_t fraction = 0, offset = 0;

    /* rfc3339#5.6: date-time; a leap second is folded into the next minute. */
    bool ok = take_number(&at, 4, 1, 9999, &tm.tm_year) && take_char(&at, "-") &&
              take_number(&at, 2, 1, 12, &tm.tm_mon) && take_char(&at, "-") &&
              take_number(&at, 2, 1, 31, &tm.tm_mday) && take_char(&at, "Tt ") &&
              take_number(&at, 2, 0, 23, &tm.tm_hour) && take_char(&at, ":") &&
              take_number(&at, 2, 0, 59, &tm.tm_min) && take_char(&at, ":") &&
              take_number(&at, 2, 0, 60, &tm.tm_sec) && take_fraction(&at, &fraction) &&
              take_offset(&at, &offset) && *at == '\0';
    if (ok) {
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        normal = tm;
        normal.tm_sec = 0; /* a leap second must not hide the wrong day */
        int64_t seconds = (int64_t)timegm(&normal) + tm.tm_sec;
        if (normal.tm_mday == tm.tm_mday) { /* refuses 30 February */
            *ret_us = (seconds - offset) * US_PER_SECOND + fraction;
            return true;
        }
    }
    return fail(err, ERROR_MALFORMED, "malformed-time",
                "The time \"%.40s\" is not an RFC 3339 date-time; write it like "
                "2026-01-31T12:00:00Z.",
                text);
}
