#include "store/anchors.h"

#include "store/query.h"

#define COLUMNS                                                                                    \
    "t.id, t.template_id, t.role, t.name, t.crl_check, t.crl_urls, t.fingerprint, t.subject, "     \
    "t.not_after_us, t.certificate, t.created_us "
#define CRL_COLUMNS                                                                                \
    "c.anchor_id, c.issuer_hash, c.issuer, c.this_update_us, c.next_update_us, c.stored_us, "

static const char sql_insert[] =
    "INSERT INTO template_anchors (id, template_id, role, name, crl_check, crl_urls, fingerprint, "
    "subject, not_after_us, certificate, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_list[] =
    "SELECT " COLUMNS "FROM template_anchors t WHERE t.template_id = ? ORDER BY t.id";
static const char sql_by_id[] =
    "SELECT " COLUMNS "FROM template_anchors t WHERE t.template_id = ? AND t.id = ?";
static const char sql_with_urls[] =
    "SELECT " COLUMNS "FROM template_anchors t JOIN templates p ON p.id = t.template_id "
    "WHERE t.crl_urls <> '[]' AND p.deleted_us = 0 ORDER BY t.id";
static const char sql_delete[] = "DELETE FROM template_anchors WHERE template_id = ? AND id = ?";
static const char sql_delete_crls[] = "DELETE FROM anchor_crls WHERE anchor_id = ?";
/* An older one does not take the place of a newer one; they have the same columns, one by one. */
static const char sql_crl_update[] =
    "UPDATE anchor_crls SET issuer = ?, next_update_us = ?, stored_us = ?, der = ?, this_update_us = ? "
    "WHERE anchor_id = ? AND issuer_hash = ? AND this_update_us <= ?";
static const char sql_crl_insert[] =
    "INSERT INTO anchor_crls (issuer, next_update_us, stored_us, der, this_update_us, anchor_id, "
    "issuer_hash) VALUES (?, ?, ?, ?, ?, ?, ?)";
static const char sql_crl_list[] = "SELECT " CRL_COLUMNS "c.der FROM anchor_crls c "
                                   "WHERE c.anchor_id = ? ORDER BY c.issuer_hash";
static const char sql_crl_list_bare[] = "SELECT " CRL_COLUMNS "NULL FROM anchor_crls c "
                                        "WHERE c.anchor_id = ? ORDER BY c.issuer_hash";
static const char sql_crl_list_template[] =
    "SELECT " CRL_COLUMNS "c.der FROM template_anchors t JOIN anchor_crls c ON c.anchor_id = t.id "
    "WHERE t.template_id = ?";

bool anchor_insert(struct tx *tx, const struct anchor_record *anchor, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&anchor->id), p_uuid(&anchor->template_id), p_int(anchor->role),
                         p_text(anchor->name), p_int(anchor->crl_check), p_text(anchor->crl_urls),
                         p_bytes(anchor->fingerprint_sha256, sizeof anchor->fingerprint_sha256),
                         p_text(anchor->subject), p_int(anchor->not_after_us),
                         p_blob(anchor->certificate), p_int(anchor->created_us)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists",
                              "The template trusts the certificate \"%.200s\" already.", anchor->subject);
}

static void read_anchor(struct rows *rows, struct anchor_record *ret) {
    ret->id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->role = (enum anchor_role)rows_int(rows);
    ret->name = rows_text(rows);
    ret->crl_check = (enum anchor_crl_check)rows_int(rows);
    ret->crl_urls = rows_text(rows);
    rows_fixed(rows, ret->fingerprint_sha256, sizeof ret->fingerprint_sha256);
    ret->subject = rows_text(rows);
    ret->not_after_us = rows_int(rows);
    ret->certificate = rows_blob(rows);
    ret->created_us = rows_int(rows);
}

static bool list(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                 struct anchor_record **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct anchor_record *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_anchor(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool anchor_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                 struct anchor_record **ret_items, size_t *ret_count, struct error *err) {
    return list(tx, arena, sql_list, PARAMS(p_uuid(&template_id)), ret_items, ret_count, err);
}

bool anchor_list_with_urls(struct tx *tx, struct arena *arena, struct anchor_record **ret_items,
                           size_t *ret_count, struct error *err) {
    return list(tx, arena, sql_with_urls, NO_PARAMS, ret_items, ret_count, err);
}

bool anchor_by_id(struct tx *tx, struct arena *arena, struct uuid template_id, struct uuid id,
                  struct anchor_record *ret, struct error *err) {
    struct anchor_record *items;
    size_t count;
    TRY(list(tx, arena, sql_by_id, PARAMS(p_uuid(&template_id), p_uuid(&id)), &items, &count, err));
    if (count == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The template has no such trust anchor.");
    *ret = items[0];
    return true;
}

bool anchor_delete(struct tx *tx, struct uuid template_id, struct uuid id, struct error *err) {
    int64_t affected;
    TRY(tx_execute(tx, sql_delete, PARAMS(p_uuid(&template_id), p_uuid(&id)), &affected, err));
    if (affected == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The template has no such trust anchor.");
    return tx_execute(tx, sql_delete_crls, PARAMS(p_uuid(&id)), NULL, err);
}

bool anchor_crl_put(struct tx *tx, const struct anchor_crl_record *crl, struct error *err) {
    int64_t affected;
    bool duplicate;
    TRY(tx_execute(tx, sql_crl_update,
                   PARAMS(p_text(crl->issuer), p_int(crl->next_update_us), p_int(crl->stored_us),
                          p_blob(crl->der), p_int(crl->this_update_us), p_uuid(&crl->anchor_id),
                          p_bytes(crl->issuer_hash, sizeof crl->issuer_hash),
                          p_int(crl->this_update_us)),
                   &affected, err));
    if (affected > 0)
        return true;
    return tx_insert(tx, sql_crl_insert,
                     PARAMS(p_text(crl->issuer), p_int(crl->next_update_us), p_int(crl->stored_us),
                            p_blob(crl->der), p_int(crl->this_update_us), p_uuid(&crl->anchor_id),
                            p_bytes(crl->issuer_hash, sizeof crl->issuer_hash)),
                     &duplicate, err);
}

static bool list_crls(struct tx *tx, struct arena *arena, const char *sql, const struct uuid *id,
                      struct anchor_crl_record **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct anchor_crl_record *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql, PARAMS(p_uuid(id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct anchor_crl_record *crl = &items[count++];
        crl->anchor_id = rows_uuid(&rows);
        rows_fixed(&rows, crl->issuer_hash, sizeof crl->issuer_hash);
        crl->issuer = rows_text(&rows);
        crl->this_update_us = rows_int(&rows);
        crl->next_update_us = rows_int(&rows);
        crl->stored_us = rows_int(&rows);
        crl->der = rows_blob(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool anchor_crl_list(struct tx *tx, struct arena *arena, struct uuid anchor_id, bool want_der,
                     struct anchor_crl_record **ret_items, size_t *ret_count, struct error *err) {
    return list_crls(tx, arena, want_der ? sql_crl_list : sql_crl_list_bare, &anchor_id, ret_items,
                     ret_count, err);
}

bool anchor_crl_list_template(struct tx *tx, struct arena *arena, struct uuid template_id,
                              struct anchor_crl_record **ret_items, size_t *ret_count,
                              struct error *err) {
    return list_crls(tx, arena, sql_crl_list_template, &template_id, ret_items, ret_count, err);
}
