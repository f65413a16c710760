/* Strangers who register themselves, where that is allowed. */
#include "ca/access_internal.h"

#include "base/clock.h"
#include "store/organisations.h"
#include "store/roles.h"

#include <string.h>

#define MOST_PENDING 1000 /* so that a flood ends somewhere */

static bool closed(struct error *err) {
    return fail(err, ERROR_FORBIDDEN, "registration-closed",
                "This instance takes no registrations; ask its administrator for an account.");
}

static bool make_grant(struct tx *tx, struct arena *arena, const struct access_settings *settings,
                       struct uuid organisation, struct grant *ret, struct error *err) {
    struct role_record custom;
    *ret = (struct grant){.role = role_from_name(settings->registration_role),
                          .scope = ROLE_SCOPE_ORGANISATION,
                          .object = organisation};
    if (ret->role == 0) {
        TRY(role_by_slug(tx, arena, settings->registration_role, &custom, err));
        ret->role = custom.number;
    }
    return true;
}

static bool insert(struct tx *tx, struct arena *arena, const struct registration *order,
                   struct user *user, struct error *err) {
    struct access_settings settings;
    struct organisation organisation;
    struct grant grant;
    int64_t pending;
    TRY(access_settings_read(tx, arena, &settings, err));
    if (!settings.registration)
        return closed(err);
    TRY(user_count_state(tx, USER_PENDING, &pending, err));
    if (pending >= MOST_PENDING)
        return fail(err, ERROR_TOO_MANY, "slow-down",
                    "Too many registrations wait for approval; try again later.");
    TRY(organisation_by_slug(tx, arena, "default", &organisation, err));
    TRY(make_grant(tx, arena, &settings, organisation.id, &grant, err));
    user->organisation_id = organisation.id;
    user->state = settings.registration_approval ? USER_PENDING : USER_ACTIVE;
    TRY(user_insert(tx, user, err) && grant_replace(tx, user->id, &grant, 1, err));
    struct actor who = access_stranger(arena, user->username, order->address, order->request_id);
    return access_note(tx, &who,
                       &(struct event_note){.code = "user.registered",
                                            .organisation_id = organisation.id,
                                            .object_kind = "user",
                                            .object = user->username},
                       err);
}

/* Before an Argon2id is spent on it. */
static bool is_open(struct core *core, struct arena *arena, struct error *err) {
    struct access_settings settings;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = access_settings_read(tx.tx, arena, &settings, err);
    TRY(done);
    return settings.registration || closed(err);
}

bool access_register(struct core *core, struct arena *arena, const struct registration *order,
                     struct user *ret_user, struct error *err) {
    struct user user = {.id = uuid_new(),
                        .username = order->username,
                        .display_name = order->display_name,
                        .email = order->email,
                        .created_us = clock_now_us()};
    bool done = false;
    TRY(is_open(core, arena, err));
    TRY(access_check_user_texts(order->username, order->display_name, order->email, err));
    TRY(password_check_rules(order->password, order->username, err));
    TRY(password_hash(arena, order->password, &user.password_hash, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = insert(tx.tx, arena, order, &user, err);
    TRY(done);
    *ret_user = user;
    return true;
}
