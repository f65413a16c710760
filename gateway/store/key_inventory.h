/* All private keys that the instance knows: where each is, how often it was used, and who uses it. */
#ifndef GATEHOUSE_STORE_KEY_INVENTORY_H
#define GATEHOUSE_STORE_KEY_INVENTORY_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

struct key_item {
    struct uuid id, organisation_id; /* nil: the instance's own */
    bool person;            /* a person's key (user_keys), else of an authority or service */
    const char *key_type;
    int purpose;            /* enum key_purpose; of a person's key KEY_SIGN */
    bool wrapped;           /* by the managed token: the row has the key */
    const char *uri;        /* of a key in a token, else "" */
    const char *name, *owner; /* of a person's key, else "" */
    struct view fingerprint; /* SHA-256 of the SubjectPublicKeyInfo */
    struct view kek;        /* id of the key-encryption key; empty: not known (yet) */
    int64_t uses, last_used_us, created_us, destroyed_us; /* 0: never, not */
};
/* Newest first. Keys of the instance itself are seen by scope->everything alone. */
MUST_USE bool key_item_list(struct tx *tx, struct arena *arena, const struct scope *scope, const struct page *page,
                            struct key_item **ret_items, size_t *ret_count, const char **ret_next,
                            struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool key_item_get(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                           struct key_item *ret, struct error *err);

enum key_use { KEY_OF_CA, KEY_OF_NEXT_CA, KEY_OF_OLD_CA, KEY_OF_SERVICE, KEY_OF_TIMESTAMPS, KEY_OF_VALIDATOR };
struct key_user {
    struct uuid key_id;
    enum key_use use;
    int service;      /* enum service_use of KEY_OF_SERVICE */
    const char *name; /* slug of CA ("": the instance) or validator; name of a timestamping certificate */
};
/* Who needs these keys: CAs that are not deleted, service certificates that have not expired by now_us. */
MUST_USE bool key_users(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count,
                        int64_t now_us, struct key_user **ret_users, size_t *ret_count, struct error *err);
/* Overwrites the wrapped key of an authority or service; the row stays. ERROR_CONFLICT "key-destroyed" when it is gone
 * already, or was never here. */
MUST_USE bool key_destroy(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);

/* Adds to the counter of the key with that fingerprint, whoever's it is; nothing happens when there is none. */
MUST_USE bool key_add_uses(struct tx *tx, const uint8_t fingerprint[static 32], int64_t uses, int64_t last_us,
                           struct error *err);

#endif
