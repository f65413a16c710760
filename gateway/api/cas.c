/* Certification authorities. */
#include "api/handlers.h"

#include "ca/authority_profile.h"

#include <string.h>

static void write_warnings(struct json_writer *w, struct arena *arena, const struct ca_record *ca) {
    struct ca_warnings warnings;
    authority_warnings(arena, ca, &warnings);
    json_name(w, "warnings");
    json_open_array(w);
    for (size_t i = 0; i < warnings.count; i++) {
        json_open_object(w);
        json_put_string(w, "type", warnings.items[i].type);
        json_put_string(w, "text", warnings.items[i].text);
        json_close_object(w);
    }
    json_close_array(w);
}

/* What lists show. */
static bool write_summary(struct json_writer *w, struct names *names, const struct ca_record *ca,
                          struct error *err) {
    const char *organisation, *issuer;
    TRY(names_organisation(names, ca->organisation_id, &organisation, err));
    TRY(names_ca(names, ca->issuer_id, &issuer, err));
    json_put_string(w, "id", ca->slug);
    put_uuid(w, "uuid", ca->id);
    json_put_string(w, "name", ca->name);
    json_put_string(w, "organisation", organisation);
    json_put_string(w, "issuer", issuer);
    json_put_string(w, "state", authority_state(ca));
    json_put_string(w, "keyType", ca->key_type);
    json_put_string(w, "subject", ca->subject);
    put_time_or_null(w, "notBefore", ca->not_before_us);
    put_time_or_null(w, "notAfter", ca->not_after_us);
    json_put_time(w, "createdAt", ca->created_us);
    json_put_int(w, "generation", ca->generation);
    write_warnings(w, names->arena, ca);
    return true;
}

static bool write_certificate(struct json_writer *w, struct arena *arena, struct view der,
                              struct error *err) {
    AUTO(X509) *certificate = NULL;
    struct certificate_facts facts;
    json_name(w, "certificate");
    if (der.len == 0) {
        json_add_null(w);
        return true;
    }
    TRY(certificate_decode(arena, der, &certificate, err));
    TRY(certificate_read(arena, certificate, &facts, err));
    json_open_object(w);
    json_put_string(w, "serial", facts.serial);
    json_put_string(w, "issuer", facts.issuer);
    json_put_string(w, "signatureAlgorithm", facts.signature_algorithm);
    put_hex(w, arena, "fingerprintSha256", view_of(facts.fingerprint_sha256, 32));
    json_put_string(w, "subjectKeyId", facts.subject_key_id);
    json_name(w, "pathLength");
    if (facts.path_length < 0)
        json_add_null(w);
    else
        json_add_int(w, facts.path_length);
    json_put_string(w, "pem", certificate_pem(arena, der));
    json_close_object(w);
    return true;
}

static bool write_ca(struct json_writer *w, struct names *names, const struct ca_record *ca,
                     struct error *err) {
    json_open_object(w);
    TRY(write_summary(w, names, ca, err));
    json_name(w, "key");
    key_type_write_json(w, ca->key_type);
    TRY(write_certificate(w, names->arena, ca->certificate, err));
    put_document(w, names->arena, "settings", ca->settings);
    json_put_int(w, "version", ca->revision);
    json_close_object(w);
    return true;
}

bool ca_reply(struct core *core, struct http_request *request, struct http_response *response,
              int status, const struct ca_record *ca, struct error *err) {
    struct names names = {.core = core, .arena = request->arena};
    struct json_writer w = json_writer_on(request->arena);
    TRY(write_ca(&w, &names, ca, err));
    reply_version(response, ca->revision);
    if (status == 201)
        reply_created(response, &w, arena_printf(request->arena, "/cas/%s", ca->slug));
    else
        reply_json(response, status, &w);
    return true;
}

HANDLER(cas_list) {
    static const char *const others[] = {"organisation", NULL};
    struct page page;
    struct ca_record *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    struct names names = {.core = context, .arena = request->arena};
    TRY(ask_page(request, others, &page, err));
    TRY(ask_organisation(context, request, err));
    TRY(authority_page(context, request->arena, actor_of(request), &page, &items, &count, &next,
                       err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        TRY(write_summary(&w, &names, &items[i], err));
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(cas_get) {
    struct ca_record ca;
    TRY(ask_no_query(request, err));
    TRY(authority_get(context, request->arena, actor_of(request), request->parameters[0], &ca,
                      err));
    return ca_reply(context, request, response, 200, &ca, err);
}

/* {"type":...} names a key to make, {"uri":"pkcs11:..."} one that is in a token. */
bool ca_read_key(const struct json *document, struct ca_order *order, struct error *err) {
    static const char *const members[] = {"uri", NULL};
    const struct json *key = json_get(document, "key");
    if (key == NULL || key->type == JSON_NULL)
        return true;
    if (json_get(key, "uri") == NULL)
        return key_type_from_json(key, &order->key_type, err);
    TRY(json_only(key, members, err));
    return ask_string(key, "uri", &order->key_uri, err);
}

HANDLER(cas_create) {
    static const char *const members[] = {
        "name",      "organisation", "subject",          "key",      "issuer",
        "csrOnly",   "validityDays", "pathLength",       "settings", "notBefore",
        "notAfter",  "keyUsage",     "extendedKeyUsage", "policies", "nameConstraints",
        "backdateSeconds", NULL};
    const struct json *document;
    struct ca_order order = {0};
    struct ca_record ca;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &order.name, err));
    TRY(json_string(document, "organisation", &order.organisation, err));
    TRY(json_string(document, "issuer", &order.issuer, err));
    TRY(json_bool(document, "csrOnly", &order.csr_only, err));
    TRY(json_object(document, "settings", &order.settings, err));
    TRY(ca_read_key(document, &order, err));
    TRY(ca_profile_from_json(request->arena, document, &order.profile, err));
    TRY(authority_create(context, request->arena, actor_of(request), &order, &ca, err));
    return ca_reply(context, request, response, 201, &ca, err);
}

HANDLER(cas_change) {
    static const char *const members[] = {"name", "settings", "enabled", "version", NULL};
    const struct json *document;
    struct ca_change change = {0};
    struct ca_record ca;
    bool enabled;
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "name", &change.name, err));
    TRY(json_object(document, "settings", &change.settings, err));
    TRY(json_bool(document, "enabled", &enabled, err));
    const struct json *member = json_get(document, "enabled");
    if (member != NULL && member->type == JSON_BOOL)
        change.enabled = &enabled;
    TRY(ask_version(request, document, &change.revision, err));
    TRY(authority_change(context, request->arena, actor_of(request), request->parameters[0],
                         &change, &ca, err));
    return ca_reply(context, request, response, 200, &ca, err);
}

HANDLER(cas_remove) {
    static const char *const names[] = {"confirm", NULL};
    TRY(ask_query(request, names, err));
    TRY(authority_remove_confirmed(context, request->arena, actor_of(request), request->parameters[0],
                                   http_query(request, "confirm"), err));
    reply_nothing(response);
    return true;
}

HANDLER(cas_import_certificate) {
    static const char *const members[] = {"certificate", NULL};
    const char *type = ask_media_type(request), *text = NULL;
    const struct json *document;
    struct view bytes = request->body;
    struct ca_record ca;
    if (strcmp(type, "application/pkix-cert") != 0 &&
        strcmp(type, "application/pem-certificate-chain") != 0 && strcmp(type, "application/pkcs7-mime") != 0) {
        TRY(ask_document(request, members, &document, err));
        TRY(ask_string(document, "certificate", &text, err));
        bytes = view_text(text);
    }
    TRY(authority_import_certificate(context, request->arena, actor_of(request),
                                     request->parameters[0], bytes, &ca, err));
    return ca_reply(context, request, response, 200, &ca, err);
}
