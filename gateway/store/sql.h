/* SQL, typed: prepared statements with bound values, rows read column by column onto an arena.
 * Private to this room. SQL text is constant or put together from constants; values are always bound.
 *
 *     struct rows rows;
 *     TRY(rows_open(tx, arena, "SELECT name, created_us FROM things WHERE id = ?",
 *                   PARAMS(p_uuid(&id)), &rows, err));
 *     while (rows_next(&rows)) {
 *         thing->name = rows_text(&rows);
 *         thing->created_us = rows_int(&rows);
 *     }
 *     TRY(rows_close(&rows, err));
 *
 * Between rows_open and rows_close no other statement can run in the transaction. Columns are taken in
 * their order, every one of them: a reader that took too few, too many or of the wrong type is an internal
 * error of rows_close. */
#ifndef GATEHOUSE_STORE_SQL_H
#define GATEHOUSE_STORE_SQL_H

#include "store/connection.h"

enum param_type { PARAM_NULL, PARAM_INT, PARAM_TEXT, PARAM_BLOB };
struct param {
    enum param_type type;
    int64_t number;
    struct view bytes;
};
struct params {
    const struct param *at;
    size_t count;
};
#define PARAMS(...)                                                                                \
    ((struct params){(const struct param[]){__VA_ARGS__},                                          \
                     sizeof((const struct param[]){__VA_ARGS__}) / sizeof(struct param)})
#define NO_PARAMS ((struct params){NULL, 0})

static inline struct param p_null(void) {
    return (struct param){.type = PARAM_NULL};
}
static inline struct param p_int(int64_t number) {
    return (struct param){.type = PARAM_INT, .number = number};
}
/* NULL counts as "". Text that is not UTF-8 is refused when the statement runs: ERROR_MALFORMED "bad-text". */
static inline struct param p_text(const char *text) {
    return (struct param){.type = PARAM_TEXT, .bytes = view_text(text)};
}
static inline struct param p_blob(struct view bytes) {
    return (struct param){.type = PARAM_BLOB, .bytes = bytes};
}
static inline struct param p_bytes(const void *at, size_t len) {
    return p_blob(view_of(at, len));
}
/* Borrowed: the id must live until the statement has run. */
static inline struct param p_uuid(const struct uuid *id) {
    return p_bytes(id->bytes, sizeof id->bytes);
}
/* The nil UUID becomes NULL. */
static inline struct param p_uuid_or_null(const struct uuid *id) {
    return uuid_is_nil(*id) ? p_null() : p_uuid(id);
}

/* ret_affected: rows that were inserted, deleted or matched by an UPDATE (also those it left as they were).
 * May be NULL. */
MUST_USE bool tx_execute(struct tx *tx, const char *sql, struct params params,
                         int64_t *ret_affected, struct error *err);
/* An INSERT that may meet a row with the same key: then *ret_duplicate is true, nothing has changed and the
 * transaction goes on. */
MUST_USE bool tx_insert(struct tx *tx, const char *sql, struct params params, bool *ret_duplicate,
                        struct error *err);
/* The same for INSERT ... SELECT, whose SELECT may find nothing to insert. */
enum inserted { INSERTED, INSERTED_NOTHING, INSERTED_DUPLICATE };
MUST_USE bool tx_insert_select(struct tx *tx, const char *sql, struct params params,
                               enum inserted *ret_inserted, struct error *err);

struct rows {
    struct tx *tx;
    struct arena *arena;
    struct statement *statement;
    unsigned column; /* the next to take */
    int failed;      /* 0, or why reading ended early (enum in sql.c) */
    bool begun;
};

MUST_USE bool rows_open(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                        struct rows *ret_rows, struct error *err);
bool rows_next(struct rows *rows);
MUST_USE bool rows_close(struct rows *rows, struct error *err);
/* Opens and steps to the first row. True also when there is none: then *ret_found is false and the rows are
 * closed already; else the caller takes the columns and closes. */
MUST_USE bool rows_first(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                         struct rows *ret_rows, bool *ret_found, struct error *err);

int64_t rows_int(struct rows *rows);
bool rows_bool(struct rows *rows);
const char *rows_text(struct rows *rows);  /* on the arena; NULL is "" */
struct view rows_blob(struct rows *rows);  /* on the arena; NULL is empty */
struct uuid rows_uuid(struct rows *rows);  /* NULL is nil */
void rows_fixed(struct rows *rows, uint8_t *to, size_t len); /* exactly len octets */
size_t rows_blob_into(struct rows *rows, uint8_t *to, size_t room); /* its length; more than room fails */

/* One number, of a query that always has one row. */
MUST_USE bool tx_number(struct tx *tx, const char *sql, struct params params, int64_t *ret_number,
                        struct error *err);

/* A value that can be sent. ERROR_MALFORMED "bad-text". */
MUST_USE bool param_check(const struct param *param, struct error *err);
/* What the above stand on; for later.c and settle.c alone. */
struct outcome {
    unsigned number;   /* the server's error number; 0: it was done */
    uint64_t affected; /* see tx_execute */
};
MUST_USE bool statement_run(struct tx *tx, const char *sql, struct params params,
                            struct outcome *ret_outcome, struct error *err);

/* A statement of this connection with its values, encoded: what many statements in one round trip are made of. */
struct packed {
    struct statement *statement;
    unsigned char *request; /* of the client library */
    size_t len;
    bool many; /* sets of values */
};
/* The caller has packed_free called for each. */
MUST_USE bool statement_pack(struct tx *tx, const char *sql, struct params params, struct packed *ret,
                             struct error *err);
MUST_USE bool statement_pack_rows(struct tx *tx, const char *sql, MYSQL_BIND *columns, size_t column_count,
                                  unsigned rows, struct packed *ret, struct error *err);
void packed_free(struct packed *packed);
/* Sends all of them and reads the answers: one round trip. One that fails does not keep the server from the others,
 * which are undone with the transaction. *ret_failed: the first that did, of which *err tells, or count. False when
 * there are not all answers: the connection is lost then.
 *
 * The server itself ends a transaction that is in a deadlock's way, and would commit each of the statements behind it
 * at once. So transactions do not begin with START TRANSACTION but run at autocommit = 0, where those statements
 * begin another that is rolled back. The session changes over with the statement that needs it, in its round trip. */
MUST_USE bool statements_exchange(struct tx *tx, const struct packed *packed, size_t count,
                                  struct outcome *ret_outcomes, size_t *ret_failed, struct error *err);

/* Closes all prepared statements of the connection. */
void statements_drop(struct tx *tx);

#endif
