#include "store/cmp.h"

#include "store/query.h"

#define LIST 'm'
#define COLUMNS                                                                                    \
    "t.id, t.template_id, t.transaction_id, t.state, t.body, t.implicit_confirm, t.peer, "         \
    "t.peer_hash, t.credential_id, t.nonce, t.last_request, t.reason, t.revision, t.created_us, "  \
    "t.changed_us, t.deadline_us "

static const char sql_insert[] =
    "INSERT INTO cmp_transactions (id, template_id, transaction_id, state, body, implicit_confirm, "
    "peer, peer_hash, credential_id, nonce, last_request, reason, revision, created_us, changed_us, "
    "deadline_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)";
static const char sql_find[] = "SELECT " COLUMNS "FROM cmp_transactions t "
                               "WHERE t.template_id = ? AND t.transaction_id = ?";
static const char sql_by_id[] =
    "SELECT " COLUMNS "FROM cmp_transactions t WHERE t.template_id = ? AND t.id = ?";
static const char sql_update[] =
    "UPDATE cmp_transactions SET state = ?, implicit_confirm = ?, nonce = ?, last_request = ?, reason = ?, "
    "revision = revision + 1, changed_us = ?, deadline_us = ? WHERE id = ? AND revision = ?";
static const char sql_list[] = "SELECT " COLUMNS "FROM cmp_transactions t WHERE t.template_id = ? AND t.id < ? "
                               "ORDER BY t.id DESC LIMIT ?";
static const char sql_overdue[] =
    "SELECT " COLUMNS "FROM cmp_transactions t WHERE t.state = ? AND t.deadline_us <= ? LIMIT 100";
static const char sql_old[] =
    "SELECT " COLUMNS "FROM cmp_transactions t WHERE t.changed_us < ? AND t.state > 2 LIMIT 500";
static const char sql_delete[] = "DELETE FROM cmp_transactions WHERE id = ?";
static const char sql_delete_certificates[] = "DELETE FROM cmp_certificates WHERE transaction = ?";
static const char sql_delete_messages[] = "DELETE FROM cmp_messages WHERE transaction = ?";
static const char sql_certificate_update[] =
    "UPDATE cmp_certificates SET state = ?, encrypted = ?, request_id = ?, certificate_id = ?, renews_id = ?, "
    "credential_id = ?, sealed_key = ?, reason = ? WHERE transaction = ? AND cert_req_id = ?";
static const char sql_certificate_insert[] =
    "INSERT INTO cmp_certificates (state, encrypted, request_id, certificate_id, renews_id, credential_id, "
    "sealed_key, reason, transaction, cert_req_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_certificate_list[] =
    "SELECT c.transaction, c.cert_req_id, c.state, c.encrypted, c.request_id, c.certificate_id, c.renews_id, "
    "c.credential_id, c.sealed_key, c.reason FROM cmp_certificates c WHERE c.transaction = ? "
    "ORDER BY c.cert_req_id";
static const char sql_certificate_credential[] =
    "SELECT EXISTS (SELECT 1 FROM cmp_certificates c WHERE c.certificate_id = ? AND c.credential_id = ?)";
static const char sql_message_insert[] =
    "INSERT INTO cmp_messages (id, transaction, direction, body, at_us, der) VALUES (?, ?, ?, ?, ?, ?)";
static const char sql_message_list[] =
    "SELECT m.id, m.transaction, m.direction, m.body, m.at_us, m.der FROM cmp_messages m "
    "WHERE m.transaction = ? ORDER BY m.at_us, m.direction LIMIT 100";

const char *cmp_state_name(enum cmp_state state) {
    static const char *const names[] = {"", "waiting", "confirm", "done", "refused", "given-up"};
    return state <= CMP_STATE_GIVEN_UP ? names[state] : "";
}

bool cmp_transaction_insert(struct tx *tx, const struct cmp_transaction *t, bool *ret_duplicate,
                            struct error *err) {
    return tx_insert(
        tx, sql_insert,
        PARAMS(p_uuid(&t->id), p_uuid(&t->template_id), p_blob(t->transaction_id), p_int(t->state), p_int(t->body),
               p_int(t->implicit_confirm), p_text(t->peer), p_bytes(t->peer_hash, sizeof t->peer_hash),
               p_uuid_or_null(&t->credential_id), p_blob(t->nonce),
               p_bytes(t->last_request, sizeof t->last_request), p_text(t->reason), p_int(t->created_us),
               p_int(t->changed_us), p_int(t->deadline_us)),
        ret_duplicate, err);
}

static void read_row(struct rows *rows, struct cmp_transaction *ret) {
    ret->id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->transaction_id = rows_blob(rows);
    ret->state = (enum cmp_state)rows_int(rows);
    ret->body = (int)rows_int(rows);
    ret->implicit_confirm = rows_bool(rows);
    ret->peer = rows_text(rows);
    rows_fixed(rows, ret->peer_hash, sizeof ret->peer_hash);
    ret->credential_id = rows_uuid(rows);
    ret->nonce = rows_blob(rows);
    rows_fixed(rows, ret->last_request, sizeof ret->last_request);
    ret->reason = rows_text(rows);
    ret->revision = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
    ret->deadline_us = rows_int(rows);
}

static bool list(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                 struct cmp_transaction **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct cmp_transaction *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_row(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool cmp_transaction_find(struct tx *tx, struct arena *arena, struct uuid template_id,
                          struct view transaction_id, struct cmp_transaction *ret, bool *ret_found,
                          struct error *err) {
    struct cmp_transaction *items;
    size_t count;
    TRY(list(tx, arena, sql_find, PARAMS(p_uuid(&template_id), p_blob(transaction_id)), &items, &count, err));
    if (count > 0)
        *ret = items[0];
    *ret_found = count > 0;
    return true;
}

bool cmp_transaction_by_id(struct tx *tx, struct arena *arena, struct uuid template_id, struct uuid id,
                           struct cmp_transaction *ret, struct error *err) {
    struct cmp_transaction *items;
    size_t count;
    TRY(list(tx, arena, sql_by_id, PARAMS(p_uuid(&template_id), p_uuid(&id)), &items, &count, err));
    if (count == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The template has no such CMP transaction.");
    *ret = items[0];
    return true;
}

bool cmp_transaction_update(struct tx *tx, const struct cmp_transaction *t, struct error *err) {
    int64_t affected;
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_int(t->state), p_int(t->implicit_confirm), p_blob(t->nonce),
                          p_bytes(t->last_request, sizeof t->last_request), p_text(t->reason),
                          p_int(t->changed_us), p_int(t->deadline_us), p_uuid(&t->id), p_int(t->revision)),
                   &affected, err));
    return affected == 1 || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                                 "Another message of this transaction was answered at the same time.");
}

bool cmp_transaction_list(struct tx *tx, struct arena *arena, struct uuid template_id, const struct page *page,
                          struct cmp_transaction **ret_items, size_t *ret_count, const char **ret_next,
                          struct error *err) {
    struct uuid before;
    TRY(page_before(arena, page, LIST, &before, err));
    TRY(list(tx, arena, sql_list,
             PARAMS(p_uuid(&template_id), p_uuid(&before), p_int((int64_t)page->limit + 1)), ret_items, ret_count,
             err));
    *ret_next = NULL;
    if (*ret_count > page->limit) {
        *ret_count = page->limit;
        const struct uuid *last = &(*ret_items)[page->limit - 1].id;
        *ret_next = page_next(arena, LIST, view_of(last->bytes, sizeof last->bytes));
    }
    return true;
}

bool cmp_transaction_overdue(struct tx *tx, struct arena *arena, enum cmp_state state, int64_t now_us,
                             struct cmp_transaction **ret_items, size_t *ret_count, struct error *err) {
    return list(tx, arena, sql_overdue, PARAMS(p_int(state), p_int(now_us)), ret_items, ret_count, err);
}

bool cmp_transaction_prune(struct tx *tx, struct arena *arena, int64_t before_us, int64_t *ret_count,
                           struct error *err) {
    struct cmp_transaction *items;
    size_t count;
    TRY(list(tx, arena, sql_old, PARAMS(p_int(before_us)), &items, &count, err));
    for (size_t i = 0; i < count; i++)
        TRY(tx_execute(tx, sql_delete_messages, PARAMS(p_uuid(&items[i].id)), NULL, err) &&
            tx_execute(tx, sql_delete_certificates, PARAMS(p_uuid(&items[i].id)), NULL, err) &&
            tx_execute(tx, sql_delete, PARAMS(p_uuid(&items[i].id)), NULL, err));
    *ret_count = (int64_t)count;
    return true;
}

bool cmp_certificate_put(struct tx *tx, const struct cmp_certificate *c, struct error *err) {
    int64_t affected;
    bool duplicate;
    const struct params params =
        PARAMS(p_int(c->state), p_int(c->encrypted), p_uuid_or_null(&c->request_id),
               p_uuid_or_null(&c->certificate_id), p_uuid_or_null(&c->renews_id),
               p_uuid_or_null(&c->credential_id), p_text(c->sealed_key), p_text(c->reason),
               p_uuid(&c->transaction), p_int(c->cert_req_id));
    TRY(tx_execute(tx, sql_certificate_update, params, &affected, err));
    return affected > 0 || tx_insert(tx, sql_certificate_insert, params, &duplicate, err);
}

bool cmp_certificate_list(struct tx *tx, struct arena *arena, struct uuid transaction,
                          struct cmp_certificate **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 4;
    struct cmp_certificate *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_certificate_list, PARAMS(p_uuid(&transaction)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct cmp_certificate *c = &items[count++];
        c->transaction = rows_uuid(&rows);
        c->cert_req_id = rows_int(&rows);
        c->state = (enum cmp_certificate_state)rows_int(&rows);
        c->encrypted = rows_bool(&rows);
        c->request_id = rows_uuid(&rows);
        c->certificate_id = rows_uuid(&rows);
        c->renews_id = rows_uuid(&rows);
        c->credential_id = rows_uuid(&rows);
        c->sealed_key = rows_text(&rows);
        c->reason = rows_text(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool cmp_certificate_by_credential(struct tx *tx, struct uuid certificate_id, struct uuid credential_id,
                                   bool *ret_found, struct error *err) {
    int64_t found;
    TRY(tx_number(tx, sql_certificate_credential, PARAMS(p_uuid(&certificate_id), p_uuid(&credential_id)), &found,
                  err));
    *ret_found = found != 0;
    return true;
}

bool cmp_message_insert(struct tx *tx, const struct cmp_message_record *m, struct error *err) {
    return tx_execute(tx, sql_message_insert,
                      PARAMS(p_uuid(&m->id), p_uuid(&m->transaction), p_int(m->direction), p_int(m->body),
                             p_int(m->at_us), p_blob(m->der)),
                      NULL, err);
}

bool cmp_message_list(struct tx *tx, struct arena *arena, struct uuid transaction,
                      struct cmp_message_record **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct cmp_message_record *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_message_list, PARAMS(p_uuid(&transaction)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct cmp_message_record *m = &items[count++];
        m->id = rows_uuid(&rows);
        m->transaction = rows_uuid(&rows);
        m->direction = (enum cmp_direction)rows_int(&rows);
        m->body = (int)rows_int(&rows);
        m->at_us = rows_int(&rows);
        m->der = rows_blob(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
