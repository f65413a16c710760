/* One agent's connection, from its first octet to its end, in a thread of its own. */
#include "agents/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM "agents"
#define STRANGERS_MAX 32
#define CONNECTIONS_MAX (HUB_AGENTS_MAX + STRANGERS_MAX)
#define HANDSHAKE_S 10
#define TICK_MS 1000
#define SEEN_EVERY_US (30 * US_PER_SECOND)
#define REFUSALS_NOTED_EVERY_US US_PER_SECOND

struct visit {
    struct agents *agents;
    int fd;
    char address[64];
};

/* ---- what the hub does with a connection ----------------------------------------------------- */

static bool line_send(void *session, struct view message, struct error *err) {
    return session_send(session, message, err);
}

static void line_hang_up(void *session, const char *reason) {
    session_close(session, 4004, reason);
}

/* ---- talking --------------------------------------------------------------------------------- */

static bool step(struct agents *agents, struct hub_agent *agent, struct session *session,
                 struct error *err) {
    struct view message;
    struct error cause = {0};
    TRY(hub_tick(agent, err));
    if (session_receive(session, TICK_MS, &message, &cause))
        return hub_take(agent, message, err);
    if (strcmp(cause.type, "link-timeout") == 0 && !agents->stopping)
        return true;
    *err = cause;
    return false;
}

static void talk(struct agents *agents, const struct admitted *who, struct hub_agent *agent,
                 struct session *session, const char *address, struct error *err) {
    int64_t seen_us = clock_monotonic_us();
    bool goes_on = true;
    while (goes_on && !agents->stopping) {
        goes_on = step(agents, agent, session, err);
        if (goes_on && clock_monotonic_us() - seen_us >= SEEN_EVERY_US) {
            struct error cause = {0};
            seen_us = clock_monotonic_us();
            goes_on = admit_again(agents, who, address, &cause) || cause.kind != ERROR_FORBIDDEN;
            if (!goes_on)
                *err = cause;
        }
    }
}

static bool is_attack(const struct error *err) {
    return strcmp(err->type, "bad-seal") == 0 || strcmp(err->type, "bad-sequence") == 0 ||
           strcmp(err->type, "agent-out-of-step") == 0 || strcmp(err->type, "bad-message") == 0 ||
           strcmp(err->type, "bad-websocket") == 0;
}

static void note_way(struct agents *agents, const struct admitted *who, const char *code, const char *address,
                     const char *reason) {
    struct error err = {0};
    if (!note_agent(agents->config.core, &actor_system, code, reason == NULL ? "success" : "failure", who->name,
                    address, reason, &err))
        log_failure(LOG_WARN, ROOM, "event", &err);
}

static void serve_agent(struct agents *agents, const struct admitted *who, struct session *session,
                        const char *address) {
    struct error err = {0};
    struct hub_agent *agent;
    struct hub_line line = {line_send, line_hang_up, session};
    struct view message;
    if (!hub_join(agents->hub, who->id, who->name, &line, &agent, &err)) {
        log_failure(LOG_WARN, ROOM, "an agent was refused", &err);
        return;
    }
    log_info(ROOM, "agent \"%s\" has connected from %s", who->name, address);
    note_way(agents, who, "agent.connected", address, NULL);
    talk(agents, who, agent, session, address, &err);
    session_close(session, 1001, "the gateway ends the connection");
    hub_leave(agent);
    (void)!session_receive(session, 0, &message, &(struct error){0}); /* sends what is queued */
    log_warn(ROOM, "agent \"%s\" has gone: %s", who->name,
             err.kind == ERROR_NONE ? "the gateway stops" : err.message);
    if (is_attack(&err))
        note_way(agents, who, "agent.cut-off", address, err.message);
    if (!agents->stopping)
        note_way(agents, who, "agent.gone", address, err.message);
}

/* At most one event a second: strangers could fill the trail. */
static void note_refusal(struct agents *agents, const char *address, const struct error *cause) {
    static _Atomic int64_t last_us;
    struct error err = {0};
    int64_t now = clock_monotonic_us(), last = last_us;
    log_warn(ROOM, "a connection from %s was refused: %s", address, cause->message);
    if (cause->kind != ERROR_FORBIDDEN || now - last < REFUSALS_NOTED_EVERY_US ||
        !atomic_compare_exchange_strong(&last_us, &last, now))
        return;
    if (!note_agent(agents->config.core, &actor_system, "agent.refused", "failure", cause->type,
                    address, cause->message, &err))
        log_failure(LOG_WARN, ROOM, "event", &err);
}

static void serve(const struct visit *visit) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct agents *agents = visit->agents;
    struct admitted who;
    struct link *link;
    struct session *session = NULL;
    struct error err = {0};
    SSL *ssl = SSL_new(agents->tls);
    bool linked = ssl != NULL && link_accept(visit->fd, ssl, HANDSHAKE_S, &link, &err);
    bool known = linked && admit(agents, arena, link, visit->address, &who, &session, &err);
    agents->strangers--;
    if (known)
        serve_agent(agents, &who, session, visit->address);
    else
        note_refusal(agents, visit->address, &err);
    if (session != NULL)
        session_free(session);
    else if (linked)
        link_free(link);
}

static void *visit_main(void *argument) {
    struct visit *visit = argument;
    struct agents *agents = visit->agents;
    serve(visit);
    free(visit);
    OPENSSL_thread_stop();
    pthread_mutex_lock(&agents->lock);
    agents->connections--;
    pthread_cond_broadcast(&agents->ended);
    pthread_mutex_unlock(&agents->lock);
    return NULL;
}

static bool enter(struct agents *agents) {
    pthread_mutex_lock(&agents->lock);
    bool room = agents->connections < CONNECTIONS_MAX && agents->strangers < STRANGERS_MAX;
    if (room) {
        agents->connections++;
        agents->strangers++;
    }
    pthread_mutex_unlock(&agents->lock);
    return room;
}

void agents_serve(struct agents *agents, int fd, const char *address) {
    pthread_t thread;
    if (!enter(agents)) {
        log_warn(ROOM, "too many connections: one from %s was refused", address);
        close(fd);
        return;
    }
    struct visit *visit = must_alloc(sizeof *visit);
    visit->agents = agents;
    visit->fd = fd;
    snprintf(visit->address, sizeof visit->address, "%s", address);
    if (pthread_create(&thread, NULL, visit_main, visit) == 0) {
        pthread_detach(thread);
        return;
    }
    close(fd);
    free(visit);
    agents->strangers--;
    pthread_mutex_lock(&agents->lock);
    agents->connections--;
    pthread_mutex_unlock(&agents->lock);
}
