#include "keys/keys_room.h"

#include "keys/handlers.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define MEDIUM ((size_t)256 * 1024)

/* clang-format off */
/* method, path, gate, body limit, handler, permission that the caller must have somewhere */
#define ROUTES(X) \
    X("GET", "/keys", GATE_ACTOR, NO_BODY, keys_list, "requests:create") \
    X("POST", "/keys", GATE_ACTOR, SMALL, keys_create, "requests:create") \
    X("GET", "/keys/{}", GATE_ACTOR, NO_BODY, keys_show, "requests:create") \
    X("DELETE", "/keys/{}", GATE_ACTOR, NO_BODY, keys_remove, "requests:create") \
    X("POST", "/keys/{}/csr", GATE_ACTOR, MEDIUM, keys_csr, "requests:create") \
    X("POST", "/keys/{}/certificate", GATE_ACTOR, MEDIUM, keys_self_sign, "requests:create") \
    X("POST", "/keys/{}/export", GATE_ACTOR, SMALL, keys_export, "requests:create") \
    X("POST", "/keys/{}/recoveries", GATE_ACTOR, SMALL, recoveries_create, "keys:recover") \
    X("GET", "/recoverable-keys", GATE_ACTOR, NO_BODY, keys_recoverable, "keys:recover") \
    X("GET", "/key-recoveries", GATE_ACTOR, NO_BODY, recoveries_list, "keys:recover") \
    X("POST", "/key-recoveries/{}/approve", GATE_ACTOR, NO_BODY, recoveries_approve, "keys:recover") \
    X("POST", "/key-recoveries/{}/decline", GATE_ACTOR, NO_BODY, recoveries_decline, "keys:recover") \
    X("POST", "/key-recoveries/{}/export", GATE_ACTOR, SMALL, recoveries_export, "keys:recover") \
    X("POST", "/tokens/login", GATE_ACTOR, SMALL, tokens_login, "settings:manage") \
    X("GET", "/kek", GATE_ACTOR, NO_BODY, kek_show, "tokens:read") \
    X("POST", "/kek/rotation", GATE_ACTOR, SMALL, kek_rotation_start, "settings:manage") \
    X("DELETE", "/kek/rotation", GATE_ACTOR, NO_BODY, kek_rotation_cancel, "settings:manage") \
    X("POST", "/kek/nodes/forget", GATE_ACTOR, SMALL, kek_nodes_forget, "settings:manage") \
    X("DELETE", "/keks/{}", GATE_ACTOR, NO_BODY, keks_remove, "settings:manage") \
    X("GET", "/private-keys", GATE_ACTOR, NO_BODY, private_keys_list, "tokens:read") \
    X("GET", "/private-keys/{}", GATE_ACTOR, NO_BODY, private_keys_show, "tokens:read") \
    X("POST", "/private-keys/{}/destroy", GATE_ACTOR, SMALL, private_keys_destroy, "cas:manage") \
    X("POST", "/cas/{}/truststore", GATE_ACTOR, SMALL, trust_store_create, "cas:read")
/* clang-format on */

#define ROUTE(method, path, gate, limit, handler, permission)                                      \
    {method, API_BASE path, gate, TLS, limit, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room keys_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}
