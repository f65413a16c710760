#include "store/grants.h"

#include "store/query.h"

#include <stdio.h>

static const char sql_list[] = "SELECT g.role, g.scope, g.object_id, "
                               "COALESCE(r.permissions, 0), COALESCE(r.own_only, 0), "
                               "COALESCE(r.slug, '') FROM role_grants g "
                               "LEFT JOIN roles r ON r.number = g.role "
                               "WHERE g.user_id = ? ORDER BY g.role, g.scope, g.object_id";
static const char sql_clear[] = "DELETE FROM role_grants WHERE user_id = ?";
static const char sql_add[] =
    "INSERT INTO role_grants (user_id, role, scope, object_id) VALUES (?, ?, ?, ?)";
/* The lock is on the grants, not on the users: log-ins go on meanwhile. */
static const char sql_lock[] = "SELECT g.user_id FROM role_grants g "
                               "WHERE g.role = ? AND g.scope = ? FOR UPDATE";
static const char sql_count[] = "SELECT COUNT(DISTINCT g.user_id) FROM role_grants g "
                                "JOIN users u ON u.id = g.user_id "
                                "WHERE g.role = ? AND g.scope = ? AND u.state = ?";

bool grant_list(struct tx *tx, struct arena *arena, struct uuid user_id, struct grant **ret_items,
                size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct grant *items = arena_array(arena, capacity, sizeof *items);

    TRY(rows_open(tx, arena, sql_list, PARAMS(p_uuid(&user_id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        items[count].role = (enum role)rows_int(&rows);
        items[count].scope = (enum role_scope)rows_int(&rows);
        items[count].object = rows_uuid(&rows);
        items[count].permissions = rows_int(&rows);
        items[count].own_only = rows_bool(&rows);
        snprintf(items[count].slug, sizeof items[count].slug, "%s", rows_text(&rows));
        count++;
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool administrators_count(struct tx *tx, int64_t *ret_active, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct keys keys = {.arena = arena};
    struct query query = query_on(arena);

    query_add(&query, sql_lock);
    query_bind(&query, p_int(ROLE_ADMINISTRATOR));
    query_bind(&query, p_int(ROLE_SCOPE_INSTANCE));
    TRY(keys_collect(&keys, tx, &query, false, err));
    return tx_number(
        tx, sql_count,
        PARAMS(p_int(ROLE_ADMINISTRATOR), p_int(ROLE_SCOPE_INSTANCE), p_int(USER_ACTIVE)),
        ret_active, err);
}

bool last_administrator(struct error *err) {
    return fail(err, ERROR_CONFLICT, "last-administrator",
                "This would leave the instance without an active administrator; make another "
                "user an administrator first.");
}

bool grant_replace(struct tx *tx, struct uuid user_id, const struct grant *grants, size_t count,
                   struct error *err) {
    int64_t before, after;
    TRY(administrators_count(tx, &before, err));
    TRY(tx_execute(tx, sql_clear, PARAMS(p_uuid(&user_id)), NULL, err));
    for (size_t i = 0; i < count; i++) {
        bool duplicate; /* the same grant twice is one grant */
        TRY(tx_insert(tx, sql_add,
                      PARAMS(p_uuid(&user_id), p_int(grants[i].role), p_int(grants[i].scope),
                             p_uuid(&grants[i].object)),
                      &duplicate, err));
    }
    TRY(administrators_count(tx, &after, err));
    return after > 0 || before == 0 || last_administrator(err);
}
