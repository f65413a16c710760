/* Keys of authorities and services: making them, opening them, and a small cache of opened ones. */
#ifndef GATEHOUSE_CA_KEY_USE_H
#define GATEHOUSE_CA_KEY_USE_H

#include "ca/core.h"
#include "store/cas.h"

/* Opened keys by id; bounded, any thread. The cache holds a reference of its own. */
struct key_cache;
struct key_cache *key_cache_new(void);
void key_cache_free(struct key_cache *cache);
EVP_PKEY *key_cache_get(struct key_cache *cache, struct uuid id); /* a reference for the caller, or NULL */
void key_cache_clear(struct key_cache *cache); /* all of them */
void key_cache_put(struct key_cache *cache, struct uuid id, EVP_PKEY *key);
/* Its row has changed: this node reads it again at once, the others within 15 seconds. */
void key_cache_forget(struct key_cache *cache, struct uuid id);

/* A new managed key, or (uri not NULL) a key that exists in a token; nothing is stored yet. ret_key is the
 * opened remote key, ret_record lives on the arena. */
MUST_USE bool key_make(struct core *core, struct arena *arena, const char *key_type, const char *uri,
                       enum key_purpose purpose, struct uuid organisation_id,
                       struct key_record *ret_record, EVP_PKEY **ret_key, struct error *err);
/* The same for a private key from elsewhere (PKCS#8 DER): it is wrapped by the managed token. */
MUST_USE bool key_import(struct core *core, struct arena *arena, struct view pkcs8, enum key_purpose purpose,
                         struct uuid organisation_id, struct key_record *ret_record, EVP_PKEY **ret_key,
                         struct error *err);
/* A public key alone: somebody else has the private one. */
MUST_USE bool key_public(struct arena *arena, EVP_PKEY *key, struct uuid organisation_id,
                         struct key_record *ret_record, struct error *err);
/* ERROR_CONFLICT "no-key" for a public key alone. */
MUST_USE bool key_open(struct core *core, struct arena *arena, const struct key_record *record,
                       EVP_PKEY **ret_key, struct error *err);

#endif
