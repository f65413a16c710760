#include "store/acme.h"
#include "store/acme_rows.h"
#include "store/later.h"

#define FROM "FROM acme_orders o LEFT JOIN templates t ON t.id = o.template_id "

static bool replaced(struct error *err) {
    return fail(err, ERROR_CONFLICT, "acme-replaced",
                "The certificate has been replaced by another order.");
}

static bool moved(struct error *err) {
    return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "The order was changed meanwhile; read it again.");
}

#define INSERT                                                                                     \
    "INSERT INTO acme_orders (id, account_id, policy_id, template_id, state, identifiers, "        \
    "authorizations, profile, not_before_us, not_after_us, expires_us, problem, replaces_id, "     \
    "certificate_id, created_us, changed_us) "                                                     \
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, NULL, ?, ?)"
static const struct insert insert_order = {
    .sql = INSERT, .kind = INSERT_LEAF, .duplicate = replaced};
static const struct insert insert_counted = {
    .sql = INSERT, .kind = INSERT_REFERRED, .duplicate = replaced};
static const char sql_by_id[] = "SELECT " ACME_ORDER_COLUMNS FROM "WHERE o.id = ?";
static const char sql_by_certificate[] =
    "SELECT " ACME_ORDER_COLUMNS FROM "WHERE o.certificate_id = ? LIMIT 1";
static const char sql_by_serial[] =
    "SELECT c.id FROM certificates c WHERE c.serial = ? ORDER BY c.id LIMIT 8";
static const char sql_by_replaced[] = "SELECT " ACME_ORDER_COLUMNS FROM "WHERE o.replaces_id = ?";
/* What failed no longer replaces anything: the certificate may be replaced by another order. */
static const struct insert update_order = {
    .sql = "UPDATE acme_orders SET state = ?, problem = ?, certificate_id = ?, changed_us = ?, "
           "replaces_id = IF(? = 4, NULL, replaces_id) WHERE id = ? AND state = ?",
    .kind = INSERT_LEAF,
    .missed = moved};
/* By the orders, whose newest come first, and from each to its policy: by the policies all would be read. */
#define POLICIES "STRAIGHT_JOIN acme_policies p FORCE INDEX (PRIMARY) ON p.id = o.policy_id WHERE "
static const char sql_list[] = "SELECT " ACME_ORDER_COLUMNS FROM POLICIES;
/* Of one account or policy: the page's ids, which the index alone tells. The nil id beside the owner's keeps the server from
 * reading all of the owner's entries from the first one on, as it does when it is told a single one. */
#define IDS(index, owner)                                                                                          \
    "SELECT " ACME_ORDER_COLUMNS "FROM (SELECT i.id FROM acme_orders i FORCE INDEX (" index ") WHERE i." owner " " \
    "IN (?, ?) AND i.id "
#define NEWEST(owner) "< ? ORDER BY i." owner ", i.id DESC LIMIT ?"
#define OLDEST(owner) "> ? ORDER BY i." owner " DESC, i.id LIMIT ?"
#define BY_ACCOUNT IDS("acme_orders_by_account", "account_id")
#define BY_POLICY IDS("acme_orders_by_policy", "policy_id")
static const char *const sql_ids[2][2] = {{BY_POLICY NEWEST("policy_id"), BY_POLICY OLDEST("policy_id")},
                                          {BY_ACCOUNT NEWEST("account_id"), BY_ACCOUNT OLDEST("account_id")}};
static const char sql_of_ids[] = ") k STRAIGHT_JOIN acme_orders o ON o.id = k.id "
                                 "LEFT JOIN templates t ON t.id = o.template_id " POLICIES;
static const char sql_count_account[] =
    "SELECT COUNT(*) FROM (SELECT 1 FROM acme_orders o WHERE o.account_id = ? AND o.id >= ? "
    "LIMIT ?) x";
static const char sql_count_policy[] =
    "SELECT COUNT(*) FROM (SELECT 1 FROM acme_orders o WHERE o.policy_id = ? AND o.id >= ? "
    "LIMIT ?) x";
static const char sql_name_add[] =
    "INSERT INTO acme_order_names (policy_id, identifier, order_id) VALUES (?, ?, ?)";
static const char sql_name_count[] =
    "SELECT COUNT(*) FROM (SELECT 1 FROM acme_order_names m WHERE m.policy_id = ? "
    "AND m.identifier = ? AND m.order_id >= ? LIMIT ?) x";

bool acme_order_insert(struct tx *tx, const struct acme_order *order, bool counted,
                       struct error *err) {
    const struct acme_order *o = order;
    return tx_insert_later(
        tx, counted ? &insert_counted : &insert_order,
        PARAMS(p_uuid(&o->id), p_uuid(&o->account_id), p_uuid(&o->policy_id),
               p_uuid(&o->template_id), p_int(o->state), p_text(o->identifiers),
               p_blob(o->authorizations), p_text(o->profile), p_int(o->not_before_us),
               p_int(o->not_after_us), p_int(o->expires_us), p_uuid_or_null(&o->replaces_id),
               p_int(o->created_us), p_int(o->created_us)),
        err);
}

void acme_order_read(struct rows *rows, void *row) {
    struct acme_order *ret = row;
    ret->id = rows_uuid(rows);
    ret->account_id = rows_uuid(rows);
    ret->policy_id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->state = (enum acme_order_state)rows_int(rows);
    ret->identifiers = rows_text(rows);
    ret->authorizations = rows_blob(rows);
    ret->profile = rows_text(rows);
    ret->not_before_us = rows_int(rows);
    ret->not_after_us = rows_int(rows);
    ret->expires_us = rows_int(rows);
    ret->problem = rows_text(rows);
    ret->replaces_id = rows_uuid(rows);
    ret->certificate_id = rows_uuid(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
    ret->template_slug = rows_text(rows);
    ret->authorization_state = (enum acme_authorization_state)0;
    ret->authorization_expires_us = 0;
    ret->replaces = NULL;
}
static const struct row_kind orders = {sizeof(struct acme_order), acme_order_read, "ACME order",
                                       'w'};

bool acme_order_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct acme_order *ret,
                      struct error *err) {
    return acme_row(tx, arena, &orders, sql_by_id, PARAMS(p_uuid(&id)), NULL, ret, err);
}

bool acme_order_by_certificate(struct tx *tx, struct arena *arena, struct uuid certificate_id,
                               struct acme_order *ret, struct error *err) {
    return acme_row(tx, arena, &orders, sql_by_certificate, PARAMS(p_uuid(&certificate_id)), NULL,
                    ret, err);
}

bool acme_certificates_by_serial(struct tx *tx, struct arena *arena, struct view serial,
                                 struct uuid ret_ids[static 8], size_t *ret_count,
                                 struct error *err) {
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_by_serial, PARAMS(p_blob(serial)), &rows, err));
    while (count < 8 && rows_next(&rows))
        ret_ids[count++] = rows_uuid(&rows);
    TRY(rows_close(&rows, err));
    *ret_count = count;
    return true;
}

bool acme_order_by_replaced(struct tx *tx, struct arena *arena, struct uuid certificate_id,
                            struct acme_order *ret, struct error *err) {
    return acme_row(tx, arena, &orders, sql_by_replaced, PARAMS(p_uuid(&certificate_id)), NULL, ret,
                    err);
}

bool acme_order_move(struct tx *tx, const struct acme_order *order, enum acme_order_state from,
                     int64_t now_us, struct error *err) {
    return tx_insert_later(tx, &update_order,
                           PARAMS(p_int(order->state), p_text(order->problem),
                                  p_uuid_or_null(&order->certificate_id), p_int(now_us),
                                  p_int(order->state), p_uuid(&order->id), p_int(from)),
                           err);
}

/* All of them are of one organisation: whether it is in scope may be asked afterwards. */
static void add_ids(struct query *query, bool of_account, const struct uuid *owner, const struct page *page,
                    const struct uuid *before) {
    static const struct uuid nobody;
    query_add(query, sql_ids[of_account][page->oldest_first]);
    query_bind(query, p_uuid(owner));
    query_bind(query, p_uuid(&nobody));
    query_bind(query, p_uuid(before));
    query_bind(query, p_int(page->limit + 1));
    query_add(query, sql_of_ids);
}

bool acme_order_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                     struct uuid account_id, struct uuid policy_id, const struct page *page,
                     struct acme_order **ret_items, size_t *ret_count, const char **ret_next,
                     struct error *err) {
    struct query query = query_on(arena);
    bool of_account = !uuid_is_nil(account_id);
    struct uuid before, owner = of_account ? account_id : policy_id;
    TRY(page_before(arena, page, orders.list, &before, err));
    if (uuid_is_nil(owner)) {
        query_add(&query, sql_list);
        query_add(&query, page->oldest_first ? "o.id > ? AND " : "o.id < ? AND ");
        query_bind(&query, p_uuid(&before));
    } else {
        add_ids(&query, of_account, &owner, page, &before);
    }
    query_scope(&query, scope, "p.organisation_id", NULL);
    return acme_page(tx, arena, &orders, &query, "o.id", page, ret_items, ret_count, ret_next, err);
}

/* rfc9562#5.7: the first id that could have been made at that time. */
static struct uuid first_id(int64_t at_us) {
    struct uuid id = {{0}};
    int64_t ms = at_us / 1000;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    return id;
}

bool acme_order_count(struct tx *tx, struct uuid account_id, struct uuid policy_id,
                      int64_t since_us, int64_t most, int64_t *ret_count, struct error *err) {
    struct uuid first = first_id(since_us);
    bool by_account = !uuid_is_nil(account_id);
    return tx_number(
        tx, by_account ? sql_count_account : sql_count_policy,
        PARAMS(p_uuid(by_account ? &account_id : &policy_id), p_uuid(&first), p_int(most)),
        ret_count, err);
}

bool acme_order_name_add(struct tx *tx, struct uuid policy_id, const char *identifier,
                         struct uuid order_id, struct error *err) {
    bool duplicate;
    return tx_insert(tx, sql_name_add,
                     PARAMS(p_uuid(&policy_id), p_text(identifier), p_uuid(&order_id)), &duplicate,
                     err);
}

bool acme_order_name_count(struct tx *tx, struct uuid policy_id, const char *identifier,
                           int64_t since_us, int64_t most, int64_t *ret_count, struct error *err) {
    struct uuid first = first_id(since_us);
    return tx_number(tx, sql_name_count,
                     PARAMS(p_uuid(&policy_id), p_text(identifier), p_uuid(&first), p_int(most)),
                     ret_count, err);
}
