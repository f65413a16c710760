/* Starters: documents to begin a template with, in sets by use case. They are data:
 * gateway/template/starters, one JSON file a set, compiled in. */
#ifndef GATEHOUSE_TEMPLATE_STARTERS_H
#define GATEHOUSE_TEMPLATE_STARTERS_H

#include "base/arena.h"

struct template_starter {
    const char *id, *name, *document; /* JSON; what it does not say is the default */
    const char *set;                  /* id of its set */
};
/* All of them; "web-server" is the first. */
const struct template_starter *template_starters(size_t *ret_count);

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

/* The files, for starters.c and tests. */
extern const struct view starter_files[];
extern const size_t starter_file_count;

#endif
