/* Keys that EST's serverkeygen had made: kept until the client has them. */
#ifndef GATEHOUSE_STORE_EST_H
#define GATEHOUSE_STORE_EST_H

#include "store/db.h"

struct est_key_record {
    struct uuid request_id;
    const char *sealed; /* the key (ca/person_key.h), in its place (ca/secret.h) */
    const char *proof;  /* Argon2id of the password that whoever fetches it must show again; "": none */
    int64_t created_us;
    int64_t delivered_us; /* the first time; 0: not yet */
};
#define EST_KEY_KEPT_US (3600 * US_PER_SECOND) /* after its delivery: an answer that was lost can be had again */
MUST_USE bool est_key_insert(struct tx *tx, const struct est_key_record *key, struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool est_key_get(struct tx *tx, struct arena *arena, struct uuid request_id,
                          struct est_key_record *ret, struct error *err);
/* Notes the first delivery; later ones change nothing. */
MUST_USE bool est_key_delivered(struct tx *tx, struct uuid request_id, int64_t now_us,
                                struct error *err);
/* Removes up to 10000 keys that were delivered before that time. */
MUST_USE bool est_key_sweep(struct tx *tx, int64_t before_us, struct error *err);
/* Removes up to 10000 keys that nobody fetched and whose request was decided before that time. */
MUST_USE bool est_key_forget(struct tx *tx, int64_t before_us, struct error *err);

#endif
