/* What the files of this room share. */
#ifndef GATEHOUSE_AGENTS_INTERNAL_H
#define GATEHOUSE_AGENTS_INTERNAL_H

#include "agents/agents.h"
#include "agents/hub.h"
#include "agents/identity.h"

#include "agent/session.h"

#include <pthread.h>
#include <stdatomic.h>

#define LISTENERS_MAX 16
#define AWAY_MAX 64

struct agents {
    struct agents_config config;
    struct hub *hub;
    SSL_CTX *tls;
    int listeners[LISTENERS_MAX], stop[2]; /* stop: a pipe, whose end says so */
    size_t listener_count;
    pthread_t accepting;
    bool started;
    atomic_bool stopping;
    atomic_uint strangers; /* connections that have not said yet who they are */
    int64_t started_us;    /* of the monotonic clock */
    int64_t told_us;       /* when the notices were told who is missed; 0: not since the last change */
    pthread_mutex_t lock;  /* guards what follows */
    pthread_cond_t ended;
    unsigned connections;
    struct away { /* one that is missed */
        char name[128], reason[256];
    } away[AWAY_MAX];
    size_t away_count;
};

/* What is said of a connected agent that does not answer. */
const char *agents_silence(struct arena *arena, const struct hub_look *look);

/* -- connection.c: takes over the socket, in a thread of its own -- */
void agents_serve(struct agents *agents, int fd, const char *address);

/* -- admit.c: who is it? -- */
struct admitted {
    struct uuid id;
    const char *name, *program;
    uint8_t fingerprint[32]; /* of its certificate */
};
/* The handshake, up to the sealed session. Everything lives on the arena. */
MUST_USE bool admit(struct agents *agents, struct arena *arena, struct link *link,
                    const char *address, struct admitted *ret, struct session **ret_session,
                    struct error *err);
/* Notes that the agent is there; ERROR_FORBIDDEN "unknown-agent" when it has been removed. */
MUST_USE bool admit_again(struct agents *agents, const struct admitted *agent, const char *address,
                          struct error *err);
MUST_USE bool note_agent(struct core *core, const struct actor *actor, const char *code,
                         const char *outcome, const char *name, const char *address,
                         const char *reason, struct error *err);

#endif
