/* A template's SCEP settings and captures, by REST. */
#include "scep/room.h"

#include "base/clock.h"
#include "ca/secret.h"
#include "ca/template.h"
#include "scep/exchange.h"
#include "store/cas.h"
#include "store/protocols.h"
#include "store/scep.h"

#include <string.h>

#define LONGEST_CAPTURE_US (7 * US_PER_DAY)

/* The template, which the actor sees. */
static bool template_of(struct core *core, struct http_request *request,
                        struct template_record *ret, struct error *err) {
    return template_get(core, request->arena, scep_actor(request), request->parameters[0], ret, err);
}

/* ... and manages: inside the transaction of the change. */
static bool may_manage(struct tx *tx, struct arena *arena, const struct actor *actor,
                       const struct template_record *template, struct ca_record *ret_ca,
                       struct error *err) {
    TRY(ca_by_id(tx, arena, &scope_everything, template->ca_id, ret_ca, err));
    return actor_may(actor, MAY_MANAGE_TEMPLATES, ret_ca->organisation_id, ret_ca->id, err);
}

static bool reply_settings(struct http_request *request, struct http_response *response,
                           const char *slug, const struct scep_settings *settings, int64_t version,
                           struct core *core, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, request->arena, &urls, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", slug);
    json_put_int(&w, "version", version);
    json_put_string(&w, "url", arena_printf(request->arena, "%s/scep/%s", urls.http, slug));
    put_document(&w, request->arena, "settings",
                 scep_settings_write(request->arena, settings, true));
    json_close_object(&w);
    reply_version(response, version);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(scep_settings_get) {
    struct template_record template;
    struct scep_settings settings;
    int64_t version;
    TRY(ask_no_query(request, err));
    TRY(template_of(context, request, &template, err));
    TRY(scep_settings_of(context, request->arena, template.id, &settings, &version, err));
    return reply_settings(request, response, template.slug, &settings, version, context, err);
}

struct secret_member {
    const char *name;
    const char **now, *before;
};

/* A secret that is given is sealed; one that is not stays what it was. */
static bool seal(struct core *core, struct arena *arena, struct uuid template_id,
                 struct scep_settings *settings, const struct scep_settings *old,
                 struct error *err) {
    const struct secret_member members[] = {
        {"webhook", &settings->webhook.secret, old->webhook.secret},
        {"intune-secret", &settings->intune.secret, old->intune.secret},
        {"intune-pkcs12", &settings->intune.pkcs12, old->intune.pkcs12},
        {"intune-pkcs12-password", &settings->intune.pkcs12_password, old->intune.pkcs12_password},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct secret_member *m = &members[i];
        if (*m->now == NULL)
            continue;
        if ((*m->now)[0] == '\0' && m->before != NULL)
            *m->now = m->before;
        else if ((*m->now)[0] != '\0')
            TRY(secret_seal(core, arena, scep_secret_place(arena, template_id, m->name),
                            view_text(*m->now), m->now, err));
    }
    return true;
}

static bool check_whole(struct core *core, struct arena *arena, const struct scep_settings *settings,
                        struct error *err) {
    struct ca_record next;
    if (settings->capture_until_us > clock_now_us() + LONGEST_CAPTURE_US)
        return fail(err, ERROR_POLICY, "bad-time", "Messages are captured for at most seven days.");
    if (settings->webhook.url != NULL && settings->intune.tenant != NULL)
        return fail(err, ERROR_POLICY, "scep-settings",
                    "A template asks either a webhook or Intune; give each a template of its own.");
    if (settings->webhook.url != NULL && settings->webhook.secret[0] == '\0')
        return fail(err, ERROR_POLICY, "scep-settings",
                    "A webhook needs a \"secret\" that its signatures are made with.");
    if (settings->intune.tenant != NULL && settings->intune.secret[0] == '\0' &&
        settings->intune.pkcs12[0] == '\0')
        return fail(err, ERROR_POLICY, "scep-settings",
                    "Intune needs the application's \"secret\", or its certificate as \"pkcs12\".");
    return settings->next_ca == NULL || authority_public(core, arena, settings->next_ca, &next, err);
}

static bool store(struct core *core, struct http_request *request,
                  const struct template_record *template, const struct scep_settings *settings,
                  int64_t version, struct error *err) {
    struct arena *arena = request->arena;
    const struct actor *actor = scep_actor(request);
    const char *shown = scep_settings_write(arena, settings, true);
    struct protocol_record record = {.template_id = template->id,
                                     .protocol = SCEP_PROTOCOL,
                                     .version = version,
                                     .document = scep_settings_write(arena, settings, false),
                                     .changed_us = clock_now_us()};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = may_manage(tx.tx, arena, actor, template, &ca, err);
        if (tx.ok) {
            struct event_note note = {.code = "scep.changed",
                                      .organisation_id = ca.organisation_id,
                                      .ca_id = ca.id,
                                      .object_kind = "template",
                                      .object = template->slug,
                                      .details = shown};
            tx.ok = protocol_put(tx.tx, &record, err) && access_note(tx.tx, actor, &note, err);
        }
    }
    return done;
}

HANDLER(scep_settings_put) {
    static const char *const members[] = {"settings", "version", NULL};
    const struct json *document, *body = NULL;
    struct template_record template;
    struct scep_settings settings, old;
    int64_t version = 0, present;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(json_object(document, "settings", &body, err));
    if (body == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"settings\" is missing.");
    TRY(template_of(context, request, &template, err));
    TRY(scep_settings_of(context, request->arena, template.id, &old, &present, err));
    TRY(scep_settings_read(request->arena, body, &settings, err));
    TRY(seal(context, request->arena, template.id, &settings, &old, err));
    TRY(check_whole(context, request->arena, &settings, err));
    version = version == 0 ? present : version;
    TRY(store(context, request, &template, &settings, version, err));
    return reply_settings(request, response, template.slug, &settings, version + 1, context, err);
}

HANDLER(scep_captures_list) {
    static const char *const none[] = {NULL};
    struct template_record template;
    struct scep_capture *items = NULL;
    const char *next = NULL;
    struct page page;
    size_t count = 0;
    bool done = false;
    TRY(ask_page(request, none, &page, err));
    TRY(template_of(context, request, &template, err));
    TX(tx, core_db(context), &done, err) {
        struct ca_record ca;
        tx.ok = may_manage(tx.tx, request->arena, scep_actor(request), &template, &ca, err) &&
                scep_capture_list(tx.tx, request->arena, template.id, &page, &items, &count, &next,
                                  err);
    }
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        put_uuid(&w, "id", items[i].id);
        json_put_time(&w, "at", items[i].at_us);
        json_put_string(&w, "address", items[i].address);
        put_document(&w, request->arena, "details", items[i].document);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(scep_captures_clear) {
    struct template_record template;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(template_of(context, request, &template, err));
    TX(tx, core_db(context), &done, err) {
        struct ca_record ca;
        tx.ok = may_manage(tx.tx, request->arena, scep_actor(request), &template, &ca, err) &&
                scep_capture_purge(tx.tx, template.id, clock_now_us() + 1, err) &&
                access_note(tx.tx, scep_actor(request),
                            &(struct event_note){.code = "scep.captures-cleared",
                                                 .organisation_id = ca.organisation_id,
                                                 .ca_id = ca.id,
                                                 .object_kind = "template",
                                                 .object = template.slug},
                            err);
    }
    TRY(done);
    reply_nothing(response);
    return true;
}
