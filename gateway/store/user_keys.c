#include "store/user_keys.h"

#include "store/query.h"

#define LETTER 'K'

static const char sql_insert[] =
    "INSERT INTO user_keys (id, owner_id, organisation_id, name, key_type, purpose, wrapped, spki, "
    "certificate, created_us, fingerprint, deleted_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UNHEX(SHA2(?, 256)), 0)";
static const char sql_count[] =
    "SELECT COUNT(*) FROM user_keys k WHERE k.owner_id = ? AND k.deleted_us = 0";
#define COLUMNS                                                                                    \
    "SELECT k.id, k.owner_id, k.organisation_id, u.username, k.name, k.key_type, k.purpose, "      \
    "k.spki, k.certificate, k.created_us "
#define TABLES "FROM user_keys k JOIN users u ON u.id = k.owner_id WHERE "
static const char sql_get[] = COLUMNS ", k.wrapped " TABLES "k.id = ? AND k.deleted_us = 0";
static const char sql_list[] =
    COLUMNS TABLES "k.owner_id = ? AND k.deleted_us = 0 ORDER BY k.id DESC LIMIT 200";
static const char sql_recoverable[] = COLUMNS TABLES "k.purpose >= 2 AND k.deleted_us = 0 AND ";
static const char sql_set_certificate[] =
    "UPDATE user_keys SET certificate = ? WHERE id = ? AND deleted_us = 0";
static const char sql_delete[] =
    "UPDATE user_keys SET deleted_us = ?, wrapped = '' WHERE id = ? AND deleted_us = 0";

static bool no_key(struct error *err) {
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such key.");
}

bool user_key_insert(struct tx *tx, const struct user_key_record *key, struct error *err) {
    int64_t count = 0;
    TRY(tx_number(tx, sql_count, PARAMS(p_uuid(&key->owner_id)), &count, err));
    if (count >= USER_KEYS_MOST)
        return fail(err, ERROR_CONFLICT, "too-many",
                    "There are %d keys of this user already; delete one first.", USER_KEYS_MOST);
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&key->id), p_uuid(&key->owner_id),
                             p_uuid(&key->organisation_id), p_text(key->name),
                             p_text(key->key_type), p_int(key->kind),
                             p_blob(view_text(key->sealed)), p_blob(key->spki),
                             p_blob(key->certificate), p_int(key->created_us),
                             p_blob(key->spki)),
                      NULL, err);
}

static void read_key(struct rows *rows, struct user_key_record *ret) {
    ret->id = rows_uuid(rows);
    ret->owner_id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->owner = rows_text(rows);
    ret->name = rows_text(rows);
    ret->key_type = rows_text(rows);
    ret->kind = (enum user_key_kind)rows_int(rows);
    ret->spki = rows_blob(rows);
    ret->certificate = rows_blob(rows);
    ret->created_us = rows_int(rows);
    ret->sealed = "";
}

bool user_key_get(struct tx *tx, struct arena *arena, struct uuid id, struct user_key_record *ret,
                  struct error *err) {
    struct rows rows;
    struct user_key_record key;
    bool found;
    TRY(rows_first(tx, arena, sql_get, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return no_key(err);
    read_key(&rows, &key);
    key.sealed = arena_text(arena, rows_blob(&rows));
    TRY(rows_close(&rows, err));
    *ret = key;
    return true;
}

static bool read_all(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                     struct user_key_record **ret_items, size_t *ret_count, struct error *err) {
    struct user_key_record *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_key(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool user_key_list(struct tx *tx, struct arena *arena, struct uuid owner_id,
                   struct user_key_record **ret_items, size_t *ret_count, struct error *err) {
    return read_all(tx, arena, sql_list, PARAMS(p_uuid(&owner_id)), ret_items, ret_count, err);
}

bool user_key_recoverable(struct tx *tx, struct arena *arena, const struct scope *scope,
                          const struct page *page, struct user_key_record **ret_items,
                          size_t *ret_count, const char **ret_next, struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    TRY(page_before(arena, page, LETTER, &before, err));
    query_add(&query, sql_recoverable);
    query_scope(&query, scope, "k.organisation_id", NULL);
    query_add(&query, " AND k.id < ? ORDER BY k.id DESC LIMIT ?");
    query_bind(&query, p_uuid(&before));
    query_bind(&query, p_int(page->limit + 1));
    TRY(read_all(tx, arena, query_sql(&query), query_params(&query), ret_items, ret_count, err));
    *ret_next = NULL;
    if (*ret_count > page->limit) {
        *ret_count = page->limit;
        const struct uuid *last = &(*ret_items)[*ret_count - 1].id;
        *ret_next = page_next(arena, LETTER, view_of(last->bytes, sizeof last->bytes));
    }
    return true;
}

bool user_key_set_certificate(struct tx *tx, struct uuid id, struct view certificate,
                              struct error *err) {
    int64_t changed = 0;
    TRY(tx_execute(tx, sql_set_certificate, PARAMS(p_blob(certificate), p_uuid(&id)), &changed,
                   err));
    return changed == 1 || no_key(err);
}

bool user_key_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    int64_t changed = 0;
    TRY(tx_execute(tx, sql_delete, PARAMS(p_int(now_us), p_uuid(&id)), &changed, err));
    return changed == 1 || no_key(err);
}

/* --- recovery ------------------------------------------------------------------------------------------ */

static const char sql_recovery_insert[] =
    "INSERT INTO user_key_recoveries (id, key_id, asker_id, asker, reason, decider_id, decider, state, "
    "created_us, changed_us) VALUES (?, ?, ?, ?, ?, NULL, '', ?, ?, ?)";
#define RECOVERIES                                                                                 \
    "SELECT r.id, r.key_id, r.asker_id, r.decider_id, k.organisation_id, r.asker, r.decider, "     \
    "r.reason, r.state, r.created_us, r.changed_us FROM user_key_recoveries r "                    \
    "JOIN user_keys k ON k.id = r.key_id WHERE "
static const char sql_recovery_get[] = RECOVERIES "r.id = ?";
static const char sql_recovery_list[] = RECOVERIES;
static const char sql_recovery_move[] =
    "UPDATE user_key_recoveries SET state = ?, decider_id = ?, decider = ?, changed_us = ? "
    "WHERE id = ? AND state = ?";

bool recovery_insert(struct tx *tx, const struct recovery_record *r, struct error *err) {
    return tx_execute(tx, sql_recovery_insert,
                      PARAMS(p_uuid(&r->id), p_uuid(&r->key_id), p_uuid(&r->asker_id),
                             p_text(r->asker), p_text(r->reason), p_int(r->state),
                             p_int(r->created_us), p_int(r->changed_us)),
                      NULL, err);
}

static void read_recovery(struct rows *rows, struct recovery_record *ret) {
    ret->id = rows_uuid(rows);
    ret->key_id = rows_uuid(rows);
    ret->asker_id = rows_uuid(rows);
    ret->decider_id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->asker = rows_text(rows);
    ret->decider = rows_text(rows);
    ret->reason = rows_text(rows);
    ret->state = (enum recovery_state)rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
}

bool recovery_get(struct tx *tx, struct arena *arena, struct uuid id, struct recovery_record *ret,
                  struct error *err) {
    struct rows rows;
    struct recovery_record recovery;
    bool found;
    TRY(rows_first(tx, arena, sql_recovery_get, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "Nobody has asked for this recovery.");
    read_recovery(&rows, &recovery);
    TRY(rows_close(&rows, err));
    *ret = recovery;
    return true;
}

bool recovery_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                   struct recovery_record **ret_items, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct recovery_record *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    query_add(&query, sql_recovery_list);
    query_scope(&query, scope, "k.organisation_id", NULL);
    query_add(&query, " ORDER BY r.id DESC LIMIT 200");
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_recovery(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool recovery_move(struct tx *tx, const struct recovery_record *r, enum recovery_state from,
                   struct error *err) {
    int64_t changed = 0;
    TRY(tx_execute(tx, sql_recovery_move,
                   PARAMS(p_int(r->state), p_uuid_or_null(&r->decider_id), p_text(r->decider),
                          p_int(r->changed_us), p_uuid(&r->id), p_int(from)),
                   &changed, err));
    return changed == 1 || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                                "The recovery was decided or given out meanwhile; read it again.");
}
