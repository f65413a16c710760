#include "store/seals.h"

#include "store/query.h"
#include "store/text.h"

#include <string.h>

#define COLUMNS                                                                                    \
    "s.number, s.created_us, s.first_us, s.last_us, s.events, s.ids, s.root, s.statement, s.key_id, " \
    "s.signature, s.token "

static const char sql_insert[] =
    "INSERT INTO event_seals (number, created_us, first_us, last_us, events, ids, root, statement, "
    "key_id, signature, token) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_last[] =
    "SELECT " COLUMNS "FROM event_seals s ORDER BY s.number DESC LIMIT 1";
static const char sql_list[] =
    "SELECT " COLUMNS "FROM event_seals s WHERE s.number >= ? ORDER BY s.number LIMIT ?";
static const char sql_since[] =
    "SELECT " COLUMNS "FROM event_seals s WHERE s.last_us >= ? ORDER BY s.number LIMIT ?";
static const char sql_last_token[] =
    "SELECT COALESCE(MAX(created_us), 0) FROM event_seals WHERE token <> ''";
static const char sql_keys[] =
    "SELECT v.id, v.at_us FROM events v FORCE INDEX (events_by_time) "
    "WHERE v.at_us > ? AND v.at_us <= ? ORDER BY v.at_us, v.id LIMIT ?";
static const char sql_archives[] = "SELECT a.first_seal, a.last_seal, a.events, a.sha256, a.created_us "
                                   "FROM event_archives a ORDER BY a.first_seal";
static const char sql_archive_insert[] =
    "INSERT INTO event_archives (first_seal, last_seal, events, sha256, created_us) "
    "VALUES (?, ?, ?, ?, ?)";

#define STREAM_COLUMNS                                                                             \
    "t.slug, t.kind, t.enabled, t.settings, t.secret, t.position, t.failure, t.failed_us, "        \
    "t.delivered_us, t.created_us "
static const char sql_stream_insert[] =
    "INSERT INTO event_streams (slug, kind, enabled, settings, secret, position, failure, failed_us, "
    "delivered_us, created_us) VALUES (?, ?, ?, ?, ?, ?, '', 0, 0, ?)";
static const char sql_stream_update[] =
    "UPDATE event_streams SET kind = ?, enabled = ?, settings = ?, secret = ? WHERE slug = ?";
static const char sql_stream_delete[] = "DELETE FROM event_streams WHERE slug = ?";
static const char sql_stream_all[] =
    "SELECT " STREAM_COLUMNS "FROM event_streams t ORDER BY t.slug";
static const char sql_stream_one[] =
    "SELECT " STREAM_COLUMNS "FROM event_streams t WHERE t.slug = ?";
static const char sql_stream_delivered[] =
    "UPDATE event_streams SET position = ?, failure = '', delivered_us = ? WHERE slug = ?";
static const char sql_stream_failed[] =
    "UPDATE event_streams SET failure = ?, failed_us = ? WHERE slug = ?";

static void read_seal(struct rows *rows, struct seal *ret) {
    ret->number = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->first_us = rows_int(rows);
    ret->last_us = rows_int(rows);
    ret->events = rows_int(rows);
    ret->ids = rows_blob(rows);
    rows_fixed(rows, ret->root, sizeof ret->root);
    ret->statement = rows_text(rows);
    ret->key_id = rows_uuid(rows);
    ret->signature = rows_blob(rows);
    ret->token = rows_blob(rows);
}

bool seal_insert(struct tx *tx, const struct seal *seal, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_int(seal->number), p_int(seal->created_us), p_int(seal->first_us),
                         p_int(seal->last_us), p_int(seal->events), p_blob(seal->ids),
                         p_bytes(seal->root, 32), p_text(seal->statement), p_uuid(&seal->key_id),
                         p_blob(seal->signature), p_blob(seal->token)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists", "Another node has made this seal.");
}

bool seal_last(struct tx *tx, struct arena *arena, struct seal *ret, struct error *err) {
    struct rows rows;
    bool found;
    struct seal seal = {.number = 0};
    TRY(rows_first(tx, arena, sql_last, NO_PARAMS, &rows, &found, err));
    if (found) {
        read_seal(&rows, &seal);
        TRY(rows_close(&rows, err));
    }
    *ret = seal;
    return true;
}

static bool list(struct tx *tx, struct arena *arena, const char *sql, int64_t from, unsigned limit,
                 struct seal **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 16;
    struct seal *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql, PARAMS(p_int(from), p_int(limit)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_seal(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool seal_list(struct tx *tx, struct arena *arena, int64_t from, unsigned limit,
               struct seal **ret_items, size_t *ret_count, struct error *err) {
    return list(tx, arena, sql_list, from, limit, ret_items, ret_count, err);
}

bool seal_list_since(struct tx *tx, struct arena *arena, int64_t since_us, unsigned limit,
                     struct seal **ret_items, size_t *ret_count, struct error *err) {
    return list(tx, arena, sql_since, since_us, limit, ret_items, ret_count, err);
}

bool seal_last_token(struct tx *tx, int64_t *ret_us, struct error *err) {
    return tx_number(tx, sql_last_token, NO_PARAMS, ret_us, err);
}

bool event_keys(struct tx *tx, struct arena *arena, int64_t since_us, int64_t until_us,
                unsigned limit, struct event_key **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 256;
    struct event_key *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_keys, PARAMS(p_int(since_us), p_int(until_us), p_int(limit)), &rows,
                  err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        items[count].id = rows_uuid(&rows);
        items[count++].at_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool archive_list(struct tx *tx, struct arena *arena, struct event_archive **ret_items,
                  size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct event_archive *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_archives, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct event_archive *a = &items[count++];
        a->first_seal = rows_int(&rows);
        a->last_seal = rows_int(&rows);
        a->events = rows_int(&rows);
        rows_fixed(&rows, a->sha256, sizeof a->sha256);
        a->created_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool archive_insert(struct tx *tx, const struct event_archive *archive, struct error *err) {
    return tx_execute(tx, sql_archive_insert,
                      PARAMS(p_int(archive->first_seal), p_int(archive->last_seal),
                             p_int(archive->events), p_bytes(archive->sha256, 32),
                             p_int(archive->created_us)),
                      NULL, err);
}

static void read_stream(struct rows *rows, struct event_stream *ret) {
    ret->slug = rows_text(rows);
    ret->kind = rows_text(rows);
    ret->enabled = rows_bool(rows);
    ret->settings = rows_text(rows);
    ret->secret = rows_text(rows);
    ret->position = rows_int(rows);
    ret->failure = rows_text(rows);
    ret->failed_us = rows_int(rows);
    ret->delivered_us = rows_int(rows);
    ret->created_us = rows_int(rows);
}

bool stream_insert(struct tx *tx, const struct event_stream *stream, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_stream_insert,
                  PARAMS(p_text(stream->slug), p_text(stream->kind), p_int(stream->enabled),
                         p_text(stream->settings), p_text(stream->secret), p_int(stream->position),
                         p_int(stream->created_us)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists", "There is a stream \"%s\" already.", stream->slug);
}

bool stream_update(struct tx *tx, const struct event_stream *stream, struct error *err) {
    return tx_execute(tx, sql_stream_update,
                      PARAMS(p_text(stream->kind), p_int(stream->enabled), p_text(stream->settings),
                             p_text(stream->secret), p_text(stream->slug)),
                      NULL, err);
}

bool stream_delete(struct tx *tx, const char *slug, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_stream_delete, PARAMS(p_text(slug)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no stream \"%.60s\".", slug);
}

bool stream_all(struct tx *tx, struct arena *arena, struct event_stream **ret_items,
                size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct event_stream *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_stream_all, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_stream(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool stream_by_slug(struct tx *tx, struct arena *arena, const char *slug, struct event_stream *ret,
                    struct error *err) {
    struct rows rows;
    struct event_stream stream;
    bool found;
    TRY(rows_first(tx, arena, sql_stream_one, PARAMS(p_text(slug)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no stream \"%.60s\".", slug);
    read_stream(&rows, &stream);
    TRY(rows_close(&rows, err));
    *ret = stream;
    return true;
}

bool stream_note(struct tx *tx, const char *slug, int64_t position, const char *failure,
                 int64_t now_us, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    if (failure[0] == '\0')
        return tx_execute(tx, sql_stream_delivered, PARAMS(p_int(position), p_int(now_us), p_text(slug)),
                          NULL, err);
    return tx_execute(tx, sql_stream_failed,
                      PARAMS(p_text(text_fit(arena, failure, 500)), p_int(now_us), p_text(slug)), NULL,
                      err);
}
