/* The key types that we make, by the names that templates, database and wire share (see
 * provider/signer.h), and how Cryptoki speaks of them. */
#ifndef GATEHOUSE_SIGNER_KEYTYPE_H
#define GATEHOUSE_SIGNER_KEYTYPE_H

#include "base/arena.h"

#include "cryptoki.h"

#include <openssl/evp.h>

#define KEY_TYPE_NAME_SIZE 33

struct key_type {
    const char *name;    /* "RSA" for every RSA size */
    const char *openssl; /* EVP_PKEY name */
    const char *group;   /* of an EC key, else NULL */
    CK_KEY_TYPE ckk;
    CK_MECHANISM_TYPE generate;
    struct view params;     /* CKA_EC_PARAMS: the OID */
    CK_ULONG parameter_set; /* CKA_PARAMETER_SET, or 0 */
    size_t order_size;      /* of an EC key: bytes of r and s */
};

/* ret_bits is set for RSA (2048 to 8192, a multiple of 256). ERROR_POLICY "unknown-key-type". */
MUST_USE bool key_type_by_name(struct view name, const struct key_type **ret_type,
                               CK_ULONG *ret_bits, struct error *err);
/* ERROR_POLICY "unknown-key-type" when we do not know the key's type. */
MUST_USE bool key_type_of_public(EVP_PKEY *key, const struct key_type **ret_type,
                                 struct error *err);
/* "RSA-3072", "P-256", ... */
void key_type_full_name(const struct key_type *type, EVP_PKEY *key,
                        char ret_name[static KEY_TYPE_NAME_SIZE]);
/* By what a token's object says; NULL when unknown. `params` is CKA_EC_PARAMS (a curve's OID, an old name of an Edwards
 * curve, or a known curve written out in numbers) or empty. */
const struct key_type *key_type_by_object(CK_KEY_TYPE ckk, struct view params,
                                          CK_ULONG parameter_set);

#endif
