/* The other end of a claim link. */
#include "ca/request_link.h"

#include "base/clock.h"
#include "ca/doors.h"
#include "x509/name.h"

#include <string.h>

struct claim {
    struct request_context context;
    struct request_record request;
    struct claim_record record;
};

static bool no_such(struct error *err) {
    return fail(err, ERROR_NOT_FOUND, "not-found",
                "There is no such claim link, or it has been used or is over; ask for a new one.");
}

static bool read_claim(struct tx *tx, struct arena *arena, const char *secret, struct claim *claim,
                       struct error *err) {
    uint8_t hash[32];
    claim_hash(secret, hash);
    TRY(claim_find(tx, hash, &claim->record, err));
    TRY(request_by_id(tx, arena, &scope_everything, claim->record.request_id, &claim->request,
                      err));
    return ca_by_id(tx, arena, &scope_everything, claim->request.ca_id, &claim->context.ca, err) &&
           template_version(tx, arena, claim->request.template_id, claim->request.template_version,
                            &claim->context.template_record, err) &&
           flow_read_doors(tx, arena, &claim->context, err);
}

static bool open_claim(struct core *core, struct arena *arena, const char *secret,
                       struct claim *claim, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = read_claim(tx.tx, arena, secret, claim, err);
    if (!done)
        return err->kind == ERROR_NOT_FOUND ? no_such(err) : false;
    if (claim->record.spent_us != 0 || claim->record.expires_us <= clock_now_us() ||
        claim->request.state != REQUEST_AWAITING_CSR)
        return no_such(err);
    TRY(doors_check(&claim->context.doors_off, "preapproved", err));
    claim->context.requester = claim->request.requester;
    claim->context.door = claim->request.door;
    return flow_open(core, arena, &claim->context, err);
}

bool claim_look(struct core *core, struct arena *arena, const char *secret, struct claim_offer *ret,
                struct error *err) {
    struct claim *claim = arena_alloc(arena, sizeof *claim);
    TRY(open_claim(core, arena, secret, claim, err));
    *ret = (struct claim_offer){claim->request, claim->context.template.keys,
                                claim->record.expires_us, claim->context.ca.name,
                                claim->context.template_record.name};
    return true;
}

/* What was approved, and nothing of the CSR but its key. */
static bool approved_names(struct arena *arena, struct claim *claim, struct error *err) {
    struct proposal *p = &claim->context.proposal;
    const struct json *document;
    TRY(json_parse(arena, view_text(claim->request.proposal), &document, err));
    TRY(proposal_from_json(arena, document, p, err));
    if (p->subject == NULL)
        p->subject = keep_X509_NAME(arena, X509_NAME_new());
    if (p->sans == NULL)
        p->sans = keep_GENERAL_NAMES(arena, GENERAL_NAMES_new());
    return (p->subject != NULL && p->sans != NULL) || fail_internal(err, "empty names");
}

bool claim_deliver(struct core *core, struct arena *arena, const struct actor *actor,
                   const char *secret, struct view csr, struct request_record *ret_request,
                   struct certificate_record *ret_certificate, struct error *err) {
    struct claim *claim = arena_alloc(arena, sizeof *claim);
    struct certificate_plan plan;
    struct certificate_record certificate;
    char key_type[KEY_TYPE_SIZE];
    bool done = false;
    TRY(open_claim(core, arena, secret, claim, err));
    TRY(flow_decode_csr(arena, csr, PROOF_SIGNATURE, &claim->context, err));
    TRY(approved_names(arena, claim, err));
    TRY(flow_apply_policy(arena, &claim->context, &plan, err));
    if (!key_type_of(plan.public_key, key_type))
        return fail_internal(err, "key type of an accepted CSR");
    TRY(flow_sign(core, arena, &claim->context, &plan, &claim->request, &certificate, err));
    TX(tx, core_db(core), &done, err)
    tx.ok = claim_spend(tx.tx, claim->record.hash, clock_now_us(), err) &&
            request_set_csr(tx.tx, claim->request.id, claim->context.csr_der, key_type, err) &&
            flow_store_issued(tx.tx, actor, &claim->request, &certificate, err) &&
            flow_note(tx.tx, arena, actor, &claim->request, "request.claimed", NULL, err);
    TRY(done);
    claim->request.csr = claim->context.csr_der;
    claim->request.key_type = arena_strdup(arena, key_type);
    claim->request.state = REQUEST_ISSUED;
    claim->request.certificate_id = certificate.id;
    *ret_request = claim->request;
    *ret_certificate = certificate;
    return true;
}
