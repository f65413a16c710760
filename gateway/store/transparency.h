/* Certificate transparency: timestamps for OCSP answers, and requests that wait for logs. */
#ifndef GATEHOUSE_STORE_TRANSPARENCY_H
#define GATEHOUSE_STORE_TRANSPARENCY_H

#include "store/db.h"

MUST_USE bool certificate_scts_insert(struct tx *tx, struct uuid certificate_id, struct view scts,
                                      struct error *err);
/* The value of the OCSP extension (rfc6962#3.3); empty when there is none. */
MUST_USE bool certificate_scts(struct tx *tx, struct arena *arena, struct uuid certificate_id,
                               struct view *ret_scts, struct error *err);

/* A request that is signed again later. */
struct retry_record {
    struct uuid request_id;
    struct uuid actor_id; /* who approved, or nil */
    const char *actor;
    const char *overrides; /* JSON; "{}" */
    int64_t tries, created_us, due_us;
};
/* The first time inserts; later ones raise the number of tries and move it further away, never
 * nearer. */
MUST_USE bool retry_put(struct tx *tx, const struct retry_record *retry, struct error *err);
/* What is due, oldest first, at most `limit`. */
MUST_USE bool retry_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                        struct retry_record **ret_items, size_t *ret_count, struct error *err);
MUST_USE bool retry_remove(struct tx *tx, struct uuid request_id, struct error *err);

#endif
