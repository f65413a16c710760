#include "store/reports.h"

#include "store/query.h"

#define MOST 500

static const char sql_insert[] = "INSERT INTO kept_reports (id, report, format, row_count, made_us, until_us, content) "
                                 "VALUES (?, ?, ?, ?, ?, ?, ?)";
#define COLUMNS "SELECT r.id, r.report, r.format, r.row_count, LENGTH(r.content), r.made_us, r.until_us"
static const char sql_list[] = COLUMNS " FROM kept_reports r WHERE r.report = ? ORDER BY r.made_us DESC LIMIT 500";
static const char sql_get[] = COLUMNS ", r.content FROM kept_reports r WHERE r.id = ? AND r.report = ?";
static const char sql_purge[] = "DELETE FROM kept_reports WHERE until_us <= ? ORDER BY until_us LIMIT 1000";

bool kept_report_insert(struct tx *tx, const struct kept_report *r, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&r->id), p_text(r->report), p_text(r->format), p_int(r->rows), p_int(r->made_us),
                             p_int(r->until_us), p_blob(r->content)),
                      NULL, err);
}

static void read_row(struct rows *rows, struct kept_report *ret) {
    ret->id = rows_uuid(rows);
    ret->report = rows_text(rows);
    ret->format = rows_text(rows);
    ret->rows = rows_int(rows);
    ret->size = rows_int(rows);
    ret->made_us = rows_int(rows);
    ret->until_us = rows_int(rows);
    ret->content = view_of(NULL, 0);
}

bool kept_report_list(struct tx *tx, struct arena *arena, const char *report, struct kept_report **ret_items,
                      size_t *ret_count, struct error *err) {
    struct kept_report *items = arena_array(arena, MOST, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_list, PARAMS(p_text(report)), &rows, err));
    while (rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool kept_report_get(struct tx *tx, struct arena *arena, const char *report, struct uuid id, struct kept_report *ret,
                     struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_get, PARAMS(p_uuid(&id), p_text(report)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such file of the report \"%.63s\"; it is not kept any more.",
                    report);
    read_row(&rows, ret);
    ret->content = rows_blob(&rows);
    return rows_close(&rows, err);
}

bool kept_report_purge(struct tx *tx, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_purge, PARAMS(p_int(now_us)), NULL, err);
}
