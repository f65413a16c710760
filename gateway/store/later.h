/* INSERTs that wait for the end of their transaction and go to the server many rows at a time: a round trip for
 * each table instead of one for each row. Private to this room.
 *
 * A statement that is run meanwhile (sql.h) sends first what it might refer to: rows of INSERT_REFERRED. Rows that
 * nothing in a transaction reads or refers to (events, search words) wait for COMMIT. */
#ifndef GATEHOUSE_STORE_LATER_H
#define GATEHOUSE_STORE_LATER_H

#include "store/sql.h"

struct insert {
    const char *sql; /* "INSERT INTO t (...) VALUES (?, ...)"; one object of this type for each statement */
    enum { INSERT_LEAF, INSERT_REFERRED } kind;
    bool (*duplicate)(struct error *err); /* says what a row with the same key means; NULL: it must not happen */
};

/* Values are copied. Errors of the row come now (text that is not UTF-8) or when it is sent: by a later
 * statement or by COMMIT. */
MUST_USE bool tx_insert_later(struct tx *tx, const struct insert *insert, struct params params,
                              struct error *err);
/* Sends what waits, in the order in which it came. */
MUST_USE bool later_send(struct tx *tx, bool leaves, struct error *err);
void later_forget(struct tx *tx);

#endif
