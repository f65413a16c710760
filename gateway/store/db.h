/* The database: a pool of connections and transactions. Only this room speaks SQL.
 *
 * Every connection: UTC, strict mode, READ COMMITTED, utf8mb4. A transaction's body may run again: it is
 * retried as a whole on 1020, 1205, 1213, 1047 and when the connection was lost before COMMIT was sent
 * (bounded, with back-off). Use:
 *
 *     bool done = false;
 *     TX(tx, db, &done, err)
 *         tx.ok = request_decide(tx.tx, ...) && event_append(tx.tx, ...);
 *     return done;
 *
 * The body must not leave by return, break or goto, and must be able to run twice. After it, `done` is true
 * if and only if COMMIT succeeded; otherwise *err is filled. When nobody answers COMMIT it is looked up, by an event
 * that the transaction has written (or a row for the purpose: commit-marks), whether it happened; if not, the body
 * runs again. Without either, or when no server answers for long: ERROR_UNAVAILABLE "database-unavailable": the
 * outcome is unknown, nothing was acknowledged.
 * No transaction is held while waiting for a signer or a peer (design rule 1). A body that only reads is done
 * even when the connection is lost at COMMIT. Between the attempts the arena keeps what the body put there.
 *
 * Errors of any statement: ERROR_UNAVAILABLE "database-unavailable" (away, restarting, refuses us),
 * "database-no-quorum" (Galera: the node is in no majority),
 * "database-busy" (no connection within five seconds, conflicts that did not end, too slow);
 * ERROR_MALFORMED "too-long", "bad-text" (limits.h says what fits); ERROR_TOO_LARGE "too-large";
 * ERROR_INTERNAL for what must not happen. Look-ups: ERROR_NOT_FOUND "not-found".
 *
 * The process should ignore SIGPIPE: with TLS the client library may write to a connection that is gone. */
#ifndef GATEHOUSE_STORE_DB_H
#define GATEHOUSE_STORE_DB_H

#include "base/arena.h"
#include "base/uuid.h"

struct db;
struct tx; /* a connection in a transaction */

/* url: mysql://user:password@host:port/database (with a port: TCP, also to localhost; several host:port with commas
 * are nodes of one cluster, used in that order), or
 * mysql://user@localhost/database?socket=/path. Options, joined by &: ssl-ca=FILE for TLS with verification of
 * certificate and host name; sync-wait=1 on Galera: reads wait for what the neighbours have committed; commit-marks=1:
 * a transaction without an event leaves a row by which it can be looked up (both are on with several hosts, 0 turns
 * them off); connect-timeout=SECONDS (5; 2 with several hosts); probe-after=SECONDS (3; 1): when statements have been
 * without an answer for so long, a new connection finds out whether the server hangs (watch.h).
 * Everything is percent-decoded. Opens lazily: an unreachable server is no error here.
 * ERROR_MALFORMED "database-url"; no message holds the password. */
MUST_USE bool db_open(const char *url, unsigned pool_size, struct db **ret_db, struct error *err);
void db_close(struct db *db);
/* A round trip, for `check` and readyz. */
MUST_USE bool db_ping(struct db *db, struct error *err);
/* Applies the migrations that are missing, in order; two nodes that migrate at once do it once. */
MUST_USE bool db_migrate(struct db *db, struct error *err);
/* What db_migrate would run, in order; only reads. No steps: there is nothing to do. */
struct migration_step {
    const char *migration; /* "0001-first" */
    size_t number, of;     /* its statement, from 1 */
    const char *statement;
};
MUST_USE bool db_migrate_plan(struct db *db, struct arena *arena, struct migration_step **ret_steps,
                              size_t *ret_count, struct error *err);
/* ERROR_UNAVAILABLE "schema" when the schema is older or newer than this program supports. */
MUST_USE bool db_schema_check(struct db *db, struct error *err);

struct tx_loop {
    struct tx *tx;
    bool ok; /* the body's verdict */
    struct db *db;
    struct error *err;
    bool *ret_done;
    bool *ret_unknown; /* or NULL: set when COMMIT was sent and nobody answered */
    int attempt;
    int64_t began_us; /* by the monotonic clock */
};

/* Begins; on later calls commits or rolls back and decides whether the body runs again. */
bool tx_again(struct tx_loop *loop);

/* Runs `body` in a transaction that bodies of other threads may share, so that many small ones cost one COMMIT. The
 * body may run on another thread while this one waits, and again; it must not wait for anything but the database. As
 * with TX: true if and only if COMMIT succeeded. What one body refuses does not touch the others. */
MUST_USE bool tx_together(struct db *db, bool (*body)(struct tx *tx, void *context, struct error *err),
                          void *context, struct error *err);

/* Housekeeping: rows of commit-marks that nobody can ask for any more. */
MUST_USE bool db_forget_marks(struct tx *tx, struct error *err);

/* Counts the transactions of this process that have changed a template, a CA, a setting, or an account or policy of
 * ACME: what was read before the count moved may be old. Of other processes' changes hold() tells (hold.h). */
uint64_t db_rules_changed(const struct db *db);

#define TX(loop, database, done, error)                                                            \
    for (struct tx_loop loop = {.db = (database), .ret_done = (done), .err = (error)};             \
         tx_again(&loop);)

#endif
