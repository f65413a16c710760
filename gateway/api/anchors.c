/* Trust anchors of a template: whose devices may enrol with certificates from elsewhere. */
#include "api/handlers.h"
#include "ca/anchors.h"

static void write_members(struct json_writer *w, struct arena *arena,
                          const struct anchor_record *anchor) {
    put_uuid(w, "id", anchor->id);
    json_put_string(w, "name", anchor->name);
    json_put_string(w, "role", anchor_role_name(anchor->role));
    json_put_string(w, "subject", anchor->subject);
    put_hex(w, arena, "fingerprintSha256", view_of(anchor->fingerprint_sha256, 32));
    json_put_time(w, "notAfter", anchor->not_after_us);
    json_put_string(w, "crlCheck", anchor_crl_check_name(anchor->crl_check));
    put_document(w, arena, "crlUrls", anchor->crl_urls);
    json_put_string(w, "pem", certificate_pem(arena, anchor->certificate));
    json_put_time(w, "createdAt", anchor->created_us);
}

static void write_crl(struct json_writer *w, const struct anchor_crl_record *crl) {
    json_open_object(w);
    json_put_string(w, "issuer", crl->issuer);
    json_put_time(w, "thisUpdate", crl->this_update_us);
    put_time_or_null(w, "nextUpdate", crl->next_update_us);
    json_put_time(w, "storedAt", crl->stored_us);
    json_close_object(w);
}

HANDLER(anchors_list) {
    struct anchor_record *items;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(anchor_all(context, request->arena, actor_of(request), request->parameters[0], &items, &count,
                   err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        write_members(&w, request->arena, &items[i]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

static bool read_order(const struct http_request *request, struct anchor_order *ret, struct error *err) {
    static const char *const members[] = {"certificate", "role", "name", "crlCheck", "crlUrls", NULL};
    const struct json *body;
    const char *pem, *role = "device", *check = "ifAvailable";
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "certificate", &pem, err));
    TRY(json_string(body, "role", &role, err));
    TRY(json_string(body, "crlCheck", &check, err));
    TRY(json_string(body, "name", &ret->name, err));
    TRY(ask_strings(request->arena, body, "crlUrls", ANCHOR_CRL_URLS_MAX, &ret->crl_urls,
                    &ret->crl_url_count, err));
    ret->certificate = view_text(pem);
    ret->role = anchor_role_from_name(role);
    if (ret->role == 0)
        return fail(err, ERROR_MALFORMED, "unknown-choice",
                    "\"role\" is \"device\" or \"ra\", not \"%.40s\".", role);
    if (!anchor_crl_check_from_name(check, &ret->crl_check))
        return fail(err, ERROR_MALFORMED, "unknown-choice",
                    "\"crlCheck\" is \"none\", \"ifAvailable\" or \"required\", not \"%.40s\".", check);
    return true;
}

HANDLER(anchors_create) {
    struct anchor_order order = {0};
    struct anchor_record anchor;
    TRY(read_order(request, &order, err));
    TRY(anchor_create(context, request->arena, actor_of(request), request->parameters[0], &order, &anchor,
                      err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    write_members(&w, request->arena, &anchor);
    json_close_object(&w);
    reply_created(response, &w,
                  arena_printf(request->arena, "/templates/%s/anchors/%s", request->parameters[0],
                               uuid_text(request->arena, anchor.id)));
    return true;
}

HANDLER(anchors_get) {
    struct uuid id;
    struct anchor_record anchor;
    struct anchor_crl_record *crls;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "trust anchor", &id, err));
    TRY(anchor_get(context, request->arena, actor_of(request), request->parameters[0], id, &anchor, &crls,
                   &count, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    write_members(&w, request->arena, &anchor);
    json_name(&w, "crls");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++)
        write_crl(&w, &crls[i]);
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(anchors_remove) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "trust anchor", &id, err));
    TRY(anchor_remove(context, request->arena, actor_of(request), request->parameters[0], id, err));
    reply_nothing(response);
    return true;
}

HANDLER(anchors_crl) {
    static const char *const members[] = {"crl", NULL};
    const struct json *body;
    const char *pem;
    struct uuid id;
    struct anchor_crl_record crl;
    TRY(ask_id(request, 1, "trust anchor", &id, err));
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "crl", &pem, err));
    TRY(anchor_put_crl(context, request->arena, actor_of(request), request->parameters[0], id,
                       view_text(pem), &crl, err));
    struct json_writer w = json_writer_on(request->arena);
    write_crl(&w, &crl);
    reply_json(response, 200, &w);
    return true;
}
