/* REST of the seals: their list, and the lines that one is over, by which anybody can hash the tree anew. */
#include "audit/internal.h"

#include "base/clock.h"
#include "base/encode.h"

#include <stdlib.h>

#define MOST_LISTED 100u

static const struct uuid nil = {{0}};

/* Seals are over the events of all organisations. */
static bool may_read(const struct http_request *request, struct error *err) {
    return actor_may(request->actor, MAY_READ_EVENTS, nil, nil, err);
}

static void write_seal(struct json_writer *w, struct arena *arena, const struct seal *seal) {
    json_open_object(w);
    json_put_int(w, "number", seal->number);
    json_put_time(w, "createdAt", seal->created_us);
    json_put_time(w, "firstAt", seal->first_us);
    json_put_time(w, "lastAt", seal->last_us);
    json_put_int(w, "events", seal->events);
    put_hex(w, arena, "root", view_of(seal->root, sizeof seal->root));
    json_put_string(w, "statement", seal->statement);
    json_put_string(w, "signature", base64_encode(arena, seal->signature));
    json_put_string(w, "timestampToken", seal->token.len == 0 ? NULL : base64_encode(arena, seal->token));
    json_close_object(w);
}

HANDLER(seals_list) {
    static const char *const filters[] = {"from", "since", NULL};
    struct seal *items = NULL, last = {0};
    size_t count = 0;
    int64_t since = 0;
    const char *key, *from = http_query(request, "from"), *time = http_query(request, "since");
    bool done = false;
    TRY(may_read(request, err) && ask_query(request, filters, err));
    if (from != NULL && time != NULL)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "\"from\" and \"since\" exclude each other: give a number or a time.");
    TRY(time == NULL || time_parse(time, &since, err));
    long long first = from == NULL ? 1 : strtoll(from, NULL, 10);
    TRY(audit_key(context, request->arena, &key, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = seal_last(tx.tx, request->arena, &last, err) &&
                (time != NULL
                     ? seal_list_since(tx.tx, request->arena, since, MOST_LISTED, &items, &count, err)
                     : seal_list(tx.tx, request->arena, first < 1 ? 1 : first, MOST_LISTED, &items, &count, err));
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "publicKey", key);
    json_put_int(&w, "last", last.number);
    json_name(&w, "items");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++)
        write_seal(&w, request->arena, &items[i]);
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

static bool find_seal(struct tx *tx, struct http_request *request, struct seal *ret, struct error *err) {
    struct seal *found;
    size_t count;
    long long number = strtoll(request->parameters[0], NULL, 10);
    TRY(seal_list(tx, request->arena, number < 1 ? INT64_MAX : number, 1, &found, &count, err));
    if (count == 0 || found[0].number != number)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no seal %.20s.", request->parameters[0]);
    *ret = found[0];
    return true;
}

HANDLER(seal_events) {
    struct seal seal;
    struct event *events = NULL;
    size_t count = 0;
    bool done = false;
    TRY(may_read(request, err) && ask_no_query(request, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = find_seal(tx.tx, request, &seal, err) &&
                event_by_ids(tx.tx, request->arena, seal.ids, &events, &count, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "number", seal.number);
    json_name(&w, "lines");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++)
        json_add_string(&w, audit_line(request->arena, &events[i]));
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
