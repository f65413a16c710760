#include "est/manage.h"

#include "base/clock.h"
#include "ca/template.h"
#include "est/settings.h"
#include "store/cas.h"
#include "store/organisations.h"
#include "store/protocols.h"

static const struct actor *actor_of(const struct http_request *request) {
    return request->actor;
}

/* --- the template that answers without a label -------------------------------------------------------- */

static bool reply_default(struct http_request *request, struct http_response *response, const char *slug) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    put_text_or_null(&w, "defaultTemplate", slug);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(est_default_get) {
    const char *slug = NULL;
    struct uuid nil = {{0}};
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, nil, nil, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = setting_get(tx.tx, request->arena, EST_DEFAULT_SETTING, &slug, err);
    return done && reply_default(request, response, slug);
}

HANDLER(est_default_put) {
    static const char *const members[] = {"defaultTemplate", NULL};
    const struct json *body;
    const char *slug = "";
    struct uuid nil = {{0}};
    bool done = false;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, nil, nil, err));
    TRY(ask_document(request, members, &body, err));
    TRY(json_string(body, "defaultTemplate", &slug, err));
    TX(tx, core_db(context), &done, err) {
        struct template_record template;
        struct event_note note = {.code = "settings.changed", .object_kind = "setting",
                                  .object = EST_DEFAULT_SETTING};
        tx.ok = (slug[0] == '\0' || template_by_slug(tx.tx, request->arena, &scope_everything, slug, &template,
                                                     err)) &&
                setting_put(tx.tx, EST_DEFAULT_SETTING, slug, err) &&
                access_note(tx.tx, actor_of(request), &note, err);
    }
    return done && reply_default(request, response, slug);
}

/* --- settings of a template --------------------------------------------------------------------------- */

static bool reply_settings(struct core *core, struct http_request *request, struct http_response *response,
                           const struct template_record *template, const struct est_settings *settings,
                           int64_t version, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, request->arena, &urls, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", template->slug);
    json_put_int(&w, "version", version);
    json_put_string(&w, "url", arena_printf(request->arena, "%s/.well-known/est/%s", urls.https, template->slug));
    put_document(&w, request->arena, "settings", est_settings_write(request->arena, settings));
    json_close_object(&w);
    reply_version(response, version);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(est_settings_get) {
    struct template_record template;
    struct est_settings settings;
    int64_t version;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template, err));
    TRY(est_settings_of(context, request->arena, template.id, &settings, &version, err));
    return reply_settings(context, request, response, &template, &settings, version, err);
}

static bool store(struct core *core, struct http_request *request, const struct template_record *template,
                  const struct est_settings *settings, int64_t version, struct error *err) {
    struct protocol_record record = {.template_id = template->id,
                                     .protocol = EST_PROTOCOL,
                                     .version = version,
                                     .document = est_settings_write(request->arena, settings),
                                     .changed_us = clock_now_us()};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = ca_by_id(tx.tx, request->arena, &scope_everything, template->ca_id, &ca, err) &&
                actor_may(actor_of(request), MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err);
        if (tx.ok) {
            struct event_note note = {.code = "est.changed",
                                      .organisation_id = ca.organisation_id,
                                      .ca_id = ca.id,
                                      .object_kind = "template",
                                      .object = template->slug,
                                      .details = record.document};
            tx.ok = protocol_put(tx.tx, &record, err) && access_note(tx.tx, actor_of(request), &note, err);
        }
    }
    return done;
}

HANDLER(est_settings_put) {
    static const char *const members[] = {"settings", "version", NULL};
    const struct json *body, *document = NULL;
    struct template_record template;
    struct est_settings settings;
    int64_t version = 0;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_version(request, body, &version, err));
    TRY(json_object(body, "settings", &document, err));
    if (document == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"settings\" is missing.");
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template, err));
    TRY(est_settings_read(document, &settings, err));
    TRY(store(context, request, &template, &settings, version, err));
    return reply_settings(context, request, response, &template, &settings, version + 1, err);
}
