#include "ca/templates.h"

#include "base/clock.h"
#include "ca/slug.h"
#include "store/cas.h"
#include "store/organisations.h"

#include <string.h>

static bool check_name(const char *name, struct error *err) {
    return (name[0] != '\0' && strlen(name) <= 100) ||
           fail(err, ERROR_POLICY, "bad-name", "A template's name has 1 to 100 bytes.");
}

bool template_note(struct tx *tx, const struct actor *actor, const struct ca_record *ca,
                   const char *code, const char *slug, const char *details, struct error *err) {
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "template",
                                            .object = slug,
                                            .details = details},
                       err);
}

/* The CA of a template act; the actor must see it and have the permission on it. */
bool template_authorized_ca(struct tx *tx, struct arena *arena, const struct actor *actor,
                            enum permission permission, const char *slug, struct ca_record *ret,
                            struct error *err) {
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TRY(ca_by_slug(tx, arena, &scope, slug, ret, err));
    return actor_may(actor, permission, ret->organisation_id, ret->id, err);
}

bool template_create(struct core *core, struct arena *arena, const struct actor *actor,
                     const char *ca_slug, const char *name, const struct json *document,
                     struct template_record *ret, struct error *err) {
    struct template_record record = {.id = uuid_new(), .name = name, .version = 1};
    record.created_us = record.changed_us = clock_now_us();
    TRY(check_name(name, err));
    TRY(template_normalize(arena, document, &record.document, err));
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok =
            template_authorized_ca(tx.tx, arena, actor, MAY_MANAGE_TEMPLATES, ca_slug, &ca, err) &&
            slug_claim(tx.tx, arena, SLUG_TEMPLATE, slug_from_name(arena, name, ca_slug), record.id,
                       &record.slug, err);
        if (tx.ok) {
            record.ca_id = ca.id;
            record.ca_slug = ca.slug;
            tx.ok = template_insert(tx.tx, &record, err) &&
                    template_note(tx.tx, actor, &ca, "template.created", record.slug,
                                  record.document, err);
        }
    }
    TRY(done);
    *ret = record;
    return true;
}

bool template_get(struct core *core, struct arena *arena, const struct actor *actor,
                  const char *slug, struct template_record *ret, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(core), &done, err)
    tx.ok = template_by_slug(tx.tx, arena, &scope, slug, ret, err);
    return done;
}

bool template_page(struct core *core, struct arena *arena, const struct actor *actor,
                   const char *ca_slug, const struct page *page, struct template_record **ret_items,
                   size_t *ret_count, const char **ret_next, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok =
            ca_by_slug(tx.tx, arena, &scope, ca_slug, &ca, err) &&
            template_list(tx.tx, arena, &scope, ca.id, page, ret_items, ret_count, ret_next, err);
    }
    return done;
}

bool template_history(struct core *core, struct arena *arena, const struct actor *actor,
                      const char *slug, struct template_record **ret_items, size_t *ret_count,
                      struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(core), &done, err) {
        struct template_record record;
        tx.ok = template_by_slug(tx.tx, arena, &scope, slug, &record, err) &&
                template_versions(tx.tx, arena, record.id, ret_items, ret_count, err);
    }
    return done;
}

bool template_at(struct core *core, struct arena *arena, const struct actor *actor,
                 const char *slug, int64_t version, struct template_record *ret,
                 struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(core), &done, err) {
        struct template_record record;
        tx.ok = template_by_slug(tx.tx, arena, &scope, slug, &record, err) &&
                template_version(tx.tx, arena, record.id, version, ret, err);
    }
    return done;
}

static bool authorized_template(struct tx *tx, struct arena *arena, const struct actor *actor,
                                const char *slug, struct template_record *ret_template,
                                struct ca_record *ret_ca, struct error *err) {
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TRY(template_by_slug(tx, arena, &scope, slug, ret_template, err));
    TRY(ca_by_id(tx, arena, &scope, ret_template->ca_id, ret_ca, err));
    return actor_may(actor, MAY_MANAGE_TEMPLATES, ret_ca->organisation_id, ret_ca->id, err);
}

bool template_change(struct core *core, struct arena *arena, const struct actor *actor,
                     const char *slug, int64_t version, const char *name,
                     const struct json *document, struct template_record *ret, struct error *err) {
    const char *text;
    bool done = false;
    TRY(check_name(name, err));
    TRY(template_normalize(arena, document, &text, err));
    int64_t now = clock_now_us();
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = authorized_template(tx.tx, arena, actor, slug, ret, &ca, err);
        if (tx.ok) {
            const char *details =
                arena_printf(arena, "{\"before\":%s,\"after\":%s}", ret->document, text);
            tx.ok = template_update(tx.tx, ret->id, version, name, text, now, err) &&
                    template_note(tx.tx, actor, &ca, "template.changed", slug, details, err);
        }
    }
    TRY(done);
    ret->version = version + 1;
    ret->name = name;
    ret->document = text;
    ret->changed_us = now;
    return true;
}

bool template_remove(struct core *core, struct arena *arena, const struct actor *actor,
                     const char *slug, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct template_record record;
        struct ca_record ca;
        tx.ok = authorized_template(tx.tx, arena, actor, slug, &record, &ca, err) &&
                template_delete(tx.tx, record.id, clock_now_us(), err) &&
                template_note(tx.tx, actor, &ca, "template.deleted", slug, NULL, err);
    }
    return done;
}
