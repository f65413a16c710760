#include "store/requests.h"

#include "store/hold.h"
#include "store/later.h"
#include "store/query.h"

#include <string.h>

#define LIST 'q'
#define WAITING_PIECE ((size_t)512)
#define SELECT                                                                                     \
    "SELECT q.id, q.ca_id, q.template_id, q.organisation_id, a.slug, t.slug, q.template_version, " \
    "q.state, q.door, q.csr, q.proposal, q.subject, q.sans, q.key_type, q.requester_id, "          \
    "q.requester, q.approver_id, q.reason, q.certificate_id, q.created_us, q.changed_us, "         \
    "q.proof, q.renews_id, q.notes "                                                               \
    "FROM requests q FORCE INDEX (PRIMARY) STRAIGHT_JOIN cas a ON a.id = q.ca_id "                 \
    "STRAIGHT_JOIN templates t ON t.id = q.template_id WHERE "

static bool request_exists(struct error *err) {
    return fail(err, ERROR_CONFLICT, "exists", "The request exists already.");
}

static const struct insert insert_request = {
    .sql = "INSERT INTO requests (id, ca_id, template_id, template_version, organisation_id, state, "
           "door, csr, proposal, subject, sans, key_type, requester_id, requester, approver_id, "
           "reason, certificate_id, created_us, changed_us, proof, renews_id, notes) "
           "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .kind = INSERT_REFERRED,
    .duplicate = request_exists};
static const char sql_by_id[] = SELECT "q.id = ? AND a.deleted_us = 0 AND ";
static const char sql_by_ids[] = SELECT "q.id IN ";
static const char sql_waiting[] =
    "SELECT q.id, q.ca_id, a.organisation_id, q.door FROM requests q FORCE INDEX (PRIMARY) STRAIGHT_JOIN cas a "
    "FORCE INDEX (PRIMARY) ON a.id = q.ca_id AND a.deleted_us = 0 WHERE q.state IN (1, 2) AND q.id IN ";
static const char sql_move[] =
    "UPDATE requests SET state = ?, approver_id = COALESCE(?, approver_id), "
    "certificate_id = COALESCE(?, certificate_id), reason = ?, changed_us = ? "
    "WHERE id = ? AND state = ?";
static const char sql_state[] = "SELECT q.state FROM requests q WHERE q.id = ?";

/* Ids of one page; each walks one index from its newest end, and no wide row. */
static const char sql_ids_all[] =
    "SELECT q.id FROM requests q FORCE INDEX (requests_by_time) STRAIGHT_JOIN cas a "
    "FORCE INDEX (PRIMARY) ON a.id = q.ca_id AND a.deleted_us = 0 WHERE TRUE";
static const char sql_ids_state[] =
    "SELECT q.id FROM requests q FORCE INDEX (requests_by_state) STRAIGHT_JOIN cas a "
    "FORCE INDEX (PRIMARY) ON a.id = q.ca_id AND a.deleted_us = 0 WHERE q.state = ?";
static const char sql_ids_ca[] =
    "SELECT q.id FROM requests q FORCE INDEX (requests_by_ca) WHERE q.ca_id = ?";
static const char sql_ids_ca_state[] =
    "SELECT q.id FROM requests q FORCE INDEX (requests_by_ca_state) "
    "WHERE q.ca_id = ? AND q.state = ?";
static const char sql_ids_own[] =
    "SELECT q.id FROM requests q FORCE INDEX (requests_by_requester) STRAIGHT_JOIN cas a "
    "FORCE INDEX (PRIMARY) ON a.id = q.ca_id AND a.deleted_us = 0 WHERE "
    "q.requester_id = ?";

static bool transaction_known(struct error *err) {
    return fail(err, ERROR_CONFLICT, "transaction-known", "The transaction is known already.");
}

static const struct insert insert_transaction = {
    .sql = "INSERT INTO request_transactions (template_id, door, transaction, request_id, fingerprint) "
           "VALUES (?, ?, ?, ?, ?)",
    .kind = INSERT_REFERRED,
    .duplicate = transaction_known};
static const char sql_transaction_find[] =
    "SELECT x.request_id, x.fingerprint FROM request_transactions x "
    "WHERE x.template_id = ? AND x.door = ? AND x.transaction = ?";

static const char *const state_names[] = {
    [REQUEST_PENDING] = "pending",   [REQUEST_APPROVED] = "approved",   [REQUEST_ISSUED] = "issued",
    [REQUEST_DECLINED] = "declined", [REQUEST_CANCELLED] = "cancelled",
    [(int)REQUEST_AWAITING_CSR] = "awaiting-csr", [(int)REQUEST_EXPIRED] = "expired",
};
#define STATE_COUNT (sizeof state_names / sizeof state_names[0])

const char *request_state_name(enum request_state state) {
    return (size_t)state < STATE_COUNT && state_names[state] != NULL ? state_names[state]
                                                                     : "unknown";
}

enum request_state request_state_from_name(const char *name) {
    for (size_t i = 1; i < STATE_COUNT; i++)
        if (name != NULL && strcmp(state_names[i], name) == 0)
            return (enum request_state)i;
    return (enum request_state)0;
}

static void read_row(struct rows *rows, struct request_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->ca_slug = rows_text(rows);
    ret->template_slug = rows_text(rows);
    ret->template_version = rows_int(rows);
    ret->state = (enum request_state)rows_int(rows);
    ret->door = rows_text(rows);
    ret->csr = rows_blob(rows);
    ret->proposal = rows_text(rows);
    ret->subject = rows_text(rows);
    ret->sans = rows_text(rows);
    ret->key_type = rows_text(rows);
    ret->requester_id = rows_uuid(rows);
    ret->requester = rows_text(rows);
    ret->approver_id = rows_uuid(rows);
    ret->reason = rows_text(rows);
    ret->certificate_id = rows_uuid(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
    ret->proof = (enum request_proof)rows_int(rows);
    ret->renews_id = rows_uuid(rows);
    ret->notes = rows_text(rows);
}

bool request_insert(struct tx *tx, const struct request_record *request, struct error *err) {
    const struct request_record *q = request;
    struct held held = {.template_id = q->template_id,
                        .ca_id = q->ca_id,
                        .template_version = q->template_version,
                        .ca_revision = q->ca_revision};
    TRY(hold(tx, &held, err));
    return tx_insert_later(
        tx, &insert_request,
        PARAMS(p_uuid(&q->id), p_uuid(&q->ca_id), p_uuid(&q->template_id),
               p_int(q->template_version), p_uuid(&held.organisation_id), p_int(q->state),
               p_text(q->door), p_blob(q->csr), p_text(q->proposal), p_text(q->subject),
               p_text(q->sans), p_text(q->key_type), p_uuid_or_null(&q->requester_id),
               p_text(q->requester), p_uuid_or_null(&q->approver_id), p_text(q->reason),
               p_uuid_or_null(&q->certificate_id), p_int(q->created_us), p_int(q->changed_us),
               p_int(q->proof == 0 ? PROOF_SIGNATURE : q->proof), p_uuid_or_null(&q->renews_id),
               p_text(q->notes == NULL ? "[]" : q->notes)),
        err);
}

static bool no_request(struct uuid id, struct error *err) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no request %s.", text);
}

bool request_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                   struct request_record *ret, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    struct request_record request;
    bool found;
    query_add(&query, sql_by_id);
    query_bind(&query, p_uuid(&id));
    query_scope(&query, scope, "a.organisation_id", "a.id");
    if (scope->own_only) {
        query_add(&query, " AND q.requester_id = ?");
        query_bind(&query, p_uuid(&scope->actor));
    }
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, &found, err));
    if (!found)
        return no_request(id, err);
    read_row(&rows, &request);
    TRY(rows_close(&rows, err));
    *ret = request;
    return true;
}

/* One walk. ca nil: all CAs (of the scope, when only the actor's own requests are asked for). */
static bool collect(struct keys *keys, struct tx *tx, const struct scope *scope, struct uuid ca,
                    enum request_state state, struct uuid before, unsigned limit,
                    struct error *err) {
    struct query query = query_on(keys->arena);
    bool one_ca = !uuid_is_nil(ca), by_state = state != 0 && !scope->own_only;

    query_add(&query, scope->own_only ? sql_ids_own
                      : one_ca        ? (by_state ? sql_ids_ca_state : sql_ids_ca)
                                      : (by_state ? sql_ids_state : sql_ids_all));
    if (scope->own_only) {
        query_bind(&query, p_uuid(&scope->actor));
        query_add(&query, " AND ");
        query_scope(&query, scope, "a.organisation_id", "a.id");
        if (one_ca) {
            query_add(&query, " AND q.ca_id = ?");
            query_bind(&query, p_uuid(&ca));
        }
        if (state != 0) {
            query_add(&query, " AND q.state = ?");
            query_bind(&query, p_int(state));
        }
    } else {
        if (one_ca)
            query_bind(&query, p_uuid(&ca));
        if (by_state)
            query_bind(&query, p_int(state));
    }
    query_add(&query, keys->oldest_first ? " AND q.id > ?" : " AND q.id < ?");
    query_bind(&query, p_uuid(&before));
    query_add(&query, keys->oldest_first ? " ORDER BY q.id LIMIT ?" : " ORDER BY q.id DESC LIMIT ?");
    query_bind(&query, p_int((int64_t)limit + 1));
    return keys_collect(keys, tx, &query, false, err);
}

static bool collect_all(struct keys *keys, struct tx *tx, const struct scope *scope,
                        struct uuid ca_id, enum request_state state, struct uuid before,
                        unsigned limit, struct error *err) {
    struct uuid *cas;
    size_t ca_count;
    if (scope->own_only || (scope->everything && uuid_is_nil(ca_id)))
        return collect(keys, tx, scope, ca_id, state, before, limit, err);
    TRY(scope_cas(tx, keys->arena, scope, ca_id, true, &cas, &ca_count, err));
    for (size_t i = 0; i < ca_count; i++)
        TRY(collect(keys, tx, scope, cas[i], state, before, limit, err));
    return true;
}

static bool read_ids(struct tx *tx, struct arena *arena, const struct keys *keys,
                     struct request_record **ret_items, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    size_t count = 0;
    struct request_record *items = arena_array(arena, keys->count + 1, sizeof *items);
    if (keys->count > 0) {
        query_add(&query, sql_by_ids);
        query_ids(&query, keys_ids(keys), keys->count);
        query_add(&query, keys->oldest_first ? " ORDER BY q.id" : " ORDER BY q.id DESC");
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (count < keys->count && rows_next(&rows))
            read_row(&rows, &items[count++]);
        TRY(rows_close(&rows, err));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool requests_waiting(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count,
                      struct request_waiting **ret_items, size_t *ret_count, struct error *err) {
    struct request_waiting *items = arena_array(arena, count + 1, sizeof *items);
    size_t found = 0;
    for (size_t from = 0; from < count; from += WAITING_PIECE) {
        struct query query = query_on(arena);
        struct rows rows;
        query_add(&query, sql_waiting);
        query_ids(&query, ids + from, count - from < WAITING_PIECE ? count - from : WAITING_PIECE);
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (found < count && rows_next(&rows)) {
            items[found].id = rows_uuid(&rows);
            items[found].ca_id = rows_uuid(&rows);
            items[found].organisation_id = rows_uuid(&rows);
            items[found++].door = rows_text(&rows);
        }
        TRY(rows_close(&rows, err));
    }
    *ret_items = items;
    *ret_count = found;
    return true;
}

bool request_list(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid ca_id,
                  enum request_state state, const struct page *page,
                  struct request_record **ret_items, size_t *ret_count, const char **ret_next,
                  struct error *err) {
    struct keys keys = {.arena = arena, .oldest_first = page->oldest_first};
    struct uuid before;
    const char *next;
    TRY(page_before(arena, page, LIST, &before, err));
    TRY(collect_all(&keys, tx, scope, ca_id, state, before, page->limit, err));
    keys_page(&keys, page, LIST, KEY_TIME_SIZE, &next);
    TRY(read_ids(tx, arena, &keys, ret_items, ret_count, err));
    *ret_next = next;
    return true;
}

bool request_count(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid ca_id,
                   enum request_state state, unsigned most, size_t *ret_count, struct error *err) {
    struct keys keys = {.arena = arena};
    struct uuid last;
    memset(last.bytes, 0xff, sizeof last.bytes); /* after every id there is */
    TRY(collect_all(&keys, tx, scope, ca_id, state, last, most, err));
    *ret_count = keys.count;
    return true;
}

static bool moved(struct uuid id, int64_t matched, const char *what, struct error *err) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return matched == 1 || fail(err, ERROR_CONFLICT, "request-state", "The request %s is not %s any more.",
                                text, what);
}

bool request_set_csr(struct tx *tx, struct uuid id, struct view csr, const char *key_type,
                     struct error *err) {
    static const char sql[] = "UPDATE requests SET csr = ?, key_type = ? WHERE id = ? AND state = ?";
    int64_t matched;
    TRY(tx_execute(tx, sql,
                   PARAMS(p_blob(csr), p_text(key_type), p_uuid(&id), p_int(REQUEST_AWAITING_CSR)),
                   &matched, err));
    return moved(id, matched, "waiting for its CSR", err);
}

bool request_set_template(struct tx *tx, struct uuid id, struct uuid template_id, int64_t version,
                          int64_t now_us, struct error *err) {
    static const char sql[] =
        "UPDATE requests SET template_id = ?, template_version = ?, state = 1, approver_id = NULL, "
        "changed_us = ? WHERE id = ? AND state IN (1, 2)";
    int64_t matched;
    TRY(tx_execute(tx, sql, PARAMS(p_uuid(&template_id), p_int(version), p_int(now_us), p_uuid(&id)),
                   &matched, err));
    return moved(id, matched, "open", err);
}

bool request_move(struct tx *tx, struct uuid id, const struct request_change *change,
                  struct error *err) {
    struct rows rows;
    int64_t matched;
    bool found;
    TRY(tx_execute(tx, sql_move,
                   PARAMS(p_int(change->to), p_uuid_or_null(&change->approver_id),
                          p_uuid_or_null(&change->certificate_id), p_text(change->reason),
                          p_int(change->now_us), p_uuid(&id), p_int(change->from)),
                   &matched, err));
    if (matched == 1)
        return true;
    TRY(rows_first(tx, NULL, sql_state, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return no_request(id, err);
    enum request_state state = (enum request_state)rows_int(&rows);
    TRY(rows_close(&rows, err));
    return fail(err, ERROR_CONFLICT, "request-state",
                "The request is %s, not %s any more; nothing was changed.",
                request_state_name(state), request_state_name(change->from));
}

bool request_transaction_insert(struct tx *tx, const struct request_transaction *transaction,
                                struct error *err) {
    const struct request_transaction *x = transaction;
    return tx_insert_later(tx, &insert_transaction,
                           PARAMS(p_uuid(&x->template_id), p_text(x->door), p_blob(x->transaction),
                                  p_uuid(&x->request_id),
                                  p_bytes(x->fingerprint, sizeof x->fingerprint)),
                           err);
}

bool request_transaction_find(struct tx *tx, struct request_transaction *transaction,
                              bool *ret_found, struct error *err) {
    struct request_transaction *x = transaction;
    struct rows rows;
    TRY(rows_first(tx, NULL, sql_transaction_find,
                   PARAMS(p_uuid(&x->template_id), p_text(x->door), p_blob(x->transaction)), &rows,
                   ret_found, err));
    if (!*ret_found)
        return true;
    x->request_id = rows_uuid(&rows);
    rows_fixed(&rows, x->fingerprint, sizeof x->fingerprint);
    return rows_close(&rows, err);
}
