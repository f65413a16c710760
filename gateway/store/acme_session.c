/* What signed requests begin with. */
#include "store/acme.h"
#include "store/acme_rows.h"

#define WHO ACME_ACCOUNT_COLUMNS ", " ACME_POLICY_COLUMNS
#define SETTINGS ", (SELECT s.value FROM settings s WHERE s.name = 'acme') "
#define FROM "FROM acme_accounts n JOIN acme_policies p ON p.id = n.policy_id AND p.deleted_us = 0 "

static const char sql_account[] = "SELECT " WHO SETTINGS FROM "WHERE n.id = ?";
static const char sql_order[] =
    "SELECT " WHO SETTINGS ", c.der, c.ca_id, " ACME_ORDER_COLUMNS FROM
    "LEFT JOIN acme_orders o ON o.id = ? LEFT JOIN templates t ON t.id = o.template_id "
    "LEFT JOIN certificates c ON c.id = o.certificate_id WHERE n.id = ?";

static void read_who(struct rows *rows, void *row) {
    struct acme_session *ret = row;
    acme_account_read(rows, &ret->account);
    acme_policy_read(rows, &ret->policy);
    ret->settings = rows_text(rows);
    ret->order = (struct acme_order){0};
}
static const struct row_kind who = {sizeof(struct acme_session), read_who, "ACME account", 'n'};

static void read_all(struct rows *rows, void *row) {
    struct acme_session *ret = row;
    read_who(rows, row);
    ret->certificate = rows_blob(rows);
    ret->certificate_ca = rows_uuid(rows);
    acme_order_read(rows, &ret->order);
}
static const struct row_kind all = {sizeof(struct acme_session), read_all, "ACME account", 'n'};

bool acme_session_open(struct tx *tx, struct arena *arena, struct uuid account_id,
                       const struct uuid *order_id, struct acme_session *ret, struct error *err) {
    if (order_id == NULL)
        return acme_row(tx, arena, &who, sql_account, PARAMS(p_uuid(&account_id)), NULL, ret, err);
    return acme_row(tx, arena, &all, sql_order, PARAMS(p_uuid(order_id), p_uuid(&account_id)), NULL,
                    ret, err);
}
