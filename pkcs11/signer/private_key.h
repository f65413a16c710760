/* Keys from outside, as attributes of an object. */
#ifndef GATEHOUSE_SIGNER_PRIVATE_KEY_H
#define GATEHOUSE_SIGNER_PRIVATE_KEY_H

#include "signer/template.h"

/* From PKCS#8 (DER), not encrypted. ERROR_MALFORMED "bad-private-key", ERROR_POLICY "weak-key". */
MUST_USE bool private_key_decode(struct view pkcs8, EVP_PKEY **ret_key, const struct key_type **ret_type,
                                 struct error *err);
/* The rows of the private part; what they point to is on the arena. */
MUST_USE bool private_key_add(struct template *t, struct arena *arena, const struct key_type *type, EVP_PKEY *key,
                              struct error *err);
/* The same of the public part. */
MUST_USE bool public_key_add(struct template *t, struct arena *arena, const struct key_type *type, EVP_PKEY *key);

#endif
