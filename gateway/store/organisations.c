#include "store/organisations.h"

#include "store/query.h"

static const char sql_insert[] =
    "INSERT INTO organisations (id, slug, name, created_us) VALUES (?, ?, ?, ?)";
static const char sql_by_slug[] =
    "SELECT o.id, o.slug, o.name, o.created_us FROM organisations o WHERE o.slug = ?";
static const char sql_rename[] = "UPDATE organisations SET name = ? WHERE id = ?";
static const char sql_list[] =
    "SELECT o.id, o.slug, o.name, o.created_us FROM organisations o WHERE ";

static void read_row(struct rows *rows, struct organisation *ret) {
    ret->id = rows_uuid(rows);
    ret->slug = rows_text(rows);
    ret->name = rows_text(rows);
    ret->created_us = rows_int(rows);
}

bool organisation_insert(struct tx *tx, const struct organisation *organisation,
                         struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&organisation->id), p_text(organisation->slug),
                         p_text(organisation->name), p_int(organisation->created_us)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists",
                "The organisation \"%s\" exists already; take another slug.", organisation->slug);
}

bool organisation_by_slug(struct tx *tx, struct arena *arena, const char *slug,
                          struct organisation *ret, struct error *err) {
    struct rows rows;
    struct organisation found;
    bool any;
    TRY(rows_first(tx, arena, sql_by_slug, PARAMS(p_text(slug)), &rows, &any, err));
    if (!any)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no organisation \"%s\".", slug);
    read_row(&rows, &found);
    TRY(rows_close(&rows, err));
    *ret = found;
    return true;
}

bool organisation_rename(struct tx *tx, struct uuid id, const char *name, struct error *err) {
    return tx_execute(tx, sql_rename, PARAMS(p_text(name), p_uuid(&id)), NULL, err);
}

bool organisation_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                       struct organisation **ret_items, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    size_t count = 0, capacity = 16;
    struct organisation *items = arena_array(arena, capacity, sizeof *items);

    query_add(&query, sql_list);
    query_scope(&query, scope, "o.id", NULL);
    query_add(&query, " ORDER BY o.slug");
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_row(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
