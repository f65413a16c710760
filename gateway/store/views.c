#include "store/notes.h"

#include "store/query.h"

#define MAX_VIEWS 200

static const char sql_add[] =
    "INSERT INTO saved_views (id, user_id, name, filter, created_us) VALUES (?, ?, ?, ?, ?)";
static const char sql_list[] =
    "SELECT v.id, v.user_id, v.name, v.filter, v.created_us FROM saved_views v "
    "WHERE v.user_id = ? ORDER BY v.id LIMIT 200";
static const char sql_count[] = "SELECT COUNT(*) FROM saved_views v WHERE v.user_id = ?";
static const char sql_delete[] = "DELETE FROM saved_views WHERE user_id = ? AND id = ?";

bool view_insert(struct tx *tx, const struct view_record *v, struct error *err) {
    int64_t count = 0;
    TRY(tx_number(tx, sql_count, PARAMS(p_uuid(&v->user_id)), &count, err));
    if (count >= MAX_VIEWS)
        return fail(err, ERROR_CONFLICT, "too-many-views",
                    "There are %d saved views already; delete one first.", MAX_VIEWS);
    return tx_execute(tx, sql_add,
                      PARAMS(p_uuid(&v->id), p_uuid(&v->user_id), p_text(v->name),
                             p_text(v->filter), p_int(v->created_us)),
                      NULL, err);
}

bool view_list(struct tx *tx, struct arena *arena, struct uuid user_id,
               struct view_record **ret_items, size_t *ret_count, struct error *err) {
    struct view_record *items = arena_array(arena, MAX_VIEWS, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_list, PARAMS(p_uuid(&user_id)), &rows, err));
    while (count < MAX_VIEWS && rows_next(&rows)) {
        struct view_record *item = &items[count++];
        item->id = rows_uuid(&rows);
        item->user_id = rows_uuid(&rows);
        item->name = rows_text(&rows);
        item->filter = rows_text(&rows);
        item->created_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool view_delete(struct tx *tx, struct uuid user_id, struct uuid id, struct error *err) {
    int64_t deleted = 0;
    TRY(tx_execute(tx, sql_delete, PARAMS(p_uuid(&user_id), p_uuid(&id)), &deleted, err));
    return deleted == 1 || fail(err, ERROR_NOT_FOUND, "not-found", "There is no such saved view.");
}
