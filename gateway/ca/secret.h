/* Secrets that the instance must be able to use again (EAB keys, MAC secrets, passwords of outside services):
 * AES-256-GCM under the instance's data key, which is kept encrypted (RSA-OAEP) to a managed key, so that the
 * database alone opens nothing. What only has to be recognised is hashed instead. */
#ifndef GATEHOUSE_CA_SECRET_H
#define GATEHOUSE_CA_SECRET_H

#include "ca/core.h"

/* A key of 32 octets that nobody stores: made of the data key and `place` (HMAC-SHA256), always the same. */
MUST_USE bool secret_derive(struct core *core, const char *place, uint8_t ret_key[static 32], struct error *err);
/* `place` names table, row and column ("acme_eab/<id>/key"): a sealed value opens in its place alone.
 * ret_sealed is printable (base64url, with a version in front), at most 4/3 of the secret and 64 octets. */
MUST_USE bool secret_seal(struct core *core, struct arena *arena, const char *place, struct view secret,
                          const char **ret_sealed, struct error *err);
/* ERROR_INTERNAL when it was changed or belongs elsewhere; ERROR_UNAVAILABLE when the signer is away. */
MUST_USE bool secret_open(struct core *core, struct arena *arena, const char *place, const char *sealed,
                          struct view *ret_secret, struct error *err);

#endif
