/* Kept keys of others: two persons together. */
#include "keys/handlers.h"

HANDLER(keys_recoverable) {
    static const char *const others[] = {NULL};
    struct user_key_record *items = NULL;
    struct page page;
    size_t count = 0;
    const char *next;
    TRY(ask_page(request, others, &page, err));
    TRY(user_key_recoverable_page(context, request->arena, actor_of(request), &page, &items, &count,
                                  &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        keys_write(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

static void write_recovery(struct json_writer *w, const struct recovery_record *r) {
    json_open_object(w);
    put_uuid(w, "id", r->id);
    put_uuid(w, "key", r->key_id);
    json_put_string(w, "state", recovery_state_name(r));
    json_put_string(w, "reason", r->reason);
    json_put_string(w, "askedBy", r->asker);
    put_text_or_null(w, "decidedBy", r->decider);
    json_put_time(w, "createdAt", r->created_us);
    json_put_time(w, "changedAt", r->changed_us);
    json_close_object(w);
}

HANDLER(recoveries_list) {
    struct recovery_record *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(recovery_all(context, request->arena, actor_of(request), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_recovery(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(recoveries_create) {
    static const char *const members[] = {"reason", NULL};
    const struct json *document;
    const char *reason;
    struct recovery_record r;
    struct uuid id;
    TRY(ask_id(request, 0, "key", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "reason", &reason, err));
    TRY(recovery_ask(context, request->arena, actor_of(request), id, reason, &r, err));
    struct json_writer w = json_writer_on(request->arena);
    write_recovery(&w, &r);
    reply_created(response, &w,
                  arena_printf(request->arena, "/key-recoveries/%s", uuid_text(request->arena, r.id)));
    return true;
}

static bool decide(struct core *core, struct http_request *request, struct http_response *response,
                   bool approve, struct error *err) {
    static const char *const none[] = {NULL};
    const struct json *document;
    struct recovery_record r;
    struct uuid id;
    TRY(ask_id(request, 0, "recovery", &id, err));
    TRY(ask_optional_document(request, none, &document, err));
    TRY(recovery_decide(core, request->arena, actor_of(request), id, approve, &r, err));
    struct json_writer w = json_writer_on(request->arena);
    write_recovery(&w, &r);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(recoveries_approve) {
    return decide(context, request, response, true, err);
}

HANDLER(recoveries_decline) {
    return decide(context, request, response, false, err);
}

HANDLER(recoveries_export) {
    struct user_key_export order;
    struct view file;
    struct uuid id;
    TRY(ask_id(request, 0, "recovery", &id, err));
    TRY(keys_ask_export(request, &order, err));
    TRY(recovery_file(context, request->arena, actor_of(request), id, &order, &file, err));
    keys_reply_file(response, &order, file);
    return true;
}
