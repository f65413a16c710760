/* The pool's inner side, for transactions and migrations. Private to this room. */
#ifndef GATEHOUSE_STORE_POOL_H
#define GATEHOUSE_STORE_POOL_H

#include "store/connection.h"

/* A connection that is open and, as far as the socket tells, alive. Waits up to five seconds for one:
 * ERROR_UNAVAILABLE "database-busy". */
MUST_USE bool pool_take(struct db *db, struct tx **ret_tx, struct error *err);
/* Takes it back; one that is lost is closed. Outside a transaction only. */
void pool_give(struct db *db, struct tx *tx);

/* Ready for a new transaction, as pool_take leaves it to its caller. */
void pool_reset(struct tx *tx);

struct group *db_group(struct db *db);
void db_note_changed_rules(struct db *db);

/* The server in use, of those that the URL names. */
const struct db_url *db_url_of(const struct db *db);

#endif
