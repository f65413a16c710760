/* The event stream. */
#include "api/handlers.h"

#include "base/clock.h"

static void write_event(struct json_writer *w, struct arena *arena, const struct event *event) {
    json_open_object(w);
    put_uuid(w, "id", event->id);
    json_put_time(w, "at", event->at_us);
    json_put_string(w, "code", event->code);
    json_put_string(w, "outcome", event->outcome);
    json_name(w, "actor");
    json_open_object(w);
    put_uuid(w, "id", event->actor_id);
    json_put_string(w, "name", event->actor);
    json_close_object(w);
    put_text_or_null(w, "address", event->address);
    put_text_or_null(w, "objectKind", event->object_kind);
    put_text_or_null(w, "object", event->object);
    put_uuid(w, "organisationUuid", event->organisation_id);
    put_uuid(w, "caUuid", event->ca_id);
    put_text_or_null(w, "requestId", event->request_id);
    put_document(w, arena, "details", event->details);
    json_close_object(w);
}

static bool read_time(const struct http_request *request, const char *name, int64_t *ret_us,
                      struct error *err) {
    const char *text = http_query(request, name);
    return text == NULL || time_parse(text, ret_us, err);
}

HANDLER(events_list) {
    static const char *const filters[] = {"code", "object", "since", "until", "organisation", "sort", NULL};
    struct page page;
    struct scope scope;
    struct event *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    bool done = false;
    TRY(ask_page(request, filters, &page, err) && ask_direction(request, "at", &page, err));
    TRY(ask_organisation(context, request, err));
    struct event_filter filter = {.code = http_query(request, "code"),
                                  .object = http_query(request, "object")};
    TRY(read_time(request, "since", &filter.since_us, err));
    TRY(read_time(request, "until", &filter.until_us, err));
    actor_scope(request->arena, actor_of(request), MAY_READ_EVENTS, &scope);
    TX(tx, core_db(context), &done, err)
    tx.ok = event_list(tx.tx, request->arena, &scope, &filter, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_event(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}
