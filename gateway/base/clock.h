/* Time and randomness, injected so that tests can stand at any date.
 * All times are microseconds since 1970-01-01T00:00:00Z (UTC), as int64_t named `..._us`. */
#ifndef GATEHOUSE_BASE_CLOCK_H
#define GATEHOUSE_BASE_CLOCK_H

#include "base/arena.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)

int64_t clock_now_us(void);
/* Replaces the clock of the process; NULL restores the system's. For tests. */
void clock_set(int64_t (*now_us)(void));
/* Never goes back; for time-outs and rates, not for dates. */
int64_t clock_monotonic_us(void);

/* From OpenSSL's DRBG; the process ends when there is none. */
void random_bytes(void *at, size_t len);
/* Replaces the source; NULL restores the DRBG. For tests. */
void random_set(void (*source)(void *at, size_t len));

/* RFC 3339 with Z: "2026-11-21T05:12:57Z"; microseconds are shown when not zero. */
#define TIME_TEXT_SIZE 32
void time_format(int64_t us, char text[static TIME_TEXT_SIZE]);
/* Accepts RFC 3339 date-times with Z or an offset, years 0001-9999, at most 6 fractional digits used. */
MUST_USE bool time_parse(const char *text, int64_t *ret_us, struct error *err);

#endif
