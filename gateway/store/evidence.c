#include "store/evidence.h"

#include "store/query.h"

#define LIST 'v'

#define COLUMNS                                                                                    \
    "e.id, e.ca_id, e.issuer, e.digest, e.imprints, e.at_us, "                                     \
    "(SELECT COUNT(*) FROM evidence_renewals x WHERE x.evidence_id = e.id), "                      \
    "COALESCE((SELECT MAX(y.at_us) FROM evidence_renewals y WHERE y.evidence_id = e.id), 0)"
static const char sql_add[] = "INSERT INTO evidences (id, ca_id, issuer, digest, imprints, at_us, token) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?)";
static const char sql_add_run[] = "INSERT INTO evidence_runs (evidence_id, ordinal, first, root, content) "
                                  "VALUES (?, ?, ?, ?, ?)";
static const char sql_find[] = "SELECT " COLUMNS ", e.token FROM evidences e WHERE e.ca_id = ? AND e.id = ?";
static const char sql_list[] = "SELECT " COLUMNS " FROM evidences e WHERE e.ca_id = ? AND e.id < ? "
                               "ORDER BY e.id DESC LIMIT ?";
static const char sql_tokens[] =
    "SELECT x.token FROM evidence_renewals x WHERE x.evidence_id = ? ORDER BY x.ordinal";
static const char sql_renew[] =
    "INSERT INTO evidence_renewals (evidence_id, ordinal, at_us, token) VALUES (?, ?, ?, ?)";
static const char sql_run[] =
    "SELECT r.ordinal, r.root, r.content FROM evidence_runs r WHERE r.evidence_id = ? AND r.first <= ? "
    "ORDER BY r.first DESC LIMIT 1";
static const char sql_roots[] =
    "SELECT r.root FROM evidence_runs r WHERE r.evidence_id = ? ORDER BY r.ordinal";

bool evidence_insert(struct tx *tx, const struct evidence_record *record, const struct evidence_run *runs,
                     size_t run_count, size_t hash_size, struct error *err) {
    TRY(tx_execute(tx, sql_add,
                   PARAMS(p_uuid(&record->id), p_uuid(&record->ca_id), p_text(record->issuer),
                          p_text(record->digest), p_int(record->imprints), p_int(record->at_us),
                          p_blob(record->token)),
                   NULL, err));
    for (size_t i = 0; i < run_count; i++)
        TRY(tx_execute(tx, sql_add_run,
                       PARAMS(p_uuid(&record->id), p_int((int64_t)i),
                              p_bytes(runs[i].content.at, hash_size), p_blob(runs[i].root),
                              p_blob(runs[i].content)),
                       NULL, err));
    return true;
}

static void read_row(struct rows *rows, struct evidence_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->issuer = rows_text(rows);
    ret->digest = rows_text(rows);
    ret->imprints = rows_int(rows);
    ret->at_us = rows_int(rows);
    ret->renewals = rows_int(rows);
    ret->renewed_us = rows_int(rows);
}

bool evidence_find(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid id,
                   struct evidence_record *ret, struct error *err) {
    struct evidence_record record = {0};
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_find, PARAMS(p_uuid(&ca_id), p_uuid(&id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such evidence.");
    read_row(&rows, &record);
    record.token = rows_blob(&rows);
    TRY(rows_close(&rows, err));
    *ret = record;
    return true;
}

bool evidence_page(struct tx *tx, struct arena *arena, struct uuid ca_id, const struct page *page,
                   struct evidence_record **ret_items, size_t *ret_count, const char **ret_next,
                   struct error *err) {
    struct uuid before;
    struct rows rows;
    size_t count = 0;
    TRY(page_before(arena, page, LIST, &before, err));
    struct evidence_record *items = arena_array(arena, (size_t)page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, sql_list,
                  PARAMS(p_uuid(&ca_id), p_uuid(&before), p_int((int64_t)page->limit + 1)), &rows, err));
    while (rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, LIST, view_of(items[count - 1].id.bytes, 16));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool evidence_run_of(struct tx *tx, struct arena *arena, struct uuid id, struct view hash,
                     struct evidence_run *ret, int64_t *ret_ordinal, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_run, PARAMS(p_uuid(&id), p_blob(hash)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "This hash is not among those of the evidence.");
    int64_t ordinal = rows_int(&rows);
    struct evidence_run run = {.root = rows_blob(&rows)};
    run.content = rows_blob(&rows);
    TRY(rows_close(&rows, err));
    *ret = run;
    *ret_ordinal = ordinal;
    return true;
}

bool evidence_roots(struct tx *tx, struct arena *arena, struct uuid id, struct view *ret_roots,
                    struct error *err) {
    struct buffer roots = buffer_on(arena);
    struct rows rows;
    TRY(rows_open(tx, arena, sql_roots, PARAMS(p_uuid(&id)), &rows, err));
    while (rows_next(&rows)) {
        struct view root = rows_blob(&rows);
        buffer_add(&roots, root.at, root.len);
    }
    TRY(rows_close(&rows, err));
    *ret_roots = buffer_view(&roots);
    return true;
}

bool evidence_tokens(struct tx *tx, struct arena *arena, struct uuid id, struct view **ret_tokens,
                     size_t *ret_count, struct error *err) {
    struct view *tokens = NULL;
    struct rows rows;
    size_t count = 0, capacity = 0;
    TRY(rows_open(tx, arena, sql_tokens, PARAMS(p_uuid(&id)), &rows, err));
    while (rows_next(&rows)) {
        tokens = grow(arena, tokens, count, &capacity, sizeof *tokens);
        tokens[count++] = rows_blob(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_tokens = tokens;
    *ret_count = count;
    return true;
}

bool evidence_renew(struct tx *tx, struct uuid id, int64_t ordinal, int64_t at_us, struct view token,
                    struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_renew, PARAMS(p_uuid(&id), p_int(ordinal), p_int(at_us), p_blob(token)), &duplicate,
                  err));
    return !duplicate || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                              "The evidence was renewed meanwhile; look at it again.");
}
