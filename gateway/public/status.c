/* How a request stands, by its secret link; cancelling it, and going on to the certificate. */
#include "public/internal.h"

#include "base/clock.h"
#include "x509/certificate.h"

struct look {
    struct public_pages *pages;
    struct public_request row;
    struct request_record request;
    struct ca_record ca;
    struct template_record template;
    struct certificate_record certificate;
};

static bool load(struct tx *tx, struct arena *arena, struct uuid id, struct look *l, struct error *err) {
    TRY(public_request_by_id(tx, arena, id, &l->row, err));
    if (uuid_is_nil(l->row.request_id))
        return fail(err, ERROR_NOT_FOUND, "not-found", "The address is not confirmed yet.");
    TRY(request_by_id(tx, arena, &scope_everything, l->row.request_id, &l->request, err));
    TRY(ca_by_id(tx, arena, &scope_everything, l->request.ca_id, &l->ca, err));
    TRY(template_version(tx, arena, l->request.template_id, 0, &l->template, err));
    return uuid_is_nil(l->request.certificate_id) ||
           certificate_by_id(tx, arena, &scope_everything, l->request.certificate_id, &l->certificate, err);
}

static bool read_look(struct public_pages *pages, struct http_request *request, struct look *l,
                      struct error *err) {
    static const char *const members[] = {"secret", NULL};
    struct public_settings settings;
    const struct json *document;
    const char *secret;
    struct uuid id;
    bool done = false;
    *l = (struct look){.pages = pages};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "secret", &secret, err));
    TRY(public_check_open(pages->core, request->arena, &settings, err));
    TRY(public_slow_down(pages, request, err));
    TRY(public_link_read(pages, request->arena, LINK_STATUS, secret, &id, err));
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = load(tx.tx, request->arena, id, l, err);
    return done;
}

static bool put_certificate(struct json_writer *w, struct arena *arena, struct look *l, struct error *err) {
    struct view *ders;
    size_t count;
    json_name(w, "certificate");
    if (uuid_is_nil(l->certificate.id)) {
        json_add_null(w);
        return true;
    }
    TRY(certificate_chain(l->pages->core, arena, &l->certificate, &ders, &count, err));
    struct buffer pem = buffer_on(arena);
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&pem, certificate_pem(arena, ders[i]));
    json_open_object(w);
    put_hex(w, arena, "serial", l->certificate.serial);
    json_put_time(w, "notBefore", l->certificate.not_before_us);
    json_put_time(w, "notAfter", l->certificate.not_after_us);
    json_put_bool(w, "revoked", l->certificate.revoked);
    json_put_string(w, "chain", buffer_text(&pem));
    json_close_object(w);
    return true;
}

static bool reply_look(struct http_request *request, struct http_response *response, struct look *l,
                       struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "state", request_state_name(l->request.state));
    json_put_string(&w, "template", l->template.name);
    json_put_string(&w, "ca", l->ca.slug);
    json_put_string(&w, "caName", l->ca.name);
    json_put_string(&w, "subject", l->request.subject);
    put_joined(&w, request->arena, "sans", l->request.sans);
    put_text_or_null(&w, "reason", l->request.reason);
    json_put_time(&w, "createdAt", l->request.created_us);
    json_put_time(&w, "changedAt", l->request.changed_us);
    TRY(put_certificate(&w, request->arena, l, err));
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(public_show) {
    struct look l;
    TRY(read_look(context, request, &l, err));
    return reply_look(request, response, &l, err);
}

HANDLER(public_cancel) {
    struct look l;
    TRY(read_look(context, request, &l, err));
    struct actor actor = public_actor(request, l.request.requester);
    TRY(request_cancel(l.pages->core, request->arena, &actor, l.request.id, "by who asked", &l.request, err));
    return reply_look(request, response, &l, err);
}

/* Who has the status link may have the certificate: both came to the same person. */
HANDLER(public_claim) {
    struct claim_link link;
    struct claim_record record;
    bool done = false;
    struct look l;
    TRY(read_look(context, request, &l, err));
    if (l.request.state != REQUEST_AWAITING_CSR)
        return fail(err, ERROR_CONFLICT, "request-state", "The request is %s; there is nothing to get now.",
                    request_state_name(l.request.state));
    TRY(claim_link_new(l.pages->core, request->arena, l.request.id, 1, &link, &record, err));
    TX(tx, core_db(l.pages->core), &done, err)
        tx.ok = claim_insert(tx.tx, &record, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "secret", link.secret);
    json_put_time(&w, "expiresAt", link.expires_us);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
