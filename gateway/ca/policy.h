/* What a template makes of a request: pure, no database, no signer. */
#ifndef GATEHOUSE_CA_POLICY_H
#define GATEHOUSE_CA_POLICY_H

#include "ca/issue.h"

/* What was asked for and is not, or not so, in the certificate: for the answer and the event. */
#define POLICY_MAX_NOTES 80
struct policy_notes {
    const char *items[POLICY_MAX_NOTES];
    size_t count;
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
/* What a template makes of a request, without storing anything: the certificate that would be, signed by a key
 * of the moment (of the authority's kind where one is quickly made, else P-256). */
struct preview_order {
    const char *template_slug;
    const struct json *document; /* instead of the template's own, or NULL */
    struct view csr;             /* empty: a sample key of the template's first type */
    const struct json *proposal; /* or NULL */
};
struct preview {
    struct view der;
    const char *text;
    struct lint_findings findings;
    struct policy_notes notes;
    const char *blocked; /* why lint would refuse it, or NULL */
};
MUST_USE bool policy_preview(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct preview_order *order, struct preview *ret, struct error *err);
/* The notes as a JSON array of texts. */
const char *policy_notes_json(struct arena *arena, const struct policy_notes *notes);

/* What the template says of lint: the findings at level "block" refuse (ERROR_POLICY "lint" names the first one
 * and how many there are); all of those that are not "off" are given out. */
MUST_USE bool policy_lint(struct arena *arena, const struct template *template, const X509 *certificate,
                          const X509 *issuer, struct lint_findings *ret, struct error *err);

#endif
