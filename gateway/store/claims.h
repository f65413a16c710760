/* Claim links of requests, and what people say about requests. */
#ifndef GATEHOUSE_STORE_CLAIMS_H
#define GATEHOUSE_STORE_CLAIMS_H

#include "store/db.h"
#include "store/limits.h"

struct claim_record {
    uint8_t hash[32]; /* SHA-256 of the secret */
    struct uuid request_id;
    int64_t created_us, expires_us;
    int64_t spent_us; /* 0: not yet */
};
MUST_USE bool claim_insert(struct tx *tx, const struct claim_record *claim, struct error *err);
/* ERROR_NOT_FOUND. Spent and expired ones are found, too. */
MUST_USE bool claim_find(struct tx *tx, const uint8_t hash[static 32], struct claim_record *ret,
                         struct error *err);
/* One use: ERROR_CONFLICT "claim-spent" when somebody was faster. */
MUST_USE bool claim_spend(struct tx *tx, const uint8_t hash[static 32], int64_t now_us,
                          struct error *err);
/* Those of a request that are not spent open nothing any more. */
MUST_USE bool claim_void(struct tx *tx, struct uuid request_id, int64_t now_us, struct error *err);
/* Requests that wait for a CSR, and have no link that still opens: at most `limit`, oldest first.
 */
MUST_USE bool claim_overdue(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                            struct uuid **ret_requests, size_t *ret_count, struct error *err);

#define MAX_COMMENT 4000 /* characters */
struct comment_record {
    struct uuid id, request_id;
    struct uuid author_id; /* or nil */
    const char *author, *text;
    int64_t created_us;
};
MUST_USE bool comment_insert(struct tx *tx, const struct comment_record *comment,
                             struct error *err);
/* The first 500, oldest first. */
MUST_USE bool comment_list(struct tx *tx, struct arena *arena, struct uuid request_id,
                           struct comment_record **ret_items, size_t *ret_count, struct error *err);

#endif
