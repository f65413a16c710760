#include "store/events.h"

#include "base/clock.h"
#include "store/connection.h"
#include "store/later.h"
#include "store/limits.h"
#include "store/query.h"
#include "store/text.h"

#include <string.h>

#define LIST 'e'

static const struct insert insert_event = {
    .sql = "INSERT INTO events (id, organisation_id, ca_id, at_us, code, outcome, actor_id, actor, "
    "address, object_kind, object, request_id, details) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .kind = INSERT_LEAF};
static const char sql_by_ids[] =
    "SELECT v.id, v.organisation_id, v.ca_id, v.at_us, v.code, v.outcome, v.actor_id, v.actor, "
    "v.address, v.object_kind, v.object, v.request_id, v.details FROM events v WHERE v.id IN ";
static const char sql_delete[] = "DELETE FROM events WHERE id IN ";

/* Keys of one page, from the newest end of an index, or from its oldest; the page begins before (behind) (time, id). */
#define WALK(index) "SELECT v.at_us, v.id FROM events v FORCE INDEX (" index ") WHERE TRUE"
static const char sql_walk_time[] = WALK("events_by_time");
static const char sql_walk_organisation[] = WALK("events_by_organisation");
static const char sql_walk_ca[] = WALK("events_by_ca");
static const char sql_walk_object[] = WALK("events_by_object");

/* Cut to what fits: an odd value must not keep the event from being written. */
bool event_append(struct tx *tx, const struct event *event, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct uuid id = uuid_is_nil(event->id) ? uuid_new() : event->id;
    int64_t at_us = event->at_us == 0 ? clock_now_us() : event->at_us;
    if (uuid_is_nil(event->id)) /* by this one it can be told later whether COMMIT happened */
        tx->mark = (struct mark){MARK_EVENT, id};
    return tx_insert_later(tx, &insert_event,
                      PARAMS(p_uuid(&id), p_uuid_or_null(&event->organisation_id),
                             p_uuid_or_null(&event->ca_id), p_int(at_us), p_text(event->code),
                             p_text(event->outcome), p_uuid_or_null(&event->actor_id),
                             p_text(text_fit(arena, event->actor, 200)),
                             p_text(text_fit(arena, event->address, 64)),
                             p_text(text_fit(arena, event->object_kind, 32)),
                             p_text(text_fit(arena, event->object, 200)),
                             p_text(text_fit(arena, event->request_id, 64)),
                             p_text(event->details == NULL ? "{}" : event->details)),
                      err);
}

static void read_row(struct rows *rows, struct event *ret) {
    ret->id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->at_us = rows_int(rows);
    ret->code = rows_text(rows);
    ret->outcome = rows_text(rows);
    ret->actor_id = rows_uuid(rows);
    ret->actor = rows_text(rows);
    ret->address = rows_text(rows);
    ret->object_kind = rows_text(rows);
    ret->object = rows_text(rows);
    ret->request_id = rows_text(rows);
    ret->details = rows_text(rows);
}

struct walk {
    struct tx *tx;
    struct keys *keys;
    const struct event_filter *filter;
    int64_t before_us;
    struct uuid before_id;
    unsigned limit;
};

static bool page_of(const struct walk *walk, struct query *query, struct error *err) {
    bool oldest_first = walk->keys->oldest_first;
    query_add(query, oldest_first ? " AND v.at_us >= ? AND (v.at_us > ? OR v.id > ?) ORDER BY v.at_us, v.id LIMIT ?"
                                  : " AND v.at_us <= ? AND (v.at_us < ? OR v.id < ?) "
                                    "ORDER BY v.at_us DESC, v.id DESC LIMIT ?");
    query_bind(query, p_int(walk->before_us));
    query_bind(query, p_int(walk->before_us));
    query_bind(query, p_uuid(&walk->before_id));
    query_bind(query, p_int((int64_t)walk->limit + 1));
    return keys_collect(walk->keys, walk->tx, query, true, err);
}

static void add_filter(const struct walk *walk, struct query *query) {
    const struct event_filter *filter = walk->filter;
    if (filter->since_us != 0) {
        query_add(query, " AND v.at_us >= ?");
        query_bind(query, p_int(filter->since_us));
    }
    if (filter->until_us != 0) {
        query_add(query, " AND v.at_us < ?");
        query_bind(query, p_int(filter->until_us));
    }
    if (filter->code != NULL && filter->code[0] != '\0') {
        query_add(query, " AND LEFT(v.code, CHAR_LENGTH(?)) = ?");
        query_bind(query, p_text(filter->code));
        query_bind(query, p_text(filter->code));
    }
}

/* One walk along `sql`'s index; `condition` and `value` say whose events. */
static bool walk_one(const struct walk *walk, const char *sql, const char *condition,
                     struct param value, struct error *err) {
    struct query query = query_on(walk->keys->arena);
    query_add(&query, sql);
    if (condition != NULL) {
        query_add(&query, condition);
        query_bind(&query, value);
    }
    add_filter(walk, &query);
    return page_of(walk, &query, err);
}

/* Events of one object are few: all scopes' conditions go onto one walk. */
static bool walk_object(const struct walk *walk, const struct scope *scope, struct error *err) {
    struct query query = query_on(walk->keys->arena);
    query_add(&query, sql_walk_object);
    query_add(&query, " AND v.object = ? AND ");
    query_bind(&query, p_text(walk->filter->object));
    query_scope(&query, scope, "v.organisation_id", "v.ca_id");
    add_filter(walk, &query);
    return page_of(walk, &query, err);
}

static bool collect(const struct walk *walk, const struct scope *scope, struct error *err) {
    if (walk->filter->object != NULL)
        return walk_object(walk, scope, err);
    if (scope->everything)
        return walk_one(walk, sql_walk_time, NULL, p_null(), err);
    for (size_t i = 0; i < scope->organisation_count; i++)
        TRY(walk_one(walk, sql_walk_organisation, " AND v.organisation_id = ?",
                     p_uuid(&scope->organisations[i]), err));
    for (size_t i = 0; i < scope->ca_count; i++)
        TRY(walk_one(walk, sql_walk_ca, " AND v.ca_id = ?", p_uuid(&scope->cas[i]), err));
    return true;
}

static bool read_ids(struct tx *tx, struct arena *arena, const struct keys *keys,
                     struct event **ret_items, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    size_t count = 0;
    struct event *items = arena_array(arena, keys->count + 1, sizeof *items);
    if (keys->count > 0) {
        query_add(&query, sql_by_ids);
        query_ids(&query, keys_ids(keys), keys->count);
        query_add(&query, keys->oldest_first ? " ORDER BY v.at_us, v.id" : " ORDER BY v.at_us DESC, v.id DESC");
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (count < keys->count && rows_next(&rows))
            read_row(&rows, &items[count++]);
        TRY(rows_close(&rows, err));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool event_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                const struct event_filter *filter, const struct page *page,
                struct event **ret_items, size_t *ret_count, const char **ret_next,
                struct error *err) {
    struct keys keys = {.arena = arena, .oldest_first = page->oldest_first};
    struct walk walk = {.tx = tx, .keys = &keys, .filter = filter, .limit = page->limit};
    struct view cursor;
    struct key before;
    const char *next;

    TRY(page_start(arena, page, page_letter(page, LIST), sizeof before.bytes, &cursor, err));
    memset(before.bytes, page->oldest_first ? 0 : 0xff, sizeof before.bytes);
    if (cursor.len > 0)
        memcpy(before.bytes, cursor.at, sizeof before.bytes);
    walk.before_us = key_time(&before);
    walk.before_id = key_id(&before);
    TRY(collect(&walk, scope, err));
    keys_page(&keys, page, LIST, 0, &next);
    TRY(read_ids(tx, arena, &keys, ret_items, ret_count, err));
    *ret_next = next;
    return true;
}

static struct uuid *ids_of(struct arena *arena, struct view ids, size_t from, size_t count) {
    struct uuid *list_ = arena_array(arena, count + 1, sizeof *list_);
    for (size_t i = 0; i < count; i++)
        memcpy(list_[i].bytes, ids.at + (from + i) * 16, 16);
    return list_;
}

#define PIECE ((size_t)500)

bool event_by_ids(struct tx *tx, struct arena *arena, struct view ids, struct event **ret_items,
                  size_t *ret_count, struct error *err) {
    size_t total = ids.len / 16, count = 0;
    struct event *items = arena_array(arena, total + 1, sizeof *items);
    for (size_t from = 0; from < total; from += PIECE) {
        struct query query = query_on(arena);
        struct rows rows;
        size_t some = total - from < PIECE ? total - from : PIECE;
        query_add(&query, sql_by_ids);
        query_ids(&query, ids_of(arena, ids, from, some), some);
        query_add(&query, " ORDER BY v.at_us, v.id");
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (count < total && rows_next(&rows))
            read_row(&rows, &items[count++]);
        TRY(rows_close(&rows, err));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool event_delete(struct tx *tx, struct arena *arena, struct view ids, struct error *err) {
    for (size_t from = 0; from < ids.len / 16; from += PIECE) {
        struct query query = query_on(arena);
        size_t some = ids.len / 16 - from < PIECE ? ids.len / 16 - from : PIECE;
        query_add(&query, sql_delete);
        query_ids(&query, ids_of(arena, ids, from, some), some);
        TRY(tx_execute(tx, query_sql(&query), query_params(&query), NULL, err));
    }
    return true;
}
