/* One question on its way round the agents. */
#include "agents/hub_internal.h"

#include <string.h>

struct hub_agent *next_agent(struct round *round, bool others) {
    struct hub_agent *agent = NULL;
    if (round->tried_count == TRIES_MAX)
        return NULL;
    pthread_mutex_lock(&round->hub->lock);
    for (int holds = 1; holds >= (others ? 0 : 1) && agent == NULL; holds--)
        agent = choose_agent(round->hub, round->uri, round->key, holds == 1, round->tried,
                             round->tried_count);
    pthread_mutex_unlock(&round->hub->lock);
    if (agent != NULL)
        round->tried[round->tried_count++] = agent->number;
    return agent;
}

bool is_another(const struct round *round) {
    return round->tried_count < TRIES_MAX &&
           best_agent(round->hub, round->uri, round->key, true, round->tried, round->tried_count) != NULL;
}

void done_with(struct hub_agent *agent) {
    struct hub *hub = agent->hub;
    pthread_mutex_lock(&hub->lock);
    let_go(agent);
    pthread_mutex_unlock(&hub->lock);
}

static bool unreachable(const struct pkcs11_uri *uri, const struct error *cause,
                        struct error *err) {
    const char *name = uri->serial != NULL ? uri->serial : uri->token;
    fail(err, ERROR_UNAVAILABLE, "token-unreachable",
         "The token \"%.100s\" is not reachable: no agent that holds it is connected and answers. It is "
         "used again as soon as one does.",
         name == NULL ? "of that URI" : name);
    if (cause->kind != ERROR_NONE)
        error_detail(err, "%s: %s", cause->type, cause->message);
    return false;
}

static bool is_unreachable(const struct round *round) {
    static const char *const types[] = {"token-not-found", "agent-lost", "agent-silent", "link-closed"};
    bool is = round->failure.kind == ERROR_NONE;
    for (size_t i = 0; !is && i < sizeof types / sizeof types[0]; i++)
        is = strcmp(round->failure.type, types[i]) == 0;
    return is;
}

/* What is worth telling: who has the token knows more than who has not. */
void note_failure(struct round *round, const struct error *err) {
    if (is_unreachable(round))
        round->failure = *err;
}

bool given_up(const struct round *round, struct error *err) {
    if (is_unreachable(round))
        return unreachable(round->uri, &round->failure, err);
    *err = round->failure;
    return false;
}
