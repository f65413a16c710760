/* What became of a transaction whose COMMIT nobody answered. Private to this room. */
#ifndef GATEHOUSE_STORE_SETTLE_H
#define GATEHOUSE_STORE_SETTLE_H

#include "store/db.h"

enum settled { SETTLED_UNKNOWN, SETTLED_COMMITTED, SETTLED_ABANDONED };
/* `mark` is the id of an event of that transaction. Its place is claimed by an event of our own, on any node: when it
 * is taken the transaction has committed, and once it is ours it never can (its own event would be a duplicate, which
 * the server refuses, and Galera's certification on every node). Tries for some seconds; SETTLED_UNKNOWN when no
 * server answers. */
enum settled settle(struct db *db, struct uuid mark);

#endif
