/* Many certificates at once, each by itself: those that are ticked, or all that a filter finds. More of them, and in the
 * background: bulk.c. */
#include "api/api.h"
#include "api/bulk.h"
#include "x509/crl.h"

#include <inttypes.h>
#include <string.h>

#define MAX_BATCH 500

static bool read_reason(const struct json *document, struct certificate_act *act, struct error *err) {
    const char *reason = "unspecified";
    TRY(json_string(document, "reason", &reason, err));
    TRY(ask_time(document, "invalidityDate", &act->invalidity_us, err));
    act->reason = reason_from_name(reason);
    return act->reason >= 0 || fail(err, ERROR_POLICY, "revocation-reason",
                                    "The reason \"%.40s\" is none of RFC 5280's.", reason);
}

static bool read_edit(const struct json *document, struct certificate_act *act, struct error *err) {
    return json_string(document, "owner", &act->edit.owner, err) &&
           json_array(document, "tags", &act->edit.tags, err) &&
           json_array(document, "addTags", &act->edit.add_tags, err) &&
           json_array(document, "removeTags", &act->edit.remove_tags, err) &&
           json_object(document, "fields", &act->edit.fields, err);
}

bool certificate_act_read(const struct json *document, struct certificate_act *ret, struct error *err) {
    static const bool yes = true, no = false;
    const char *action;
    TRY(ask_string(document, "action", &action, err));
    *ret = (struct certificate_act){.action = ACT_EDIT, .edit = {.revision = -1}};
    if (strcmp(action, "revoke") == 0) {
        ret->action = ACT_REVOKE;
        return read_reason(document, ret, err);
    }
    if (strcmp(action, "hold") == 0) {
        ret->action = ACT_REVOKE;
        ret->reason = REASON_CERTIFICATE_HOLD;
        return true;
    }
    if (strcmp(action, "unhold") == 0) {
        ret->action = ACT_UNHOLD;
        return true;
    }
    if (strcmp(action, "archive") == 0 || strcmp(action, "restore") == 0) {
        ret->edit.archived = action[0] == 'a' ? &yes : &no;
        return true;
    }
    if (strcmp(action, "edit") == 0)
        return read_edit(document, ret, err);
    return fail(
        err, ERROR_POLICY, "bad-action",
        "The field \"action\" is revoke, hold, unhold, archive, restore or edit, not \"%.40s\".",
        action);
}

static bool act(struct core *core, struct http_request *request, struct uuid id,
                const struct certificate_act *act, struct certificate_record *ret, struct error *err) {
    struct arena *arena = request->arena;
    const struct actor *actor = actor_of(request);
    if (act->action == ACT_REVOKE)
        return certificate_revoke(core, arena, actor, id, act->reason, act->invalidity_us, ret, err);
    if (act->action == ACT_UNHOLD)
        return certificate_unhold(core, arena, actor, id, ret, err);
    return certificate_edit(core, arena, actor, id, &act->edit, ret, err);
}

/* One item of the answer: the certificate as it stands now, or the problem that this one had. */
static void act_on(struct core *core, struct http_request *request, const char *text,
                   const struct certificate_act *what, struct json_writer *w) {
    struct certificate_record certificate;
    struct uuid id;
    struct error err = {0};
    bool ok = uuid_parse(text, &id) || fail(&err, ERROR_NOT_FOUND, "not-found",
                                            "There is no certificate with the id \"%.60s\".", text);
    ok = ok && act(core, request, id, what, &certificate, &err);
    if (!ok)
        api_refused(core, request, &err);
    json_open_object(w);
    json_put_string(w, "id", text);
    json_put_bool(w, "ok", ok);
    json_name(w, "certificate");
    if (ok) {
        certificate.der.len = 0; /* what has changed is in the other members */
        json_open_object(w);
        certificate_write(w, request->arena, &certificate);
        json_close_object(w);
        json_put_null(w, "problem");
    } else {
        json_add_null(w);
        put_problem(w, request, "problem", &err);
    }
    json_close_object(w);
}

/* The filter must find as many as the person was told: somebody looked before this is done to them.
 */
static bool find_all(struct core *core, struct http_request *request, const char *filter_text,
                     int64_t expected, const char ***ret_ids, size_t *ret_count,
                     struct error *err) {
    struct certificate_filter filter;
    struct certificate_record *items;
    const char *ca = NULL;
    size_t count;
    TRY(certificate_filter_parse(core, request, filter_text, &ca, &filter, err));
    TRY(certificate_collect(core, request, ca, &filter, MAX_BATCH, &items, &count, err));
    if ((int64_t)count != expected)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The filter finds %zu certificates, not %" PRId64
                    "; look at them again. Nothing was changed.",
                    count, expected);
    const char **ids = arena_array(request->arena, count + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = uuid_text(request->arena, items[i].id);
    *ret_ids = ids;
    *ret_count = count;
    return true;
}

static bool read_targets(struct core *core, struct http_request *request,
                         const struct json *document, const char ***ret_ids, size_t *ret_count,
                         struct error *err) {
    const char *filter = NULL;
    const char *const *ids = NULL;
    int64_t expected = -1;
    TRY(json_string(document, "filter", &filter, err) &&
        json_int(document, "count", 0, MAX_BATCH, &expected, err) &&
        ask_strings(request->arena, document, "ids", MAX_BATCH, &ids, ret_count, err));
    if ((filter == NULL) == (ids == NULL) || (filter != NULL && expected < 0))
        return fail(
            err, ERROR_MALFORMED, "missing-field",
            "Give either \"ids\", or \"filter\" with the \"count\" that GET certificates/count "
            "said.");
    if (filter != NULL)
        return find_all(core, request, filter, expected, ret_ids, ret_count, err);
    *ret_ids = (const char **)(uintptr_t)ids;
    return true;
}

HANDLER(certificates_batch) {
    static const char *const members[] = {
        "action", "ids",  "filter",  "count",      "reason", "invalidityDate",
        "owner",  "tags", "addTags", "removeTags", "fields", NULL};
    const struct json *document;
    struct certificate_act what;
    const char **ids = NULL;
    size_t count = 0;
    TRY(ask_document(request, members, &document, err));
    TRY(certificate_act_read(document, &what, err));
    TRY(read_targets(context, request, document, &ids, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        act_on(context, request, ids[i], &what, &w);
    reply_list(request, response, &w, NULL);
    return true;
}
