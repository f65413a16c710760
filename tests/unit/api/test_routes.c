/* The table of routes and the OpenAPI document say the same, and every route states its gate. */
#include "access/access_room.h"
#include "acme/acme.h"
#include "api/api.h"
#include "audit/audit.h"
#include "cmp/cmp.h"
#include "est/est.h"
#include "agents/agents.h"
#include "connections/connections.h"
#include "keys/keys_room.h"
#include "logs/logs.h"
#include "mail/mail.h"
#include "notices/notices.h"
#include "public/public.h"
#include "scep/scep.h"
#include "tls/tls.h"
#include "tsp/manage.h"
#include "validation/validation_room.h"

#include "base/json.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE "/api/v1"

static struct http_room timestamps(struct core *core) {
    (void)core;
    return tsp_management_room(NULL);
}

static struct http_room public_routes(struct core *core) {
    (void)core;
    return public_room(NULL);
}

static struct http_room agents_routes(struct core *core) {
    (void)core;
    return agents_room(NULL);
}

static struct http_room tls_routes(struct core *core) {
    (void)core;
    return tls_room(NULL);
}

static struct http_room acme_managed(struct core *core) {
    (void)core;
    return acme_manage_room(NULL);
}

/* Every room that has routes under BASE. */
static struct http_room (*const room_makers[])(struct core *core) = {
    access_room, audit_room, api_room, cmp_room, est_room, scep_room, timestamps, validation_room, acme_managed,
    mail_room, public_routes, keys_room, agents_routes, logs_room, notices_room, tls_routes, connections_room};
#define ROOM_COUNT (sizeof room_makers / sizeof room_makers[0])

/* Their routes under BASE, one after the other; NULL after the last. */
static const struct http_route *api_route(size_t index) {
    for (size_t i = 0; i < ROOM_COUNT; i++) {
        struct http_room room = room_makers[i](NULL);
        for (size_t j = 0; j < room.count; j++)
            if (strncmp(room.routes[j].pattern, BASE, strlen(BASE)) == 0 && index-- == 0)
                return &room.routes[j];
    }
    return NULL;
}

static const struct json *document(struct arena *arena) {
    const struct json *value = NULL;
    struct error err = {0};
    if (!json_parse(arena, api_openapi_document(), &value, &err))
        fail_msg("%s", err.message);
    return value;
}

/* "/cas/{ca}/csr" as "/cas/{}/csr" */
static const char *pattern_of(struct arena *arena, const char *path) {
    struct buffer out = buffer_on(arena);
    for (; *path != '\0'; path++) {
        buffer_add_byte(&out, (uint8_t)*path);
        if (*path == '{')
            path = strchr(path, '}') - 1;
    }
    return buffer_text(&out);
}

static const struct json *find_operation(struct arena *arena, const struct json *paths,
                                         const struct http_route *route) {
    char method[16] = "";
    for (size_t i = 0; route->method[i] != '\0' && i + 1 < sizeof method; i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    JSON_EACH (path, paths)
        if (strcmp(pattern_of(arena, path->name), route->pattern + strlen(BASE)) == 0)
            return json_get(path, method);
    return NULL;
}

/* The address without the last slash is the same page and not documented twice. */
static bool is_described(const struct http_route *route) {
    return strcmp(route->pattern, BASE) != 0;
}

static void test_routes_are_described(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *paths = json_get(document(arena), "paths");
    const struct http_route *route;
    for (size_t i = 0; (route = api_route(i)) != NULL; i++) {
        if (!is_described(route))
            continue;
        const struct json *operation = find_operation(arena, paths, route);
        if (operation == NULL) {
            fail_msg("%s %s is not in the document", route->method, route->pattern);
            return;
        }
        const struct json *permission = json_get(operation, "x-permission");
        if ((permission == NULL) != (route->permission == NULL) ||
            (permission != NULL && strcmp(permission->text, route->permission) != 0))
            fail_msg("%s %s: another permission in the document", route->method, route->pattern);
        const struct json *security = json_get(operation, "security");
        if ((security != NULL && security->count == 0) != (route->gate == GATE_OPEN))
            fail_msg("%s %s: another gate in the document", route->method, route->pattern);
        assert_non_null(json_get(json_get(operation, "responses"), "default"));
    }
}

static bool is_routed(struct arena *arena, const char *path, const char *method) {
    const struct http_route *route;
    const char *pattern = pattern_of(arena, path);
    for (size_t i = 0; (route = api_route(i)) != NULL; i++)
        if (strcmp(route->pattern + strlen(BASE), pattern) == 0 &&
            strcasecmp(route->method, method) == 0)
            return true;
    return false;
}

static void test_descriptions_are_routed(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    size_t count = 0;
    JSON_EACH (path, json_get(document(arena), "paths"))
        JSON_EACH (member, path) {
            if (strcmp(member->name, "parameters") == 0)
                continue;
            count++;
            if (!is_routed(arena, path->name, member->name))
                fail_msg("%s %s is in the document and not in the table", member->name, path->name);
        }
    assert_non_null(api_route(count));
    assert_null(
        api_route(count + 1)); /* BASE itself is described once, and routed with "/" and without */
}

static void test_gates(void **state) {
    (void)state;
    static const char *const open[] = {"GET " BASE,
                                       "GET " BASE "/",
                                       "GET " BASE "/openapi.json",
                                       "POST " BASE "/session",
                                       "POST " BASE "/session/certificate",
                                       "GET " BASE "/registrations",
                                       "POST " BASE "/registrations",
                                       "POST " BASE "/session/second-factor",
                                       "GET " BASE "/session/providers",
                                       "POST " BASE "/session/passkey",
                                       "POST " BASE "/session/openid",
                                       "POST " BASE "/session/openid/finish",
                                       "POST " BASE "/session/passkey/finish",
                                       "POST " BASE "/claims",
                                       "POST " BASE "/claims/show",
                                       "GET " BASE "/public/templates/{}",
                                       "POST " BASE "/public/templates/{}/requests",
                                       "POST " BASE "/public/puzzle",
                                       "POST " BASE "/public/requests/confirm",
                                       "POST " BASE "/public/requests/show",
                                       "POST " BASE "/public/requests/cancel",
                                       "POST " BASE "/public/requests/claim",
                                       "GET " BASE "/public/cas/{}",
                                       "POST " BASE "/public/cas/{}/challenge",
                                       "POST " BASE "/public/cas/{}/renewals"};
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct http_route *route;
    size_t found = 0;
    for (size_t i = 0; (route = api_route(i)) != NULL; i++) {
        enum permission permission;
        assert_int_not_equal(route->body_limit, 0);
        assert_int_equal(route->listeners & 1u << LISTENER_HTTP, 0); /* secrets need TLS */
        if (route->permission != NULL)
            assert_true(permission_from_name(route->permission, &permission));
        if (route->gate != GATE_OPEN) {
            assert_int_not_equal(route->gate & GATE_ACTOR, 0);
            continue;
        }
        const char *name = arena_printf(arena, "%s %s", route->method, route->pattern);
        size_t k = 0;
        while (k < sizeof open / sizeof open[0] && strcmp(open[k], name) != 0)
            k++;
        if (k == sizeof open / sizeof open[0])
            fail_msg("%s has no gate", name);
        found++;
    }
    assert_int_equal(found, sizeof open / sizeof open[0]);
}

static void test_page(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *page = arena_text(arena, api_openapi_page());
    assert_non_null(strstr(page, "<!DOCTYPE html>"));
    assert_non_null(strstr(page, "/api/v1/openapi.json"));
    assert_non_null(strstr(page, "<td>/api/v1/certificates/{id}/revoke</td>"));
    assert_non_null(strstr(page, "/problems/"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_are_described),
        cmocka_unit_test(test_descriptions_are_routed),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
