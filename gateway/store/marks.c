#include "store/marks.h"

#include "store/query.h"

#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)512)

static const char sql_known[] = "SELECT m.once FROM notice_marks m WHERE m.once IN (";
/* IGNORE: one that is there stays, and the application may not update them. */
static const char sql_add[] = "INSERT IGNORE INTO notice_marks (once, at_us) VALUES ";
static const char sql_purge[] = "DELETE FROM notice_marks WHERE at_us < ? ORDER BY at_us LIMIT 10000";

/* Powers of two, so that few different statements are prepared: the last one is repeated. */
static size_t rounded(size_t count) {
    size_t places = 1;
    while (places < count)
        places *= 2;
    return places;
}

static int compare(const struct notice_mark *a, const struct notice_mark *b) {
    return memcmp(a->once, b->once, sizeof a->once);
}

static int by_value_then_place(const void *a, const void *b) {
    const struct notice_mark *const *x = a, *const *y = b;
    int order = compare(*x, *y);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static int by_value(const void *wanted, const void *mark) {
    return compare(wanted, *(const struct notice_mark *const *)mark);
}

static bool read_piece(struct tx *tx, struct arena *arena, struct notice_mark **sorted, size_t count, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    query_add(&query, sql_known);
    for (size_t i = 0; i < rounded(count); i++) {
        query_add(&query, i == 0 ? "?" : ",?");
        query_bind(&query, p_bytes(sorted[i < count ? i : count - 1]->once, 32));
    }
    query_add(&query, ")");
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (rows_next(&rows)) {
        struct notice_mark wanted = {.known = true}, **found;
        (void)rows_blob_into(&rows, wanted.once, sizeof wanted.once);
        found = bsearch(&wanted, sorted, count, sizeof(struct notice_mark *), by_value);
        if (found != NULL)
            (*found)->known = true;
    }
    return rows_close(&rows, err);
}

bool marks_known(struct tx *tx, struct arena *arena, struct notice_mark *marks, size_t count, struct error *err) {
    struct notice_mark **sorted = arena_array(arena, count + 1, sizeof(struct notice_mark *));
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        marks[i].known = false;
        sorted[i] = &marks[i];
    }
    qsort(sorted, count, sizeof(struct notice_mark *), by_value_then_place);
    for (size_t i = 0; i < count; i++)
        if (different > 0 && compare(sorted[i], sorted[different - 1]) == 0)
            sorted[i]->known = true;
        else
            sorted[different++] = sorted[i];
    for (size_t from = 0; from < different; from += PIECE)
        TRY(read_piece(tx, arena, sorted + from, different - from < PIECE ? different - from : PIECE, err));
    return true;
}

bool marks_add(struct tx *tx, struct arena *arena, const struct notice_mark *marks, size_t count, int64_t now_us,
               struct error *err) {
    for (size_t from = 0; from < count; from += PIECE) {
        struct query query = query_on(arena);
        size_t some = count - from < PIECE ? count - from : PIECE;
        query_add(&query, sql_add);
        for (size_t i = 0; i < rounded(some); i++) {
            query_add(&query, i == 0 ? "(?, ?)" : ", (?, ?)");
            query_bind(&query, p_bytes(marks[from + (i < some ? i : some - 1)].once, 32));
            query_bind(&query, p_int(now_us));
        }
        TRY(tx_execute(tx, query_sql(&query), query_params(&query), NULL, err));
    }
    return true;
}

bool mark_purge(struct tx *tx, int64_t before_us, struct error *err) {
    return tx_execute(tx, sql_purge, PARAMS(p_int(before_us)), NULL, err);
}
