#include "store/marks.h"

#include "store/query.h"

static const char sql_known[] = "SELECT COUNT(*) FROM notice_marks m WHERE m.once = ?";
static const char sql_add[] = "INSERT INTO notice_marks (once, at_us) VALUES (?, ?)";
static const char sql_purge[] = "DELETE FROM notice_marks WHERE at_us < ? ORDER BY at_us LIMIT 10000";

bool mark_known(struct tx *tx, const uint8_t once[32], bool *ret_known,
                struct error *err) {
    int64_t count;
    TRY(tx_number(tx, sql_known, PARAMS(p_bytes(once, 32)), &count, err));
    *ret_known = count > 0;
    return true;
}

bool mark_add(struct tx *tx, const uint8_t once[32], int64_t now_us, struct error *err) {
    bool duplicate;
    return tx_insert(tx, sql_add, PARAMS(p_bytes(once, 32), p_int(now_us)), &duplicate, err);
}

bool mark_purge(struct tx *tx, int64_t before_us, struct error *err) {
    return tx_execute(tx, sql_purge, PARAMS(p_int(before_us)), NULL, err);
}
