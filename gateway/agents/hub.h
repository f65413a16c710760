/* The agents that are connected to this node, and the keys in their tokens. It is what the provider
 * asks for keys elsewhere (provider/signer.h); it knows no sockets.
 *
 * A key is known by its URI and public key. Whoever of the agents has it is asked, the least busy
 * one first; when that one goes or fails, the next is asked at once, and when it says nothing or that it is
 * still at it, after a few seconds. An agent that is silent is asked nothing until it is heard again; what
 * it answers late is dropped. */
#ifndef GATEHOUSE_AGENTS_HUB_H
#define GATEHOUSE_AGENTS_HUB_H

#include "base/uuid.h"
#include "provider/client.h"

#define HUB_AGENTS_MAX 256

struct hub;
struct hub_agent;

struct hub_config {
    unsigned patience_s;   /* without a word from an agent; then another is asked */
    unsigned limit_s;      /* for one answer, however often the agent says that it is still at it */
    unsigned look_every_s; /* between two looks at an agent's tokens; they are its pulse, too */
    unsigned give_up_s;    /* without a word; then the connection ends */
    /* An agent gave a wrong signature, or another key than it said: for the events. May be NULL. */
    void (*blame)(void *context, struct uuid agent, const char *name, const char *what);
    void *context;
};
struct hub *hub_new(const struct hub_config *config);
void hub_free(struct hub *hub); /* when no agent and no call is left */

/* For signer_set_elsewhere, with the hub as context. ERROR_UNAVAILABLE "token-unreachable": no agent
 * that holds such a token is connected. */
bool hub_call(void *hub, const struct wire_request *request, struct arena *arena,
              struct wire_response *ret_response, struct error *err);
void hub_wrong(void *hub);

/* -- the connection's side: one thread for each agent -- */

struct hub_line {
    bool (*send)(void *context, struct view message, struct error *err); /* any thread */
    void (*hang_up)(void *context, const char *reason);                  /* any thread */
    void *context;
};
/* ERROR_TOO_MANY "too-many-agents". An older connection of the same agent is hung up on. */
MUST_USE bool hub_join(struct hub *hub, struct uuid id, const char *name,
                       const struct hub_line *line, struct hub_agent **ret_agent,
                       struct error *err);
/* A message came. False: it is no answer to anything, and the connection has to end. */
MUST_USE bool hub_take(struct hub_agent *agent, struct view message, struct error *err);
/* Now and then, at least every second. False: the agent does not answer any more. */
MUST_USE bool hub_tick(struct hub_agent *agent, struct error *err);
/* What was asked of it is asked of others; no call uses the line after this. */
void hub_leave(struct hub_agent *agent);

/* -- for people -- */

/* How an agent is connected to this node; false when it is not. */
struct hub_look {
    int64_t since_us;  /* of the connection (clock_now_us) */
    int64_t silent_us; /* how long it has not answered what it was asked; 0: it answers */
};
bool hub_connected(struct hub *hub, struct uuid id, struct hub_look *ret);
/* Ends its connection, if there is one. */
void hub_dismiss(struct hub *hub, struct uuid id, const char *reason);
/* Tokens of one agent as it last said; *ret_tokens lives on the arena. */
void hub_tokens(struct hub *hub, struct arena *arena, struct uuid id, struct token_info **ret_tokens,
                size_t *ret_count);

#endif
