#include "access/access_room.h"

#include "access/handlers.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define MEDIUM ((size_t)128 * 1024)
#define ENROL_TOO (GATE_ACTOR | GATE_FACTOR_ENROL)

/* clang-format off */
/* method, path, gate, body limit, handler, permission that the caller must have somewhere */
#define ROUTES(X) \
    X("GET", "/roles", GATE_ACTOR, NO_BODY, roles_list, NULL) \
    X("POST", "/roles", GATE_ACTOR, SMALL, roles_create, "users:manage") \
    X("PUT", "/roles/{}", GATE_ACTOR, SMALL, roles_change, "users:manage") \
    X("DELETE", "/roles/{}", GATE_ACTOR, NO_BODY, roles_remove, "users:manage") \
    X("GET", "/session/sessions", ENROL_TOO, NO_BODY, sessions_own, NULL) \
    X("DELETE", "/session/sessions", ENROL_TOO, NO_BODY, sessions_own_end, NULL) \
    X("DELETE", "/session/sessions/{}", ENROL_TOO, NO_BODY, sessions_own_end_one, NULL) \
    X("GET", "/users/{}/sessions", GATE_ACTOR, NO_BODY, sessions_of_user, "users:manage") \
    X("DELETE", "/users/{}/sessions", GATE_ACTOR, NO_BODY, sessions_of_user_end, "users:manage") \
    X("GET", "/users/{}/certificates", GATE_ACTOR, NO_BODY, user_certificates_list, "users:read") \
    X("POST", "/users/{}/certificates", GATE_ACTOR, MEDIUM, user_certificates_add, "users:manage") \
    X("DELETE", "/users/{}/certificates/{}", GATE_ACTOR, NO_BODY, user_certificates_remove, "users:manage") \
    X("GET", "/session/factors", ENROL_TOO, NO_BODY, factors_list, NULL) \
    X("DELETE", "/session/factors/{}", ENROL_TOO, NO_BODY, factors_remove, NULL) \
    X("POST", "/session/factors/totp", ENROL_TOO, SMALL, totp_begin, NULL) \
    X("POST", "/session/factors/{}/confirm", ENROL_TOO, SMALL, totp_confirm, NULL) \
    X("POST", "/session/factors/webauthn", ENROL_TOO, SMALL, keys_begin, NULL) \
    X("POST", "/session/factors/webauthn/finish", ENROL_TOO, MEDIUM, keys_finish, NULL) \
    X("GET", "/session/recovery-codes", ENROL_TOO, NO_BODY, recovery_show, NULL) \
    X("POST", "/session/recovery-codes", ENROL_TOO, NO_BODY, recovery_renew, NULL) \
    X("DELETE", "/users/{}/factors", GATE_ACTOR, NO_BODY, factors_reset, "users:manage") \
    X("GET", "/access", GATE_ACTOR, NO_BODY, settings_show, "settings:read") \
    X("PUT", "/access", GATE_ACTOR, SMALL, settings_change, "settings:manage") \
    X("POST", "/access/password-change", GATE_ACTOR, NO_BODY, require_password_change, "users:manage") \
    X("GET", "/identity-providers", GATE_ACTOR, NO_BODY, providers_list, "settings:read") \
    X("POST", "/identity-providers", GATE_ACTOR, MEDIUM, providers_create, "settings:manage") \
    X("PUT", "/identity-providers/{}", GATE_ACTOR, MEDIUM, providers_change, "settings:manage") \
    X("DELETE", "/identity-providers/{}", GATE_ACTOR, NO_BODY, providers_remove, "settings:manage") \
    X("POST", "/identity-providers/{}/test", GATE_ACTOR, NO_BODY, providers_test, "settings:manage") \
    X("GET", "/session/providers", GATE_OPEN, NO_BODY, providers_open, NULL) \
    X("GET", "/registrations", GATE_OPEN, NO_BODY, registrations_show, NULL) \
    X("POST", "/registrations", GATE_OPEN, SMALL, registrations_create, NULL)
/* clang-format on */

#define ROUTE(method, path, gate, limit, handler, permission)                                      \
    {method, API_BASE path, gate, TLS, limit, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room access_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

bool access_ask_list(struct arena *arena, const struct json *document, const char *name,
                     struct text_list *ret, struct error *err) {
    const char *const *items = NULL;
    size_t count = 0;
    TRY(ask_strings(arena, document, name, 100, &items, &count, err));
    ret->items = (const char **)(uintptr_t)items;
    ret->count = count;
    return true;
}
