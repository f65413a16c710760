#include "store/generations.h"

#include "store/hold.h"
#include "store/query.h"

#include <string.h>

static const char sql_list[] =
    "SELECT g.ca_id, g.ordinal, g.key_id, g.key_type, g.subject, g.certificate, g.chain, "
    "g.not_before_us, g.not_after_us, g.retired_us, g.last_expiry_us "
    "FROM ca_generations g WHERE g.ca_id = ? ORDER BY g.ordinal";
static const char sql_insert[] =
    "INSERT INTO ca_generations (ca_id, ordinal, key_id, key_type, subject, certificate, chain, "
    "not_before_us, not_after_us, retired_us, last_expiry_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/* Of all keys of the CA: never too early. */
static const char sql_last_expiry[] =
    "SELECT COALESCE(MAX(c.not_after_us), 0) FROM certificates c "
    "FORCE INDEX (certificates_by_ca) WHERE c.ca_id = ?";
static const char sql_next_key[] =
    "UPDATE cas SET key_id = ?, key_type = ?, certificate = ?, chain = ?, subject = ?, "
    "not_before_us = ?, not_after_us = ?, issuer_id = ?, state = ?, csr = ?, generation = ?, "
    "expiry_warned = 0, next_key_id = NULL, revision = revision + 1 "
    "WHERE id = ? AND revision = ? AND deleted_us = 0";
static const char sql_csr[] =
    "UPDATE cas SET csr = ?, next_key_id = ?, revision = revision + 1 "
    "WHERE id = ? AND revision = ? AND deleted_us = 0";
static const char sql_chains[] =
    "SELECT a.id, a.chain FROM cas a WHERE a.deleted_us = 0 AND a.chain <> '' FOR UPDATE";
static const char sql_set_chain[] = "UPDATE cas SET chain = ? WHERE id = ?";
static const char sql_bump[] = "UPDATE ca_epochs SET epoch = epoch + 1 WHERE ca_id = ?";
static const char sql_replace[] =
    "UPDATE cas SET certificate = ?, chain = ?, subject = ?, not_before_us = ?, not_after_us = ?, "
    "issuer_id = ?, expiry_warned = 0, revision = revision + 1 "
    "WHERE id = ? AND revision = ? AND deleted_us = 0";
static const char sql_insert_certificate[] =
    "INSERT INTO ca_certificates (id, ca_id, generation, kind, certificate, chain, not_before_us, "
    "not_after_us, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_certificates[] =
    "SELECT c.id, c.ca_id, c.generation, c.kind, c.certificate, c.chain, c.not_before_us, "
    "c.not_after_us, c.created_us FROM ca_certificates c WHERE c.ca_id = ? ORDER BY c.id";

bool generation_list(struct tx *tx, struct arena *arena, struct uuid ca_id,
                     struct generation **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 4;
    struct generation *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_list, PARAMS(p_uuid(&ca_id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct generation *item = &items[count++];
        item->ca_id = rows_uuid(&rows);
        item->ordinal = rows_int(&rows);
        item->key_id = rows_uuid(&rows);
        item->key_type = rows_text(&rows);
        item->subject = rows_text(&rows);
        item->certificate = rows_blob(&rows);
        item->chain = rows_blob(&rows);
        item->not_before_us = rows_int(&rows);
        item->not_after_us = rows_int(&rows);
        item->retired_us = rows_int(&rows);
        item->last_expiry_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

static bool changed(struct error *err) {
    return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "The CA was changed by somebody else meanwhile; read it again and repeat.");
}

static bool insert_generation(struct tx *tx, const struct ca_record *ca, int64_t now_us,
                              struct error *err) {
    int64_t last;
    TRY(tx_number(tx, sql_last_expiry, PARAMS(p_uuid(&ca->id)), &last, err));
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&ca->id), p_int(ca->generation), p_uuid(&ca->key_id),
                             p_text(ca->key_type), p_text(ca->subject), p_blob(ca->certificate),
                             p_blob(ca->chain), p_int(ca->not_before_us), p_int(ca->not_after_us),
                             p_int(now_us), p_int(last)),
                      NULL, err);
}

bool generation_begin(struct tx *tx, const struct ca_record *ca, const struct ca_record *next,
                      int64_t now_us, struct error *err) {
    int64_t matched;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_next_key,
                   PARAMS(p_uuid(&next->key_id), p_text(next->key_type), p_blob(next->certificate),
                          p_blob(next->chain), p_text(next->subject), p_int(next->not_before_us),
                          p_int(next->not_after_us), p_uuid_or_null(&next->issuer_id),
                          p_int(next->state), p_blob(next->csr), p_int(ca->generation + 1),
                          p_uuid(&ca->id), p_int(ca->revision)),
                   &matched, err));
    if (matched != 1)
        return changed(err);
    TRY(insert_generation(tx, ca, now_us, err));
    return tx_execute(tx, sql_bump, PARAMS(p_uuid(&ca->id)), NULL, err);
}

bool ca_replace_certificate(struct tx *tx, const struct ca_record *ca, const struct ca_record *next,
                            struct error *err) {
    int64_t matched;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_replace,
                   PARAMS(p_blob(next->certificate), p_blob(next->chain), p_text(next->subject),
                          p_int(next->not_before_us), p_int(next->not_after_us),
                          p_uuid_or_null(&next->issuer_id), p_uuid(&ca->id), p_int(ca->revision)),
                   &matched, err));
    if (matched != 1)
        return changed(err);
    return tx_execute(tx, sql_bump, PARAMS(p_uuid(&ca->id)), NULL, err);
}

bool ca_certificate_insert(struct tx *tx, const struct ca_certificate *c, struct error *err) {
    return tx_execute(tx, sql_insert_certificate,
                      PARAMS(p_uuid(&c->id), p_uuid(&c->ca_id), p_int(c->generation),
                             p_int(c->kind), p_blob(c->certificate), p_blob(c->chain),
                             p_int(c->not_before_us), p_int(c->not_after_us), p_int(c->created_us)),
                      NULL, err);
}

bool ca_certificate_list(struct tx *tx, struct arena *arena, struct uuid ca_id,
                         struct ca_certificate **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 4;
    struct ca_certificate *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_certificates, PARAMS(p_uuid(&ca_id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct ca_certificate *item = &items[count++];
        item->id = rows_uuid(&rows);
        item->ca_id = rows_uuid(&rows);
        item->generation = rows_int(&rows);
        item->kind = (enum ca_certificate_kind)rows_int(&rows);
        item->certificate = rows_blob(&rows);
        item->chain = rows_blob(&rows);
        item->not_before_us = rows_int(&rows);
        item->not_after_us = rows_int(&rows);
        item->created_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool ca_set_csr(struct tx *tx, const struct ca_record *ca, struct view csr, struct uuid next_key_id,
                struct error *err) {
    int64_t matched;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_csr,
                   PARAMS(p_blob(csr), p_uuid_or_null(&next_key_id), p_uuid(&ca->id), p_int(ca->revision)),
                   &matched, err));
    return matched == 1 || changed(err);
}

struct chain_row {
    struct uuid id;
    struct view chain;
};

static bool read_chains(struct tx *tx, struct arena *arena, struct chain_row **ret_items, size_t *ret_count,
                        struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 16;
    struct chain_row *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_chains, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        items[count].id = rows_uuid(&rows);
        items[count++].chain = rows_blob(&rows);
    }
    *ret_items = items;
    *ret_count = count;
    return rows_close(&rows, err);
}

bool ca_chains_replace(struct tx *tx, struct view before, struct view after, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct chain_row *items = NULL;
    size_t count = 0;
    TRY(read_chains(tx, arena, &items, &count, err));
    for (size_t i = 0; i < count; i++) {
        struct view chain = items[i].chain;
        const uint8_t *at = memmem(chain.at, chain.len, before.at, before.len);
        if (at == NULL)
            continue;
        struct buffer renewed = buffer_on(arena);
        size_t front = (size_t)(at - chain.at);
        buffer_add(&renewed, chain.at, front);
        buffer_add(&renewed, after.at, after.len);
        buffer_add(&renewed, at + before.len, chain.len - front - before.len);
        tx_changes_rules(tx);
        TRY(tx_execute(tx, sql_set_chain, PARAMS(p_blob(buffer_view(&renewed)), p_uuid(&items[i].id)),
                       NULL, err));
    }
    return true;
}
