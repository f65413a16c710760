/* Starters: documents to begin a template with, in sets by use case. They are data:
 * gateway/ca/starters, one JSON file a set, compiled in. */
#ifndef GATEHOUSE_CA_STARTERS_H
#define GATEHOUSE_CA_STARTERS_H

#include "ca/template.h"

struct starter_set {
    const char *id, *name, *description;
    const struct template_starter *starters;
    size_t count;
};
/* All of them, by set; they live as long as the process. */
const struct starter_set *starter_sets(size_t *ret_count);
/* NULL when there is none. */
const struct template_starter *starter_named(const char *id);
const struct starter_set *starter_set_named(const char *id);

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

/* The files, for starters.c and tests. */
extern const struct view starter_files[];
extern const size_t starter_file_count;

#endif
