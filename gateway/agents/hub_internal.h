/* What the files of the hub share. */
#ifndef GATEHOUSE_AGENTS_HUB_INTERNAL_H
#define GATEHOUSE_AGENTS_HUB_INTERNAL_H

#include "agents/hub.h"

#include "signer/uri.h"

#include <pthread.h>

#define KEYS_MAX 4096
#define TOKENS_MAX WIRE_TOKENS_MAX
#define NAME_SIZE 101

/* A call that waits for an agent's answer; on the caller's stack, in the agent's list. */
struct call {
    uint32_t id;
    uint8_t op;
    enum { CALL_WAITS, CALL_ANSWERED, CALL_LOST } state;
    struct wire_buffer answer;
    pthread_cond_t done;
    struct call *next;
};

/* What an agent knows of one of our keys. */
struct agent_key {
    uint64_t handle; /* the agent's; 0: not asked for */
    bool wrong;      /* it has another key there, or signs wrongly */
};

struct hub_agent {
    struct hub *hub;
    struct uuid id;
    char name[NAME_SIZE];
    uint64_t number; /* of the connection: never the same again */
    struct hub_line line;
    unsigned users; /* calls that hold this; guarded by the hub's lock, as is what follows */
    bool gone;
    uint32_t last_id;
    struct call *calls;
    unsigned busy;
    uint64_t last_use;
    struct arena *tokens_arena; /* of the last list */
    struct wire_token *tokens;
    size_t token_count;
    struct agent_key *keys; /* by the index of the hub's key */
    size_t key_room;
    uint32_t look_id; /* of the request for its tokens that is under way; 0: none */
    int64_t looked_us;
    struct hub_agent *next;
};

struct hub_key {
    struct arena *arena;
    const char *uri;
    struct pkcs11_uri parsed;
    struct view spki;
    const char *type;
};

struct hub {
    struct hub_config config;
    pthread_mutex_t lock;
    pthread_cond_t released; /* a call let go of an agent */
    struct hub_agent *agents;
    size_t agent_count;
    uint64_t uses, connections;
    struct hub_key *keys[KEYS_MAX];
    size_t key_count;
};

/* -- hub_exchange.c -- */

enum exchange_end { EXCHANGED, EXCHANGE_FAILED, EXCHANGE_LOST };
/* Asks this agent, which the caller holds, and waits. FAILED: the agent's own error; LOST: there was
 * no answer that one could use. The response lives on the arena. */
enum exchange_end exchange(struct hub_agent *agent, const struct wire_request *request,
                           struct arena *arena, struct wire_response *ret_response,
                           struct error *err);

/* -- hub_choose.c; the caller holds hub->lock -- */

/* The least busy agent, with its reference, that was not tried yet and (`holds`) has such a token;
 * NULL: none. key_index SIZE_MAX: whatever is known of keys. */
struct hub_agent *choose_agent(struct hub *hub, const struct pkcs11_uri *uri, size_t key_index,
                               bool holds, const uint64_t *tried, size_t tried_count);
void let_go(struct hub_agent *agent);
struct agent_key *key_of_agent(struct hub_agent *agent, size_t index);
bool token_fits(const struct wire_token *token, const struct pkcs11_uri *uri);

#endif
