#include "store/transparency.h"

#include "store/sql.h"

static const char sql_add_scts[] =
    "INSERT INTO certificate_scts (certificate_id, scts) VALUES (?, ?)";
static const char sql_scts[] = "SELECT scts FROM certificate_scts WHERE certificate_id = ?";
static const char sql_put[] =
    "INSERT INTO request_retries (request_id, actor_id, actor, overrides, tries, created_us, "
    "due_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE tries = GREATEST(tries, VALUES(tries)), "
    "due_us = GREATEST(due_us, VALUES(due_us))";
static const char sql_due[] =
    "SELECT request_id, actor_id, actor, overrides, tries, created_us, due_us FROM request_retries "
    "WHERE due_us <= ? ORDER BY due_us LIMIT ?";
static const char sql_remove[] = "DELETE FROM request_retries WHERE request_id = ?";

bool certificate_scts_insert(struct tx *tx, struct uuid certificate_id, struct view scts,
                             struct error *err) {
    return tx_execute(tx, sql_add_scts, PARAMS(p_uuid(&certificate_id), p_blob(scts)), NULL, err);
}

bool certificate_scts(struct tx *tx, struct arena *arena, struct uuid certificate_id,
                      struct view *ret_scts, struct error *err) {
    struct rows rows;
    bool found;
    struct view scts = {NULL, 0};
    TRY(rows_first(tx, arena, sql_scts, PARAMS(p_uuid(&certificate_id)), &rows, &found, err));
    if (found) {
        scts = rows_blob(&rows);
        TRY(rows_close(&rows, err));
    }
    *ret_scts = scts;
    return true;
}

bool retry_put(struct tx *tx, const struct retry_record *r, struct error *err) {
    return tx_execute(tx, sql_put,
                      PARAMS(p_uuid(&r->request_id), p_uuid_or_null(&r->actor_id), p_text(r->actor),
                             p_text(r->overrides), p_int(r->tries), p_int(r->created_us),
                             p_int(r->due_us)),
                      NULL, err);
}

bool retry_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
               struct retry_record **ret_items, size_t *ret_count, struct error *err) {
    struct retry_record *items = arena_array(arena, (size_t)limit + 1, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_due, PARAMS(p_int(now_us), p_int(limit)), &rows, err));
    while (count < limit && rows_next(&rows)) {
        struct retry_record *r = &items[count++];
        r->request_id = rows_uuid(&rows);
        r->actor_id = rows_uuid(&rows);
        r->actor = rows_text(&rows);
        r->overrides = rows_text(&rows);
        r->tries = rows_int(&rows);
        r->created_us = rows_int(&rows);
        r->due_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool retry_remove(struct tx *tx, struct uuid request_id, struct error *err) {
    return tx_execute(tx, sql_remove, PARAMS(p_uuid(&request_id)), NULL, err);
}
