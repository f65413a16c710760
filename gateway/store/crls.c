#include "store/certificates.h"
#include "store/query.h"

#include <string.h>

#define CHUNK_SIZE ((size_t)1024 * 1024)
#define MAX_KEPT 1000u

static const char sql_insert[] = "INSERT INTO crls (id, ca_id, number, this_update_us, "
                                 "next_update_us, epoch, size, scope, base_number, key_id) "
                                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_insert_chunk[] =
    "INSERT INTO crl_chunks (crl_id, ordinal, content) VALUES (?, ?, ?)";
#define OF_KIND "l.ca_id = ? AND l.key_id <=> ? AND l.scope = ? AND (l.base_number >= 0) = ?"
static const char sql_newest[] =
    "SELECT l.id, l.ca_id, l.number, l.this_update_us, l.next_update_us, l.epoch, l.size, l.scope, "
    "l.base_number, l.key_id FROM crls l WHERE " OF_KIND " ORDER BY l.number DESC LIMIT 1";
static const char sql_last[] = "SELECT COALESCE(MAX(l.number), 0) FROM crls l WHERE l.ca_id = ?";
static const char sql_chunks[] =
    "SELECT k.content FROM crl_chunks k WHERE k.crl_id = ? ORDER BY k.ordinal";
static const char sql_numbers[] =
    "SELECT l.number FROM crls l WHERE " OF_KIND " ORDER BY l.number DESC LIMIT ?";
/* The chunks go with it (ON DELETE CASCADE). */
static const char sql_prune[] = "DELETE FROM crls WHERE ca_id = ? AND key_id <=> ? AND scope = ? "
                                "AND (base_number >= 0) = ? AND number < ?";

bool crl_insert(struct tx *tx, const struct crl_record *crl, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&crl->id), p_uuid(&crl->ca_id), p_int(crl->number),
                         p_int(crl->this_update_us), p_int(crl->next_update_us), p_int(crl->epoch),
                         p_int((int64_t)crl->der.len), p_int(crl->scope), p_int(crl->base_number),
                         p_uuid_or_null(&crl->key_id)),
                  &duplicate, err));
    if (duplicate)
        return fail(err, ERROR_CONFLICT, "crl-number",
                    "The CA has a CRL with the number %lld already.", (long long)crl->number);
    int64_t ordinal = 0;
    for (size_t at = 0; at < crl->der.len; at += CHUNK_SIZE) {
        size_t len = crl->der.len - at < CHUNK_SIZE ? crl->der.len - at : CHUNK_SIZE;
        TRY(tx_execute(tx, sql_insert_chunk,
                       PARAMS(p_uuid(&crl->id), p_int(ordinal++), p_bytes(crl->der.at + at, len)),
                       NULL, err));
    }
    return true;
}

/* *ret_whole is false when chunks are missing: it was pruned between the two reads. */
static bool read_chunks(struct tx *tx, struct arena *arena, struct crl_record *crl, size_t size,
                        bool *ret_whole, struct error *err) {
    uint8_t *der = arena_alloc(arena, size + 1);
    struct rows rows;
    size_t used = 0;
    TRY(rows_open(tx, arena, sql_chunks, PARAMS(p_uuid(&crl->id)), &rows, err));
    while (rows_next(&rows)) {
        size_t len = rows_blob_into(&rows, der + used, size - used);
        used += len;
    }
    TRY(rows_close(&rows, err));
    crl->der = view_of(der, size);
    *ret_whole = used == size;
    return true;
}

static bool read_newest(struct tx *tx, struct arena *arena, struct params kind, struct crl_record *ret,
                        size_t *ret_size, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_newest, kind, &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The CA has no such CRL yet.");
    ret->id = rows_uuid(&rows);
    ret->ca_id = rows_uuid(&rows);
    ret->number = rows_int(&rows);
    ret->this_update_us = rows_int(&rows);
    ret->next_update_us = rows_int(&rows);
    ret->epoch = rows_int(&rows);
    *ret_size = (size_t)rows_int(&rows);
    ret->scope = (int)rows_int(&rows);
    ret->base_number = rows_int(&rows);
    ret->key_id = rows_uuid(&rows);
    return rows_close(&rows, err);
}

bool crl_last_number(struct tx *tx, struct uuid ca_id, int64_t *ret_number, struct error *err) {
    return tx_number(tx, sql_last, PARAMS(p_uuid(&ca_id)), ret_number, err);
}

bool crl_newest(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid key_id, int scope,
                bool delta, bool want_der, struct crl_record *ret, struct error *err) {
    struct params kind = PARAMS(p_uuid(&ca_id), p_uuid_or_null(&key_id), p_int(scope), p_int(delta));
    for (int tries = 0; tries < 5; tries++) {
        struct crl_record crl = {.number = 0};
        size_t size = 0;
        bool whole = true;
        TRY(read_newest(tx, arena, kind, &crl, &size, err));
        if (want_der)
            TRY(read_chunks(tx, arena, &crl, size, &whole, err));
        if (whole) {
            *ret = crl;
            return true;
        }
    }
    return fail_internal(err, "the newest CRL lacks chunks");
}

bool crl_prune(struct tx *tx, struct uuid ca_id, struct uuid key_id, int scope, bool delta,
               unsigned keep, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct rows rows;
    int64_t number = 0;
    unsigned count = 0;
    if (keep < 1 || keep > MAX_KEPT)
        return fail_internal(err, "crl_prune: keep %u is not between 1 and %u", keep, MAX_KEPT);
    TRY(rows_open(tx, arena, sql_numbers,
                  PARAMS(p_uuid(&ca_id), p_uuid_or_null(&key_id), p_int(scope), p_int(delta),
                         p_int(keep)), &rows, err));
    while (rows_next(&rows)) {
        number = rows_int(&rows);
        count++;
    }
    TRY(rows_close(&rows, err));
    return count < keep ||
           tx_execute(tx, sql_prune,
                      PARAMS(p_uuid(&ca_id), p_uuid_or_null(&key_id), p_int(scope), p_int(delta),
                             p_int(number)), NULL, err);
}
