/* What is put away or erased by age. What was issued and revoked is never removed: lists and answers need it. */
#ifndef GATEHOUSE_STORE_RETENTION_H
#define GATEHOUSE_STORE_RETENTION_H

#include "store/db.h"

/* How far certificates have been put away, in the order of their ends. What somebody takes out of the archive again
 * stays out. */
struct retention_mark {
    int64_t not_after_us;
    struct uuid id;
};
/* The next at most `limit` certificates behind the mark that ended before `before_us` are archived; *mark moves on. */
MUST_USE bool retention_archive(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit,
                                struct retention_mark *mark, int64_t *ret_archived, struct error *err);
/* At most `limit` requests that were declined, cancelled or not claimed before `before_us` lose CSR, names, proposal,
 * requester, reason and comments. Their ids, states, times and templates stay. */
MUST_USE bool retention_erase(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit,
                              int64_t *ret_erased, struct error *err);

#endif
