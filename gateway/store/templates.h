/* Templates: belong to one CA; every edit is a new version, old versions are kept. */
#ifndef GATEHOUSE_STORE_TEMPLATES_H
#define GATEHOUSE_STORE_TEMPLATES_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

struct template_record {
    struct uuid id, ca_id;
    const char *ca_slug;      /* read only */
    const char *slug;
    const char *name;         /* of this version, too */
    int64_t version;          /* 1, 2, ... */
    const char *document;     /* JSON of this version */
    int64_t created_us, changed_us;
    const char *starter;      /* what it was made from; "" or NULL: nothing */
};
/* Version 1. ERROR_CONFLICT "exists" on a slug that is in use (claim it first), ERROR_NOT_FOUND without CA. */
MUST_USE bool template_insert(struct tx *tx, const struct template_record *template, struct error *err);
MUST_USE bool template_by_slug(struct tx *tx, struct arena *arena, const struct scope *scope,
                               const char *slug, struct template_record *ret, struct error *err);
/* Those of a CA that were made from starters. */
MUST_USE bool template_started(struct tx *tx, struct arena *arena, struct uuid ca_id,
                               struct template_record **ret_items, size_t *ret_count, struct error *err);
/* Versions of a template, newest first: number, name, when; at most 500. */
MUST_USE bool template_versions(struct tx *tx, struct arena *arena, struct uuid id,
                                struct template_record **ret_items, size_t *ret_count, struct error *err);
/* A given version; version 0 is the newest. Deleted templates are found, too (old requests need them). */
MUST_USE bool template_version(struct tx *tx, struct arena *arena, struct uuid id, int64_t version,
                               struct template_record *ret, struct error *err);
/* By slug. ca_id nil: of all CAs in scope. */
MUST_USE bool template_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                            struct uuid ca_id, const struct page *page,
                            struct template_record **ret_items, size_t *ret_count,
                            const char **ret_next, struct error *err);
/* Adds version old_version + 1; ERROR_CONFLICT "changed-meanwhile" when old_version is not the newest. */
MUST_USE bool template_update(struct tx *tx, struct uuid id, int64_t old_version, const char *name,
                              const char *document, int64_t now_us, struct error *err);
/* ERROR_CONFLICT "template-in-use" while it has open requests or valid certificates. */
MUST_USE bool template_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);

#endif
