/* Sets of starters on a CA: made with one call, taken away with another. */
#include "ca/templates.h"

#include "base/clock.h"
#include "ca/slug.h"
#include "store/cas.h"
#include "store/organisations.h"

#include <string.h>

struct work {
    struct tx *tx;
    struct arena *arena;
    const struct actor *actor;
    struct ca_record ca;
    struct template_record *made; /* templates of the CA that come from starters */
    size_t made_count;
    int64_t now_us;
};

static bool open_work(struct work *w, const char *ca_slug, enum permission permission,
                      struct error *err) {
    TRY(template_authorized_ca(w->tx, w->arena, w->actor, permission, ca_slug, &w->ca, err));
    return template_started(w->tx, w->arena, w->ca.id, &w->made, &w->made_count, err);
}

static struct template_record *made_of(const struct work *w, const char *starter) {
    for (size_t i = 0; i < w->made_count; i++)
        if (strcmp(w->made[i].starter, starter) == 0)
            return &w->made[i];
    return NULL;
}

static bool read_document(struct arena *arena, const char *text, struct template *ret,
                          struct error *err) {
    const struct json *document;
    return json_parse(arena, view_text(text), &document, err) &&
           template_from_json(arena, document, ret, err);
}

static bool state_of(const struct work *w, const struct starter_set *set, struct starter_state *ret,
                     struct error *err) {
    *ret = (struct starter_state){.set = set};
    for (size_t i = 0; i < set->count; i++) {
        const struct template_record *made = made_of(w, set->starters[i].id);
        struct template template;
        if (made == NULL)
            continue;
        TRY(read_document(w->arena, made->document, &template, err));
        ret->made++;
        ret->enabled += template.enabled;
    }
    return true;
}

bool starter_states(struct core *core, struct arena *arena, const struct actor *actor,
                    const char *ca_slug, struct starter_state **ret_items, size_t *ret_count,
                    struct error *err) {
    size_t count;
    const struct starter_set *sets = starter_sets(&count);
    struct starter_state *items = arena_array(arena, count + 1, sizeof *items);
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct work w = {.tx = tx.tx, .arena = arena, .actor = actor};
        tx.ok = open_work(&w, ca_slug, MAY_READ_TEMPLATES, err);
        for (size_t i = 0; tx.ok && i < count; i++)
            tx.ok = state_of(&w, &sets[i], &items[i], err);
    }
    TRY(done);
    *ret_items = items;
    *ret_count = count;
    return true;
}

static bool make(const struct work *w, const struct template_starter *starter, struct error *err) {
    struct template_record record = {.id = uuid_new(),
                                     .ca_id = w->ca.id,
                                     .name = starter->name,
                                     .version = 1,
                                     .created_us = w->now_us,
                                     .changed_us = w->now_us,
                                     .starter = starter->id};
    const struct json *document;
    TRY(json_parse(w->arena, view_text(starter->document), &document, err));
    TRY(template_normalize(w->arena, document, &record.document, err));
    return slug_claim(w->tx, w->arena, SLUG_TEMPLATE,
                      slug_from_name(w->arena, record.name, w->ca.slug), record.id, &record.slug,
                      err) &&
           template_insert(w->tx, &record, err) &&
           template_note(w->tx, w->actor, &w->ca, "template.created", record.slug, record.document,
                         err);
}

static bool enable(const struct work *w, const struct template_record *record, bool enabled,
                   struct error *err) {
    struct template template;
    TRY(read_document(w->arena, record->document, &template, err));
    if (template.enabled == enabled)
        return true;
    template.enabled = enabled;
    const char *text = template_to_json(w->arena, &template);
    const char *details =
        arena_printf(w->arena, "{\"before\":%s,\"after\":%s}", record->document, text);
    return template_update(w->tx, record->id, record->version, record->name, text, w->now_us,
                           err) &&
           template_note(w->tx, w->actor, &w->ca, "template.changed", record->slug, details, err);
}

static bool set_on(const struct work *w, const struct starter_set *set, struct error *err) {
    for (size_t i = 0; i < set->count; i++) {
        const struct template_record *made = made_of(w, set->starters[i].id);
        TRY(made == NULL ? make(w, &set->starters[i], err) : enable(w, made, true, err));
    }
    return true;
}

static bool remove_or_disable(const struct work *w, const struct template_record *made,
                              struct error *err) {
    struct error why = {0};
    if (template_delete(w->tx, made->id, w->now_us, &why))
        return template_note(w->tx, w->actor, &w->ca, "template.deleted", made->slug, NULL, err);
    if (why.kind == ERROR_CONFLICT)
        return enable(w, made, false, err);
    *err = why;
    return false;
}

static bool set_off(const struct work *w, const struct starter_set *set, struct error *err) {
    for (size_t i = 0; i < set->count; i++) {
        const struct template_record *made = made_of(w, set->starters[i].id);
        TRY(made == NULL || remove_or_disable(w, made, err));
    }
    return true;
}

static bool switch_set(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *ca_slug, const char *name, bool on, struct starter_state *ret,
                       struct error *err) {
    const struct starter_set *set = starter_set_named(name);
    bool done = false;
    if (set == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "There is no set of starters \"%.60s\"; GET starter-sets lists "
                    "them.",
                    name);
    TX(tx, core_db(core), &done, err) {
        struct work w = {.tx = tx.tx, .arena = arena, .actor = actor, .now_us = clock_now_us()};
        tx.ok = open_work(&w, ca_slug, MAY_MANAGE_TEMPLATES, err) &&
                (on ? set_on(&w, set, err) : set_off(&w, set, err)) &&
                template_started(tx.tx, arena, w.ca.id, &w.made, &w.made_count, err) &&
                state_of(&w, set, ret, err);
    }
    return done;
}

bool starter_set_on(struct core *core, struct arena *arena, const struct actor *actor,
                    const char *ca_slug, const char *set, struct starter_state *ret,
                    struct error *err) {
    return switch_set(core, arena, actor, ca_slug, set, true, ret, err);
}

bool starter_set_off(struct core *core, struct arena *arena, const struct actor *actor,
                     const char *ca_slug, const char *set, struct starter_state *ret,
                     struct error *err) {
    return switch_set(core, arena, actor, ca_slug, set, false, ret, err);
}
