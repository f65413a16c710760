/* What a request wants, beside or instead of a CSR. */
#ifndef GATEHOUSE_TEMPLATE_PROPOSAL_H
#define GATEHOUSE_TEMPLATE_PROPOSAL_H

#include "base/json.h"
#include "x509/certificate.h"

/* What comes beside a CSR, or instead of it in an approver's overrides. One JSON form:
 * {"subject":{...},"sans":[...],"validityDays":90,"notBefore":"...","notAfter":"...",
 *  "variables":{"user":"alice"},"extensions":[...]} ; absent: unchanged. Extensions: see x509/extension.h, judged
 * as those of a CSR. */
struct proposal {
    const X509_NAME *subject;  /* NULL: from the CSR */
    const GENERAL_NAMES *sans; /* NULL: from the CSR */
    int64_t validity_days;     /* 0: the template's */
    int64_t not_before_us, not_after_us; /* 0: none */
    const struct json *variables;        /* object of texts, or NULL */
    const struct json *extensions;       /* array, or NULL */
};
/* Objects live as long as the arena. NULL document: empty proposal. */
MUST_USE bool proposal_from_json(struct arena *arena, const struct json *document,
                                 struct proposal *ret, struct error *err);
/* What `over` says, over what is there, member by member. */
void proposal_merge(struct proposal *ret, const struct proposal *over);

#endif
