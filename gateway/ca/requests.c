#include "ca/opened.h"
#include "ca/request_flow.h"

#include "base/clock.h"
#include "ca/ct.h"
#include "ca/key_challenge.h"
#include "ca/status_cache.h"
#include "template/renewal.h"

#include <string.h>

bool flow_load_template(struct core *core, struct arena *arena, const struct actor *actor,
                          const char *slug, struct request_context *c, struct error *err) {
    struct scope scope;
    TRY(opened_target(core, arena, slug, c, err));
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    if (!scope_covers(&scope, c->ca.organisation_id, c->ca.id))
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no template \"%s\".", slug);
    return actor_may(actor, MAY_CREATE_REQUESTS, c->ca.organisation_id, c->ca.id, err);
}

static bool issue_at_once(const struct request_context *c, const struct actor *actor, bool wanted,
                          bool *ret_at_once, struct error *err) {
    *ret_at_once = c->template.approval == APPROVAL_NONE;
    if (*ret_at_once || !wanted)
        return true;
    TRY(actor_may(actor, MAY_DECIDE_REQUESTS, c->ca.organisation_id, c->ca.id, err));
    *ret_at_once = c->template.approval == APPROVAL_ROLE;
    return true;
}

struct stored {
    struct arena *arena;
    const struct actor *actor;
    const struct request_record *request;
    const struct certificate_record *certificate;
    const struct certificate_record *renewed; /* to be superseded, or NULL */
    const struct json *overrides;
    bool waits; /* for logs, see ct_wait */
};

static bool store(struct tx *tx, void *context, struct error *err) {
    const struct stored *s = context;
    return flow_insert(tx, s->arena, s->actor, s->request, err) &&
           (!s->waits || ct_wait(tx, s->arena, s->actor, s->request, NULL, err)) &&
           (s->request->state != REQUEST_ISSUED || issue_store(tx, s->actor, s->certificate, err));
}

static bool submit(struct core *core, struct arena *arena, const struct actor *actor,
                   const struct submission *submission, struct request_context *context,
                   struct request_record *ret_request, struct certificate_record *ret_certificate,
                   struct error *err) {
    struct certificate_plan plan;
    struct request_record request;
    struct certificate_record certificate = {0};
    bool at_once, waits = false;
    TRY(flow_load_template(core, arena, actor, submission->template_slug, context, err));
    TRY(flow_check_door(context, submission->door, err));
    bool unsigned_too = context->template.proof == PROOF_RULE_NONE || submission->key_proof != NULL;
    enum request_proof proof = unsigned_too ? PROOF_PROTOCOL : PROOF_SIGNATURE;
    TRY(flow_decode_csr(arena, submission->csr, proof, context, err));
    if (submission->key_proof != NULL)
        TRY(key_challenge_check(core, arena, context->template_record.id, X509_REQ_get0_pubkey(context->csr),
                                submission->key_proof, err));
    TRY(proposal_from_json(arena, submission->proposal, &context->proposal, err));
    context->requester = actor->name;
    context->door = submission->door;
    TRY(flow_apply_policy(arena, context, &plan, err));
    TRY(issue_at_once(context, actor, submission->issue, &at_once, err));
    if (submission->now_or_never && !at_once)
        return fail(err, ERROR_POLICY, "approval-needed",
                    "The template %s wants an approval first, and a key that is made here is handed out at "
                    "once or not at all: ask without a CSR; when that is approved, the claim link makes "
                    "the key.",
                    submission->template_slug);
    if (!uuid_is_nil(submission->renews.id))
        TRY(renewal_check(&context->template, &context->ca, &submission->renews, clock_now_us(), err));
    struct flow_origin origin = {.door = submission->door,
                                 .proposal = submission->proposal,
                                 .requester = actor->name,
                                 .requester_id = actor->user_id,
                                 .renews_id = submission->renews.id,
                                 .proof = proof};
    TRY(flow_fill_request(arena, &origin, context, &plan, &request, err));
    if (at_once)
        TRY(flow_sign_or_wait(core, arena, context, &plan, &request, &certificate, &waits, err));
    if (waits && submission->now_or_never)
        return fail(err, ERROR_UNAVAILABLE, "ct-unavailable",
                    "The transparency logs gave too few timestamps; try again later.");
    at_once = at_once && !waits;
    if (at_once)
        flow_mark_issued(&request, actor, &certificate);
    struct stored stored = {.arena = arena,
                            .actor = actor,
                            .request = &request,
                            .certificate = &certificate,
                            .waits = waits};
    TRY(tx_together(core_db(core), store, &stored, err));
    if (at_once)
        flow_count_issued(context, &request);
    *ret_request = request;
    *ret_certificate = certificate;
    return true;
}

bool request_submit(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct submission *submission, struct request_record *ret_request,
                    struct certificate_record *ret_certificate, struct error *err) {
    struct request_context context = {0};
    for (int again = 0; again < 2; again++) {
        context = (struct request_context){0};
        if (submit(core, arena, actor, submission, &context, ret_request, ret_certificate, err))
            return true;
        if (!opened_was_old(core, err))
            break;
    }
    flow_note_refusal(core, arena, actor, &context, submission->template_slug, err);
    return false;
}

bool request_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                 struct request_record *ret, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_REQUESTS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = request_by_id(tx.tx, arena, &scope, id, ret, err);
    return done;
}

bool request_page(struct core *core, struct arena *arena, const struct actor *actor,
                  const char *ca_slug, enum request_state state, const struct page *page,
                  struct request_record **ret_items, size_t *ret_count, const char **ret_next,
                  struct error *err) {
    struct scope scope, cas;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_REQUESTS, &scope);
    actor_scope(arena, actor, MAY_READ_CAS, &cas);
    scope.own_only = scope.own_only || page->mine;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca = {0};
        tx.ok = (ca_slug == NULL || ca_by_slug(tx.tx, arena, &cas, ca_slug, &ca, err)) &&
                request_list(tx.tx, arena, &scope, ca.id, state, page, ret_items, ret_count, ret_next,
                             err);
    }
    return done;
}

bool request_count_all(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *ca_slug, enum request_state state, unsigned most, size_t *ret_count,
                       struct error *err) {
    struct scope scope, cas;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_REQUESTS, &scope);
    actor_scope(arena, actor, MAY_READ_CAS, &cas);
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca = {0};
        tx.ok = (ca_slug == NULL || ca_by_slug(tx.tx, arena, &cas, ca_slug, &ca, err)) &&
                request_count(tx.tx, arena, &scope, ca.id, state, most, ret_count, err);
    }
    return done;
}

/* The request with its CA and the version of the template it was made under. */
bool flow_load_request(struct core *core, struct arena *arena, const struct actor *actor,
                         struct uuid id, struct request_context *c, struct request_record *ret,
                         struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_REQUESTS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = request_by_id(tx.tx, arena, &scope, id, ret, err) &&
                ca_by_id(tx.tx, arena, &scope_everything, ret->ca_id, &c->ca, err) &&
                template_version(tx.tx, arena, ret->template_id, ret->template_version,
                                 &c->template_record, err);
    return done;
}

static bool already_issued(struct core *core, struct arena *arena,
                           const struct request_record *request,
                           struct certificate_record *ret_certificate, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = certificate_by_id(tx.tx, arena, &scope_everything, request->certificate_id,
                                  ret_certificate, err);
    return done;
}

static bool wrong_state(const struct request_record *request, struct error *err) {
    return fail(err, ERROR_CONFLICT, "request-state",
                "The request is %s already; only an open request can be decided.",
                request_state_name(request->state));
}

/* The approver's values over the requester's, member by member. */
static bool merge_overrides(struct arena *arena, const struct request_record *request,
                            const struct json *overrides, struct proposal *ret, struct error *err) {
    const struct json *document;
    struct proposal over;
    TRY(json_parse(arena, view_text(request->proposal), &document, err));
    TRY(proposal_from_json(arena, document, ret, err));
    TRY(proposal_from_json(arena, overrides, &over, err));
    proposal_merge(ret, &over);
    return true;
}

static bool is_empty(const struct json *overrides) {
    return overrides == NULL || overrides->type == JSON_NULL || overrides->count == 0;
}

/* Four eyes: the first of two different people agrees. */
static bool approve_first(struct core *core, struct arena *arena, const struct actor *actor,
                          struct request_record *request, struct error *err) {
    bool done = false;
    int64_t now = clock_now_us();
    TX(tx, core_db(core), &done, err)
        tx.ok = request_move(tx.tx, request->id,
                &(struct request_change){REQUEST_PENDING, REQUEST_APPROVED, actor->user_id,
                                         (struct uuid){{0}}, "", now},
                err) &&
                flow_note(tx.tx, arena, actor, request, "request.approved", NULL, err);
    TRY(done);
    request->state = REQUEST_APPROVED;
    request->approver_id = actor->user_id;
    request->changed_us = now;
    return true;
}

static bool four_eyes(const struct actor *actor, const struct request_record *request,
                      const struct json *overrides, struct error *err) {
    if (!is_empty(overrides))
        return fail(err, ERROR_POLICY, "four-eyes",
                    "This template wants two approvers, who must approve the same thing: overrides are "
                    "not possible. Decline it and ask for a request with the right values.");
    if (request->state == REQUEST_APPROVED && uuid_equal(request->approver_id, actor->user_id))
        return fail(err, ERROR_FORBIDDEN, "four-eyes",
                    "%.60s approved this request already; the template wants a second person.",
                    actor->name);
    return true;
}

static bool store_decided(struct tx *tx, void *context, struct error *err) {
    const struct stored *s = context;
    if (s->waits)
        return ct_wait(tx, s->arena, s->actor, s->request, s->overrides, err);
    return flow_store_issued(tx, s->actor, s->request, s->certificate, err) &&
           (s->renewed == NULL || flow_supersede(tx, s->arena, s->actor, s->renewed, err));
}

/* Names of the old certificate, and what becomes of it, when this renews one. */
static bool find_renewed(struct core *core, struct arena *arena, struct request_context *c,
                         const struct request_record *request, struct certificate_record *ret,
                         struct error *err) {
    bool done = false;
    if (uuid_is_nil(request->renews_id))
        return true;
    TX(tx, core_db(core), &done, err)
        tx.ok = certificate_by_id(tx.tx, arena, &scope_everything, request->renews_id, ret, err);
    TRY(done);
    return renewal_copy_names(arena, &c->template, ret, &c->proposal, err);
}

bool flow_finish(struct core *core, struct arena *arena, const struct actor *actor,
                 struct request_context *c, const struct json *overrides,
                 struct request_record *request, struct certificate_record *ret, struct error *err) {
    struct certificate_plan plan;
    struct certificate_record certificate = {0}, renewed = {0};
    bool waits;
    TRY(flow_decode_csr(arena, request->csr, request->proof, c, err));
    TRY(merge_overrides(arena, request, overrides, &c->proposal, err));
    TRY(find_renewed(core, arena, c, request, &renewed, err));
    c->requester = request->requester;
    c->door = request->door;
    c->approver = actor->name;
    TRY(flow_apply_policy(arena, c, &plan, err));
    TRY(flow_sign_or_wait(core, arena, c, &plan, request, &certificate, &waits, err));
    bool supersede = !waits && !uuid_is_nil(renewed.id) && !renewed.revoked &&
                     renewal_revokes(&c->template);
    struct stored stored = {.arena = arena,
                            .actor = actor,
                            .request = request,
                            .certificate = &certificate,
                            .renewed = supersede ? &renewed : NULL,
                            .overrides = overrides,
                            .waits = waits};
    TRY(tx_together(core_db(core), store_decided, &stored, err));
    if (supersede)
        status_cache_forget(core);
    if (!waits) {
        flow_count_issued(c, request);
        request->state = REQUEST_ISSUED;
        request->certificate_id = certificate.id;
        request->changed_us = certificate.created_us;
    }
    *ret = certificate;
    return true;
}

bool request_sign(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                  const struct json *overrides, struct request_record *ret_request,
                  struct certificate_record *ret_certificate, struct error *err) {
    struct request_context c = {0};
    struct request_record request;
    struct certificate_record none = {0};
    TRY(flow_load_request(core, arena, actor, id, &c, &request, err));
    TRY(actor_may(actor, MAY_DECIDE_REQUESTS, c.ca.organisation_id, c.ca.id, err));
    if (request.state == REQUEST_ISSUED) {
        TRY(already_issued(core, arena, &request, ret_certificate, err));
        *ret_request = request;
        return true;
    }
    if (request.state != REQUEST_PENDING && request.state != REQUEST_APPROVED)
        return wrong_state(&request, err);
    if (request.csr.len == 0)
        return fail(err, ERROR_CONFLICT, "no-csr",
                    "The request has no CSR, so there is no key to certify yet: approve it, and its claim "
                    "link takes the CSR.");
    TRY(flow_open(core, arena, &c, err));
    if (c.template.approval == APPROVAL_FOUR_EYES) {
        TRY(four_eyes(actor, &request, overrides, err));
        if (request.state == REQUEST_PENDING) {
            TRY(approve_first(core, arena, actor, &request, err));
            *ret_request = request;
            *ret_certificate = none;
            return true;
        }
    }
    TRY(flow_finish(core, arena, actor, &c, overrides, &request, ret_certificate, err));
    *ret_request = request;
    return true;
}

bool flow_close(struct core *core, struct arena *arena, const struct actor *actor,
                struct request_record *request, enum request_state to, const char *reason,
                          struct error *err) {
    int64_t now = clock_now_us();
    bool done = false;
    if (strlen(reason) > 500)
        return fail(err, ERROR_POLICY, "too-long", "The reason is longer than 500 bytes.");
    if (request->state != REQUEST_PENDING && request->state != REQUEST_APPROVED &&
        request->state != REQUEST_AWAITING_CSR)
        return wrong_state(request, err);
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "reason", reason);
    json_close_object(&w);
    TX(tx, core_db(core), &done, err)
        tx.ok = request_move(tx.tx, request->id,
                &(struct request_change){request->state, to, request->approver_id,
                                         (struct uuid){{0}}, reason, now},
                err) &&
                flow_note(tx.tx, arena, actor, request,
                             to == REQUEST_DECLINED ? "request.declined" : "request.cancelled",
                             json_written(&w), err);
    TRY(done);
    request->state = to;
    request->reason = reason;
    request->changed_us = now;
    return true;
}

bool request_decline(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid id, const char *reason, struct request_record *ret,
                     struct error *err) {
    struct request_record request;
    TRY(request_get(core, arena, actor, id, &request, err));
    TRY(actor_may(actor, MAY_DECIDE_REQUESTS, request.organisation_id, request.ca_id, err));
    TRY(flow_close(core, arena, actor, &request, REQUEST_DECLINED, reason, err));
    *ret = request;
    return true;
}

bool request_cancel(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                    const char *reason, struct request_record *ret, struct error *err) {
    struct request_record request;
    TRY(request_get(core, arena, actor, id, &request, err));
    if (uuid_is_nil(actor->user_id) || !uuid_equal(request.requester_id, actor->user_id))
        TRY(actor_may(actor, MAY_DECIDE_REQUESTS, request.organisation_id, request.ca_id, err));
    TRY(flow_close(core, arena, actor, &request, REQUEST_CANCELLED, reason, err));
    *ret = request;
    return true;
}
