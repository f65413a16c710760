#include "portal/internal.h"

#include <assert.h>
#include <stdlib.h>

struct portal *portal_new(struct core *core) {
    struct portal *portal = must_alloc(sizeof *portal);
    *portal = (struct portal){.core = core};
    pthread_mutex_init(&portal->lock, NULL);
    return portal;
}

void portal_add_check(struct portal *portal, const struct portal_check *check) {
    assert(portal->check_count < PORTAL_MAX_CHECKS);
    portal->checks[portal->check_count++] = *check;
}

void portal_add_list(struct portal *portal, void (*list)(void *context, const struct portal_put *put), void *context) {
    assert(portal->list_count < PORTAL_MAX_CHECKS);
    portal->lists[portal->list_count].list = list;
    portal->lists[portal->list_count++].context = context;
}

void portal_add_age(struct portal *portal, int64_t (*seconds)(void *context), void *context) {
    portal->age = seconds;
    portal->age_context = context;
}

void portal_drain(struct portal *portal) {
    atomic_store(&portal->draining, true);
}

void portal_free(struct portal *portal) {
    if (portal == NULL)
        return;
    pthread_mutex_destroy(&portal->lock);
    free(portal);
}

#define BOTH (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS)
#define ALL (BOTH | 1u << LISTENER_MTLS)
static const struct http_route routes[] = {
    {"GET", "/ca/{}.crt", GATE_OPEN, BOTH, 0, portal_ca_der, NULL},
    {"GET", "/ca/{}.pem", GATE_OPEN, BOTH, 0, portal_ca_pem, NULL},
    {"GET", "/ca/{}.p7c", GATE_OPEN, BOTH, 0, portal_ca_chain, NULL},
    {"GET", "/crl/{}.crl", GATE_OPEN, BOTH, 0, portal_crl_der, NULL},
    {"GET", "/crl/{}.pem", GATE_OPEN, BOTH, 0, portal_crl_pem, NULL},
    {"GET", "/crl/{}/delta.crl", GATE_OPEN, BOTH, 0, portal_crl_delta, NULL},
    {"GET", "/crl/{}/{}.crl", GATE_OPEN, BOTH, 0, portal_crl_partition, NULL},
    {"GET", "/healthz", GATE_OPEN, ALL, 0, portal_healthz, NULL},
    {"GET", "/readyz", GATE_OPEN, ALL, 0, portal_readyz, NULL},
    {"GET", "/", GATE_OPEN, 1u << LISTENER_HTTP, 0, portal_start, NULL},
    {"GET", "/start", GATE_OPEN, BOTH, 0, portal_start, NULL},
    {"GET", "/assets/start.css", GATE_OPEN, BOTH, 0, portal_style, NULL},
    {"GET", "/assets/icon.svg", GATE_OPEN, ALL, 0, portal_icon, NULL},
};

struct http_room portal_room(struct portal *portal) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, portal};
}
