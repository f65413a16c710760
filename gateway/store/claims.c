#include "store/claims.h"

#include "store/query.h"
#include "store/requests.h"

#define MAX_COMMENTS 500

static const char sql_add[] =
    "INSERT INTO request_claims (hash, request_id, created_us, expires_us, spent_us) "
    "VALUES (?, ?, ?, ?, 0)";
static const char sql_find[] = "SELECT c.request_id, c.created_us, c.expires_us, c.spent_us "
                               "FROM request_claims c WHERE c.hash = ?";
static const char sql_spend[] =
    "UPDATE request_claims SET spent_us = ? WHERE hash = ? AND spent_us = 0";
static const char sql_void[] =
    "UPDATE request_claims SET spent_us = ? WHERE request_id = ? AND spent_us = 0";
static const char sql_overdue[] =
    "SELECT q.id FROM requests q FORCE INDEX (requests_by_state) WHERE q.state = ? AND NOT EXISTS "
    "(SELECT 1 FROM request_claims c WHERE c.request_id = q.id AND c.spent_us = 0 AND c.expires_us "
    "> ?) "
    "ORDER BY q.id LIMIT ?";
static const char sql_comment[] =
    "INSERT INTO request_comments (id, request_id, author_id, author, text, "
    "created_us) VALUES (?, ?, ?, ?, ?, ?)";
static const char sql_comments[] =
    "SELECT c.id, c.request_id, c.author_id, c.author, c.text, c.created_us "
    "FROM request_comments c WHERE c.request_id = ? ORDER BY c.id LIMIT 500";

bool claim_insert(struct tx *tx, const struct claim_record *c, struct error *err) {
    return tx_execute(tx, sql_add,
                      PARAMS(p_bytes(c->hash, sizeof c->hash), p_uuid(&c->request_id),
                             p_int(c->created_us), p_int(c->expires_us)),
                      NULL, err);
}

bool claim_find(struct tx *tx, const uint8_t hash[static 32], struct claim_record *ret,
                struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, NULL, sql_find, PARAMS(p_bytes(hash, 32)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such claim link.");
    for (int i = 0; i < 32; i++)
        ret->hash[i] = hash[i];
    ret->request_id = rows_uuid(&rows);
    ret->created_us = rows_int(&rows);
    ret->expires_us = rows_int(&rows);
    ret->spent_us = rows_int(&rows);
    return rows_close(&rows, err);
}

bool claim_spend(struct tx *tx, const uint8_t hash[static 32], int64_t now_us, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_spend, PARAMS(p_int(now_us), p_bytes(hash, 32)), &matched, err));
    return matched == 1 || fail(err, ERROR_CONFLICT, "claim-spent",
                                "The claim link has been used already; it opens once.");
}

bool claim_void(struct tx *tx, struct uuid request_id, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_void, PARAMS(p_int(now_us), p_uuid(&request_id)), NULL, err);
}

bool claim_overdue(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                   struct uuid **ret_requests, size_t *ret_count, struct error *err) {
    struct uuid *ids = arena_array(arena, (size_t)limit + 1, sizeof *ids);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_overdue,
                  PARAMS(p_int(REQUEST_AWAITING_CSR), p_int(now_us), p_int(limit)), &rows, err));
    while (count < limit && rows_next(&rows))
        ids[count++] = rows_uuid(&rows);
    TRY(rows_close(&rows, err));
    *ret_requests = ids;
    *ret_count = count;
    return true;
}

bool comment_insert(struct tx *tx, const struct comment_record *c, struct error *err) {
    return tx_execute(tx, sql_comment,
                      PARAMS(p_uuid(&c->id), p_uuid(&c->request_id), p_uuid_or_null(&c->author_id),
                             p_text(c->author), p_text(c->text), p_int(c->created_us)),
                      NULL, err);
}

bool comment_list(struct tx *tx, struct arena *arena, struct uuid request_id,
                  struct comment_record **ret_items, size_t *ret_count, struct error *err) {
    struct comment_record *items = arena_array(arena, MAX_COMMENTS, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_comments, PARAMS(p_uuid(&request_id)), &rows, err));
    while (count < MAX_COMMENTS && rows_next(&rows)) {
        struct comment_record *item = &items[count++];
        item->id = rows_uuid(&rows);
        item->request_id = rows_uuid(&rows);
        item->author_id = rows_uuid(&rows);
        item->author = rows_text(&rows);
        item->text = rows_text(&rows);
        item->created_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
