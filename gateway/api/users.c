/* Users and roles. */
#include "api/handlers.h"

#include <string.h>

static const char *const state_names[] = {
    [USER_ACTIVE] = "active", [USER_SUSPENDED] = "suspended", [USER_PENDING] = "pending"};

static void open_user(struct json_writer *w, const struct user *user, const char *organisation) {
    json_open_object(w);
    put_uuid(w, "id", user->id);
    json_put_string(w, "username", user->username);
    json_put_string(w, "displayName", user->display_name);
    json_put_string(w, "email", user->email);
    json_put_string(w, "organisation", organisation);
    json_put_string(w, "state", state_names[user->state]);
    put_text_or_null(w, "provider", user->provider);
    json_put_bool(w, "mustChangePassword", user->must_change_password);
    json_put_time(w, "createdAt", user->created_us);
    put_time_or_null(w, "lastLoginAt", user->last_login_us);
}

/* The whole user, with the one-time password when one was just made. */
static bool write_user(struct json_writer *w, struct names *names, const struct user *user,
                       const struct grant *grants, size_t count, const char *password,
                       struct error *err) {
    const char *organisation;
    TRY(names_organisation(names, user->organisation_id, &organisation, err));
    open_user(w, user, organisation);
    TRY(grants_write(w, names, "roles", grants, count, err));
    if (password != NULL)
        json_put_string(w, "oneTimePassword", password);
    json_close_object(w);
    return true;
}

HANDLER(users_list) {
    static const char *const others[] = {"organisation", NULL};
    struct page page;
    struct user *items = NULL;
    size_t count = 0;
    const char *next = NULL, *organisation;
    struct names names = {.core = context, .arena = request->arena};
    TRY(ask_page(request, others, &page, err));
    TRY(ask_organisation(context, request, err));
    TRY(access_user_list(context, request->arena, actor_of(request), &page, &items, &count, &next,
                         err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        TRY(names_organisation(&names, items[i].organisation_id, &organisation, err));
        open_user(&w, &items[i], organisation);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(users_create) {
    static const char *const members[] = {"username",     "displayName", "email",
                                          "organisation", "roles",       NULL};
    const struct json *document;
    const char *password;
    struct user_order order = {.display_name = "", .email = ""};
    struct grant *grants = NULL;
    struct user user;
    struct names names = {.core = context, .arena = request->arena};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "username", &order.username, err));
    TRY(json_string(document, "displayName", &order.display_name, err));
    TRY(json_string(document, "email", &order.email, err));
    TRY(json_string(document, "organisation", &order.organisation, err));
    TRY(grants_from_json(&names, actor_of(request), document, "roles", &grants, &order.grant_count,
                         err));
    order.grants = grants;
    TRY(access_user_create(context, request->arena, actor_of(request), &order, &user, &password,
                           err));
    struct json_writer w = json_writer_on(request->arena);
    TRY(write_user(&w, &names, &user, order.grants, order.grant_count, password, err));
    reply_created(response, &w,
                  arena_printf(request->arena, "/users/%s", uuid_text(request->arena, user.id)));
    return true;
}

static bool show_user(struct core *core, struct http_request *request,
                      struct http_response *response, struct names *names, struct uuid id,
                      struct error *err) {
    struct user user;
    struct grant *grants = NULL;
    size_t count = 0;
    TRY(access_user_get(core, request->arena, actor_of(request), id, &user, &grants, &count, err));
    struct json_writer w = json_writer_on(request->arena);
    TRY(write_user(&w, names, &user, grants, count, NULL, err));
    reply_json(response, 200, &w);
    return true;
}

HANDLER(users_get) {
    struct uuid id;
    struct names names = {.core = context, .arena = request->arena};
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "user", &id, err));
    return show_user(context, request, response, &names, id, err);
}

static bool read_state(const struct json *document, struct user_change *change, struct error *err) {
    const char *state = NULL;
    TRY(json_string(document, "state", &state, err));
    if (state == NULL)
        return true;
    change->set_state = true;
    change->state = strcmp(state, "active") == 0      ? USER_ACTIVE
                    : strcmp(state, "suspended") == 0 ? USER_SUSPENDED
                                                      : (enum user_state)0;
    if (change->state == 0)
        return fail(err, ERROR_POLICY, "bad-state",
                    "A user's state is \"active\" or \"suspended\", not \"%.40s\".", state);
    return true;
}

HANDLER(users_change) {
    static const char *const members[] = {"displayName", "email", "state",
                                          "roles", "mustChangePassword", NULL};
    const struct json *document;
    struct uuid id;
    struct user_change change = {0};
    struct grant *grants = NULL;
    struct names names = {.core = context, .arena = request->arena};
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "displayName", &change.display_name, err));
    TRY(json_string(document, "email", &change.email, err));
    TRY(read_state(document, &change, err));
    TRY(json_bool(document, "mustChangePassword", &change.must_change_password, err));
    TRY(grants_from_json(&names, actor_of(request), document, "roles", &grants, &change.grant_count,
                         err));
    change.grants = grants;
    change.set_grants = grants != NULL;
    TRY(access_user_update(context, request->arena, actor_of(request), id, &change, err));
    return show_user(context, request, response, &names, id, err);
}

HANDLER(users_reset) {
    static const char *const members[] = {NULL};
    const struct json *document;
    const char *password;
    struct uuid id;
    struct user user;
    struct grant *grants = NULL;
    size_t count = 0;
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(ask_optional_document(request, members, &document, err));
    TRY(access_user_get(context, request->arena, actor_of(request), id, &user, &grants, &count,
                        err));
    TRY(access_user_reset(context, request->arena, actor_of(request), user.username, &password,
                          err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    put_uuid(&w, "id", user.id);
    json_put_string(&w, "oneTimePassword", password);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
