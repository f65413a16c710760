/* What becomes of a request: signed, declined, cancelled; one or many. */
#include "api/api.h"
#include "api/handlers.h"
#include "api/request_parts.h"

#include <string.h>

#define MAX_BATCH 100

struct decision {
    bool (*decide)(struct core *core, struct http_request *request, struct uuid id,
                   const struct decision *decision, struct request_record *ret_request,
                   struct certificate_record *ret_certificate, struct error *err);
    const struct json *overrides; /* sign */
    const char *reason;           /* decline, cancel */
    const char *template;         /* move */
    struct claim_link *link;      /* approve: filled */
};

static bool sign(struct core *core, struct http_request *request, struct uuid id,
                 const struct decision *decision, struct request_record *ret_request,
                 struct certificate_record *ret_certificate, struct error *err) {
    return request_sign(core, request->arena, actor_of(request), id, decision->overrides,
                        ret_request, ret_certificate, err);
}

static bool decline(struct core *core, struct http_request *request, struct uuid id,
                    const struct decision *decision, struct request_record *ret_request,
                    struct certificate_record *ret_certificate, struct error *err) {
    (void)ret_certificate;
    return request_decline(core, request->arena, actor_of(request), id, decision->reason,
                           ret_request, err);
}

static bool cancel(struct core *core, struct http_request *request, struct uuid id,
                   const struct decision *decision, struct request_record *ret_request,
                   struct certificate_record *ret_certificate, struct error *err) {
    (void)ret_certificate;
    return request_cancel(core, request->arena, actor_of(request), id, decision->reason,
                          ret_request, err);
}

static bool approve(struct core *core, struct http_request *request, struct uuid id,
                    const struct decision *decision, struct request_record *ret_request,
                    struct certificate_record *ret_certificate, struct error *err) {
    (void)ret_certificate;
    return request_approve(core, request->arena, actor_of(request), id, 0, ret_request,
                           decision->link, err);
}

static bool move(struct core *core, struct http_request *request, struct uuid id,
                 const struct decision *decision, struct request_record *ret_request,
                 struct certificate_record *ret_certificate, struct error *err) {
    (void)ret_certificate;
    return request_change_template(core, request->arena, actor_of(request), id, decision->template,
                                   ret_request, err);
}

static bool decide_one(struct core *core, struct http_request *request,
                       struct http_response *response, const struct decision *decision,
                       struct error *err) {
    struct uuid id;
    struct request_record record;
    struct certificate_record certificate = {0};
    TRY(ask_id(request, 0, "request", &id, err));
    TRY(decision->decide(core, request, id, decision, &record, &certificate, err));
    struct json_writer w = json_writer_on(request->arena);
    request_write(&w, request->arena, &record, &certificate);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(requests_sign) {
    static const char *const members[] = {"subject",   "sans",     "validityDays",
                                          "notBefore", "notAfter", NULL};
    const struct json *document;
    struct decision decision = {.decide = sign};
    TRY(ask_optional_document(request, members, &document, err));
    decision.overrides = ask_without(request->arena, document, &members[5]);
    return decide_one(context, request, response, &decision, err);
}

static bool read_reason(struct http_request *request, struct decision *decision,
                        struct error *err) {
    static const char *const members[] = {"reason", NULL};
    const struct json *document;
    TRY(ask_optional_document(request, members, &document, err));
    decision->reason = "";
    return json_string(document, "reason", &decision->reason, err);
}

HANDLER(requests_decline) {
    struct decision decision = {.decide = decline};
    TRY(read_reason(request, &decision, err));
    return decide_one(context, request, response, &decision, err);
}

HANDLER(requests_cancel) {
    struct decision decision = {.decide = cancel};
    TRY(read_reason(request, &decision, err));
    return decide_one(context, request, response, &decision, err);
}

static bool read_action(const struct json *document, struct decision *decision, struct error *err) {
    const char *action;
    TRY(ask_string(document, "action", &action, err));
    decision->reason = "";
    TRY(json_string(document, "reason", &decision->reason, err));
    decision->decide = strcmp(action, "sign") == 0      ? sign
                       : strcmp(action, "decline") == 0 ? decline
                       : strcmp(action, "cancel") == 0  ? cancel
                       : strcmp(action, "approve") == 0 ? approve
                       : strcmp(action, "move") == 0    ? move
                                                        : NULL;
    if (decision->decide == NULL)
        return fail(err, ERROR_POLICY, "bad-action",
                    "The field \"action\" is sign, decline, cancel, approve or move, not \"%.40s\".",
                    action);
    return decision->decide != move || ask_string(document, "template", &decision->template, err);
}

/* One item of the answer: the request as it stands now, or the problem that this one had. */
static void decide_item(struct core *core, struct http_request *request, const char *text,
                        struct decision *decision, struct json_writer *w) {
    struct request_record record;
    struct claim_link link = {.secret = NULL};
    struct certificate_record certificate = {0};
    struct uuid id;
    struct error err = {0};
    decision->link = &link;
    bool ok = uuid_parse(text, &id) || fail(&err, ERROR_NOT_FOUND, "not-found",
                                            "There is no request with the id \"%.60s\".", text);
    ok = ok && decision->decide(core, request, id, decision, &record, &certificate, &err);
    if (!ok)
        api_refused(core, request, &err);
    json_open_object(w);
    json_put_string(w, "id", text);
    json_put_bool(w, "ok", ok);
    json_name(w, "request");
    if (ok)
        request_write(w, request->arena, &record, &certificate);
    else
        json_add_null(w);
    if (link.secret != NULL)
        claim_link_write(w, &link);
    if (ok)
        json_put_null(w, "problem");
    else
        put_problem(w, request, "problem", &err);
    json_close_object(w);
}

HANDLER(requests_batch) {
    static const char *const members[] = {"action", "ids", "reason", "template", NULL};
    const struct json *document;
    struct decision decision = {0};
    const char *const *ids = NULL;
    size_t count = 0;
    TRY(ask_document(request, members, &document, err));
    TRY(read_action(document, &decision, err));
    TRY(ask_strings(request->arena, document, "ids", MAX_BATCH, &ids, &count, err));
    if (count == 0)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"ids\" names no request.");
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        decide_item(context, request, ids[i], &decision, &w);
    reply_list(request, response, &w, NULL);
    return true;
}
