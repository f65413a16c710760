/* Requests without a CSR, claim links, keys made here, renewal, comments. */
#include "api/handlers.h"
#include "api/request_parts.h"

#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/key_type.h"

#include <string.h>

void claim_link_write(struct json_writer *w, const struct claim_link *link) {
    json_name(w, "claim");
    if (link->secret == NULL) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    json_put_string(w, "secret", link->secret);
    json_put_string(w, "url", link->url);
    json_put_time(w, "expiresAt", link->expires_us);
    json_close_object(w);
}

static void reply_linked(struct http_request *request, struct http_response *response, bool created,
                         const struct request_record *record, const struct claim_link *link) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "request");
    request_write(&w, request->arena, record, NULL);
    claim_link_write(&w, link);
    json_close_object(&w);
    if (created)
        reply_created(
            response, &w,
            arena_printf(request->arena, "/requests/%s", uuid_text(request->arena, record->id)));
    else
        reply_json(response, 200, &w);
}

/* The certificate and its issuers, for who has no other way to them. */
static bool chain_of(struct core *core, struct arena *arena, const struct certificate_record *certificate,
                     const char **ret_pem, struct error *err) {
    struct buffer pem = buffer_on(arena);
    struct view *ders;
    size_t count;
    TRY(certificate_chain(core, arena, certificate, &ders, &count, err));
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&pem, certificate_pem(arena, ders[i]));
    *ret_pem = buffer_text(&pem);
    return true;
}

bool reply_keyed(struct core *core, struct http_request *request, struct http_response *response,
                 const struct request_record *record, const struct certificate_record *certificate,
                 struct view pkcs12, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    const char *chain;
    TRY(chain_of(core, request->arena, certificate, &chain, err));
    json_open_object(&w);
    json_name(&w, "request");
    request_write(&w, request->arena, record, certificate);
    json_put_string(&w, "pkcs12", pkcs12.len == 0 ? NULL : base64_encode(request->arena, pkcs12));
    json_put_string(&w, "chain", chain);
    json_close_object(&w);
    reply_created(
        response, &w,
        arena_printf(request->arena, "/requests/%s", uuid_text(request->arena, record->id)));
    return true;
}

bool read_made_key(const struct json *document, struct made_key *ret, bool *ret_given,
                   struct error *err) {
    const struct json *key = json_get(document, "key");
    const char *protection = "modern";
    *ret_given = key != NULL && key->type != JSON_NULL;
    if (!*ret_given)
        return true;
    TRY(key_type_from_json(key, &ret->key_type, err));
    TRY(ask_string(document, "password", &ret->password, err));
    TRY(json_string(document, "protection", &protection, err));
    return pkcs12_protection_from_name(protection, &ret->protection) ||
           fail(err, ERROR_POLICY, "pkcs12-protection",
                "The field \"protection\" is modern, compatible or legacy.");
}

static bool read_days(const struct json *document, int64_t *ret_days, struct error *err) {
    return json_int(document, "claimDays", 1, CLAIM_MAX_DAYS, ret_days, err);
}

HANDLER(requests_create_form) {
    static const char *const members[] = {"subject",  "sans",      "validityDays", "notBefore",
                                          "notAfter", "claimDays", "preApproved",  "email", NULL};
    static const char *const ours[] = {"claimDays", "preApproved", "email", NULL};
    const struct actor *actor = actor_of(request);
    struct form_order order = {.submission = {.template_slug = request->parameters[0],
                                              .door = actor->by_token ? "rest" : "console"}};
    const struct json *document;
    struct request_record record;
    struct claim_link link;
    const char *email;
    TRY(ask_document(request, members, &document, err));
    TRY(read_days(document, &order.claim_days, err));
    TRY(json_bool(document, "preApproved", &order.pre_approved, err));
    TRY(invitation_read(context, request->arena, document, &email, err));
    order.submission.proposal = ask_without(request->arena, document, ours);
    TRY(request_submit_form(context, request->arena, actor, &order, &record, &link, err));
    TRY(invitation_send(context, request->arena, &record, &link, email, err));
    reply_linked(request, response, true, &record, &link);
    return true;
}

HANDLER(requests_create_key) {
    static const char *const members[] = {"subject",    "sans",  "validityDays", "notBefore",
                                          "notAfter",   "issue", "key",          "password",
                                          "protection", "keep",  NULL};
    static const char *const ours[] = {"issue", "key", "password", "protection", "keep", NULL};
    const struct actor *actor = actor_of(request);
    struct submission submission = {.template_slug = request->parameters[0],
                                    .door = actor->by_token ? "rest" : "console"};
    const struct json *document;
    struct made_key key = {.keep = false};
    struct request_record record;
    struct certificate_record certificate;
    struct view pkcs12 = {NULL, 0};
    bool given;
    TRY(ask_document(request, members, &document, err));
    TRY(json_bool(document, "keep", &key.keep, err));
    TRY(json_bool(document, "issue", &submission.issue, err));
    TRY(read_made_key(document, &key, &given, err));
    if (!given)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"key\" is missing.");
    submission.proposal = ask_without(request->arena, document, ours);
    TRY(request_with_key(context, request->arena, actor, &submission, &key, &record, &certificate,
                         &pkcs12, err));
    return reply_keyed(context, request, response, &record, &certificate, pkcs12, err);
}

static bool linked(struct core *core, struct http_request *request, struct http_response *response,
                   bool (*act)(struct core *, struct arena *, const struct actor *, struct uuid,
                               int64_t, struct request_record *, struct claim_link *,
                               struct error *),
                   struct error *err) {
    static const char *const members[] = {"claimDays", "email", NULL};
    const struct json *document;
    struct request_record record;
    struct claim_link link;
    const char *email;
    struct uuid id;
    int64_t days = 0;
    TRY(ask_id(request, 0, "request", &id, err));
    TRY(ask_optional_document(request, members, &document, err));
    TRY(read_days(document, &days, err));
    TRY(invitation_read(core, request->arena, document, &email, err));
    TRY(act(core, request->arena, actor_of(request), id, days, &record, &link, err));
    TRY(invitation_send(core, request->arena, &record, &link, email, err));
    reply_linked(request, response, false, &record, &link);
    return true;
}

HANDLER(requests_approve) {
    return linked(context, request, response, request_approve, err);
}

HANDLER(requests_resend) {
    return linked(context, request, response, request_resend, err);
}

HANDLER(requests_move) {
    static const char *const members[] = {"template", NULL};
    const struct json *document;
    const char *template;
    struct request_record record;
    struct uuid id;
    TRY(ask_id(request, 0, "request", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "template", &template, err));
    TRY(request_change_template(context, request->arena, actor_of(request), id, template, &record,
                                err));
    struct json_writer w = json_writer_on(request->arena);
    request_write(&w, request->arena, &record, NULL);
    reply_json(response, 200, &w);
    return true;
}

static void write_comment(struct json_writer *w, const struct comment_record *comment) {
    json_open_object(w);
    put_uuid(w, "id", comment->id);
    json_put_string(w, "author", comment->author);
    json_put_string(w, "text", comment->text);
    json_put_time(w, "createdAt", comment->created_us);
    json_close_object(w);
}

HANDLER(requests_comments) {
    struct comment_record *items;
    struct uuid id;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "request", &id, err));
    TRY(request_comments(context, request->arena, actor_of(request), id, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_comment(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(requests_comment) {
    static const char *const members[] = {"text", NULL};
    const struct json *document;
    struct comment_record comment;
    const char *text;
    struct uuid id;
    TRY(ask_id(request, 0, "request", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "text", &text, err));
    TRY(request_comment(context, request->arena, actor_of(request), id, text, &comment, err));
    struct json_writer w = json_writer_on(request->arena);
    write_comment(&w, &comment);
    reply_created(
        response, &w,
        arena_printf(request->arena, "/requests/%s/comments", uuid_text(request->arena, id)));
    return true;
}

/* The secret travels in the body: paths are logged. */
HANDLER(claims_show) {
    static const char *const members[] = {"secret", NULL};
    const struct json *document;
    struct claim_offer offer;
    const char *secret;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "secret", &secret, err));
    TRY(claim_look(context, request->arena, secret, &offer, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "ca", offer.request.ca_slug);
    json_put_string(&w, "caName", offer.ca_name);
    json_put_string(&w, "template", offer.request.template_slug);
    json_put_string(&w, "templateName", offer.template_name);
    json_put_string(&w, "subject", offer.request.subject);
    put_joined(&w, request->arena, "sans", offer.request.sans);
    json_name(&w, "keys");
    json_open_array(&w);
    for (size_t i = 0; i < offer.keys.count; i++)
        json_add_string(&w, offer.keys.items[i]);
    json_close_array(&w);
    json_put_time(&w, "expiresAt", offer.expires_us);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(claims_create) {
    static const char *const members[] = {"secret", "csr", "key", "password", "protection", NULL};
    struct actor actor = {
        .name = "claim link", .address = request->address, .request_id = request->id};
    const struct json *document;
    const char *secret;
    struct made_key key = {.keep = false};
    struct request_record record;
    struct certificate_record certificate;
    struct view csr, pkcs12 = {NULL, 0};
    bool given;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "secret", &secret, err));
    TRY(read_made_key(document, &key, &given, err));
    if (given) {
        TRY(claim_with_key(context, request->arena, &actor, secret, &key, &record, &certificate,
                           &pkcs12, err));
    } else {
        TRY(read_csr(request->arena, document, &csr, err));
        TRY(claim_deliver(context, request->arena, &actor, secret, csr, &record, &certificate,
                          err));
    }
    return reply_keyed(context, request, response, &record, &certificate, pkcs12, err);
}

HANDLER(certificates_renew) {
    static const char *const members[] = {"csr", "keepEnd", "issue", NULL};
    const struct actor *actor = actor_of(request);
    struct renewal_order order = {.door = actor->by_token ? "rest" : "console"};
    const struct json *document;
    struct request_record record;
    struct certificate_record certificate = {0};
    TRY(ask_id(request, 0, "certificate", &order.certificate_id, err));
    TRY(ask_optional_document(request, members, &document, err));
    TRY(json_bool(document, "keepEnd", &order.keep_end, err) &&
        json_bool(document, "issue", &order.issue, err));
    if (json_get(document, "csr") != NULL)
        TRY(read_csr(request->arena, document, &order.csr, err));
    TRY(certificate_renew(context, request->arena, actor, &order, &record, &certificate, err));
    struct json_writer w = json_writer_on(request->arena);
    request_write(&w, request->arena, &record, &certificate);
    reply_created(
        response, &w,
        arena_printf(request->arena, "/requests/%s", uuid_text(request->arena, record.id)));
    return true;
}
