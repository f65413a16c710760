#include "logs/logs.h"

#include "logs/handlers.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define SMALL ((size_t)4 * 1024)

/* clang-format off */
#define ROUTES(X) \
    X("GET", "/log/levels", GATE_ACTOR, log_levels_show, "settings:read") \
    X("PUT", "/log/levels", GATE_ACTOR, log_levels_set, "settings:manage") \
    X("GET", "/log/lines", GATE_ACTOR | GATE_FOLLOWS_LOG, log_lines_read, "settings:manage")
/* clang-format on */

#define ROUTE(method, path, gate, handler, permission)                                             \
    {method, API_BASE path, gate, TLS, SMALL, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room logs_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}
