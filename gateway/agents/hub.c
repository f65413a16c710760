#include "agents/hub_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM "agents"

METRIC(connected, METRIC_GAUGE, "gatehouse_agents_connected", "Agents that are connected to this node.", NULL);

struct hub *hub_new(const struct hub_config *config) {
    struct hub *hub = must_alloc(sizeof *hub);
    hub->config = *config;
    pthread_mutex_init(&hub->lock, NULL);
    pthread_cond_init(&hub->released, NULL);
    return hub;
}

void hub_free(struct hub *hub) {
    if (hub == NULL)
        return;
    for (size_t i = 0; i < hub->key_count; i++) {
        arena_free(hub->keys[i]->arena);
        free(hub->keys[i]);
    }
    pthread_mutex_destroy(&hub->lock);
    pthread_cond_destroy(&hub->released);
    free(hub);
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* An agent that was cut off comes back before its old connection is known to be dead. */
static void hang_up_on(struct hub *hub, struct uuid id, const char *reason) {
    for (struct hub_agent *a = hub->agents; a != NULL; a = a->next)
        if (uuid_equal(a->id, id) && !a->gone)
            a->line.hang_up(a->line.context, reason);
}

bool hub_join(struct hub *hub, struct uuid id, const char *name, const struct hub_line *line,
              struct hub_agent **ret_agent, struct error *err) {
    struct hub_agent *agent = must_alloc(sizeof *agent);
    agent->hub = hub;
    agent->id = id;
    snprintf(agent->name, sizeof agent->name, "%s", name);
    agent->line = *line;
    agent->looked_us = agent->heard_us = clock_monotonic_us();
    agent->joined_us = clock_now_us();
    pthread_mutex_lock(&hub->lock);
    bool room = hub->agent_count < HUB_AGENTS_MAX;
    if (room) {
        hang_up_on(hub, id, "the agent has connected anew");
        agent->number = ++hub->connections;
        agent->next = hub->agents;
        hub->agents = agent;
        hub->agent_count++;
        METRIC_SET(&connected, (int64_t)hub->agent_count, NULL);
    }
    pthread_mutex_unlock(&hub->lock);
    if (!room) {
        free(agent);
        return fail(err, ERROR_TOO_MANY, "too-many-agents",
                    "%d agents are connected to this node; connect to another.", HUB_AGENTS_MAX);
    }
    *ret_agent = agent;
    return true;
}

static void unlink_agent(struct hub *hub, struct hub_agent *agent) {
    struct hub_agent **place = &hub->agents;
    while (*place != agent)
        place = &(*place)->next;
    *place = agent->next;
    hub->agent_count--;
    METRIC_SET(&connected, (int64_t)hub->agent_count, NULL);
}

void hub_leave(struct hub_agent *agent) {
    struct hub *hub = agent->hub;
    pthread_mutex_lock(&hub->lock);
    agent->gone = true;
    unlink_agent(hub, agent);
    for (struct call *call = agent->calls; call != NULL; call = call->next) {
        if (call->state == CALL_WAITS)
            call->state = CALL_LOST;
        pthread_cond_signal(call->done);
    }
    while (agent->users > 0)
        pthread_cond_wait(&hub->released, &hub->lock);
    pthread_mutex_unlock(&hub->lock);
    arena_free(agent->tokens_arena);
    free(agent->keys);
    free(agent);
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool uncalled(struct hub_agent *agent, struct error *err) {
    return fail(err, ERROR_MALFORMED, "agent-out-of-step",
                "Agent \"%s\" answered what nobody had asked.", agent->name);
}

static void keep_tokens(struct hub_agent *agent, const struct wire_response *response) {
    struct arena *arena = arena_new();
    struct view list = arena_copy(arena, response->tokens.list.at, response->tokens.list.len);
    struct wire_token *tokens = arena_array(arena, response->tokens.count + 1u, sizeof *tokens);
    size_t count = 0;
    while (wire_next_token(&list, &tokens[count]))
        count++;
    pthread_mutex_lock(&agent->hub->lock);
    struct arena *old = agent->tokens_arena;
    agent->tokens_arena = arena;
    agent->tokens = tokens;
    agent->token_count = count;
    pthread_mutex_unlock(&agent->hub->lock);
    arena_free(old);
}

static bool take_tokens(struct hub_agent *agent, struct view message, struct error *err) {
    struct wire_response response;
    TRY(wire_decode_response(message, &response, err));
    if (response.op != WIRE_TOKENS)
        return uncalled(agent, err);
    if (!response.failed)
        keep_tokens(agent, &response);
    pthread_mutex_lock(&agent->hub->lock);
    agent->look_id = 0;
    pthread_mutex_unlock(&agent->hub->lock);
    return true;
}

/* u8 operation, u32 identifier: how every answer begins. */
static bool read_head(struct view message, uint8_t *ret_op, uint32_t *ret_id) {
    if (message.len < 5)
        return false;
    *ret_op = message.at[0];
    *ret_id = (uint32_t)message.at[1] << 24 | (uint32_t)message.at[2] << 16 |
              (uint32_t)message.at[3] << 8 | message.at[4];
    return true;
}

/* It lives. */
static void note_heard(struct hub_agent *agent) {
    agent->heard_us = clock_monotonic_us();
    if (agent->silent_us != 0)
        log_info(ROOM, "agent \"%s\" answers again, after %.1f seconds", agent->name,
                 (double)(agent->heard_us - agent->silent_us) / (double)US_PER_SECOND);
    agent->silent_us = 0;
}

/* An answer that came too late: somebody else was asked meanwhile. */
static bool was_late(struct hub_agent *agent, uint32_t id) {
    bool was = agent->late > 0 && id != 0 && id <= agent->last_id;
    agent->late -= was;
    return was;
}

/* An answer to a ping that nobody sent: what was asked is still being worked on. */
static bool is_still_at_work(uint8_t op, uint32_t id) {
    return op == WIRE_PING && id == 0;
}

bool hub_take(struct hub_agent *agent, struct view message, struct error *err) {
    uint8_t op;
    uint32_t id;
    if (message.len > WIRE_RESULT_MAX + WIRE_BLOB_MAX || !read_head(message, &op, &id))
        return uncalled(agent, err);
    pthread_mutex_lock(&agent->hub->lock);
    note_heard(agent);
    bool look = id == agent->look_id && id != 0, found = is_still_at_work(op, id);
    for (struct call *call = agent->calls; call != NULL && !look && !found; call = call->next)
        if (call->id == id && call->op == op && call->state == CALL_WAITS) {
            wire_buffer_add(&call->answer, message.at, message.len);
            call->state = CALL_ANSWERED;
            pthread_cond_signal(call->done);
            found = true;
        }
    found = found || look || was_late(agent, id);
    pthread_mutex_unlock(&agent->hub->lock);
    if (look)
        return take_tokens(agent, message, err);
    return found || uncalled(agent, err);
}

/* ---- looking at tokens ----------------------------------------------------------------------- */

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

bool hub_tick(struct hub_agent *agent, struct error *err) {
    struct wire_request request = {.op = WIRE_TOKENS};
    struct wire_buffer out = {0};
    const struct hub_config *config = &agent->hub->config;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&agent->hub->lock);
    bool waits = agent->look_id != 0, first = agent->tokens_arena == NULL;
    bool due = !waits && (first || now - agent->looked_us >= config->look_every_s * US_PER_SECOND);
    if (due) {
        agent->look_id = ++agent->last_id;
        agent->looked_us = now;
    }
    request.id = agent->look_id;
    int64_t since_us = !waits ? 0 : now - later(agent->looked_us, agent->heard_us);
    if (since_us > config->patience_s * US_PER_SECOND)
        note_silence(agent, now);
    pthread_mutex_unlock(&agent->hub->lock);
    if (since_us > config->give_up_s * US_PER_SECOND)
        return fail(err, ERROR_UNAVAILABLE, "agent-silent",
                    "Agent \"%s\" has not answered for %u seconds.", agent->name,
                    config->give_up_s);
    if (!due)
        return true;
    bool done = wire_encode_request(&request, &out, err) &&
                agent->line.send(agent->line.context, view_of(out.at, out.len), err);
    wire_buffer_free(&out);
    return done;
}

/* ---- for people ------------------------------------------------------------------------------ */

static struct hub_agent *agent_by_id(struct hub *hub, struct uuid id) {
    struct hub_agent *agent = hub->agents;
    while (agent != NULL && !uuid_equal(agent->id, id))
        agent = agent->next;
    return agent;
}

bool hub_connected(struct hub *hub, struct uuid id, struct hub_look *ret) {
    pthread_mutex_lock(&hub->lock);
    const struct hub_agent *agent = agent_by_id(hub, id);
    *ret = (struct hub_look){0, 0};
    if (agent != NULL) {
        ret->since_us = agent->joined_us;
        ret->silent_us = agent->silent_us == 0 ? 0 : clock_monotonic_us() - agent->heard_us;
    }
    pthread_mutex_unlock(&hub->lock);
    return agent != NULL;
}

void hub_dismiss(struct hub *hub, struct uuid id, const char *reason) {
    pthread_mutex_lock(&hub->lock);
    hang_up_on(hub, id, reason);
    pthread_mutex_unlock(&hub->lock);
}

void hub_tokens(struct hub *hub, struct arena *arena, struct uuid id, struct token_info **ret_tokens,
                size_t *ret_count) {
    pthread_mutex_lock(&hub->lock);
    struct hub_agent *agent = agent_by_id(hub, id);
    size_t count = agent == NULL ? 0 : agent->token_count;
    struct token_info *tokens = arena_array(arena, count + 1, sizeof *tokens);
    for (size_t i = 0; i < count; i++) {
        const struct wire_token *t = &agent->tokens[i];
        tokens[i] = (struct token_info){
            .module = arena_text(arena, t->module),
            .label = arena_text(arena, t->label),
            .serial = arena_text(arena, t->serial),
            .manufacturer = arena_text(arena, t->manufacturer),
            .model = arena_text(arena, t->model),
            .uri = arena_text(arena, t->uri),
            .logged_in = t->logged_in != 0,
            .problem = t->problem.len == 0 ? NULL : arena_text(arena, t->problem),
            .waits_for = t->waits_for.len == 0 ? NULL : arena_text(arena, t->waits_for),
        };
    }
    pthread_mutex_unlock(&hub->lock);
    *ret_tokens = tokens;
    *ret_count = count;
}
