#include "store/query.h"

#include "base/encode.h"
#include "base/json.h"
#include "store/text.h"

#include <stdlib.h>
#include <string.h>

const struct scope scope_everything = {.everything = true};

void *grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity < 16 ? 16 : *capacity * 2;
    void *larger = arena_array(arena, *capacity, item_size);
    if (count > 0)
        memcpy(larger, items, count * item_size);
    return larger;
}

void query_add(struct query *query, const char *sql) {
    buffer_add_text(&query->sql, sql);
}

void query_bind(struct query *query, struct param param) {
    query->params = grow(query->sql.arena, query->params, query->count, &query->capacity,
                         sizeof *query->params);
    query->params[query->count++] = param;
}

void query_ids(struct query *query, const struct uuid *ids, size_t count) {
    size_t marks = 1;
    while (marks < count)
        marks *= 2;
    for (size_t i = 0; i < marks; i++) {
        query_add(query, i == 0 ? "(?" : ",?");
        query_bind(query, p_uuid(&ids[i < count ? i : count - 1]));
    }
    query_add(query, ")");
}

const char *query_sql(struct query *query) {
    return buffer_text(&query->sql);
}

void query_scope(struct query *query, const struct scope *scope, const char *organisation_column,
                 const char *ca_column) {
    bool organisations = scope->organisation_count > 0;
    bool cas = scope->ca_count > 0 && ca_column != NULL;
    if (scope->everything) {
        query_add(query, "TRUE");
        return;
    }
    if (!organisations && !cas) {
        query_add(query, "FALSE");
        return;
    }
    query_add(query, "(");
    if (organisations) {
        query_add(query, organisation_column);
        query_add(query, " IN ");
        query_ids(query, scope->organisations, scope->organisation_count);
    }
    if (organisations && cas)
        query_add(query, " OR ");
    if (cas) {
        query_add(query, ca_column);
        query_add(query, " IN ");
        query_ids(query, scope->cas, scope->ca_count);
    }
    query_add(query, ")");
}

bool scope_cas(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid only,
               bool live_only, struct uuid **ret_ids, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct keys keys = {.arena = arena};

    query_add(&query, "SELECT a.id FROM cas a WHERE ");
    query_scope(&query, scope, "a.organisation_id", "a.id");
    if (live_only)
        query_add(&query, " AND a.deleted_us = 0");
    if (!uuid_is_nil(only)) {
        query_add(&query, " AND a.id = ?");
        query_bind(&query, p_uuid(&only));
    }
    TRY(keys_collect(&keys, tx, &query, false, err));
    *ret_ids = keys_ids(&keys);
    *ret_count = keys.count;
    return true;
}

bool names_of(struct tx *tx, struct arena *arena, const char *sql, struct params params, const char **ret_names,
              struct error *err) {
    struct buffer names = buffer_on(arena);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    for (; rows_next(&rows); count++) {
        const char *name = text_fit(arena, rows_text(&rows), 60);
        if (count < 3)
            buffer_printf(&names, "%s%s", count == 0 ? "" : ", ", name[0] == '\0' ? "one without a name" : name);
    }
    TRY(rows_close(&rows, err));
    if (count > 3)
        buffer_printf(&names, " and others");
    *ret_names = buffer_text(&names);
    return true;
}

static bool bad_cursor(struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-cursor",
                "The cursor is not one that this list has given. Take it from \"next\" of the page "
                "before, or leave it out for the first page.");
}

bool page_start(struct arena *arena, const struct page *page, char list, size_t key_len,
                struct view *ret_key, struct error *err) {
    struct view bytes;
    if (page->limit < 1 || page->limit > PAGE_MAX)
        return fail(err, ERROR_MALFORMED, "bad-limit", "The limit %u is not between 1 and %d.",
                    page->limit, PAGE_MAX);
    if (page->cursor == NULL || page->cursor[0] == '\0') {
        *ret_key = (struct view){NULL, 0};
        return true;
    }
    if (strlen(page->cursor) > 400 || !base64url_decode(arena, view_text(page->cursor), &bytes) ||
        bytes.len < 2 || bytes.at[0] != (uint8_t)list)
        return bad_cursor(err);
    if (key_len == 0 ? bytes.len > 256 || !utf8_valid(bytes) : bytes.len != key_len + 1)
        return bad_cursor(err);
    *ret_key = view_of(bytes.at + 1, bytes.len - 1);
    return true;
}

bool page_before(struct arena *arena, const struct page *page, char list, struct uuid *ret_before,
                 struct error *err) {
    struct view key;
    TRY(page_start(arena, page, page_letter(page, list), sizeof ret_before->bytes, &key, err));
    /* Beyond every id there is. */
    memset(ret_before->bytes, page->oldest_first ? 0 : 0xff, sizeof ret_before->bytes);
    if (key.len > 0)
        memcpy(ret_before->bytes, key.at, sizeof ret_before->bytes);
    return true;
}

char page_letter(const struct page *page, char list) {
    return page->oldest_first ? (char)(list - 'a' + 'A') : list;
}

const char *page_next(struct arena *arena, char list, struct view key) {
    uint8_t *bytes = arena_alloc(arena, key.len + 1);
    bytes[0] = (uint8_t)list;
    memcpy(bytes + 1, key.at, key.len);
    return base64url_encode(arena, view_of(bytes, key.len + 1));
}

/* Big-endian, so that the octets sort as the times do; times before 1970 sort as 1970. */
struct key key_of(int64_t at_us, struct uuid id) {
    struct key key;
    uint64_t at = at_us < 0 ? 0 : (uint64_t)at_us;
    for (int i = 0; i < 8; i++)
        key.bytes[i] = (uint8_t)(at >> (56 - 8 * i));
    memcpy(key.bytes + 8, id.bytes, sizeof id.bytes);
    return key;
}

struct uuid key_id(const struct key *key) {
    struct uuid id;
    memcpy(id.bytes, key->bytes + 8, sizeof id.bytes);
    return id;
}

int64_t key_time(const struct key *key) {
    uint64_t at = 0;
    for (int i = 0; i < 8; i++)
        at = at << 8 | key->bytes[i];
    return (int64_t)(at & INT64_MAX);
}

static void keys_add(struct keys *keys, struct key key) {
    keys->at = grow(keys->arena, keys->at, keys->count, &keys->capacity, sizeof *keys->at);
    keys->at[keys->count++] = key;
}

bool keys_collect(struct keys *keys, struct tx *tx, struct query *query, bool with_time,
                  struct error *err) {
    struct rows rows;
    TRY(rows_open(tx, keys->arena, query_sql(query), query_params(query), &rows, err));
    while (rows_next(&rows)) {
        int64_t at_us = with_time ? rows_int(&rows) : 0;
        keys_add(keys, key_of(at_us, rows_uuid(&rows)));
    }
    return rows_close(&rows, err);
}

/* Turned over, keys sort the other way round. */
static void turn(struct keys *keys) {
    for (size_t i = 0; i < keys->count; i++)
        for (size_t k = 0; k < sizeof keys->at[i].bytes; k++)
            keys->at[i].bytes[k] = (uint8_t)~keys->at[i].bytes[k];
}

static int newest_first(const void *a, const void *b) {
    return memcmp(((const struct key *)b)->bytes, ((const struct key *)a)->bytes,
                  sizeof(struct key));
}

void keys_behind(struct keys *keys, const struct key *after) {
    size_t kept = 0;
    for (size_t i = 0; i < keys->count; i++) {
        int order = newest_first(&keys->at[i], after);
        if (keys->oldest_first ? order < 0 : order > 0)
            keys->at[kept++] = keys->at[i];
    }
    keys->count = kept;
}

void keys_page(struct keys *keys, const struct page *page, char list, size_t key_skip,
               const char **ret_next) {
    size_t kept = 0;
    if (keys->oldest_first)
        turn(keys);
    if (keys->count > 0)
        qsort(keys->at, keys->count, sizeof *keys->at, newest_first);
    for (size_t i = 0; i < keys->count; i++)
        if (kept == 0 || newest_first(&keys->at[kept - 1], &keys->at[i]) != 0)
            keys->at[kept++] = keys->at[i];
    keys->count = kept;
    if (keys->oldest_first)
        turn(keys);
    *ret_next = NULL;
    if (kept > page->limit) {
        keys->count = page->limit;
        *ret_next = page_next(
            keys->arena, page_letter(page, list),
            view_of(keys->at[page->limit - 1].bytes + key_skip, sizeof(struct key) - key_skip));
    }
}

struct uuid *keys_ids(const struct keys *keys) {
    struct uuid *ids = arena_array(keys->arena, keys->count + 1, sizeof *ids);
    for (size_t i = 0; i < keys->count; i++)
        ids[i] = key_id(&keys->at[i]);
    return ids;
}
