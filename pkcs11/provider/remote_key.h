/* A key in the signer as the provider sees it: its public half, and how to name it to the signer.
 * Immutable but for the handle; shared by reference between EVP_PKEYs and running operations. */
#ifndef GATEHOUSE_PROVIDER_REMOTE_KEY_H
#define GATEHOUSE_PROVIDER_REMOTE_KEY_H

#include "provider/client.h"

struct remote_key;

/* Copies everything, takes a reference on the signer. The handle is asked for at first use. */
MUST_USE bool remote_key_managed(struct signer *signer, struct view blob, struct view spki,
                                 unsigned purpose, struct remote_key **ret_key, struct error *err);
/* Asks the signer at once, which says what the public key is. */
MUST_USE bool remote_key_token(struct signer *signer, const char *uri, struct remote_key **ret_key,
                               struct error *err);
/* The same when it is known. ERROR_CONFLICT "key-mismatch". */
MUST_USE bool remote_key_known(struct signer *signer, const char *uri, struct view spki,
                               struct remote_key **ret_key, struct error *err);
struct remote_key *remote_key_reference(struct remote_key *key);
void remote_key_release(struct remote_key *key); /* NULL is accepted */

/* Of the default provider; lives as long as the key. */
EVP_PKEY *remote_key_public(const struct remote_key *key);
struct view remote_key_spki(const struct remote_key *key); /* the same as DER */
/* A signature by a token that is not ours is verified before it is used. */
bool remote_key_is_foreign(const struct remote_key *key);

/* The signature that remote_key_operate gave this thread last does not verify. True: somebody else may be asked. */
bool remote_key_wrong(struct remote_key *key);

/* Sends a WIRE_SIGN or WIRE_DECRYPT request; the handle is filled in, and asked for again when the
 * signer does not know it (any more). On failure the error is also left for signer_take_error. */
MUST_USE bool remote_key_operate(struct remote_key *key, struct wire_request *request, uint8_t *out,
                                 size_t *len, size_t size);

/* Notes why an operation failed: in OpenSSL's error queue, and for signer_take_error. Returns 0. */
int provider_failed(const struct error *err);

#endif
