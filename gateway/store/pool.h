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

/* For the watch. The server of a connection that has been in use for longer than its probe-after, or NULL. */
const struct db_url *pool_waiting(struct db *db);
/* That server hangs: whoever waits for it gets an error, and where there are others it is not dialled any more. */
void pool_cut(struct db *db, const struct db_url *url);
/* The next one after `after` (NULL: the first) that is not dialled, or NULL; and that it is to be dialled again. */
const struct db_url *pool_next_down(struct db *db, const struct db_url *after);
void pool_answers(struct db *db, const struct db_url *url);
/* Once in a while: back to the first server, when it is there again. */
void pool_try_first(struct db *db);

/* The server in use, of those that the URL names. */
const struct db_url *db_url_of(const struct db *db);

#endif
