#include "ca/user_key_access.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "x509/certificate.h"

#include <string.h>

static const struct uuid nil = {{0}};

static const char *place_of(struct arena *arena, struct uuid id) {
    return arena_printf(arena, "user_keys/%s/wrapped", uuid_text(arena, id));
}

bool user_key_unseal(struct core *core, struct arena *arena, const struct user_key_record *record,
                     struct person_key *ret, struct error *err) {
    struct view packed;
    TRY(secret_open(core, arena, place_of(arena, record->id), record->sealed, &packed, err));
    return person_key_unpack(arena, packed, ret, err);
}

bool user_key_note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
                   const struct user_key_record *record, const char *const details[],
                   struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "name", record->name);
    json_put_string(&w, "keyType", record->key_type);
    for (size_t i = 0; details != NULL && details[i] != NULL; i += 2)
        json_put_string(&w, details[i], details[i + 1]);
    json_close_object(&w);
    struct event_note note = {.code = code,
                              .organisation_id = record->organisation_id,
                              .object_kind = "key",
                              .object = uuid_text(arena, record->id),
                              .details = json_written(&w)};
    return access_note(tx, actor, &note, err);
}

/* --- making -------------------------------------------------------------------------------------------- */

static bool check_name(const char *name, struct error *err) {
    bool ok = name[0] != '\0' && strlen(name) <= 200 && utf8_valid(view_text(name));
    for (const char *c = name; *c != '\0'; c++)
        ok = ok && (unsigned char)*c >= 0x20 && *c != 0x7f;
    return ok || fail(err, ERROR_POLICY, "bad-name",
                      "A key has a name of 1 to 200 octets without control characters.");
}

static bool seal(struct core *core, struct arena *arena, const struct actor *actor,
                 const struct person_key *key, struct user_key_record *record, struct error *err) {
    if (uuid_is_nil(actor->user_id))
        return fail(err, ERROR_FORBIDDEN, "forbidden", "Only a user has keys here.");
    record->id = uuid_new();
    record->owner_id = actor->user_id;
    record->owner = actor->name;
    record->key_type = key->key_type;
    record->spki = key->spki;
    record->created_us = clock_now_us();
    return secret_seal(core, arena, place_of(arena, record->id), person_key_pack(arena, key),
                       &record->sealed, err);
}

static const char *kind_text(enum user_key_kind kind) {
    return kind == USER_KEY_OWN ? "no" : kind == USER_KEY_SHARED ? "yes" : "only";
}

static bool insert(struct tx *tx, struct arena *arena, const struct actor *actor,
                   struct user_key_record *record, struct error *err) {
    const char *const details[] = {"recovery", kind_text(record->kind), NULL};
    struct user owner;
    TRY(user_by_id(tx, arena, &scope_everything, record->owner_id, &owner, err));
    record->organisation_id = owner.organisation_id;
    record->owner = owner.username;
    return user_key_insert(tx, record, err) &&
           user_key_note(tx, arena, actor, "key.created", record, details, err);
}

static bool store(struct core *core, struct arena *arena, const struct actor *actor,
                  struct user_key_record *record, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = insert(tx.tx, arena, actor, record, err);
    return done;
}

bool user_key_create(struct core *core, struct arena *arena, const struct actor *actor,
                     const struct user_key_order *order, struct user_key_record *ret,
                     struct error *err) {
    struct user_key_record record = {.name = order->name, .kind = order->kind};
    struct person_key key;
    TRY(check_name(order->name, err));
    TRY(person_key_make(core, arena, order->key_type, &key, err));
    TRY(seal(core, arena, actor, &key, &record, err));
    TRY(store(core, arena, actor, &record, err));
    *ret = record;
    return true;
}

bool user_key_keep(struct core *core, struct arena *arena, const struct actor *actor,
                   const char *name, const struct person_key *key, struct user_key_record *ret,
                   struct error *err) {
    struct user_key_record record = {.name = name, .kind = USER_KEY_ESCROW};
    TRY(seal(core, arena, actor, key, &record, err));
    TRY(store(core, arena, actor, &record, err));
    *ret = record;
    return true;
}

/* --- seeing and removing ------------------------------------------------------------------------------- */

bool user_key_own_list(struct core *core, struct arena *arena, const struct actor *actor,
                       struct user_key_record **ret_items, size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_key_list(tx.tx, arena, actor->user_id, ret_items, ret_count, err);
    return done;
}

bool user_key_recoverable_page(struct core *core, struct arena *arena, const struct actor *actor,
                               const struct page *page, struct user_key_record **ret_items,
                               size_t *ret_count, const char **ret_next, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_RECOVER_KEYS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = user_key_recoverable(tx.tx, arena, &scope, page, ret_items, ret_count, ret_next, err);
    return done;
}

/* Whose it is not, for them it does not exist. */
static bool get_own(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                    struct user_key_record *ret, struct error *err) {
    TRY(user_key_get(tx, arena, id, ret, err));
    return uuid_equal(ret->owner_id, actor->user_id) ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such key.");
}

bool user_key_owned(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                  struct user_key_record *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = get_own(tx.tx, arena, actor, id, ret, err);
    return done;
}

static bool remove_own(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                       struct error *err) {
    struct user_key_record record;
    TRY(get_own(tx, arena, actor, id, &record, err));
    if (record.kind == USER_KEY_ESCROW)
        return fail(err, ERROR_POLICY, "recovery-only",
                    "The key is kept for recovery; its owner neither has it out nor removes it.");
    return user_key_delete(tx, id, clock_now_us(), err) &&
           user_key_note(tx, arena, actor, "key.deleted", &record, NULL, err);
}

bool user_key_remove(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid id, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = remove_own(tx.tx, arena, actor, id, err);
    return done;
}

void user_key_forget(struct core *core, struct arena *arena, const struct actor *actor,
                     const struct user_key_record *key) {
    struct error ignored = {0};
    bool done = false;
    TX(tx, core_db(core), &done, &ignored)
        tx.ok = user_key_delete(tx.tx, key->id, clock_now_us(), &ignored) &&
                user_key_note(tx.tx, arena, actor, "key.deleted", key, NULL, &ignored);
}

/* --- having it out ------------------------------------------------------------------------------------- */

const char *user_key_form_name(enum user_key_form form) {
    return form == USER_KEY_PKCS8 ? "pkcs8" : form == USER_KEY_PKCS12 ? "pkcs12" : "jks";
}

/* The certificates of the file: one of ours with its issuers, else the self-signed one. */
static bool certificates(struct core *core, struct arena *arena, const struct actor *actor,
                         const struct user_key_record *record, struct uuid id, struct view **ret_ders,
                         size_t *ret_count, struct error *err) {
    struct certificate_record certificate;
    if (uuid_equal(id, nil)) {
        if (record->certificate.len == 0)
            return fail(err, ERROR_POLICY, "no-certificate-for-key",
                        "A PKCS#12 file needs a certificate: name one in \"certificate\", or make a "
                        "self-signed one first.");
        *ret_ders = arena_array(arena, 1, sizeof **ret_ders);
        (*ret_ders)[0] = record->certificate;
        *ret_count = 1;
        return true;
    }
    return certificate_get(core, arena, actor, id, &certificate, err) &&
           certificate_chain(core, arena, &certificate, ret_ders, ret_count, err);
}

bool user_key_write(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct user_key_record *record, const struct user_key_export *order,
                    struct view *ret_file, struct error *err) {
    struct person_file file = {.password = order->password,
                               .protection = order->protection,
                               .name = order->alias == NULL ? record->name : order->alias};
    struct person_key key;
    struct view *ders;
    TRY(pkcs12_password_check(order->password, err));
    TRY(check_name(file.name, err));
    TRY(user_key_unseal(core, arena, record, &key, err));
    if (order->form == USER_KEY_PKCS8)
        return person_key_pkcs8(core, arena, &key, order->password, ret_file, err);
    TRY(certificates(core, arena, actor, record, order->certificate_id, &ders, &file.count, err));
    file.ders = ders;
    if (order->form == USER_KEY_JKS)
        file.protection = PKCS12_COMPATIBLE; /* keytool reads it since Java 8u301 */
    return person_key_pkcs12(core, arena, &key, &file, ret_file, err);
}

bool user_key_file(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                   const struct user_key_export *order, struct view *ret_file, struct error *err) {
    const char *const details[] = {"format", user_key_form_name(order->form), NULL};
    struct user_key_record record;
    struct view file;
    bool done = false;
    TRY(user_key_owned(core, arena, actor, id, &record, err));
    if (record.kind == USER_KEY_ESCROW)
        return fail(err, ERROR_POLICY, "recovery-only",
                    "The key was given out once and is kept for recovery, which takes two persons: "
                    "ask for one.");
    TRY(user_key_write(core, arena, actor, &record, order, &file, err));
    /* The event is there before the key leaves. */
    TX(tx, core_db(core), &done, err)
        tx.ok = user_key_note(tx.tx, arena, actor, "key.exported", &record, details, err);
    TRY(done);
    *ret_file = file;
    return true;
}
