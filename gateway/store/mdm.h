/* Keys that the MDM web service had made, for templates that want them kept. */
#ifndef GATEHOUSE_STORE_MDM_H
#define GATEHOUSE_STORE_MDM_H

#include "store/db.h"

struct mdm_key_record {
    struct uuid request_id, template_id;
    struct uuid owner_id;  /* the user it was made for: nobody else gets it again */
    const char *sealed;    /* the key (ca/person_key.h), in its place (ca/secret.h) */
    int64_t until_us;
};
MUST_USE bool mdm_key_insert(struct tx *tx, const struct mdm_key_record *key, struct error *err);
/* ERROR_NOT_FOUND: never there, over, or another's. */
MUST_USE bool mdm_key_get(struct tx *tx, struct arena *arena, const struct mdm_key_record *which,
                          int64_t now_us, struct mdm_key_record *ret, struct error *err);
/* Removes up to 100 keys whose time is over. */
MUST_USE bool mdm_key_sweep(struct tx *tx, int64_t now_us, struct error *err);

#endif
