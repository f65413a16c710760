#include "validation/internal.h"

#include "base/clock.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define DOCUMENT ((size_t)256 * 1024)
#define SERVERS ((size_t)1024 * 1024)
#define LIST ((size_t)64 * 1024 * 1024)
#define ONE API_BASE "/validators/{}"

static const struct http_route routes[] = {
    {"GET", API_BASE "/validators", GATE_ACTOR, TLS, NO_BODY, validators_list, "cas:read"},
    {"POST", API_BASE "/validators", GATE_ACTOR, TLS, DOCUMENT, validators_create, "cas:manage"},
    {"GET", ONE, GATE_ACTOR, TLS, NO_BODY, validators_get, "cas:read"},
    {"PATCH", ONE, GATE_ACTOR, TLS, DOCUMENT, validators_change, "cas:manage"},
    {"DELETE", ONE, GATE_ACTOR, TLS, NO_BODY, validators_remove, "cas:manage"},
    {"GET", ONE "/csr", GATE_ACTOR, TLS, NO_BODY, validators_csr, "cas:read"},
    {"POST", ONE "/certificate", GATE_ACTOR, TLS, DOCUMENT, validators_certificate, "cas:manage"},
    {"POST", ONE "/crl", GATE_ACTOR, TLS, LIST, validators_crl, "cas:manage"},
    {"POST", ONE "/issued", GATE_ACTOR, TLS, LIST, validators_issued, "cas:manage"},
    {"POST", ONE "/fetch", GATE_ACTOR, TLS, NO_BODY, validators_fetch, "cas:manage"},
    {"GET", ONE "/servers", GATE_ACTOR, TLS, NO_BODY, validator_servers_get, "cas:read"},
    {"PUT", ONE "/servers", GATE_ACTOR, TLS, SERVERS, validator_servers_put, "cas:manage"},
    {"GET", API_BASE "/cas/{}/servers", GATE_ACTOR, TLS, NO_BODY, ca_servers_get, "cas:read"},
    {"PUT", API_BASE "/cas/{}/servers", GATE_ACTOR, TLS, SERVERS, ca_servers_put, "cas:manage"},
    {"POST", API_BASE "/cas/{}/publish/test", GATE_ACTOR, TLS, NO_BODY, ca_publish_test, "cas:manage"},
};

struct http_room validation_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

size_t validation_jobs(struct core *core, struct job *table) {
    table[0] = (struct job){.name = "validation-lists",
                            .every_us = 5 * US_PER_SECOND,
                            .run = validation_look_at_all,
                            .context = core};
    table[1] = (struct job){
        .name = "crl-publish", .every_us = 15 * US_PER_SECOND, .run = publish_all, .context = core};
    return 2;
}
