/* Second factors, recovery codes, and tickets: the state between two steps of a log-in. */
#ifndef GATEHOUSE_STORE_FACTORS_H
#define GATEHOUSE_STORE_FACTORS_H

#include "store/users.h"

enum factor_kind { FACTOR_TOTP = 1, FACTOR_WEBAUTHN = 2 };
struct factor {
    struct uuid id, user_id;
    enum factor_kind kind;
    const char *label;
    bool confirmed;          /* shown once: only then it counts */
    const char *secret;      /* TOTP: sealed; else "" */
    uint8_t handle[32];      /* SHA-256 of the credential id; of the own id for TOTP */
    struct view credential;  /* WebAuthn: its id */
    struct view public_key;  /* WebAuthn */
    int64_t counter;         /* the last time step, or the signature counter */
    const char *details;     /* JSON */
    int64_t created_us, last_used_us;
};
/* ERROR_CONFLICT "exists" on a credential that is somebody's. */
MUST_USE bool factor_insert(struct tx *tx, const struct factor *factor, struct error *err);
MUST_USE bool factor_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                          struct factor **ret_items, size_t *ret_count, struct error *err);
MUST_USE bool factor_by_handle(struct tx *tx, struct arena *arena, const uint8_t handle[32],
                               struct factor *ret, struct error *err);
/* Notes a use, once per counter: false in *ret_fresh when this counter, or a later one, was seen already.
 * Counters of 0 are those of authenticators that have none. */
MUST_USE bool factor_use(struct tx *tx, struct uuid id, int64_t counter, int64_t now_us,
                         bool *ret_fresh, struct error *err);
MUST_USE bool factor_confirm(struct tx *tx, struct uuid id, struct error *err);
MUST_USE bool factor_delete(struct tx *tx, struct uuid user_id, struct uuid id, struct error *err);
/* All of the user's, with the recovery codes. */
MUST_USE bool factor_delete_user(struct tx *tx, struct uuid user_id, struct error *err);
/* From now on the session has shown a second factor. */
MUST_USE bool session_set_strong(struct tx *tx, const uint8_t hash[32], struct error *err);

/* Replaces all. */
MUST_USE bool recovery_replace(struct tx *tx, struct uuid user_id, const uint8_t (*hashes)[32],
                               size_t count, int64_t now_us, struct error *err);
/* Takes the code away; false in *ret_found when there is none. */
MUST_USE bool recovery_use(struct tx *tx, struct uuid user_id, const uint8_t hash[32], bool *ret_found,
                           struct error *err);
MUST_USE bool recovery_count(struct tx *tx, struct uuid user_id, int64_t *ret_count, struct error *err);

enum ticket_kind { TICKET_SECOND_FACTOR = 1, TICKET_REGISTRATION = 2, TICKET_PASSKEY = 3, TICKET_OIDC = 4 };
struct ticket {
    uint8_t hash[32]; /* SHA-256 of its secret */
    enum ticket_kind kind;
    struct uuid user_id; /* nil: nobody yet */
    const char *document; /* JSON */
    int64_t expires_us;
};
#define TICKET_TRIES 5
MUST_USE bool ticket_insert(struct tx *tx, const struct ticket *ticket, struct error *err);
/* ERROR_NOT_FOUND when it is unknown, of another kind, expired or was tried TICKET_TRIES times. Counts a try. */
MUST_USE bool ticket_try(struct tx *tx, struct arena *arena, const uint8_t hash[32],
                         enum ticket_kind kind, int64_t now_us, struct ticket *ret, struct error *err);
/* Ends it; ERROR_NOT_FOUND when another has done so. */
MUST_USE bool ticket_take(struct tx *tx, const uint8_t hash[32], struct error *err);
/* At most 10000 a call. */
MUST_USE bool ticket_delete_expired(struct tx *tx, int64_t now_us, struct error *err);

#endif
