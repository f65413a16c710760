/* The places that a CA's lists go to, tried now. */
#include "validation/internal.h"

#include "rest/trial.h"

HANDLER(ca_publish_test) {
    struct ca_record ca;
    struct ca_settings settings;
    TRY(ask_no_query(request, err));
    TRY(authority_get(context, request->arena, actor_of(request), request->parameters[0], &ca, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    TRY(authority_settings(request->arena, &ca, &settings, err));
    struct trials trials = trials_of(request->arena);
    for (size_t i = 0; i < settings.crl.publish.count; i++) {
        const char *url = settings.crl.publish.items[i];
        struct error why = {0};
        trial_begins(&trials);
        bool ok = publish_try(context, request->arena, ca.slug, url, &why);
        trial_ended(&trials, url, ok, ok ? "takes what is sent" : why.message);
    }
    struct event_note about = {.organisation_id = ca.organisation_id, .ca_id = ca.id, .object_kind = "ca", .object = ca.slug};
    trials_reply(&trials, context, request, response, about);
    return true;
}
