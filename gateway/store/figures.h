/* Numbers about the whole instance, for /metrics and diagnoses. No scope: who may ask is the caller's. */
#ifndef GATEHOUSE_STORE_FIGURES_H
#define GATEHOUSE_STORE_FIGURES_H

#include "store/db.h"

/* The certificates of one authority. Walks its part of an index: a few seconds for ten million. */
struct figure_certificates {
    const char *ca;                       /* slug */
    int64_t valid, held, revoked, expired; /* revoked and held: of those that have not expired */
};
MUST_USE bool figures_certificates(struct tx *tx, struct arena *arena, int64_t now_us,
                                   struct figure_certificates **ret_items, size_t *ret_count,
                                   struct error *err);

/* What ends one day: certificates of authorities and of services, and the newest full list of each authority. */
struct figure_expiry {
    const char *kind; /* "ca", "ocsp", "tsa", "scep", "cmp", "tls", "crl", "validator-list" */
    const char *ca;   /* slug, of a validator, too; "" for the instance's own */
    int64_t not_after_us;
};
MUST_USE bool figures_expiry(struct tx *tx, struct arena *arena, struct figure_expiry **ret_items,
                             size_t *ret_count, struct error *err);

/* Requests that wait, by state (enum request_state). */
struct figure_requests {
    int state;
    int64_t count;
};
MUST_USE bool figures_requests(struct tx *tx, struct arena *arena, struct figure_requests **ret_items,
                               size_t *ret_count, struct error *err);

#endif
