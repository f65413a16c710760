#include "store/tsa.h"

#include "store/query.h"
#include "store/text.h"

#define TOKEN_LIST 'g'
#define MAX_ADDRESS 64

static const struct uuid nil;

#define ISSUER                                                                                     \
    "SELECT i.id, i.ca_id, i.name, i.version, i.document, i.certificate_id, i.created_us, "         \
    "i.changed_us FROM tsa_issuers i WHERE i.ca_id = ? "
static const char sql_issuer[] = ISSUER "AND i.name = ?";
static const char sql_issuers[] = ISSUER "ORDER BY i.name";
static const char sql_signed_by[] = ISSUER "AND i.certificate_id IS NULL ORDER BY i.name";
static const char sql_signed_by_foreign[] =
    "SELECT i.id, i.ca_id, i.name, i.version, i.document, i.certificate_id, i.created_us, i.changed_us "
    "FROM tsa_issuers i WHERE i.certificate_id = ? ORDER BY i.ca_id, i.name";
static const char sql_issuer_count[] = "SELECT COUNT(*) FROM tsa_issuers i WHERE i.ca_id = ?";
static const char sql_issuer_add[] =
    "INSERT INTO tsa_issuers (id, ca_id, name, version, document, certificate_id, created_us, "
    "changed_us) VALUES (?, ?, ?, 1, ?, ?, ?, ?)";
static const char sql_issuer_change[] =
    "UPDATE tsa_issuers SET version = version + 1, document = ?, certificate_id = ?, changed_us = ? "
    "WHERE ca_id = ? AND name = ? AND version = ?";
static const char sql_issuer_delete[] = "DELETE FROM tsa_issuers WHERE ca_id = ? AND name = ?";

static const char sql_order[] = "SELECT o.last_us FROM tsa_order o WHERE o.owner_id = ? FOR UPDATE";
static const char sql_order_set[] = "INSERT INTO tsa_order (owner_id, last_us) VALUES (?, ?) "
                                    "ON DUPLICATE KEY UPDATE last_us = GREATEST(last_us + 1, VALUES(last_us))";

#define TOKEN_COLUMNS "t.id, t.ca_id, t.issuer, t.serial, t.at_us, t.address, t.imprint"
static const char sql_token_add[] =
    "INSERT INTO tsa_tokens (id, ca_id, issuer, serial, at_us, address, imprint, token) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_token[] =
    "SELECT " TOKEN_COLUMNS ", t.token FROM tsa_tokens t WHERE t.ca_id = ? AND t.id = ?";
static const char sql_tokens[] = "SELECT " TOKEN_COLUMNS " FROM tsa_tokens t WHERE t.ca_id = ? AND t.id < ? ";

static void read_issuer(struct rows *rows, struct tsa_issuer_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->name = rows_text(rows);
    ret->version = rows_int(rows);
    ret->document = rows_text(rows);
    ret->certificate_id = rows_uuid(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
}

bool tsa_issuer_get(struct tx *tx, struct arena *arena, struct uuid ca_id, const char *name,
                    struct tsa_issuer_record *ret, struct error *err) {
    struct tsa_issuer_record record = {.ca_id = ca_id, .name = "", .document = "{}"};
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_issuer, PARAMS(p_uuid(&ca_id), p_text(name)), &rows, &found, err));
    if (found) {
        read_issuer(&rows, &record);
        TRY(rows_close(&rows, err));
    } else if (name[0] != '\0') {
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no timestamp issuer \"%.63s\".", name);
    }
    *ret = record;
    return true;
}

static bool list_issuers(struct tx *tx, struct arena *arena, const char *sql, const struct uuid *id,
                         struct tsa_issuer_record **ret_items, size_t *ret_count, struct error *err) {
    size_t count = 0, capacity = 8;
    struct tsa_issuer_record *items = arena_array(arena, capacity, sizeof *items);
    struct rows rows;
    TRY(rows_open(tx, arena, sql, PARAMS(p_uuid(id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_issuer(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool tsa_issuer_list(struct tx *tx, struct arena *arena, struct uuid ca_id,
                     struct tsa_issuer_record **ret_items, size_t *ret_count, struct error *err) {
    return list_issuers(tx, arena, sql_issuers, &ca_id, ret_items, ret_count, err);
}

bool tsa_issuer_signed_by(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid certificate_id,
                          struct tsa_issuer_record **ret_items, size_t *ret_count, struct error *err) {
    if (uuid_is_nil(certificate_id))
        return list_issuers(tx, arena, sql_signed_by, &ca_id, ret_items, ret_count, err);
    return list_issuers(tx, arena, sql_signed_by_foreign, &certificate_id, ret_items, ret_count, err);
}

static bool add_issuer(struct tx *tx, const struct tsa_issuer_record *record, struct error *err) {
    int64_t count;
    bool duplicate;
    TRY(tx_number(tx, sql_issuer_count, PARAMS(p_uuid(&record->ca_id)), &count, err));
    if (count >= MAX_TSA_ISSUERS)
        return fail(err, ERROR_CONFLICT, "tsa-too-many", "A CA has at most %d timestamp issuers.",
                    MAX_TSA_ISSUERS);
    TRY(tx_insert(tx, sql_issuer_add,
                  PARAMS(p_uuid(&record->id), p_uuid(&record->ca_id), p_text(record->name),
                         p_text(record->document), p_uuid_or_null(&record->certificate_id),
                         p_int(record->created_us), p_int(record->changed_us)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists", "The timestamp issuer \"%.63s\" exists already.", record->name);
}

bool tsa_issuer_put(struct tx *tx, const struct tsa_issuer_record *record, struct error *err) {
    int64_t matched;
    if (record->version == 0)
        return add_issuer(tx, record, err);
    TRY(tx_execute(tx, sql_issuer_change,
                   PARAMS(p_text(record->document), p_uuid_or_null(&record->certificate_id),
                          p_int(record->changed_us), p_uuid(&record->ca_id), p_text(record->name),
                          p_int(record->version)),
                   &matched, err));
    return matched == 1 ||
           fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "The timestamp issuer was changed meanwhile; read it again, then repeat the change.");
}

bool tsa_issuer_delete(struct tx *tx, struct uuid ca_id, const char *name, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_issuer_delete, PARAMS(p_uuid(&ca_id), p_text(name)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no timestamp issuer \"%.63s\".", name);
}

bool tsa_order_next(struct tx *tx, struct arena *arena, struct uuid owner_id, int64_t now_us,
                    int64_t *ret_us, struct error *err) {
    struct rows rows;
    bool found;
    int64_t last;
    /* One statement claims: the row is locked from here to COMMIT, so the next one waits and sees it. */
    TRY(tx_execute(tx, sql_order_set, PARAMS(p_uuid(&owner_id), p_int(now_us)), NULL, err));
    TRY(rows_first(tx, arena, sql_order, PARAMS(p_uuid(&owner_id)), &rows, &found, err));
    if (!found)
        return fail_internal(err, "the order of a timestamp issuer vanished");
    last = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret_us = last;
    return true;
}

/* --- tokens --------------------------------------------------------------------------------------- */

bool tsa_token_insert(struct tx *tx, const struct tsa_token_record *record, struct error *err) {
    return tx_execute(tx, sql_token_add,
                      PARAMS(p_uuid(&record->id), p_uuid(&record->ca_id), p_text(record->issuer),
                             p_blob(record->serial), p_int(record->at_us), p_text(record->address),
                             p_blob(record->imprint), p_blob(record->token)),
                      NULL, err);
}

static void read_token(struct rows *rows, struct tsa_token_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->issuer = rows_text(rows);
    ret->serial = rows_blob(rows);
    ret->at_us = rows_int(rows);
    ret->address = rows_text(rows);
    ret->imprint = rows_blob(rows);
}

bool tsa_token_get(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid id,
                   struct tsa_token_record *ret, struct error *err) {
    struct tsa_token_record record = {0};
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_token, PARAMS(p_uuid(&ca_id), p_uuid(&id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such timestamp token.");
    read_token(&rows, &record);
    record.token = rows_blob(&rows);
    TRY(rows_close(&rows, err));
    *ret = record;
    return true;
}

bool tsa_token_page(struct tx *tx, struct arena *arena, struct uuid ca_id, struct view imprint,
                    const struct page *page, struct tsa_token_record **ret_items, size_t *ret_count,
                    const char **ret_next, struct error *err) {
    struct uuid before = nil;
    size_t count = 0;
    struct query query = query_on(arena);
    struct rows rows;
    TRY(page_before(arena, page, TOKEN_LIST, &before, err));
    query_add(&query, sql_tokens);
    query_bind(&query, p_uuid(&ca_id));
    query_bind(&query, p_uuid(&before));
    if (imprint.len > 0) {
        query_add(&query, "AND t.imprint = ? ");
        query_bind(&query, p_blob(imprint));
    }
    query_add(&query, "ORDER BY t.id DESC LIMIT ?");
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct tsa_token_record *items = arena_array(arena, (size_t)page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (rows_next(&rows))
        read_token(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, TOKEN_LIST, view_of(items[count - 1].id.bytes, 16));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}
