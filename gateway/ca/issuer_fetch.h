/* A missing issuer, from where the certificate itself says that it is (caIssuers of authorityInfoAccess,
 * rfc5280#4.2.2.1). For files of this room alone; no transaction is open meanwhile. */
#ifndef GATEHOUSE_CA_ISSUER_FETCH_H
#define GATEHOUSE_CA_ISSUER_FETCH_H

#include "ca/core.h"
#include "x509/handles.h"

/* One chain: all its fetches together have these limits. */
struct issuer_fetches {
    const struct core_issuers *rule;
    int64_t until_us; /* monotonic */
    int left;
};
void issuer_fetches_begin(struct core *core, struct issuer_fetches *ret);
/* What was fetched and has signed the subject: a CA, by its extensions and dates; the arena frees it. NULL: *ret_why
 * is the sentence's end, "http://...: the answer's status is 404". */
X509 *issuer_fetch(struct arena *arena, struct issuer_fetches *fetches, X509 *subject, const char **ret_why);

#endif
