/* What the instance says about log-ins, and registrations by strangers. */
#include "access/handlers.h"

#include "ca/access_settings.h"

static void reply_settings(struct http_request *request, struct http_response *response,
                           const struct access_settings *settings) {
    struct json_writer w = json_writer_on(request->arena);
    access_settings_write(&w, settings);
    reply_version(response, settings->version);
    reply_json(response, 200, &w);
}

HANDLER(settings_show) {
    struct access_settings settings;
    TRY(ask_no_query(request, err));
    TRY(access_settings_get(context, request->arena, actor_of(request), &settings, err));
    reply_settings(request, response, &settings);
    return true;
}

HANDLER(settings_change) {
    static const char *const members[] = {"sessionHours", "idleMinutes", "registration",
                                          "secondFactorRoles", "certificateLogin", "version", NULL};
    const struct json *document;
    struct access_settings settings;
    int64_t version;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(access_settings_parse(request->arena, document, &settings, err));
    settings.version = version;
    TRY(access_settings_put(context, request->arena, actor_of(request), &settings, err));
    reply_settings(request, response, &settings);
    return true;
}

HANDLER(require_password_change) {
    TRY(ask_no_query(request, err));
    TRY(access_require_password_change(context, actor_of(request), err));
    reply_nothing(response);
    return true;
}

/* Whether the log-in page offers it. */
HANDLER(registrations_show) {
    struct access_settings settings;
    TRY(ask_no_query(request, err));
    TRY(access_settings_anyone(context, request->arena, &settings, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_bool(&w, "open", settings.registration);
    json_put_bool(&w, "approval", settings.registration_approval);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(registrations_create) {
    static const char *const members[] = {"username", "displayName", "email", "password", NULL};
    const struct json *document;
    struct registration order = {.display_name = "",
                                 .email = "",
                                 .address = request->address,
                                 .request_id = request->id};
    struct user user;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "username", &order.username, err));
    TRY(ask_string(document, "password", &order.password, err));
    TRY(json_string(document, "displayName", &order.display_name, err));
    TRY(json_string(document, "email", &order.email, err));
    TRY(access_register(context, request->arena, &order, &user, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "username", user.username);
    json_put_string(&w, "state", user.state == USER_PENDING ? "pending" : "active");
    json_close_object(&w);
    reply_json(response, 201, &w);
    return true;
}
