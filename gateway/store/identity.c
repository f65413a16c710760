#include "store/identity.h"

#include "store/query.h"

#define COLUMNS "p.slug, p.kind, p.name, p.enabled, p.settings, p.secret, p.revision, p.created_us "

static const char sql_insert[] =
    "INSERT INTO identity_providers (slug, kind, name, enabled, settings, secret, revision, created_us) "
    "VALUES (?, ?, ?, ?, ?, ?, 1, ?)";
static const char sql_update[] = "UPDATE identity_providers SET name = ?, enabled = ?, settings = ?, secret = ?, "
                                 "revision = revision + 1 WHERE slug = ? AND revision = ?";
static const char sql_delete[] = "DELETE FROM identity_providers WHERE slug = ?";
static const char sql_all[] = "SELECT " COLUMNS "FROM identity_providers p ORDER BY p.slug";
static const char sql_one[] = "SELECT " COLUMNS "FROM identity_providers p WHERE p.slug = ?";

static void read_row(struct rows *rows, struct identity_provider *ret) {
    ret->slug = rows_text(rows);
    ret->kind = (enum identity_kind)rows_int(rows);
    ret->name = rows_text(rows);
    ret->enabled = rows_bool(rows);
    ret->settings = rows_text(rows);
    ret->secret = rows_text(rows);
    ret->revision = rows_int(rows);
    ret->created_us = rows_int(rows);
}

bool identity_insert(struct tx *tx, const struct identity_provider *p, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_text(p->slug), p_int(p->kind), p_text(p->name), p_int(p->enabled),
                         p_text(p->settings), p_text(p->secret), p_int(p->created_us)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists",
                              "There is an identity provider \"%s\" already.", p->slug);
}

bool identity_update(struct tx *tx, const struct identity_provider *p, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_text(p->name), p_int(p->enabled), p_text(p->settings), p_text(p->secret),
                          p_text(p->slug), p_int(p->revision)),
                   &matched, err));
    return matched == 1 || fail(err, ERROR_CONFLICT, "changed-meanwhile",
                                "Somebody has changed this identity provider meanwhile; read it again.");
}

static bool unknown(const char *slug, struct error *err) {
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no identity provider \"%.60s\".", slug);
}

bool identity_delete(struct tx *tx, const char *slug, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_delete, PARAMS(p_text(slug)), &matched, err));
    return matched == 1 || unknown(slug, err);
}

bool identity_all(struct tx *tx, struct arena *arena, struct identity_provider **ret_items,
                  size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct identity_provider *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_all, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_row(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool identity_by_slug(struct tx *tx, struct arena *arena, const char *slug, struct identity_provider *ret,
                      struct error *err) {
    struct rows rows;
    struct identity_provider provider;
    bool found;
    TRY(rows_first(tx, arena, sql_one, PARAMS(p_text(slug)), &rows, &found, err));
    if (!found)
        return unknown(slug, err);
    read_row(&rows, &provider);
    TRY(rows_close(&rows, err));
    *ret = provider;
    return true;
}
