/* One connection to the server: set up, checked for life, with its prepared statements. Private to this
 * room; everything above goes through db.h and sql.h. */
#ifndef GATEHOUSE_STORE_CONNECTION_H
#define GATEHOUSE_STORE_CONNECTION_H

#include "store/settle.h"
#include "store/url.h"

#include <mysql.h>

/* What happened to the transaction that runs on a connection, beyond the error that was returned. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_RETRY, /* the server refused because of others (1020, 1205, 1213, 1047): run it again */
    TROUBLE_LOST,  /* the connection is gone, and with it the transaction; or COMMIT failed in a way that does not
                    * tell what became of it (1180: a Galera node that lost its cluster meanwhile) */
};

/* A transaction is a connection in use, so struct tx is the connection. */
struct tx {
    MYSQL *mysql;
    const struct db_url *url;     /* the server it leads to */
    int cut_fd; /* the socket once more, for connection_cut: the library closes its own when it fails */
    struct tx *next_used, **here; /* in the pool's list of connections in use */
    int64_t taken_us;             /* monotonic: since when */
    enum trouble trouble;
    bool begun;          /* what is sent now belongs to a transaction that COMMIT ends, see transaction_enter */
    bool manual;         /* the session is at autocommit = 0, see statements_exchange */
    bool wrote;          /* a statement has changed rows in this transaction, or may have */
    bool unfit;          /* the server does not serve (1047): not used again */
    struct mark mark;    /* what tells of this transaction afterwards */
    bool alone;          /* it was the only one and committed itself, see later.h */
    bool changes_rules;  /* see tx_changes_rules in hold.h */
    struct later *later; /* rows that wait to be inserted, see later.h */
    struct arena *later_arena;
    bool referred_waits;
    struct held *held; /* what this transaction holds, see hold.h */
    unsigned held_count;
    unsigned generation; /* of the pool when it was opened */
    struct statement *statements[64]; /* hash table, chained */
    unsigned statement_count;
    uint64_t use_counter; /* for dropping the statement that was not used for longest */
};

/* Connects and sets the session up. ERROR_UNAVAILABLE "database-unavailable". */
MUST_USE bool connection_open(const struct db_url *url, struct tx **ret_tx, struct error *err);
void connection_close(struct tx *tx);
/* Whether the server says anything to a new connection, be it a refusal, within its connect-timeout. */
bool connection_answers(const struct db_url *url);
/* Ends the wait of whoever uses it, as if the server had gone. By another thread, while it is surely not closed. */
void connection_cut(const struct tx *tx);
/* False when the server has closed its end: asks the socket alone, no round trip. */
bool connection_alive(const struct tx *tx);
/* One statement without values or rows: BEGIN, COMMIT, SET, DDL. */
MUST_USE bool connection_run(struct tx *tx, const char *sql, struct error *err);

/* Begins the transaction, when it has not: before the first statement that writes or locks. What is only read needs
 * none, for READ COMMITTED gives each statement its own snapshot anyway; so a transaction that only reads costs no
 * round trip but its statements. The server is told with the next statement. */
void transaction_enter(struct tx *tx);

/* Turns a server or client error number into ours and notes the trouble; returns false. `text` is the
 * server's message, `sql` the statement's text: both go to the detail alone. */
bool connection_fail(struct tx *tx, unsigned number, const char *text, const char *sql,
                     struct error *err);

#endif
