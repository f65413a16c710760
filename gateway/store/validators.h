/* Authorities of others that we answer for, and the lists that they publish. */
#ifndef GATEHOUSE_STORE_VALIDATORS_H
#define GATEHOUSE_STORE_VALIDATORS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

enum validator_list_kind { VALIDATOR_COMPLETE = 1, VALIDATOR_DELTA = 2, VALIDATOR_ISSUED = 3 };

struct validator_list {
    struct uuid id, validator_id; /* id nil: there is none */
    enum validator_list_kind kind;
    struct view number, base_number; /* content octets of INTEGERs; may be empty */
    int64_t this_update_us, next_update_us, entries, size, created_us;
    uint8_t fingerprint[32];
};

struct validator_record {
    struct uuid id, organisation_id;
    const char *slug, *name;
    struct view certificate; /* of the foreign CA, DER */
    const char *settings;    /* JSON */
    struct uuid key_id;      /* of the responder */
    struct view csr;         /* its request, DER */
    struct view responder;   /* its certificate, DER; empty while waiting */
    int64_t epoch, revision;
    struct validator_list complete, delta, issued;
    int64_t checked_us;      /* of the last look at the sources */
    const char *problem;     /* why it gave no list; "": it did */
    int64_t created_us;
};

/* ERROR_CONFLICT "exists" on its slug. */
MUST_USE bool validator_insert(struct tx *tx, const struct validator_record *validator, struct error *err);
/* scope NULL: for the public documents. ERROR_NOT_FOUND. */
MUST_USE bool validator_by_slug(struct tx *tx, struct arena *arena, const struct scope *scope, const char *slug,
                                struct validator_record *ret, struct error *err);
/* All in scope (organisations alone), by slug; there are few. */
MUST_USE bool validator_all(struct tx *tx, struct arena *arena, const struct scope *scope,
                            struct validator_record **ret_items, size_t *ret_count, struct error *err);
/* Name, settings and responder certificate; moves epoch and revision. ERROR_CONFLICT "changed-meanwhile". */
MUST_USE bool validator_update(struct tx *tx, const struct validator_record *validator, struct error *err);
MUST_USE bool validator_checked(struct tx *tx, struct uuid id, int64_t now_us, const char *problem,
                                struct error *err);
MUST_USE bool validator_remove(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);

/* Stores the list and puts it in the place of the present one of its kind; moves the epoch. A new complete list
 * drops a delta that it is as new as. */
MUST_USE bool validator_list_put(struct tx *tx, const struct validator_list *list, struct view document,
                                 bool drop_delta, struct error *err);
/* Its document on the arena; ERROR_NOT_FOUND when it was replaced meanwhile. */
MUST_USE bool validator_list_document(struct tx *tx, struct arena *arena, const struct validator_list *list,
                                      struct view *ret_document, struct error *err);

#endif
