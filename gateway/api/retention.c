#include "ca/retention.h"
#include "api/handlers.h"

static bool reply_rules(struct http_request *request, struct http_response *response, const struct retention *r) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "archiveExpiredDays", r->archive_days);
    json_put_int(&w, "eraseRequestsDays", r->erase_days);
    json_put_int(&w, "version", r->version);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(retention_show) {
    struct retention rules;
    TRY(ask_no_query(request, err));
    TRY(retention_get(context, request->arena, actor_of(request), &rules, err));
    return reply_rules(request, response, &rules);
}

HANDLER(retention_replace) {
    static const char *const members[] = {"archiveExpiredDays", "eraseRequestsDays", "version", NULL};
    const struct json *document;
    struct retention rules = {.archive_days = -1, .erase_days = -1, .version = -1};
    TRY(ask_document(request, members, &document, err));
    TRY(json_int(document, "archiveExpiredDays", 0, 36525, &rules.archive_days, err) &&
        json_int(document, "eraseRequestsDays", 0, 36525, &rules.erase_days, err) &&
        json_int(document, "version", 0, INT64_MAX - 1, &rules.version, err));
    if (rules.archive_days < 0 || rules.erase_days < 0 || rules.version < 0)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "\"archiveExpiredDays\", \"eraseRequestsDays\" (0: never) and \"version\" are needed.");
    TRY(retention_put(context, request->arena, actor_of(request), &rules, err));
    return reply_rules(request, response, &rules);
}

HANDLER(retention_run) {
    struct retention_result result;
    TRY(ask_no_query(request, err));
    TRY(retention_apply(context, actor_of(request), &result, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "archived", result.archived);
    json_put_int(&w, "erased", result.erased);
    json_put_bool(&w, "more", result.more);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
