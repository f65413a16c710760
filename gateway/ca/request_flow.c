#include "ca/request_flow.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "ca/ct.h"
#include "ca/doors.h"
#include "ca/hook.h"
#include "template/policy.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>

bool flow_open(struct core *core, struct arena *arena, struct request_context *c,
               struct error *err) {
    const struct json *document;
    c->core = core;
    if (c->ca.state != CA_ACTIVE)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s is not active%s; it does not issue.", c->ca.slug,
                    c->ca.state == CA_WAITING ? ": it waits for its certificate" : "");
    TRY(json_parse(arena, view_text(c->template_record.document), &document, err));
    TRY(template_from_json(arena, document, &c->template, err));
    TRY(authority_settings(arena, &c->ca, &c->settings, err));
    TRY(authority_urls(core, arena, &c->ca, &c->urls, err));
    TRY(certificate_decode(arena, c->ca.certificate, &c->issuer, err));
    keep_X509(arena, c->issuer);
    return true;
}

bool flow_decode_csr(struct arena *arena, struct view bytes, enum request_proof proof,
                     struct request_context *c, struct error *err) {
    if (proof == PROOF_PROTOCOL)
        TRY(csr_decode_proven(arena, bytes, &c->csr, &c->csr_der, err));
    else
        TRY(csr_decode(arena, bytes, &c->csr, &c->csr_der, err));
    keep_X509_REQ(arena, c->csr);
    return true;
}

bool flow_read_doors(struct tx *tx, struct arena *arena, struct request_context *c, struct error *err) {
    return doors_read(tx, arena, &c->doors_off, err);
}

bool flow_check_door(const struct request_context *c, const char *door, struct error *err) {
    const char *slug = c->template_record.slug;
    TRY(doors_check(&c->doors_off, door, err));
    if (!c->template.enabled)
        return fail(err, ERROR_POLICY, "template-disabled", "The template %s is switched off.",
                    slug);
    for (size_t i = 0; i < c->template.doors.count; i++)
        if (strcmp(c->template.doors.items[i], door) == 0)
            return true;
    return fail(err, ERROR_POLICY, "door",
                "The template %s does not take requests by %s; add it to the template's \"doors\".",
                slug, door);
}

static bool apply(struct arena *arena, struct request_context *c, struct certificate_plan *ret_plan,
                  struct error *err) {
    struct policy_input input = {.template = &c->template,
                                 .urls = &c->urls,
                                 .issuer = c->issuer,
                                 .csr = c->csr,
                                 .proposal = &c->proposal,
                                 .now_us = clock_now_us(),
                                 .related = c->related,
                                 .requester = c->requester,
                                 .door = c->door,
                                 .notes = &c->notes};
    c->notes.count = 0;
    return policy_apply(arena, &input, ret_plan, err);
}

bool flow_apply_policy(struct arena *arena, struct request_context *c,
                       struct certificate_plan *ret_plan, struct error *err) {
    bool changed = false;
    TRY(flow_find_related(arena, c, err));
    TRY(apply(arena, c, ret_plan, err));
    if (*c->template.hook.url == '\0' || c->asks_nobody)
        return true;
    TRY(hook_ask(arena, c, ret_plan, &changed, err));
    if (!changed)
        return true;
    if (!apply(arena, c, ret_plan, err)) {
        error_prefix(err, "After the changes of the policy hook: ");
        return false;
    }
    if (c->notes.count < POLICY_MAX_NOTES)
        c->notes.items[c->notes.count++] = "hook: the policy hook changed what was asked for";
    return true;
}

const char *flow_proposal_text(struct arena *arena, const struct json *proposal) {
    struct json_writer w = json_writer_on(arena);
    if (proposal == NULL || proposal->type != JSON_OBJECT)
        return "{}";
    json_add_value(&w, proposal);
    return json_written(&w);
}

bool flow_fill_request(struct arena *arena, const struct flow_origin *origin,
                       const struct request_context *c, const struct certificate_plan *plan,
                       struct request_record *ret, struct error *err) {
    char *key_type = arena_alloc(arena, KEY_TYPE_SIZE);
    if (!key_type_of(plan->public_key, key_type))
        return fail_internal(err, "key type of an accepted CSR");
    *ret = (struct request_record){
        .id = uuid_new(),
        .ca_id = c->ca.id,
        .template_id = c->template_record.id,
        .organisation_id = c->ca.organisation_id,
        .ca_slug = c->ca.slug,
        .template_slug = c->template_record.slug,
        .template_version = c->template_record.version,
        .state = REQUEST_PENDING,
        .door = origin->door,
        .csr = c->csr_der,
        .proposal = flow_proposal_text(arena, origin->proposal),
        .subject = name_text(arena, plan->subject),
        .sans = san_joined(arena, plan->sans),
        .key_type = key_type,
        .requester_id = origin->requester_id,
        .requester = origin->requester,
        .proof = origin->proof,
        .renews_id = origin->renews_id,
        .reason = "",
        .ca_revision = c->ca.revision,
        .notes = policy_notes_json(arena, &c->notes),
        .created_us = clock_now_us(),
    };
    ret->changed_us = ret->created_us;
    return true;
}

bool flow_note(struct tx *tx, struct arena *arena, const struct actor *actor,
               const struct request_record *request, const char *code, const char *details,
               struct error *err) {
    struct event_note note = {.code = code,
                              .organisation_id = request->organisation_id,
                              .ca_id = request->ca_id,
                              .object_kind = "request",
                              .object = uuid_text(arena, request->id),
                              .details = details};
    return access_note(tx, actor, &note, err);
}

bool flow_insert(struct tx *tx, struct arena *arena, const struct actor *actor,
                 const struct request_record *request, struct error *err) {
    return request_insert(tx, request, err) &&
           flow_note(tx, arena, actor, request, "request.submitted",
                     arena_printf(arena, "{\"notes\":%s}", request->notes), err);
}

bool flow_sign(struct core *core, struct arena *arena, const struct request_context *c,
               const struct certificate_plan *plan, const struct request_record *request,
               struct certificate_record *ret, struct error *err) {
    struct issue_order order = {.ca = &c->ca,
                                .issuer = c->issuer,
                                .settings = &c->settings,
                                .plan = *plan,
                                .template = &c->template,
                                .serial_octets = c->template.serial_octets,
                                .use =
                                    c->template.basic.ca ? CERTIFICATE_CA : CERTIFICATE_END_ENTITY,
                                .template_id = request->template_id,
                                .request_id = request->id,
                                .template_version = request->template_version,
                                .requester = request->requester,
                                .door = request->door};
    if (c->csr != NULL)
        order.plan.spki = X509_REQ_get_X509_PUBKEY(c->csr);
    TRY(flow_check_caa(arena, c, plan, err));
    TRY(issue_sign(core, arena, &order, ret, err));
    ret->template_slug = c->template_record.slug;
    return true;
}

void flow_count_issued(const struct request_context *c, const struct request_record *request) {
    METRIC(issued, METRIC_COUNTER, "gatehouse_certificates_issued_total",
           "Certificates this node has issued by authority and door.", "ca", "door");
    METRIC_ADD(&issued, 1, c->ca.slug, request->door);
}

void flow_mark_issued(struct request_record *request, const struct actor *actor,
                      const struct certificate_record *certificate) {
    request->state = REQUEST_ISSUED;
    request->approver_id = actor->user_id;
    request->certificate_id = certificate->id;
    request->changed_us = certificate->created_us;
}

bool flow_sign_or_wait(struct core *core, struct arena *arena, struct request_context *c,
                       const struct certificate_plan *plan, struct request_record *request,
                       struct certificate_record *ret, bool *ret_waits, struct error *err) {
    struct error why = {0};
    *ret_waits = false;
    if (flow_sign(core, arena, c, plan, request, ret, &why))
        return true;
    if (!ct_waits(&c->template, &why)) {
        *err = why;
        return false;
    }
    *ret_waits = true;
    if (c->notes.count < POLICY_MAX_NOTES)
        c->notes.items[c->notes.count++] =
            arena_printf(arena, "ct: it waits for the logs: %s", why.message);
    request->notes = policy_notes_json(arena, &c->notes);
    return true;
}

bool flow_store_issued(struct tx *tx, const struct actor *actor,
                       const struct request_record *request,
                       const struct certificate_record *certificate, struct error *err) {
    return issue_store(tx, actor, certificate, err) &&
           request_move(tx, request->id,
                        &(struct request_change){request->state, REQUEST_ISSUED, actor->user_id,
                                                 certificate->id, "", certificate->created_us},
                        err);
}

void flow_note_refusal(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct request_context *c, const char *template_slug,
                       const struct error *err) {
    if (err->kind != ERROR_POLICY || uuid_is_nil(c->ca.id))
        return;
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "type", err->type);
    json_put_string(&w, "message", err->message);
    json_close_object(&w);
    struct event_note note = {.code = "submission.refused",
                              .outcome = "refused",
                              .organisation_id = c->ca.organisation_id,
                              .ca_id = c->ca.id,
                              .object_kind = "template",
                              .object = template_slug,
                              .details = json_written(&w)};
    access_note_alone(core, actor, &note);
}
