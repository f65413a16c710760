/* What people write about certificates: owner, tags, fields; putting them away; and saved views of lists. */
#ifndef GATEHOUSE_STORE_NOTES_H
#define GATEHOUSE_STORE_NOTES_H

#include "store/db.h"
#include "store/limits.h"

#define MAX_TAG 64  /* characters */
#define MAX_TAGS 50 /* of one certificate */
#define MAX_OWNER 254
#define MAX_FILTER 2000

struct note_record {
    struct uuid certificate_id;
    const char *owner;
    const char *const *tags;
    size_t tag_count;
    const char *fields;   /* JSON object */
    int64_t archived_us;  /* 0: not archived */
    int64_t revision;     /* what the change is based on; 0: the first */
};
/* ERROR_CONFLICT "changed-meanwhile" when the revision has moved. */
MUST_USE bool note_put(struct tx *tx, struct arena *arena, const struct note_record *note,
                       struct error *err);

/* The fields of an organisation: version 0 and "[]" when there are none. */
struct field_document {
    const char *document; /* JSON array */
    int64_t version;
};
MUST_USE bool field_document_get(struct tx *tx, struct arena *arena, struct uuid organisation_id,
                                 struct field_document *ret, struct error *err);
/* `version` is the one it is based on; ERROR_CONFLICT "changed-meanwhile". */
MUST_USE bool field_document_put(struct tx *tx, struct uuid organisation_id,
                                 const struct field_document *document, struct error *err);

struct view_record {
    struct uuid id, user_id;
    const char *name, *filter;
    int64_t created_us;
};
MUST_USE bool view_insert(struct tx *tx, const struct view_record *view, struct error *err);
/* All of a user (at most 200), oldest first. */
MUST_USE bool view_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                        struct view_record **ret_items, size_t *ret_count, struct error *err);
/* ERROR_NOT_FOUND when the user has no such view. */
MUST_USE bool view_delete(struct tx *tx, struct uuid user_id, struct uuid id, struct error *err);

#endif
