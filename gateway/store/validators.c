#include "store/validators.h"

#include "store/query.h"

#define CHUNK_SIZE ((size_t)1024 * 1024)

#define COLUMNS                                                                                         \
    "v.id, v.organisation_id, v.slug, v.name, v.certificate, v.settings, v.key_id, v.csr, v.responder, " \
    "v.epoch, v.revision, v.list_id, v.delta_id, v.issued_id, v.checked_us, v.problem, v.created_us"
static const char sql_insert[] =
    "INSERT INTO validators (id, organisation_id, slug, name, certificate, settings, key_id, csr, "
    "responder, epoch, revision, checked_us, problem, created_us, deleted_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, 0, '', ?, 0)";
static const char sql_update[] =
    "UPDATE validators SET name = ?, settings = ?, responder = ?, epoch = epoch + 1, "
    "revision = revision + 1 WHERE id = ? AND revision = ? AND deleted_us = 0";
static const char sql_checked[] = "UPDATE validators SET checked_us = ?, problem = ? WHERE id = ?";
static const char sql_remove[] =
    "UPDATE validators SET deleted_us = ?, epoch = epoch + 1 WHERE id = ? AND deleted_us = 0";
static const char sql_lists[] =
    "SELECT l.id, l.validator_id, l.kind, l.number, l.base_number, l.this_update_us, l.next_update_us, "
    "l.entries, l.size, l.fingerprint, l.created_us FROM validator_lists l WHERE l.validator_id = ?";
static const char sql_list_insert[] =
    "INSERT INTO validator_lists (id, validator_id, kind, number, base_number, this_update_us, "
    "next_update_us, entries, size, fingerprint, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_chunk_insert[] =
    "INSERT INTO validator_chunks (list_id, ordinal, content) VALUES (?, ?, ?)";
static const char sql_chunks[] =
    "SELECT k.content FROM validator_chunks k WHERE k.list_id = ? ORDER BY k.ordinal";
/* The chunks go with them (ON DELETE CASCADE). */
static const char sql_list_delete[] =
    "DELETE FROM validator_lists WHERE validator_id = ? AND kind = ? AND id <> ?";
static const char *const sql_point[] = {
    [VALIDATOR_COMPLETE] = "UPDATE validators SET list_id = ?, epoch = epoch + 1 WHERE id = ? AND deleted_us = 0",
    [VALIDATOR_DELTA] = "UPDATE validators SET delta_id = ?, epoch = epoch + 1 WHERE id = ? AND deleted_us = 0",
    [VALIDATOR_ISSUED] = "UPDATE validators SET issued_id = ?, epoch = epoch + 1 WHERE id = ? AND deleted_us = 0",
};

bool validator_insert(struct tx *tx, const struct validator_record *v, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&v->id), p_uuid(&v->organisation_id), p_text(v->slug), p_text(v->name),
                         p_blob(v->certificate), p_text(v->settings), p_uuid(&v->key_id), p_blob(v->csr),
                         p_blob(v->responder), p_int(v->created_us)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists", "The validator %s exists already.", v->slug);
}

static void read_row(struct rows *rows, struct validator_record *v) {
    *v = (struct validator_record){.id = rows_uuid(rows)};
    v->organisation_id = rows_uuid(rows);
    v->slug = rows_text(rows);
    v->name = rows_text(rows);
    v->certificate = rows_blob(rows);
    v->settings = rows_text(rows);
    v->key_id = rows_uuid(rows);
    v->csr = rows_blob(rows);
    v->responder = rows_blob(rows);
    v->epoch = rows_int(rows);
    v->revision = rows_int(rows);
    v->complete.id = rows_uuid(rows);
    v->delta.id = rows_uuid(rows);
    v->issued.id = rows_uuid(rows);
    v->checked_us = rows_int(rows);
    v->problem = rows_text(rows);
    v->created_us = rows_int(rows);
}

static void read_list_row(struct rows *rows, struct validator_list *l) {
    *l = (struct validator_list){.id = rows_uuid(rows)};
    l->validator_id = rows_uuid(rows);
    l->kind = (enum validator_list_kind)rows_int(rows);
    l->number = rows_blob(rows);
    l->base_number = rows_blob(rows);
    l->this_update_us = rows_int(rows);
    l->next_update_us = rows_int(rows);
    l->entries = rows_int(rows);
    l->size = rows_int(rows);
    rows_fixed(rows, l->fingerprint, sizeof l->fingerprint);
    l->created_us = rows_int(rows);
}

static bool read_lists(struct tx *tx, struct arena *arena, struct validator_record *v, struct error *err) {
    struct validator_list *const places[] = {&v->complete, &v->delta, &v->issued};
    struct rows rows;
    TRY(rows_open(tx, arena, sql_lists, PARAMS(p_uuid(&v->id)), &rows, err));
    while (rows_next(&rows)) {
        struct validator_list list;
        read_list_row(&rows, &list);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            if (uuid_equal(places[i]->id, list.id))
                *places[i] = list;
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (uuid_is_nil(places[i]->validator_id)) /* none, or dropped since */
            *places[i] = (struct validator_list){.size = 0};
    return rows_close(&rows, err);
}

static bool read_where(struct tx *tx, struct arena *arena, struct query *query,
                       struct validator_record **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct validator_record *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(query), query_params(query), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_row(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    for (size_t i = 0; i < count; i++)
        TRY(read_lists(tx, arena, &items[i], err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

static struct query select_live(struct arena *arena, const struct scope *scope) {
    struct query query = query_on(arena);
    query_add(&query, "SELECT " COLUMNS " FROM validators v WHERE v.deleted_us = 0");
    if (scope != NULL) {
        query_add(&query, " AND ");
        query_scope(&query, scope, "v.organisation_id", NULL);
    }
    return query;
}

bool validator_by_slug(struct tx *tx, struct arena *arena, const struct scope *scope, const char *slug,
                       struct validator_record *ret, struct error *err) {
    struct query query = select_live(arena, scope);
    struct validator_record *items;
    size_t count;
    query_add(&query, " AND v.slug = ?");
    query_bind(&query, p_text(slug));
    TRY(read_where(tx, arena, &query, &items, &count, err));
    if (count == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no validator %.63s.", slug);
    *ret = items[0];
    return true;
}

bool validator_all(struct tx *tx, struct arena *arena, const struct scope *scope,
                   struct validator_record **ret_items, size_t *ret_count, struct error *err) {
    struct query query = select_live(arena, scope);
    query_add(&query, " ORDER BY v.slug LIMIT 10000");
    return read_where(tx, arena, &query, ret_items, ret_count, err);
}

bool validator_update(struct tx *tx, const struct validator_record *v, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_text(v->name), p_text(v->settings), p_blob(v->responder), p_uuid(&v->id),
                          p_int(v->revision)),
                   &matched, err));
    return matched == 1 || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                                "The validator %s was changed meanwhile; read it again.", v->slug);
}

bool validator_checked(struct tx *tx, struct uuid id, int64_t now_us, const char *problem,
                       struct error *err) {
    return tx_execute(tx, sql_checked, PARAMS(p_int(now_us), p_text(problem), p_uuid(&id)), NULL, err);
}

bool validator_remove(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_remove, PARAMS(p_int(now_us), p_uuid(&id)), &matched, err));
    return matched == 1 || fail(err, ERROR_NOT_FOUND, "not-found", "The validator is gone already.");
}

static bool insert_list(struct tx *tx, const struct validator_list *l, struct view document,
                        struct error *err) {
    int64_t ordinal = 0;
    TRY(tx_execute(tx, sql_list_insert,
                   PARAMS(p_uuid(&l->id), p_uuid(&l->validator_id), p_int(l->kind), p_blob(l->number),
                          p_blob(l->base_number), p_int(l->this_update_us), p_int(l->next_update_us),
                          p_int(l->entries), p_int(l->size), p_bytes(l->fingerprint, 32),
                          p_int(l->created_us)),
                   NULL, err));
    for (size_t at = 0; at < document.len; at += CHUNK_SIZE) {
        size_t len = document.len - at < CHUNK_SIZE ? document.len - at : CHUNK_SIZE;
        TRY(tx_execute(tx, sql_chunk_insert,
                       PARAMS(p_uuid(&l->id), p_int(ordinal++), p_bytes(document.at + at, len)), NULL, err));
    }
    return true;
}

bool validator_list_put(struct tx *tx, const struct validator_list *list, struct view document,
                        bool drop_delta, struct error *err) {
    int64_t matched;
    struct uuid nil = {{0}};
    TRY(tx_execute(tx, sql_point[list->kind], PARAMS(p_uuid(&list->id), p_uuid(&list->validator_id)),
                   &matched, err));
    if (matched != 1)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The validator is gone.");
    TRY(insert_list(tx, list, document, err));
    TRY(tx_execute(tx, sql_list_delete,
                   PARAMS(p_uuid(&list->validator_id), p_int(list->kind), p_uuid(&list->id)), NULL, err));
    return !drop_delta || tx_execute(tx, sql_list_delete,
                                     PARAMS(p_uuid(&list->validator_id), p_int(VALIDATOR_DELTA), p_uuid(&nil)),
                                     NULL, err);
}

bool validator_list_document(struct tx *tx, struct arena *arena, const struct validator_list *list,
                             struct view *ret_document, struct error *err) {
    uint8_t *at = arena_alloc(arena, (size_t)list->size + 1);
    size_t used = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql_chunks, PARAMS(p_uuid(&list->id)), &rows, err));
    while (rows_next(&rows)) {
        size_t len = rows_blob_into(&rows, at + used, (size_t)list->size - used);
        used += len;
    }
    TRY(rows_close(&rows, err));
    if (used != (size_t)list->size)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The list was replaced meanwhile.");
    *ret_document = view_of(at, used);
    return true;
}
