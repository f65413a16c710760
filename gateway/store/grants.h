/* The rule that an instance keeps an administrator. Private to this room. */
#ifndef GATEHOUSE_STORE_GRANTS_H
#define GATEHOUSE_STORE_GRANTS_H

#include "store/users.h"

/* Locks the grants of all administrators of the instance until the transaction ends, so that two who take
 * each other's right away do it one after the other, and counts those that are active. */
MUST_USE bool administrators_count(struct tx *tx, int64_t *ret_active, struct error *err);

/* ERROR_CONFLICT "last-administrator"; returns false. */
bool last_administrator(struct error *err);

#endif
