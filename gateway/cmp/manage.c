#include "cmp/manage.h"

#include "base/encode.h"
#include "ca/templates.h"
#include "cmp/cmp.h"
#include "cmp/describe.h"
#include "cmp/settings.h"
#include "rest/protocol.h"
#include "store/cas.h"
#include "store/cmp.h"

static bool document(__attribute__((unused)) struct core *core, struct arena *arena, struct protocol_edit *e,
                     struct error *err) {
    struct cmp_settings settings;
    TRY(cmp_settings_read(e->given == NULL ? e->stored : e->given, &settings, err));
    e->kept = e->shown = cmp_settings_write(arena, &settings);
    return true;
}

static const struct protocol_rest cmp = {.protocol = CMP_PROTOCOL,
                                         .default_setting = CMP_DEFAULT_SETTING,
                                         .event = "cmp.changed",
                                         .path = "/.well-known/cmp/p/",
                                         .document = document};

PROTOCOL_SETTINGS_HANDLERS(cmp, &cmp)
PROTOCOL_DEFAULT_HANDLERS(cmp, &cmp)

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
    return actor_may(request->actor, MAY_READ_EVENTS, ca.organisation_id, ca.id, err);
}

HANDLER(cmp_transactions_list) {
    struct page page;
    struct template_record template;
    struct cmp_transaction *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    bool done = false;
    TRY(ask_page(request, NULL, &page, err));
    TRY(template_get(context, request->arena, request->actor, request->parameters[0], &template, err));
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
    TRY(template_get(context, request->arena, request->actor, request->parameters[0], &template, err));
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
