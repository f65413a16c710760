#include "store/bulk.h"

#include "base/buffer.h"
#include "store/later.h"
#include "store/query.h"
#include "store/text.h"

#include <stdio.h>
#include <string.h>

#define JOBS 'k'
#define ITEMS 'K'

#define COLUMNS                                                                                    \
    "j.id, j.user_id, j.token_id, j.user_name, j.action, j.document, j.filter, j.state, "          \
    "j.expected, j.total, j.position, j.failed, j.page_cursor, j.problem_kind, j.problem, "        \
    "j.message, j.created_us, j.changed_us, j.finished_us FROM bulk_jobs j "
static const char sql_insert[] =
    "INSERT INTO bulk_jobs (id, user_id, user_name, token_id, action, document, filter, state, expected, total, "
    "position, failed, page_cursor, problem_kind, problem, message, created_us, changed_us, finished_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', 0, '', '', ?, ?, ?)";
static const char sql_by_id[] = "SELECT " COLUMNS "WHERE j.id = ?";
static const char sql_list[] = "SELECT " COLUMNS "FORCE INDEX (PRIMARY) WHERE j.id < ? ORDER BY j.id DESC LIMIT ?";
static const char sql_list_user[] =
    "SELECT " COLUMNS "FORCE INDEX (bulk_jobs_by_user) WHERE j.id < ? AND j.user_id = ? ORDER BY j.id DESC LIMIT ?";
static const char sql_open[] =
    "SELECT " COLUMNS "FORCE INDEX (bulk_jobs_by_state) WHERE j.state IN (1, 2) ORDER BY j.id LIMIT ?";
static const char sql_count_open[] = "SELECT COUNT(*) FROM bulk_jobs j WHERE j.user_id = ? AND j.state IN (1, 2)";
static const char sql_move[] =
    "UPDATE bulk_jobs SET state = ?, total = ?, position = ?, failed = ?, page_cursor = ?, problem_kind = ?, "
    "problem = ?, message = ?, changed_us = ?, finished_us = ? WHERE id = ? AND state = ? AND total = ? "
    "AND position = ?";
static const struct insert insert_item = {
    .sql = "INSERT INTO bulk_items (job_id, ordinal, certificate_id, outcome, problem_kind, problem, message) "
           "VALUES (?, ?, ?, 0, 0, '', '')",
    .kind = INSERT_LEAF};
#define ITEM_COLUMNS "SELECT i.ordinal, i.certificate_id, i.outcome, i.problem_kind, i.problem, i.message FROM bulk_items i "
static const char sql_items[] =
    ITEM_COLUMNS "FORCE INDEX (PRIMARY) WHERE i.job_id = ? AND i.ordinal >= ? ORDER BY i.ordinal LIMIT ?";
static const char sql_items_outcome[] =
    ITEM_COLUMNS "FORCE INDEX (bulk_items_by_outcome) WHERE i.job_id = ? AND i.ordinal >= ? AND i.outcome = ? "
                 "ORDER BY i.ordinal LIMIT ?";
static const char sql_items_done[] =
    "UPDATE bulk_items SET outcome = 1 WHERE job_id = ? AND ordinal >= ? AND ordinal < ?";
static const char sql_item_refused[] =
    "UPDATE bulk_items SET outcome = 2, problem_kind = ?, problem = ?, message = ? WHERE job_id = ? AND ordinal = ?";
static const char sql_over[] =
    "SELECT j.id FROM bulk_jobs j WHERE j.state IN (3, 4, 5) AND j.finished_us < ? ORDER BY j.id LIMIT 100";
static const char sql_drop_items[] = "DELETE FROM bulk_items WHERE job_id = ? ORDER BY ordinal LIMIT ?";
static const char sql_drop_job[] = "DELETE FROM bulk_jobs WHERE id = ?";

bool bulk_insert(struct tx *tx, const struct bulk_job *job, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&job->id), p_uuid(&job->user_id), p_text(job->user_name),
                             p_uuid_or_null(&job->token_id), p_text(job->action), p_text(job->document),
                             p_text(job->filter), p_int(job->state), p_int(job->expected), p_int(job->total),
                             p_int(job->created_us), p_int(job->changed_us), p_int(job->finished_us)),
                      NULL, err);
}

static void read_problem(struct rows *rows, struct error *problem) {
    *problem = (struct error){.kind = (enum error_kind)rows_int(rows)};
    snprintf(problem->type, sizeof problem->type, "%s", rows_text(rows));
    snprintf(problem->message, sizeof problem->message, "%s", rows_text(rows));
}

static void read_job(struct rows *rows, struct bulk_job *job) {
    job->id = rows_uuid(rows);
    job->user_id = rows_uuid(rows);
    job->token_id = rows_uuid(rows);
    job->user_name = rows_text(rows);
    job->action = rows_text(rows);
    job->document = rows_text(rows);
    job->filter = rows_text(rows);
    job->state = (enum bulk_state)rows_int(rows);
    job->expected = rows_int(rows);
    job->total = rows_int(rows);
    job->position = rows_int(rows);
    job->failed = rows_int(rows);
    job->cursor = rows_text(rows);
    read_problem(rows, &job->problem);
    job->created_us = rows_int(rows);
    job->changed_us = rows_int(rows);
    job->finished_us = rows_int(rows);
}

bool bulk_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct bulk_job *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_id, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no job %s.", uuid_text(arena, id));
    read_job(&rows, ret);
    return rows_close(&rows, err);
}

static bool read_jobs(struct tx *tx, struct arena *arena, const char *sql, struct params params, size_t most,
                      struct bulk_job **ret_items, size_t *ret_count, struct error *err) {
    struct bulk_job *items = arena_array(arena, most + 1, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (count < most && rows_next(&rows))
        read_job(&rows, &items[count++]);
    *ret_items = items;
    *ret_count = count;
    return rows_close(&rows, err);
}

bool bulk_list(struct tx *tx, struct arena *arena, struct uuid user_id, const struct page *page,
               struct bulk_job **ret_items, size_t *ret_count, const char **ret_next, struct error *err) {
    struct uuid before;
    size_t count, most = (size_t)page->limit + 1;
    bool all = uuid_is_nil(user_id);
    TRY(page_before(arena, page, JOBS, &before, err));
    TRY(read_jobs(tx, arena, all ? sql_list : sql_list_user,
                  all ? PARAMS(p_uuid(&before), p_int((int64_t)most))
                      : PARAMS(p_uuid(&before), p_uuid(&user_id), p_int((int64_t)most)),
                  most, ret_items, &count, err));
    *ret_next = NULL;
    if (count == most) {
        count--;
        *ret_next = page_next(arena, JOBS, view_of((*ret_items)[count - 1].id.bytes, 16));
    }
    *ret_count = count;
    return true;
}

bool bulk_open(struct tx *tx, struct arena *arena, size_t limit, struct bulk_job **ret_items, size_t *ret_count,
               struct error *err) {
    return read_jobs(tx, arena, sql_open, PARAMS(p_int((int64_t)limit)), limit, ret_items, ret_count, err);
}

bool bulk_count_open(struct tx *tx, struct uuid user_id, int64_t *ret_count, struct error *err) {
    return tx_number(tx, sql_count_open, PARAMS(p_uuid(&user_id)), ret_count, err);
}

bool bulk_move(struct tx *tx, const struct bulk_job *from, const struct bulk_job *to, bool *ret_moved,
               struct error *err) {
    int64_t matched = 0;
    TRY(tx_execute(tx, sql_move,
                   PARAMS(p_int(to->state), p_int(to->total), p_int(to->position), p_int(to->failed),
                          p_text(to->cursor), p_int(to->problem.kind), p_text(to->problem.type),
                          p_text(to->problem.message), p_int(to->changed_us), p_int(to->finished_us),
                          p_uuid(&from->id), p_int(from->state), p_int(from->total), p_int(from->position)),
                   &matched, err));
    *ret_moved = matched == 1;
    return true;
}

bool bulk_items_add(struct tx *tx, struct uuid job_id, int64_t first, const struct uuid *certificates, size_t count,
                    struct error *err) {
    for (size_t i = 0; i < count; i++)
        TRY(tx_insert_later(tx, &insert_item,
                            PARAMS(p_uuid(&job_id), p_int(first + (int64_t)i), p_uuid(&certificates[i])), err));
    return true;
}

static bool read_items(struct tx *tx, struct arena *arena, const char *sql, struct params params, size_t most,
                       struct bulk_item **ret_items, size_t *ret_count, struct error *err) {
    struct bulk_item *items = arena_array(arena, most + 1, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (count < most && rows_next(&rows)) {
        struct bulk_item *item = &items[count++];
        item->ordinal = rows_int(&rows);
        item->certificate_id = rows_uuid(&rows);
        item->outcome = (enum bulk_outcome)rows_int(&rows);
        read_problem(&rows, &item->problem);
    }
    *ret_items = items;
    *ret_count = count;
    return rows_close(&rows, err);
}

bool bulk_items_read(struct tx *tx, struct arena *arena, struct uuid job_id, int64_t first, size_t limit,
                     struct bulk_item **ret_items, size_t *ret_count, struct error *err) {
    return read_items(tx, arena, sql_items, PARAMS(p_uuid(&job_id), p_int(first), p_int((int64_t)limit)), limit,
                      ret_items, ret_count, err);
}

bool bulk_items_done(struct tx *tx, struct uuid job_id, int64_t first, int64_t end, struct error *err) {
    return tx_execute(tx, sql_items_done, PARAMS(p_uuid(&job_id), p_int(first), p_int(end)), NULL, err);
}

bool bulk_item_refused(struct tx *tx, struct uuid job_id, int64_t ordinal, const struct error *why, struct error *err) {
    return tx_execute(tx, sql_item_refused,
                      PARAMS(p_int(why->kind), p_text(why->type), p_text(why->message), p_uuid(&job_id),
                             p_int(ordinal)),
                      NULL, err);
}

/* The ordinal as text: the next page begins with it. */
static bool first_of(struct arena *arena, const struct page *page, int64_t *ret_first, struct error *err) {
    struct view key;
    TRY(page_start(arena, page, ITEMS, 8, &key, err));
    *ret_first = 0;
    for (size_t i = 0; i < key.len; i++)
        *ret_first = (int64_t)((uint64_t)*ret_first << 8 | key.at[i]);
    return *ret_first >= 0 || fail(err, ERROR_MALFORMED, "bad-cursor", "The cursor is not one that this list has given.");
}

static const char *cursor_of(struct arena *arena, int64_t ordinal) {
    uint8_t key[8];
    for (int i = 7; i >= 0; i--, ordinal >>= 8)
        key[i] = (uint8_t)ordinal;
    return page_next(arena, ITEMS, view_of(key, sizeof key));
}

bool bulk_item_list(struct tx *tx, struct arena *arena, struct uuid job_id, int outcome, const struct page *page,
                    struct bulk_item **ret_items, size_t *ret_count, const char **ret_next, struct error *err) {
    size_t count, most = (size_t)page->limit + 1;
    int64_t first;
    TRY(first_of(arena, page, &first, err));
    TRY(outcome < 0 ? bulk_items_read(tx, arena, job_id, first, most, ret_items, &count, err)
                    : read_items(tx, arena, sql_items_outcome,
                                 PARAMS(p_uuid(&job_id), p_int(first), p_int(outcome), p_int((int64_t)most)), most,
                                 ret_items, &count, err));
    *ret_next = NULL;
    if (count == most)
        *ret_next = cursor_of(arena, (*ret_items)[--count].ordinal);
    *ret_count = count;
    return true;
}

static bool read_over(struct tx *tx, struct arena *arena, int64_t before_us, struct uuid *ids, size_t *ret_count,
                      struct error *err) {
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_over, PARAMS(p_int(before_us)), &rows, err));
    while (count < 100 && rows_next(&rows))
        ids[count++] = rows_uuid(&rows);
    *ret_count = count;
    return rows_close(&rows, err);
}

bool bulk_prune(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit, int64_t *ret_removed,
                struct error *err) {
    struct uuid *ids = arena_array(arena, 100, sizeof *ids);
    size_t count;
    TRY(read_over(tx, arena, before_us, ids, &count, err));
    *ret_removed = 0;
    for (size_t i = 0; i < count && *ret_removed < limit; i++) {
        int64_t removed = 0;
        TRY(tx_execute(tx, sql_drop_items, PARAMS(p_uuid(&ids[i]), p_int(limit - *ret_removed)), &removed, err));
        *ret_removed += removed;
        if (*ret_removed < limit)
            TRY(tx_execute(tx, sql_drop_job, PARAMS(p_uuid(&ids[i])), NULL, err));
    }
    return true;
}
