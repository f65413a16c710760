/* What a template makes of a request: pure, no database, no signer. */
#ifndef GATEHOUSE_CA_POLICY_H
#define GATEHOUSE_CA_POLICY_H

#include "ca/issue.h"

struct policy_input {
    const struct template *template;
    const struct ca_urls *urls;
    const X509 *issuer;
    const X509_REQ *csr;
    const struct proposal *proposal;
    int64_t now_us;
};
/* Fills the plan but for serial and issuer; objects live as long as the arena. ERROR_POLICY names the field,
 * the rule and the remedy. */
MUST_USE bool policy_apply(struct arena *arena, const struct policy_input *input,
                           struct certificate_plan *ret_plan, struct error *err);

#endif
