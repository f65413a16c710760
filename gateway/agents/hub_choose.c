/* Which agent is asked. */
#include "agents/hub_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define ROOM "agents"

static bool fits(const char *wanted, struct view is) {
    return wanted == NULL || view_is(is, wanted);
}

bool token_fits(const struct wire_token *token, const struct pkcs11_uri *uri) {
    return !view_is(token->problem, "It is not plugged in.") && fits(uri->token, token->label) &&
           fits(uri->serial, token->serial) && fits(uri->manufacturer, token->manufacturer) &&
           fits(uri->model, token->model) && fits(uri->module_name, token->module);
}

bool holds_token(const struct hub_agent *agent, const struct pkcs11_uri *uri) {
    for (size_t i = 0; i < agent->token_count; i++)
        if (token_fits(&agent->tokens[i], uri))
            return true;
    return false;
}

struct agent_key *key_of_agent(struct hub_agent *agent, size_t index) {
    if (index >= agent->key_room) {
        size_t room = index + 16;
        struct agent_key *keys = must_alloc(room * sizeof *keys);
        if (agent->key_room > 0)
            memcpy(keys, agent->keys, agent->key_room * sizeof *keys);
        free(agent->keys);
        agent->keys = keys;
        agent->key_room = room;
    }
    return &agent->keys[index];
}

static bool was_tried(const struct hub_agent *agent, const uint64_t *tried, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (tried[i] == agent->number)
            return true;
    return false;
}

/* Who owes an answer that others gave meanwhile (its module may hang) comes last; then fewer calls under way, then the one
 * that was asked longer ago: so they take turns. */
static bool is_better(const struct hub_agent *a, const struct hub_agent *b) {
    if (b == NULL || (a->late > 0) != (b->late > 0))
        return b == NULL || b->late > 0;
    return a->busy < b->busy || (a->busy == b->busy && a->last_use < b->last_use);
}

struct hub_agent *best_agent(struct hub *hub, const struct pkcs11_uri *uri, size_t key_index, bool holds,
                             const uint64_t *tried, size_t tried_count) {
    struct hub_agent *best = NULL;
    for (struct hub_agent *agent = hub->agents; agent != NULL; agent = agent->next) {
        if (agent->gone || agent->silent_us != 0 || was_tried(agent, tried, tried_count) || (holds && !holds_token(agent, uri)))
            continue;
        if (key_index != SIZE_MAX && key_of_agent(agent, key_index)->wrong)
            continue;
        if (is_better(agent, best))
            best = agent;
    }
    return best;
}

struct hub_agent *choose_agent(struct hub *hub, const struct pkcs11_uri *uri, size_t key_index,
                               bool holds, const uint64_t *tried, size_t tried_count) {
    struct hub_agent *best = best_agent(hub, uri, key_index, holds, tried, tried_count);
    if (best != NULL) {
        best->users++;
        best->busy++;
        best->last_use = ++hub->uses;
    }
    return best;
}

void note_silence(struct hub_agent *agent, int64_t now_us) {
    if (agent->silent_us != 0)
        return;
    agent->silent_us = now_us;
    log_warn(ROOM, "agent \"%s\" has said nothing for %u seconds; it is asked again when it does",
             agent->name, agent->hub->config.patience_s);
}

void let_go(struct hub_agent *agent) {
    agent->users--;
    agent->busy--;
    pthread_cond_broadcast(&agent->hub->released);
}
