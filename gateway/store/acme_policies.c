/* ACME policies, their external account bindings, used nonces, and what goes by itself. */
#include "base/clock.h"
#include "store/acme.h"
#include "store/acme_rows.h"
#include "store/hold.h"
#include "store/later.h"

#define EAB_COLUMNS                                                                                \
    "b.id, b.policy_id, b.name, b.secret, b.scope, b.uses, b.used, b.revoked, b.created_us, "      \
    "b.expires_us, b.last_used_us, b.maker "

static const char sql_policy_insert[] =
    "INSERT INTO acme_policies (id, organisation_id, name, version, document, created_us, "
    "changed_us, deleted_us) VALUES (?, ?, ?, 1, ?, ?, ?, 0)";
static const char sql_policy_by_id[] =
    "SELECT " ACME_POLICY_COLUMNS "FROM acme_policies p WHERE p.id = ? AND p.deleted_us = 0 AND ";
static const char sql_policy_list[] =
    "SELECT " ACME_POLICY_COLUMNS "FROM acme_policies p WHERE p.deleted_us = 0 AND p.id < ? AND ";
static const char sql_policy_update[] =
    "UPDATE acme_policies SET name = ?, document = ?, changed_us = ?, version = version + 1 "
    "WHERE id = ? AND version = ? AND deleted_us = 0";
static const char sql_policy_delete[] =
    "UPDATE acme_policies SET deleted_us = ? WHERE id = ? AND deleted_us = 0";

static const char sql_eab_insert[] =
    "INSERT INTO acme_eabs (id, policy_id, name, secret, scope, uses, used, revoked, created_us, "
    "expires_us, last_used_us, maker) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, 0, ?)";
static const char sql_eab_by_id[] = "SELECT " EAB_COLUMNS "FROM acme_eabs b WHERE b.id = ?";
static const char sql_eab_list[] = "SELECT " EAB_COLUMNS "FROM acme_eabs b WHERE b.policy_id = ? "
                                   "AND b.id < ?";
static const char sql_eab_revoke[] = "UPDATE acme_eabs SET revoked = 1 WHERE id = ?";
static const char sql_eab_spend[] =
    "UPDATE acme_eabs SET used = used + 1, last_used_us = ? WHERE id = ? AND revoked = 0 "
    "AND (uses = 0 OR used < uses) AND (expires_us = 0 OR expires_us > ?)";

static bool nonce_used(struct error *err) {
    return fail(err, ERROR_CONFLICT, "acme-nonce-used", "The nonce was used before.");
}

static bool account_changed(struct error *err) {
    return fail(err, ERROR_CONFLICT, "acme-account-changed",
                "The ACME account or its policy was changed meanwhile; ask again.");
}

static const struct insert insert_nonce = {.sql = "INSERT INTO acme_nonces (nonce) VALUES (?)",
                                           .kind = INSERT_LEAF,
                                           .duplicate = nonce_used};
#define AS_REMEMBERED                                                                              \
    "WHERE n.id = ? AND n.state = ? AND n.changed_us = ? AND p.version = ? AND p.deleted_us = 0"
static const char sql_unchanged[] = "SELECT COUNT(*) FROM acme_accounts n JOIN acme_policies p "
                                    "ON p.id = n.policy_id " AS_REMEMBERED;
/* What was remembered of the account is looked at in the statement that is sent anyway, before the transaction
 * changes it. */
static const struct insert insert_nonce_of = {
    .sql = "INSERT INTO acme_nonces (nonce) SELECT ? FROM acme_accounts n "
           "JOIN acme_policies p ON p.id = n.policy_id "
           AS_REMEMBERED,
    .kind = INSERT_REFERRED,
    .duplicate = nonce_used,
    .missed = account_changed,
    .many = "INSERT INTO acme_nonces (nonce) SELECT STRAIGHT_JOIN v.nonce FROM ("
            /* cast, or the table of them would have BLOBs, and so be a file */
            "SELECT CAST(? AS BINARY(24)) AS nonce, CAST(? AS BINARY(16)) AS id, ? AS state, "
            "? AS changed_us, ? AS version",
    .more = " UNION ALL SELECT CAST(? AS BINARY(24)), CAST(? AS BINARY(16)), ?, ?, ?",
    .end = ") v JOIN acme_accounts n ON n.id = v.id AND n.state = v.state AND n.changed_us = v.changed_us "
           "JOIN acme_policies p ON p.id = n.policy_id AND p.version = v.version AND p.deleted_us = 0"};
/* The same of an authorization: it is still valid. */
static const struct insert insert_nonce_and = {
    .sql = "INSERT INTO acme_nonces (nonce) SELECT ? FROM acme_accounts n "
           "JOIN acme_policies p ON p.id = n.policy_id "
           "JOIN acme_authorizations z ON z.id = ? AND z.state = 2 AND z.expires_us > ? " AS_REMEMBERED,
    .kind = INSERT_REFERRED,
    .duplicate = nonce_used,
    .missed = account_changed,
    .many = "INSERT INTO acme_nonces (nonce) SELECT STRAIGHT_JOIN v.nonce FROM ("
            "SELECT CAST(? AS BINARY(24)) AS nonce, CAST(? AS BINARY(16)) AS authorization, ? AS now_us, "
            "CAST(? AS BINARY(16)) AS id, ? AS state, ? AS changed_us, ? AS version",
    .more = " UNION ALL SELECT CAST(? AS BINARY(24)), CAST(? AS BINARY(16)), ?, CAST(? AS BINARY(16)), ?, ?, ?",
    .end = ") v JOIN acme_accounts n ON n.id = v.id AND n.state = v.state AND n.changed_us = v.changed_us "
           "JOIN acme_policies p ON p.id = n.policy_id AND p.version = v.version AND p.deleted_us = 0 "
           "JOIN acme_authorizations z ON z.id = v.authorization AND z.state = 2 AND z.expires_us > v.now_us"};

static const char sql_sweep_nonces[] = "DELETE FROM acme_nonces WHERE nonce < ? LIMIT 5000";
static const char sql_sweep_orders[] =
    "UPDATE acme_orders SET state = 4, changed_us = ?, problem = ?, replaces_id = NULL "
    "WHERE state IN (1, 2) AND expires_us < ? LIMIT 5000";
static const char sql_sweep_authorizations[] =
    "DELETE FROM acme_authorizations WHERE expires_us < ? LIMIT 5000";
static const char sql_sweep_invalid[] =
    "DELETE FROM acme_orders WHERE state = 4 AND certificate_id IS NULL AND expires_us < ? "
    "LIMIT 5000";

static const char sql_sweep_names[] = "DELETE FROM acme_order_names WHERE order_id < ? LIMIT 5000";

bool acme_policy_insert(struct tx *tx, const struct acme_policy_record *policy, struct error *err) {
    return tx_execute(tx, sql_policy_insert,
                      PARAMS(p_uuid(&policy->id), p_uuid(&policy->organisation_id),
                             p_text(policy->name), p_text(policy->document),
                             p_int(policy->created_us), p_int(policy->created_us)),
                      NULL, err);
}

void acme_policy_read(struct rows *rows, void *row) {
    struct acme_policy_record *ret = row;
    ret->id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->name = rows_text(rows);
    ret->version = rows_int(rows);
    ret->document = rows_text(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
}
static const struct row_kind policies = {sizeof(struct acme_policy_record), acme_policy_read,
                                         "ACME policy", 'p'};

bool acme_policy_by_id(struct tx *tx, struct arena *arena, const struct scope *scope,
                       struct uuid id, struct acme_policy_record *ret, struct error *err) {
    struct query query = query_on(arena);
    query_add(&query, sql_policy_by_id);
    query_bind(&query, p_uuid(&id));
    query_scope(&query, scope, "p.organisation_id", NULL);
    return acme_row(tx, arena, &policies, query_sql(&query), query_params(&query),
                    uuid_text(arena, id), ret, err);
}

bool acme_policy_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                      const struct page *page, struct acme_policy_record **ret_items,
                      size_t *ret_count, const char **ret_next, struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    TRY(page_before(arena, page, policies.list, &before, err));
    query_add(&query, sql_policy_list);
    query_bind(&query, p_uuid(&before));
    query_scope(&query, scope, "p.organisation_id", NULL);
    return acme_page(tx, arena, &policies, &query, "p.id", page, ret_items, ret_count, ret_next,
                     err);
}

bool acme_policy_update(struct tx *tx, struct uuid id, int64_t version, const char *name,
                        const char *document, int64_t now_us, struct error *err) {
    int64_t matched;
    tx_changes_rules(tx);
    TRY(tx_execute(
        tx, sql_policy_update,
        PARAMS(p_text(name), p_text(document), p_int(now_us), p_uuid(&id), p_int(version)),
        &matched, err));
    return matched == 1 || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                                "The ACME policy was changed meanwhile; read it again, then repeat "
                                "the change.");
}

bool acme_policy_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    int64_t matched;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_policy_delete, PARAMS(p_int(now_us), p_uuid(&id)), &matched, err));
    return matched == 1 || fail(err, ERROR_NOT_FOUND, "not-found", "There is no such ACME policy.");
}

bool acme_eab_insert(struct tx *tx, const struct acme_eab *eab, struct error *err) {
    return tx_execute(tx, sql_eab_insert,
                      PARAMS(p_uuid(&eab->id), p_uuid(&eab->policy_id), p_text(eab->name),
                             p_text(eab->secret), p_text(eab->scope), p_int(eab->uses),
                             p_int(eab->created_us), p_int(eab->expires_us), p_text(eab->maker)),
                      NULL, err);
}

static void read_eab(struct rows *rows, void *row) {
    struct acme_eab *ret = row;
    ret->id = rows_uuid(rows);
    ret->policy_id = rows_uuid(rows);
    ret->name = rows_text(rows);
    ret->secret = rows_text(rows);
    ret->scope = rows_text(rows);
    ret->uses = rows_int(rows);
    ret->used = rows_int(rows);
    ret->revoked = rows_bool(rows);
    ret->created_us = rows_int(rows);
    ret->expires_us = rows_int(rows);
    ret->last_used_us = rows_int(rows);
    ret->maker = rows_text(rows);
}
static const struct row_kind eabs = {sizeof(struct acme_eab), read_eab, "external account binding",
                                     'b'};

bool acme_eab_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct acme_eab *ret,
                    struct error *err) {
    return acme_row(tx, arena, &eabs, sql_eab_by_id, PARAMS(p_uuid(&id)), uuid_text(arena, id), ret,
                    err);
}

bool acme_eab_list(struct tx *tx, struct arena *arena, struct uuid policy_id,
                   const struct page *page, struct acme_eab **ret_items, size_t *ret_count,
                   const char **ret_next, struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    TRY(page_before(arena, page, eabs.list, &before, err));
    query_add(&query, sql_eab_list);
    query_bind(&query, p_uuid(&policy_id));
    query_bind(&query, p_uuid(&before));
    return acme_page(tx, arena, &eabs, &query, "b.id", page, ret_items, ret_count, ret_next, err);
}

bool acme_eab_revoke(struct tx *tx, struct uuid id, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_eab_revoke, PARAMS(p_uuid(&id)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such external account binding.");
}

bool acme_eab_spend(struct tx *tx, struct uuid id, int64_t now_us, bool *ret_spent,
                    struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_eab_spend, PARAMS(p_int(now_us), p_uuid(&id), p_int(now_us)), &matched,
                   err));
    *ret_spent = matched == 1;
    return true;
}

bool acme_nonce_use(struct tx *tx, const uint8_t nonce[ACME_NONCE_SIZE],
                    const struct acme_account *account, int64_t policy_version, struct uuid authorization,
                    struct error *err) {
    if (account == NULL)
        return tx_insert_later(tx, &insert_nonce, PARAMS(p_bytes(nonce, ACME_NONCE_SIZE)), err);
    if (!uuid_is_nil(authorization))
        return tx_insert_later(tx, &insert_nonce_and,
                               PARAMS(p_bytes(nonce, ACME_NONCE_SIZE), p_uuid(&authorization),
                                      p_int(clock_now_us()), p_uuid(&account->id), p_int(account->state),
                                      p_int(account->changed_us), p_int(policy_version)),
                               err);
    return tx_insert_later(tx, &insert_nonce_of,
                           PARAMS(p_bytes(nonce, ACME_NONCE_SIZE), p_uuid(&account->id),
                                  p_int(account->state), p_int(account->changed_us),
                                  p_int(policy_version)),
                           err);
}

bool acme_account_unchanged(struct tx *tx, const struct acme_account *account, int64_t policy_version,
                            struct error *err) {
    int64_t count = 0;
    TRY(tx_number(tx, sql_unchanged,
                  PARAMS(p_uuid(&account->id), p_int(account->state), p_int(account->changed_us),
                         p_int(policy_version)),
                  &count, err));
    return count == 1 || account_changed(err);
}

static bool sweep(struct tx *tx, const char *sql, struct params params, int64_t *gone,
                  struct error *err) {
    int64_t affected;
    TRY(tx_execute(tx, sql, params, &affected, err));
    *gone += affected;
    return true;
}

bool acme_sweep(struct tx *tx, int64_t now_us, int64_t nonces_us, int64_t before_us,
                int64_t *ret_gone, struct error *err) {
    static const char expired[] = "{\"type\":\"urn:ietf:params:acme:error:malformed\","
                                  "\"detail\":\"The order was not finished in time.\"}";
    uint8_t nonce[ACME_NONCE_SIZE] = {0};
    int64_t gone = 0;
    for (int i = 0; i < 8; i++)
        nonce[i] = (uint8_t)((uint64_t)nonces_us >> (56 - 8 * i));
    TRY(sweep(tx, sql_sweep_nonces, PARAMS(p_bytes(nonce, sizeof nonce)), &gone, err));
    TRY(sweep(tx, sql_sweep_orders, PARAMS(p_int(now_us), p_text(expired), p_int(now_us)), &gone,
              err));
    TRY(sweep(tx, sql_sweep_authorizations, PARAMS(p_int(before_us)), &gone, err));
    TRY(sweep(tx, sql_sweep_invalid, PARAMS(p_int(before_us)), &gone, err));
    /* Ids begin with their time in milliseconds (rfc9562#5.7). */
    struct uuid first = {{0}};
    for (int i = 0; i < 6; i++)
        first.bytes[i] = (uint8_t)(before_us / 1000 >> (40 - 8 * i));
    TRY(sweep(tx, sql_sweep_names, PARAMS(p_uuid(&first)), &gone, err));
    *ret_gone = gone;
    return true;
}
