/* Whether this node's clock can be trusted to tell the time of a timestamp. A monitor compares it with NTP
 * servers (RFC 5905, packets of our own, client mode) or asks chrony for its tracking; between two looks the
 * system clock must move as the monotonic one does, so a step is seen at the next token. */
#ifndef GATEHOUSE_TSP_CLOCK_H
#define GATEHOUSE_TSP_CLOCK_H

#include "base/arena.h"
#include "base/clock.h"

#define TSP_CLOCK_MAX_SERVERS 16

enum clock_source { CLOCK_SYSTEM /* nobody to compare with: trusted */, CLOCK_NTP, CLOCK_CHRONY };

struct clock_settings {
    const char *servers[TSP_CLOCK_MAX_SERVERS]; /* "time.example.org", "192.0.2.1:1123", "[2001:db8::1]:123" */
    size_t server_count;
    const char *chrony; /* "127.0.0.1:323" or the path of chronyd's socket; NULL: not asked */
    int64_t max_error_us, interval_us;
};

/* What the last look found. */
struct clock_state {
    enum clock_source source;
    bool good;
    char reason[200];     /* why not; "" when good */
    bool looked;          /* false: not yet */
    int64_t offset_us;    /* of the reference against this clock */
    int64_t bound_us;     /* the most this clock may be wrong by the reference, offset included */
    int64_t looked_us;    /* monotonic */
    int64_t real_us;      /* this clock then */
    int leap;             /* 1: a second is inserted at the end of the day (UTC), 2: one is left out */
    unsigned answered, agreed, asked;
};

struct tsp_clock;

/* Copies the settings. `changed` is called (in the monitor's thread) when good turns to bad or back; may be
 * NULL. Does not start the thread. */
struct tsp_clock *tsp_clock_new(const struct clock_settings *settings,
                                void (*changed)(void *context, const struct clock_state *state),
                                void *context);
MUST_USE bool tsp_clock_start(struct tsp_clock *clock, struct error *err);
void tsp_clock_free(struct tsp_clock *clock); /* ends the thread; NULL is accepted */
/* One look, in the caller's thread. */
void tsp_clock_look(struct tsp_clock *clock);
struct clock_state tsp_clock_state(struct tsp_clock *clock);
/* False: the machine's clock is trusted, for want of a reference. */
bool tsp_clock_is_compared(const struct tsp_clock *clock);

/* The time for a token, when the clock can be trusted to need_us (0: to the settings' error alone).
 * ERROR_UNAVAILABLE "time-not-available" with the reason. */
MUST_USE bool tsp_clock_now(struct tsp_clock *clock, int64_t need_us, int64_t *ret_us,
                            struct error *err);

/* --- the sources, for the monitor and its tests ------------------------------------------------------- */

struct clock_sample {
    int64_t offset_us, bound_us; /* bound of the sample's own error: delay, dispersion */
    int leap;
};
/* One exchange with a server; false with the reason in err. */
MUST_USE bool ntp_ask(const char *server, int64_t timeout_us, struct clock_sample *ret,
                      struct error *err);
/* Reads an answer (48 octets at least) to the packet sent at sent_us with that cookie in its transmit
 * timestamp, received at received_us. */
MUST_USE bool ntp_read(struct view answer, uint64_t cookie, int64_t sent_us, int64_t received_us,
                       struct clock_sample *ret, struct error *err);
/* What the majority says: the middle of the smallest interval that more than half of `asked` servers agree
 * on (Marzullo, as rfc5905#11.2.1). */
MUST_USE bool ntp_agree(const struct clock_sample *samples, size_t count, size_t asked,
                        struct clock_sample *ret, unsigned *ret_agreed, struct error *err);
/* chronyd's tracking report. */
MUST_USE bool chrony_ask(const char *where, int64_t timeout_us, struct clock_sample *ret,
                         struct error *err);
MUST_USE bool chrony_read(struct view answer, uint32_t sequence, struct clock_sample *ret,
                          struct error *err);

#endif
