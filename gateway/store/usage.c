#include "store/usage.h"

#include "store/query.h"

static const char sql_add[] = "INSERT INTO usage_days (who, day, certificates) VALUES (?, ?, 1) "
                              "ON DUPLICATE KEY UPDATE certificates = certificates + 1";
static const char sql_count[] = "SELECT u.certificates FROM usage_days u WHERE u.who = ? AND u.day = ?";
static const char sql_forget[] = "DELETE FROM usage_days WHERE day < ? LIMIT 10000";

bool usage_add(struct tx *tx, struct uuid who, int64_t day, int64_t *ret_count, struct error *err) {
    TRY(tx_execute(tx, sql_add, PARAMS(p_uuid(&who), p_int(day)), NULL, err));
    return tx_number(tx, sql_count, PARAMS(p_uuid(&who), p_int(day)), ret_count, err);
}

bool usage_forget(struct tx *tx, int64_t day, struct error *err) {
    return tx_execute(tx, sql_forget, PARAMS(p_int(day)), NULL, err);
}
