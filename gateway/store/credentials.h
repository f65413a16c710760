/* Credentials of devices and the delays of those who guess at them. Bound to one template; only recognised
 * (hashes) or sealed: the rules are in ca/credentials.h. */
#ifndef GATEHOUSE_STORE_CREDENTIALS_H
#define GATEHOUSE_STORE_CREDENTIALS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

#define MAX_SEALED 2000
#define MAX_CHOSEN_CREDENTIALS 16 /* of one template and kind: each try hashes against all of them */

struct credential_record {
    struct uuid id, template_id;
    int kind;
    const char *name, *label;
    struct view hash;          /* SHA-256 of a made secret, or empty */
    const char *password_hash; /* Argon2id of a chosen one, or "" */
    const char *sealed;        /* or "" */
    int64_t uses, used;        /* uses 0: any number */
    int64_t created_us, expires_us, last_used_us; /* 0: never */
    struct uuid maker_id;
    const char *maker;
    const char *bound;         /* JSON */
    bool revoked;
};
/* ERROR_CONFLICT "exists" when the name (or the secret) is in use with this template. */
MUST_USE bool credential_insert(struct tx *tx, const struct credential_record *record,
                                struct error *err);
/* ERROR_NOT_FOUND, also when its template lies outside the scope. */
MUST_USE bool credential_by_id(struct tx *tx, struct arena *arena, const struct scope *scope,
                               struct uuid id, struct credential_record *ret, struct error *err);
MUST_USE bool credential_by_hash(struct tx *tx, struct arena *arena, struct uuid template_id,
                                 int kind, const uint8_t hash[static 32],
                                 struct credential_record *ret, struct error *err);
/* Not revoked. */
MUST_USE bool credential_named(struct tx *tx, struct arena *arena, struct uuid template_id, int kind,
                               const char *name, struct credential_record *ret, struct error *err);
/* Chosen secrets that are neither revoked nor over; at most MAX_CHOSEN_CREDENTIALS. */
MUST_USE bool credential_chosen(struct tx *tx, struct arena *arena, struct uuid template_id, int kind,
                                int64_t now_us, struct credential_record **ret_items,
                                size_t *ret_count, struct error *err);
/* ret_spent: whether there was a use left. */
MUST_USE bool credential_use(struct tx *tx, struct uuid id, int64_t now_us, bool *ret_spent,
                             struct error *err);

enum credential_filter_state {
    CREDENTIALS_ALL,
    CREDENTIALS_AVAILABLE,
    CREDENTIALS_CONSUMED,
    CREDENTIALS_EXPIRED,
    CREDENTIALS_REVOKED,
};
struct credential_filter {
    struct uuid template_id;
    int kind; /* 0: every kind */
    enum credential_filter_state state;
    struct uuid maker_id; /* nil: everybody's */
    int64_t now_us;
};
/* Newest first. */
MUST_USE bool credential_list(struct tx *tx, struct arena *arena, const struct credential_filter *filter,
                              const struct page *page, struct credential_record **ret_items,
                              size_t *ret_count, const char **ret_next, struct error *err);
/* At most 10000 a call. */
MUST_USE bool credential_delete(struct tx *tx, const struct credential_filter *filter,
                                int64_t *ret_deleted, struct error *err);
MUST_USE bool credential_mark_revoked(struct tx *tx, struct uuid id, struct error *err);
/* Static ones (uses 0) of this template and kind that end later than that, end then: for a new passphrase
 * that overlaps the old one for a while. */
MUST_USE bool credential_end_static(struct tx *tx, struct uuid template_id, int kind,
                                    int64_t until_us, struct error *err);

/* Guessing. *ret_retry_after_us 0 and *ret_failures 0 when nothing is known of the place. */
MUST_USE bool guess_get(struct tx *tx, const char *place, int64_t *ret_failures,
                        int64_t *ret_retry_after_us, struct error *err);
MUST_USE bool guess_failed(struct tx *tx, const char *place, int64_t now_us, int64_t retry_after_us,
                           struct error *err);
MUST_USE bool guess_forget(struct tx *tx, const char *place, struct error *err);
/* Those that have not changed since; at most 10000 a call. */
MUST_USE bool guess_purge(struct tx *tx, int64_t before_us, struct error *err);

#endif
