/* What a credential is good for: does a CSR stay inside it? */
#ifndef GATEHOUSE_CA_CREDENTIAL_BOUND_H
#define GATEHOUSE_CA_CREDENTIAL_BOUND_H

#include "base/json.h"
#include "x509/handles.h"

/* `bound` is struct credential's. ERROR_POLICY "credential-bound" names what does not fit. */
MUST_USE bool credential_bound_check(struct arena *arena, const char *bound, const X509_REQ *csr,
                                     struct error *err);
/* Every name is one of the list of texts (with or without its type, "*" for any characters). Same error. */
MUST_USE bool credential_bound_sans(struct arena *arena, const struct json *wanted,
                                    const GENERAL_NAMES *sans, struct error *err);
/* "*" stands for any number of characters. */
bool credential_glob(const char *pattern, const char *text);

#endif
