#include "ca/enrol.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "ca/ct.h"
#include "ca/opened.h"
#include "ca/request_flow.h"
#include "ca/status_cache.h"
#include "store/templates.h"
#include "template/renewal.h"
#include "x509/csr.h"
#include "x509/san.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct actor actor_device(const char *name, const char *address, const char *request_id) {
    return (struct actor){.name = name, .address = address, .request_id = request_id};
}

/* A stranger does not learn which templates there are behind other doors. */
static bool hide_other_doors(const char *slug, struct error *err) {
    if (err->kind != ERROR_POLICY || strcmp(err->type, "door") != 0)
        return false;
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no template %.63s.", slug);
}

static bool open_target(struct core *core, struct arena *arena, const char *slug, const char *door,
                        struct request_context *c, struct error *err) {
    TRY(opened_target(core, arena, slug, c, err));
    return flow_check_door(c, door, err) || hide_other_doors(slug, err);
}

bool enrol_target(struct core *core, struct arena *arena, const char *template_slug,
                  const char *door, struct enrolment_target *ret, struct error *err) {
    struct request_context c = {0};
    TRY(open_target(core, arena, template_slug, door, &c, err));
    *ret = (struct enrolment_target){c.template_record, c.template, c.ca};
    return true;
}

/* --- the same again, or another --------------------------------------------------------------------- */

static void hash_part(EVP_MD_CTX *hash, struct view part) {
    uint8_t len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)part.len >> (56 - 8 * i));
    EVP_DigestUpdate(hash, len, sizeof len);
    EVP_DigestUpdate(hash, part.at, part.len);
}

struct view enrol_transaction(struct arena *arena, const struct view *parts, size_t count) {
    AUTO(EVP_MD_CTX) *hash = EVP_MD_CTX_new();
    uint8_t *name = arena_alloc(arena, 32);
    bool ok = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        hash_part(hash, parts[i]);
    if (!ok || EVP_DigestFinal_ex(hash, name, NULL) != 1)
        abort();
    return view_of(name, 32);
}

/* What two requests under one transaction must have in common: key, subject, SANs and what came
 * beside. It is taken from what was sent, so that a retry is known even if the template has changed
 * since. */
static bool fingerprint(struct arena *arena, const struct request_context *c,
                        const struct json *proposal, uint8_t ret[static 32], struct error *err) {
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    AUTO(GENERAL_NAMES) *sans = NULL;
    unsigned char *spki = NULL, *subject = NULL;
    int spki_len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(c->csr), &spki);
    int subject_len = i2d_X509_NAME(X509_REQ_get_subject_name(c->csr), &subject);
    bool ok = hash != NULL && spki_len > 0 && subject_len > 0 && csr_sans(c->csr, &sans, err) &&
              EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    if (ok) {
        hash_part(hash, view_of(spki, (size_t)spki_len));
        hash_part(hash, view_of(subject, (size_t)subject_len));
        hash_part(hash, view_text(san_joined(arena, sans)));
        hash_part(hash, view_text(flow_proposal_text(arena, proposal)));
        ok = EVP_DigestFinal_ex(hash, ret, NULL) == 1;
    }
    OPENSSL_free(spki);
    OPENSSL_free(subject);
    EVP_MD_CTX_free(hash);
    return ok || (err->kind != ERROR_NONE ? false : fail_internal(err, "fingerprint of a request"));
}

static bool read_result(struct tx *tx, struct arena *arena, struct uuid request_id,
                        struct enrolled *ret, struct error *err) {
    memset(ret, 0, sizeof *ret);
    TRY(request_by_id(tx, arena, &scope_everything, request_id, &ret->request, err));
    if (ret->request.state != REQUEST_ISSUED)
        return true;
    return certificate_by_id(tx, arena, &scope_everything, ret->request.certificate_id,
                             &ret->certificate, err);
}

static bool same_request(const struct request_transaction *found, const uint8_t wanted[static 32],
                         struct error *err) {
    if (CRYPTO_memcmp(found->fingerprint, wanted, sizeof found->fingerprint) == 0)
        return true;
    return fail(
        err, ERROR_CONFLICT, "transaction-reused",
        "This transaction belongs to another request: key, subject or names differ. Start a new "
        "transaction for a new request.");
}

/* What was answered before under this transaction, if anything. */
static bool find_earlier(struct core *core, struct arena *arena, struct request_transaction *x,
                         const uint8_t wanted[static 32], struct enrolled *ret, bool *ret_found,
                         struct error *err) {
    bool done = false, found = false;
    if (x->transaction.len == 0) {
        *ret_found = false;
        return true;
    }
    TX(tx, core_db(core), &done, err) {
        tx.ok = request_transaction_find(tx.tx, x, &found, err) &&
                (!found || (same_request(x, wanted, err) &&
                            read_result(tx.tx, arena, x->request_id, ret, err)));
    }
    *ret_found = found;
    return done;
}

/* --- renewal
 * ------------------------------------------------------------------------------------------- */

/* The old certificate must be of this CA and neither revoked nor, by its dates, over. */
static bool check_renewal(struct core *core, struct arena *arena, const struct request_context *c,
                          struct uuid id, struct certificate_record *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = certificate_by_id(tx.tx, arena, &scope_everything, id, ret, err);
    TRY(done);
    return renewal_check(&c->template, &c->ca, ret, clock_now_us(), err);
}

/* --- asking
 * -------------------------------------------------------------------------------------------- */

struct order {
    const struct enrolment *enrolment;
    const struct actor *actor;
    struct request_context context;
    struct certificate_plan plan;
    struct request_record request;
    struct certificate_record certificate, renewed;
    struct request_transaction transaction;
    struct arena *arena;
    bool at_once, supersede, waits;
};

static bool read_csr(struct arena *arena, const struct enrolment *e, struct request_context *c,
                     struct error *err) {
    if (e->opened == NULL)
        return flow_decode_csr(arena, e->csr, e->proven ? PROOF_PROTOCOL : PROOF_SIGNATURE, c, err);
    c->csr = e->opened;
    c->csr_der = e->csr;
    return true;
}

/* Reads what was sent, up to where a retry can be told from a new request. */
static bool read_order(struct core *core, struct arena *arena, struct order *o, struct error *err) {
    const struct enrolment *e = o->enrolment;
    struct request_context *c = &o->context;
    struct request_transaction *x = &o->transaction;
    if (e->transaction.len > MAX_TRANSACTION)
        return fail(err, ERROR_MALFORMED, "transaction-too-long",
                    "The transaction's name has %zu octets; %d is the most.", e->transaction.len,
                    MAX_TRANSACTION);
    TRY(open_target(core, arena, e->template_slug, e->door, c, err));
    TRY(read_csr(arena, e, c, err));
    x->template_id = c->template_record.id;
    x->door = e->door;
    x->transaction = e->transaction;
    return fingerprint(arena, c, e->proposal, x->fingerprint, err);
}

/* Judges it; nothing is stored or signed yet. */
static bool judge(struct core *core, struct arena *arena, struct order *o, struct error *err) {
    const struct enrolment *e = o->enrolment;
    struct request_context *c = &o->context;
    TRY(proposal_from_json(arena, e->proposal, &c->proposal, err));
    if (!uuid_is_nil(e->renews)) {
        TRY(check_renewal(core, arena, c, e->renews, &o->renewed, err));
        TRY(renewal_copy_names(arena, &c->template, &o->renewed, &c->proposal, err));
        o->supersede = renewal_revokes(&c->template);
    }
    c->requester = e->requester;
    c->door = e->door;
    c->account_url = e->account_url;
    TRY(flow_apply_policy(arena, c, &o->plan, err));
    struct flow_origin origin = {.door = e->door,
                                 .proposal = e->proposal,
                                 .requester = e->requester,
                                 .requester_id = e->requester_id,
                                 .renews_id = e->renews,
                                 .proof = e->proven ? PROOF_PROTOCOL : PROOF_SIGNATURE};
    TRY(flow_fill_request(arena, &origin, c, &o->plan, &o->request, err));
    o->transaction.request_id = o->request.id;
    o->at_once = c->template.approval == APPROVAL_NONE ||
                 (c->template.approval == APPROVAL_ROLE && e->approved);
    return true;
}

static bool store_transaction(struct tx *tx, const struct order *o, struct error *err) {
    return o->transaction.transaction.len == 0 ||
           request_transaction_insert(tx, &o->transaction, err);
}

static bool store(struct tx *tx, void *context, struct error *err) {
    struct order *o = context;
    const struct enrolment *e = o->enrolment;
    TRY(store_transaction(tx, o, err));
    TRY(flow_insert(tx, o->arena, o->actor, &o->request, err));
    if (o->waits)
        TRY(ct_wait(tx, o->arena, o->actor, &o->request, NULL, err));
    if (o->at_once)
        TRY(issue_store(tx, o->actor, &o->certificate, err));
    if (o->at_once && o->supersede)
        TRY(flow_supersede(tx, o->arena, o->actor, &o->renewed, err));
    return e->alongside == NULL || e->alongside(tx, e->context, &o->request, err);
}

static bool answer_earlier(struct core *core, struct arena *arena, const struct order *o,
                           struct enrolled *ret, bool *ret_found, struct error *err) {
    struct request_transaction x = o->transaction;
    return find_earlier(core, arena, &x, o->transaction.fingerprint, ret, ret_found, err);
}

static bool ask(struct core *core, struct arena *arena, struct order *o, struct enrolled *ret,
                struct error *err) {
    bool found;
    TRY(read_order(core, arena, o, err));
    if (!o->enrolment->first) {
        TRY(answer_earlier(core, arena, o, ret, &found, err));
        if (found)
            return true;
    }
    TRY(judge(core, arena, o, err));
    if (o->at_once)
        TRY(flow_sign_or_wait(core, arena, &o->context, &o->plan, &o->request, &o->certificate,
                              &o->waits, err));
    o->at_once = o->at_once && !o->waits;
    if (o->at_once)
        flow_mark_issued(&o->request, o->actor, &o->certificate);
    bool done = tx_together(core_db(core), store, o, err);
    if (!done && strcmp(err->type, "transaction-known") == 0) { /* another was quicker with the same */
        TRY(answer_earlier(core, arena, o, ret, &found, err));
        return found || fail(err, ERROR_UNAVAILABLE, "transaction-busy",
                             "The same transaction is being worked on; try again.");
    }
    TRY(done);
    if (o->at_once && o->supersede)
        status_cache_forget(core);
    if (o->at_once)
        flow_count_issued(&o->context, &o->request);
    *ret = (struct enrolled){o->request, o->certificate};
    return true;
}

METRIC(enrolments, METRIC_COUNTER, "gatehouse_enrolments_total",
       "What became of enrolments through protocols (repetitions count again).", "door", "outcome");

bool enrol(struct core *core, struct arena *arena, const struct actor *actor,
           const struct enrolment *enrolment, struct enrolled *ret, struct error *err) {
    struct order order = {0};
    struct enrolled result;
    for (int again = 0; again < 2; again++) {
        order = (struct order){.enrolment = enrolment, .actor = actor, .arena = arena};
        if (ask(core, arena, &order, &result, err)) {
            bool issued = result.request.state == REQUEST_ISSUED;
            METRIC_ADD(&enrolments, 1, enrolment->door, issued ? "issued" : "waiting");
            *ret = result;
            return true;
        }
        if (!opened_was_old(core, err))
            break;
    }
    METRIC_ADD(&enrolments, 1, enrolment->door, "refused");
    flow_note_refusal(core, arena, actor, &order.context, enrolment->template_slug, err);
    return false;
}

bool enrol_poll(struct core *core, struct arena *arena, const char *template_slug, const char *door,
                struct view transaction, struct enrolled *ret, struct error *err) {
    struct request_transaction x = {.door = door, .transaction = transaction};
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct template_record record;
        bool found = false;
        tx.ok = template_by_slug(tx.tx, arena, &scope_everything, template_slug, &record, err);
        x.template_id = record.id;
        tx.ok = tx.ok && request_transaction_find(tx.tx, &x, &found, err) &&
                (found ||
                 fail(err, ERROR_NOT_FOUND, "not-found",
                      "There is no such transaction under the template %.63s.", template_slug)) &&
                read_result(tx.tx, arena, x.request_id, ret, err);
    }
    return done;
}

bool enrol_poll_id(struct core *core, struct arena *arena, struct uuid request_id,
                   struct enrolled *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = read_result(tx.tx, arena, request_id, ret, err);
    return done;
}

bool enrol_certificate(struct core *core, struct arena *arena, struct view der,
                       struct certificate_record *ret, struct error *err) {
    uint8_t hash[32];
    bool done = false;
    if (EVP_Digest(der.at, der.len, hash, NULL, EVP_sha256(), NULL) != 1)
        return fail_internal(err, "fingerprint of a certificate");
    TX(tx, core_db(core), &done, err)
    tx.ok = certificate_by_fingerprint(tx.tx, arena, hash, ret, err);
    return done;
}
