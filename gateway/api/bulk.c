/* Acts on many certificates as jobs: asking, looking, cancelling, and the file of an export. */
#include "api/bulk.h"

#include <string.h>

static const char *state_name(enum bulk_state state) {
    static const char *const names[] = {[BULK_COUNTING] = "counting",
                                        [BULK_RUNNING] = "running",
                                        [BULK_DONE] = "done",
                                        [BULK_CANCELLED] = "cancelled",
                                        [BULK_FAILED] = "failed"};
    return names[state];
}

static bool is_export(const struct bulk_job *job) {
    return strcmp(job->action, "export") == 0;
}

static void write_problem(struct json_writer *w, const struct http_request *request, const struct error *problem) {
    if (problem->kind == ERROR_NONE)
        json_put_null(w, "problem");
    else
        put_problem(w, request, "problem", problem);
}

static void write_job(struct json_writer *w, const struct http_request *request, const struct bulk_job *job) {
    struct arena *arena = request->arena;
    const char *id = uuid_text(arena, job->id);
    json_open_object(w);
    json_put_string(w, "id", id);
    json_put_string(w, "action", job->action);
    put_document(w, arena, "details", job->document);
    put_text_or_null(w, "filter", job->filter);
    json_put_string(w, "state", state_name(job->state));
    json_put_int(w, "count", job->expected);
    json_put_int(w, "listed", job->total);
    json_put_int(w, "done", job->position - job->failed);
    json_put_int(w, "refused", job->failed);
    json_put_string(w, "user", job->user_name);
    put_time_or_null(w, "createdAt", job->created_us);
    put_time_or_null(w, "changedAt", job->changed_us);
    put_time_or_null(w, "finishedAt", job->finished_us);
    put_text_or_null(w, "file",
                     is_export(job) && job->state == BULK_DONE
                         ? arena_printf(arena, API_BASE "/certificate-jobs/%s/file", id)
                         : NULL);
    write_problem(w, request, &job->problem);
    json_close_object(w);
}

static void reply_job(struct http_request *request, struct http_response *response, const struct bulk_job *job) {
    struct json_writer w = json_writer_on(request->arena);
    write_job(&w, request, job);
    reply_json(response, 200, &w);
}

/* --- asking ------------------------------------------------------------------------------------------- */

static bool read_ids(struct http_request *request, const struct json *document, struct bulk_order *order,
                     struct error *err) {
    const char *const *texts = NULL;
    TRY(ask_strings(request->arena, document, "ids", BULK_MAX_IDS, &texts, &order->id_count, err));
    struct uuid *ids = arena_array(request->arena, order->id_count + 1, sizeof *ids);
    for (size_t i = 0; i < order->id_count; i++)
        if (!uuid_parse(texts[i], &ids[i]))
            return fail(err, ERROR_NOT_FOUND, "not-found", "There is no certificate with the id \"%.60s\".", texts[i]);
    order->ids = texts == NULL ? NULL : ids;
    return true;
}

/* The filter is read now, so that who asks is told what is wrong with it. */
static bool check_filter(struct core *core, struct http_request *request, const struct bulk_order *order,
                         struct error *err) {
    struct certificate_filter filter;
    const char *ca = NULL;
    return certificate_filter_parse(core, request, order->filter, &ca, &filter, err);
}

static bool read_targets(struct core *core, struct http_request *request, const struct json *document,
                         struct bulk_order *order, struct error *err) {
    order->expected = -1;
    TRY(json_string(document, "filter", &order->filter, err) &&
        json_int(document, "count", 0, BULK_MAX_ITEMS, &order->expected, err));
    TRY(read_ids(request, document, order, err));
    if ((order->filter == NULL) == (order->ids == NULL) || (order->filter != NULL && order->expected < 0))
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "Give either \"ids\", or \"filter\" with the \"count\" that GET certificates/count said.");
    return order->filter == NULL || check_filter(core, request, order, err);
}

/* Whether it can be, and whether the caller may do that to any certificate at all; to which, each item tells. */
static bool check_act(struct http_request *request, const struct json *document, struct bulk_order *order,
                      struct error *err) {
    enum export_format format;
    struct certificate_act act;
    TRY(ask_string(document, "action", &order->action, err));
    if (strcmp(order->action, "export") == 0)
        return export_format_read(document, &format, err);
    TRY(certificate_act_read(document, &act, err));
    return ask_permission(request, permission_name(act.action == ACT_EDIT ? MAY_EDIT_CERTIFICATES : MAY_REVOKE), err);
}

HANDLER(certificate_jobs_create) {
    static const char *const members[] = {"action",         "format", "ids",  "filter",  "count",      "reason",
                                          "invalidityDate", "owner",  "tags", "addTags", "removeTags", "fields",
                                          NULL};
    static const char *const targets[] = {"action", "ids", "filter", "count", NULL};
    const struct json *document;
    struct bulk_order order = {0};
    struct bulk_job job;
    TRY(ask_document(request, members, &document, err));
    TRY(check_act(request, document, &order, err));
    TRY(read_targets(context, request, document, &order, err));
    const struct json *rest = ask_without(request->arena, document, targets);
    struct json_writer kept = json_writer_on(request->arena);
    if (rest != NULL)
        json_add_value(&kept, rest);
    order.document = rest == NULL ? "{}" : json_written(&kept);
    TRY(bulk_start(context, request->arena, actor_of(request), &order, &job, err));
    struct json_writer w = json_writer_on(request->arena);
    write_job(&w, request, &job);
    reply_created(response, &w, arena_printf(request->arena, "/certificate-jobs/%s", uuid_text(request->arena, job.id)));
    return true;
}

/* --- looking ------------------------------------------------------------------------------------------ */

HANDLER(certificate_jobs_list) {
    static const char *const names[] = {NULL};
    struct page page;
    struct bulk_job *items;
    const char *next;
    size_t count;
    TRY(ask_page(request, names, &page, err));
    TRY(bulk_page(context, request->arena, actor_of(request), &page, &items, &count, &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_job(&w, request, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(certificate_jobs_get) {
    struct bulk_job job;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "job", &id, err));
    TRY(bulk_get(context, request->arena, actor_of(request), id, &job, err));
    reply_job(request, response, &job);
    return true;
}

static const char *const outcomes[] = {[BULK_WAITS] = "waiting", [BULK_OK] = "done", [BULK_REFUSED] = "refused"};

static bool read_outcome(const struct http_request *request, int *ret_outcome, struct error *err) {
    const char *text = http_query(request, "outcome");
    *ret_outcome = -1;
    if (text == NULL)
        return true;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(text, outcomes[i]) == 0)
            *ret_outcome = (int)i;
    return *ret_outcome >= 0 || fail(err, ERROR_MALFORMED, "bad-query",
                                     "The query parameter \"outcome\" is waiting, done or refused.");
}

HANDLER(certificate_jobs_items) {
    static const char *const names[] = {"outcome", NULL};
    struct page page;
    struct bulk_item *items;
    struct uuid id;
    const char *next;
    size_t count;
    int outcome;
    TRY(ask_page(request, names, &page, err));
    TRY(read_outcome(request, &outcome, err));
    TRY(ask_id(request, 0, "job", &id, err));
    TRY(bulk_results(context, request->arena, actor_of(request), id, outcome, &page, &items, &count, &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        put_uuid(&w, "certificate", items[i].certificate_id);
        json_put_string(&w, "outcome", outcomes[items[i].outcome]);
        write_problem(&w, request, &items[i].problem);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(certificate_jobs_cancel) {
    struct bulk_job job;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "job", &id, err));
    TRY(bulk_cancel(context, request->arena, actor_of(request), id, &job, err));
    reply_job(request, response, &job);
    return true;
}

HANDLER(certificate_jobs_file) {
    struct bulk_job job;
    const struct json *document;
    enum export_format format;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "job", &id, err));
    TRY(bulk_get(context, request->arena, actor_of(request), id, &job, err));
    if (!is_export(&job) || job.state != BULK_DONE)
        return fail(err, ERROR_CONFLICT, "no-job-file",
                    "The job is no export that is done; the file is there when its state is \"done\".");
    TRY(json_parse(request->arena, view_text(job.document), &document, err));
    return export_format_read(document, &format, err) && export_stream(context, request, response, &job, format, err);
}
