/* Certificate revocation lists (RFC 5280 section 5). */
#ifndef GATEHOUSE_X509_CRL_H
#define GATEHOUSE_X509_CRL_H

#include "x509/certificate.h"

enum { /* CRLReason, rfc5280#5.3.1 */
       REASON_UNSPECIFIED = 0,
       REASON_KEY_COMPROMISE = 1,
       REASON_CA_COMPROMISE = 2,
       REASON_AFFILIATION_CHANGED = 3,
       REASON_SUPERSEDED = 4,
       REASON_CESSATION_OF_OPERATION = 5,
       REASON_CERTIFICATE_HOLD = 6,
       REASON_REMOVE_FROM_CRL = 8,
       REASON_PRIVILEGE_WITHDRAWN = 9,
       REASON_AA_COMPROMISE = 10,
};

/* "keyCompromise" ...; NULL or -1 when unknown. */
const char *reason_name(int reason);
int reason_from_name(const char *name);

struct crl_entry {
    struct view serial;
    int64_t revoked_us;
    int reason;            /* REASON_UNSPECIFIED writes no extension (rfc5280#5.3.1 SHOULD) */
    int64_t invalidity_us; /* 0: none */
};

struct crl_plan {
    const X509 *issuer;
    int64_t number;                         /* not negative */
    int64_t this_update_us, next_update_us; /* cut to seconds; the second is later */
    const struct crl_entry *entries;        /* in any order, each serial once; the order is kept */
    size_t entry_count;
};

/* Builds, signs, and verifies a full CRL; the DER lives on the arena. The issuer must have cRLSign.
 * Time and memory grow with the number of entries: about 49 MB of DER for a million.
 * ERROR_MALFORMED "malformed-plan", ERROR_POLICY "lint", ERROR_UNAVAILABLE "signing-failed". */
MUST_USE bool crl_build(struct arena *arena, const struct crl_plan *plan, EVP_PKEY *issuer_key,
                        const EVP_MD *digest, struct view *ret_der, struct error *err);

#endif
