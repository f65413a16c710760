/* Signing and decrypting with keys of agents. One agent is asked; the next one too when that one is still at it after a
 * while: it may wait to be touched, or its module hangs. The first good answer counts. */
#include "agents/hub_internal.h"

#include "base/clock.h"

#include <string.h>

struct asked {
    struct hub_agent *agent;
    struct call call;
    bool under_way, forgot; /* forgot: it did not know its handle, and was asked once more */
};

struct hunt {
    struct round round;
    const struct hub_key *key;
    pthread_cond_t done;
    struct asked asked[TRIES_MAX];
    size_t count;
    bool over; /* nobody else would do better */
};

/* Another agent with the same key may do better. */
static bool may_do_elsewhere(const struct error *err) {
    return err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_NOT_FOUND ||
           err->kind == ERROR_FORBIDDEN || err->kind == ERROR_TOO_MANY;
}

/* This one did not do it. */
static void give_up_on(struct hunt *hunt, struct asked *asked, const struct error *failure) {
    done_with(asked->agent);
    asked->agent = NULL;
    note_failure(&hunt->round, failure);
    hunt->over = hunt->over || !may_do_elsewhere(failure);
    if (hunt->over)
        hunt->round.failure = *failure;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void ask(struct hunt *hunt, struct asked *asked) {
    struct wire_request request = *hunt->round.request;
    struct error failure = {0};
    uint64_t handle;
    if (!handle_at(&hunt->round, asked->agent, hunt->key, &handle, &failure)) {
        give_up_on(hunt, asked, &failure);
        return;
    }
    if (request.op == WIRE_SIGN)
        request.sign.handle = handle;
    else
        request.decrypt.handle = handle;
    call_begin(asked->agent, &request, &hunt->done, &asked->call);
    asked->under_way = true;
}

static bool ask_next(struct hunt *hunt) {
    struct hub_agent *agent = next_agent(&hunt->round, true);
    if (agent == NULL)
        return false;
    struct asked *asked = &hunt->asked[hunt->count++];
    asked->agent = agent;
    ask(hunt, asked);
    return true;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static bool is_under_way(const struct hunt *hunt) {
    bool is = false;
    for (size_t i = 0; i < hunt->count; i++)
        is = is || hunt->asked[i].under_way;
    return is;
}

/* One that is done, or *ret_until_us: when to look again. */
static struct asked *look(struct hunt *hunt, int64_t *ret_until_us, int64_t *ret_newest_us) {
    *ret_until_us = INT64_MAX;
    *ret_newest_us = 0;
    for (size_t i = 0; i < hunt->count; i++) {
        struct asked *asked = &hunt->asked[i];
        if (!asked->under_way)
            continue;
        int64_t again_us = call_look_again(&asked->call);
        if (again_us == 0)
            return asked;
        *ret_until_us = earlier(*ret_until_us, again_us);
        *ret_newest_us = asked->call.begun_us > *ret_newest_us ? asked->call.begun_us : *ret_newest_us;
    }
    return NULL;
}

/* NULL: all of them take long, and there is another one to ask, who may have come meanwhile. */
static struct asked *wait_for_one(struct hunt *hunt) {
    struct hub *hub = hunt->round.hub;
    struct asked *asked;
    int64_t until_us, newest_us;
    pthread_mutex_lock(&hub->lock);
    while ((asked = look(hunt, &until_us, &newest_us)) == NULL) {
        int64_t now_us = clock_monotonic_us(), turn_us = newest_us + hub->config.patience_s * US_PER_SECOND;
        if (now_us >= turn_us && is_another(&hunt->round))
            break;
        call_sleep(hub, &hunt->done, earlier(until_us, now_us >= turn_us ? now_us + US_PER_SECOND : turn_us));
    }
    pthread_mutex_unlock(&hub->lock);
    return asked;
}

/* True: it is the answer. */
static bool take(struct hunt *hunt, struct asked *asked, struct wire_response *ret_response) {
    struct error failure = {0};
    asked->under_way = false;
    enum exchange_end end = call_end(&asked->call, hunt->round.arena, ret_response, &failure);
    if (end == EXCHANGED) {
        note_answer(asked->agent, hunt->round.key);
        return true;
    }
    set_handle(asked->agent, hunt->round.key, 0);
    if (end == EXCHANGE_FAILED && strcmp(failure.type, "unknown-handle") == 0 && !asked->forgot) {
        asked->forgot = true;
        ask(hunt, asked);
    } else {
        give_up_on(hunt, asked, &failure);
    }
    return false;
}

/* Who is still at it is not waited for: its answer is dropped when it comes. */
static void let_all_go(struct hunt *hunt) {
    struct wire_response ignored;
    for (size_t i = 0; i < hunt->count; i++) {
        struct error failure = {0};
        if (hunt->asked[i].under_way)
            (void)call_end(&hunt->asked[i].call, hunt->round.arena, &ignored, &failure);
        if (hunt->asked[i].agent != NULL)
            done_with(hunt->asked[i].agent);
    }
    pthread_cond_destroy(&hunt->done);
}

static bool search(struct hunt *hunt, struct wire_response *ret_response) {
    while (!hunt->over) {
        struct asked *asked = is_under_way(hunt) ? wait_for_one(hunt) : NULL;
        if (asked != NULL && take(hunt, asked, ret_response))
            return true;
        if (asked == NULL && !ask_next(hunt) && !is_under_way(hunt))
            return false;
    }
    return false;
}

bool operate(struct hub *hub, const struct wire_request *request, struct arena *arena,
             struct wire_response *ret_response, struct error *err) {
    size_t index = 0;
    uint64_t handle = request->op == WIRE_SIGN ? request->sign.handle : request->decrypt.handle;
    struct hub_key *key = key_by_handle(hub, handle, &index);
    if (key == NULL)
        return fail(err, ERROR_NOT_FOUND, "unknown-handle", "No agent's key has this handle.");
    struct hunt hunt = {.round = {hub, request, arena, &key->parsed, .key = index}, .key = key};
    call_condition(&hunt.done);
    bool done = search(&hunt, ret_response);
    let_all_go(&hunt);
    if (!done && hunt.over)
        *err = hunt.round.failure;
    return done || (!hunt.over && given_up(&hunt.round, err));
}
