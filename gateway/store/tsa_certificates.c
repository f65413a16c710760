#include "store/query.h"
#include "store/tsa.h"

#define LIST 'k'

#define SELECT                                                                                     \
    "SELECT c.id, c.organisation_id, c.name, c.key_id, k.key_type, k.uri = '', c.csr, "             \
    "c.certificate, c.chain, c.not_before_us, c.not_after_us, c.created_us, c.changed_us "          \
    "FROM tsa_certificates c JOIN private_keys k ON k.id = c.key_id WHERE "
static const char sql_by_id[] = SELECT "c.id = ? AND ";
static const char sql_list[] = SELECT "c.id < ? AND ";
static const char sql_add[] =
    "INSERT INTO tsa_certificates (id, organisation_id, name, key_id, csr, certificate, chain, "
    "not_before_us, not_after_us, created_us, changed_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_set[] = "UPDATE tsa_certificates SET certificate = ?, chain = ?, not_before_us = ?, "
                              "not_after_us = ?, changed_us = ? WHERE id = ?";
static const char sql_used[] =
    "SELECT EXISTS (SELECT 1 FROM tsa_issuers i JOIN cas a ON a.id = i.ca_id "
    "WHERE i.certificate_id = ? AND a.deleted_us = 0)";
static const char sql_delete[] = "DELETE FROM tsa_certificates WHERE id = ?";

static void read_row(struct rows *rows, struct tsa_certificate_record *ret) {
    ret->id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->name = rows_text(rows);
    ret->key_id = rows_uuid(rows);
    ret->key_type = rows_text(rows);
    ret->managed = rows_bool(rows);
    ret->csr = rows_blob(rows);
    ret->certificate = rows_blob(rows);
    ret->chain = rows_blob(rows);
    ret->not_before_us = rows_int(rows);
    ret->not_after_us = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
}

bool tsa_certificate_insert(struct tx *tx, const struct tsa_certificate_record *record,
                            struct error *err) {
    return tx_execute(tx, sql_add,
                      PARAMS(p_uuid(&record->id), p_uuid(&record->organisation_id), p_text(record->name),
                             p_uuid(&record->key_id), p_blob(record->csr), p_blob(record->certificate),
                             p_blob(record->chain), p_int(record->not_before_us),
                             p_int(record->not_after_us), p_int(record->created_us),
                             p_int(record->changed_us)),
                      NULL, err);
}

bool tsa_certificate_get(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                         struct tsa_certificate_record *ret, struct error *err) {
    struct tsa_certificate_record record = {0};
    struct query query = query_on(arena);
    struct rows rows;
    bool found;
    query_add(&query, sql_by_id);
    query_bind(&query, p_uuid(&id));
    query_scope(&query, scope, "c.organisation_id", NULL);
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such timestamping certificate.");
    read_row(&rows, &record);
    TRY(rows_close(&rows, err));
    *ret = record;
    return true;
}

bool tsa_certificate_page(struct tx *tx, struct arena *arena, const struct scope *scope,
                          const struct page *page, struct tsa_certificate_record **ret_items,
                          size_t *ret_count, const char **ret_next, struct error *err) {
    struct uuid before;
    struct query query = query_on(arena);
    struct rows rows;
    size_t count = 0;
    TRY(page_before(arena, page, LIST, &before, err));
    query_add(&query, sql_list);
    query_bind(&query, p_uuid(&before));
    query_scope(&query, scope, "c.organisation_id", NULL);
    query_add(&query, " ORDER BY c.id DESC LIMIT ?");
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct tsa_certificate_record *items = arena_array(arena, (size_t)page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, LIST, view_of(items[count - 1].id.bytes, 16));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool tsa_certificate_set(struct tx *tx, const struct tsa_certificate_record *record, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_set,
                   PARAMS(p_blob(record->certificate), p_blob(record->chain), p_int(record->not_before_us),
                          p_int(record->not_after_us), p_int(record->changed_us), p_uuid(&record->id)),
                   &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such timestamping certificate.");
}

bool tsa_certificate_delete(struct tx *tx, struct uuid id, struct error *err) {
    int64_t used;
    TRY(tx_number(tx, sql_used, PARAMS(p_uuid(&id)), &used, err));
    if (used != 0)
        return fail(err, ERROR_CONFLICT, "in-use",
                    "A timestamp issuer uses this certificate; give the issuer another one first.");
    return tx_execute(tx, sql_delete, PARAMS(p_uuid(&id)), NULL, err);
}
