#include "ca/identity.h"

#include "ca/access_internal.h"
#include "ca/secret.h"

#include "base/clock.h"
#include "store/cas.h"
#include "store/organisations.h"
#include "store/roles.h"

#include <string.h>
#include <strings.h>

#define MAX_ROLES 200

/* --- rules ------------------------------------------------------------------------------------------------------ */

static bool read_role(const struct json *item, struct identity_role *ret, struct error *err) {
    static const char *const members[] = {"group", "role", "scope", "object", NULL};
    struct identity_role role = {0};
    TRY(json_only(item, members, err) && json_string(item, "group", &role.group, err) &&
        json_string(item, "role", &role.role, err) && json_string(item, "scope", &role.scope, err) &&
        json_string(item, "object", &role.object, err));
    if (role.group == NULL || role.group[0] == '\0' || role.role == NULL || role.scope == NULL)
        return fail(err, ERROR_POLICY, "bad-setting", "A line of \"roles\" needs group, role and scope.");
    *ret = role;
    return true;
}

bool identity_rules_read(struct arena *arena, const struct json *settings, struct identity_rules *ret,
                         struct error *err) {
    const struct json *roles = NULL;
    struct identity_rules rules = {.organisation = "default"};
    TRY(json_string(settings, "requiredGroup", &rules.required_group, err) &&
        json_string(settings, "organisation", &rules.organisation, err) &&
        json_array(settings, "roles", &roles, err));
    if (roles != NULL && roles->count > MAX_ROLES)
        return fail(err, ERROR_POLICY, "bad-setting", "There are at most %d lines of \"roles\".", MAX_ROLES);
    rules.roles = arena_array(arena, MAX_ROLES, sizeof *rules.roles);
    JSON_EACH (item, roles)
        TRY(read_role(item, &rules.roles[rules.role_count++], err));
    *ret = rules;
    return true;
}

bool identity_has_group(const struct text_list *groups, const char *group) {
    for (size_t i = 0; i < groups->count; i++)
        if (strcasecmp(groups->items[i], group) == 0)
            return true;
    return false;
}

static bool resolve_object(struct tx *tx, struct arena *arena, const struct identity_role *line,
                           struct grant *ret, struct error *err) {
    struct organisation organisation;
    struct ca_record ca;
    if (strcmp(line->scope, "instance") == 0 && line->object == NULL) {
        ret->scope = ROLE_SCOPE_INSTANCE;
        return true;
    }
    if (strcmp(line->scope, "organisation") == 0 && line->object != NULL) {
        ret->scope = ROLE_SCOPE_ORGANISATION;
        TRY(organisation_by_slug(tx, arena, line->object, &organisation, err));
        ret->object = organisation.id;
        return true;
    }
    if (strcmp(line->scope, "ca") == 0 && line->object != NULL) {
        ret->scope = ROLE_SCOPE_CA;
        TRY(ca_by_slug(tx, arena, &scope_everything, line->object, &ca, err));
        ret->object = ca.id;
        return true;
    }
    return fail(err, ERROR_POLICY, "bad-role",
                "The scope of a role is \"instance\" without an object, or \"organisation\" or \"ca\" with its id.");
}

static bool resolve(struct tx *tx, struct arena *arena, const struct identity_role *line, struct grant *ret,
                    struct error *err) {
    struct role_record custom;
    *ret = (struct grant){.role = role_from_name(line->role)};
    if (ret->role == 0) {
        TRY(role_by_slug(tx, arena, line->role, &custom, err));
        ret->role = custom.number;
        ret->permissions = custom.permissions;
        ret->own_only = custom.own_only;
    }
    return resolve_object(tx, arena, line, ret, err);
}

static bool same_grant(const struct grant *a, const struct grant *b) {
    return a->role == b->role && a->scope == b->scope && uuid_equal(a->object, b->object);
}

static bool has_grant(const struct grant *grants, size_t count, const struct grant *wanted) {
    for (size_t i = 0; i < count; i++)
        if (same_grant(&grants[i], wanted))
            return true;
    return false;
}

/* What the person's groups give; a line whose role, organisation or CA is gone gives nothing. */
static bool grants_of(struct tx *tx, struct arena *arena, const struct identity_rules *rules,
                      const struct text_list *groups, struct grant **ret, size_t *ret_count,
                      struct error *err) {
    struct grant *grants = arena_array(arena, rules->role_count + 1, sizeof *grants);
    size_t count = 0;
    for (size_t i = 0; i < rules->role_count; i++) {
        struct error gone = {0};
        struct grant grant;
        if (!identity_has_group(groups, rules->roles[i].group))
            continue;
        if (!resolve(tx, arena, &rules->roles[i], &grant, &gone)) {
            if (gone.kind == ERROR_NOT_FOUND || gone.kind == ERROR_POLICY)
                continue;
            *err = gone;
            return false;
        }
        if (!has_grant(grants, count, &grant))
            grants[count++] = grant;
    }
    *ret = grants;
    *ret_count = count;
    return true;
}

/* --- management ------------------------------------------------------------------------------------------------- */

static const struct uuid nil = {{0}};

static const char *place(struct arena *arena, const char *slug) {
    return arena_printf(arena, "identity_providers/%s/secret", slug);
}

static bool all(struct core *core, struct arena *arena, struct identity_provider **ret_items,
                size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = identity_all(tx.tx, arena, ret_items, ret_count, err);
    return done;
}

bool identity_providers(struct core *core, struct arena *arena, const struct actor *actor,
                        struct identity_provider **ret_items, size_t *ret_count, struct error *err) {
    TRY(actor_may(actor, MAY_READ_SETTINGS, nil, nil, err));
    return all(core, arena, ret_items, ret_count, err);
}

bool identity_choices(struct core *core, struct arena *arena, struct identity_provider **ret_items,
                      size_t *ret_count, struct error *err) {
    struct identity_provider *items = NULL;
    size_t count = 0, kept = 0;
    TRY(all(core, arena, &items, &count, err));
    for (size_t i = 0; i < count; i++)
        if (items[i].enabled)
            items[kept++] = items[i];
    *ret_items = items;
    *ret_count = kept;
    return true;
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
                 const struct identity_provider *provider, struct error *err) {
    const struct json *settings;
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    if (provider->settings != NULL && json_parse(arena, view_text(provider->settings), &settings, err)) {
        json_put_bool(&w, "enabled", provider->enabled);
        json_name(&w, "settings");
        json_add_value(&w, settings);
    }
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .object_kind = "identity-provider",
                                            .object = provider->slug,
                                            .details = json_written(&w)},
                       err);
}

static bool may_manage(const struct actor *actor, struct error *err) {
    return actor_may(actor, MAY_MANAGE_SETTINGS, nil, nil, err) &&
           actor_may(actor, MAY_MANAGE_USERS, nil, nil, err);
}

static bool check_rules(struct tx *tx, struct arena *arena, const struct actor *actor,
                        const struct identity_rules *rules, struct error *err) {
    struct organisation organisation;
    TRY(organisation_by_slug(tx, arena, rules->organisation, &organisation, err));
    for (size_t i = 0; i < rules->role_count; i++) {
        struct grant grant;
        TRY(resolve(tx, arena, &rules->roles[i], &grant, err));
        TRY(access_may_give(tx, arena, actor, &grant, 1, err));
    }
    return true;
}

static bool keep_secret(struct tx *tx, struct arena *arena, struct identity_provider *provider,
                        struct error *err) {
    struct identity_provider standing;
    TRY(identity_by_slug(tx, arena, provider->slug, &standing, err));
    if (provider->secret == NULL)
        provider->secret = standing.secret;
    return standing.kind == provider->kind ||
           fail(err, ERROR_CONFLICT, "other-kind", "The kind of an identity provider stays; make another one.");
}

static bool store(struct tx *tx, struct arena *arena, const struct actor *actor,
                  struct identity_provider *provider, const struct identity_rules *rules, struct error *err) {
    bool fresh = provider->revision == 0;
    TRY(check_rules(tx, arena, actor, rules, err));
    if (!fresh)
        TRY(keep_secret(tx, arena, provider, err));
    if (provider->secret == NULL)
        provider->secret = "";
    TRY(fresh ? identity_insert(tx, provider, err) : identity_update(tx, provider, err));
    return note(tx, arena, actor, fresh ? "identity-provider.created" : "identity-provider.changed", provider, err);
}

bool identity_save(struct core *core, struct arena *arena, const struct actor *actor,
                   struct identity_provider *provider, const char *secret, struct error *err) {
    struct identity_rules rules;
    const struct json *settings;
    bool done = false;
    TRY(may_manage(actor, err));
    TRY(json_parse(arena, view_text(provider->settings), &settings, err));
    TRY(identity_rules_read(arena, settings, &rules, err));
    provider->secret = NULL;
    if (secret != NULL && secret[0] == '\0')
        provider->secret = "";
    else if (secret != NULL)
        TRY(secret_seal(core, arena, place(arena, provider->slug), view_text(secret), &provider->secret, err));
    const char *sealed = provider->secret;
    TX(tx, core_db(core), &done, err) {
        provider->secret = sealed;
        tx.ok = store(tx.tx, arena, actor, provider, &rules, err);
    }
    TRY(done);
    provider->revision++;
    return true;
}

bool identity_remove(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                     struct error *err) {
    const struct identity_provider provider = {.slug = slug};
    bool done = false;
    TRY(may_manage(actor, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = identity_delete(tx.tx, slug, err) &&
                note(tx.tx, arena, actor, "identity-provider.removed", &provider, err);
    return done;
}

/* --- log-in ------------------------------------------------------------------------------------------------------- */

bool identity_open(struct core *core, struct arena *arena, const char *slug, enum identity_kind kind,
                   struct identity_provider *ret, const char **ret_secret, struct error *err) {
    struct view secret = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = identity_by_slug(tx.tx, arena, slug, ret, err);
    TRY(done);
    if (!ret->enabled || ret->kind != kind)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no identity provider \"%.60s\" for this.", slug);
    if (ret->secret[0] != '\0')
        TRY(secret_open(core, arena, place(arena, slug), ret->secret, &secret, err));
    *ret_secret = secret.len == 0 ? NULL : arena_text(arena, secret);
    return true;
}

bool identity_may_try(struct core *core, struct arena *arena, const struct identity_provider *provider,
                      const struct login_order *order, struct error *err) {
    struct actor who = access_stranger(arena, order->username, order->address, order->request_id);
    struct user user;
    bool done = false, found = false;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = user_by_name(tx.tx, arena, order->username, &user, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    TRY(done);
    if (!found || strcmp(user.provider, provider->slug) != 0)
        return true; /* nobody's here: the provider slows guessing down itself */
    if (user.retry_after_us > clock_now_us())
        return access_refuse(core, &who, "delayed", err);
    return access_charge(core, &user, err);
}

bool identity_refused(struct core *core, struct arena *arena, const struct login_order *order,
                      struct error *err) {
    struct actor who = access_stranger(arena, order->username, order->address, order->request_id);
    return access_refuse(core, &who, "wrong", err);
}

struct arrival {
    const struct identity_provider *provider;
    const struct identity *who;
    const struct identity_rules *rules;
    struct actor stranger; /* in events */
};

static bool make_user(struct tx *tx, struct arena *arena, const struct arrival *a, const struct grant *grants,
                      size_t count, struct user *ret, struct error *err) {
    struct organisation organisation;
    TRY(organisation_by_slug(tx, arena, a->rules->organisation, &organisation, err));
    *ret = (struct user){.id = uuid_new(),
                         .organisation_id = organisation.id,
                         .username = a->who->username,
                         .display_name = a->who->display_name == NULL ? "" : a->who->display_name,
                         .email = a->who->email == NULL ? "" : a->who->email,
                         .password_hash = "",
                         .state = USER_ACTIVE,
                         .created_us = clock_now_us(),
                         .provider = a->provider->slug,
                         .subject = a->who->subject};
    TRY(user_insert(tx, ret, err) && grant_replace(tx, ret->id, grants, count, err));
    return access_note(tx, &a->stranger,
                       &(struct event_note){.code = "user.created",
                                            .organisation_id = organisation.id,
                                            .object_kind = "user",
                                            .object = ret->username},
                       err);
}

static bool same_text(const char *a, const char *b) {
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

/* Roles and name are the provider's to say: what it says now replaces what it said before. */
static bool update_user(struct tx *tx, struct arena *arena, const struct arrival *a, const struct grant *grants,
                        size_t count, const struct user *user, struct error *err) {
    struct grant *standing = NULL;
    size_t standing_count = 0;
    TRY(grant_list(tx, arena, user->id, &standing, &standing_count, err));
    bool same = standing_count == count;
    for (size_t i = 0; same && i < count; i++)
        same = has_grant(standing, standing_count, &grants[i]);
    bool same_name = same_text(user->display_name, a->who->display_name) && same_text(user->email, a->who->email);
    if (same && same_name)
        return true;
    if (!same)
        TRY(grant_replace(tx, user->id, grants, count, err));
    if (!same_name)
        TRY(user_set_profile(tx, user->id, a->who->display_name == NULL ? "" : a->who->display_name,
                             a->who->email == NULL ? "" : a->who->email, err));
    return access_note(tx, &a->stranger,
                       &(struct event_note){.code = "user.changed",
                                            .organisation_id = user->organisation_id,
                                            .object_kind = "user",
                                            .object = user->username},
                       err);
}

static bool bring_up_to_date(struct tx *tx, struct arena *arena, const struct arrival *a, struct user *ret,
                             struct error *err) {
    struct grant *grants = NULL;
    size_t count = 0;
    struct error missing = {0};
    TRY(grants_of(tx, arena, a->rules, &a->who->groups, &grants, &count, err));
    if (count == 0)
        return fail(err, ERROR_FORBIDDEN, "no-role",
                    "%.100s has no group that gives a role here; ask the administrator of Gatehouse.",
                    a->who->username);
    if (user_by_subject(tx, arena, a->provider->slug, a->who->subject, ret, &missing))
        return update_user(tx, arena, a, grants, count, ret, err);
    if (missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    return make_user(tx, arena, a, grants, count, ret, err);
}

static bool check_arrival(const struct arrival *a, struct error *err) {
    if (a->rules->required_group != NULL && !identity_has_group(&a->who->groups, a->rules->required_group))
        return fail(err, ERROR_FORBIDDEN, "group-needed",
                    "%.100s is not in the group that may log in here.", a->who->username);
    return access_check_user_texts(a->who->username, a->who->display_name, a->who->email, err);
}

bool identity_login(struct core *core, struct arena *arena, const struct identity_provider *provider,
                    const struct identity *who, const struct login_order *order,
                    const struct factor_proof *proof, struct login_result *ret, struct error *err) {
    struct identity_rules rules;
    const struct json *settings;
    struct user user = {0};
    bool done = false;
    struct arrival a = {.provider = provider, .who = who, .rules = &rules,
                        .stranger = access_stranger(arena, who->username, order->address, order->request_id)};
    TRY(json_parse(arena, view_text(provider->settings), &settings, err));
    TRY(identity_rules_read(arena, settings, &rules, err));
    if (check_arrival(&a, err))
        TX(tx, core_db(core), &done, err)
            tx.ok = bring_up_to_date(tx.tx, arena, &a, &user, err);
    if (!done && (err->kind == ERROR_FORBIDDEN || err->kind == ERROR_CONFLICT || err->kind == ERROR_POLICY)) {
        struct error why = *err;
        (void)access_refuse(core, &a.stranger, why.type, err);
        *err = why;
    }
    TRY(done);
    if (user.state != USER_ACTIVE)
        return access_refuse(core, &a.stranger, "suspended", err);
    return access_login_go_on(core, arena, &user, order, provider->slug, proof, ret, err);
}
