/* The MDM web service for devices that cannot make a key: the signer makes it, and it leaves as PKCS#12 under a
 * password. Whether it is kept, for the same user to have it again, is the template's to say.
 *
 *   POST /mdm/services/{template}/pkcs12            {"digitalId":..,"variables":{..},"password":..}
 *   POST /mdm/services/{template}/pkcs12/{request}  {"password":..}: the same key and certificate again
 *        -> 200 {"id":..,"certificate":..,"pkcs12":..,"password":..,"subject":..,"notAfter":..,"keptUntil":..}
 */
#include "scep/mdm.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/person_key.h"
#include "ca/secret.h"
#include "store/mdm.h"

#define PASSWORD_OCTETS 12

struct made {
    struct core *core;
    struct arena *arena;
    const struct actor *actor;
    const struct scep_target *target;
    struct person_key key;
    struct mdm_key_record kept; /* sealed NULL: it is not kept */
    const char *password;       /* of the file */
    bool password_made;
};

static const char *place_of(const struct made *m) {
    return arena_printf(m->arena, "mdm_keys/%s", uuid_text(m->arena, m->target->enrolment.record.id));
}

static bool open_file(struct core *core, struct http_request *request, struct http_response *response,
                      struct scep_target *target, struct actor *actor, bool *ret_said, struct error *err) {
    TRY(mdm_open(core, request, target, err));
    TRY(mdm_log_in(core, request, response, actor, ret_said, err));
    if (*ret_said)
        return true;
    const struct ca_record *ca = &target->enrolment.ca;
    TRY(actor_may(actor, MAY_CREATE_REQUESTS, ca->organisation_id, ca->id, err));
    return target->settings.mdm.pkcs12 ||
           fail(err, ERROR_FORBIDDEN, "mdm-pkcs12",
                "This template gives out no PKCS#12 (\"pkcs12\" of \"mdm\"); fetch a challenge.");
}

static bool read_password(const struct json *document, struct made *m, struct error *err) {
    uint8_t octets[PASSWORD_OCTETS];
    m->password = NULL;
    if (document != NULL)
        TRY(json_string(document, "password", &m->password, err));
    m->password_made = m->password == NULL;
    if (m->password_made) {
        random_bytes(octets, sizeof octets);
        m->password = hex_encode(m->arena, view_of(octets, sizeof octets));
    }
    return pkcs12_password_check(m->password, err);
}

static bool note(struct tx *tx, const struct made *m, struct uuid request_id, bool again, struct error *err) {
    const struct ca_record *ca = &m->target->enrolment.ca;
    struct json_writer w = json_writer_on(m->arena);
    json_open_object(&w);
    json_put_string(&w, "request", uuid_text(m->arena, request_id));
    json_put_bool(&w, "again", again);
    json_put_bool(&w, "kept", m->kept.sealed != NULL);
    json_close_object(&w);
    return access_note(tx, m->actor,
                       &(struct event_note){.code = "scep.mdm-pkcs12",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "template",
                                            .object = m->target->enrolment.record.slug,
                                            .details = json_written(&w)},
                       err);
}

static bool alongside(struct tx *tx, void *context, const struct request_record *request,
                      struct error *err) {
    struct made *m = context;
    m->kept.request_id = request->id;
    return note(tx, m, request->id, false, err) &&
           (m->kept.sealed == NULL || mdm_key_insert(tx, &m->kept, err));
}

static bool make_key(struct made *m, struct error *err) {
    const struct scep_mdm *mdm = &m->target->settings.mdm;
    TRY(person_key_make(m->core, m->arena, mdm->key_type, &m->key, err));
    if (mdm->keep_days == 0)
        return true;
    m->kept.template_id = m->target->enrolment.record.id;
    m->kept.owner_id = m->actor->user_id;
    m->kept.until_us = clock_now_us() + mdm->keep_days * US_PER_DAY;
    return secret_seal(m->core, m->arena, place_of(m), person_key_pack(m->arena, &m->key),
                       &m->kept.sealed, err);
}

static bool enrol_key(struct made *m, const struct mdm_ticket *ticket, struct enrolled *ret, struct error *err) {
    struct enrolment order = {.template_slug = m->target->enrolment.record.slug,
                              .door = SCEP_PROTOCOL,
                              .requester = m->actor->name,
                              .requester_id = m->actor->user_id,
                              .approved = true,
                              .alongside = alongside,
                              .context = m};
    if (m->target->enrolment.template.approval >= APPROVAL_ALWAYS)
        return fail(err, ERROR_POLICY, "approval-needed",
                    "The template wants a person's approval; a file cannot wait for it.");
    TRY(make_key(m, err));
    TRY(person_key_csr(m->core, m->arena, &m->key, ticket->name, ticket->names, &order.csr, err));
    return enrol(m->core, m->arena, m->actor, &order, ret, err);
}

static bool answer(struct made *m, const struct enrolled *e, struct http_response *response, struct error *err) {
    struct view *ders, file;
    const struct certificate_record *c = &e->certificate;
    struct person_file order = {.password = m->password,
                                .protection = PKCS12_COMPATIBLE,
                                .name = c->common_name[0] == '\0' ? NULL : c->common_name};
    TRY(certificate_chain(m->core, m->arena, c, &ders, &order.count, err));
    order.ders = ders;
    TRY(person_key_pkcs12(m->core, m->arena, &m->key, &order, &file, err));
    struct json_writer w = json_writer_on(m->arena);
    json_open_object(&w);
    put_uuid(&w, "id", e->request.id);
    put_uuid(&w, "certificate", c->id);
    json_put_string(&w, "pkcs12", base64_encode(m->arena, file));
    if (m->password_made)
        json_put_string(&w, "password", m->password);
    json_put_string(&w, "subject", c->subject);
    json_put_time(&w, "notAfter", c->not_after_us);
    if (m->kept.sealed != NULL)
        json_put_time(&w, "keptUntil", m->kept.until_us);
    json_close_object(&w);
    http_add_header(response, "Cache-Control", "no-store");
    reply_json(response, 200, &w);
    return true;
}

HANDLER(scep_mdm_file) {
    static const char *const members[] = {"digitalId", "variables", "password", NULL};
    const struct json *document;
    struct scep_target target;
    struct mdm_ticket ticket;
    struct enrolled enrolled;
    struct actor actor;
    struct made m = {.core = context, .arena = request->arena, .actor = &actor, .target = &target};
    bool said;
    TRY(open_file(context, request, response, &target, &actor, &said, err));
    if (said)
        return true;
    TRY(ask_document(request, members, &document, err));
    TRY(mdm_ticket_of(request->arena, &target.settings.mdm, document, &ticket, err));
    TRY(read_password(document, &m, err));
    TRY(enrol_key(&m, &ticket, &enrolled, err));
    return answer(&m, &enrolled, response, err);
}

static bool find_kept(struct made *m, struct uuid request_id, struct error *err) {
    const struct mdm_key_record which = {.request_id = request_id,
                                         .template_id = m->target->enrolment.record.id,
                                         .owner_id = m->actor->user_id};
    struct view packed;
    bool done = false;
    TX(tx, core_db(m->core), &done, err)
        tx.ok = mdm_key_get(tx.tx, m->arena, &which, clock_now_us(), &m->kept, err);
    TRY(done);
    TRY(secret_open(m->core, m->arena, place_of(m), m->kept.sealed, &packed, err));
    return person_key_unpack(m->arena, packed, &m->key, err);
}

HANDLER(scep_mdm_file_again) {
    static const char *const members[] = {"password", NULL};
    const struct json *document;
    struct scep_target target;
    struct enrolled enrolled;
    struct uuid id;
    struct actor actor;
    struct made m = {.core = context, .arena = request->arena, .actor = &actor, .target = &target};
    bool said, done = false;
    TRY(open_file(context, request, response, &target, &actor, &said, err));
    if (said)
        return true;
    TRY(ask_optional_document(request, members, &document, err));
    TRY(ask_id(request, 1, "request", &id, err));
    TRY(read_password(document, &m, err));
    TRY(find_kept(&m, id, err));
    TRY(enrol_poll_id(context, request->arena, id, &enrolled, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = note(tx.tx, &m, id, true, err);
    return done && answer(&m, &enrolled, response, err);
}
