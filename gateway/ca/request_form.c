/* Requests that begin without a key, and the links by which it comes later. */
#include "ca/request_more.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/request_flow.h"
#include "ca/request_link.h"
#include "x509/csr.h"
#include "x509/key_type.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

static const char ordinary[] = "provider=default";

/* A number that passes for a modulus: making a key of 8192 bits takes seconds, and nobody needs its private half. */
static EVP_PKEY *passing_rsa(unsigned bits) {
    AUTO(BIGNUM) *modulus = BN_new();
    AUTO(BIGNUM) *exponent = BN_new();
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", ordinary);
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;
    if (modulus != NULL && exponent != NULL && parts != NULL && context != NULL && BN_set_word(exponent, RSA_F4) == 1 &&
        BN_rand(modulus, (int)bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD) == 1 &&
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent) == 1 &&
        (parameters = OSSL_PARAM_BLD_to_param(parts)) != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_BLD_free(parts);
    return key;
}

/* Without small factors, which key_check looks for. */
static EVP_PKEY *throwaway_rsa(unsigned bits) {
    struct error weak;
    for (int i = 0; i < 1000; i++) {
        EVP_PKEY *key = passing_rsa(bits);
        if (key == NULL || key_check(key, "stand-in", &weak))
            return key;
        EVP_PKEY_free(key);
    }
    return NULL;
}

/* Of OpenSSL's default provider: nobody gets it, it is gone with the call. */
static EVP_PKEY *throwaway(const char *type) {
    if (strncmp(type, "RSA-", 4) == 0)
        return throwaway_rsa((unsigned)strtoul(type + 4, NULL, 10));
    if (key_type_is_ec(type))
        return EVP_PKEY_Q_keygen(NULL, ordinary, "EC", type);
    return EVP_PKEY_Q_keygen(NULL, ordinary, type);
}

/* Policy looks at a key, too; until there is one, a stand-in of a type that the template allows. */
static bool stand_in(struct arena *arena, const struct template *template, EVP_PKEY **ret_key,
                     struct error *err) {
    static const char *const types[] = {
        "P-256",     "P-384",     "P-521",     "Ed25519",          "Ed448",           "RSA-2048",        "RSA-3072",
        "RSA-4096",  "RSA-6144",  "RSA-7680",  "RSA-8192",         "secp256k1",       "brainpoolP256r1", "brainpoolP384r1",
        "brainpoolP512r1",        "ML-DSA-44", "ML-DSA-65",        "ML-DSA-87",       "SLH-DSA-SHA2-128f",
        "SLH-DSA-SHA2-192f",      "SLH-DSA-SHA2-256f",             "SLH-DSA-SHAKE-128f", "SLH-DSA-SHAKE-192f",
        "SLH-DSA-SHAKE-256f",     "SLH-DSA-SHA2-128s",             "SLH-DSA-SHA2-192s",  "SLH-DSA-SHA2-256s",
        "SLH-DSA-SHAKE-128s",     "SLH-DSA-SHAKE-192s",            "SLH-DSA-SHAKE-256s"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (key_type_allowed(types[i], template->keys.items, template->keys.count)) {
            EVP_PKEY *key = throwaway(types[i]);
            if (key == NULL)
                return fail_internal(err, "a stand-in key of type %s", types[i]);
            *ret_key = keep_EVP_PKEY(arena, key);
            return true;
        }
    return fail(err, ERROR_POLICY, "key-type",
                "The template allows no key type that a request without CSR could be judged with.");
}

bool form_judge(struct arena *arena, struct request_context *c, const struct json *proposal,
                struct certificate_plan *ret_plan, struct error *err) {
    EVP_PKEY *key = NULL;
    X509_REQ *csr = X509_REQ_new();
    c->asks_nobody = true; /* until there is a key: when the CSR comes */
    if (csr == NULL)
        return fail_internal(err, "X509_REQ_new");
    c->csr = keep_X509_REQ(arena, csr);
    TRY(stand_in(arena, &c->template, &key, err));
    if (X509_REQ_set_pubkey(csr, key) != 1)
        return fail_internal(err, "X509_REQ_set_pubkey");
    TRY(proposal_from_json(arena, proposal, &c->proposal, err));
    if (c->proposal.subject == NULL && c->proposal.sans == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "Without \"csr\" the request needs \"subject\" or \"sans\".");
    return flow_apply_policy(arena, c, ret_plan, err);
}

void claim_hash(const char *secret, uint8_t ret_hash[static 32]) {
    SHA256((const unsigned char *)secret, strlen(secret), ret_hash);
}

bool claim_link_new(struct core *core, struct arena *arena, struct uuid request_id, int64_t days,
                    struct claim_link *ret_link, struct claim_record *ret_record,
                    struct error *err) {
    uint8_t octets[32];
    struct core_urls urls;
    int64_t now = clock_now_us();
    if (days < 0 || days > CLAIM_MAX_DAYS)
        return fail(err, ERROR_MALFORMED, "out-of-range", "A claim link lives 1 to %d days.",
                    CLAIM_MAX_DAYS);
    TRY(core_public_urls(core, arena, &urls, err));
    random_bytes(octets, sizeof octets);
    ret_link->secret = base64url_encode(arena, view_of(octets, sizeof octets));
    ret_link->url = arena_printf(arena, "%s/claim/%s", urls.https, ret_link->secret);
    ret_link->expires_us = now + (days == 0 ? CLAIM_DAYS : days) * US_PER_DAY;
    *ret_record = (struct claim_record){
        .request_id = request_id, .created_us = now, .expires_us = ret_link->expires_us};
    claim_hash(ret_link->secret, ret_record->hash);
    return true;
}

static bool may_pre_approve(const struct actor *actor, const struct request_context *c,
                            struct error *err) {
    TRY(flow_check_door(c, "preapproved", err));
    TRY(actor_may(actor, MAY_DECIDE_REQUESTS, c->ca.organisation_id, c->ca.id, err));
    return c->template.approval != APPROVAL_FOUR_EYES ||
           fail(err, ERROR_POLICY, "four-eyes",
                "This template wants two approvers: submit the request, then both approve it.");
}

static bool insert_form(struct tx *tx, struct arena *arena, const struct actor *actor,
                        const struct request_record *request, const struct claim_record *claim,
                        struct error *err) {
    TRY(flow_insert(tx, arena, actor, request, err));
    return claim == NULL || (claim_insert(tx, claim, err) &&
                             flow_note(tx, arena, actor, request, "request.approved", NULL, err));
}

static bool run_alongside(struct tx *tx, const struct form_order *order,
                          const struct request_record *request, struct error *err) {
    return order->alongside == NULL || order->alongside(tx, order->context, request, err);
}

bool request_submit_form(struct core *core, struct arena *arena, const struct actor *actor,
                         const struct form_order *order, struct request_record *ret_request,
                         struct claim_link *ret_link, struct error *err) {
    const struct submission *s = &order->submission;
    struct request_context c = {0};
    struct certificate_plan plan;
    struct request_record request;
    struct claim_record claim;
    struct claim_link link = {0};
    bool done = false;
    TRY(flow_load_template(core, arena, actor, s->template_slug, &c, err));
    TRY(flow_check_door(&c, s->door, err));
    TRY(form_judge(arena, &c, s->proposal, &plan, err));
    struct flow_origin origin = {.door = s->door,
                                 .proposal = s->proposal,
                                 .requester = actor->name,
                                 .requester_id = actor->user_id,
                                 .proof = PROOF_SIGNATURE};
    TRY(flow_fill_request(arena, &origin, &c, &plan, &request, err));
    request.csr = (struct view){NULL, 0};
    request.key_type = "";
    if (order->pre_approved || c.template.approval == APPROVAL_NONE) {
        if (order->pre_approved)
            TRY(may_pre_approve(actor, &c, err));
        TRY(claim_link_new(core, arena, request.id, order->claim_days, &link, &claim, err));
        request.state = REQUEST_AWAITING_CSR;
        request.approver_id = actor->user_id;
    }
    TX(tx, core_db(core), &done, err)
    tx.ok = insert_form(tx.tx, arena, actor, &request, link.secret == NULL ? NULL : &claim, err) &&
            run_alongside(tx.tx, order, &request, err);
    TRY(done);
    *ret_request = request;
    *ret_link = link;
    return true;
}

static bool load_form(struct core *core, struct arena *arena, const struct actor *actor,
                      struct uuid id, struct request_context *c, struct request_record *ret,
                      struct error *err) {
    TRY(flow_load_request(core, arena, actor, id, c, ret, err));
    TRY(actor_may(actor, MAY_DECIDE_REQUESTS, c->ca.organisation_id, c->ca.id, err));
    return ret->csr.len == 0 ||
           fail(err, ERROR_CONFLICT, "has-csr",
                "The request has its CSR; sign it, there is nothing to claim.");
}

static bool check_four_eyes(const struct actor *actor, const struct request_record *request,
                            struct error *err) {
    return request->state != REQUEST_APPROVED ||
           !uuid_equal(request->approver_id, actor->user_id) ||
           fail(err, ERROR_FORBIDDEN, "four-eyes",
                "%.60s approved this request already; the template wants a second person.",
                actor->name);
}

bool request_approve(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid id, int64_t claim_days, struct request_record *ret,
                     struct claim_link *ret_link, struct error *err) {
    struct request_context c = {0};
    struct request_record request;
    struct claim_record claim;
    struct claim_link link = {0};
    bool done = false;
    TRY(load_form(core, arena, actor, id, &c, &request, err));
    if (request.state != REQUEST_PENDING && request.state != REQUEST_APPROVED)
        return fail(err, ERROR_CONFLICT, "request-state", "The request is %s already.",
                    request_state_name(request.state));
    TRY(flow_open(core, arena, &c, err));
    bool four = c.template.approval == APPROVAL_FOUR_EYES;
    if (four)
        TRY(check_four_eyes(actor, &request, err));
    bool goes_out = !four || request.state == REQUEST_APPROVED;
    if (goes_out)
        TRY(claim_link_new(core, arena, id, claim_days, &link, &claim, err));
    struct request_change change = {request.state,
                                    goes_out ? REQUEST_AWAITING_CSR : REQUEST_APPROVED,
                                    actor->user_id,
                                    (struct uuid){{0}},
                                    "",
                                    clock_now_us()};
    TX(tx, core_db(core), &done, err)
    tx.ok = request_move(tx.tx, id, &change, err) &&
            (!goes_out || claim_insert(tx.tx, &claim, err)) &&
            flow_note(tx.tx, arena, actor, &request, "request.approved", NULL, err);
    TRY(done);
    request.state = change.to;
    request.approver_id = actor->user_id;
    request.changed_us = change.now_us;
    *ret = request;
    *ret_link = link;
    return true;
}

bool request_resend(struct core *core, struct arena *arena, const struct actor *actor,
                    struct uuid id, int64_t claim_days, struct request_record *ret,
                    struct claim_link *ret_link, struct error *err) {
    struct request_context c = {0};
    struct request_record request;
    struct claim_record claim;
    struct claim_link link = {0};
    bool done = false;
    TRY(load_form(core, arena, actor, id, &c, &request, err));
    if (request.state != REQUEST_AWAITING_CSR && request.state != REQUEST_EXPIRED)
        return fail(err, ERROR_CONFLICT, "request-state",
                    "The request is %s; only one that waits for its CSR has a link to send again.",
                    request_state_name(request.state));
    TRY(claim_link_new(core, arena, id, claim_days, &link, &claim, err));
    struct request_change change = {
        request.state,   REQUEST_AWAITING_CSR, request.approver_id, (struct uuid){{0}}, "",
        claim.created_us};
    TX(tx, core_db(core), &done, err)
    tx.ok = request_move(tx.tx, id, &change, err) && claim_void(tx.tx, id, claim.created_us, err) &&
            claim_insert(tx.tx, &claim, err) &&
            flow_note(tx.tx, arena, actor, &request, "request.link-renewed", NULL, err);
    TRY(done);
    request.state = REQUEST_AWAITING_CSR;
    request.changed_us = claim.created_us;
    *ret = request;
    *ret_link = link;
    return true;
}

/* The new template's policy says whether it takes what was asked for. */
static bool judge_again(struct arena *arena, struct request_context *c,
                        const struct request_record *request, struct error *err) {
    const struct json *proposal;
    struct certificate_plan plan;
    TRY(json_parse(arena, view_text(request->proposal), &proposal, err));
    if (request->csr.len == 0)
        return form_judge(arena, c, proposal, &plan, err);
    TRY(flow_decode_csr(arena, request->csr, request->proof, c, err));
    TRY(proposal_from_json(arena, proposal, &c->proposal, err));
    return flow_apply_policy(arena, c, &plan, err);
}

bool request_change_template(struct core *core, struct arena *arena, const struct actor *actor,
                             struct uuid id, const char *template_slug, struct request_record *ret,
                             struct error *err) {
    struct request_context old = {0}, c = {0};
    struct request_record request;
    bool done = false;
    TRY(flow_load_request(core, arena, actor, id, &old, &request, err));
    TRY(actor_may(actor, MAY_DECIDE_REQUESTS, old.ca.organisation_id, old.ca.id, err));
    TRY(flow_load_template(core, arena, actor, template_slug, &c, err));
    if (!uuid_equal(c.ca.id, request.ca_id))
        return fail(err, ERROR_POLICY, "other-ca",
                    "The template %s belongs to %s, the request to %s; ask there anew.",
                    template_slug, c.ca.slug, request.ca_slug);
    TRY(flow_check_door(&c, request.door, err));
    TRY(judge_again(arena, &c, &request, err));
    int64_t now = clock_now_us();
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "from", request.template_slug);
    json_put_string(&w, "to", template_slug);
    json_close_object(&w);
    TX(tx, core_db(core), &done, err)
    tx.ok = request_set_template(tx.tx, id, c.template_record.id, c.template_record.version, now,
                                 err) &&
            flow_note(tx.tx, arena, actor, &request, "request.moved", json_written(&w), err);
    return done && request_get(core, arena, actor, id, ret, err);
}

bool request_comment(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid id, const char *text, struct comment_record *ret,
                     struct error *err) {
    struct request_record request;
    bool done = false;
    TRY(request_get(core, arena, actor, id, &request, err));
    TRY(actor_may(actor, MAY_CREATE_REQUESTS, request.organisation_id, request.ca_id, err));
    if (text[0] == '\0' || strlen(text) > MAX_COMMENT)
        return fail(err, ERROR_POLICY, "bad-comment", "A comment has 1 to %d octets.", MAX_COMMENT);
    struct comment_record comment = {.id = uuid_new(),
                                     .request_id = id,
                                     .author_id = actor->user_id,
                                     .author = actor->name,
                                     .text = text,
                                     .created_us = clock_now_us()};
    TX(tx, core_db(core), &done, err)
    tx.ok = comment_insert(tx.tx, &comment, err) &&
            flow_note(tx.tx, arena, actor, &request, "request.commented", NULL, err);
    TRY(done);
    *ret = comment;
    return true;
}

bool request_comments(struct core *core, struct arena *arena, const struct actor *actor,
                      struct uuid id, struct comment_record **ret_items, size_t *ret_count,
                      struct error *err) {
    struct request_record request;
    bool done = false;
    TRY(request_get(core, arena, actor, id, &request, err));
    TX(tx, core_db(core), &done, err)
    tx.ok = comment_list(tx.tx, arena, id, ret_items, ret_count, err);
    return done;
}

static bool expire_one(struct core *core, struct uuid id, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct request_change change = {
        REQUEST_AWAITING_CSR, REQUEST_EXPIRED, (struct uuid){{0}}, (struct uuid){{0}}, "",
        clock_now_us()};
    struct request_record request;
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = request_by_id(tx.tx, arena, &scope_everything, id, &request, err) &&
            request_move(tx.tx, id, &change, err) &&
            flow_note(tx.tx, arena, &actor_system, &request, "request.expired", NULL, err);
    /* Somebody claimed it, or its CA went, meanwhile: fine. */
    return done || err->kind == ERROR_CONFLICT || err->kind == ERROR_NOT_FOUND;
}

bool requests_expire(struct core *core, struct arena *arena, struct error *err) {
    struct uuid *ids;
    size_t count;
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = claim_overdue(tx.tx, arena, clock_now_us(), 1000, &ids, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        TRY(expire_one(core, ids[i], err));
    return true;
}
