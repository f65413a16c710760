#include "ca/authority.h"

#include "base/clock.h"
#include "ca/status.h"
#include "ca/generations.h"
#include "ca/status_cache.h"
#include "x509/der.h"

#include <string.h>

bool authority_get(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                   struct ca_record *ret, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_slug(tx.tx, arena, &scope, slug, ret, err);
    return done;
}

bool authority_page(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct page *page, struct ca_record **ret_items, size_t *ret_count,
                    const char **ret_next, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_list(tx.tx, arena, &scope, page, ret_items, ret_count, ret_next, err);
    return done;
}

bool authority_public(struct core *core, struct arena *arena, const char *slug, struct ca_record *ret,
                      struct error *err) {
    TRY(generation_by_public_slug(core, arena, slug, ret, err));
    return ret->certificate.len > 0 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "The authority %.63s has no certificate yet.", slug);
}

bool authority_public_list(struct core *core, struct arena *arena, struct ca_record **ret_items,
                           size_t *ret_count, struct error *err) {
    struct page page = {.limit = 500};
    const char *next;
    struct ca_record *items = NULL;
    size_t count = 0, kept = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_list(tx.tx, arena, &scope_everything, &page, &items, &count, &next, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        if (items[i].certificate.len > 0)
            items[kept++] = items[i];
    *ret_items = items;
    *ret_count = kept;
    return true;
}

bool authority_chain(struct core *core, struct arena *arena, const struct ca_record *ca,
                     struct view **ret_ders, size_t *ret_count, struct error *err) {
    (void)core;
    struct view run = ca->chain;
    struct view *ders = arena_array(arena, ca->chain.len / 64 + 2, sizeof *ders);
    size_t count = 0;
    if (ca->certificate.len > 0)
        ders[count++] = ca->certificate;
    while (run.len > 0) {
        if (!der_next(&run, &ders[count]))
            return fail_internal(err, "CA %s: the stored chain is broken", ca->slug);
        count++;
    }
    *ret_ders = ders;
    *ret_count = count;
    return true;
}

static struct text_list one(struct arena *arena, const char *text) {
    struct text_list list = {arena_array(arena, 1, sizeof(char *)), 1};
    list.items[0] = text;
    return list;
}

bool authority_urls(struct core *core, struct arena *arena, const struct ca_record *ca,
                    struct ca_urls *ret, struct error *err) {
    struct ca_settings settings;
    struct core_urls base;
    TRY(authority_settings(arena, ca, &settings, err));
    TRY(core_public_urls(core, arena, &base, err));
    const char *slug = ca->slug; /* a generation's view has its number in the slug already */
    if (ca->generation > 1 && strchr(slug, '.') == NULL)
        slug = arena_printf(arena, "%s.%lld", slug, (long long)ca->generation);
    *ret = (struct ca_urls){
        .crl = settings.crl_urls, .ca_issuers = settings.ca_issuer_urls, .ocsp = settings.ocsp_urls};
    if (settings.crl.delta_hours > 0)
        ret->freshest = one(arena, arena_printf(arena, "%s/crl/%s/delta.crl", base.http, slug));
    if (ret->crl.count == 0)
        ret->crl = one(arena, arena_printf(arena, "%s/crl/%s.crl", base.http, slug));
    if (ret->ca_issuers.count == 0)
        ret->ca_issuers = one(arena, arena_printf(arena, "%s/ca/%s.crt", base.http, slug));
    if (ret->ocsp.count == 0)
        ret->ocsp = one(arena, arena_printf(arena, "%s/ocsp/%s", base.http, slug));
    return true;
}

static bool note_ca(struct tx *tx, const struct actor *actor, const struct ca_record *ca,
                    const char *code, const char *details, struct error *err) {
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "ca",
                                            .object = ca->slug,
                                            .details = details},
                       err);
}

/* The settings with the members of `change` over them; one level of objects is merged member by member. */
static const struct json *merged(struct arena *arena, const struct json *old,
                                 const struct json *change) {
    struct json *result = arena_alloc(arena, sizeof *result);
    const struct json **link = &result->first;
    result->type = JSON_OBJECT;
    JSON_EACH(member, old) {
        struct json *copy = arena_alloc(arena, sizeof *copy);
        const struct json *over = json_get(change, member->name);
        *copy = over == NULL ? *member : *over;
        if (over != NULL && over->type == JSON_OBJECT && member->type == JSON_OBJECT)
            *copy = *merged(arena, member, over);
        copy->name = member->name;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        result->count++;
    }
    JSON_EACH(member, change)
        if (json_get(old, member->name) == NULL) {
            struct json *copy = arena_alloc(arena, sizeof *copy);
            *copy = *member;
            copy->next = NULL;
            *link = copy;
            link = &copy->next;
            result->count++;
        }
    return result;
}

static bool new_settings(struct arena *arena, const struct ca_record *ca, const struct json *change,
                         const char **ret_text, struct error *err) {
    const struct json *old;
    struct ca_settings before, settings;
    if (change == NULL) {
        *ret_text = ca->settings;
        return true;
    }
    if (change->type != JSON_OBJECT)
        return fail(err, ERROR_MALFORMED, "wrong-type", "\"settings\" must be an object.");
    TRY(json_parse(arena, view_text(ca->settings), &old, err));
    TRY(authority_settings_read(arena, merged(arena, old, change), &settings, err));
    TRY(authority_settings(arena, ca, &before, err) && status_settings_change(&before, &settings, err));
    *ret_text = authority_settings_write(arena, &settings);
    return true;
}

static bool new_state(const struct ca_record *ca, const bool *enabled, enum ca_state *ret_state,
                      struct error *err) {
    *ret_state = ca->state;
    if (enabled == NULL)
        return true;
    if (ca->state == CA_WAITING)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s waits for its certificate; import it first.", ca->slug);
    if (ca->state == CA_CERTIFICATE_ONLY)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s is certificate only: its key is elsewhere, so it signs nothing here.",
                    ca->slug);
    *ret_state = *enabled ? CA_ACTIVE : CA_DISABLED;
    return true;
}

static bool change_in(struct tx *tx, struct arena *arena, const struct actor *actor, const char *slug,
                      const struct ca_change *change, struct ca_record *ca, struct error *err) {
    struct scope scope;
    const char *settings, *name;
    enum ca_state state;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TRY(ca_by_slug(tx, arena, &scope, slug, ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca->organisation_id, ca->id, err));
    if (change->revision != 0 && change->revision != ca->revision)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The authority %s was changed since it was read; read it again.", ca->slug);
    TRY(new_settings(arena, ca, change->settings, &settings, err));
    TRY(new_state(ca, change->enabled, &state, err));
    name = change->name == NULL ? ca->name : change->name;
    if (name[0] == '\0' || strlen(name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A CA's name has 1 to 100 bytes.");
    const char *details = arena_printf(arena, "{\"before\":%s,\"after\":%s}", ca->settings, settings);
    TRY(ca_update(tx, ca->id, ca->revision, name, settings, state, err));
    ca->name = name;
    ca->settings = settings;
    ca->state = state;
    ca->revision++;
    return note_ca(tx, actor, ca, "ca.changed", details, err);
}

bool authority_change(struct core *core, struct arena *arena, const struct actor *actor,
                      const char *slug, const struct ca_change *change, struct ca_record *ret,
                      struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = change_in(tx.tx, arena, actor, slug, change, ret, err);
    if (done)
        status_cache_forget(core);
    return done;
}

bool authority_remove(struct core *core, struct arena *arena, const struct actor *actor,
                      const char *slug, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = ca_by_slug(tx.tx, arena, &scope, slug, &ca, err) &&
                actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err) &&
                ca_delete(tx.tx, ca.id, clock_now_us(), err) &&
                note_ca(tx.tx, actor, &ca, "ca.deleted", NULL, err);
    }
    if (done)
        status_cache_forget(core);
    return done;
}

static const char *names_of(struct arena *arena, const struct ca_below *below) {
    struct buffer text = buffer_on(arena);
    for (size_t i = 0; i < below->template_count && i < 10; i++)
        buffer_printf(&text, "%s%s", i == 0 ? "" : ", ", below->templates[i]);
    if (below->template_count > 10)
        buffer_printf(&text, " and %zu more", below->template_count - 10);
    return buffer_text(&text);
}

bool authority_remove_confirmed(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *slug, const char *typed, struct error *err) {
    struct ca_record ca;
    struct ca_below below = {.template_count = 0};
    bool done = false;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    if (typed != NULL && strcmp(typed, ca.name) == 0)
        return authority_remove(core, arena, actor, slug, err);
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_below(tx.tx, arena, ca.id, &below, err);
    TRY(done);
    return fail(err, ERROR_CONFLICT, "confirmation",
                "Deleting \"%.100s\" cannot be undone. With it go %zu template%s (%.200s), %lld service "
                "certificates and its CRLs; %lld certificates stay in the records. To go on, give its name as "
                "the parameter \"confirm\".",
                ca.name, below.template_count, below.template_count == 1 ? "" : "s", names_of(arena, &below),
                (long long)below.services, (long long)below.certificates);
}
