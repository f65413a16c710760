/* What a template makes of a request: pure, no database, no signer. */
#ifndef GATEHOUSE_TEMPLATE_POLICY_H
#define GATEHOUSE_TEMPLATE_POLICY_H

#include "template/proposal.h"
#include "template/template.h"

/* What was asked for and is not, or not so, in the certificate: for the answer and the event. */
#define POLICY_MAX_NOTES 80
struct policy_notes {
    const char *items[POLICY_MAX_NOTES];
    size_t count;
};

/* The URLs of a CA as they go into certificates. */
struct ca_urls {
    struct text_list crl, ca_issuers, ocsp;
    struct text_list freshest; /* of its delta lists; empty: it makes none */
};

struct policy_input {
    const struct template *template;
    const struct ca_urls *urls;
    const X509 *issuer;  /* NULL: self-signed */
    const X509_REQ *csr; /* its key may be of a type that signs nothing, see csr_decode_unproven */
    const struct proposal *proposal;
    int64_t now_us;
    const char *related; /* value of the extension relatedCertificate, or NULL */
    const char *requester, *door; /* for expressions; NULL: "" */
    struct policy_notes *notes; /* filled; may be NULL */
};
/* Fills the plan but for serial and issuer; objects live as long as the arena, the CSR and the proposal, whose subject
 * may be the plan's. ERROR_POLICY names the field, the rule and the remedy. */
MUST_USE bool policy_apply(struct arena *arena, const struct policy_input *input,
                           struct certificate_plan *ret_plan, struct error *err);
/* The notes as a JSON array of texts. */
const char *policy_notes_json(struct arena *arena, const struct policy_notes *notes);

/* What the template says of lint: the findings at level "block" refuse (ERROR_POLICY "lint" names the first one
 * and how many there are); all of those that are not "off" are given out. */
MUST_USE bool policy_lint(struct arena *arena, const struct template *template, const X509 *certificate,
                          const X509 *issuer, struct lint_findings *ret, struct error *err);

#endif
