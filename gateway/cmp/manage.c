#include "cmp/manage.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/template.h"
#include "cmp/cmp.h"
#include "cmp/describe.h"
#include "store/cas.h"
#include "store/cmp.h"
#include "store/organisations.h"
#include "store/protocols.h"

static const struct actor *actor_of(const struct http_request *request) {
    return request->actor;
}

/* --- the template that answers without a label -------------------------------------------------------- */

static bool reply_default(struct http_request *request, struct http_response *response, const char *slug) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    put_text_or_null(&w, "defaultTemplate", slug);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(cmp_default_get) {
    const char *slug = NULL;
    struct uuid nil = {{0}};
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, nil, nil, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = setting_get(tx.tx, request->arena, CMP_DEFAULT_SETTING, &slug, err);
    return done && reply_default(request, response, slug);
}

HANDLER(cmp_default_put) {
    static const char *const members[] = {"defaultTemplate", NULL};
    const struct json *body;
    const char *slug = "";
    struct uuid nil = {{0}};
    bool done = false;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, nil, nil, err));
    TRY(ask_document(request, members, &body, err));
    TRY(json_string(body, "defaultTemplate", &slug, err));
    TX(tx, core_db(context), &done, err) {
        struct template_record template;
        struct event_note note = {.code = "settings.changed", .object_kind = "setting",
                                  .object = CMP_DEFAULT_SETTING};
        tx.ok = (slug[0] == '\0' || template_by_slug(tx.tx, request->arena, &scope_everything, slug, &template,
                                                     err)) &&
                setting_put(tx.tx, CMP_DEFAULT_SETTING, slug, err) &&
                access_note(tx.tx, actor_of(request), &note, err);
    }
    return done && reply_default(request, response, slug);
}

/* --- settings of a template --------------------------------------------------------------------------- */

static bool reply_settings(struct core *core, struct http_request *request, struct http_response *response,
                           const struct template_record *template, const struct cmp_settings *settings,
                           int64_t version, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, request->arena, &urls, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", template->slug);
    json_put_int(&w, "version", version);
    json_put_string(&w, "url", arena_printf(request->arena, "%s/.well-known/cmp/p/%s", urls.http, template->slug));
    put_document(&w, request->arena, "settings", cmp_settings_write(request->arena, settings));
    json_close_object(&w);
    reply_version(response, version);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(cmp_settings_get) {
    struct template_record template;
    struct cmp_settings settings;
    int64_t version;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template, err));
    TRY(cmp_settings_of(context, request->arena, template.id, &settings, &version, err));
    return reply_settings(context, request, response, &template, &settings, version, err);
}

static bool store(struct core *core, struct http_request *request, const struct template_record *template,
                  const struct cmp_settings *settings, int64_t version, struct error *err) {
    struct protocol_record record = {.template_id = template->id,
                                     .protocol = CMP_PROTOCOL,
                                     .version = version,
                                     .document = cmp_settings_write(request->arena, settings),
                                     .changed_us = clock_now_us()};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = ca_by_id(tx.tx, request->arena, &scope_everything, template->ca_id, &ca, err) &&
                actor_may(actor_of(request), MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err);
        if (tx.ok) {
            struct event_note note = {.code = "cmp.changed",
                                      .organisation_id = ca.organisation_id,
                                      .ca_id = ca.id,
                                      .object_kind = "template",
                                      .object = template->slug,
                                      .details = record.document};
            tx.ok = protocol_put(tx.tx, &record, err) && access_note(tx.tx, actor_of(request), &note, err);
        }
    }
    return done;
}

HANDLER(cmp_settings_put) {
    static const char *const members[] = {"settings", "version", NULL};
    const struct json *body, *document = NULL;
    struct template_record template;
    struct cmp_settings settings;
    int64_t version = 0;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_version(request, body, &version, err));
    TRY(json_object(body, "settings", &document, err));
    if (document == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"settings\" is missing.");
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template, err));
    TRY(cmp_settings_read(document, &settings, err));
    TRY(store(context, request, &template, &settings, version, err));
    return reply_settings(context, request, response, &template, &settings, version + 1, err);
}

/* --- transactions ------------------------------------------------------------------------------------- */

static void put_transaction(struct json_writer *w, struct arena *arena, const struct cmp_transaction *t) {
    put_uuid(w, "id", t->id);
    put_hex(w, arena, "transactionId", t->transaction_id);
    json_put_string(w, "state", cmp_state_name(t->state));
    json_put_string(w, "body", cmp_body_name(t->body));
    json_put_string(w, "peer", t->peer);
    json_put_bool(w, "implicitConfirm", t->implicit_confirm);
    put_text_or_null(w, "reason", t->reason);
    json_put_time(w, "createdAt", t->created_us);
    json_put_time(w, "changedAt", t->changed_us);
    put_time_or_null(w, "deadline", t->deadline_us == INT64_MAX ? 0 : t->deadline_us);
}

/* Messages name what requests ask for: who may read the requests of the CA may read them. */
static bool may_read(struct tx *tx, struct http_request *request, const struct template_record *template,
                     struct error *err) {
    struct ca_record ca;
    TRY(ca_by_id(tx, request->arena, &scope_everything, template->ca_id, &ca, err));
    return actor_may(actor_of(request), MAY_READ_EVENTS, ca.organisation_id, ca.id, err);
}

HANDLER(cmp_transactions_list) {
    struct page page;
    struct template_record template;
    struct cmp_transaction *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    bool done = false;
    TRY(ask_page(request, NULL, &page, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = may_read(tx.tx, request, &template, err) &&
                cmp_transaction_list(tx.tx, request->arena, template.id, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        put_transaction(&w, request->arena, &items[i]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

static void put_certificate(struct json_writer *w, const struct cmp_certificate *c) {
    static const char *const names[] = {"", "waiting", "issued", "confirmed", "rejected", "refused", "given-up"};
    json_open_object(w);
    json_put_int(w, "certReqId", c->cert_req_id);
    json_put_string(w, "state", names[c->state]);
    put_uuid(w, "request", c->request_id);
    put_uuid(w, "certificate", c->certificate_id);
    put_text_or_null(w, "reason", c->reason);
    json_close_object(w);
}

static void put_message(struct json_writer *w, struct arena *arena, const struct cmp_message_record *m) {
    json_open_object(w);
    json_put_string(w, "direction", m->direction == CMP_RECEIVED ? "received" : "sent");
    json_put_string(w, "body", cmp_body_name(m->body));
    json_put_time(w, "at", m->at_us);
    json_put_int(w, "octets", (int64_t)m->der.len);
    json_put_string(w, "text", cmp_describe(arena, m->der));
    json_close_object(w);
}

HANDLER(cmp_transactions_get) {
    struct uuid id;
    struct template_record template;
    struct cmp_transaction transaction;
    struct cmp_certificate *certificates = NULL;
    struct cmp_message_record *messages = NULL;
    size_t certificate_count = 0, message_count = 0;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "CMP transaction", &id, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = may_read(tx.tx, request, &template, err) &&
                cmp_transaction_by_id(tx.tx, request->arena, template.id, id, &transaction, err) &&
                cmp_certificate_list(tx.tx, request->arena, id, &certificates, &certificate_count, err) &&
                cmp_message_list(tx.tx, request->arena, id, &messages, &message_count, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    put_transaction(&w, request->arena, &transaction);
    json_name(&w, "certificates");
    json_open_array(&w);
    for (size_t i = 0; i < certificate_count; i++)
        put_certificate(&w, &certificates[i]);
    json_close_array(&w);
    json_name(&w, "messages");
    json_open_array(&w);
    for (size_t i = 0; i < message_count; i++)
        put_message(&w, request->arena, &messages[i]);
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
