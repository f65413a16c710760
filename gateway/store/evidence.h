/* Evidence (RFC 4998): the imprints under one archive timestamp, in sorted runs. */
#ifndef GATEHOUSE_STORE_EVIDENCE_H
#define GATEHOUSE_STORE_EVIDENCE_H

#include "store/db.h"
#include "store/scope.h"

struct evidence_record {
    struct uuid id, ca_id;
    const char *issuer; /* of the timestamp; "" */
    const char *digest; /* "SHA-256" */
    int64_t imprints;
    int64_t at_us;
    int64_t renewals, renewed_us; /* how often, and when last; 0: never */
    struct view token;            /* lists leave it out */
};
struct evidence_run {
    struct view root;
    struct view content; /* hashes one after the other, sorted */
};
/* With all its runs, in their order. */
MUST_USE bool evidence_insert(struct tx *tx, const struct evidence_record *record,
                              const struct evidence_run *runs, size_t run_count, size_t hash_size,
                              struct error *err);
MUST_USE bool evidence_find(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid id,
                            struct evidence_record *ret, struct error *err);
MUST_USE bool evidence_page(struct tx *tx, struct arena *arena, struct uuid ca_id, const struct page *page,
                            struct evidence_record **ret_items, size_t *ret_count, const char **ret_next,
                            struct error *err);
/* The run that would hold the hash, and its number; ERROR_NOT_FOUND when it is before the first. */
MUST_USE bool evidence_run_of(struct tx *tx, struct arena *arena, struct uuid id, struct view hash,
                              struct evidence_run *ret, int64_t *ret_ordinal, struct error *err);
/* The roots of all runs, one after the other. */
MUST_USE bool evidence_roots(struct tx *tx, struct arena *arena, struct uuid id, struct view *ret_roots,
                             struct error *err);

/* The tokens that renewed it, in their order. */
MUST_USE bool evidence_tokens(struct tx *tx, struct arena *arena, struct uuid id, struct view **ret_tokens,
                              size_t *ret_count, struct error *err);
/* Renewal number `ordinal`, from 1. ERROR_CONFLICT "changed-meanwhile" when there is one already. */
MUST_USE bool evidence_renew(struct tx *tx, struct uuid id, int64_t ordinal, int64_t at_us, struct view token,
                             struct error *err);

#endif
