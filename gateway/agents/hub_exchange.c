/* One question to one agent. */
#include "agents/hub_internal.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <time.h>

#define SLOW_S 600 /* large RSA keys are made slowly */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* As long as the agent says something, up to the limit. False: it has said nothing for too long. */
static bool wait_for_answer(struct hub_agent *agent, struct call *call) {
    const struct hub_config *config = &agent->hub->config;
    int64_t begun_us = clock_monotonic_us();
    int64_t limit_us = (call->op == WIRE_TOKEN ? SLOW_S : config->limit_s) * US_PER_SECOND;
    while (call->state == CALL_WAITS) {
        int64_t heard_us = agent->heard_us > begun_us ? agent->heard_us : begun_us;
        int64_t until_us =
            earlier(heard_us + config->patience_s * US_PER_SECOND, begun_us + limit_us);
        struct timespec until = {until_us / US_PER_SECOND, until_us % US_PER_SECOND * 1000};
        if (clock_monotonic_us() >= until_us)
            return until_us == begun_us + limit_us;
        pthread_cond_timedwait(&call->done, &agent->hub->lock, &until);
    }
    return true;
}

static void enter(struct hub_agent *agent, struct call *call) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&call->done, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_lock(&agent->hub->lock);
    call->id = ++agent->last_id;
    if (call->id == 0) /* 0 stands for none */
        call->id = ++agent->last_id;
    call->state = agent->gone ? CALL_LOST : CALL_WAITS;
    call->next = agent->calls;
    agent->calls = call;
    pthread_mutex_unlock(&agent->hub->lock);
}

static void leave(struct hub_agent *agent, struct call *call) {
    pthread_mutex_lock(&agent->hub->lock);
    struct call **place = &agent->calls;
    while (*place != call)
        place = &(*place)->next;
    *place = call->next;
    pthread_mutex_unlock(&agent->hub->lock);
    pthread_cond_destroy(&call->done);
}

static bool gone(const struct hub_agent *agent, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "agent-lost",
                "Agent \"%s\" went before it had answered.", agent->name);
}

static bool silent(const struct hub_agent *agent, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "agent-silent", "Agent \"%s\" does not answer.",
                agent->name);
}

static bool ask(struct hub_agent *agent, struct call *call, const struct wire_request *request,
                struct error *err) {
    struct wire_request numbered = *request;
    struct wire_buffer out = {0};
    numbered.id = call->id;
    bool done = wire_encode_request(&numbered, &out, err) &&
                agent->line.send(agent->line.context, view_of(out.at, out.len), err);
    wire_buffer_free(&out);
    if (!done)
        return false;
    pthread_mutex_lock(&agent->hub->lock);
    bool speaks = wait_for_answer(agent, call);
    bool answered = call->state == CALL_ANSWERED, waits = call->state == CALL_WAITS;
    if (waits) {
        call->state = CALL_LOST;
        agent->late++;
    }
    if (!speaks)
        note_silence(agent, clock_monotonic_us());
    pthread_mutex_unlock(&agent->hub->lock);
    return answered || (waits ? silent(agent, err) : gone(agent, err));
}

static enum exchange_end converse(struct hub_agent *agent, const struct wire_request *request,
                                  struct arena *arena, struct wire_response *ret_response,
                                  struct error *err) {
    struct call call = {.op = request->op};
    struct wire_response response;
    enter(agent, &call);
    bool answered = ask(agent, &call, request, err);
    leave(agent, &call);
    struct view bytes = arena_copy(arena, call.answer.at, call.answer.len);
    wire_buffer_free(&call.answer);
    if (!answered)
        return EXCHANGE_LOST;
    if (!wire_decode_response(bytes, &response, err)) {
        agent->line.hang_up(agent->line.context, "an answer was no message of the protocol");
        (void)gone(agent, err);
        return EXCHANGE_LOST;
    }
    if (response.failed) {
        if (err != NULL)
            *err = response.error;
        return EXCHANGE_FAILED;
    }
    *ret_response = response;
    return EXCHANGED;
}

METRIC(requests, METRIC_COUNTER, "gatehouse_agent_requests_total",
       "What agents were asked, by how it ended: answered, refused (the agent says why not), lost (no answer).",
       "agent", "operation", "outcome");
METRIC(durations, METRIC_SECONDS, "gatehouse_agent_request_seconds",
       "How long agents took for an answer.", "agent", "operation");

static const char *name_of(unsigned op) {
    return op == WIRE_SIGN      ? "sign"
           : op == WIRE_DECRYPT ? "decrypt"
           : op == WIRE_FIND    ? "find"
                                : "token";
}

enum exchange_end exchange(struct hub_agent *agent, const struct wire_request *request,
                           struct arena *arena, struct wire_response *ret_response,
                           struct error *err) {
    static const char *const outcomes[] = {
        [EXCHANGED] = "answered", [EXCHANGE_FAILED] = "refused", [EXCHANGE_LOST] = "lost"};
    int64_t before_us = clock_monotonic_us();
    enum exchange_end end = converse(agent, request, arena, ret_response, err);
    METRIC_ADD(&requests, 1, agent->name, name_of(request->op), outcomes[end]);
    if (end == EXCHANGED)
        METRIC_OBSERVE(&durations, clock_monotonic_us() - before_us, agent->name, name_of(request->op));
    return end;
}
