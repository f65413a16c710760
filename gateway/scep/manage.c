/* A template's SCEP settings and captures, by REST. */
#include "scep/room.h"

#include "base/clock.h"
#include "ca/secret.h"
#include "ca/templates.h"
#include "rest/protocol.h"
#include "scep/exchange.h"
#include "store/cas.h"
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

static bool document(struct core *core, struct arena *arena, struct protocol_edit *e, struct error *err) {
    struct scep_settings settings, old;
    TRY(scep_settings_read(arena, e->stored, &old, err));
    settings = old;
    if (e->given != NULL) {
        TRY(scep_settings_read(arena, e->given, &settings, err));
        TRY(seal(core, arena, e->template.id, &settings, &old, err));
        TRY(check_whole(core, arena, &settings, err));
    }
    e->kept = scep_settings_write(arena, &settings, false);
    e->shown = scep_settings_write(arena, &settings, true);
    return true;
}

static const struct protocol_rest scep = {.protocol = SCEP_PROTOCOL,
                                          .event = "scep.changed",
                                          .path = "/scep/",
                                          .versionless = true,
                                          .document = document};

PROTOCOL_SETTINGS_HANDLERS(scep, &scep)

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
