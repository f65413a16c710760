/* What has been told already (gateway/notices). */
#ifndef GATEHOUSE_STORE_MARKS_H
#define GATEHOUSE_STORE_MARKS_H

#include "store/db.h"

MUST_USE bool mark_known(struct tx *tx, const uint8_t once[32], bool *ret_known,
                         struct error *err);
/* One that is there stays. */
MUST_USE bool mark_add(struct tx *tx, const uint8_t once[32], int64_t now_us, struct error *err);
/* Those before that time, at most 10000. */
MUST_USE bool mark_purge(struct tx *tx, int64_t before_us, struct error *err);

#endif
