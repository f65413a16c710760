/* A-labels of internationalized names: "xn--" and Punycode (rfc5890#2.3.2.1, rfc3492). */
#include "x509/san.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define BASE 36
#define T_MIN 1
#define T_MAX 26
#define PREFIX "xn--"
#define MOST_CODE_POINTS 63

static int digit_of(char c) {
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

/* rfc3492#6.1 */
static uint32_t adapt(uint32_t delta, uint32_t count, bool first) {
    uint32_t k = 0;
    delta = first ? delta / 700 : delta / 2;
    delta += delta / count;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + 38);
}

/* One number of variable length, added to *i (rfc3492#6.2). */
static bool read_delta(const char **at, const char *end, uint32_t bias, uint32_t *i) {
    uint32_t weight = 1;
    for (uint32_t k = BASE;; k += BASE) {
        int digit = *at < end ? digit_of(**at) : -1;
        if (digit < 0 || (uint32_t)digit > (UINT32_MAX - *i) / weight)
            return false;
        (*at)++;
        *i += (uint32_t)digit * weight;
        uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
        if ((uint32_t)digit < t)
            return true;
        if (weight > UINT32_MAX / (BASE - t))
            return false;
        weight *= BASE - t;
    }
}

/* The part behind the prefix: at least one code point that is no ASCII, no control, no surrogate. */
static bool is_punycode(const char *at, size_t len) {
    const char *end = at + len, *delimiter = NULL;
    uint32_t n = 0x80, i = 0, bias = 72;
    for (const char *c = at; c < end; c++)
        if (*c == '-')
            delimiter = c;
    uint32_t count = delimiter == NULL ? 0 : (uint32_t)(delimiter - at);
    uint32_t basic = count;
    if (delimiter == at) /* a delimiter with nothing before it */
        return false;
    at = delimiter == NULL ? at : delimiter + 1;
    while (at < end) {
        uint32_t before = i;
        if (!read_delta(&at, end, bias, &i))
            return false;
        count++;
        bias = adapt(i - before, count, before == 0);
        if (i / count > 0x10ffff - n)
            return false;
        n += i / count;
        i = i % count + 1;
        if (n < 0xa0 || (n >= 0xd800 && n <= 0xdfff) || count > MOST_CODE_POINTS)
            return false;
    }
    return count > basic;
}

const char *a_label_problem(const char *name) {
    for (const char *at = name;;) {
        size_t len = strcspn(at, ".");
        if (len >= strlen(PREFIX) && strncasecmp(at, PREFIX, strlen(PREFIX)) == 0 &&
            !is_punycode(at + strlen(PREFIX), len - strlen(PREFIX)))
            return "has a label that begins with xn-- and is no encoded name (rfc5890#2.3.2.1)";
        if (at[len] == '\0')
            return NULL;
        at += len + 1;
    }
}
