/* What became of a transaction whose COMMIT nobody answered. Private to this room. */
#ifndef GATEHOUSE_STORE_SETTLE_H
#define GATEHOUSE_STORE_SETTLE_H

#include "store/db.h"

enum settled { SETTLED_UNKNOWN, SETTLED_COMMITTED, SETTLED_ABANDONED };
/* What a transaction has written that tells of it: an event, or a row for the purpose alone. */
struct mark {
    enum { MARK_NONE, MARK_EVENT, MARK_ROW, MARK_NEVER } kind; /* NEVER: and none is to be given to it */
    struct uuid id;
};
/* Gives a transaction that changes rows and has no event a row of its own, where the URL asks for that
 * (commit-marks). Before what waits is sent for the last time. */
MUST_USE bool settle_mark(struct tx *tx, struct error *err);
/* The mark's place is claimed by a row of our own, on any node: when it is taken the transaction has committed, and
 * once it is ours it never can (its own row would be a duplicate, which the server refuses, and Galera's certification
 * on every node). Tries for some seconds; SETTLED_UNKNOWN when no server answers, and without a mark. */
enum settled settle(struct db *db, struct mark mark);

#endif
