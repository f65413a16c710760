#include "store/credentials.h"

#include "store/query.h"

#define LIST 'k'
#define COLUMNS                                                                                    \
    "k.id, k.template_id, k.kind, k.name, k.label, k.hash, k.password_hash, k.sealed, k.uses, "    \
    "k.used, k.created_us, k.expires_us, k.last_used_us, k.maker_id, k.maker, k.bound, k.revoked "

static const char sql_insert[] =
    "INSERT INTO credentials (id, template_id, kind, name, claimed_name, label, hash, "
    "password_hash, sealed, uses, used, created_us, expires_us, last_used_us, maker_id, maker, "
    "bound, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, ?, ?, 0)";
static const char sql_by_id[] =
    "SELECT " COLUMNS "FROM credentials k JOIN templates t ON t.id = k.template_id "
    "JOIN cas a ON a.id = t.ca_id WHERE k.id = ? AND ";
static const char sql_by_hash[] =
    "SELECT " COLUMNS "FROM credentials k WHERE k.template_id = ? AND k.kind = ? AND k.hash = ?";
static const char sql_named[] = "SELECT " COLUMNS "FROM credentials k WHERE k.template_id = ? "
                                "AND k.kind = ? AND k.claimed_name = ?";
static const char sql_chosen[] =
    "SELECT " COLUMNS "FROM credentials k WHERE k.template_id = ? AND k.kind = ? "
    "AND k.password_hash <> '' AND k.revoked = 0 AND (k.expires_us = 0 OR k.expires_us > ?) "
    "AND (k.uses = 0 OR k.used < k.uses) ORDER BY k.id DESC LIMIT 16";
static const char sql_use[] =
    "UPDATE credentials SET used = used + 1, last_used_us = ? WHERE id = ? AND revoked = 0 "
    "AND (uses = 0 OR used < uses) AND (expires_us = 0 OR expires_us > ?)";
static const char sql_list[] = "SELECT " COLUMNS "FROM credentials k WHERE k.template_id = ?";
static const char sql_delete[] = "DELETE FROM credentials WHERE template_id = ?";
static const char sql_revoke[] =
    "UPDATE credentials SET revoked = 1, claimed_name = NULL WHERE id = ?";
static const char sql_end_static[] =
    "UPDATE credentials SET expires_us = ? WHERE template_id = ? AND kind = ? AND uses = 0 "
    "AND revoked = 0 AND (expires_us = 0 OR expires_us > ?)";

static const char sql_guess_get[] =
    "SELECT g.failures, g.retry_after_us FROM guess_delays g WHERE g.place = ?";
static const char sql_guess_failed[] =
    "INSERT INTO guess_delays (place, failures, retry_after_us, changed_us) VALUES (?, 1, ?, ?) "
    "ON DUPLICATE KEY UPDATE failures = LEAST(failures + 1, 1000), "
    "retry_after_us = VALUES(retry_after_us), changed_us = VALUES(changed_us)";
static const char sql_guess_forget[] = "DELETE FROM guess_delays WHERE place = ?";
static const char sql_guess_purge[] = "DELETE FROM guess_delays WHERE changed_us < ? LIMIT 10000";

static void read_row(struct rows *rows, struct credential_record *ret) {
    ret->id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->kind = (int)rows_int(rows);
    ret->name = rows_text(rows);
    ret->label = rows_text(rows);
    ret->hash = rows_blob(rows);
    ret->password_hash = rows_text(rows);
    ret->sealed = rows_text(rows);
    ret->uses = rows_int(rows);
    ret->used = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->expires_us = rows_int(rows);
    ret->last_used_us = rows_int(rows);
    ret->maker_id = rows_uuid(rows);
    ret->maker = rows_text(rows);
    ret->bound = rows_text(rows);
    ret->revoked = rows_bool(rows);
}

bool credential_insert(struct tx *tx, const struct credential_record *record, struct error *err) {
    bool duplicate;
    struct param claimed = record->name[0] == '\0' ? p_null() : p_text(record->name);
    struct param hash = record->hash.len == 0 ? p_null() : p_blob(record->hash);
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&record->id), p_uuid(&record->template_id), p_int(record->kind),
                         p_text(record->name), claimed, p_text(record->label), hash,
                         p_text(record->password_hash), p_text(record->sealed), p_int(record->uses),
                         p_int(record->created_us), p_int(record->expires_us),
                         p_uuid_or_null(&record->maker_id), p_text(record->maker),
                         p_text(record->bound)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists",
                "The name \"%s\" is taken by another credential of this template; revoke that one "
                "first or choose another name.",
                record->name);
}

static bool read_one(struct rows *rows, bool found, struct credential_record *ret,
                     struct error *err) {
    struct credential_record record;
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such credential.");
    read_row(rows, &record);
    TRY(rows_close(rows, err));
    *ret = record;
    return true;
}

bool credential_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                      struct credential_record *ret, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    bool found;
    query_add(&query, sql_by_id);
    query_bind(&query, p_uuid(&id));
    query_scope(&query, scope, "a.organisation_id", "a.id");
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, &found, err));
    return read_one(&rows, found, ret, err);
}

bool credential_by_hash(struct tx *tx, struct arena *arena, struct uuid template_id, int kind,
                        const uint8_t hash[static 32], struct credential_record *ret,
                        struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_hash,
                   PARAMS(p_uuid(&template_id), p_int(kind), p_bytes(hash, 32)), &rows, &found,
                   err));
    return read_one(&rows, found, ret, err);
}

bool credential_named(struct tx *tx, struct arena *arena, struct uuid template_id, int kind,
                      const char *name, struct credential_record *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_named,
                   PARAMS(p_uuid(&template_id), p_int(kind), p_text(name)), &rows, &found, err));
    return read_one(&rows, found, ret, err);
}

bool credential_chosen(struct tx *tx, struct arena *arena, struct uuid template_id, int kind,
                       int64_t now_us, struct credential_record **ret_items, size_t *ret_count,
                       struct error *err) {
    struct credential_record *items = arena_array(arena, MAX_CHOSEN_CREDENTIALS, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_chosen,
                  PARAMS(p_uuid(&template_id), p_int(kind), p_int(now_us)), &rows, err));
    while (count < MAX_CHOSEN_CREDENTIALS && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool credential_use(struct tx *tx, struct uuid id, int64_t now_us, bool *ret_spent,
                    struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_use, PARAMS(p_int(now_us), p_uuid(&id), p_int(now_us)), &matched, err));
    *ret_spent = matched == 1;
    return true;
}

/* Revoked wins over consumed, consumed over expired: the same order as credential_state_at. */
static void add_filter(struct query *query, const struct credential_filter *filter) {
    static const char *const states[] = {
        [CREDENTIALS_ALL] = "",
        [CREDENTIALS_AVAILABLE] = " AND revoked = 0 AND (uses = 0 OR used < uses) "
                                  "AND (expires_us = 0 OR expires_us > ?)",
        [CREDENTIALS_CONSUMED] = " AND revoked = 0 AND uses <> 0 AND used >= uses",
        [CREDENTIALS_EXPIRED] = " AND revoked = 0 AND (uses = 0 OR used < uses) "
                                "AND expires_us <> 0 AND expires_us <= ?",
        [CREDENTIALS_REVOKED] = " AND revoked = 1",
    };
    query_bind(query, p_uuid(&filter->template_id));
    if (filter->kind != 0) {
        query_add(query, " AND kind = ?");
        query_bind(query, p_int(filter->kind));
    }
    query_add(query, states[filter->state]);
    if (filter->state == CREDENTIALS_AVAILABLE || filter->state == CREDENTIALS_EXPIRED)
        query_bind(query, p_int(filter->now_us));
    if (!uuid_is_nil(filter->maker_id)) {
        query_add(query, " AND maker_id = ?");
        query_bind(query, p_uuid(&filter->maker_id));
    }
}

bool credential_list(struct tx *tx, struct arena *arena, const struct credential_filter *filter,
                     const struct page *page, struct credential_record **ret_items,
                     size_t *ret_count, const char **ret_next, struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    struct rows rows;
    size_t count = 0;
    TRY(page_before(arena, page, LIST, &before, err));
    query_add(&query, sql_list);
    add_filter(&query, filter);
    query_add(&query, " AND id < ? ORDER BY id DESC LIMIT ?");
    query_bind(&query, p_uuid(&before));
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct credential_record *items = arena_array(arena, page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (count <= page->limit && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, LIST, view_of(items[count - 1].id.bytes, sizeof before.bytes));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool credential_delete(struct tx *tx, const struct credential_filter *filter, int64_t *ret_deleted,
                       struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct query query = query_on(arena);
    query_add(&query, sql_delete);
    add_filter(&query, filter);
    query_add(&query, " LIMIT 10000");
    return tx_execute(tx, query_sql(&query), query_params(&query), ret_deleted, err);
}

bool credential_mark_revoked(struct tx *tx, struct uuid id, struct error *err) {
    return tx_execute(tx, sql_revoke, PARAMS(p_uuid(&id)), NULL, err);
}

bool credential_end_static(struct tx *tx, struct uuid template_id, int kind, int64_t until_us,
                           struct error *err) {
    return tx_execute(tx, sql_end_static,
                      PARAMS(p_int(until_us), p_uuid(&template_id), p_int(kind), p_int(until_us)),
                      NULL, err);
}

bool guess_get(struct tx *tx, const char *place, int64_t *ret_failures, int64_t *ret_retry_after_us,
               struct error *err) {
    struct rows rows;
    bool found;
    int64_t failures = 0, retry_after_us = 0;
    TRY(rows_first(tx, NULL, sql_guess_get, PARAMS(p_text(place)), &rows, &found, err));
    if (found) {
        failures = rows_int(&rows);
        retry_after_us = rows_int(&rows);
        TRY(rows_close(&rows, err));
    }
    *ret_failures = failures;
    *ret_retry_after_us = retry_after_us;
    return true;
}

bool guess_failed(struct tx *tx, const char *place, int64_t now_us, int64_t retry_after_us,
                  struct error *err) {
    return tx_execute(tx, sql_guess_failed,
                      PARAMS(p_text(place), p_int(retry_after_us), p_int(now_us)), NULL, err);
}

bool guess_forget(struct tx *tx, const char *place, struct error *err) {
    return tx_execute(tx, sql_guess_forget, PARAMS(p_text(place)), NULL, err);
}

bool guess_purge(struct tx *tx, int64_t before_us, struct error *err) {
    return tx_execute(tx, sql_guess_purge, PARAMS(p_int(before_us)), NULL, err);
}
