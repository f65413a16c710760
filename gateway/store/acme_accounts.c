#include "store/acme.h"
#include "store/acme_rows.h"
#include "store/hold.h"

static const char sql_insert[] =
    "INSERT INTO acme_accounts (id, directory_id, policy_id, eab_id, thumbprint, state, jwk, "
    "contacts, scope, terms, eab_jws, created_us, changed_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_by_id[] =
    "SELECT " ACME_ACCOUNT_COLUMNS "FROM acme_accounts n WHERE n.id = ?";
static const char sql_by_key[] =
    "SELECT " ACME_ACCOUNT_COLUMNS
    "FROM acme_accounts n WHERE n.thumbprint = ? AND n.directory_id = ?";
static const char sql_update[] =
    "UPDATE acme_accounts SET state = ?, contacts = ?, terms = ?, changed_us = ? WHERE id = ?";
/* The key is changed by affected rows; a key that has an account is found before and held by the
 * unique key. */
static const char sql_rekey[] =
    "UPDATE IGNORE acme_accounts SET thumbprint = ?, jwk = ?, changed_us = ? WHERE id = ?";
static const char sql_list[] = "SELECT " ACME_ACCOUNT_COLUMNS
                               "FROM acme_accounts n JOIN acme_policies p ON p.id = n.policy_id "
                               "WHERE ";
static const char sql_count[] = "SELECT COUNT(*) FROM (SELECT 1 FROM acme_accounts n "
                                "WHERE n.policy_id = ? AND n.state = 1 LIMIT ?) x";

bool acme_account_insert(struct tx *tx, const struct acme_account *account, bool *ret_duplicate,
                         struct error *err) {
    const struct acme_account *a = account;
    return tx_insert(tx, sql_insert,
                     PARAMS(p_uuid(&a->id), p_uuid(&a->directory_id), p_uuid(&a->policy_id),
                            p_uuid_or_null(&a->eab_id), p_bytes(a->thumbprint, 32), p_int(a->state),
                            p_text(a->jwk), p_text(a->contacts), p_text(a->scope), p_text(a->terms),
                            p_text(a->eab_jws), p_int(a->created_us), p_int(a->created_us)),
                     ret_duplicate, err);
}

void acme_account_read(struct rows *rows, void *row) {
    struct acme_account *ret = row;
    ret->id = rows_uuid(rows);
    ret->directory_id = rows_uuid(rows);
    ret->policy_id = rows_uuid(rows);
    ret->eab_id = rows_uuid(rows);
    rows_fixed(rows, ret->thumbprint, sizeof ret->thumbprint);
    ret->state = (enum acme_account_state)rows_int(rows);
    ret->jwk = rows_text(rows);
    ret->contacts = rows_text(rows);
    ret->scope = rows_text(rows);
    ret->terms = rows_text(rows);
    ret->eab_jws = rows_text(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
}
static const struct row_kind accounts = {sizeof(struct acme_account), acme_account_read,
                                         "ACME account", 'n'};

bool acme_account_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                        struct acme_account *ret, struct error *err) {
    return acme_row(tx, arena, &accounts, sql_by_id, PARAMS(p_uuid(&id)), NULL, ret, err);
}

bool acme_account_by_key(struct tx *tx, struct arena *arena, struct uuid directory_id,
                         const uint8_t thumbprint[32], struct acme_account *ret,
                         struct error *err) {
    return acme_row(tx, arena, &accounts, sql_by_key,
                    PARAMS(p_bytes(thumbprint, 32), p_uuid(&directory_id)), NULL, ret, err);
}

bool acme_account_update(struct tx *tx, const struct acme_account *account, struct error *err) {
    int64_t matched;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_int(account->state), p_text(account->contacts), p_text(account->terms),
                          p_int(account->changed_us), p_uuid(&account->id)),
                   &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such ACME account.");
}

bool acme_account_rekey(struct tx *tx, const struct acme_account *account, bool *ret_duplicate,
                        struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct acme_account after;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_rekey,
                   PARAMS(p_bytes(account->thumbprint, 32), p_text(account->jwk),
                          p_int(account->changed_us), p_uuid(&account->id)),
                   NULL, err));
    TRY(acme_account_by_id(tx, arena, account->id, &after, err));
    *ret_duplicate = !view_equal(view_of(after.thumbprint, 32), view_of(account->thumbprint, 32));
    return true;
}

bool acme_account_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                       struct uuid policy_id, const struct page *page,
                       struct acme_account **ret_items, size_t *ret_count, const char **ret_next,
                       struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    TRY(page_before(arena, page, accounts.list, &before, err));
    query_add(&query, sql_list);
    query_add(&query, page->oldest_first ? "n.id > ? AND " : "n.id < ? AND ");
    query_bind(&query, p_uuid(&before));
    query_scope(&query, scope, "p.organisation_id", NULL);
    if (!uuid_is_nil(policy_id)) {
        query_add(&query, " AND n.policy_id = ?");
        query_bind(&query, p_uuid(&policy_id));
    }
    return acme_page(tx, arena, &accounts, &query, "n.id", page, ret_items, ret_count, ret_next,
                     err);
}

bool acme_account_count(struct tx *tx, struct uuid policy_id, int64_t most, int64_t *ret_count,
                        struct error *err) {
    return tx_number(tx, sql_count, PARAMS(p_uuid(&policy_id), p_int(most)), ret_count, err);
}
