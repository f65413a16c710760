#include "store/later.h"

#include "base/buffer.h"
#include "base/json.h"
#include "store/connection.h"

#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 1000                             /* in one command */
#define MOST_BYTES ((size_t)8 * 1024 * 1024) /* likewise; the server takes 16 MiB in a packet */
#define MOST_TOGETHER 32 /* commands in a round trip: their answers must fit in what the kernel keeps of a connection */

struct row {
    struct row *next;
    size_t bytes;
    struct param values[];
};

struct later {
    struct later *next;
    const struct insert *insert;
    size_t columns;
    struct row *first, **last;
};

/* --- waiting ------------------------------------------------------------------------------------------ */

static struct later *later_of(struct tx *tx, const struct insert *insert, size_t columns) {
    struct later **at = &tx->later;
    while (*at != NULL && (*at)->insert != insert)
        at = &(*at)->next;
    if (*at == NULL) {
        *at = arena_alloc(tx->later_arena, sizeof **at);
        (*at)->insert = insert;
        (*at)->columns = columns;
        (*at)->last = &(*at)->first;
    }
    return *at;
}

bool tx_insert_later(struct tx *tx, const struct insert *insert, struct params params,
                     struct error *err) {
    if (tx->later_arena == NULL)
        tx->later_arena = arena_new();
    struct later *later = later_of(tx, insert, params.count);
    if (later->columns != params.count)
        return fail_internal(err, "database: %zu values for: %.200s", params.count, insert->sql);
    struct row *row = arena_alloc(tx->later_arena, sizeof *row + params.count * sizeof(struct param));
    for (size_t i = 0; i < params.count; i++) {
        struct param value = params.at[i];
        TRY(param_check(&value, err));
        if (value.bytes.len > 0)
            value.bytes = arena_copy(tx->later_arena, value.bytes.at, value.bytes.len);
        row->bytes += value.bytes.len;
        row->values[i] = value;
    }
    *later->last = row;
    later->last = &row->next;
    tx->referred_waits |= insert->kind == INSERT_REFERRED;
    return true;
}

bool later_waits(const struct tx *tx) {
    for (const struct later *later = tx->later; later != NULL; later = later->next)
        if (later->first != NULL)
            return true;
    return false;
}

void later_forget(struct tx *tx) {
    arena_free(tx->later_arena);
    tx->later_arena = NULL;
    tx->later = NULL;
    tx->referred_waits = false;
}

/* --- sending ------------------------------------------------------------------------------------------ */

/* One column of many rows, as the client library wants it. */
static void bind_column(struct arena *arena, const struct row *first, size_t rows, size_t column,
                        MYSQL_BIND *bind) {
    char *indicators = arena_array(arena, rows, 1);
    unsigned long *lengths = arena_array(arena, rows, sizeof *lengths);
    int64_t *numbers = arena_array(arena, rows, sizeof *numbers);
    const void **bytes = arena_array(arena, rows, sizeof *bytes);
    enum param_type type = PARAM_NULL;
    const struct row *row = first;
    for (size_t i = 0; i < rows; i++, row = row->next) {
        const struct param *value = &row->values[column];
        if (value->type == PARAM_NULL) {
            indicators[i] = STMT_INDICATOR_NULL;
            bytes[i] = "";
            continue;
        }
        type = value->type;
        numbers[i] = value->number;
        lengths[i] = value->bytes.len;
        bytes[i] = value->bytes.at == NULL ? (const void *)"" : value->bytes.at;
    }
    bind->buffer_type = type == PARAM_INT    ? MYSQL_TYPE_LONGLONG
                        : type == PARAM_TEXT ? MYSQL_TYPE_STRING
                                             : MYSQL_TYPE_BLOB;
    bind->buffer = type == PARAM_INT ? (void *)numbers : (void *)bytes;
    bind->length = lengths;
    bind->u.indicator = indicators;
}

/* What goes to the server in one round trip. */
struct flight {
    struct tx *tx;
    struct packed packed[MOST_TOGETHER];
    const struct insert *inserts[MOST_TOGETHER];
    size_t rows[MOST_TOGETHER], count, bytes;
};

static bool refused(struct tx *tx, const struct insert *insert, unsigned number, struct error *err) {
    return number == ER_DUP_ENTRY && insert->duplicate != NULL && tx->trouble == TROUBLE_NONE &&
           insert->duplicate(err);
}

/* In their order: what the first that was refused, or met the wrong number of rows, means. */
static bool judge(const struct flight *flight, const struct outcome *outcomes, size_t failed, struct error *err) {
    for (size_t i = 0; i < failed; i++)
        if (flight->inserts[i]->missed != NULL && outcomes[i].affected != flight->rows[i])
            return flight->inserts[i]->missed(err);
    return failed == flight->count || refused(flight->tx, flight->inserts[failed], outcomes[failed].number, err);
}

static void empty(struct flight *flight) {
    for (size_t i = 0; i < flight->count; i++)
        packed_free(&flight->packed[i]);
    flight->count = flight->bytes = 0;
}

static bool fly(struct flight *flight, struct error *err) {
    struct outcome outcomes[MOST_TOGETHER];
    size_t failed = 0;
    if (flight->count == 0)
        return true;
    bool ok = statements_exchange(flight->tx, flight->packed, flight->count, outcomes, &failed, err) &&
              judge(flight, outcomes, failed, err);
    empty(flight);
    return ok;
}

static bool board(struct flight *flight, const struct insert *insert, size_t rows, const struct packed *packed,
                  struct error *err) {
    flight->packed[flight->count] = *packed;
    flight->inserts[flight->count] = insert;
    flight->rows[flight->count++] = rows;
    flight->bytes += packed->len;
    return (flight->count < MOST_TOGETHER && flight->bytes < MOST_BYTES) || fly(flight, err);
}

/* Few sizes, for each is a prepared statement of its own. */
static size_t chunk_of(size_t rows) {
    return rows >= 16 ? 16 : rows >= 4 ? 4 : 1;
}

static bool send_chunk(struct flight *flight, struct arena *arena, const struct later *later,
                       const struct row *first, size_t rows, struct error *err) {
    const struct insert *insert = later->insert;
    struct buffer sql = buffer_on(arena);
    struct param *values = arena_array(arena, rows * later->columns, sizeof *values);
    struct packed packed;
    buffer_add_text(&sql, insert->many);
    for (size_t i = 0; i < rows; i++, first = first->next) {
        memcpy(values + i * later->columns, first->values, later->columns * sizeof *values);
        if (i > 0)
            buffer_add_text(&sql, insert->more);
    }
    buffer_add_text(&sql, insert->end);
    return statement_pack(flight->tx, rows == 1 ? insert->sql : buffer_text(&sql),
                          (struct params){values, rows * later->columns}, &packed, err) &&
           board(flight, insert, rows, &packed, err);
}

static bool send_chunks(struct flight *flight, struct arena *arena, const struct later *later,
                        const struct row *first, size_t rows, struct error *err) {
    while (rows > 0) {
        size_t chunk = chunk_of(rows);
        TRY(send_chunk(flight, arena, later, first, chunk, err));
        for (rows -= chunk; chunk > 0; chunk--)
            first = first->next;
    }
    return true;
}

static bool send_rows(struct flight *flight, const struct later *later, const struct row *first, size_t rows,
                      struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct packed packed;
    if (rows == 1)
        return statement_pack(flight->tx, later->insert->sql, (struct params){first->values, later->columns},
                              &packed, err) &&
               board(flight, later->insert, rows, &packed, err);
    if (later->insert->many != NULL)
        return send_chunks(flight, arena, later, first, rows, err);
    MYSQL_BIND *binds = arena_array(arena, later->columns, sizeof *binds);
    for (size_t i = 0; i < later->columns; i++)
        bind_column(arena, first, rows, i, &binds[i]);
    return statement_pack_rows(flight->tx, later->insert->sql, binds, later->columns, (unsigned)rows, &packed,
                               err) &&
           board(flight, later->insert, rows, &packed, err);
}

static bool send_table(struct flight *flight, struct later *later, struct error *err) {
    while (later->first != NULL) {
        const struct row *first = later->first;
        size_t rows = 0, bytes = 0;
        while (later->first != NULL && rows < MOST_ROWS &&
               (rows == 0 || bytes + later->first->bytes <= MOST_BYTES)) {
            bytes += later->first->bytes;
            rows++;
            later->first = later->first->next;
        }
        TRY(send_rows(flight, later, first, rows, err));
    }
    later->last = &later->first;
    return true;
}

static bool single_row(const struct tx *tx) {
    const struct row *only = NULL;
    for (const struct later *later = tx->later; later != NULL; later = later->next)
        if (later->first != NULL) {
            if (only != NULL || later->first->next != NULL)
                return false;
            only = later->first;
        }
    return only != NULL;
}

bool later_send(struct tx *tx, bool leaves, struct error *err) {
    struct flight flight = {.tx = tx};
    bool ok = true;
    tx->referred_waits = false;
    tx->alone = leaves && !tx->begun && single_row(tx);
    for (struct later *later = tx->later; ok && later != NULL; later = later->next)
        if (later->first != NULL && (leaves || later->insert->kind == INSERT_REFERRED)) {
            if (!tx->alone)
                transaction_enter(tx);
            tx->wrote = true;
            ok = send_table(&flight, later, err);
        }
    ok = ok && fly(&flight, err);
    empty(&flight);
    return ok;
}
