/* Writes that wait for the end of their transaction and go to the server many rows at a time, and all statements in one
 * round trip. Private to this room.
 *
 * A statement that is run meanwhile (sql.h) sends first what it might refer to: rows of INSERT_REFERRED. Rows that
 * nothing in a transaction reads or refers to (events, search words) wait for COMMIT.
 *
 * A transaction that has nothing to send but one such row sends it alone: the server commits it at once, which spares
 * two round trips. */
#ifndef GATEHOUSE_STORE_LATER_H
#define GATEHOUSE_STORE_LATER_H

#include "store/sql.h"

struct insert {
    const char *sql; /* "INSERT INTO t (...) VALUES (?, ...)"; one object of this type for each statement */
    enum { INSERT_LEAF, INSERT_REFERRED } kind;
    bool (*duplicate)(struct error *err); /* says what a row with the same key means; NULL: it must not happen */
    /* With it, the sql may be an UPDATE or INSERT ... SELECT that has to change (or match) one row for each set of
     * values; says what it means when it did not. */
    bool (*missed)(struct error *err);
    /* INSERT ... SELECT is not among what the server takes many sets of values for, so it has a second text: `many` with
     * the first set, `more` for each further one, and `end`. */
    const char *many, *more, *end;
};

/* Values are copied. Errors of the row come now (text that is not UTF-8) or when it is sent: by a later
 * statement or by COMMIT. */
MUST_USE bool tx_insert_later(struct tx *tx, const struct insert *insert, struct params params,
                              struct error *err);
/* Sends what waits, in the order in which it came. `leaves`: all of it, for COMMIT is next. */
MUST_USE bool later_send(struct tx *tx, bool leaves, struct error *err);
bool later_waits(const struct tx *tx); /* whether there is any row to send */
void later_forget(struct tx *tx);

#endif
