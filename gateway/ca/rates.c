#include "ca/rates.h"

#include "base/clock.h"
#include "store/usage.h"

#include <pthread.h>
#include <string.h>

#define SETS 512
#define WAYS 4

static struct rate_limits configured;

/* A bucket holds what may be asked for in one second and fills at that rate. */
static struct bucket {
    struct uuid who; /* nil: empty */
    int64_t millis;  /* thousandths of a request */
    int64_t seen_us; /* monotonic */
} buckets[SETS][WAYS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void rates_configure(const struct rate_limits *limits) {
    configured = *limits;
}

void rates_forget(void) {
    pthread_mutex_lock(&mutex);
    memset(buckets, 0, sizeof buckets);
    pthread_mutex_unlock(&mutex);
}

/* The one of that name, or the one that was asked for longest ago. */
static struct bucket *bucket_of(struct uuid who, int64_t rate, int64_t now_us) {
    struct bucket *set = buckets[(who.bytes[14] << 8 | who.bytes[15]) % SETS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (uuid_equal(set[i].who, who))
            return &set[i];
        if (set[i].seen_us < oldest->seen_us)
            oldest = &set[i];
    }
    *oldest = (struct bucket){who, rate * 1000, now_us};
    return oldest;
}

static bool take(struct uuid who, int64_t rate) {
    if (rate == 0)
        return true;
    pthread_mutex_lock(&mutex);
    int64_t now_us = clock_monotonic_us();
    struct bucket *bucket = bucket_of(who, rate, now_us);
    int64_t waited_us = now_us - bucket->seen_us;
    bucket->millis += (waited_us > US_PER_SECOND ? US_PER_SECOND : waited_us) * rate / 1000;
    if (bucket->millis > rate * 1000)
        bucket->millis = rate * 1000;
    bucket->seen_us = now_us;
    bool ok = bucket->millis >= 1000;
    bucket->millis -= ok ? 1000 : 0;
    pthread_mutex_unlock(&mutex);
    return ok;
}

static int64_t lower(int64_t a, int64_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

bool rates_request(const struct actor *actor, struct error *err) {
    int64_t own = lower(configured.token_requests, actor->requests_per_second);
    if (actor->by_token && !take(actor->token_id, own))
        return fail(err, ERROR_TOO_MANY, "rate-limit",
                    "This API token may send %lld requests a second; wait a second and go on more slowly.", (long long)own);
    if ((actor->by_token || actor->by_certificate) && !take(actor->organisation_id, configured.organisation_requests))
        return fail(err, ERROR_TOO_MANY, "rate-limit",
                    "The programs of this organisation may send %lld requests a second together; wait a second and go on "
                    "more slowly.",
                    (long long)configured.organisation_requests);
    return true;
}

static bool count_one(struct tx *tx, struct uuid who, int64_t most, const char *whose, struct error *err) {
    int64_t day = clock_now_us() / US_PER_DAY, count;
    if (most == 0)
        return true;
    TRY(usage_add(tx, who, day, &count, err));
    return count <= most || fail(err, ERROR_TOO_MANY, "daily-limit",
                                 "%s may be given %lld certificates a day (UTC), and has them; go on tomorrow, or have the "
                                 "limit raised.",
                                 whose, (long long)most);
}

bool rates_certificate(struct tx *tx, const struct actor *actor, struct uuid organisation_id, struct error *err) {
    if (actor->by_token)
        TRY(count_one(tx, actor->token_id, lower(configured.token_certificates, actor->certificates_per_day),
                      "This API token", err));
    /* What the instance gives itself (responders, TLS) must never wait. */
    return actor->system || uuid_is_nil(organisation_id) ||
           count_one(tx, organisation_id, configured.organisation_certificates, "This organisation", err);
}
