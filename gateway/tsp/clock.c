#include "tsp/clock.h"

#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_US US_PER_SECOND
/* Quartz drifts less than 500 ppm; what has not been looked at for so long is not known any more. */
#define DRIFT_PPM 500
#define MAX_MISSED 4
#define QUESTIONS 3 /* a datagram that is lost loses no reference */

struct tsp_clock {
    struct clock_settings settings;
    void (*changed)(void *context, const struct clock_state *state);
    void *context;
    pthread_mutex_t mutex; /* of state, stopping */
    pthread_cond_t wake;
    struct clock_state state;
    bool stopping, started;
    pthread_t thread;
};

struct tsp_clock *tsp_clock_new(const struct clock_settings *settings,
                                void (*changed)(void *context, const struct clock_state *state),
                                void *context) {
    struct tsp_clock *clock = must_alloc(sizeof *clock);
    memset(clock, 0, sizeof *clock);
    clock->settings = *settings;
    for (size_t i = 0; i < settings->server_count; i++)
        clock->settings.servers[i] = must_strdup(settings->servers[i]);
    if (settings->chrony != NULL)
        clock->settings.chrony = must_strdup(settings->chrony);
    clock->changed = changed;
    clock->context = context;
    clock->state.source = settings->chrony != NULL       ? CLOCK_CHRONY
                          : settings->server_count > 0 ? CLOCK_NTP
                                                       : CLOCK_SYSTEM;
    clock->state.asked = (unsigned)settings->server_count;
    snprintf(clock->state.reason, sizeof clock->state.reason, "the clock has not been compared yet");
    pthread_mutex_init(&clock->mutex, NULL);
    pthread_condattr_t attributes; /* a clock that is set must not lengthen the wait */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&clock->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return clock;
}

struct asking { /* one server, in a thread of its own: they answer at the same time */
    const char *server;
    struct clock_sample sample;
    struct error err;
    bool ok;
};

static void *ask_one(void *context) {
    struct asking *asking = context;
    asking->ok = ntp_ask(asking->server, ANSWER_US, &asking->sample, &asking->err);
    return NULL;
}

static bool ask_servers(const struct clock_settings *settings, struct clock_state *state,
                        struct clock_sample *ret, struct error *err) {
    struct asking asking[TSP_CLOCK_MAX_SERVERS];
    struct clock_sample samples[TSP_CLOCK_MAX_SERVERS];
    pthread_t threads[TSP_CLOCK_MAX_SERVERS];
    bool running[TSP_CLOCK_MAX_SERVERS];
    size_t count = 0;
    memset(asking, 0, sizeof asking);
    for (size_t i = 0; i < settings->server_count; i++) {
        asking[i].server = settings->servers[i];
        running[i] = pthread_create(&threads[i], NULL, ask_one, &asking[i]) == 0;
    }
    for (size_t i = 0; i < settings->server_count; i++) {
        if (running[i])
            pthread_join(threads[i], NULL);
        if (asking[i].ok)
            samples[count++] = asking[i].sample;
        else
            log_debug("tsa", "NTP server %s: %s", asking[i].server, asking[i].err.message);
    }
    state->answered = (unsigned)count;
    if (settings->server_count == 1 && count == 0)
        return fail(err, ERROR_UNAVAILABLE, "time-not-available", "the NTP server %.80s: %.80s", asking[0].server,
                    asking[0].err.message);
    return ntp_agree(samples, count, settings->server_count, ret, &state->agreed, err);
}

static int64_t magnitude(int64_t value) {
    return value < 0 ? -value : value;
}

/* Judges what was found; nothing is compared when nobody is configured. */
static void judge(const struct clock_settings *settings, struct clock_state *state, bool found,
                  const struct clock_sample *sample, const struct error *err) {
    state->looked = true;
    state->looked_us = clock_monotonic_us();
    state->real_us = clock_now_us();
    state->good = found;
    state->reason[0] = '\0';
    if (!found) {
        snprintf(state->reason, sizeof state->reason, "%.199s", err->message);
        return;
    }
    state->offset_us = sample->offset_us;
    state->bound_us = magnitude(sample->offset_us) + sample->bound_us;
    state->leap = sample->leap;
    if (state->bound_us <= settings->max_error_us)
        return;
    state->good = false;
    snprintf(state->reason, sizeof state->reason,
             "the clock is off by %.6f s (within %.6f s); %.6f s are allowed",
             (double)sample->offset_us / (double)US_PER_SECOND,
             (double)sample->bound_us / (double)US_PER_SECOND,
             (double)settings->max_error_us / (double)US_PER_SECOND);
}

static bool ask(const struct clock_settings *settings, struct clock_state *state, struct clock_sample *ret,
                struct error *err) {
    if (state->source == CLOCK_CHRONY)
        return chrony_ask(settings->chrony, ANSWER_US, ret, err);
    return state->source == CLOCK_SYSTEM || ask_servers(settings, state, ret, err);
}

static bool is_stopping(struct tsp_clock *clock) {
    pthread_mutex_lock(&clock->mutex);
    bool stopping = clock->stopping;
    pthread_mutex_unlock(&clock->mutex);
    return stopping;
}

void tsp_clock_look(struct tsp_clock *clock) {
    const struct clock_settings *settings = &clock->settings;
    struct clock_sample sample = {0};
    struct error err = {0};
    struct clock_state state = {.source = clock->state.source, .asked = clock->state.asked};
    bool found = false;
    for (int i = 0; i < QUESTIONS && !found; i++) {
        if (i > 0 && is_stopping(clock))
            return; /* nobody needs the verdict any more */
        found = ask(settings, &state, &sample, &err);
    }
    judge(settings, &state, found, &sample, &err);
    pthread_mutex_lock(&clock->mutex);
    bool differs = !clock->state.looked || clock->state.good != state.good;
    clock->state = state;
    pthread_mutex_unlock(&clock->mutex);
    if (differs && clock->changed != NULL)
        clock->changed(clock->context, &state);
}

static bool wait_for_next(struct tsp_clock *clock) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(clock->settings.interval_us / US_PER_SECOND);
    until.tv_nsec += (long)(clock->settings.interval_us % US_PER_SECOND * 1000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&clock->mutex);
    while (!clock->stopping && pthread_cond_timedwait(&clock->wake, &clock->mutex, &until) == 0)
        ;
    bool go_on = !clock->stopping;
    pthread_mutex_unlock(&clock->mutex);
    return go_on;
}

static void *run(void *context) {
    struct tsp_clock *clock = context;
    do
        tsp_clock_look(clock);
    while (wait_for_next(clock));
    return NULL;
}

bool tsp_clock_start(struct tsp_clock *clock, struct error *err) {
    if (clock->state.source == CLOCK_SYSTEM)
        tsp_clock_look(clock); /* asks nobody, so the first request finds it done */
    if (pthread_create(&clock->thread, NULL, run, clock) != 0)
        return fail_internal(err, "the clock monitor's thread cannot be started");
    clock->started = true;
    return true;
}

void tsp_clock_free(struct tsp_clock *clock) {
    if (clock == NULL)
        return;
    pthread_mutex_lock(&clock->mutex);
    clock->stopping = true;
    pthread_cond_signal(&clock->wake);
    pthread_mutex_unlock(&clock->mutex);
    if (clock->started)
        pthread_join(clock->thread, NULL);
    for (size_t i = 0; i < clock->settings.server_count; i++)
        free((char *)clock->settings.servers[i]);
    free((char *)clock->settings.chrony);
    pthread_mutex_destroy(&clock->mutex);
    pthread_cond_destroy(&clock->wake);
    free(clock);
}

/* What the look of then says about now. */
static void age(const struct clock_settings *settings, struct clock_state *state) {
    if (!state->good)
        return;
    int64_t elapsed = clock_monotonic_us() - state->looked_us;
    int64_t step = clock_now_us() - state->real_us - elapsed;
    int64_t drift = elapsed * DRIFT_PPM / 1000000;
    if (state->source != CLOCK_SYSTEM && elapsed > MAX_MISSED * settings->interval_us + ANSWER_US) {
        state->good = false;
        snprintf(state->reason, sizeof state->reason, "the clock was last compared %lld s ago",
                 (long long)(elapsed / US_PER_SECOND));
    } else if (magnitude(step) > settings->max_error_us + drift) {
        state->good = false;
        snprintf(state->reason, sizeof state->reason, "the clock was set %s by %.3f s and is to be compared first",
                 step < 0 ? "back" : "forward", (double)magnitude(step) / (double)US_PER_SECOND);
    }
    state->bound_us += state->source == CLOCK_SYSTEM ? 0 : drift + magnitude(step);
}

struct clock_state tsp_clock_state(struct tsp_clock *clock) {
    pthread_mutex_lock(&clock->mutex);
    struct clock_state state = clock->state;
    pthread_mutex_unlock(&clock->mutex);
    age(&clock->settings, &state);
    return state;
}

bool tsp_clock_is_compared(const struct tsp_clock *clock) {
    return clock->settings.chrony != NULL || clock->settings.server_count > 0;
}

/* The seconds around a leap second have no certain name: POSIX clocks repeat or smear them. */
static bool in_leap(const struct clock_state *state, int64_t now) {
    int64_t of_day = now % US_PER_DAY;
    return state->leap != 0 && (of_day >= US_PER_DAY - 2 * US_PER_SECOND || of_day < 2 * US_PER_SECOND);
}

bool tsp_clock_now(struct tsp_clock *clock, int64_t need_us, int64_t *ret_us, struct error *err) {
    struct clock_state state = tsp_clock_state(clock);
    int64_t now = clock_now_us();
    if (!state.good)
        return fail(err, ERROR_UNAVAILABLE, "time-not-available", "No time to be trusted: %s.", state.reason);
    if (in_leap(&state, now))
        return fail(err, ERROR_UNAVAILABLE, "time-not-available",
                    "No time to be trusted: a leap second is near; try again in a few seconds.");
    if (need_us > 0 && state.source != CLOCK_SYSTEM && state.bound_us > need_us)
        return fail(err, ERROR_UNAVAILABLE, "time-not-available",
                    "No time to be trusted: the clock may be wrong by %lld us, the issuer promises %lld us.",
                    (long long)state.bound_us, (long long)need_us);
    *ret_us = now;
    return true;
}
