/* How many certificates somebody was given on a day: an API token or an organisation. */
#ifndef GATEHOUSE_STORE_USAGE_H
#define GATEHOUSE_STORE_USAGE_H

#include "store/db.h"

/* One more; *ret_count with it. day: since 1970-01-01 (UTC). */
MUST_USE bool usage_add(struct tx *tx, struct uuid who, int64_t day, int64_t *ret_count, struct error *err);
/* Forgets days before that one, at most 10000 rows. */
MUST_USE bool usage_forget(struct tx *tx, int64_t day, struct error *err);

#endif
