#include "rest/protocol.h"

#include "base/clock.h"
#include "ca/access.h"
#include "ca/templates.h"
#include "rest/ask.h"
#include "rest/reply.h"
#include "store/cas.h"
#include "store/organisations.h"
#include "store/protocols.h"

/* --- the template that answers without a label -------------------------------------------------------- */

static bool reply_default(struct http_request *request, struct http_response *response, const char *slug) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    put_text_or_null(&w, "defaultTemplate", slug);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

bool protocol_default_get(const struct protocol_rest *p, struct core *core, struct http_request *request,
                          struct http_response *response, struct error *err) {
    const char *slug = NULL;
    struct uuid nil = {{0}};
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(actor_may(request->actor, MAY_READ_SETTINGS, nil, nil, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_get(tx.tx, request->arena, p->default_setting, &slug, err);
    return done && reply_default(request, response, slug);
}

bool protocol_default_put(const struct protocol_rest *p, struct core *core, struct http_request *request,
                          struct http_response *response, struct error *err) {
    static const char *const members[] = {"defaultTemplate", NULL};
    const struct json *body;
    const char *slug = "";
    struct uuid nil = {{0}};
    bool done = false;
    TRY(actor_may(request->actor, MAY_MANAGE_SETTINGS, nil, nil, err));
    TRY(ask_document(request, members, &body, err));
    TRY(json_string(body, "defaultTemplate", &slug, err));
    TX(tx, core_db(core), &done, err) {
        struct template_record template;
        struct event_note note = {.code = "settings.changed", .object_kind = "setting",
                                  .object = p->default_setting};
        tx.ok = (slug[0] == '\0' || template_by_slug(tx.tx, request->arena, &scope_everything, slug, &template,
                                                     err)) &&
                setting_put(tx.tx, p->default_setting, slug, err) &&
                access_note(tx.tx, request->actor, &note, err);
    }
    return done && reply_default(request, response, slug);
}

/* --- settings of a template --------------------------------------------------------------------------- */

static bool reply_settings(const struct protocol_rest *p, struct core *core, struct http_request *request,
                           struct http_response *response, const struct protocol_edit *e, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, request->arena, &urls, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", e->template.slug);
    json_put_int(&w, "version", e->version);
    json_put_string(&w, "url", arena_printf(request->arena, "%s%s%s", p->https ? urls.https : urls.http, p->path,
                                            e->template.slug));
    put_document(&w, request->arena, "settings", e->shown);
    json_close_object(&w);
    reply_version(response, e->version);
    reply_json(response, 200, &w);
    return true;
}

/* The template in the path, which the actor must see, and its settings so far. */
static bool read_present(const struct protocol_rest *p, struct core *core, struct http_request *request,
                         struct protocol_edit *e, struct error *err) {
    struct arena *arena = request->arena;
    struct protocol_record record = {0};
    bool done = false;
    TRY(template_get(core, arena, request->actor, request->parameters[0], &e->template, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = protocol_get(tx.tx, arena, e->template.id, p->protocol, &record, err);
    TRY(done);
    e->version = record.version;
    return json_parse(arena, view_text(record.document), &e->stored, err);
}

bool protocol_settings_get(const struct protocol_rest *p, struct core *core, struct http_request *request,
                           struct http_response *response, struct error *err) {
    struct protocol_edit e = {0};
    TRY(ask_no_query(request, err));
    TRY(read_present(p, core, request, &e, err));
    TRY(p->document(core, request->arena, &e, err));
    return reply_settings(p, core, request, response, &e, err);
}

static bool store(const struct protocol_rest *p, struct core *core, struct http_request *request,
                  const struct protocol_edit *e, struct error *err) {
    struct protocol_record record = {.template_id = e->template.id,
                                     .protocol = p->protocol,
                                     .version = e->version,
                                     .document = e->kept,
                                     .changed_us = clock_now_us()};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = ca_by_id(tx.tx, request->arena, &scope_everything, e->template.ca_id, &ca, err) &&
                actor_may(request->actor, MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err);
        if (tx.ok) {
            struct event_note note = {.code = p->event,
                                      .organisation_id = ca.organisation_id,
                                      .ca_id = ca.id,
                                      .object_kind = "template",
                                      .object = e->template.slug,
                                      .details = e->shown};
            tx.ok = protocol_put(tx.tx, &record, err) && access_note(tx.tx, request->actor, &note, err);
        }
    }
    return done;
}

bool protocol_settings_put(const struct protocol_rest *p, struct core *core, struct http_request *request,
                           struct http_response *response, struct error *err) {
    static const char *const members[] = {"settings", "version", NULL};
    struct protocol_edit e = {0};
    const struct json *body, *given = NULL;
    int64_t version = 0;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_version(request, body, &version, err));
    TRY(json_object(body, "settings", &given, err));
    if (given == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"settings\" is missing.");
    TRY(read_present(p, core, request, &e, err));
    e.given = given;
    TRY(p->document(core, request->arena, &e, err));
    if (version != 0 || !p->versionless)
        e.version = version;
    TRY(store(p, core, request, &e, err));
    e.version++;
    return reply_settings(p, core, request, response, &e, err);
}
