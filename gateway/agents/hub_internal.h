/* What the files of the hub share. */
#ifndef GATEHOUSE_AGENTS_HUB_INTERNAL_H
#define GATEHOUSE_AGENTS_HUB_INTERNAL_H

#include "agents/hub.h"

#include "wire/uri.h"

#include <pthread.h>

#define KEYS_MAX 4096
#define TOKENS_MAX WIRE_TOKENS_MAX
#define NAME_SIZE 101

/* A call that waits for an agent's answer; on the caller's stack, in the agent's list. */
struct call {
    struct hub_agent *agent;
    uint32_t id;
    uint8_t op;
    enum { CALL_WAITS, CALL_ANSWERED, CALL_LOST } state;
    struct wire_buffer answer;
    struct error failure; /* why it could not be sent */
    int64_t begun_us;
    pthread_cond_t *done;
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
    int64_t joined_us;          /* of the calendar */
    int64_t heard_us;           /* its last message, by the monotonic clock */
    int64_t silent_us;          /* since when it owes an answer that nobody waits for any more; 0: no */
    unsigned late;              /* such answers: they are dropped when they come */
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

int64_t earlier(int64_t a, int64_t b);
void call_condition(pthread_cond_t *ret);
/* Asks an agent, which the caller holds; `done` is signalled when the answer is there. */
void call_begin(struct hub_agent *agent, const struct wire_request *request, pthread_cond_t *done, struct call *call);
/* When it is to be looked at again; 0: it has its answer, or gets none. The caller holds hub->lock, as for the next. */
int64_t call_look_again(struct call *call);
void call_sleep(struct hub *hub, pthread_cond_t *done, int64_t until_us);
/* FAILED: the agent's own error; LOST: there is no answer that one can use. The response lives on the arena. */
enum exchange_end call_end(struct call *call, struct arena *arena, struct wire_response *ret_response,
                           struct error *err);

struct round;
/* Asks this agent, which the caller holds, and waits. */
enum exchange_end exchange(const struct round *round, struct hub_agent *agent, const struct wire_request *request,
                           struct wire_response *ret_response, struct error *err);

/* -- hub_round.c: one question on its way round the agents -- */

#define TRIES_MAX 16 /* agents asked for one thing */

struct round {
    struct hub *hub;
    const struct wire_request *request;
    struct arena *arena;
    const struct pkcs11_uri *uri;
    size_t key; /* index, or SIZE_MAX */
    uint64_t tried[TRIES_MAX];
    size_t tried_count;
    struct error failure; /* of the last one that was asked */
};
/* Those that said they have the token first, then (`others`) whoever might have got it since. NULL:
 * none is left. done_with gives it back. */
struct hub_agent *next_agent(struct round *round, bool others);
/* Somebody that holds the token is left to be asked; the caller holds hub->lock. */
bool is_another(const struct round *round);
void done_with(struct hub_agent *agent);
void note_failure(struct round *round, const struct error *err);
/* Nobody did it: what is known of why. Returns false. */
bool given_up(const struct round *round, struct error *err);

/* -- hub_keys.c -- */

/* The key's handle at this agent, whom it is asked for when it is not known. */
MUST_USE bool handle_at(const struct round *round, struct hub_agent *agent, const struct hub_key *key,
                        uint64_t *ret_handle, struct error *err);
void set_handle(struct hub_agent *agent, size_t key, uint64_t handle);
struct hub_key *key_by_handle(struct hub *hub, uint64_t handle, size_t *ret_index);
/* It did what this thread had asked for last, for hub_wrong. */
void note_answer(const struct hub_agent *agent, size_t key);

/* -- hub_operate.c: signing, decrypting -- */

bool operate(struct hub *hub, const struct wire_request *request, struct arena *arena,
             struct wire_response *ret_response, struct error *err);

/* -- hub_tokens.c: what is done with tokens, not with one key -- */

void list_all(struct hub *hub, struct arena *arena, struct wire_response *ret_response);
bool store_certificate(struct hub *hub, const struct wire_request *request, struct arena *arena,
                       const struct pkcs11_uri *uri, struct wire_response *ret_response,
                       struct error *err);
bool serve_token(struct hub *hub, const struct wire_request *request, struct arena *arena,
                 const struct pkcs11_uri *uri, struct wire_response *ret_response,
                 struct error *err);

/* -- hub_choose.c; the caller holds hub->lock -- */

/* The least busy agent, with its reference, that was not tried yet and (`holds`) has such a token;
 * NULL: none. key_index SIZE_MAX: whatever is known of keys. */
struct hub_agent *choose_agent(struct hub *hub, const struct pkcs11_uri *uri, size_t key_index,
                               bool holds, const uint64_t *tried, size_t tried_count);
/* The same without a reference. */
struct hub_agent *best_agent(struct hub *hub, const struct pkcs11_uri *uri, size_t key_index, bool holds,
                             const uint64_t *tried, size_t tried_count);
void let_go(struct hub_agent *agent);
struct agent_key *key_of_agent(struct hub_agent *agent, size_t index);
bool token_fits(const struct wire_token *token, const struct pkcs11_uri *uri);
bool holds_token(const struct hub_agent *agent, const struct pkcs11_uri *uri);
/* It has said nothing for too long: it is asked nothing more until it is heard. */
void note_silence(struct hub_agent *agent, int64_t now_us);

#endif
