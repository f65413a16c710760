#include "store/acme.h"
#include "store/acme_rows.h"

#define COLUMNS                                                                                    \
    "z.id, z.account_id, z.policy_id, z.kind, z.identifier, z.wildcard, z.state, z.expires_us, "   \
    "z.challenges, z.work_us, z.revision, z.created_us "

static const char sql_insert[] = "INSERT INTO acme_authorizations (id, account_id, policy_id, "
                                 "kind, identifier, wildcard, state, "
                                 "expires_us, challenges, work_us, revision, created_us) "
                                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)";
static const char sql_by_id[] = "SELECT " COLUMNS "FROM acme_authorizations z WHERE z.id = ?";
static const char sql_by_ids[] = "SELECT " COLUMNS "FROM acme_authorizations z WHERE z.id IN ";
static const char sql_find[] =
    "SELECT " COLUMNS "FROM acme_authorizations z WHERE z.account_id = ? AND z.identifier = ? "
    "AND z.kind = ? AND z.wildcard = ? AND z.state = ? AND z.expires_us > ? AND z.policy_id = ? "
    "ORDER BY z.expires_us DESC LIMIT 1";
static const char sql_update[] =
    "UPDATE acme_authorizations SET state = ?, expires_us = ?, challenges = ?, work_us = ?, "
    "revision = revision + 1 WHERE id = ? AND revision = ?";
static const char sql_due[] =
    "SELECT " COLUMNS "FROM acme_authorizations z WHERE z.work_us > 0 AND z.work_us <= ? "
    "ORDER BY z.work_us, z.id LIMIT ?";
static const char sql_count[] =
    "SELECT COUNT(*) FROM (SELECT 1 FROM acme_authorizations z WHERE z.account_id = ? "
    "AND z.state = 1 AND z.expires_us > ? LIMIT ?) x";

bool acme_authorization_insert(struct tx *tx, const struct acme_authorization *authorization,
                               struct error *err) {
    const struct acme_authorization *z = authorization;
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&z->id), p_uuid(&z->account_id), p_uuid(&z->policy_id),
                             p_int(z->kind), p_text(z->identifier), p_int(z->wildcard),
                             p_int(z->state), p_int(z->expires_us), p_text(z->challenges),
                             p_int(z->work_us), p_int(z->created_us)),
                      NULL, err);
}

static void read_row(struct rows *rows, void *row) {
    struct acme_authorization *ret = row;
    ret->id = rows_uuid(rows);
    ret->account_id = rows_uuid(rows);
    ret->policy_id = rows_uuid(rows);
    ret->kind = (enum acme_kind)rows_int(rows);
    ret->identifier = rows_text(rows);
    ret->wildcard = rows_bool(rows);
    ret->state = (enum acme_authorization_state)rows_int(rows);
    ret->expires_us = rows_int(rows);
    ret->challenges = rows_text(rows);
    ret->work_us = rows_int(rows);
    ret->revision = rows_int(rows);
    ret->created_us = rows_int(rows);
}

static const struct row_kind authorizations = {sizeof(struct acme_authorization), read_row,
                                               "ACME authorization", 'z'};

bool acme_authorization_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                              struct acme_authorization *ret, struct error *err) {
    return acme_row(tx, arena, &authorizations, sql_by_id, PARAMS(p_uuid(&id)), NULL, ret, err);
}

bool acme_authorization_by_ids(struct tx *tx, struct arena *arena, const struct uuid *ids,
                               size_t count, struct acme_authorization **ret_items,
                               size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    query_add(&query, sql_by_ids);
    query_ids(&query, ids, count);
    return acme_rows(tx, arena, &authorizations, query_sql(&query), query_params(&query), ret_items,
                     ret_count, err);
}

bool acme_authorization_find(struct tx *tx, struct arena *arena,
                             const struct acme_authorization *like, int64_t until_us,
                             struct acme_authorization *ret, struct error *err) {
    struct acme_authorization *found = NULL;
    size_t count = 0;
    TRY(acme_rows(tx, arena, &authorizations, sql_find,
                  PARAMS(p_uuid(&like->account_id), p_text(like->identifier), p_int(like->kind),
                         p_int(like->wildcard), p_int(like->state), p_int(until_us),
                         p_uuid(&like->policy_id)),
                  &found, &count, err));
    *ret = count > 0 ? found[0] : (struct acme_authorization){0};
    return true;
}

bool acme_authorization_update(struct tx *tx, const struct acme_authorization *authorization,
                               bool *ret_changed, struct error *err) {
    const struct acme_authorization *z = authorization;
    int64_t matched;
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_int(z->state), p_int(z->expires_us), p_text(z->challenges),
                          p_int(z->work_us), p_uuid(&z->id), p_int(z->revision)),
                   &matched, err));
    *ret_changed = matched == 1;
    return true;
}

bool acme_authorization_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                            struct acme_authorization **ret_items, size_t *ret_count,
                            struct error *err) {
    return acme_rows(tx, arena, &authorizations, sql_due, PARAMS(p_int(now_us), p_int(limit)),
                     ret_items, ret_count, err);
}

bool acme_authorization_count(struct tx *tx, struct uuid account_id, int64_t now_us, int64_t most,
                              int64_t *ret_pending, struct error *err) {
    return tx_number(tx, sql_count, PARAMS(p_uuid(&account_id), p_int(now_us), p_int(most)),
                     ret_pending, err);
}
