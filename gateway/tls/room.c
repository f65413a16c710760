#include "tls/internal.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define SMALL ((size_t)4 * 1024)
#define LARGE ((size_t)256 * 1024)

/* clang-format off */
#define ROUTES(X) \
    X("GET", "/tls", tls_show, "settings:read", SMALL) \
    X("PUT", "/tls", tls_set, "settings:manage", LARGE) \
    X("POST", "/tls/csr", tls_make_csr, "settings:manage", SMALL) \
    X("POST", "/tls/certificate", tls_import, "settings:manage", LARGE) \
    X("POST", "/tls/renew", tls_renew_now, "settings:manage", SMALL)
/* clang-format on */

#define ROUTE(method, path, handler, permission, limit)                                            \
    {method, API_BASE path, GATE_ACTOR, TLS, limit, handler, permission},
static const struct http_route routes[] = {
    ROUTES(ROUTE){"GET", "/.well-known/acme-challenge/{}", GATE_OPEN, 1u << LISTENER_HTTP, 0, tls_challenge, NULL},
};

struct http_room tls_room(struct tls_management *tls) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], tls};
}
