#include "ca/doors.h"

#include "store/hold.h"
#include "store/organisations.h"
#include "template/words.h"

#include <string.h>

#define SETTING "doors"

static bool listed(const struct text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* {"closed":["scep"]} */
static bool parse(struct arena *arena, const char *text, struct text_list *ret, struct error *err) {
    const struct json *document, *array = NULL;
    struct text_list closed = {NULL, 0};
    if (text != NULL) {
        TRY(json_parse(arena, view_text(text), &document, err));
        TRY(json_array(document, "closed", &array, err));
    }
    closed.items = arena_array(arena, (array == NULL ? 0 : array->count) + 1, sizeof(char *));
    JSON_EACH (item, array)
        if (item->type == JSON_STRING)
            closed.items[closed.count++] = item->text;
    *ret = closed;
    return true;
}

bool doors_read(struct tx *tx, struct arena *arena, struct text_list *ret_closed, struct error *err) {
    const char *text = NULL;
    return setting_get(tx, arena, SETTING, &text, err) && parse(arena, text, ret_closed, err);
}

bool doors_check(const struct text_list *closed, const char *door, struct error *err) {
    return !listed(closed, door) ||
           fail(err, ERROR_POLICY, "door-closed",
                "This instance takes no requests by %.20s; an administrator closed that door (settings).", door);
}

bool doors_get(struct core *core, struct arena *arena, const struct actor *actor,
               struct text_list *ret_closed, struct error *err) {
    static const struct uuid nobody;
    bool done = false;
    TRY(actor_may(actor, MAY_READ_SETTINGS, nobody, nobody, err));
    TX(tx, core_db(core), &done, err)
    tx.ok = doors_read(tx.tx, arena, ret_closed, err);
    return done;
}

static const char *setting_text(struct arena *arena, const struct text_list *closed) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "closed");
    json_open_array(&w);
    for (size_t i = 0; i < closed->count; i++)
        json_add_string(&w, closed->items[i]);
    json_close_array(&w);
    json_close_object(&w);
    return json_written(&w);
}

static bool put(struct tx *tx, struct arena *arena, const struct actor *actor,
                const struct text_list *closed, struct error *err) {
    const char *text = setting_text(arena, closed);
    struct event_note note = {
        .code = "settings.changed", .object_kind = "setting", .object = SETTING, .details = text};
    tx_changes_rules(tx); /* what opened templates remember of the doors is old now */
    return setting_put(tx, SETTING, text, err) && access_note(tx, actor, &note, err);
}

bool doors_change(struct core *core, struct arena *arena, const struct actor *actor,
                  const struct json *document, struct text_list *ret_closed, struct error *err) {
    static const struct uuid nobody;
    struct text_list before, after = {NULL, 0};
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(json_only(document, door_names, err));
    after.items = arena_array(arena, 16, sizeof(char *));
    TX(tx, core_db(core), &done, err) {
        tx.ok = doors_read(tx.tx, arena, &before, err);
        for (size_t i = 0; tx.ok && door_names[i] != NULL; i++) {
            bool open = !listed(&before, door_names[i]);
            tx.ok = json_bool(document, door_names[i], &open, err);
            if (!open)
                after.items[after.count++] = door_names[i];
        }
        tx.ok = tx.ok && put(tx.tx, arena, actor, &after, err);
    }
    TRY(done);
    *ret_closed = after;
    return true;
}

void doors_write(struct json_writer *w, const struct text_list *closed) {
    json_open_object(w);
    for (size_t i = 0; door_names[i] != NULL; i++)
        json_put_bool(w, door_names[i], !listed(closed, door_names[i]));
    json_close_object(w);
}
