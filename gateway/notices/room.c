#include "notices/internal.h"

#include "base/clock.h"
#include "rest/table.h"
#include "store/reports.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define LARGE ((size_t)512 * 1024)
#define EVERY_US (60 * US_PER_SECOND)

static const struct uuid nobody;

static bool may(const struct http_request *request, enum permission permission, struct error *err) {
    return actor_may(actor_of(request), permission, nobody, nobody, err);
}

static bool reply(struct core *core, struct http_request *request, struct http_response *response, struct error *err) {
    struct notice_settings settings;
    TRY(notices_read(core, request->arena, &settings, err));
    struct json_writer w = json_writer_on(request->arena);
    notices_write(&w, &settings);
    reply_version(response, settings.version);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(notices_show) {
    TRY(ask_no_query(request, err) && may(request, MAY_READ_SETTINGS, err));
    return reply(context, request, response, err);
}

HANDLER(notices_change) {
    static const char *const members[] = {"webhooks", "rules", "reports", "version", NULL};
    const struct json *document;
    int64_t version;
    TRY(ask_document(request, members, &document, err) && ask_version(request, document, &version, err));
    TRY(notices_put(context, request->arena, actor_of(request), document, version, err));
    return reply(context, request, response, err);
}

HANDLER(notices_run) {
    TRY(ask_no_query(request, err) && may(request, MAY_MANAGE_SETTINGS, err));
    TRY(notices_look(context, request->arena, err));
    reply_nothing(response);
    return true;
}

static bool find(const struct http_request *request, const struct json *list, const char *kind, const struct json **ret,
                 struct error *err) {
    *ret = notices_find(list, request->parameters[0]);
    return *ret != NULL || fail(err, ERROR_NOT_FOUND, "not-found", "There is no %s \"%.60s\".", kind, request->parameters[0]);
}

HANDLER(notices_webhook_test) {
    static const struct notice test = {
        .occasion = "test", .text = "This is the test that was asked for.", .data = "{\"kind\":\"test\"}"};
    const struct notice *const notices[] = {&test};
    struct notice_settings settings;
    const struct json *webhook;
    TRY(ask_no_query(request, err) && may(request, MAY_MANAGE_SETTINGS, err));
    TRY(notices_read(context, request->arena, &settings, err));
    TRY(find(request, settings.webhooks, "webhook", &webhook, err));
    TRY(webhook_post(context, request->arena, webhook, "test", notices, 1, err));
    reply_nothing(response);
    return true;
}

HANDLER(notices_report_send) {
    struct notice_settings settings;
    const struct json *report;
    TRY(ask_no_query(request, err) && may(request, MAY_MANAGE_SETTINGS, err));
    TRY(notices_read(context, request->arena, &settings, err));
    TRY(find(request, settings.reports, "report", &report, err));
    TRY(report_send(context, request->arena, report, err));
    reply_nothing(response);
    return true;
}

static bool must_be_report(struct http_request *request, struct core *core, struct error *err) {
    struct notice_settings settings;
    const struct json *report;
    return notices_read(core, request->arena, &settings, err) && find(request, settings.reports, "report", &report, err);
}

/* What was made while the report was there stays to be read when it is not. */
HANDLER(notices_report_files) {
    struct kept_report *items = NULL;
    size_t count = 0;
    bool done = false;
    TRY(ask_no_query(request, err) && may(request, MAY_READ_CERTIFICATES, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = kept_report_list(tx.tx, request->arena, request->parameters[0], &items, &count, err);
    TRY(done && (count > 0 || must_be_report(request, context, err)));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "items");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        put_uuid(&w, "id", items[i].id);
        json_put_string(&w, "format", items[i].format);
        json_put_int(&w, "rows", items[i].rows);
        json_put_int(&w, "size", items[i].size);
        json_put_time(&w, "madeAt", items[i].made_us);
        json_put_time(&w, "keptUntil", items[i].until_us);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(notices_report_file) {
    struct kept_report kept;
    enum table_format format = TABLE_CSV;
    struct uuid id;
    bool done = false;
    TRY(ask_no_query(request, err) && may(request, MAY_READ_CERTIFICATES, err) && ask_id(request, 1, "file", &id, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = kept_report_get(tx.tx, request->arena, request->parameters[0], id, &kept, err);
    TRY(done);
    if (!table_format_read(kept.format, &format))
        return fail_internal(err, "a kept report is of the format %s", kept.format);
    reply_file(response, table_media_type(format), arena_printf(request->arena, "%s.%s", kept.report, kept.format), kept.content);
    return true;
}

/* clang-format off */
#define ROUTES(X) \
    X("GET", "/notices", NO_BODY, notices_show, "settings:read") \
    X("PUT", "/notices", LARGE, notices_change, "settings:manage") \
    X("POST", "/notices/run", NO_BODY, notices_run, "settings:manage") \
    X("POST", "/notices/webhooks/{}/test", NO_BODY, notices_webhook_test, "settings:manage") \
    X("POST", "/notices/reports/{}/send", NO_BODY, notices_report_send, "settings:manage") \
    X("GET", "/notices/reports/{}/files", NO_BODY, notices_report_files, "certificates:read") \
    X("GET", "/notices/reports/{}/files/{}", NO_BODY, notices_report_file, "certificates:read")
/* clang-format on */

#define ROUTE(method, path, limit, handler, permission)                                            \
    {method, API_BASE path, GATE_ACTOR, TLS, limit, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room notices_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

size_t notices_jobs(struct core *core, struct job *table) {
    table[0] = (struct job){.name = "notices", .every_us = EVERY_US, .run = notices_look, .context = core};
    table[1] = (struct job){.name = "reports", .every_us = EVERY_US, .run = reports_look, .context = core};
    return 2;
}
