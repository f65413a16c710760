#include "store/est.h"

#include "store/query.h"

static const char sql_insert[] = "INSERT INTO est_keys (request_id, sealed, proof, created_us, delivered_us) "
                                 "VALUES (?, ?, ?, ?, 0)";
static const char sql_get[] = "SELECT k.request_id, k.sealed, k.proof, k.created_us, k.delivered_us "
                              "FROM est_keys k WHERE k.request_id = ?";
static const char sql_delivered[] =
    "UPDATE est_keys SET delivered_us = ? WHERE request_id = ? AND delivered_us = 0";
static const char sql_sweep[] =
    "DELETE FROM est_keys WHERE delivered_us > 0 AND delivered_us < ? ORDER BY delivered_us LIMIT 10000";
/* Those of requests that still wait stay as long as these. */
static const char sql_forget[] =
    "DELETE FROM est_keys WHERE delivered_us = 0 AND created_us < ? AND NOT EXISTS (SELECT 1 FROM requests q "
    "WHERE q.id = est_keys.request_id AND (q.state IN (1, 2) OR q.changed_us >= ?)) ORDER BY created_us LIMIT 10000";

bool est_key_insert(struct tx *tx, const struct est_key_record *key, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&key->request_id), p_text(key->sealed), p_text(key->proof),
                             p_int(key->created_us)),
                      NULL, err);
}

bool est_key_get(struct tx *tx, struct arena *arena, struct uuid request_id,
                 struct est_key_record *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_get, PARAMS(p_uuid(&request_id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The key is not here any more.");
    struct est_key_record key = {.request_id = rows_uuid(&rows)};
    key.sealed = rows_text(&rows);
    key.proof = rows_text(&rows);
    key.created_us = rows_int(&rows);
    key.delivered_us = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret = key;
    return true;
}

bool est_key_delivered(struct tx *tx, struct uuid request_id, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_delivered, PARAMS(p_int(now_us), p_uuid(&request_id)), NULL, err);
}

bool est_key_sweep(struct tx *tx, int64_t before_us, struct error *err) {
    return tx_execute(tx, sql_sweep, PARAMS(p_int(before_us)), NULL, err);
}

bool est_key_forget(struct tx *tx, int64_t before_us, struct error *err) {
    return tx_execute(tx, sql_forget, PARAMS(p_int(before_us), p_int(before_us)), NULL, err);
}
