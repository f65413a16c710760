#include "store/acme_rows.h"

#include <string.h>

bool acme_row(struct tx *tx, struct arena *arena, const struct row_kind *kind, const char *sql,
              struct params params, const char *named, void *ret, struct error *err) {
    void *row = arena_alloc(arena, kind->size);
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql, params, &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no %s%s%s.",
                    named == NULL ? "such " : "", kind->what,
                    named == NULL ? "" : arena_printf(arena, " %s", named));
    kind->read(&rows, row);
    TRY(rows_close(&rows, err));
    memcpy(ret, row, kind->size);
    return true;
}

bool acme_rows(struct tx *tx, struct arena *arena, const struct row_kind *kind, const char *sql,
               struct params params, void *ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    uint8_t *items = NULL;
    size_t count = 0, capacity = 0;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, kind->size);
        kind->read(&rows, items + kind->size * count++);
    }
    TRY(rows_close(&rows, err));
    memcpy(ret_items, &items, sizeof items);
    *ret_count = count;
    return true;
}

bool acme_page(struct tx *tx, struct arena *arena, const struct row_kind *kind, struct query *query,
               const char *id_column, const struct page *page, void *ret_items, size_t *ret_count,
               const char **ret_next, struct error *err) {
    uint8_t *items;
    query_add(query, " ORDER BY ");
    query_add(query, id_column);
    query_add(query, page->oldest_first ? " LIMIT ?" : " DESC LIMIT ?");
    query_bind(query, p_int(page->limit + 1));
    TRY(acme_rows(tx, arena, kind, query_sql(query), query_params(query), &items, ret_count, err));
    *ret_next = NULL;
    if (*ret_count > page->limit) {
        *ret_count = page->limit;
        *ret_next = page_next(arena, page_letter(page, kind->list),
                              view_of(items + kind->size * (*ret_count - 1), sizeof(struct uuid)));
    }
    memcpy(ret_items, &items, sizeof items);
    return true;
}
