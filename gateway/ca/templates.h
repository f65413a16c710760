/* The templates that are kept, and the sets of starters on an authority. */
#ifndef GATEHOUSE_CA_TEMPLATES_H
#define GATEHOUSE_CA_TEMPLATES_H

#include "ca/core.h"
#include "store/cas.h"
#include "store/templates.h"
#include "template/starters.h"
#include "template/template.h"

/* CRUD on behalf of an actor. `document` is JSON as received; `name` 1-100 characters. */
MUST_USE bool template_create(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *ca_slug, const char *name, const struct json *document,
                              struct template_record *ret, struct error *err);
MUST_USE bool template_get(struct core *core, struct arena *arena, const struct actor *actor,
                           const char *slug, struct template_record *ret, struct error *err);
MUST_USE bool template_page(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *ca_slug, const struct page *page,
                            struct template_record **ret_items, size_t *ret_count,
                            const char **ret_next, struct error *err);
/* The versions of a template, newest first: number, name and when. */
MUST_USE bool template_history(struct core *core, struct arena *arena, const struct actor *actor,
                               const char *slug, struct template_record **ret_items, size_t *ret_count,
                               struct error *err);
/* One version of a template; 0: the newest. */
MUST_USE bool template_at(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                          int64_t version, struct template_record *ret, struct error *err);
/* version: the one the edit is based on. */
MUST_USE bool template_change(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, int64_t version, const char *name,
                              const struct json *document, struct template_record *ret,
                              struct error *err);
MUST_USE bool template_remove(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, struct error *err);

/* What a CA has of a set. */
struct starter_state {
    const struct starter_set *set;
    size_t made, enabled; /* templates that are there, and those of them that are on */
};
MUST_USE bool starter_states(struct core *core, struct arena *arena, const struct actor *actor,
                             const char *ca_slug, struct starter_state **ret_items,
                             size_t *ret_count, struct error *err);
/* Makes the templates of the set that the CA lacks, and switches on those that were switched off.
 */
MUST_USE bool starter_set_on(struct core *core, struct arena *arena, const struct actor *actor,
                             const char *ca_slug, const char *set, struct starter_state *ret,
                             struct error *err);
/* Removes those of its templates that nothing needs; switches off the others. */
MUST_USE bool starter_set_off(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *ca_slug, const char *set, struct starter_state *ret,
                              struct error *err);

/* An event of a template. */
MUST_USE bool template_note(struct tx *tx, const struct actor *actor, const struct ca_record *ca,
                            const char *code, const char *slug, const char *details,
                            struct error *err);
/* The CA of a template act; the actor must see it and have the permission on it. */
MUST_USE bool template_authorized_ca(struct tx *tx, struct arena *arena, const struct actor *actor,
                                     enum permission permission, const char *slug,
                                     struct ca_record *ret, struct error *err);

#endif
