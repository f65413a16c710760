/* Public keys as tokens describe them, turned into SubjectPublicKeyInfo. */
#ifndef GATEHOUSE_SIGNER_PUBLIC_KEY_H
#define GATEHOUSE_SIGNER_PUBLIC_KEY_H

#include "signer/keytype.h"

#include <openssl/evp.h>

/* From the attributes of a public key object (for RSA also of a private one). The key is checked:
 * points must lie on their curve. On a failure of the token `*ret_rv` says which, else it is
 * CKR_OK. */
MUST_USE bool public_key_read(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                              CK_OBJECT_HANDLE object, EVP_PKEY **ret_key, CK_RV *ret_rv,
                              struct error *err);
/* From CKA_PUBLIC_KEY_INFO of any key object, where the module keeps one; false without an error
 * text else. */
bool public_key_from_info(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE object, EVP_PKEY **ret_key);

MUST_USE bool public_key_encode(struct arena *arena, EVP_PKEY *key, struct view *ret_spki,
                                struct error *err);
/* ERROR_MALFORMED "bad-public-key" also when bytes are left over. */
MUST_USE bool public_key_decode(struct view spki, EVP_PKEY **ret_key, struct error *err);

#endif
