/* One question to one agent. */
#include "agents/hub_internal.h"

#include <errno.h>
#include <time.h>

static void wait_for_answer(struct hub *hub, struct call *call) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += hub->config.patience_s;
    while (call->state == CALL_WAITS)
        if (pthread_cond_timedwait(&call->done, &hub->lock, &until) == ETIMEDOUT)
            break;
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
    wait_for_answer(agent->hub, call);
    bool answered = call->state == CALL_ANSWERED, silent = call->state == CALL_WAITS;
    pthread_mutex_unlock(&agent->hub->lock);
    if (silent)
        agent->line.hang_up(agent->line.context, "no answer came in time");
    return answered || gone(agent, err);
}

enum exchange_end exchange(struct hub_agent *agent, const struct wire_request *request,
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
