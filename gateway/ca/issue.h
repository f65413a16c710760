/* Requests and the one way to issue. */
#ifndef GATEHOUSE_CA_ISSUE_H
#define GATEHOUSE_CA_ISSUE_H

#include "ca/authority.h"
#include "store/certificates.h"
#include "store/requests.h"
#include "template/proposal.h"
#include "template/template.h"

/* The answer to a challenge of key_challenge.h. */
struct key_proof {
    const char *token;
    struct view mac;
};
struct submission {
    const char *template_slug;
    const char *door;           /* "rest" ... must be in the template's doors */
    struct view csr;            /* PEM or DER */
    const struct json *proposal; /* or NULL */
    bool issue;                 /* the actor may sign and wants it at once */
    const struct key_proof *key_proof; /* of a key that cannot sign, or NULL */
    bool now_or_never;          /* do not leave a pending request: ERROR_POLICY "approval-needed" */
    struct certificate_record renews; /* what it renews; its id is nil for none */
};
/* Checks CSR and policy, stores the request; issues at once when the template's approval is `none`, or
 * when it is `role` and the actor may decide and said `issue`. ret_certificate->id is nil when pending. */
MUST_USE bool request_submit(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct submission *submission, struct request_record *ret_request,
                             struct certificate_record *ret_certificate, struct error *err);
MUST_USE bool request_get(struct core *core, struct arena *arena, const struct actor *actor,
                          struct uuid id, struct request_record *ret, struct error *err);
/* ca_slug NULL: all CAs. */
MUST_USE bool request_page(struct core *core, struct arena *arena, const struct actor *actor,
                           const char *ca_slug, enum request_state state, const struct page *page,
                           struct request_record **ret_items, size_t *ret_count, const char **ret_next,
                           struct error *err);
/* How many request_page would list; *ret_count is over `most` when there are more than so many. */
MUST_USE bool request_count_all(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *ca_slug, enum request_state state, unsigned most,
                                size_t *ret_count, struct error *err);
/* Approves and signs. With four-eyes the first approver moves it to "approved" (ret_certificate->id nil),
 * a second, different one signs. A retry of a sign that was done returns the same certificate. */
MUST_USE bool request_sign(struct core *core, struct arena *arena, const struct actor *actor,
                           struct uuid id, const struct json *overrides,
                           struct request_record *ret_request,
                           struct certificate_record *ret_certificate, struct error *err);
MUST_USE bool request_decline(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, const char *reason, struct request_record *ret,
                              struct error *err);
/* Signs what waits for CT logs and is due; what waited too long is declined. */
MUST_USE bool requests_retry(struct core *core, struct arena *arena, struct error *err);
/* By its requester or by who may decide. */
MUST_USE bool request_cancel(struct core *core, struct arena *arena, const struct actor *actor,
                             struct uuid id, const char *reason, struct request_record *ret,
                             struct error *err);


/* --- certificates ----------------------------------------------------------------------------------- */

MUST_USE bool certificate_get(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, struct certificate_record *ret, struct error *err);
/* filter->ca_id is overwritten when ca_slug is not NULL. */
MUST_USE bool certificate_page(struct core *core, struct arena *arena, const struct actor *actor,
                               const char *ca_slug, struct certificate_filter *filter,
                               const struct page *page, struct certificate_record **ret_items,
                               size_t *ret_count, const char **ret_next, struct error *err);
/* With its issuers, nearest first. */
MUST_USE bool certificate_chain(struct core *core, struct arena *arena,
                                const struct certificate_record *certificate,
                                struct view **ret_ders, size_t *ret_count, struct error *err);
/* The same, of a certificate of that CA. */
MUST_USE bool certificate_chain_under(struct core *core, struct arena *arena, const struct ca_record *ca,
                                      const struct certificate_record *certificate,
                                      struct view **ret_ders, size_t *ret_count, struct error *err);
/* reason REASON_CERTIFICATE_HOLD holds. A held certificate may be revoked for good or released; a revoked
 * one stays so. invalidity_us 0: none. */
MUST_USE bool certificate_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct uuid id, int reason, int64_t invalidity_us,
                                 struct certificate_record *ret, struct error *err);
MUST_USE bool certificate_unhold(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct uuid id, struct certificate_record *ret, struct error *err);

/* --- the one way to issue --------------------------------------------------------------------------- */

/* Signs under an authority: serial, lint, signature, and reading back. No transaction is open.
 * The plan's serial, issuer and AKI are filled here. */
struct issue_order {
    const struct ca_record *ca; /* without a certificate yet: self-signed by issuer_key */
    X509 *issuer; /* its certificate, decoded; NULL: it is decoded again */
    const struct ca_settings *settings; /* the CA's, read; NULL: they are read again */
    EVP_PKEY *issuer_key;       /* NULL: the CA's key as it is stored */
    struct certificate_plan plan;
    const struct template *template; /* lint and digest as it says; NULL: the rules for services */
    int64_t serial_octets;
    enum certificate_use use;
    struct uuid template_id, request_id;
    int64_t template_version;
    const char *requester;
    const char *door; /* by which it was asked for; NULL: none */
};
MUST_USE bool issue_sign(struct core *core, struct arena *arena, const struct issue_order *order,
                         struct certificate_record *ret_certificate, struct error *err);
/* Stores what issue_sign made with its event "certificate.issued", in the caller's transaction. */
MUST_USE bool issue_store(struct tx *tx, const struct actor *actor,
                          const struct certificate_record *certificate, struct error *err);

#endif
