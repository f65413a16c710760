#include "store/key_inventory.h"

#include "store/query.h"

#define LETTER 'k'

#define OURS                                                                                       \
    "SELECT k.id, k.organisation_id, 0 AS person, k.key_type, k.purpose, k.wrapped <> '' AS here, k.uri, "  \
    "'' AS name, '' AS owner, k.fingerprint, k.kek, k.uses, k.last_used_us, k.created_us, k.destroyed_us "  \
    "FROM private_keys k WHERE "
#define PEOPLES                                                                                    \
    "SELECT p.id, p.organisation_id, 1 AS person, p.key_type, 1 AS purpose, p.wrapped <> '' AS here, '' AS uri, "   \
    "p.name, u.username AS owner, p.fingerprint, p.kek, p.uses, p.last_used_us, p.created_us, p.deleted_us " \
    "FROM user_keys p JOIN users u ON u.id = p.owner_id WHERE "

static const char sql_destroy[] = "UPDATE private_keys SET wrapped = '', kek = '', destroyed_us = ? "
                                  "WHERE id = ? AND wrapped <> ''";
static const char sql_uses[] = "UPDATE private_keys SET uses = uses + ?, last_used_us = GREATEST(last_used_us, ?) "
                               "WHERE fingerprint = ?";
static const char sql_person_uses[] = "UPDATE user_keys SET uses = uses + ?, "
                                      "last_used_us = GREATEST(last_used_us, ?) WHERE fingerprint = ?";

static void read_item(struct rows *rows, struct key_item *ret) {
    ret->id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->person = rows_bool(rows);
    ret->key_type = rows_text(rows);
    ret->purpose = (int)rows_int(rows);
    ret->wrapped = rows_bool(rows);
    ret->uri = rows_text(rows);
    ret->name = rows_text(rows);
    ret->owner = rows_text(rows);
    ret->fingerprint = rows_blob(rows);
    ret->kek = rows_blob(rows);
    ret->uses = rows_int(rows);
    ret->last_used_us = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->destroyed_us = rows_int(rows);
}

static bool read_items(struct tx *tx, struct arena *arena, struct query *query,
                       struct key_item **ret_items, size_t *ret_count, struct error *err) {
    struct key_item *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, query_sql(query), query_params(query), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_item(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* One half of the union, cut to the page by itself, so that neither table is read whole. */
static void add_half(struct query *query, const char *select, const struct scope *scope,
                     const char *organisation_column, const char *rest) {
    query_add(query, "(");
    query_add(query, select);
    query_scope(query, scope, organisation_column, NULL);
    query_add(query, rest);
}

bool key_item_list(struct tx *tx, struct arena *arena, const struct scope *scope, const struct page *page,
                   struct key_item **ret_items, size_t *ret_count, const char **ret_next,
                   struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    int64_t limit = (int64_t)page->limit + 1;
    TRY(page_before(arena, page, LETTER, &before, err));
    add_half(&query, OURS, scope, "k.organisation_id", " AND k.id < ? ORDER BY k.id DESC LIMIT ?) UNION ALL ");
    query_bind(&query, p_uuid(&before));
    query_bind(&query, p_int(limit));
    add_half(&query, PEOPLES, scope, "p.organisation_id",
             " AND p.id < ? ORDER BY p.id DESC LIMIT ?) ORDER BY id DESC LIMIT ?");
    query_bind(&query, p_uuid(&before));
    query_bind(&query, p_int(limit));
    query_bind(&query, p_int(limit));
    TRY(read_items(tx, arena, &query, ret_items, ret_count, err));
    *ret_next = NULL;
    if (*ret_count > page->limit) {
        *ret_count = page->limit;
        const struct uuid *last = &(*ret_items)[*ret_count - 1].id;
        *ret_next = page_next(arena, LETTER, view_of(last->bytes, sizeof last->bytes));
    }
    return true;
}

bool key_item_get(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                  struct key_item *ret, struct error *err) {
    struct query query = query_on(arena);
    struct key_item *items;
    size_t count;
    add_half(&query, OURS, scope, "k.organisation_id", " AND k.id = ?) UNION ALL ");
    query_bind(&query, p_uuid(&id));
    add_half(&query, PEOPLES, scope, "p.organisation_id", " AND p.id = ?)");
    query_bind(&query, p_uuid(&id));
    TRY(read_items(tx, arena, &query, &items, &count, err));
    if (count == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such key.");
    *ret = items[0];
    return true;
}

/* --- users ----------------------------------------------------------------------------------------------- */

/* Columns: key, service, name. Before the ids; what follows them is nothing. */
static const char *const sql_users[] = {
    [KEY_OF_CA] = "SELECT c.key_id, 0, c.slug FROM cas c WHERE c.deleted_us = 0 AND c.key_id IN ",
    [KEY_OF_NEXT_CA] = "SELECT c.next_key_id, 0, c.slug FROM cas c WHERE c.deleted_us = 0 AND c.next_key_id IN ",
    [KEY_OF_OLD_CA] = "SELECT g.key_id, 0, c.slug FROM ca_generations g JOIN cas c ON c.id = g.ca_id "
                      "WHERE c.deleted_us = 0 AND g.key_id <> c.key_id AND g.key_id IN ",
    [KEY_OF_SERVICE] = "SELECT s.key_id, s.purpose, COALESCE(c.slug, '') FROM service_certificates s "
                       "LEFT JOIN cas c ON c.id = s.ca_id WHERE s.deleted_us = 0 AND s.not_after_us > ? "
                       "AND s.key_id IN ",
    [KEY_OF_TIMESTAMPS] = "SELECT t.key_id, 0, t.name FROM tsa_certificates t WHERE t.key_id IN ",
    [KEY_OF_VALIDATOR] = "SELECT v.key_id, 0, v.slug FROM validators v WHERE v.deleted_us = 0 AND v.key_id IN ",
};

static bool add_users(struct tx *tx, struct arena *arena, struct query *query, enum key_use use,
                      struct key_user **users, size_t *count, size_t *capacity, struct error *err) {
    struct rows rows;
    TRY(rows_open(tx, arena, query_sql(query), query_params(query), &rows, err));
    while (rows_next(&rows)) {
        *users = grow(arena, *users, *count, capacity, sizeof **users);
        struct key_user *user = &(*users)[(*count)++];
        user->key_id = rows_uuid(&rows);
        user->use = use;
        user->service = (int)rows_int(&rows);
        user->name = rows_text(&rows);
    }
    return rows_close(&rows, err);
}

bool key_users(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count, int64_t now_us,
               struct key_user **ret_users, size_t *ret_count, struct error *err) {
    struct key_user *users = NULL;
    size_t user_count = 0, capacity = 0;
    for (size_t use = 0; count > 0 && use < sizeof sql_users / sizeof sql_users[0]; use++) {
        struct query query = query_on(arena);
        query_add(&query, sql_users[use]);
        if (use == KEY_OF_SERVICE)
            query_bind(&query, p_int(now_us));
        query_ids(&query, ids, count);
        TRY(add_users(tx, arena, &query, (enum key_use)use, &users, &user_count, &capacity, err));
    }
    *ret_users = users;
    *ret_count = user_count;
    return true;
}

bool key_destroy(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    int64_t changed = 0;
    TRY(tx_execute(tx, sql_destroy, PARAMS(p_int(now_us), p_uuid(&id)), &changed, err));
    return changed == 1 || fail(err, ERROR_CONFLICT, "key-destroyed",
                                "The database holds no wrapped key of it: it was destroyed, or lives elsewhere.");
}

bool key_add_uses(struct tx *tx, const uint8_t fingerprint[static 32], int64_t uses, int64_t last_us,
                  struct error *err) {
    struct params params = PARAMS(p_int(uses), p_int(last_us), p_bytes(fingerprint, 32));
    int64_t matched = 0;
    TRY(tx_execute(tx, sql_uses, params, &matched, err));
    return matched > 0 || tx_execute(tx, sql_person_uses, params, NULL, err);
}
