/* What a CA says about its certificates: CRL and the data of OCSP answers. Caches hang on the CA's epoch:
 * on the node that revoked the next answer is right, elsewhere within a second; a node that cannot read the
 * epoch does not serve its cache (design.md section 8). */
#ifndef GATEHOUSE_CA_STATUS_H
#define GATEHOUSE_CA_STATUS_H

#include "ca/authority.h"
#include "store/certificates.h"

/* The current CRL: the stored one while it is fresh and the epoch is unchanged, else a new one. */
struct crl_document {
    struct view der;
    int64_t number, this_update_us, next_update_us;
};
MUST_USE bool status_crl(struct core *core, struct arena *arena, const char *ca_slug,
                         struct crl_document *ret, struct error *err);

enum certificate_status { STATUS_GOOD, STATUS_REVOKED, STATUS_UNKNOWN };
struct status_answer {
    enum certificate_status status;
    int reason;
    int64_t revoked_us;
};
/* Read from the database. */
MUST_USE bool status_certificate(struct core *core, struct arena *arena, const struct ca_record *ca,
                                 struct view serial, struct status_answer *ret, struct error *err);
/* The CA by slug, cached and at most a second old, with its present epoch (ret->epoch). For hot paths. */
MUST_USE bool status_authority(struct core *core, struct arena *arena, const char *ca_slug,
                               struct ca_record *ret, struct error *err);

#endif
