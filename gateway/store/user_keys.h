/* Keys that were made here for people, and what is asked about those kept for recovery. */
#ifndef GATEHOUSE_STORE_USER_KEYS_H
#define GATEHOUSE_STORE_USER_KEYS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

#define USER_KEYS_MOST 200 /* of one user */

enum user_key_kind {
    USER_KEY_OWN = 1,     /* its owner has it out, nobody else */
    USER_KEY_SHARED = 2,  /* its owner has it out; two others together may recover it */
    USER_KEY_ESCROW = 3,  /* its owner had it once; two others together may recover it */
};
struct user_key_record {
    struct uuid id, owner_id, organisation_id;
    const char *owner; /* user name; read only */
    const char *name, *key_type;
    enum user_key_kind kind;
    const char *sealed;      /* the key (ca/person_key.h), in its place (ca/secret.h) */
    struct view spki;
    struct view certificate; /* made with it, DER; or empty */
    int64_t created_us;
};
/* ERROR_CONFLICT "too-many" beyond USER_KEYS_MOST. */
MUST_USE bool user_key_insert(struct tx *tx, const struct user_key_record *key, struct error *err);
/* One that is not deleted. ERROR_NOT_FOUND. */
MUST_USE bool user_key_get(struct tx *tx, struct arena *arena, struct uuid id,
                           struct user_key_record *ret, struct error *err);
/* All of an owner, newest first; without `sealed`. */
MUST_USE bool user_key_list(struct tx *tx, struct arena *arena, struct uuid owner_id,
                            struct user_key_record **ret_items, size_t *ret_count,
                            struct error *err);
/* Those of other people that can be recovered by who has this scope, newest first; without `sealed`. */
MUST_USE bool user_key_recoverable(struct tx *tx, struct arena *arena, const struct scope *scope,
                                   const struct page *page, struct user_key_record **ret_items,
                                   size_t *ret_count, const char **ret_next, struct error *err);
MUST_USE bool user_key_set_certificate(struct tx *tx, struct uuid id, struct view certificate,
                                       struct error *err);
/* The wrapped key is overwritten; the row stays. ERROR_NOT_FOUND. */
MUST_USE bool user_key_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);

enum recovery_state { RECOVERY_ASKED = 1, RECOVERY_APPROVED = 2, RECOVERY_DECLINED = 3, RECOVERY_DONE = 4 };
struct recovery_record {
    struct uuid id, key_id, asker_id, decider_id; /* decider nil: not yet */
    struct uuid organisation_id;                  /* of the key; read only */
    const char *asker, *decider, *reason;
    enum recovery_state state;
    int64_t created_us, changed_us;
};
MUST_USE bool recovery_insert(struct tx *tx, const struct recovery_record *recovery,
                              struct error *err);
MUST_USE bool recovery_get(struct tx *tx, struct arena *arena, struct uuid id,
                           struct recovery_record *ret, struct error *err);
/* Newest first, at most 200, of keys in the scope. */
MUST_USE bool recovery_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                            struct recovery_record **ret_items, size_t *ret_count,
                            struct error *err);
/* From one state to the next; ERROR_CONFLICT "changed-meanwhile" when it is in another one. */
MUST_USE bool recovery_move(struct tx *tx, const struct recovery_record *recovery,
                            enum recovery_state from, struct error *err);

#endif
