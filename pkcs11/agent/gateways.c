#include "agent/gateways.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROOM "agent"
#define PAUSE_FIRST_US (200 * 1000)
#define PAUSE_MAX_US (5 * US_PER_SECOND)
#define SILENCE_MS 45000 /* the gateway looks at the tokens every ten seconds */

struct gateway {
    struct gateways *all;
    struct gateway_line line; /* guarded by all->lock */
};

struct gateways {
    const struct agent_state *state;
    SSL_CTX *tls;
    struct relay *relay;
    pthread_mutex_t lock;
    struct gateway list[GATEWAYS_MAX];
    size_t count;
};

static void note(struct gateway *gateway, bool connected, const struct error *why) {
    struct gateway_line *line = &gateway->line;
    pthread_mutex_lock(&gateway->all->lock);
    bool news = line->since_us == 0 || line->connected != connected ||
                (why != NULL && strcmp(line->problem, why->message) != 0);
    line->connected = connected;
    snprintf(line->problem, sizeof line->problem, "%s", why == NULL ? "" : why->message);
    if (news)
        line->since_us = clock_now_us();
    pthread_mutex_unlock(&gateway->all->lock);
    if (news && connected)
        log_info(ROOM, "connected to %s", line->address);
    else if (news)
        log_failure(LOG_WARN, ROOM, line->address, why);
}

static bool serve(struct gateway *gateway, struct error *err) {
    struct gateways *all = gateway->all;
    struct session *session;
    struct link *link;
    struct view message;
    TRY(dial(all->tls, gateway->line.address, &link, err));
    TRY(dial_session(all->state, link, &session, err));
    struct uplink *uplink = uplink_new(all->relay, session);
    note(gateway, true, NULL);
    while (session_receive(session, SILENCE_MS, &message, err))
        relay_take(all->relay, uplink, message);
    session_close(session, 1001, "the agent ends the connection");
    (void)!session_receive(session, 0, &message, &(struct error){0}); /* sends it */
    uplink_release(uplink);
    return true;
}

static void nap(int64_t us) {
    struct timespec time = {us / US_PER_SECOND, us % US_PER_SECOND * 1000};
    nanosleep(&time, NULL);
}

/* Many agents that lost one gateway shall not come back in step: between half and all of the pause. */
static int64_t shaken(int64_t pause_us) {
    uint32_t random;
    random_bytes(&random, sizeof random);
    return pause_us / 2 + (int64_t)(random % (uint32_t)(pause_us / 2 + 1));
}

static void *gateway_main(void *argument) {
    struct gateway *gateway = argument;
    int64_t pause_us = PAUSE_FIRST_US;
    for (;;) {
        struct error err = {0};
        bool was_connected = serve(gateway, &err);
        note(gateway, false, &err);
        pause_us = was_connected ? PAUSE_FIRST_US
                                 : (pause_us * 2 < PAUSE_MAX_US ? pause_us * 2 : PAUSE_MAX_US);
        OPENSSL_thread_stop();
        nap(shaken(pause_us));
    }
    return NULL;
}

bool gateways_start(const char *const *addresses, const struct agent_state *state, SSL_CTX *tls,
                    struct relay *relay, struct gateways **ret_gateways, struct error *err) {
    struct gateways *all = must_alloc(sizeof *all);
    *all = (struct gateways){.state = state, .tls = tls, .relay = relay};
    pthread_mutex_init(&all->lock, NULL);
    for (size_t i = 0; addresses[i] != NULL; i++) {
        pthread_t thread;
        if (i == GATEWAYS_MAX)
            return fail(err, ERROR_POLICY, "bad-option", "The option gateway takes %d addresses.",
                        GATEWAYS_MAX);
        struct gateway *gateway = &all->list[all->count++];
        gateway->all = all;
        snprintf(gateway->line.address, sizeof gateway->line.address, "%s", addresses[i]);
        if (pthread_create(&thread, NULL, gateway_main, gateway) != 0)
            return fail_internal(err, "no thread for a gateway");
        pthread_detach(thread);
    }
    *ret_gateways = all;
    return true;
}

size_t gateways_look(struct gateways *all, struct gateway_line ret_lines[static GATEWAYS_MAX]) {
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count; i++)
        ret_lines[i] = all->list[i].line;
    pthread_mutex_unlock(&all->lock);
    return all->count;
}
