/* Does the service outside answer? For the person who has just filled in its settings. */
#include "scep/room.h"

#include "base/clock.h"
#include "ca/templates.h"
#include "scep/outside.h"
#include "store/cas.h"

static bool may_check(struct core *core, struct http_request *request,
                      const struct template_record *template, struct error *err) {
    struct ca_record ca;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_id(tx.tx, request->arena, &scope_everything, template->ca_id, &ca, err) &&
                actor_may(scep_actor(request), MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err);
    return done;
}

HANDLER(scep_check) {
    static const char *const members[] = {NULL};
    const struct json *document;
    struct template_record template;
    struct scep_settings settings;
    struct error why = {0};
    const char *service = "none";
    char ends[TIME_TEXT_SIZE];
    bool ok = true;
    TRY(ask_optional_document(request, members, &document, err));
    TRY(template_get(context, request->arena, scep_actor(request), request->parameters[0], &template,
                     err));
    TRY(may_check(context, request, &template, err));
    TRY(scep_settings_of(context, request->arena, template.id, &settings, NULL, err));
    if (settings.intune.tenant != NULL) {
        service = "intune";
        ok = scep_intune_revocations(context, request->arena, template.id, &settings, &why);
    } else if (settings.webhook.url != NULL) {
        service = "webhook";
        ok = scep_webhook_ping(context, request->arena, template.id, template.slug, &settings, &why);
    }
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "service", service);
    json_put_bool(&w, "ok", ok);
    json_put_string(&w, "message", ok ? NULL : why.message);
    time_format(settings.intune.secret_expires_us, ends);
    put_text_or_null(&w, "warning",
                     scep_secret_ends(&settings.intune)
                         ? arena_printf(request->arena, "The application's secret ends on %s; make a new one in Entra ID.",
                                        ends)
                         : NULL);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
