/* New certificates and keys of CAs: renewal, re-key, cross-certificates, chains. */
#include "api/handlers.h"

#include "ca/authority_profile.h"
#include "ca/authority_renew.h"

#include <string.h>

static bool renew(void *context, struct http_request *request, struct http_response *response, bool new_key,
                  struct error *err) {
    static const char *const members[] = {"validityDays", "notBefore", "notAfter", "backdateSeconds", "issuer",
                                          "csrOnly",      "key",       "version",  NULL};
    const struct json *document;
    struct ca_renewal renewal = {.new_key = new_key};
    struct ca_order key = {.name = NULL};
    struct ca_record ca;
    TRY(ask_optional_document(request, members, &document, err));
    if (!new_key && json_get(document, "key") != NULL)
        return fail(err, ERROR_POLICY, "ca-order",
                    "A renewal keeps the key; leave \"key\" out, or ask for a re-key.");
    TRY(ca_profile_from_json(request->arena, document, &renewal.profile, err));
    TRY(json_string(document, "issuer", &renewal.issuer, err));
    TRY(json_bool(document, "csrOnly", &renewal.csr_only, err));
    TRY(ca_read_key(document, &key, err));
    renewal.key_type = key.key_type;
    renewal.key_uri = key.key_uri;
    TRY(ask_version(request, document, &renewal.revision, err));
    TRY(authority_renew(context, request->arena, actor_of(request), request->parameters[0], &renewal, &ca, err));
    return ca_reply(context, request, response, 200, &ca, err);
}

HANDLER(cas_renew) {
    return renew(context, request, response, false, err);
}

HANDLER(cas_rekey) {
    return renew(context, request, response, true, err);
}

static bool write_chain(struct json_writer *w, struct arena *arena, const struct ca_certificate *item,
                        struct error *err) {
    static const char *const kinds[] = {"", "renewed", "cross", "other"};
    AUTO(X509) *certificate = NULL;
    struct certificate_facts facts;
    struct ca_record record = {.certificate = item->certificate, .chain = item->chain, .slug = ""};
    struct view *ders;
    size_t count;
    struct buffer pem = buffer_on(arena);
    TRY(certificate_decode(arena, item->certificate, &certificate, err));
    TRY(certificate_read(arena, certificate, &facts, err));
    TRY(authority_chain(NULL, arena, &record, &ders, &count, err));
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&pem, certificate_pem(arena, ders[i]));
    json_open_object(w);
    put_uuid(w, "id", item->id);
    json_put_string(w, "kind", uuid_is_nil(item->id) ? "current" : kinds[item->kind]);
    json_put_int(w, "generation", item->generation);
    json_put_string(w, "serial", facts.serial);
    json_put_string(w, "issuer", facts.issuer);
    json_put_time(w, "notBefore", item->not_before_us);
    json_put_time(w, "notAfter", item->not_after_us);
    json_put_string(w, "pem", buffer_text(&pem));
    json_close_object(w);
    return true;
}

HANDLER(cas_chains) {
    struct ca_certificate *items;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(authority_chains(context, request->arena, actor_of(request), request->parameters[0], &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        TRY(write_chain(&w, request->arena, &items[i], err));
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(cas_chains_add) {
    static const char *const members[] = {"issuer",    "certificate", "validityDays",    "notBefore",
                                          "notAfter",  "pathLength",  "nameConstraints", "backdateSeconds",
                                          NULL};
    const struct json *document;
    const char *issuer = NULL, *pem = NULL;
    struct ca_profile profile;
    struct ca_certificate cross;
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "issuer", &issuer, err));
    TRY(json_string(document, "certificate", &pem, err));
    if ((issuer == NULL) == (pem == NULL))
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "A cross-certificate is made by an \"issuer\" of this instance, or comes as \"certificate\".");
    TRY(ca_profile_from_json(request->arena, document, &profile, err));
    TRY(authority_cross(context, request->arena, actor_of(request), request->parameters[0], issuer, &profile,
                        view_text(pem), &cross, err));
    struct json_writer w = json_writer_on(request->arena);
    TRY(write_chain(&w, request->arena, &cross, err));
    reply_json(response, 201, &w);
    return true;
}

HANDLER(cas_chains_use) {
    struct uuid id;
    struct ca_record ca;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "chain", &id, err));
    TRY(authority_use_chain(context, request->arena, actor_of(request), request->parameters[0], id, &ca, err));
    return ca_reply(context, request, response, 200, &ca, err);
}

HANDLER(cas_generations) {
    struct ca_record ca, *items;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(authority_get(context, request->arena, actor_of(request), request->parameters[0], &ca, err));
    TRY(authority_generations(context, request->arena, &ca, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        struct ca_urls urls;
        TRY(authority_urls(context, request->arena, &items[i], &urls, err));
        json_open_object(&w);
        json_put_int(&w, "generation", items[i].generation);
        json_put_string(&w, "keyType", items[i].key_type);
        json_put_string(&w, "subject", items[i].subject);
        put_time_or_null(&w, "notBefore", items[i].not_before_us);
        put_time_or_null(&w, "notAfter", items[i].not_after_us);
        json_put_bool(&w, "signs", i == 0 && ca.state == CA_ACTIVE);
        json_put_string(&w, "crl", urls.crl.items[0]);
        json_put_string(&w, "ocsp", urls.ocsp.items[0]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}
