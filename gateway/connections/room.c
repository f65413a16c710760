#include "connections/connections.h"

#include "connections/internal.h"
#include "rest/handler.h"
#include "rest/trial.h"

#include <string.h>

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define SMALL ((size_t)16 * 1024)
#define MOST 16
#define RESOLVERS_MOST 8

static const struct uuid nobody;

/* {"resolvers":[...],"proxy":""}; both may be absent. */
static bool read_view(struct http_request *request, const struct json *document, struct connection_view *ret,
                      struct error *err) {
    static const char *const none[] = {NULL};
    static const char *const members[] = {"resolvers", "proxy", NULL};
    const struct json *view = NULL;
    const char *const *resolvers = none;
    size_t count = 0;
    *ret = (struct connection_view){none, ""};
    TRY(json_object(document, "view", &view, err));
    if (view == NULL)
        return true;
    TRY(json_only(view, members, err));
    TRY(ask_strings(request->arena, view, "resolvers", RESOLVERS_MOST, &resolvers, &count, err) &&
        json_string(view, "proxy", &ret->proxy, err));
    const char **ended = arena_array(request->arena, count + 1, sizeof *ended);
    for (size_t i = 0; i < count; i++)
        ended[i] = resolvers[i];
    ended[count] = NULL;
    ret->resolvers = ended;
    return true;
}

static void look(struct trials *trials, struct http_request *request, connection_ask *ask, const struct connection *connection) {
    struct error why = {0};
    const char *says = NULL;
    trial_begins(trials);
    bool ok = ask(request->arena, connection, &says, &why);
    trial_ended(trials, connection->target, ok, ok ? says : why.message);
}

static HANDLER(connections_test) {
    static const char *const members[] = {"kind", "targets", "view", NULL};
    const struct json *document;
    const char *const *targets = NULL;
    const char *kind;
    struct connection connection;
    size_t count = 0;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "kind", &kind, err));
    TRY(ask_strings(request->arena, document, "targets", MOST, &targets, &count, err));
    TRY(read_view(request, document, &connection.view, err));
    connection_ask *ask = connection_kind(kind);
    if (ask == NULL)
        return fail(err, ERROR_MALFORMED, "unknown-choice", "A connection's \"kind\" is %s.", connection_kinds);
    if (count == 0)
        return fail(err, ERROR_MALFORMED, "missing-field", "Name what to try in \"targets\".");
    struct trials trials = trials_of(request->arena);
    for (size_t i = 0; i < count; i++) {
        connection.target = targets[i];
        look(&trials, request, ask, &connection);
    }
    trials_reply(&trials, context, request, response, (struct event_note){.object_kind = "connection", .object = kind});
    return true;
}

/* clang-format off */
#define ROUTES(X) \
    X("POST", "/connections/test", connections_test, "settings:manage")
/* clang-format on */

#define ROUTE(method, path, handler, permission)                                                   \
    {method, API_BASE path, GATE_ACTOR, TLS, SMALL, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room connections_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}
