/* What nodes cannot use or do, and for how long (gateway/ca/troubles.h writes, gateway/notices/troubles.c reads). */
#ifndef GATEHOUSE_STORE_TROUBLES_H
#define GATEHOUSE_STORE_TROUBLES_H

#include "store/db.h"

struct trouble_record {
    const char *node, *kind, *object; /* kind: token, agent, job */
    const char *reason;               /* of its beginning */
    bool ailing;                      /* false: it did, and is well since then */
    int64_t since_us;
};
MUST_USE bool trouble_ails(struct tx *tx, const struct trouble_record *trouble, int64_t now_us, struct error *err);
/* Of that node and kind; object: NULL for every one that was not seen at just that time. */
MUST_USE bool trouble_ends(struct tx *tx, const char *node, const char *kind, const char *object, int64_t now_us,
                           struct error *err);
MUST_USE bool trouble_list(struct tx *tx, struct arena *arena, struct trouble_record **ret_items, size_t *ret_count,
                           struct error *err);
/* Removed: on no node is it missed any more. */
MUST_USE bool trouble_forget(struct tx *tx, const char *kind, const char *object, struct error *err);
/* What is well for a day, and what nobody has seen for a week: its node is no more. */
MUST_USE bool trouble_purge(struct tx *tx, int64_t now_us, struct error *err);

#endif
