#include "ca/access_roles.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "ca/actor_cache.h"
#include "store/organisations.h"
#include "x509/certificate.h"

#include <string.h>

#define MAX_CERTIFICATES 20 /* of one user */

static const struct uuid nil = {{0}};

bool permissions_from_names(const struct text_list *names, int64_t *ret_bits, struct error *err) {
    int64_t bits = 0;
    for (size_t i = 0; i < names->count; i++) {
        enum permission permission;
        if (!permission_from_name(names->items[i], &permission))
            return fail(err, ERROR_POLICY, "bad-permission",
                        "There is no permission \"%.40s\"; the administrator's role in GET roles has all.",
                        names->items[i]);
        bits |= INT64_C(1) << permission;
    }
    *ret_bits = bits;
    return true;
}

static bool check_role(const struct actor *actor, const struct role_record *role, struct error *err) {
    TRY(actor_may(actor, MAY_MANAGE_USERS, nil, nil, err));
    if (!slug_valid(role->slug) || strlen(role->slug) < 2 || role->slug[0] == '-')
        return fail(err, ERROR_POLICY, "bad-role",
                    "A role's id has 2 to %d characters of a-z, 0-9 and \"-\".", MAX_SLUG);
    if (role_from_name(role->slug) != 0)
        return fail(err, ERROR_CONFLICT, "exists", "The role %s is built in and cannot be changed.",
                    role->slug);
    if (role->permissions == 0 || strlen(role->name) > MAX_NAME)
        return fail(err, ERROR_POLICY, "bad-role",
                    "A role has at least one permission, and a name of at most %d bytes.", MAX_NAME);
    for (unsigned p = 0; p < PERMISSION_COUNT; p++)
        if ((role->permissions >> p & 1) != 0)
            TRY(actor_may(actor, (enum permission)p, nil, nil, err));
    return true;
}

static void write_role(struct json_writer *w, const struct role_record *role) {
    json_open_object(w);
    json_put_string(w, "name", role->name);
    json_put_bool(w, "ownOnly", role->own_only);
    json_name(w, "permissions");
    json_open_array(w);
    for (unsigned p = 0; p < PERMISSION_COUNT; p++)
        if ((role->permissions >> p & 1) != 0)
            json_add_string(w, permission_name((enum permission)p));
    json_close_array(w);
    json_close_object(w);
}

static const char *role_details(struct arena *arena, const struct role_record *before,
                                const struct role_record *after) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    if (before != NULL) {
        json_name(&w, "before");
        write_role(&w, before);
    }
    if (after != NULL) {
        json_name(&w, "after");
        write_role(&w, after);
    }
    json_close_object(&w);
    return json_written(&w);
}

static bool note(struct tx *tx, const struct actor *actor, const char *code, const char *slug,
                 const char *details, struct error *err) {
    return access_note(
        tx, actor,
        &(struct event_note){.code = code, .object_kind = "role", .object = slug, .details = details},
        err);
}

bool access_role_list(struct core *core, struct arena *arena, struct role_record **ret_items,
                      size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = role_all(tx.tx, arena, ret_items, ret_count, err);
    return done;
}

bool access_role_create(struct core *core, struct arena *arena, const struct actor *actor,
                        struct role_record *role, struct error *err) {
    bool done = false;
    TRY(check_role(actor, role, err));
    role->created_us = clock_now_us();
    TX(tx, core_db(core), &done, err)
        tx.ok = role_insert(tx.tx, role, err) &&
                note(tx.tx, actor, "role.created", role->slug, role_details(arena, NULL, role), err);
    return done;
}

static bool change(struct tx *tx, struct arena *arena, const struct actor *actor,
                   struct role_record *role, struct error *err) {
    struct role_record before;
    TRY(role_by_slug(tx, arena, role->slug, &before, err));
    role->number = before.number;
    role->created_us = before.created_us;
    return role_update(tx, role, err) &&
           note(tx, actor, "role.changed", role->slug, role_details(arena, &before, role), err);
}

bool access_role_change(struct core *core, struct arena *arena, const struct actor *actor,
                        struct role_record *role, struct error *err) {
    bool done = false;
    TRY(check_role(actor, role, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = change(tx.tx, arena, actor, role, err);
    actor_cache_forget();
    return done;
}

static bool remove_role(struct tx *tx, struct arena *arena, const struct actor *actor, const char *slug,
                        struct error *err) {
    struct role_record role;
    TRY(role_by_slug(tx, arena, slug, &role, err));
    return role_delete(tx, &role, err) &&
           note(tx, actor, "role.removed", slug, role_details(arena, &role, NULL), err);
}

bool access_role_remove(struct core *core, struct arena *arena, const struct actor *actor,
                        const char *slug, struct error *err) {
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_USERS, nil, nil, err));
    if (role_from_name(slug) != 0)
        return fail(err, ERROR_CONFLICT, "in-use", "The role %s is built in.", slug);
    TX(tx, core_db(core), &done, err)
        tx.ok = remove_role(tx.tx, arena, actor, slug, err);
    return done;
}

/* --- certificates that log in -------------------------------------------------------------------------- */

static bool note_certificate(struct tx *tx, struct arena *arena, const struct actor *actor,
                             const char *code, const struct user *user, const uint8_t *fingerprint,
                             struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "sha256", hex_encode(arena, view_of(fingerprint, 32)));
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = user->organisation_id,
                                            .object_kind = "user",
                                            .object = user->username,
                                            .details = json_written(&w)},
                       err);
}

static bool add(struct tx *tx, struct arena *arena, const struct actor *actor,
                const struct user_certificate *certificate, struct error *err) {
    struct user user;
    struct user_certificate *others;
    size_t count;
    TRY(access_may_change(tx, arena, actor, certificate->user_id, &user, err));
    TRY(user_certificate_list(tx, arena, user.id, &others, &count, err));
    if (count >= MAX_CERTIFICATES)
        return fail(err, ERROR_CONFLICT, "too-many", "A user comes in with at most %d certificates.",
                    MAX_CERTIFICATES);
    return user_certificate_insert(tx, certificate, err) &&
           note_certificate(tx, arena, actor, "user.certificate-added", &user, certificate->fingerprint,
                            err);
}

bool access_certificate_add(struct core *core, struct arena *arena, const struct actor *actor,
                            struct uuid user_id, const char *label, struct view certificate,
                            struct user_certificate *ret, struct error *err) {
    AUTO(X509) *x = NULL;
    struct certificate_facts facts;
    bool done = false;
    if (strlen(label) > MAX_NAME)
        return fail(err, ERROR_POLICY, "bad-label", "A label has at most %d bytes.", MAX_NAME);
    TRY(certificate_decode(arena, certificate, &x, err));
    TRY(certificate_read(arena, x, &facts, err));
    if (facts.not_after_us <= clock_now_us())
        return fail(err, ERROR_POLICY, "expired-certificate", "The certificate has expired.");
    struct user_certificate made = {.user_id = user_id,
                                    .label = label,
                                    .subject = facts.subject,
                                    .not_after_us = facts.not_after_us,
                                    .created_us = clock_now_us()};
    memcpy(made.fingerprint, facts.fingerprint_sha256, sizeof made.fingerprint);
    TX(tx, core_db(core), &done, err)
        tx.ok = add(tx.tx, arena, actor, &made, err);
    TRY(done);
    *ret = made;
    return true;
}

bool access_certificate_list(struct core *core, struct arena *arena, const struct actor *actor,
                             struct uuid user_id, struct user_certificate **ret_items,
                             size_t *ret_count, struct error *err) {
    struct user user;
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_USERS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = user_by_id(tx.tx, arena, &scope, user_id, &user, err) &&
                user_certificate_list(tx.tx, arena, user_id, ret_items, ret_count, err);
    return done;
}

bool access_certificate_remove(struct core *core, struct arena *arena, const struct actor *actor,
                               struct uuid user_id, const uint8_t fingerprint[32],
                               struct error *err) {
    struct user user;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = access_may_change(tx.tx, arena, actor, user_id, &user, err) &&
                user_certificate_delete(tx.tx, user_id, fingerprint, err) &&
                note_certificate(tx.tx, arena, actor, "user.certificate-removed", &user, fingerprint,
                                 err);
    return done;
}
