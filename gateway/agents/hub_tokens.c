/* Tokens of agents: listed, looked into, changed. */
#include "agents/hub_internal.h"

#include <string.h>

void list_all(struct hub *hub, struct arena *arena, struct wire_response *ret_response) {
    struct wire_buffer list = {0};
    size_t count = 0;
    pthread_mutex_lock(&hub->lock);
    for (struct hub_agent *agent = hub->agents; agent != NULL; agent = agent->next)
        for (size_t i = 0; i < agent->token_count && count < WIRE_TOKENS_MAX; i++, count++) {
            struct wire_token token = agent->tokens[i];
            token.managed = 0;
            if (agent->silent_us != 0 && token.problem.len == 0)
                token.problem = VIEW_LITERAL("Its agent does not answer.");
            token.module = view_text(arena_printf(arena, "agent %s: %s", agent->name,
                                                  arena_text(arena, token.module)));
            wire_add_token(&list, &token);
        }
    pthread_mutex_unlock(&hub->lock);
    *ret_response = (struct wire_response){.op = WIRE_TOKENS};
    ret_response->tokens.list = arena_copy(arena, list.at, list.len);
    ret_response->tokens.count = (uint16_t)count;
    wire_buffer_free(&list);
}

bool store_certificate(struct hub *hub, const struct wire_request *request,
                              struct arena *arena, const struct pkcs11_uri *uri,
                              struct wire_response *ret_response, struct error *err) {
    struct round round = {hub, request, arena, uri, .key = SIZE_MAX};
    struct hub_agent *agent;
    while ((agent = next_agent(&round, true)) != NULL) {
        struct error failure = {0};
        enum exchange_end end = exchange(&round, agent, request, ret_response, &failure);
        done_with(agent);
        if (end == EXCHANGED)
            return true;
        note_failure(&round, &failure);
    }
    return given_up(&round, err);
}

/* ---- the `token` request --------------------------------------------------------------------- */

/* What may have been done although no answer came must not be tried once more elsewhere. */
static bool changes(unsigned action) {
    return action != WIRE_TOKEN_KEYS && action != WIRE_TOKEN_CERTIFICATES && action != WIRE_TOKEN_CHECK;
}

/* As with the gateway's own modules: it must be clear which token is meant. A serial number says it; who has that token is
 * seen when he is asked. */
static bool is_one(struct hub *hub, const struct pkcs11_uri *uri, struct error *err) {
    size_t count = 0;
    pthread_mutex_lock(&hub->lock);
    for (const struct hub_agent *agent = hub->agents; agent != NULL; agent = agent->next)
        count += !agent->gone && holds_token(agent, uri);
    pthread_mutex_unlock(&hub->lock);
    return count <= 1 || uri->serial != NULL ||
           fail(err, ERROR_CONFLICT, "token-ambiguous",
                "%zu agents hold a token that matches the PKCS#11 URI: add serial= to it.", count);
}

static bool lost_on_the_way(const struct hub_agent *agent, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "agent-lost",
                "Agent \"%s\" went before it had answered: look at what the token holds (gatehouse key list) "
                "before it is tried again.",
                agent->name);
}

static bool is_not_there(const struct error *err) {
    return strcmp(err->type, "token-not-found") == 0;
}

bool serve_token(struct hub *hub, const struct wire_request *request, struct arena *arena,
                 const struct pkcs11_uri *uri, struct wire_response *ret_response,
                 struct error *err) {
    struct round round = {hub, request, arena, uri, .key = SIZE_MAX};
    struct hub_agent *agent;
    TRY(is_one(hub, uri, err));
    /* An officer's PIN goes to nobody but who said that he has the token. */
    while ((agent = next_agent(&round, !changes(request->token.action))) != NULL) {
        struct error failure = {0};
        enum exchange_end end = exchange(&round, agent, request, ret_response, &failure);
        bool doubtful = end == EXCHANGE_LOST && changes(request->token.action);
        if (doubtful)
            lost_on_the_way(agent, err);
        done_with(agent);
        if (end == EXCHANGED || doubtful)
            return end == EXCHANGED;
        note_failure(&round, &failure);
        if (end == EXCHANGE_FAILED && !is_not_there(&failure))
            break;
    }
    return given_up(&round, err);
}
