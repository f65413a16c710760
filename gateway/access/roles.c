/* Roles: the built-in ones and those made here. */
#include "access/handlers.h"

#include "ca/access_roles.h"

static void write_permissions(struct json_writer *w, const struct grant *grant) {
    json_name(w, "permissions");
    json_open_array(w);
    for (int i = 0; i < PERMISSION_COUNT; i++)
        if (grant_has(grant, (enum permission)i))
            json_add_string(w, permission_name((enum permission)i));
    json_close_array(w);
}

static void write_built_in(struct json_writer *w, enum role role) {
    const struct grant grant = {.role = role};
    json_open_object(w);
    json_put_string(w, "id", role_name(role));
    json_put_string(w, "name", role_name(role));
    json_put_bool(w, "builtIn", true);
    json_put_bool(w, "ownOnly", role == ROLE_REQUESTER);
    write_permissions(w, &grant);
    json_close_object(w);
}

static void write_role(struct json_writer *w, const struct role_record *role) {
    const struct grant grant = {.role = ROLE_CUSTOM_FIRST, .permissions = role->permissions};
    json_open_object(w);
    json_put_string(w, "id", role->slug);
    json_put_string(w, "name", role->name);
    json_put_bool(w, "builtIn", false);
    json_put_bool(w, "ownOnly", role->own_only);
    write_permissions(w, &grant);
    json_close_object(w);
}

HANDLER(roles_list) {
    struct role_record *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(access_role_list(context, request->arena, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (int role = ROLE_ADMINISTRATOR; role <= ROLE_AUDITOR; role++)
        write_built_in(&w, (enum role)role);
    for (size_t i = 0; i < count; i++)
        write_role(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

static bool read_role(struct http_request *request, const struct json *document,
                      struct role_record *role, struct error *err) {
    struct text_list permissions = {0};
    TRY(ask_string(document, "name", &role->name, err));
    TRY(json_bool(document, "ownOnly", &role->own_only, err));
    TRY(access_ask_list(request->arena, document, "permissions", &permissions, err));
    return permissions_from_names(&permissions, &role->permissions, err);
}

HANDLER(roles_create) {
    static const char *const members[] = {"id", "name", "ownOnly", "permissions", NULL};
    const struct json *document;
    struct role_record role = {0};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "id", &role.slug, err));
    TRY(read_role(request, document, &role, err));
    TRY(access_role_create(context, request->arena, actor_of(request), &role, err));
    struct json_writer w = json_writer_on(request->arena);
    write_role(&w, &role);
    reply_created(response, &w, arena_printf(request->arena, "/roles/%s", role.slug));
    return true;
}

HANDLER(roles_change) {
    static const char *const members[] = {"name", "ownOnly", "permissions", NULL};
    const struct json *document;
    struct role_record role = {.slug = request->parameters[0]};
    TRY(ask_document(request, members, &document, err));
    TRY(read_role(request, document, &role, err));
    TRY(access_role_change(context, request->arena, actor_of(request), &role, err));
    struct json_writer w = json_writer_on(request->arena);
    write_role(&w, &role);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(roles_remove) {
    TRY(ask_no_query(request, err));
    TRY(access_role_remove(context, request->arena, actor_of(request), request->parameters[0], err));
    reply_nothing(response);
    return true;
}
