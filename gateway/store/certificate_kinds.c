/* Counting what is valid, by kind of key. */
#include "store/certificates.h"
#include "store/sql.h"

#define MOST 100

/* Held and revoked ones do not count: their newest row says something else than removeFromCRL (8). */
static const char sql_kinds[] =
    "SELECT c.key_type, COUNT(*), MAX(c.not_after_us) FROM certificates c "
    "WHERE c.ca_id = ? AND c.not_after_us > ? AND COALESCE((SELECT n.reason FROM revocations n "
    "WHERE n.certificate_id = c.id ORDER BY n.ordinal DESC LIMIT 1), 8) = 8 "
    "GROUP BY c.key_type ORDER BY COUNT(*) DESC LIMIT 100";

bool certificate_key_types(struct tx *tx, struct arena *arena, struct uuid ca_id, int64_t now_us,
                           struct key_type_count **ret_items, size_t *ret_count, struct error *err) {
    struct key_type_count *items = arena_array(arena, MOST, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_kinds, PARAMS(p_uuid(&ca_id), p_int(now_us)), &rows, err));
    while (count < MOST && rows_next(&rows)) {
        items[count].key_type = rows_text(&rows);
        items[count].count = rows_int(&rows);
        items[count++].last_end_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
