/* What signed requests begin with. */
#include "store/acme.h"
#include "store/acme_rows.h"

static const char sql_account[] =
    "SELECT " ACME_ACCOUNT_COLUMNS ", " ACME_POLICY_COLUMNS
    ", (SELECT s.value FROM settings s WHERE s.name = 'acme') "
    "FROM acme_accounts n JOIN acme_policies p ON p.id = n.policy_id AND p.deleted_us = 0 WHERE n.id = ?";
/* An order's authorizations are ids side by side: one alone is an id. */
static const char sql_order[] =
    "SELECT " ACME_ORDER_COLUMNS ", c.der, c.ca_id, c.issuer_key_id, "
    "COALESCE(z.state, 0), COALESCE(z.expires_us, 0) "
    "FROM acme_orders o LEFT JOIN templates t ON t.id = o.template_id "
    "LEFT JOIN certificates c ON c.id = o.certificate_id "
    "LEFT JOIN acme_authorizations z ON z.id = CAST(o.authorizations AS BINARY(16)) "
    "AND LENGTH(o.authorizations) = 16 WHERE o.id = ?";

static void read_who(struct rows *rows, void *row) {
    struct acme_session *ret = row;
    acme_account_read(rows, &ret->account);
    acme_policy_read(rows, &ret->policy);
    ret->settings = rows_text(rows);
}
static const struct row_kind who = {sizeof(struct acme_session), read_who, "ACME account", 'n'};

static void read_order(struct rows *rows, void *row) {
    struct acme_opened_order *ret = row;
    acme_order_read(rows, &ret->order);
    ret->certificate = rows_blob(rows);
    ret->certificate_ca = rows_uuid(rows);
    ret->certificate_key = rows_uuid(rows);
    ret->order.authorization_state = (enum acme_authorization_state)rows_int(rows);
    ret->order.authorization_expires_us = rows_int(rows);
}
static const struct row_kind opened = {sizeof(struct acme_opened_order), read_order, "ACME order", 'o'};

bool acme_session_open(struct tx *tx, struct arena *arena, struct uuid account_id,
                       struct acme_session *ret, struct error *err) {
    return acme_row(tx, arena, &who, sql_account, PARAMS(p_uuid(&account_id)), NULL, ret, err);
}

bool acme_order_open(struct tx *tx, struct arena *arena, struct uuid id,
                     struct acme_opened_order *ret, struct error *err) {
    return acme_row(tx, arena, &opened, sql_order, PARAMS(p_uuid(&id)), NULL, ret, err);
}
