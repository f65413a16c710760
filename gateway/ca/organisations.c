#include "ca/organisations.h"

#include "base/clock.h"
#include "base/json.h"
#include "ca/slug.h"
#include "store/cas.h"
#include "store/limits.h"

#include <string.h>

static const struct uuid nobody;

static bool check_name(const char *name, struct error *err) {
    size_t len = strlen(name);
    return (len > 0 && len <= MAX_NAME) ||
           fail(err, ERROR_POLICY, "bad-name", "An organisation's name has 1 to %d bytes.", MAX_NAME);
}

static bool check_slug(const char *slug, struct error *err) {
    return (slug_valid(slug) && slug[0] != '-') ||
           fail(err, ERROR_MALFORMED, "bad-slug", "An organisation's id has 1 to %d characters of a-z, 0-9 and \"-\".",
                MAX_SLUG);
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
                 const struct organisation *organisation, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "name", organisation->name);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = organisation->id,
                                            .object_kind = "organisation",
                                            .object = organisation->slug,
                                            .details = json_written(&w)},
                       err);
}

bool organisation_create(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                         const char *name, struct organisation *ret, struct error *err) {
    struct organisation made = {.id = uuid_new(), .name = name, .created_us = clock_now_us()};
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(check_name(name, err));
    made.slug = slug == NULL ? slug_from_name(arena, name, NULL) : slug;
    TRY(check_slug(made.slug, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_insert(tx.tx, &made, err) && note(tx.tx, arena, actor, "organisation.created", &made, err);
    TRY(done);
    *ret = made;
    return true;
}

static bool rename_it(struct tx *tx, struct arena *arena, const struct actor *actor, const char *slug, const char *name,
                      struct organisation *ret, struct error *err) {
    TRY(organisation_by_slug(tx, arena, slug, ret, err));
    ret->name = name;
    return organisation_rename(tx, ret->id, name, err) && note(tx, arena, actor, "organisation.changed", ret, err);
}

bool organisation_change(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                         const char *name, struct organisation *ret, struct error *err) {
    struct organisation changed;
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(check_name(name, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = rename_it(tx.tx, arena, actor, slug, name, &changed, err);
    TRY(done);
    *ret = changed;
    return true;
}

struct uuids {
    struct uuid *items;
    size_t count;
};

static bool has(const struct uuids *list, struct uuid id) {
    bool found = false;
    for (size_t i = 0; i < list->count && !found; i++)
        found = uuid_equal(list->items[i], id);
    return found;
}

/* Those of the actor's CAs that are the organisation's. */
static bool own_cas(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid organisation,
                    struct uuids *ret, struct error *err) {
    struct uuids named = {arena_array(arena, actor->grant_count + 1, sizeof(struct uuid)), 0};
    for (size_t i = 0; i < actor->grant_count; i++)
        if (actor->grants[i].scope == ROLE_SCOPE_CA)
            named.items[named.count++] = actor->grants[i].object;
    return ca_ids_of(tx, arena, organisation, named.items, named.count, &ret->items, &ret->count, err);
}

/* What a grant says of that organisation: nothing, or this in ret. */
static bool narrow_grant(const struct grant *grant, struct uuid organisation, const struct uuids *cas, struct grant *ret) {
    *ret = *grant;
    if (grant->scope == ROLE_SCOPE_CA)
        return has(cas, grant->object);
    if (grant->scope == ROLE_SCOPE_ORGANISATION)
        return uuid_equal(grant->object, organisation);
    ret->scope = ROLE_SCOPE_ORGANISATION;
    ret->object = organisation;
    return true;
}

static bool narrow_all(struct tx *tx, struct arena *arena, const struct actor *actor, const char *slug,
                       struct grant *ret, size_t *ret_count, struct error *err) {
    struct organisation organisation;
    struct uuids cas;
    *ret_count = 0;
    TRY(organisation_by_slug(tx, arena, slug, &organisation, err));
    TRY(own_cas(tx, arena, actor, organisation.id, &cas, err));
    for (size_t i = 0; i < actor->grant_count; i++)
        *ret_count += narrow_grant(&actor->grants[i], organisation.id, &cas, &ret[*ret_count]);
    return *ret_count > 0 || fail(err, ERROR_NOT_FOUND, "not-found", "There is no organisation \"%.60s\".", slug);
}

bool actor_narrow(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                  struct actor *ret, struct error *err) {
    struct grant *grants = arena_array(arena, actor->grant_count + 1, sizeof *grants);
    struct actor narrowed = *actor;
    bool done = false;
    if (actor->system)
        return fail(err, ERROR_MALFORMED, "bad-query", "A filter that is kept names a CA, not an organisation.");
    TX(tx, core_db(core), &done, err)
        tx.ok = narrow_all(tx.tx, arena, actor, slug, grants, &narrowed.grant_count, err);
    TRY(done);
    narrowed.grants = grants;
    *ret = narrowed;
    return true;
}
