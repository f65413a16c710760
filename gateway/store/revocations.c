#include "store/certificate_rows.h"

static const char sql_bump[] = "UPDATE ca_epochs SET epoch = epoch + 1 WHERE ca_id = ?";
static const char sql_insert[] =
    "INSERT INTO revocations (certificate_id, ordinal, ca_id, serial, not_after_us, reason, "
    "revoked_us, invalidity_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
/* A million rows take longer than other statements may. */
static const char sql_list[] =
    "SET STATEMENT max_statement_time = 600 FOR SELECT r.serial, r.reason, r.revoked_us, r.invalidity_us "
    "FROM revocations r FORCE INDEX (revocations_by_expiry) "
    "WHERE r.ca_id = ? AND r.not_after_us >= ? AND r.reason <> ? "
    "AND NOT EXISTS (SELECT 1 FROM revocations n WHERE n.certificate_id = r.certificate_id "
    "AND n.ordinal = r.ordinal + 1)";

bool revocation_add(struct tx *tx, const struct certificate_record *certificate, int reason,
                    int64_t revoked_us, int64_t invalidity_us, struct error *err) {
    const struct certificate_record *c = certificate;
    int64_t matched;
    bool duplicate;
    /* The epoch first: its row is the lock behind which revocations of a CA queue up. The other way round,
     * two of them would hold what the other wants. */
    TRY(tx_execute(tx, sql_bump, PARAMS(p_uuid(&c->ca_id)), &matched, err));
    if (matched != 1)
        return fail_internal(err, "no epoch of the certificate's CA");
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&c->id), p_int(c->status_ordinal + 1), p_uuid(&c->ca_id),
                         p_blob(c->serial), p_int(c->not_after_us), p_int(reason),
                         p_int(revoked_us), p_int(invalidity_us)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                              "The certificate's status was changed by somebody else meanwhile; "
                              "read it again and repeat.");
}

bool revocation_list(struct tx *tx, struct arena *arena, struct uuid ca_id, int64_t now_us,
                     struct revoked_row **ret_rows, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 64;
    struct revoked_row *items = arena_array(arena, capacity, sizeof *items);

    TRY(rows_open(tx, arena, sql_list,
                  PARAMS(p_uuid(&ca_id), p_int(now_us), p_int(REASON_REMOVE_FROM_CRL)), &rows,
                  err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct revoked_row *item = &items[count++];
        item->serial = rows_blob(&rows);
        item->reason = (int)rows_int(&rows);
        item->revoked_us = rows_int(&rows);
        item->invalidity_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_rows = items;
    *ret_count = count;
    return true;
}
