/* Validators by REST. */
#include "validation/internal.h"

#include "base/encode.h"
#include "rest/organisation.h"
#include "x509/handles.h"

#include <string.h>

static void put_list(struct json_writer *w, struct arena *arena, const char *name,
                     const struct validator_list *list) {
    json_name(w, name);
    if (list->size == 0) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    put_hex(w, arena, "number", list->number);
    put_time_or_null(w, "thisUpdate", list->this_update_us);
    put_time_or_null(w, "nextUpdate", list->next_update_us);
    json_put_int(w, "entries", list->entries);
    json_put_int(w, "size", list->size);
    json_put_time(w, "takenAt", list->created_us);
    json_close_object(w);
}

static void put_validator(struct json_writer *w, struct arena *arena, const struct validator_record *v) {
    json_open_object(w);
    json_put_string(w, "id", v->slug);
    put_uuid(w, "uuid", v->id);
    json_put_string(w, "name", v->name);
    json_put_string(w, "state", v->responder.len == 0 ? "waiting" : "active");
    json_put_int(w, "version", v->revision);
    json_put_string(w, "certificate", certificate_pem(arena, v->certificate));
    json_put_string(w, "responder", v->responder.len == 0 ? NULL : certificate_pem(arena, v->responder));
    put_document(w, arena, "settings", v->settings);
    put_list(w, arena, "crl", &v->complete);
    put_list(w, arena, "deltaCrl", &v->delta);
    put_list(w, arena, "issued", &v->issued);
    put_time_or_null(w, "checkedAt", v->checked_us);
    put_text_or_null(w, "problem", v->problem);
    json_put_time(w, "createdAt", v->created_us);
    json_close_object(w);
}

static bool reply_validator(struct http_request *request, struct http_response *response, int status,
                            const struct validator_record *v) {
    struct json_writer w = json_writer_on(request->arena);
    put_validator(&w, request->arena, v);
    reply_version(response, v->revision);
    if (status == 201)
        reply_created(response, &w, arena_printf(request->arena, "/validators/%s", v->slug));
    else
        reply_json(response, status, &w);
    return true;
}

HANDLER(validators_list) {
    static const char *const others[] = {"organisation", NULL};
    struct validator_record *items;
    size_t count;
    TRY(ask_query(request, others, err));
    TRY(ask_organisation(context, request, err));
    TRY(validation_all(context, request->arena, actor_of(request), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        put_validator(&w, request->arena, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(validators_create) {
    static const char *const members[] = {"name", "organisation", "certificate", "keyType", "settings", NULL};
    struct validation_order order = {0};
    struct validator_record v;
    const struct json *document;
    const char *certificate;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &order.name, err));
    TRY(json_string(document, "organisation", &order.organisation, err));
    TRY(ask_string(document, "certificate", &certificate, err));
    TRY(json_string(document, "keyType", &order.key_type, err));
    TRY(json_object(document, "settings", &order.settings, err));
    order.certificate = view_text(certificate);
    TRY(validation_create(context, request->arena, actor_of(request), &order, &v, err));
    return reply_validator(request, response, 201, &v);
}

HANDLER(validators_get) {
    struct validator_record v;
    TRY(ask_no_query(request, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    return reply_validator(request, response, 200, &v);
}

HANDLER(validators_change) {
    static const char *const members[] = {"name", "settings", "version", NULL};
    const struct json *document, *settings = NULL;
    const char *name = NULL;
    struct validator_record v;
    int64_t version;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(json_string(document, "name", &name, err));
    TRY(json_object(document, "settings", &settings, err));
    TRY(validation_change(context, request->arena, actor_of(request), request->parameters[0], version, name,
                          settings, &v, err));
    return reply_validator(request, response, 200, &v);
}

HANDLER(validators_remove) {
    TRY(ask_no_query(request, err));
    TRY(validation_remove(context, request->arena, actor_of(request), request->parameters[0], err));
    reply_nothing(response);
    return true;
}

HANDLER(validators_csr) {
    struct validator_record v;
    TRY(ask_no_query(request, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    reply_file(response, "application/pkcs10", arena_printf(request->arena, "%s.csr", v.slug),
               view_text(pem_encode(request->arena, "CERTIFICATE REQUEST", v.csr)));
    return true;
}

HANDLER(validators_certificate) {
    static const char *const members[] = {"certificate", NULL};
    const struct json *document;
    const char *certificate;
    struct validator_record v;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "certificate", &certificate, err));
    TRY(validation_import(context, request->arena, actor_of(request), request->parameters[0],
                          view_text(certificate), &v, err));
    return reply_validator(request, response, 200, &v);
}

static bool wants_type(const struct http_request *request, const char *one, const char *other, struct error *err) {
    const char *type = ask_media_type(request);
    return strcmp(type, one) == 0 || strcmp(type, other) == 0 ||
           fail(err, ERROR_MALFORMED, "unsupported-media-type", "Content-Type is %s or %s here.", one, other);
}

/* The body as it is: lists are long. */
HANDLER(validators_crl) {
    struct validator_record v;
    bool news;
    TRY(ask_no_query(request, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_CAS, v.organisation_id, (struct uuid){{0}}, err));
    TRY(wants_type(request, "application/pkix-crl", "application/x-pem-file", err));
    TRY(validation_take_crl(context, request->arena, actor_of(request), &v, request->body, &news, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    return reply_validator(request, response, 200, &v);
}

HANDLER(validators_issued) {
    struct validator_record v;
    TRY(ask_no_query(request, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_CAS, v.organisation_id, (struct uuid){{0}}, err));
    if (strcmp(ask_media_type(request), "text/csv") != 0)
        TRY(wants_type(request, "text/plain", "application/pkcs7-mime", err));
    TRY(validation_take_issued(context, request->arena, actor_of(request), request->parameters[0],
                               request->body, &v, err));
    return reply_validator(request, response, 200, &v);
}

HANDLER(validators_fetch) {
    struct validator_record v;
    const char *problem;
    TRY(ask_no_query(request, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_CAS, v.organisation_id, (struct uuid){{0}}, err));
    TRY(validation_look(context, request->arena, &v, &problem, err));
    TRY(validation_get(context, request->arena, actor_of(request), request->parameters[0], &v, err));
    return reply_validator(request, response, 200, &v);
}
