/* The key-encryption keys and the inventory of keys. */
#include "keys/handlers.h"
#include "keys/keys_room.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/kek.h"
#include "ca/key_inventory.h"
#include "rest/organisation.h"
#include "x509/key_type.h"

#include <string.h>

static void write_kek(struct json_writer *w, const struct kek_entry *kek) {
    json_open_object(w);
    json_put_string(w, "id", kek->id);
    json_put_bool(w, "here", kek->here);
    json_put_bool(w, "active", kek->active);
    json_put_bool(w, "next", kek->next);
    json_put_int(w, "keys", kek->keys);
    json_close_object(w);
}

static void write_node(struct json_writer *w, const struct kek_holder *node) {
    json_open_object(w);
    json_put_string(w, "name", node->name);
    json_put_time(w, "seenAt", node->seen_us);
    json_put_bool(w, "lacksKek", node->lacks);
    json_name(w, "keks");
    json_open_array(w);
    for (size_t i = 0; i < node->count; i++)
        json_add_string(w, node->ids[i]);
    json_close_array(w);
    json_close_object(w);
}

static void write_rotation(struct json_writer *w, const struct kek_status *s) {
    json_open_object(w);
    json_put_string(w, "state", kek_rotation_name(s->rotation));
    put_text_or_null(w, "by", s->by);
    put_time_or_null(w, "startedAt", s->started_us);
    put_time_or_null(w, "endedAt", s->ended_us);
    json_put_int(w, "keys", s->total);
    json_put_int(w, "done", s->done);
    put_text_or_null(w, "problem", s->problem);
    json_close_object(w);
}

static bool reply_status(struct core *core, struct http_request *request, struct http_response *response,
                         int status, struct error *err) {
    struct kek_status s;
    TRY(kek_status(core, request->arena, actor_of(request), &s, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "rotation");
    write_rotation(&w, &s);
    json_name(&w, "keks");
    json_open_array(&w);
    for (size_t i = 0; i < s.kek_count; i++)
        write_kek(&w, &s.keks[i]);
    json_close_array(&w);
    json_name(&w, "nodes");
    json_open_array(&w);
    for (size_t i = 0; i < s.node_count; i++)
        write_node(&w, &s.nodes[i]);
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, status, &w);
    return true;
}

HANDLER(kek_show) {
    TRY(ask_no_query(request, err));
    return reply_status(context, request, response, 200, err);
}

HANDLER(kek_rotation_start) {
    static const char *const members[] = {"kek", NULL};
    const struct json *document;
    const char *id = NULL;
    TRY(ask_optional_document(request, members, &document, err));
    TRY(json_string(document, "kek", &id, err));
    TRY(kek_rotate(context, request->arena, actor_of(request), id, err));
    return reply_status(context, request, response, 202, err);
}

HANDLER(kek_rotation_cancel) {
    TRY(ask_no_query(request, err));
    TRY(kek_cancel(context, request->arena, actor_of(request), err));
    return reply_status(context, request, response, 200, err);
}

HANDLER(keks_remove) {
    TRY(ask_no_query(request, err));
    TRY(kek_remove(context, request->arena, actor_of(request), request->parameters[0], err));
    reply_nothing(response);
    return true;
}

HANDLER(kek_nodes_forget) {
    static const char *const members[] = {"name", NULL};
    const struct json *document;
    const char *name;
    TRY(ask_document(request, members, &document, err) && ask_string(document, "name", &name, err));
    TRY(kek_forget_node(context, request->arena, actor_of(request), name, err));
    reply_nothing(response);
    return true;
}

/* --- inventory ------------------------------------------------------------------------------------------- */

static const char *location(const struct key_item *item) {
    if (item->destroyed_us != 0)
        return "destroyed";
    if (item->uri[0] != '\0')
        return "token";
    return item->wrapped ? "database" : "elsewhere";
}

static void write_line(struct json_writer *w, struct arena *arena, const struct key_line *line) {
    const struct key_item *item = &line->item;
    json_open_object(w);
    put_uuid(w, "id", item->id);
    json_put_string(w, "kind", item->person ? "person" : "service");
    json_name(w, "key");
    key_type_write_json(w, item->key_type);
    put_hex(w, arena, "fingerprint", item->fingerprint);
    json_put_string(w, "location", location(item));
    put_text_or_null(w, "uri", item->uri);
    put_text_or_null(w, "kek", hex_encode(arena, item->kek));
    put_text_or_null(w, "name", item->name);
    put_text_or_null(w, "owner", item->owner);
    json_name(w, "usedBy");
    json_open_array(w);
    for (size_t i = 0; i < line->user_count; i++)
        json_add_string(w, line->users[i]);
    json_close_array(w);
    json_put_int(w, "uses", item->uses);
    put_time_or_null(w, "lastUsedAt", item->last_used_us);
    json_put_time(w, "createdAt", item->created_us);
    put_time_or_null(w, "destroyedAt", item->destroyed_us);
    json_close_object(w);
}

HANDLER(private_keys_list) {
    static const char *const others[] = {"organisation", NULL};
    struct key_line *lines = NULL;
    struct page page;
    size_t count = 0;
    const char *next;
    TRY(ask_page(request, others, &page, err) && ask_organisation(context, request, err));
    TRY(key_inventory_page(context, request->arena, actor_of(request), &page, &lines, &count, &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_line(&w, request->arena, &lines[i]);
    reply_list(request, response, &w, next);
    return true;
}

static void reply_line(struct http_request *request, struct http_response *response, const struct key_line *line) {
    struct json_writer w = json_writer_on(request->arena);
    write_line(&w, request->arena, line);
    reply_json(response, 200, &w);
}

HANDLER(private_keys_show) {
    struct key_line line;
    struct uuid id;
    TRY(ask_no_query(request, err) && ask_id(request, 0, "key", &id, err));
    TRY(key_inventory_get(context, request->arena, actor_of(request), id, &line, err));
    reply_line(request, response, &line);
    return true;
}

HANDLER(private_keys_destroy) {
    static const char *const members[] = {"fingerprint", NULL};
    const struct json *document;
    const char *fingerprint;
    struct key_line line;
    struct uuid id;
    TRY(ask_id(request, 0, "key", &id, err) && ask_document(request, members, &document, err));
    TRY(ask_string(document, "fingerprint", &fingerprint, err));
    TRY(key_inventory_destroy(context, request->arena, actor_of(request), id, fingerprint, &line, err));
    reply_line(request, response, &line);
    return true;
}

/* --- jobs ------------------------------------------------------------------------------------------------ */

size_t keys_jobs(struct kek_watch *watch, int64_t most_us, struct job *table) {
    int64_t every_us = most_us < 10 * US_PER_SECOND ? most_us : 10 * US_PER_SECOND;
    table[0] = (struct job){"kek-watch", every_us, true, kek_watch_run, watch};
    table[1] = (struct job){"kek", every_us, true, kek_work_run, watch};
    table[2] = (struct job){"key-uses", 3 * every_us, true, key_uses_write, watch->core};
    return 3;
}
