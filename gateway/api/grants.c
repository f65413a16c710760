#include "api/handlers.h"

#include "ca/access_roles.h"

#include <stdio.h>
#include <string.h>

#define MAX_GRANTS 100

static const char *const scope_names[] = {
    [ROLE_SCOPE_INSTANCE] = "instance",
    [ROLE_SCOPE_ORGANISATION] = "organisation",
    [ROLE_SCOPE_CA] = "ca",
};

static bool scope_from_name(const char *name, enum role_scope *ret_scope, struct error *err) {
    for (unsigned i = ROLE_SCOPE_INSTANCE; i <= ROLE_SCOPE_CA; i++)
        if (strcmp(name, scope_names[i]) == 0) {
            *ret_scope = (enum role_scope)i;
            return true;
        }
    return fail(err, ERROR_POLICY, "bad-role",
                "A role's scope is \"instance\", \"organisation\" or \"ca\", not \"%.40s\".", name);
}

static bool object_from_slug(struct names *names, const struct actor *actor, const char *slug,
                             struct grant *grant, struct error *err) {
    if (grant->scope == ROLE_SCOPE_INSTANCE) {
        if (slug == NULL)
            return true;
        return fail(err, ERROR_POLICY, "bad-role", "A role on the instance has no object.");
    }
    if (slug == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "A role on an organisation or a CA needs its id as \"object\".");
    if (grant->scope == ROLE_SCOPE_ORGANISATION)
        return names_organisation_id(names, slug, &grant->object, err);
    struct ca_record ca;
    TRY(authority_get(names->core, names->arena, actor, slug, &ca, err));
    grant->object = ca.id;
    return true;
}

static bool role_from_slug(struct names *names, const char *slug, struct grant *grant,
                           struct error *err) {
    struct role_record *items = NULL;
    size_t count = 0;
    grant->role = role_from_name(slug);
    if (grant->role != 0)
        return true;
    TRY(access_role_list(names->core, names->arena, &items, &count, err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].slug, slug) == 0) {
            grant->role = items[i].number;
            grant->permissions = items[i].permissions;
            grant->own_only = items[i].own_only;
            snprintf(grant->slug, sizeof grant->slug, "%s", slug);
            return true;
        }
    return fail(err, ERROR_POLICY, "bad-role", "There is no role \"%.40s\"; GET roles lists them.", slug);
}

static bool grant_from_json(struct names *names, const struct actor *actor,
                            const struct json *value, struct grant *ret_grant, struct error *err) {
    static const char *const members[] = {"role", "scope", "object", NULL};
    const char *role = NULL, *scope = NULL, *object = NULL;
    struct grant grant = {0};
    TRY(json_only(value, members, err));
    TRY(ask_string(value, "role", &role, err));
    TRY(ask_string(value, "scope", &scope, err));
    TRY(json_string(value, "object", &object, err));
    TRY(role_from_slug(names, role, &grant, err));
    TRY(scope_from_name(scope, &grant.scope, err));
    TRY(object_from_slug(names, actor, object, &grant, err));
    *ret_grant = grant;
    return true;
}

bool grants_from_json(struct names *names, const struct actor *actor, const struct json *document,
                      const char *name, struct grant **ret_grants, size_t *ret_count,
                      struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_GRANTS)
        return fail(err, ERROR_MALFORMED, "out-of-range",
                    "The field \"%s\" may have at most %d items.", name, MAX_GRANTS);
    struct grant *grants = arena_array(names->arena, array->count + 1, sizeof *grants);
    size_t count = 0;
    JSON_EACH (item, array)
        TRY(grant_from_json(names, actor, item, &grants[count++], err));
    *ret_grants = grants;
    *ret_count = count;
    return true;
}

static bool grant_write(struct json_writer *w, struct names *names, const struct grant *grant,
                        struct error *err) {
    const char *slug = NULL;
    if (grant->scope == ROLE_SCOPE_ORGANISATION)
        TRY(names_organisation(names, grant->object, &slug, err));
    if (grant->scope == ROLE_SCOPE_CA)
        TRY(names_ca(names, grant->object, &slug, err));
    if (slug == NULL && grant->scope != ROLE_SCOPE_INSTANCE)
        slug = uuid_text(names->arena, grant->object); /* the CA is gone, the row is not */
    json_open_object(w);
    json_put_string(w, "role", grant_role_name(grant));
    json_put_string(w, "scope", scope_names[grant->scope]);
    json_put_string(w, "object", slug);
    json_close_object(w);
    return true;
}

bool grants_write(struct json_writer *w, struct names *names, const char *name,
                  const struct grant *grants, size_t count, struct error *err) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        TRY(grant_write(w, names, &grants[i], err));
    json_close_array(w);
    return true;
}
