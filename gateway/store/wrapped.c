#include "store/wrapped.h"

#include "store/query.h"

/* One place: which rows there are, and how one is replaced. Columns of the list: id, number, place, value, spki. */
#define HOME(table, id, number, place, value, spki, here)                                          \
    {                                                                                              \
        "SELECT " id ", " number ", " place ", " value ", " spki " FROM " table " w WHERE w.kek <> ? AND " here    \
        " AND (" id " > ? OR (" id " = ? AND " number " > ?)) ORDER BY 1, 2 LIMIT ?",   \
            "UPDATE " table " w SET w.kek = ?, " value " = ? WHERE " id " = ? AND " number " = ? AND " value " = ?", \
            "SELECT w.kek, COUNT(*) FROM " table " w WHERE " here " GROUP BY w.kek"                \
    }

static const struct {
    const char *list, *replace, *count;
} homes[WRAPPED_HOMES] = {
    [WRAPPED_PRIVATE] = HOME("private_keys", "w.id", "0", "w.id", "w.wrapped", "w.spki", "w.wrapped <> ''"),
    [WRAPPED_USER] = HOME("user_keys", "w.id", "0", "w.id", "w.wrapped", "''", "w.wrapped <> ''"),
    [WRAPPED_EST] = HOME("est_keys", "w.request_id", "0",
                          "(SELECT r.template_id FROM requests r WHERE r.id = w.request_id)", "w.sealed", "''",
                          "w.sealed <> ''"),
    [WRAPPED_MDM] = HOME("mdm_keys", "w.request_id", "0", "w.template_id", "w.sealed", "''", "w.sealed <> ''"),
    [WRAPPED_CMP] = HOME("cmp_certificates", "w.transaction", "w.cert_req_id", "w.transaction", "w.sealed_key", "''",
                         "w.sealed_key <> ''"),
};

static const char sql_node_put[] = "INSERT INTO kek_nodes (name, keks, seen_us) VALUES (?, ?, ?) "
                                   "ON DUPLICATE KEY UPDATE keks = VALUES(keks), seen_us = VALUES(seen_us)";
static const char sql_node_list[] = "SELECT n.name, n.keks, n.seen_us FROM kek_nodes n ORDER BY n.name";
static const char sql_node_seen[] = "SELECT COALESCE(MAX(n.seen_us), 0) FROM kek_nodes n";
static const char sql_node_remove[] = "DELETE FROM kek_nodes WHERE name = ?";

bool wrapped_list(struct tx *tx, struct arena *arena, enum wrapped_home home, struct view kek,
                  const struct wrapped_row *after, size_t limit, struct wrapped_row **ret_rows,
                  size_t *ret_count, struct error *err) {
    static const struct wrapped_row first = {.number = -1};
    struct wrapped_row *items = arena_array(arena, limit + 1, sizeof *items);
    struct rows rows;
    size_t count = 0;
    after = after == NULL ? &first : after;
    TRY(rows_open(tx, arena, homes[home].list,
                  PARAMS(p_blob(kek), p_uuid(&after->id), p_uuid(&after->id), p_int(after->number),
                         p_int((int64_t)limit)),
                  &rows, err));
    while (count < limit && rows_next(&rows)) {
        struct wrapped_row *item = &items[count++];
        item->id = rows_uuid(&rows);
        item->number = rows_int(&rows);
        item->place_id = rows_uuid(&rows);
        item->value = rows_blob(&rows);
        item->spki = rows_blob(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_rows = items;
    *ret_count = count;
    return true;
}

bool wrapped_replace(struct tx *tx, enum wrapped_home home, const struct wrapped_row *row,
                     struct view value, struct view kek, struct error *err) {
    return tx_execute(tx, homes[home].replace,
                      PARAMS(p_blob(kek), p_blob(value), p_uuid(&row->id), p_int(row->number),
                             p_blob(row->value)),
                      NULL, err);
}

static void add_count(struct arena *arena, struct wrapped_count **counts, size_t *count,
                      size_t *capacity, struct wrapped_count one) {
    for (size_t i = 0; i < *count; i++)
        if (view_equal((*counts)[i].kek, one.kek)) {
            (*counts)[i].keys += one.keys;
            return;
        }
    *counts = grow(arena, *counts, *count, capacity, sizeof **counts);
    (*counts)[(*count)++] = one;
}

bool wrapped_counts(struct tx *tx, struct arena *arena, struct wrapped_count **ret_counts,
                    size_t *ret_count, struct error *err) {
    struct wrapped_count *counts = NULL;
    size_t count = 0, capacity = 0;
    for (size_t home = 0; home < WRAPPED_HOMES; home++) {
        struct rows rows;
        TRY(rows_open(tx, arena, homes[home].count, NO_PARAMS, &rows, err));
        while (rows_next(&rows)) {
            struct view kek = rows_blob(&rows);
            add_count(arena, &counts, &count, &capacity, (struct wrapped_count){kek, rows_int(&rows)});
        }
        TRY(rows_close(&rows, err));
    }
    *ret_counts = counts;
    *ret_count = count;
    return true;
}

/* --- nodes ----------------------------------------------------------------------------------------------- */

bool kek_node_put(struct tx *tx, const struct kek_node *node, struct error *err) {
    return tx_execute(tx, sql_node_put,
                      PARAMS(p_text(node->name), p_blob(node->keks), p_int(node->seen_us)), NULL, err);
}

bool kek_node_list(struct tx *tx, struct arena *arena, struct kek_node **ret_nodes,
                   size_t *ret_count, struct error *err) {
    struct kek_node *nodes = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql_node_list, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        nodes = grow(arena, nodes, count, &capacity, sizeof *nodes);
        nodes[count].name = rows_text(&rows);
        nodes[count].keks = rows_blob(&rows);
        nodes[count++].seen_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_nodes = nodes;
    *ret_count = count;
    return true;
}

bool kek_node_remove(struct tx *tx, const char *name, struct error *err) {
    int64_t removed = 0;
    TRY(tx_execute(tx, sql_node_remove, PARAMS(p_text(name)), &removed, err));
    return removed > 0 || fail(err, ERROR_NOT_FOUND, "not-found", "There is no node \"%.100s\".", name);
}

bool kek_nodes_seen(struct tx *tx, int64_t *ret_us, struct error *err) {
    return tx_number(tx, sql_node_seen, NO_PARAMS, ret_us, err);
}
