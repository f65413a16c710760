/* The inventory: what people write about certificates, saved views, fields of their own. */
#ifndef GATEHOUSE_CA_INVENTORY_H
#define GATEHOUSE_CA_INVENTORY_H

#include "ca/core.h"
#include "store/certificates.h"
#include "store/notes.h"

/* --- owner, tags, fields, archive (MAY_EDIT_CERTIFICATES) ------------------------------------------- */

struct certificate_edit { /* NULL: unchanged */
    int64_t revision;     /* the one it is based on (certificate_record.note_revision), else
                             ERROR_CONFLICT "changed-meanwhile"; -1: any */
    const char *owner;    /* "": none */
    const struct json *tags;                   /* array: instead of all */
    const struct json *add_tags, *remove_tags; /* arrays */
    const struct json *fields; /* object: member by member; null removes one */
    const bool *archived;      /* what is put away is not in lists; nothing else changes */
};
/* ERROR_POLICY "bad-tag", "bad-owner", "bad-field" name the rule. */
MUST_USE bool certificate_edit(struct core *core, struct arena *arena, const struct actor *actor,
                               struct uuid id, const struct certificate_edit *edit,
                               struct certificate_record *ret, struct error *err);
/* Counted to `most` + 1. */
MUST_USE bool certificate_count_all(struct core *core, struct arena *arena, const struct actor *actor,
                                    const char *ca_slug, struct certificate_filter *filter,
                                    int64_t most, int64_t *ret_count, struct error *err);
/* The one it renewed (or nil), those that renewed it. */
struct certificate_lineage {
    struct uuid predecessor, *successors;
    size_t successor_count;
};
MUST_USE bool certificate_lineage(struct core *core, struct arena *arena, struct uuid id,
                                  struct certificate_lineage *ret, struct error *err);

/* --- fields of an organisation's own ---------------------------------------------------------------- */

/* [{"name":"costCentre","label":"Cost centre","type":"text|list|number|date","values":["a"],"pattern":"^[0-9]+$",
 *   "required":false}] */
#define MAX_FIELDS 50
/* Checks the definitions; ERROR_POLICY "bad-field". */
MUST_USE bool fields_check(const struct json *definitions, struct error *err);
/* Whether the values (an object) fit the definitions; required ones must be there. */
MUST_USE bool fields_check_values(const struct json *definitions, const struct json *values,
                                  struct error *err);
/* organisation: slug, NULL for the default one. Reading needs MAY_READ_CERTIFICATES, writing MAY_MANAGE_SETTINGS
 * of the organisation. */
MUST_USE bool fields_get(struct core *core, struct arena *arena, const struct actor *actor,
                         const char *organisation, struct field_document *ret, struct error *err);
MUST_USE bool fields_put(struct core *core, struct arena *arena, const struct actor *actor,
                         const char *organisation, const struct json *definitions, int64_t version,
                         struct field_document *ret, struct error *err);

/* --- views: the actor's own ------------------------------------------------------------------------- */

MUST_USE bool view_create(struct core *core, struct arena *arena, const struct actor *actor,
                          const char *name, const char *filter, struct view_record *ret,
                          struct error *err);
MUST_USE bool view_all(struct core *core, struct arena *arena, const struct actor *actor,
                       struct view_record **ret_items, size_t *ret_count, struct error *err);
MUST_USE bool view_remove(struct core *core, const struct actor *actor, struct uuid id,
                          struct error *err);

#endif
