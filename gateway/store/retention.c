#include "store/retention.h"

#include "base/clock.h"
#include "store/sql.h"

static const char sql_ended[] =
    "SELECT c.not_after_us, c.id FROM certificates c FORCE INDEX (certificates_by_expiry) "
    "WHERE c.not_after_us >= ? AND c.not_after_us < ? AND (c.not_after_us > ? OR c.id > ?) AND NOT EXISTS "
    "(SELECT 1 FROM certificate_notes n WHERE n.certificate_id = c.id AND n.archived_us > 0) "
    "ORDER BY c.not_after_us, c.id LIMIT ?";
static const char sql_put_away[] =
    "INSERT INTO certificate_notes (certificate_id, owner, owner_folded, tags, fields, archived_us, revision, changed_us) "
    "VALUES (?, '', '', '[]', '{}', ?, 1, ?) ON DUPLICATE KEY UPDATE archived_us = VALUES(archived_us), "
    "revision = revision + 1, changed_us = VALUES(changed_us)";
/* States: declined, cancelled, expired. */
static const char sql_closed[] =
    "SELECT r.id FROM requests r FORCE INDEX (requests_by_state) WHERE r.state IN (4, 5, 7) AND r.changed_us < ? "
    "AND (r.requester <> '' OR r.subject <> '' OR r.sans <> '' OR r.csr <> '') LIMIT ?";
static const char sql_blank[] = "UPDATE requests SET csr = '', proposal = '{}', subject = '', sans = '', requester_id = NULL, "
                                "requester = '', reason = '' WHERE id = ? AND state IN (4, 5, 7)";
static const char sql_uncomment[] = "DELETE FROM request_comments WHERE request_id = ?";

static bool ended(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit, const struct retention_mark *from,
                  struct retention_mark *marks, int64_t *ret_count, struct error *err) {
    struct rows rows;
    int64_t count = 0;
    TRY(rows_open(tx, arena, sql_ended,
                  PARAMS(p_int(from->not_after_us), p_int(before_us), p_int(from->not_after_us), p_uuid(&from->id),
                         p_int(limit)),
                  &rows, err));
    while (count < limit && rows_next(&rows)) {
        marks[count].not_after_us = rows_int(&rows);
        marks[count++].id = rows_uuid(&rows);
    }
    *ret_count = count;
    return rows_close(&rows, err);
}

bool retention_archive(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit, struct retention_mark *mark,
                       int64_t *ret_archived, struct error *err) {
    struct retention_mark *marks = arena_array(arena, (size_t)limit, sizeof *marks);
    int64_t now = clock_now_us();
    TRY(ended(tx, arena, before_us, limit, mark, marks, ret_archived, err));
    for (int64_t i = 0; i < *ret_archived; i++)
        TRY(tx_execute(tx, sql_put_away, PARAMS(p_uuid(&marks[i].id), p_int(now), p_int(now)), NULL, err));
    if (*ret_archived > 0)
        *mark = marks[*ret_archived - 1];
    return true;
}

bool retention_erase(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit, int64_t *ret_erased,
                     struct error *err) {
    struct uuid *ids = arena_array(arena, (size_t)limit, sizeof *ids);
    struct rows rows;
    int64_t count = 0, changed;
    TRY(rows_open(tx, arena, sql_closed, PARAMS(p_int(before_us), p_int(limit)), &rows, err));
    while (count < limit && rows_next(&rows))
        ids[count++] = rows_uuid(&rows);
    TRY(rows_close(&rows, err));
    *ret_erased = 0;
    for (int64_t i = 0; i < count; i++) {
        TRY(tx_execute(tx, sql_blank, PARAMS(p_uuid(&ids[i])), &changed, err));
        TRY(tx_execute(tx, sql_uncomment, PARAMS(p_uuid(&ids[i])), NULL, err));
        *ret_erased += changed;
    }
    return true;
}
