#include "ca/kek_state.h"

#include "base/encode.h"
#include "base/json.h"
#include "store/organisations.h"

#include <string.h>

#define SETTING "kek"
#define LOCK "kek"

static bool parse(const struct json *document, struct kek_state *ret, struct error *err) {
    struct kek_state s = {.active = "", .next = "", .by = "", .problem = ""};
    TRY(json_string(document, "active", &s.active, err) && json_string(document, "next", &s.next, err) &&
        json_string(document, "by", &s.by, err) && json_string(document, "problem", &s.problem, err) &&
        json_int(document, "started", 0, INT64_MAX, &s.started_us, err) &&
        json_int(document, "ended", 0, INT64_MAX, &s.ended_us, err) &&
        json_int(document, "settled", 0, INT64_MAX, &s.settled_us, err) &&
        json_int(document, "changes", 0, INT64_MAX, &s.changes, err));
    *ret = s;
    return true;
}

bool kek_state_read(struct tx *tx, struct arena *arena, struct kek_state *ret, const char **ret_text,
                    struct error *err) {
    const struct json *document;
    const char *text;
    TRY(setting_get(tx, arena, SETTING, &text, err));
    text = text == NULL ? "{}" : text;
    if (ret_text != NULL)
        *ret_text = text;
    return json_parse(arena, view_text(text), &document, err) && parse(document, ret, err);
}

/* A lease that nobody keeps: its row is locked from here to the end of the transaction. */
bool kek_state_lock(struct tx *tx, struct arena *arena, struct kek_state *ret, struct error *err) {
    static const struct uuid nobody;
    bool taken;
    TRY(lease_take(tx, LOCK, nobody, 1, 0, &taken, err));
    return kek_state_read(tx, arena, ret, NULL, err);
}

bool kek_state_write(struct tx *tx, struct arena *arena, const struct kek_state *s, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "active", s->active);
    json_put_string(&w, "next", s->next);
    json_put_string(&w, "by", s->by);
    json_put_string(&w, "problem", s->problem);
    json_put_int(&w, "started", s->started_us);
    json_put_int(&w, "ended", s->ended_us);
    json_put_int(&w, "settled", s->settled_us);
    json_put_int(&w, "changes", s->changes + 1);
    json_close_object(&w);
    return setting_put(tx, SETTING, json_written(&w), err);
}

enum kek_rotation kek_state_rotation(const struct kek_state *s) {
    if (s->next[0] != '\0')
        return KEK_WAITING;
    if (s->started_us == 0)
        return KEK_NEVER;
    return s->ended_us == 0 ? KEK_RUNNING : KEK_DONE;
}

const char *kek_rotation_name(enum kek_rotation rotation) {
    static const char *const names[] = {"never", "waiting", "running", "done"};
    return names[rotation];
}

const char *kek_state_target(const struct kek_state *s) {
    return s->next[0] != '\0' ? s->next : s->active;
}

bool kek_list_has(struct arena *arena, struct view list, const char *id) {
    while (list.len > 0 && list.at[0] < list.len) {
        size_t len = list.at[0];
        if (strcmp(hex_encode(arena, view_of(list.at + 1, len)), id) == 0)
            return true;
        list = view_of(list.at + 1 + len, list.len - 1 - len);
    }
    return false;
}

bool kek_note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
              const char *id, int64_t keys, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    if (keys >= 0)
        json_put_int(&w, "keys", keys);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .object_kind = "kek",
                                            .object = id,
                                            .details = json_written(&w)},
                       err);
}
