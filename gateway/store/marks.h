/* What has been told already (gateway/notices). */
#ifndef GATEHOUSE_STORE_MARKS_H
#define GATEHOUSE_STORE_MARKS_H

#include "store/db.h"

struct notice_mark {
    uint8_t once[32];
    bool known; /* read: it is there, or stands in the list before */
};
MUST_USE bool marks_known(struct tx *tx, struct arena *arena, struct notice_mark *marks, size_t count, struct error *err);
/* Those that are there stay. */
MUST_USE bool marks_add(struct tx *tx, struct arena *arena, const struct notice_mark *marks, size_t count, int64_t now_us,
                        struct error *err);
/* Those before that time, at most 10000. */
MUST_USE bool mark_purge(struct tx *tx, int64_t before_us, struct error *err);

#endif
