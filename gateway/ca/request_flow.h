/* The steps of a request that every door takes: REST and the pages (requests.c), the protocols (enrol.c).
 * For files of this room alone. */
#ifndef GATEHOUSE_CA_REQUEST_FLOW_H
#define GATEHOUSE_CA_REQUEST_FLOW_H

#include "ca/issue.h"
#include "store/templates.h"
#include "template/policy.h"

/* Everything a request needs to be judged, read in one transaction. */
struct request_context {
    struct ca_record ca;
    struct template_record template_record;
    struct template template;
    struct ca_settings settings; /* of the CA */
    struct ca_urls urls;
    X509 *issuer;  /* shared; the arena drops it */
    X509_REQ *csr; /* likewise */
    struct view csr_der;
    struct proposal proposal;
    const char *requester, *door; /* for the template's expressions; may be NULL */
    struct core *core;
    struct text_list doors_off;   /* closed on the whole instance */
    bool asks_nobody;             /* a preview, or a request that has no key yet: the hook is left alone */
    const char *approver;         /* who signs now, when that is later than the request; or NULL */
    const char *account_url;      /* see struct enrolment */
    const char *related;          /* "sha256:HEX" of the certificate that the CSR proves besides; or NULL */
    struct policy_notes notes;    /* what policy left out or changed of what was asked for */
};

/* A template that the actor may ask under, and its CA, opened. */
MUST_USE bool flow_load_template(struct core *core, struct arena *arena, const struct actor *actor,
                                 const char *slug, struct request_context *c, struct error *err);
/* The request with its CA and the version of the template it was made under; not opened. */
MUST_USE bool flow_load_request(struct core *core, struct arena *arena, const struct actor *actor,
                                struct uuid id, struct request_context *c,
                                struct request_record *ret, struct error *err);
/* Parses what the records hold: template, URLs, issuer. ERROR_CONFLICT "ca-state". */
MUST_USE bool flow_open(struct core *core, struct arena *arena, struct request_context *c,
                        struct error *err);
/* The instance's closed doors, in a transaction that is open anyway. */
MUST_USE bool flow_read_doors(struct tx *tx, struct arena *arena, struct request_context *c, struct error *err);
MUST_USE bool flow_check_door(const struct request_context *c, const char *door, struct error *err);
MUST_USE bool flow_decode_csr(struct arena *arena, struct view bytes, enum request_proof proof,
                              struct request_context *c, struct error *err);
/* The template's policy and then its hook, whose changes are judged again by the policy. No transaction is open. */
MUST_USE bool flow_apply_policy(struct arena *arena, struct request_context *c,
                                struct certificate_plan *ret_plan, struct error *err);

/* By which door a request came, from whom, and with what beside the CSR. */
struct flow_origin {
    const char *door;
    const struct json *proposal; /* or NULL */
    const char *requester;
    struct uuid requester_id, renews_id; /* or nil */
    enum request_proof proof;
};
const char *flow_proposal_text(struct arena *arena, const struct json *proposal); /* "{}" for none */
/* The record, pending; not stored yet. */
MUST_USE bool flow_fill_request(struct arena *arena, const struct flow_origin *origin,
                                const struct request_context *c, const struct certificate_plan *plan,
                                struct request_record *ret, struct error *err);
MUST_USE bool flow_note(struct tx *tx, struct arena *arena, const struct actor *actor,
                        const struct request_record *request, const char *code, const char *details,
                        struct error *err);
/* Stores it with its event "request.submitted". */
MUST_USE bool flow_insert(struct tx *tx, struct arena *arena, const struct actor *actor,
                          const struct request_record *request, struct error *err);
/* rfc9763#3: finds and checks the certificate that the CSR names, when the template takes such: c->related. No
 * transaction is open. */
MUST_USE bool flow_find_related(struct arena *arena, struct request_context *c, struct error *err);
/* rfc8659: whether the CAA records of the DNS names let this CA issue, when the template asks. No transaction
 * is open. */
MUST_USE bool flow_check_caa(struct arena *arena, const struct request_context *c,
                             const struct certificate_plan *plan, struct error *err);
/* Signs under the CA of the context; nothing is stored yet. */
MUST_USE bool flow_sign(struct core *core, struct arena *arena, const struct request_context *c,
                        const struct certificate_plan *plan, const struct request_record *request,
                        struct certificate_record *ret, struct error *err);
/* The request as it is when `certificate` has come of it at once. */
void flow_mark_issued(struct request_record *request, const struct actor *actor,
                      const struct certificate_record *certificate);
/* The same; but when the template says so and the CT logs are to blame, *ret_waits is true, nothing is signed, and
 * the caller stores the request as one that waits (ct_wait). */
MUST_USE bool flow_sign_or_wait(struct core *core, struct arena *arena, struct request_context *c,
                                const struct certificate_plan *plan, struct request_record *request,
                                struct certificate_record *ret, bool *ret_waits, struct error *err);
/* Signs a request that was stored before, and stores the outcome: issued, with the old certificate superseded when
 * it renews one and the template says so; or, with ret->id nil, waiting. Permissions are the caller's. */
MUST_USE bool flow_finish(struct core *core, struct arena *arena, const struct actor *actor,
                          struct request_context *c, const struct json *overrides,
                          struct request_record *request, struct certificate_record *ret,
                          struct error *err);
/* Declines or cancels it for a reason. */
MUST_USE bool flow_close(struct core *core, struct arena *arena, const struct actor *actor,
                         struct request_record *request, enum request_state to, const char *reason,
                         struct error *err);
/* The second half of issuing: request's state, certificate and event in the caller's transaction. */
MUST_USE bool flow_store_issued(struct tx *tx, const struct actor *actor,
                                const struct request_record *request,
                                const struct certificate_record *certificate, struct error *err);
/* Counts it for /metrics, once it is committed. */
void flow_count_issued(const struct request_context *c, const struct request_record *request);
/* Revokes it as superseded, for its successor stands. */
MUST_USE bool flow_supersede(struct tx *tx, struct arena *arena, const struct actor *actor,
                             const struct certificate_record *certificate, struct error *err);
/* What policy refuses leaves no request, but an event: somebody tried. Does nothing for other errors. */
void flow_note_refusal(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct request_context *c, const char *template_slug,
                       const struct error *err);

#endif
