/* Requests: made, listed, read. What is decided about them is in decisions.c. */
#include "api/handlers.h"
#include "api/request_parts.h"

#include "base/encode.h"
#include "x509/csr.h"

#include <string.h>

static void write_summary(struct json_writer *w, struct arena *arena,
                          const struct request_record *request) {
    put_uuid(w, "id", request->id);
    json_put_string(w, "ca", request->ca_slug);
    json_put_string(w, "template", request->template_slug);
    json_put_int(w, "templateVersion", request->template_version);
    json_put_string(w, "state", request_state_name(request->state));
    json_put_string(w, "door", request->door);
    json_put_string(w, "subject", request->subject);
    put_joined(w, arena, "sans", request->sans);
    json_put_string(w, "keyType", request->key_type);
    put_text_or_null(w, "requester", request->requester);
    put_uuid(w, "approver", request->approver_id);
    put_text_or_null(w, "reason", request->reason);
    put_uuid(w, "certificateId", request->certificate_id);
    json_put_time(w, "createdAt", request->created_us);
    json_put_time(w, "changedAt", request->changed_us);
}

void request_write(struct json_writer *w, struct arena *arena, const struct request_record *request,
                   const struct certificate_record *certificate) {
    json_open_object(w);
    write_summary(w, arena, request);
    put_document(w, arena, "proposal", request->proposal);
    put_document(w, arena, "notes", request->notes == NULL ? "[]" : request->notes);
    json_put_string(w, "csr",
                    request->csr.len == 0 ? NULL
                                          : pem_encode(arena, "CERTIFICATE REQUEST", request->csr));
    json_name(w, "certificate");
    if (certificate == NULL || uuid_is_nil(certificate->id)) {
        json_add_null(w);
    } else {
        json_open_object(w);
        certificate_write(w, arena, certificate);
        json_close_object(w);
    }
    json_close_object(w);
}

/* PEM as it is, anything else as base64 of DER. */
bool read_csr(struct arena *arena, const struct json *document, struct view *ret_csr,
                     struct error *err) {
    const char *text;
    TRY(ask_string(document, "csr", &text, err));
    *ret_csr = view_text(text);
    if (strstr(text, "-----BEGIN ") != NULL || base64_decode(arena, view_text(text), ret_csr))
        return true;
    return fail(err, ERROR_MALFORMED, "malformed-csr",
                "The field \"csr\" is neither PEM nor base64 of DER (RFC 2986).");
}

bool ask_public_key(struct arena *arena, const char *pem, struct view *ret_spki, struct error *err) {
    return pem_decode(arena, view_text(pem), "PUBLIC KEY", ret_spki) ||
           fail(err, ERROR_MALFORMED, "malformed-key",
                "The field \"publicKey\" is no PEM block \"PUBLIC KEY\" (RFC 7468).");
}

/* A request without a signature for a bare public key: for keys that cannot sign, which answered a challenge or come
 * under templates that ask for no proof. */
static bool wrap_public_key(struct arena *arena, const char *pem, struct view *ret_csr,
                            struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    AUTO(X509_NAME) *empty = X509_NAME_new();
    struct view der;
    TRY(ask_public_key(arena, pem, &der, err));
    TRY(key_from_spki(der, &key, err));
    return csr_unsigned(arena, empty, NULL, NULL, key, ret_csr, err);
}

bool ask_csr(struct arena *arena, const struct json *document, struct view *ret_csr,
             struct error *err) {
    const char *key = NULL;
    TRY(json_string(document, "publicKey", &key, err));
    if (key == NULL)
        return read_csr(arena, document, ret_csr, err);
    if (json_get(document, "csr") != NULL)
        return fail(err, ERROR_MALFORMED, "malformed-csr",
                    "Give either \"csr\" or \"publicKey\", not both.");
    return wrap_public_key(arena, key, ret_csr, err);
}

/* The certification request itself as the body; ?issue=true beside it. */
static bool read_bare(struct http_request *request, struct submission *submission,
                      struct error *err) {
    static const char *const names[] = {"issue", NULL};
    TRY(ask_query(request, names, err));
    const char *issue = http_query(request, "issue");
    submission->issue = issue != NULL && strcmp(issue, "true") == 0;
    if (issue != NULL && !submission->issue && strcmp(issue, "false") != 0)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"issue\" is true or false.");
    submission->csr = request->body;
    return true;
}

static bool read_submission(struct http_request *request, struct submission *submission,
                            struct error *err) {
    static const char *const members[] = {"csr",      "publicKey", "subject",   "sans",
                                          "validityDays", "notBefore", "notAfter",  "variables",
                                          "extensions",   "issue",     "keyProof",  NULL};
    static const char *const ours[] = {"csr", "publicKey", "issue", "keyProof", NULL};
    const struct json *document;
    if (strcmp(ask_media_type(request), "application/pkcs10") == 0) /* rfc5967 */
        return read_bare(request, submission, err);
    TRY(ask_document(request, members, &document, err));
    TRY(ask_csr(request->arena, document, &submission->csr, err));
    TRY(json_bool(document, "issue", &submission->issue, err));
    TRY(ask_key_proof(request->arena, document, &submission->key_proof, err));
    submission->proposal = ask_without(request->arena, document, ours);
    return true;
}

HANDLER(requests_create) {
    const struct actor *actor = actor_of(request);
    struct submission submission = {.template_slug = request->parameters[0],
                                    .door = actor->by_token ? "rest" : "console"};
    struct request_record record;
    struct certificate_record certificate = {0};
    TRY(read_submission(request, &submission, err));
    TRY(request_submit(context, request->arena, actor, &submission, &record, &certificate, err));
    struct json_writer w = json_writer_on(request->arena);
    request_write(&w, request->arena, &record, &certificate);
    reply_created(
        response, &w,
        arena_printf(request->arena, "/requests/%s", uuid_text(request->arena, record.id)));
    return true;
}

static bool read_state(struct http_request *request, enum request_state *ret, struct error *err) {
    const char *wanted = http_query(request, "state");
    *ret = wanted == NULL ? (enum request_state)0 : request_state_from_name(wanted);
    return wanted == NULL || *ret != 0 ||
           fail(err, ERROR_MALFORMED, "bad-query",
                "The query parameter \"state\" is pending, approved, issued, declined, "
                "cancelled, awaiting-csr or expired.");
}

static bool read_mine(struct http_request *request, struct page *page, struct error *err) {
    const char *mine = http_query(request, "mine");
    page->mine = mine != NULL && strcmp(mine, "true") == 0;
    return mine == NULL || page->mine || strcmp(mine, "false") == 0 ||
           fail(err, ERROR_MALFORMED, "bad-query", "The query parameter \"mine\" is true or false.");
}

static bool list(struct core *core, struct http_request *request, struct http_response *response,
                 const char *ca, struct error *err) {
    static const char *const filters[] = {"state", "organisation", "sort", "mine", NULL};
    struct page page;
    struct request_record *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    enum request_state state;
    TRY(ask_page(request, filters, &page, err) && ask_direction(request, "createdAt", &page, err));
    TRY(read_mine(request, &page, err));
    TRY(read_state(request, &state, err) && ask_organisation(core, request, err));
    TRY(request_page(core, request->arena, actor_of(request), ca, state, &page, &items, &count,
                     &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        write_summary(&w, request->arena, &items[i]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(requests_list) {
    return list(context, request, response, NULL, err);
}

HANDLER(requests_of_ca) {
    return list(context, request, response, request->parameters[0], err);
}

#define COUNT_MOST 100000
HANDLER(requests_count) {
    static const char *const filters[] = {"ca", "state", "organisation", NULL};
    enum request_state state;
    size_t count = 0;
    TRY(ask_query(request, filters, err));
    TRY(read_state(request, &state, err) && ask_organisation(context, request, err));
    TRY(request_count_all(context, request->arena, actor_of(request), http_query(request, "ca"), state,
                          COUNT_MOST, &count, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "count", count > COUNT_MOST ? COUNT_MOST : (int64_t)count);
    json_put_bool(&w, "more", count > COUNT_MOST);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* The certificate of an issued request, for who may read it. */
static bool find_certificate(struct core *core, struct http_request *request,
                             const struct request_record *record,
                             struct certificate_record *ret_certificate, struct error *err) {
    struct error why = {0};
    if (uuid_is_nil(record->certificate_id) ||
        certificate_get(core, request->arena, actor_of(request), record->certificate_id,
                        ret_certificate, &why))
        return true;
    if (why.kind == ERROR_NOT_FOUND || why.kind == ERROR_FORBIDDEN)
        return true;
    *err = why;
    return false;
}

HANDLER(requests_get) {
    struct uuid id;
    struct request_record record;
    struct certificate_record certificate = {0};
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "request", &id, err));
    TRY(request_get(context, request->arena, actor_of(request), id, &record, err));
    TRY(find_certificate(context, request, &record, &certificate, err));
    struct json_writer w = json_writer_on(request->arena);
    request_write(&w, request->arena, &record, &certificate);
    reply_json(response, 200, &w);
    return true;
}
