#include "ca/access.h"

#include <assert.h>
#include <string.h>

static const char *const permission_names[PERMISSION_COUNT] = {
    [MAY_READ_CAS] = "cas:read",
    [MAY_MANAGE_CAS] = "cas:manage",
    [MAY_READ_TEMPLATES] = "templates:read",
    [MAY_MANAGE_TEMPLATES] = "templates:manage",
    [MAY_CREATE_REQUESTS] = "requests:create",
    [MAY_READ_REQUESTS] = "requests:read",
    [MAY_DECIDE_REQUESTS] = "requests:decide",
    [MAY_READ_CERTIFICATES] = "certificates:read",
    [MAY_REVOKE] = "certificates:revoke",
    [MAY_EDIT_CERTIFICATES] = "certificates:edit",
    [MAY_READ_EVENTS] = "events:read",
    [MAY_READ_TOKENS] = "tokens:read",
    [MAY_READ_USERS] = "users:read",
    [MAY_MANAGE_USERS] = "users:manage",
    [MAY_READ_SETTINGS] = "settings:read",
    [MAY_MANAGE_SETTINGS] = "settings:manage",
    [MAY_RECOVER_KEYS] = "keys:recover",
};

#define BIT(permission) (1u << (permission))
static_assert(PERMISSION_COUNT < 32, "permissions are bits");

static const struct {
    const char *name;
    unsigned permissions;
} roles[] = {
    [ROLE_ADMINISTRATOR] = {"administrator", (1u << PERMISSION_COUNT) - 1},
    [ROLE_OFFICER] = {"officer", BIT(MAY_READ_CAS) | BIT(MAY_READ_TEMPLATES) | BIT(MAY_CREATE_REQUESTS) |
                                     BIT(MAY_READ_REQUESTS) | BIT(MAY_DECIDE_REQUESTS) |
                                     BIT(MAY_READ_CERTIFICATES) | BIT(MAY_REVOKE) |
                                     BIT(MAY_EDIT_CERTIFICATES) |
                                     BIT(MAY_READ_EVENTS)},
    [ROLE_REQUESTER] = {"requester", BIT(MAY_READ_CAS) | BIT(MAY_READ_TEMPLATES) |
                                         BIT(MAY_CREATE_REQUESTS) | BIT(MAY_READ_REQUESTS) |
                                         BIT(MAY_READ_CERTIFICATES)},
    [ROLE_AUDITOR] = {"auditor", BIT(MAY_READ_CAS) | BIT(MAY_READ_TEMPLATES) | BIT(MAY_READ_REQUESTS) |
                                     BIT(MAY_READ_CERTIFICATES) | BIT(MAY_READ_EVENTS) |
                                     BIT(MAY_READ_TOKENS) | BIT(MAY_READ_USERS) |
                                     BIT(MAY_READ_SETTINGS)},
};
#define ROLE_COUNT (sizeof roles / sizeof roles[0])

const char *permission_name(enum permission permission) {
    return (unsigned)permission < PERMISSION_COUNT ? permission_names[permission] : "unknown";
}

bool permission_from_name(const char *name, enum permission *ret) {
    for (unsigned i = 0; i < PERMISSION_COUNT; i++)
        if (strcmp(name, permission_names[i]) == 0) {
            *ret = (enum permission)i;
            return true;
        }
    return false;
}

const char *role_name(enum role role) {
    return role > 0 && (unsigned)role < ROLE_COUNT ? roles[role].name : "unknown";
}

enum role role_from_name(const char *name) {
    for (unsigned i = 1; i < ROLE_COUNT; i++)
        if (strcmp(name, roles[i].name) == 0)
            return (enum role)i;
    return (enum role)0;
}

bool role_has(enum role role, enum permission permission) {
    return role > 0 && (unsigned)role < ROLE_COUNT && (roles[role].permissions & BIT(permission)) != 0;
}

bool grant_has(const struct grant *grant, enum permission permission) {
    if (grant->role >= ROLE_CUSTOM_FIRST)
        return (unsigned)permission < PERMISSION_COUNT && (grant->permissions >> permission & 1) != 0;
    return role_has(grant->role, permission);
}

const char *grant_role_name(const struct grant *grant) {
    return grant->slug[0] != '\0' ? grant->slug : role_name(grant->role);
}

/* A requester sees requests and certificates of its own alone; so does a custom role that says so. */
static bool sees_own_only(const struct grant *grant, enum permission permission) {
    return (grant->role == ROLE_REQUESTER || grant->own_only) &&
           (permission == MAY_READ_REQUESTS || permission == MAY_READ_CERTIFICATES);
}

static void add_grant(struct scope *scope, struct uuid *organisations, struct uuid *cas,
                      const struct grant *grant) {
    if (grant->scope == ROLE_SCOPE_INSTANCE)
        scope->everything = true;
    else if (grant->scope == ROLE_SCOPE_ORGANISATION)
        organisations[scope->organisation_count++] = grant->object;
    else
        cas[scope->ca_count++] = grant->object;
}

void actor_scope(struct arena *arena, const struct actor *actor, enum permission permission,
                 struct scope *ret_scope) {
    struct uuid *organisations = arena_array(arena, actor->grant_count + 1, sizeof *organisations);
    struct uuid *cas = arena_array(arena, actor->grant_count + 1, sizeof *cas);
    struct scope scope = {.everything = actor->system,
                          .organisations = organisations,
                          .cas = cas,
                          .own_only = !actor->system,
                          .actor = actor->user_id};
    /* The roles that see everything of their scope come first; only where there is none, own things. */
    for (size_t i = 0; i < actor->grant_count; i++)
        if (grant_has(&actor->grants[i], permission) &&
            !sees_own_only(&actor->grants[i], permission)) {
            scope.own_only = false;
            add_grant(&scope, organisations, cas, &actor->grants[i]);
        }
    for (size_t i = 0; scope.own_only && i < actor->grant_count; i++)
        if (grant_has(&actor->grants[i], permission))
            add_grant(&scope, organisations, cas, &actor->grants[i]);
    *ret_scope = scope;
}

static bool covers(const struct grant *grant, struct uuid organisation_id, struct uuid ca_id) {
    switch (grant->scope) {
    case ROLE_SCOPE_INSTANCE:
        return true;
    case ROLE_SCOPE_ORGANISATION:
        return !uuid_is_nil(organisation_id) && uuid_equal(grant->object, organisation_id);
    case ROLE_SCOPE_CA:
        return !uuid_is_nil(ca_id) && uuid_equal(grant->object, ca_id);
    }
    return false;
}

bool actor_can(const struct actor *actor, enum permission permission, struct uuid organisation_id,
               struct uuid ca_id) {
    if (actor->system)
        return true;
    if (actor->must_change_password || actor->must_enrol_factor)
        return false;
    for (size_t i = 0; i < actor->grant_count; i++)
        if (grant_has(&actor->grants[i], permission) &&
            covers(&actor->grants[i], organisation_id, ca_id))
            return true;
    return false;
}

bool actor_could(const struct actor *actor, enum permission permission) {
    if (actor->system)
        return true;
    if (actor->must_change_password || actor->must_enrol_factor)
        return false;
    for (size_t i = 0; i < actor->grant_count; i++)
        if (grant_has(&actor->grants[i], permission))
            return true;
    return false;
}

bool actor_may(const struct actor *actor, enum permission permission, struct uuid organisation_id,
               struct uuid ca_id, struct error *err) {
    if (actor_can(actor, permission, organisation_id, ca_id))
        return true;
    return fail(err, ERROR_FORBIDDEN, "forbidden",
                "%.60s does not have the permission %s here; an administrator can grant a role that "
                "has it.",
                actor->name, permission_name(permission));
}
