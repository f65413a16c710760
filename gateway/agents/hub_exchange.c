/* Calls to an agent, and one question to one of them. */
#include "agents/hub_internal.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <time.h>

#define SLOW_S 600 /* large RSA keys are made slowly */

int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- one call -------------------------------------------------------------------------------- */

void call_condition(pthread_cond_t *ret) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(ret, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void enter(struct hub_agent *agent, struct call *call) {
    pthread_mutex_lock(&agent->hub->lock);
    call->id = ++agent->last_id;
    if (call->id == 0) /* 0 stands for none */
        call->id = ++agent->last_id;
    call->state = agent->gone ? CALL_LOST : CALL_WAITS;
    call->next = agent->calls;
    agent->calls = call;
    pthread_mutex_unlock(&agent->hub->lock);
}

/* An answer that nobody waits for any more is dropped when it comes. */
static void leave(struct call *call) {
    struct hub_agent *agent = call->agent;
    pthread_mutex_lock(&agent->hub->lock);
    struct call **place = &agent->calls;
    while (*place != call)
        place = &(*place)->next;
    *place = call->next;
    agent->late += call->state == CALL_WAITS;
    pthread_mutex_unlock(&agent->hub->lock);
}

void call_begin(struct hub_agent *agent, const struct wire_request *request, pthread_cond_t *done, struct call *call) {
    struct wire_request numbered = *request;
    struct wire_buffer out = {0};
    *call = (struct call){.agent = agent, .op = request->op, .done = done, .begun_us = clock_monotonic_us()};
    enter(agent, call);
    numbered.id = call->id;
    bool sent = wire_encode_request(&numbered, &out, &call->failure) &&
                agent->line.send(agent->line.context, view_of(out.at, out.len), &call->failure);
    wire_buffer_free(&out);
    pthread_mutex_lock(&agent->hub->lock);
    if (!sent)
        call->state = CALL_LOST;
    pthread_mutex_unlock(&agent->hub->lock);
}

int64_t call_look_again(struct call *call) {
    struct hub_agent *agent = call->agent;
    const struct hub_config *config = &agent->hub->config;
    int64_t now_us = clock_monotonic_us();
    int64_t heard_us = agent->heard_us > call->begun_us ? agent->heard_us : call->begun_us;
    int64_t silent_us = heard_us + config->patience_s * US_PER_SECOND;
    int64_t limit_us = call->begun_us + (call->op == WIRE_TOKEN ? SLOW_S : config->limit_s) * US_PER_SECOND;
    if (call->state != CALL_WAITS || now_us >= limit_us)
        return 0;
    if (now_us >= silent_us) {
        note_silence(agent, now_us);
        return 0;
    }
    return earlier(silent_us, limit_us);
}

void call_sleep(struct hub *hub, pthread_cond_t *done, int64_t until_us) {
    struct timespec until = {until_us / US_PER_SECOND, until_us % US_PER_SECOND * 1000};
    pthread_cond_timedwait(done, &hub->lock, &until);
}

static bool gone(const struct hub_agent *agent, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "agent-lost",
                "Agent \"%s\" went before it had answered.", agent->name);
}

static bool no_answer(const struct call *call, struct error *err) {
    if (call->failure.kind != ERROR_NONE) {
        *err = call->failure;
        return false;
    }
    if (call->state == CALL_WAITS)
        return fail(err, ERROR_UNAVAILABLE, "agent-silent", "Agent \"%s\" does not answer.", call->agent->name);
    return gone(call->agent, err);
}

static enum exchange_end read_answer(struct call *call, struct arena *arena, struct wire_response *ret_response,
                                     struct error *err) {
    struct hub_agent *agent = call->agent;
    struct wire_response response;
    if (call->state != CALL_ANSWERED) {
        (void)no_answer(call, err);
        return EXCHANGE_LOST;
    }
    struct view bytes = arena_copy(arena, call->answer.at, call->answer.len);
    if (!wire_decode_response(bytes, &response, err)) {
        agent->line.hang_up(agent->line.context, "an answer was no message of the protocol");
        (void)gone(agent, err);
        return EXCHANGE_LOST;
    }
    if (response.failed) {
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

enum exchange_end call_end(struct call *call, struct arena *arena, struct wire_response *ret_response,
                           struct error *err) {
    static const char *const outcomes[] = {
        [EXCHANGED] = "answered", [EXCHANGE_FAILED] = "refused", [EXCHANGE_LOST] = "lost"};
    const char *name = call->agent->name, *operation = name_of(call->op);
    leave(call);
    enum exchange_end end = read_answer(call, arena, ret_response, err);
    wire_buffer_free(&call->answer);
    METRIC_ADD(&requests, 1, name, operation, outcomes[end]);
    if (end == EXCHANGED)
        METRIC_OBSERVE(&durations, clock_monotonic_us() - call->begun_us, name, operation);
    return end;
}

/* ---- one question, one answer ---------------------------------------------------------------- */

/* Looking for a key changes nothing: who takes long over it is not waited for when somebody else may know. */
static bool takes_too_long(const struct round *round, const struct call *call, int64_t turn_us) {
    return call->op == WIRE_FIND && clock_monotonic_us() >= turn_us && is_another(round);
}

enum exchange_end exchange(const struct round *round, struct hub_agent *agent, const struct wire_request *request,
                           struct wire_response *ret_response, struct error *err) {
    struct hub *hub = agent->hub;
    struct call call;
    pthread_cond_t done;
    int64_t until_us, turn_us;
    call_condition(&done);
    call_begin(agent, request, &done, &call);
    turn_us = call.begun_us + hub->config.patience_s * US_PER_SECOND;
    pthread_mutex_lock(&hub->lock);
    while ((until_us = call_look_again(&call)) != 0 && !takes_too_long(round, &call, turn_us))
        call_sleep(hub, &done, clock_monotonic_us() < turn_us ? earlier(until_us, turn_us) : until_us);
    pthread_mutex_unlock(&hub->lock);
    enum exchange_end end = call_end(&call, round->arena, ret_response, err);
    pthread_cond_destroy(&done);
    return end;
}
