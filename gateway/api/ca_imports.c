/* CAs that come from elsewhere: keys, certificates, history, lists. */
#include "api/handlers.h"

#include "base/encode.h"
#include "ca/authority_profile.h"
#include "ca/status.h"

#include <openssl/crypto.h>
#include <string.h>

/* PEM as it is, else base64 of DER. */
static bool bytes_of(struct arena *arena, const char *name, const char *text, struct view *ret,
                     struct error *err) {
    if (strstr(text, "-----BEGIN") != NULL) {
        *ret = view_text(text);
        return true;
    }
    return base64_decode(arena, view_text(text), ret) ||
           fail(err, ERROR_MALFORMED, "bad-encoding", "The field \"%s\" is neither PEM nor base64 of DER.",
                name);
}

bool ask_bytes(struct arena *arena, const struct json *document, const char *name, struct view *ret,
               struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    return text == NULL || text[0] == '\0' || bytes_of(arena, name, text, ret, err);
}

static bool read_history(struct arena *arena, const struct json *document, struct ca_history *ret,
                         struct error *err) {
    const char *certificates = NULL, *index = NULL;
    TRY(json_string(document, "certificates", &certificates, err));
    TRY(json_string(document, "index", &index, err));
    TRY(ask_bytes(arena, document, "crl", &ret->crl, err));
    TRY(json_int(document, "crlNumber", 1, INT64_C(1) << 53, &ret->crl_number, err));
    ret->certificates = view_text(certificates);
    ret->index = view_text(index);
    return ret->certificates.len + ret->index.len + ret->crl.len > 0 || ret->crl_number > 0 ||
           fail(err, ERROR_MALFORMED, "missing-field",
                "A history has \"certificates\", \"index\", \"crl\" or \"crlNumber\".");
}

static const char *const history_members[] = {"certificates", "index", "crl", "crlNumber", NULL};

static bool read_material(struct arena *arena, const struct json *document, struct ca_order *order,
                          struct error *err) {
    const struct json *history = NULL;
    TRY(ask_bytes(arena, document, "privateKey", &order->private_key, err));
    TRY(ask_bytes(arena, document, "certificate", &order->certificates, err));
    TRY(json_string(document, "password", &order->password, err));
    TRY(json_string(document, "keyUri", &order->key_uri, err));
    TRY(json_object(document, "history", &history, err));
    if (order->private_key.len > 0 && order->key_uri != NULL)
        return fail(err, ERROR_POLICY, "ca-order",
                    "Give either \"privateKey\" or \"keyUri\": a CA has one key.");
    if (order->private_key.len == 0 && order->certificates.len == 0)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "An import needs \"privateKey\", \"certificate\" or both.");
    if (history == NULL)
        return true;
    struct ca_history *parts = arena_alloc(arena, sizeof *parts);
    *parts = (struct ca_history){.crl_number = 0};
    TRY(json_only(history, history_members, err));
    TRY(read_history(arena, history, parts, err));
    order->history = parts;
    return true;
}

static void wipe(const struct http_request *request) {
    OPENSSL_cleanse((void *)(uintptr_t)request->body.at, request->body.len);
}

static bool import(void *context, struct http_request *request, struct ca_record *ret, struct error *err) {
    static const char *const members[] = {
        "name",     "organisation", "settings",   "privateKey", "password",        "certificate",
        "keyUri",   "history",      "csrOnly",    "issuer",     "subject",         "pathLength",
        "keyUsage", "policies",     "notBefore",  "notAfter",   "backdateSeconds", "validityDays",
        "extendedKeyUsage", "nameConstraints", NULL};
    const struct json *document;
    struct ca_order order = {.name = NULL};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &order.name, err));
    TRY(json_string(document, "organisation", &order.organisation, err));
    TRY(json_string(document, "issuer", &order.issuer, err));
    TRY(json_bool(document, "csrOnly", &order.csr_only, err));
    TRY(json_object(document, "settings", &order.settings, err));
    TRY(ca_profile_from_json(request->arena, document, &order.profile, err));
    TRY(read_material(request->arena, document, &order, err));
    return authority_create(context, request->arena, actor_of(request), &order, ret, err);
}

HANDLER(cas_import) {
    struct ca_record ca;
    bool ok = import(context, request, &ca, err);
    wipe(request); /* there was a private key in it */
    return ok && ca_reply(context, request, response, 201, &ca, err);
}

HANDLER(cas_history) {
    const struct json *document;
    struct ca_history history = {.crl_number = 0};
    struct ca_history_result result;
    TRY(ask_document(request, history_members, &document, err));
    TRY(read_history(request->arena, document, &history, err));
    TRY(authority_import_history(context, request->arena, actor_of(request), request->parameters[0],
                                 &history, &result, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "certificates", (int64_t)result.certificates);
    json_put_int(&w, "serials", (int64_t)result.serials);
    json_put_int(&w, "revoked", (int64_t)result.revoked);
    json_put_int(&w, "known", (int64_t)result.known);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* Without a body: a new CRL now. With one: a CRL that was signed elsewhere. */
HANDLER(cas_publish_crl) {
    struct ca_record ca;
    struct crl_document crl;
    TRY(ask_no_query(request, err));
    TRY(authority_get(context, request->arena, actor_of(request), request->parameters[0], &ca, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    if (request->body.len > 0) {
        TRY(authority_import_crl(context, request->arena, actor_of(request), ca.slug, request->body, err));
        TRY(status_crl(context, request->arena, ca.slug, &crl, err));
    } else {
        TRY(authority_publish(context, request->arena, actor_of(request), &ca, &crl, err));
    }
    crl_reply_info(request, response, ca.slug, &crl);
    return true;
}
