#include "store/troubles.h"

#include "base/clock.h"
#include "store/query.h"

/* since_us before ailing: MariaDB assigns from left to right. */
static const char sql_ails[] =
    "INSERT INTO troubles (node, kind, object, ailing, reason, since_us, seen_us) VALUES (?, ?, ?, 1, ?, ?, ?) "
    "ON DUPLICATE KEY UPDATE since_us = IF(ailing, since_us, VALUES(since_us)), reason = IF(ailing, reason, VALUES(reason)), "
    "ailing = 1, seen_us = VALUES(seen_us)";
static const char sql_ends[] = "UPDATE troubles SET ailing = 0, since_us = ?, seen_us = ? "
                               "WHERE node = ? AND kind = ? AND ailing = 1 AND object = ?";
static const char sql_end_unseen[] = "UPDATE troubles SET ailing = 0, since_us = ?, seen_us = ? "
                                     "WHERE node = ? AND kind = ? AND ailing = 1 AND seen_us <> ?";
static const char sql_list[] = "SELECT t.node, t.kind, t.object, t.reason, t.ailing, t.since_us FROM troubles t "
                               "ORDER BY t.node, t.kind, t.object";
static const char sql_forget[] = "DELETE FROM troubles WHERE kind = ? AND object = ?";
static const char sql_purge[] = "DELETE FROM troubles WHERE (ailing = 0 AND since_us < ?) OR seen_us < ?";

bool trouble_ails(struct tx *tx, const struct trouble_record *t, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_ails,
                      PARAMS(p_text(t->node), p_text(t->kind), p_text(t->object), p_text(t->reason), p_int(now_us),
                             p_int(now_us)),
                      NULL, err);
}

bool trouble_ends(struct tx *tx, const char *node, const char *kind, const char *object, int64_t now_us, struct error *err) {
    if (object == NULL)
        return tx_execute(tx, sql_end_unseen, PARAMS(p_int(now_us), p_int(now_us), p_text(node), p_text(kind), p_int(now_us)),
                          NULL, err);
    return tx_execute(tx, sql_ends, PARAMS(p_int(now_us), p_int(now_us), p_text(node), p_text(kind), p_text(object)), NULL, err);
}

bool trouble_list(struct tx *tx, struct arena *arena, struct trouble_record **ret_items, size_t *ret_count,
                  struct error *err) {
    struct trouble_record *items = NULL;
    struct rows rows;
    size_t count = 0, capacity = 0;
    TRY(rows_open(tx, arena, sql_list, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct trouble_record *t = &items[count++];
        *t = (struct trouble_record){.node = rows_text(&rows)};
        t->kind = rows_text(&rows);
        t->object = rows_text(&rows);
        t->reason = rows_text(&rows);
        t->ailing = rows_bool(&rows);
        t->since_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool trouble_forget(struct tx *tx, const char *kind, const char *object, struct error *err) {
    return tx_execute(tx, sql_forget, PARAMS(p_text(kind), p_text(object)), NULL, err);
}

bool trouble_purge(struct tx *tx, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_purge, PARAMS(p_int(now_us - US_PER_DAY), p_int(now_us - 7 * US_PER_DAY)), NULL, err);
}
