/* Issued certificates. */
#include "api/handlers.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/inventory.h"
#include "x509/crl.h"

#include <string.h>

const char *certificate_state_name(const struct certificate_record *certificate) {
    if (certificate->revoked)
        return certificate->reason == REASON_CERTIFICATE_HOLD ? "held" : "revoked";
    return certificate->not_after_us < clock_now_us() ? "expired" : "valid";
}

static const char *use_name(enum certificate_use use) {
    switch (use) {
    case CERTIFICATE_END_ENTITY:
        return "end-entity";
    case CERTIFICATE_CA:
        return "ca";
    case CERTIFICATE_OCSP:
        return "ocsp";
    case CERTIFICATE_TSA:
        return "tsa";
    case CERTIFICATE_SCEP:
        return "scep";
    case CERTIFICATE_TLS:
        return "tls";
    case CERTIFICATE_CMP:
        return "cmp";
    }
    return "unknown";
}

static void write_revocation(struct json_writer *w, const struct certificate_record *certificate) {
    json_name(w, "revocation");
    if (!certificate->revoked) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    json_put_string(w, "reason", reason_name(certificate->reason));
    json_put_time(w, "revokedAt", certificate->revoked_us);
    put_time_or_null(w, "invalidityDate", certificate->invalidity_us);
    json_close_object(w);
}

static void put_array(struct json_writer *w, struct arena *arena, const char *name, const char *text) {
    const struct json *value;
    json_name(w, name);
    if (text != NULL && json_parse(arena, view_text(text), &value, NULL))
        json_add_value(w, value);
    else {
        json_open_array(w);
        json_close_array(w);
    }
}

void certificate_write(struct json_writer *w, struct arena *arena,
                       const struct certificate_record *certificate) {
    put_uuid(w, "id", certificate->id);
    put_text_or_null(w, "ca", certificate->ca_slug);
    put_text_or_null(w, "template", certificate->template_slug);
    json_name(w, "templateVersion");
    if (uuid_is_nil(certificate->template_id))
        json_add_null(w);
    else
        json_add_int(w, certificate->template_version);
    put_uuid(w, "request", certificate->request_id);
    json_put_string(w, "use", use_name(certificate->use));
    json_put_string(w, "state", certificate_state_name(certificate));
    put_hex(w, arena, "serial", certificate->serial);
    json_put_string(w, "subject", certificate->subject);
    put_text_or_null(w, "commonName", certificate->common_name);
    put_joined(w, arena, "sans", certificate->sans);
    json_put_string(w, "keyType", certificate->key_type);
    put_text_or_null(w, "requester", certificate->requester);
    json_put_time(w, "notBefore", certificate->not_before_us);
    json_put_time(w, "notAfter", certificate->not_after_us);
    json_put_time(w, "createdAt", certificate->created_us);
    put_hex(w, arena, "fingerprintSha256", view_of(certificate->fingerprint_sha256, 32));
    put_hex(w, arena, "spkiSha256", view_of(certificate->spki_sha256, 32));
    write_revocation(w, certificate);
    put_text_or_null(w, "door", certificate->door);
    put_text_or_null(w, "owner", certificate->owner);
    put_array(w, arena, "tags", certificate->tags);
    put_document(w, arena, "fields", certificate->fields == NULL ? "{}" : certificate->fields);
    put_time_or_null(w, "archivedAt", certificate->archived_us);
    json_put_int(w, "revision", certificate->note_revision);
    if (certificate->der.len > 0)
        json_put_string(w, "pem", certificate_pem(arena, certificate->der));
}

void reply_certificate(struct http_request *request, struct http_response *response,
                              const struct certificate_record *certificate) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    certificate_write(&w, request->arena, certificate);
    json_close_object(&w);
    reply_json(response, 200, &w);
}

static bool list(struct core *core, struct http_request *request, struct http_response *response,
                 const char *ca, struct error *err) {
    struct page page;
    struct certificate_filter filter = {0};
    struct certificate_record *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    TRY(ask_page(request, certificate_list_names, &page, err));
    TRY(certificate_filter_read(core, request, &ca, &filter, err));
    TRY(certificate_page(core, request->arena, actor_of(request), ca, &filter, &page, &items,
                         &count, &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        certificate_write(&w, request->arena, &items[i]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(certificates_list) {
    return list(context, request, response, NULL, err);
}

HANDLER(certificates_of_ca) {
    return list(context, request, response, request->parameters[0], err);
}

/* With its line: the one it renewed, and those that renewed it. */
static bool reply_whole(struct core *core, struct http_request *request,
                        struct http_response *response,
                        const struct certificate_record *certificate, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    struct certificate_lineage line = {0};
    TRY(certificate_lineage(core, request->arena, certificate->id, &line, err));
    json_open_object(&w);
    certificate_write(&w, request->arena, certificate);
    put_uuid(&w, "predecessor", line.predecessor);
    json_name(&w, "successors");
    json_open_array(&w);
    for (size_t i = 0; i < line.successor_count; i++)
        json_add_string(&w, uuid_text(request->arena, line.successors[i]));
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(certificates_get) {
    struct uuid id;
    struct certificate_record certificate;
    struct view *ders = NULL;
    size_t count = 0;
    enum document_format format;
    TRY(document_format(request, &format, err));
    TRY(ask_id(request, 0, "certificate", &id, err));
    TRY(certificate_get(context, request->arena, actor_of(request), id, &certificate, err));
    if (format == FORMAT_JSON)
        return reply_whole(context, request, response, &certificate, err);
    if (certificate.der.len == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "The certificate itself is not here: its CA was imported, and its index knows the "
                    "serial number alone.");
    TRY(certificate_chain(context, request->arena, &certificate, &ders, &count, err));
    return document_reply(request, response, format, hex_encode(request->arena, certificate.serial),
                          ders, count, err);
}

HANDLER(certificates_revoke) {
    static const char *const members[] = {"reason", "invalidityDate", NULL};
    const struct json *document;
    const char *reason_text = "unspecified";
    struct uuid id;
    struct certificate_record certificate;
    int64_t invalidity_us = 0;
    TRY(ask_id(request, 0, "certificate", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "reason", &reason_text, err));
    TRY(ask_time(document, "invalidityDate", &invalidity_us, err));
    int reason = reason_from_name(reason_text);
    if (reason < 0)
        return fail(err, ERROR_POLICY, "revocation-reason",
                    "The reason \"%.40s\" is none of RFC 5280's: unspecified, keyCompromise, "
                    "cACompromise, affiliationChanged, superseded, cessationOfOperation, "
                    "certificateHold, privilegeWithdrawn, aACompromise.",
                    reason_text);
    TRY(certificate_revoke(context, request->arena, actor_of(request), id, reason, invalidity_us,
                           &certificate, err));
    reply_certificate(request, response, &certificate);
    return true;
}

HANDLER(certificates_unhold) {
    static const char *const members[] = {NULL};
    const struct json *document;
    struct uuid id;
    struct certificate_record certificate;
    TRY(ask_id(request, 0, "certificate", &id, err));
    TRY(ask_optional_document(request, members, &document, err));
    TRY(certificate_unhold(context, request->arena, actor_of(request), id, &certificate, err));
    reply_certificate(request, response, &certificate);
    return true;
}
