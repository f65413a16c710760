/* Where agents connect: sockets of their own, since a connection stays for days. */
#include "agents/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM "agents"
#define LIMIT_S 120 /* touch and PIN pads take their time */

/* ---- addresses ------------------------------------------------------------------------------- */

static bool parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
                  struct error *err) {
    char host[INET6_ADDRSTRLEN + 2];
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon == NULL ? 65536 : strtoul(colon + 1, &end, 10);
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    memset(ret, 0, sizeof *ret);
    if (port <= 65535 && end != NULL && *end == '\0' && end != colon + 1 && len < sizeof host) {
        memcpy(host, text, len);
        host[len] = '\0';
        if (host[0] == '[' && host[len - 1] == ']') {
            host[len - 1] = '\0';
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons((uint16_t)port);
            *ret_len = sizeof *v6;
            if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1)
                return true;
        } else {
            v4->sin_family = AF_INET;
            v4->sin_port = htons((uint16_t)port);
            *ret_len = sizeof *v4;
            if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
                return true;
        }
    }
    return fail(err, ERROR_MALFORMED, "bad-address",
                "The address \"%.60s\" of the option agents cannot be listened on; write it like "
                "0.0.0.0:8445 or [::]:8445.",
                text);
}

static bool listen_on(const char *text, int *ret_fd, struct error *err) {
    struct sockaddr_storage address;
    socklen_t len;
    int one = 1;
    TRY(parse(text, &address, &len, err));
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (address.ss_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 64) == 0) {
            *ret_fd = fd;
            return true;
        }
    }
    fail(err, ERROR_UNAVAILABLE, "cannot-listen",
         "The server cannot listen on %s for agents: %s. Choose another address, or stop what uses it.",
         text, strerror(errno));
    if (fd >= 0)
        close(fd);
    return false;
}

static void describe(const struct sockaddr_storage *peer, char text[static INET6_ADDRSTRLEN]) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
    const void *address = peer->ss_family == AF_INET6 ? (const void *)&v6->sin6_addr
                                                      : (const void *)&v4->sin_addr;
    if (inet_ntop(peer->ss_family, address, text, INET6_ADDRSTRLEN) == NULL)
        snprintf(text, INET6_ADDRSTRLEN, "unknown");
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void accept_one(struct agents *agents, int listener) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    char text[INET6_ADDRSTRLEN];
    int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE) /* until some are closed */
            poll(NULL, 0, 100);
        return;
    }
    describe(&peer, text);
    agents_serve(agents, fd, text);
}

static void *accept_main(void *argument) {
    struct agents *agents = argument;
    struct pollfd wait[LISTENERS_MAX + 1] = {{.fd = agents->stop[0], .events = POLLIN}};
    for (size_t i = 0; i < agents->listener_count; i++)
        wait[i + 1] = (struct pollfd){.fd = agents->listeners[i], .events = POLLIN};
    while (!agents->stopping) {
        if (poll(wait, agents->listener_count + 1, -1) < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < agents->listener_count; i++)
            if (wait[i + 1].revents != 0)
                accept_one(agents, agents->listeners[i]);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int choose_certificate(SSL *ssl, void *context) {
    const struct agents *agents = context;
    return agents->config.certificate(agents->config.certificate_context, ssl) ? 1 : 0;
}

static bool make_tls(struct agents *agents, struct error *err) {
    agents->tls = SSL_CTX_new(TLS_server_method());
    if (agents->tls == NULL || SSL_CTX_set_min_proto_version(agents->tls, TLS1_2_VERSION) != 1)
        return fail_internal(err, "a TLS context for agents");
    SSL_CTX_set_options(agents->tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(agents->tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(agents->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(agents->tls, 0);
    SSL_CTX_set_cert_cb(agents->tls, choose_certificate, agents);
    return true;
}

static void note_blame(void *context, struct uuid id, const char *name, const char *what) {
    struct agents *agents = context;
    struct error err = {0};
    (void)id;
    if (!note_agent(agents->config.core, &actor_system, "agent.untrue", "failure", name, NULL, what,
                    &err))
        log_failure(LOG_WARN, ROOM, "event", &err);
}

struct agents *agents_new(const struct agents_config *config) {
    struct agents *agents = must_alloc(sizeof *agents);
    agents->config = *config;
    agents->stop[0] = agents->stop[1] = -1;
    pthread_mutex_init(&agents->lock, NULL);
    pthread_cond_init(&agents->ended, NULL);
    agents->hub = hub_new(&(struct hub_config){.patience_s = config->patience_s,
                                               .limit_s = LIMIT_S,
                                               .look_every_s = 10,
                                               .give_up_s = 60,
                                               .blame = note_blame,
                                               .context = agents});
    return agents;
}

bool agents_start(struct agents *agents, struct error *err) {
    const char *const *addresses = agents->config.addresses;
    if (addresses[0] == NULL)
        return true;
    TRY(make_tls(agents, err));
    if (pipe2(agents->stop, O_CLOEXEC) != 0)
        return fail_internal(err, "pipe: %s", strerror(errno));
    for (size_t i = 0; addresses[i] != NULL; i++) {
        if (i == LISTENERS_MAX)
            return fail(err, ERROR_POLICY, "bad-option", "The option agents takes %d addresses.",
                        LISTENERS_MAX);
        TRY(listen_on(addresses[i], &agents->listeners[i], err));
        agents->listener_count++;
    }
    signer_set_elsewhere(core_signer(agents->config.core),
                         &(struct signer_elsewhere){hub_call, hub_wrong, agents->hub});
    agents->started_us = clock_monotonic_us();
    agents->started = pthread_create(&agents->accepting, NULL, accept_main, agents) == 0;
    return agents->started || fail_internal(err, "no thread for agents");
}

void agents_free(struct agents *agents) {
    if (agents == NULL)
        return;
    agents->stopping = true;
    if (agents->stop[1] >= 0)
        close(agents->stop[1]);
    if (agents->started) {
        pthread_join(agents->accepting, NULL);
        pthread_mutex_lock(&agents->lock);
        while (agents->connections > 0)
            pthread_cond_wait(&agents->ended, &agents->lock);
        pthread_mutex_unlock(&agents->lock);
        signer_set_elsewhere(core_signer(agents->config.core), NULL);
    }
    for (size_t i = 0; i < agents->listener_count; i++)
        close(agents->listeners[i]);
    if (agents->stop[0] >= 0)
        close(agents->stop[0]);
    SSL_CTX_free(agents->tls);
    hub_free(agents->hub);
    pthread_mutex_destroy(&agents->lock);
    pthread_cond_destroy(&agents->ended);
    free(agents);
}
