#include "ca/key_inventory.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "ca/kek_state.h"
#include "store/cas.h"
#include "store/organisations.h"

#include <string.h>

#define USES_AT_ONCE 256

static const struct uuid nil;

/* --- who needs it ---------------------------------------------------------------------------------------- */

static const char *user_text(struct arena *arena, const struct key_user *user) {
    const char *name = user->name;
    switch (user->use) {
    case KEY_OF_CA: return arena_printf(arena, "CA %s", name);
    case KEY_OF_NEXT_CA: return arena_printf(arena, "next key of CA %s", name);
    case KEY_OF_OLD_CA: return arena_printf(arena, "earlier key of CA %s", name);
    case KEY_OF_TIMESTAMPS: return arena_printf(arena, "timestamping certificate %s", name);
    case KEY_OF_VALIDATOR: return arena_printf(arena, "validation authority %s", name);
    default: break;
    }
    return arena_printf(arena, "%s of %s", service_use_name((enum service_use)user->service),
                        name[0] == '\0' ? "the instance" : name);
}

/* The two keys that settings name: of the secrets in the database, and of the audit trail. */
struct own_keys {
    const char *data, *audit;
};

static bool read_own_keys(struct tx *tx, struct arena *arena, struct own_keys *ret, struct error *err) {
    return setting_get(tx, arena, "data-key", &ret->data, err) &&
           setting_get(tx, arena, "audit-key", &ret->audit, err);
}

static void add_user(struct key_line *line, const char *text) {
    line->users[line->user_count++] = text;
}

static bool names(const char *setting, const char *id) {
    return setting != NULL && strncmp(setting, id, strlen(id)) == 0;
}

static void fill_line(struct arena *arena, struct key_line *line, const struct own_keys *own,
                      const struct key_user *users, size_t count) {
    const char *id = uuid_text(arena, line->item.id);
    line->users = arena_array(arena, count + 2, sizeof *line->users);
    if (names(own->data, id))
        add_user(line, "secrets in the database");
    if (names(own->audit, id))
        add_user(line, "audit trail");
    for (size_t i = 0; i < count; i++)
        if (uuid_equal(users[i].key_id, line->item.id))
            add_user(line, user_text(arena, &users[i]));
}

static bool fill_lines(struct tx *tx, struct arena *arena, const struct key_item *items, size_t count,
                       struct key_line **ret_lines, struct error *err) {
    struct key_line *lines = arena_array(arena, count + 1, sizeof *lines);
    struct uuid *ids = arena_array(arena, count + 1, sizeof *ids);
    struct key_user *users = NULL;
    size_t user_count = 0;
    struct own_keys own;
    for (size_t i = 0; i < count; i++)
        ids[i] = items[i].id;
    TRY(read_own_keys(tx, arena, &own, err));
    TRY(key_users(tx, arena, ids, count, clock_now_us(), &users, &user_count, err));
    for (size_t i = 0; i < count; i++) {
        lines[i] = (struct key_line){.item = items[i]};
        fill_line(arena, &lines[i], &own, users, user_count);
    }
    *ret_lines = lines;
    return true;
}

/* --- reading --------------------------------------------------------------------------------------------- */

bool key_inventory_page(struct core *core, struct arena *arena, const struct actor *actor, const struct page *page,
                        struct key_line **ret_lines, size_t *ret_count, const char **ret_next, struct error *err) {
    struct key_item *items;
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TOKENS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = key_item_list(tx.tx, arena, &scope, page, &items, ret_count, ret_next, err) &&
                fill_lines(tx.tx, arena, items, *ret_count, ret_lines, err);
    return done;
}

static bool get_line(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                     struct key_line *ret, struct error *err) {
    struct key_line *lines;
    struct key_item item;
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_TOKENS, &scope);
    TRY(key_item_get(tx, arena, &scope, id, &item, err) && fill_lines(tx, arena, &item, 1, &lines, err));
    *ret = lines[0];
    return true;
}

bool key_inventory_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                       struct key_line *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = get_line(tx.tx, arena, actor, id, ret, err);
    return done;
}

/* --- destroying ------------------------------------------------------------------------------------------ */

static bool check_destroy(struct arena *arena, const struct key_line *line, const char *fingerprint,
                          struct error *err) {
    struct buffer users = buffer_on(arena);
    struct view named;
    for (size_t i = 0; i < line->user_count; i++)
        buffer_printf(&users, "%s%s", i == 0 ? "" : ", ", line->users[i]);
    if (line->item.person)
        return fail(err, ERROR_POLICY, "key-of-person", "It is a person's key, who alone deletes it.");
    if (line->user_count > 0)
        return fail(err, ERROR_CONFLICT, "key-in-use", "The key is in use: %.350s.", buffer_text(&users));
    if (!hex_decode(arena, view_text(fingerprint), &named) || !view_equal(named, line->item.fingerprint))
        return fail(err, ERROR_POLICY, "key-fingerprint",
                    "The fingerprint is not that of this key; read it again in the inventory.");
    return true;
}

static bool note_destroyed(struct tx *tx, struct arena *arena, const struct actor *actor,
                           const struct key_item *item, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "fingerprint", hex_encode(arena, item->fingerprint));
    json_put_string(&w, "keyType", item->key_type);
    json_put_string(&w, "kek", hex_encode(arena, item->kek));
    json_put_int(&w, "uses", item->uses);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = "key.destroyed",
                                            .organisation_id = item->organisation_id,
                                            .object_kind = "key",
                                            .object = uuid_text(arena, item->id),
                                            .details = json_written(&w)},
                       err);
}

/* The state of the key-encryption keys is written too, for it makes the nodes forget what they have opened. */
static bool destroy(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                    const char *fingerprint, struct key_line *ret, struct error *err) {
    struct kek_state state;
    TRY(kek_state_lock(tx, arena, &state, err) && get_line(tx, arena, actor, id, ret, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ret->item.organisation_id, nil, err));
    TRY(check_destroy(arena, ret, fingerprint, err));
    TRY(key_destroy(tx, id, clock_now_us(), err) && kek_state_write(tx, arena, &state, err));
    TRY(note_destroyed(tx, arena, actor, &ret->item, err));
    return get_line(tx, arena, actor, id, ret, err);
}

bool key_inventory_destroy(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                           const char *fingerprint, struct key_line *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = destroy(tx.tx, arena, actor, id, fingerprint, ret, err);
    if (done)
        core_forget_keys(core);
    return done;
}

/* --- counting -------------------------------------------------------------------------------------------- */

static bool write_uses(struct tx *tx, const struct key_uses *items, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++)
        TRY(key_add_uses(tx, items[i].fingerprint, (int64_t)items[i].uses, items[i].last_us, err));
    return true;
}

bool key_uses_write(void *context, struct arena *arena, struct error *err) {
    struct core *core = context;
    struct key_uses *items = arena_array(arena, USES_AT_ONCE, sizeof *items);
    size_t count = USES_AT_ONCE;
    while (count == USES_AT_ONCE) {
        bool done = false;
        count = signer_take_uses(items, USES_AT_ONCE);
        if (count == 0)
            return true;
        TX(tx, core_db(core), &done, err)
            tx.ok = write_uses(tx.tx, items, count, err);
        if (!done)
            signer_return_uses(items, count);
        TRY(done);
    }
    return true;
}
