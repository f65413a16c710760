/* The places that a CA's lists go to, tried now. */
#include "validation/internal.h"

#include "base/clock.h"

static bool look(struct json_writer *w, struct core *core, struct arena *arena, const char *slug, const char *url) {
    struct error why = {0};
    int64_t from = clock_monotonic_us();
    bool ok = publish_try(core, arena, slug, url, &why);
    json_open_object(w);
    json_put_string(w, "target", url);
    json_put_bool(w, "ok", ok);
    json_put_string(w, "says", ok ? "takes what is sent" : why.message);
    json_put_int(w, "milliseconds", (clock_monotonic_us() - from) / 1000);
    json_close_object(w);
    return ok;
}

static void note(struct core *core, struct http_request *request, const struct ca_record *ca, size_t tried, size_t took) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "tried", (int64_t)tried);
    json_put_int(&w, "answered", (int64_t)took);
    json_close_object(&w);
    access_note_alone(core, actor_of(request),
                      &(struct event_note){.code = "connection.tested",
                                           .outcome = took == tried ? "success" : "failure",
                                           .organisation_id = ca->organisation_id,
                                           .ca_id = ca->id,
                                           .object_kind = "ca",
                                           .object = ca->slug,
                                           .details = json_written(&w)});
}

HANDLER(ca_publish_test) {
    struct ca_record ca;
    struct ca_settings settings;
    size_t took = 0;
    TRY(ask_no_query(request, err));
    TRY(authority_get(context, request->arena, actor_of(request), request->parameters[0], &ca, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    TRY(authority_settings(request->arena, &ca, &settings, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < settings.crl.publish.count; i++)
        took += look(&w, context, request->arena, ca.slug, settings.crl.publish.items[i]);
    note(context, request, &ca, settings.crl.publish.count, took);
    reply_list(request, response, &w, NULL);
    return true;
}
