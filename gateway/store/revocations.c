#include "store/certificate_rows.h"

static const char sql_bump[] = "UPDATE ca_epochs SET epoch = epoch + 1 WHERE ca_id = ?";
static const char sql_insert[] =
    "INSERT INTO revocations (certificate_id, ordinal, ca_id, serial, not_after_us, reason, "
    "revoked_us, invalidity_us, epoch) SELECT ?, ?, e.ca_id, ?, ?, ?, ?, ?, e.epoch FROM ca_epochs e "
    "WHERE e.ca_id = ?";
/* A million rows take longer than other statements may. The newest row of a certificate counts; the rows come
 * certificate by certificate, so the reader takes the last. (An anti-join costs three times as much.) */
#define COLUMNS "r.certificate_id, r.serial, r.reason, r.revoked_us, r.invalidity_us"
static const char sql_all[] =
    "SET STATEMENT max_statement_time = 600 FOR SELECT " COLUMNS " FROM revocations r "
    "FORCE INDEX (revocations_for_crl) WHERE r.ca_id = ? AND r.not_after_us >= ? "
    "ORDER BY r.not_after_us, r.certificate_id, r.ordinal";
static const char sql_slices[] =
    "SET STATEMENT max_statement_time = 600 FOR SELECT " COLUMNS " FROM revocations r "
    "FORCE INDEX (revocations_by_slice) WHERE r.ca_id = ? AND r.slice >= ? AND r.slice <= ? "
    "AND r.not_after_us >= ? ORDER BY r.slice, r.certificate_id, r.ordinal";
static const char sql_since[] =
    "SET STATEMENT max_statement_time = 600 FOR SELECT " COLUMNS " FROM revocations r "
    "FORCE INDEX (revocations_by_epoch) WHERE r.ca_id = ? AND r.epoch > ? "
    "ORDER BY r.certificate_id, r.ordinal";
static const char sql_changed[] =
    "SELECT EXISTS (SELECT 1 FROM revocations r FORCE INDEX (revocations_by_epoch) "
    "WHERE r.ca_id = ? AND r.epoch > ? AND r.slice >= ? AND r.slice <= ?)";

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
                  PARAMS(p_uuid(&c->id), p_int(c->status_ordinal + 1), p_blob(c->serial),
                         p_int(c->not_after_us), p_int(reason), p_int(revoked_us),
                         p_int(invalidity_us), p_uuid(&c->ca_id)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                              "The certificate's status was changed by somebody else meanwhile; "
                              "read it again and repeat.");
}

/* The slices of a scope (sql/0005-status.sql). */
static void slices_of(int scope, int *ret_first, int *ret_last) {
    int count = 1;
    while (count * 2 <= scope)
        count *= 2;
    int partition = scope < 2 ? 0 : scope - count, size = 256 / count;
    *ret_first = partition * size;
    *ret_last = *ret_first + size - 1;
}

/* One certificate's newest row, as far as the rows have come. */
struct pending {
    bool any;
    struct uuid certificate_id;
    uint8_t serial[MAX_SERIAL];
    struct revoked_row row;
};

static bool emit(const struct pending *pending, const struct revocation_reader *reader, struct error *err) {
    return !pending->any || (pending->row.reason == REASON_REMOVE_FROM_CRL && !reader->releases) ||
           reader->take(reader->context, &pending->row, err);
}

static bool read_rows(struct rows *rows, const struct revocation_reader *reader, struct error *err) {
    struct pending last = {.any = false};
    while (rows_next(rows)) {
        struct uuid id = rows_uuid(rows);
        if (!uuid_equal(id, last.certificate_id) && !emit(&last, reader, err))
            return false;
        last.any = true;
        last.certificate_id = id;
        last.row.serial = view_of(last.serial, rows_blob_into(rows, last.serial, sizeof last.serial));
        last.row.reason = (int)rows_int(rows);
        last.row.revoked_us = rows_int(rows);
        last.row.invalidity_us = rows_int(rows);
    }
    return emit(&last, reader, err);
}

/* Reads what the statement gives; the arena stays as it is however many rows come. */
static bool read_all(struct tx *tx, const char *sql, struct params params,
                     const struct revocation_reader *reader, struct error *err) {
    struct rows rows;
    TRY(rows_open(tx, NULL, sql, params, &rows, err));
    bool taken = read_rows(&rows, reader, err);
    bool closed = rows_close(&rows, taken ? err : NULL); /* the reader's refusal is the one to tell */
    return taken && closed;
}

bool revocation_read(struct tx *tx, struct uuid ca_id, int scope, int64_t not_after_us,
                     const struct revocation_reader *reader, struct error *err) {
    int first, last;
    if (scope == 0)
        return read_all(tx, sql_all, PARAMS(p_uuid(&ca_id), p_int(not_after_us)), reader, err);
    slices_of(scope, &first, &last);
    return read_all(tx, sql_slices,
                    PARAMS(p_uuid(&ca_id), p_int(first), p_int(last), p_int(not_after_us)), reader, err);
}

bool revocation_read_since(struct tx *tx, struct uuid ca_id, int64_t epoch,
                           const struct revocation_reader *reader, struct error *err) {
    struct revocation_reader with_releases = *reader;
    with_releases.releases = true;
    return read_all(tx, sql_since, PARAMS(p_uuid(&ca_id), p_int(epoch)), &with_releases, err);
}

bool revocation_changed(struct tx *tx, struct uuid ca_id, int scope, int64_t epoch, bool *ret_changed,
                        struct error *err) {
    int first, last;
    int64_t changed;
    slices_of(scope, &first, &last);
    TRY(tx_number(tx, sql_changed, PARAMS(p_uuid(&ca_id), p_int(epoch), p_int(first), p_int(last)),
                  &changed, err));
    *ret_changed = changed != 0;
    return true;
}

struct collection {
    struct arena *arena;
    struct revoked_row *items;
    size_t count, capacity;
};

static bool collect(void *context, const struct revoked_row *row, struct error *err) {
    struct collection *list = context;
    (void)err;
    list->items = grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count] = *row;
    list->items[list->count++].serial = arena_copy(list->arena, row->serial.at, row->serial.len);
    return true;
}

bool revocation_list(struct tx *tx, struct arena *arena, struct uuid ca_id, int64_t now_us,
                     struct revoked_row **ret_rows, size_t *ret_count, struct error *err) {
    struct collection list = {.arena = arena, .capacity = 64};
    list.items = arena_array(arena, list.capacity, sizeof *list.items);
    struct revocation_reader reader = {.take = collect, .context = &list};
    TRY(revocation_read(tx, ca_id, 0, now_us, &reader, err));
    *ret_rows = list.items;
    *ret_count = list.count;
    return true;
}
