#include "store/sql.h"

#include "base/json.h"
#include "store/gather.h"
#include "store/later.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMS 1024
/* The server takes 16 MiB in a packet and hangs up on more. */
#define MAX_VALUES ((size_t)15 * 1024 * 1024)
#define MAX_STATEMENTS 160 /* a connection; lists with scopes come in several sizes */

#define SHORT_BYTES 32 /* ids, serial numbers, hashes */

struct column {
    bool is_number;
    my_bool is_null, is_cut;
    unsigned long len;
    int64_t number;
    uint8_t few[SHORT_BYTES]; /* bytes come here with the row; longer ones are asked for when taken */
};

struct statement {
    struct statement *next; /* in the hash chain */
    uint64_t hash;
    char *sql;
    MYSQL_STMT *stmt;
    unsigned column_count;
    struct column *columns;
    MYSQL_BIND *results;
    uint64_t used; /* when, by the connection's counter */
    bool open;     /* rows are being read */
};

enum { FAILED_FETCH = 1, FAILED_COLUMNS };

/* FNV-1a: only to find the chain; the text is compared. */
static uint64_t hash_text(const char *text) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return hash;
}

static void statement_free(struct statement *statement) {
    mysql_stmt_close(statement->stmt);
    free(statement->results);
    free(statement->columns);
    free(statement->sql);
    free(statement);
}

static struct statement **chain_of(struct tx *tx, uint64_t hash) {
    return &tx->statements[hash % (sizeof tx->statements / sizeof tx->statements[0])];
}

void statements_drop(struct tx *tx) {
    for (size_t i = 0; i < sizeof tx->statements / sizeof tx->statements[0]; i++) {
        struct statement *next;
        for (struct statement *at = tx->statements[i]; at != NULL; at = next) {
            next = at->next;
            statement_free(at);
        }
        tx->statements[i] = NULL;
    }
    tx->statement_count = 0;
}

static void statement_forget(struct tx *tx, struct statement *statement) {
    struct statement **at = chain_of(tx, statement->hash);
    while (*at != statement)
        at = &(*at)->next;
    *at = statement->next;
    tx->statement_count--;
    statement_free(statement);
}

static void drop_oldest(struct tx *tx) {
    struct statement *oldest = NULL;
    for (size_t i = 0; i < sizeof tx->statements / sizeof tx->statements[0]; i++)
        for (struct statement *at = tx->statements[i]; at != NULL; at = at->next)
            if (!at->open && (oldest == NULL || at->used < oldest->used))
                oldest = at;
    if (oldest != NULL)
        statement_forget(tx, oldest);
}

static bool is_number(enum enum_field_types type) {
    return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
           type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG;
}

static bool stmt_fail(struct tx *tx, MYSQL_STMT *stmt, const char *sql, struct error *err) {
    return connection_fail(tx, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), sql, err);
}

/* Numbers go straight into the column; bytes are taken later, when their length is known. */
static bool bind_results(struct tx *tx, struct statement *statement, struct error *err) {
    MYSQL_RES *meta = mysql_stmt_result_metadata(statement->stmt);
    if (meta == NULL)
        return true; /* no rows come of it */
    statement->column_count = mysql_num_fields(meta);
    statement->columns = must_alloc(statement->column_count * sizeof *statement->columns);
    statement->results = must_alloc(statement->column_count * sizeof *statement->results);
    for (unsigned i = 0; i < statement->column_count; i++) {
        struct column *column = &statement->columns[i];
        MYSQL_BIND *bind = &statement->results[i];
        column->is_number = is_number(mysql_fetch_field_direct(meta, i)->type);
        bind->buffer_type = column->is_number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_BLOB;
        bind->buffer = column->is_number ? (void *)&column->number : (void *)column->few;
        bind->buffer_length = column->is_number ? sizeof column->number : sizeof column->few;
        bind->is_null = &column->is_null;
        bind->error = &column->is_cut;
        bind->length = &column->len;
    }
    mysql_free_result(meta);
    if (mysql_stmt_bind_result(statement->stmt, statement->results) != 0)
        return stmt_fail(tx, statement->stmt, statement->sql, err);
    return true;
}

static bool prepare(struct tx *tx, const char *sql, uint64_t hash, struct statement **ret,
                    struct error *err) {
    if (tx->statement_count >= MAX_STATEMENTS)
        drop_oldest(tx);
    struct statement *statement = must_alloc(sizeof *statement);
    statement->sql = must_strdup(sql);
    statement->hash = hash;
    statement->stmt = mysql_stmt_init(tx->mysql);
    if (statement->stmt == NULL) {
        free(statement->sql);
        free(statement);
        return fail_internal(err, "mysql_stmt_init: out of memory");
    }
    bool ok = mysql_stmt_prepare(statement->stmt, sql, strlen(sql)) == 0 ||
              stmt_fail(tx, statement->stmt, sql, err);
    if (!ok || !bind_results(tx, statement, err)) {
        statement_free(statement);
        return false;
    }
    struct statement **chain = chain_of(tx, hash);
    statement->next = *chain;
    *chain = statement;
    tx->statement_count++;
    *ret = statement;
    return true;
}

static bool find_statement(struct tx *tx, const char *sql, struct statement **ret,
                           struct error *err) {
    uint64_t hash = hash_text(sql);
    struct statement *at = *chain_of(tx, hash);
    while (at != NULL && (at->hash != hash || strcmp(at->sql, sql) != 0))
        at = at->next;
    if (at == NULL)
        TRY(prepare(tx, sql, hash, &at, err));
    at->used = ++tx->use_counter;
    *ret = at;
    return true;
}

bool param_check(const struct param *param, struct error *err) {
    return param->type != PARAM_TEXT || utf8_valid(param->bytes) ||
           fail(err, ERROR_MALFORMED, "bad-text",
                "A text is not valid UTF-8 or holds a NUL; send it as UTF-8.");
}

static bool bind_param(const struct param *param, MYSQL_BIND *bind, struct error *err) {
    TRY(param_check(param, err));
    switch (param->type) {
    case PARAM_NULL:
        bind->buffer_type = MYSQL_TYPE_NULL;
        return true;
    case PARAM_INT:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = (void *)(uintptr_t)&param->number;
        return true;
    case PARAM_TEXT:
        bind->buffer_type = MYSQL_TYPE_STRING;
        break;
    case PARAM_BLOB:
        bind->buffer_type = MYSQL_TYPE_BLOB;
        break;
    }
    bind->buffer =
        (void *)(uintptr_t)(param->bytes.at == NULL ? (const void *)"" : param->bytes.at);
    bind->buffer_length = param->bytes.len;
    bind->length_value = param->bytes.len;
    return true;
}

static bool usable(struct tx *tx, const char *sql, size_t values, struct statement **ret,
                   struct error *err) {
    if (tx->trouble != TROUBLE_NONE) /* the server has rolled back: nothing more may happen in it */
        return connection_fail(tx, tx->trouble == TROUBLE_LOST ? CR_SERVER_LOST : ER_LOCK_DEADLOCK,
                               "the transaction had failed before", sql, err);
    TRY(find_statement(tx, sql, ret, err));
    if (mysql_stmt_param_count((*ret)->stmt) != values || values > MAX_PARAMS)
        return fail_internal(err, "database: %zu values for: %.200s", values, sql);
    return true;
}

/* --- sending ------------------------------------------------------------------------------------------ */

static bool bind_values(struct tx *tx, const char *sql, struct params params, struct statement **ret,
                        struct error *err) {
    struct statement *statement;
    TRY(usable(tx, sql, params.count, &statement, err));
    size_t total = 0;
    for (size_t i = 0; i < params.count; i++)
        total += params.at[i].bytes.len;
    if (total > MAX_VALUES)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The data is larger than can be stored.");
    MYSQL_BIND *binds = must_alloc(params.count * sizeof *binds);
    bool ok = true;
    for (size_t i = 0; ok && i < params.count; i++)
        ok = bind_param(&params.at[i], &binds[i], err);
    if (ok && params.count > 0 && mysql_stmt_bind_param(statement->stmt, binds) != 0)
        ok = stmt_fail(tx, statement->stmt, sql, err);
    free(binds); /* the library has a copy; the values it points to are the caller's */
    if (ok)
        *ret = statement;
    return ok;
}

static bool encode(struct tx *tx, struct statement *statement, bool many, struct packed *ret,
                   struct error *err) {
    *ret = (struct packed){.statement = statement, .many = many};
    ret->request = tx->mysql->methods->db_execute_generate_request(statement->stmt, &ret->len, 0);
    return ret->request != NULL || stmt_fail(tx, statement->stmt, statement->sql, err);
}

bool statement_pack(struct tx *tx, const char *sql, struct params params, struct packed *ret,
                    struct error *err) {
    struct statement *statement;
    return bind_values(tx, sql, params, &statement, err) && encode(tx, statement, false, ret, err);
}

bool statement_pack_rows(struct tx *tx, const char *sql, MYSQL_BIND *columns, size_t column_count,
                         unsigned rows, struct packed *ret, struct error *err) {
    struct statement *statement;
    unsigned none = 0; /* back to statements of one row */
    TRY(usable(tx, sql, column_count, &statement, err));
    bool ok = (mysql_stmt_attr_set(statement->stmt, STMT_ATTR_ARRAY_SIZE, &rows) == 0 &&
               mysql_stmt_bind_param(statement->stmt, columns) == 0) ||
              stmt_fail(tx, statement->stmt, sql, err);
    ok = ok && encode(tx, statement, true, ret, err);
    mysql_stmt_attr_set(statement->stmt, STMT_ATTR_ARRAY_SIZE, &none);
    return ok;
}

void packed_free(struct packed *packed) {
    free(packed->request);
    packed->request = NULL;
}

/* Something is wrong with the connection itself, or some answers are still to come: it is of no more use. */
static bool broken(struct tx *tx, const char *sql, struct error *err) {
    unsigned number = mysql_errno(tx->mysql);
    connection_fail(tx, number == 0 ? CR_SERVER_LOST : number, mysql_error(tx->mysql), sql, err);
    tx->trouble = TROUBLE_LOST;
    return false;
}

static bool send_each(struct tx *tx, const char *turn, const struct packed *packed, size_t count,
                      struct error *err) {
    MYSQL *mysql = tx->mysql;
    if (turn != NULL && mysql_send_query(mysql, turn, strlen(turn)) != 0)
        return broken(tx, turn, err);
    for (size_t i = 0; i < count; i++)
        if (mysql->methods->db_command(mysql, packed[i].many ? COM_STMT_BULK_EXECUTE : COM_STMT_EXECUTE,
                                       (const char *)packed[i].request, packed[i].len, 1,
                                       packed[i].statement->stmt) != 0)
            return broken(tx, packed[i].statement->sql, err);
    return true;
}

static bool send_all(struct tx *tx, const char *turn, const struct packed *packed, size_t count,
                     struct error *err) {
    struct gather gather;
    if (count + (turn != NULL) < 2)
        return send_each(tx, turn, packed, count, err);
    gather_begin(&gather, tx->mysql);
    bool ok = send_each(tx, turn, packed, count, err);
    bool gone = !gather_end(&gather, ok);
    return ok && (!gone || broken(tx, packed[0].statement->sql, err));
}

/* The library counts packets from the last command it has sent; each answer is the first after its own. */
static void next_answer(MYSQL *mysql) {
    mysql->net.pkt_nr = mysql->net.compress_pkt_nr = 1;
}

static bool read_turn(struct tx *tx, const char *turn, struct error *err) {
    if (turn == NULL)
        return true;
    next_answer(tx->mysql);
    if (mysql_read_query_result(tx->mysql) != 0)
        return broken(tx, turn, err);
    tx->manual = tx->begun;
    return true;
}

bool statements_exchange(struct tx *tx, const struct packed *packed, size_t count,
                         struct outcome *ret_outcomes, size_t *ret_failed, struct error *err) {
    const char *turn = tx->manual == tx->begun ? NULL : tx->begun ? "SET autocommit = 0" : "SET autocommit = 1";
    *ret_failed = count;
    TRY(send_all(tx, turn, packed, count, err));
    TRY(read_turn(tx, turn, err));
    for (size_t i = 0; i < count; i++) {
        MYSQL_STMT *stmt = packed[i].statement->stmt;
        next_answer(tx->mysql);
        ret_outcomes[i] = (struct outcome){0};
        if (tx->mysql->methods->db_read_execute_response(stmt) == 0) {
            ret_outcomes[i].affected = mysql_stmt_affected_rows(stmt);
            continue;
        }
        ret_outcomes[i].number = mysql_errno(tx->mysql);
        if (*ret_failed == count) {
            *ret_failed = i;
            connection_fail(tx, ret_outcomes[i].number, mysql_error(tx->mysql), packed[i].statement->sql, err);
        }
        if (tx->trouble == TROUBLE_LOST || mysql_get_socket(tx->mysql) == MARIADB_INVALID_SOCKET)
            return broken(tx, packed[i].statement->sql, err);
    }
    return true;
}

/* Alone with the change of the session that it needs. */
static bool execute_after_turn(struct tx *tx, struct statement *statement, struct error *err) {
    struct packed packed = {0};
    struct outcome outcome = {0};
    size_t failed = 0;
    bool ok = encode(tx, statement, false, &packed, err) &&
              statements_exchange(tx, &packed, 1, &outcome, &failed, err) && failed == 1;
    packed_free(&packed);
    return ok;
}

static bool execute(struct tx *tx, const char *sql, struct params params, struct statement **ret,
                    struct error *err) {
    TRY(bind_values(tx, sql, params, ret, err));
    if (tx->manual != tx->begun)
        return execute_after_turn(tx, *ret, err);
    return mysql_stmt_execute((*ret)->stmt) == 0 || stmt_fail(tx, (*ret)->stmt, sql, err);
}

/* Rows that wait and that this statement may refer to go first. */
static bool run(struct tx *tx, const char *sql, struct params params, struct statement **ret,
                struct error *err) {
    return (!tx->referred_waits || later_send(tx, false, err)) && execute(tx, sql, params, ret, err);
}

bool statement_run(struct tx *tx, const char *sql, struct params params,
                   struct outcome *ret_outcome, struct error *err) {
    struct statement *statement = NULL;
    bool ok = execute(tx, sql, params, &statement, err);
    if (ok)
        ret_outcome->affected = mysql_stmt_affected_rows(statement->stmt);
    else
        ret_outcome->number = statement == NULL ? 0 : mysql_stmt_errno(statement->stmt);
    return ok;
}

bool tx_execute(struct tx *tx, const char *sql, struct params params, int64_t *ret_affected,
                struct error *err) {
    struct statement *statement;
    transaction_enter(tx);
    TRY(run(tx, sql, params, &statement, err));
    int64_t affected = (int64_t)mysql_stmt_affected_rows(statement->stmt);
    tx->wrote = tx->wrote || affected != 0;
    if (ret_affected != NULL)
        *ret_affected = affected;
    return true;
}

static bool insert_now(struct tx *tx, const char *sql, struct params params,
                       enum inserted *ret_inserted, struct error *err) {
    struct statement *statement = NULL;
    if (run(tx, sql, params, &statement, err)) {
        bool any = mysql_stmt_affected_rows(statement->stmt) > 0;
        tx->wrote = tx->wrote || any;
        *ret_inserted = any ? INSERTED : INSERTED_NOTHING;
        return true;
    }
    if (statement == NULL || tx->trouble != TROUBLE_NONE || mysql_stmt_errno(statement->stmt) != ER_DUP_ENTRY)
        return false;
    *ret_inserted = INSERTED_DUPLICATE;
    return true;
}

bool tx_insert_select(struct tx *tx, const char *sql, struct params params,
                      enum inserted *ret_inserted, struct error *err) {
    transaction_enter(tx);
    return insert_now(tx, sql, params, ret_inserted, err);
}

bool tx_insert(struct tx *tx, const char *sql, struct params params, bool *ret_duplicate,
               struct error *err) {
    enum inserted inserted;
    TRY(tx_insert_select(tx, sql, params, &inserted, err));
    *ret_duplicate = inserted == INSERTED_DUPLICATE;
    return true;
}

/* A lock lives as long as the transaction. */
static bool locks(const char *sql) {
    return strstr(sql, "FOR UPDATE") != NULL || strstr(sql, "SHARE MODE") != NULL;
}

bool rows_open(struct tx *tx, struct arena *arena, const char *sql, struct params params,
               struct rows *ret_rows, struct error *err) {
    struct statement *statement;
    if (locks(sql))
        transaction_enter(tx);
    TRY(run(tx, sql, params, &statement, err));
    if (statement->column_count == 0)
        return fail_internal(err, "database: no rows come of: %.200s", sql);
    statement->open = true;
    *ret_rows = (struct rows){.tx = tx, .arena = arena, .statement = statement};
    return true;
}

bool rows_next(struct rows *rows) {
    struct statement *statement = rows->statement;
    if (rows->failed != 0)
        return false;
    if (rows->begun && rows->column != statement->column_count) {
        rows->failed = FAILED_COLUMNS;
        return false;
    }
    int status = mysql_stmt_fetch(statement->stmt);
    if (status == MYSQL_NO_DATA) {
        rows->begun = false;
        return false;
    }
    if (status != 0 &&
        status != MYSQL_DATA_TRUNCATED) { /* "cut": bytes are taken column by column */
        rows->failed = FAILED_FETCH;
        return false;
    }
    rows->begun = true;
    rows->column = 0;
    return true;
}

bool rows_close(struct rows *rows, struct error *err) {
    struct statement *statement = rows->statement;
    bool ok = true;
    if (rows->failed == 0 && rows->begun && rows->column != statement->column_count)
        rows->failed = FAILED_COLUMNS;
    if (rows->failed == FAILED_FETCH)
        ok = stmt_fail(rows->tx, statement->stmt, statement->sql, err);
    else if (rows->failed == FAILED_COLUMNS)
        ok = fail_internal(err, "database: wrong columns taken of: %.300s", statement->sql);
    statement->open = false;
    mysql_stmt_free_result(statement->stmt); /* reads and drops what is left on the wire */
    return ok;
}

bool rows_first(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                struct rows *ret_rows, bool *ret_found, struct error *err) {
    struct rows rows;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    bool found = rows_next(&rows);
    if (!found)
        TRY(rows_close(&rows, err));
    *ret_rows = rows;
    *ret_found = found;
    return true;
}

/* The next column, when it is of that sort; NULL for NULL and for a reader's mistake. */
static struct column *take(struct rows *rows, bool number) {
    if (rows->failed != 0)
        return NULL;
    if (!rows->begun || rows->column >= rows->statement->column_count ||
        rows->statement->columns[rows->column].is_number != number) {
        rows->failed = FAILED_COLUMNS;
        return NULL;
    }
    struct column *column = &rows->statement->columns[rows->column++];
    return column->is_null ? NULL : column;
}

int64_t rows_int(struct rows *rows) {
    const struct column *column = take(rows, true);
    return column == NULL ? 0 : column->number;
}

bool rows_bool(struct rows *rows) {
    return rows_int(rows) != 0;
}

/* Copies the column that was just taken. */
static bool copy_bytes(struct rows *rows, uint8_t *to, unsigned long len) {
    if (len <= SHORT_BYTES) {
        memcpy(to, rows->statement->columns[rows->column - 1].few, len);
        return true;
    }
    MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_BLOB, .buffer = to, .buffer_length = len};
    unsigned long real = 0;
    my_bool is_null = 0, is_cut = 0;
    bind.length = &real;
    bind.is_null = &is_null;
    bind.error = &is_cut;
    if (len > 0 && mysql_stmt_fetch_column(rows->statement->stmt, &bind, rows->column - 1, 0) != 0)
        rows->failed = FAILED_FETCH;
    return rows->failed == 0;
}

struct view rows_blob(struct rows *rows) {
    const struct column *column = take(rows, false);
    if (column == NULL || column->len == 0)
        return (struct view){NULL, 0};
    uint8_t *at = arena_alloc(rows->arena, column->len + 1); /* NUL-terminated: serves text, too */
    return copy_bytes(rows, at, column->len) ? view_of(at, column->len) : (struct view){NULL, 0};
}

const char *rows_text(struct rows *rows) {
    struct view bytes = rows_blob(rows);
    return bytes.len == 0 ? "" : (const char *)bytes.at;
}

void rows_fixed(struct rows *rows, uint8_t *to, size_t len) {
    const struct column *column = take(rows, false);
    if (column == NULL)
        return;
    if (column->len != len)
        rows->failed = FAILED_COLUMNS;
    else
        copy_bytes(rows, to, (unsigned long)len);
}

size_t rows_blob_into(struct rows *rows, uint8_t *to, size_t room) {
    const struct column *column = take(rows, false);
    if (column == NULL)
        return 0;
    if (column->len > room) {
        rows->failed = FAILED_COLUMNS;
        return 0;
    }
    return copy_bytes(rows, to, column->len) ? column->len : 0;
}

struct uuid rows_uuid(struct rows *rows) {
    struct uuid id = {{0}};
    rows_fixed(rows, id.bytes, sizeof id.bytes);
    return id;
}

bool tx_number(struct tx *tx, const char *sql, struct params params, int64_t *ret_number,
               struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, NULL, sql, params, &rows, &found, err));
    if (!found)
        return fail_internal(err, "database: no row came of: %.200s", sql);
    int64_t number = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret_number = number;
    return true;
}
