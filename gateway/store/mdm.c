#include "store/mdm.h"

#include "store/query.h"

static const char sql_insert[] = "INSERT INTO mdm_keys (request_id, template_id, owner_id, sealed, until_us) "
                                 "VALUES (?, ?, ?, ?, ?)";
static const char sql_get[] = "SELECT k.request_id, k.template_id, k.owner_id, k.sealed, k.until_us "
                              "FROM mdm_keys k WHERE k.request_id = ? AND k.template_id = ? AND k.owner_id = ? "
                              "AND k.until_us > ?";
static const char sql_sweep[] = "DELETE FROM mdm_keys WHERE until_us < ? ORDER BY until_us LIMIT 100";

bool mdm_key_insert(struct tx *tx, const struct mdm_key_record *key, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&key->request_id), p_uuid(&key->template_id), p_uuid(&key->owner_id),
                             p_text(key->sealed), p_int(key->until_us)),
                      NULL, err);
}

bool mdm_key_get(struct tx *tx, struct arena *arena, const struct mdm_key_record *which,
                 int64_t now_us, struct mdm_key_record *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_get,
                   PARAMS(p_uuid(&which->request_id), p_uuid(&which->template_id),
                          p_uuid(&which->owner_id), p_int(now_us)),
                   &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "No key of this request is kept for you (\"keepKeyDays\" of the template).");
    struct mdm_key_record key = {.request_id = rows_uuid(&rows)};
    key.template_id = rows_uuid(&rows);
    key.owner_id = rows_uuid(&rows);
    key.sealed = rows_text(&rows);
    key.until_us = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret = key;
    return true;
}

bool mdm_key_sweep(struct tx *tx, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_sweep, PARAMS(p_int(now_us)), NULL, err);
}
