/* From the wire's words for a signature or decryption to Cryptoki's mechanism, its parameters and
 * its input. */
#ifndef GATEHOUSE_SIGNER_MECHANISM_H
#define GATEHOUSE_SIGNER_MECHANISM_H

#include "signer/keytype.h"
#include "wire/messages.h"

struct operation {
    CK_MECHANISM mechanism; /* points into this structure: do not copy it */
    struct view input;      /* borrowed, or in digest_info */
    union {
        CK_RSA_PKCS_PSS_PARAMS pss;
        CK_RSA_PKCS_OAEP_PARAMS oaep;
        CK_EDDSA_PARAMS eddsa;
        CK_SIGN_ADDITIONAL_CONTEXT context;
    };
    uint8_t digest_info[96];
};

/* A signature request as it came over the wire. `data` is the digest for RSA and ECDSA, else the
 * message. */
struct sign_terms {
    unsigned scheme, digest, mgf_digest;
    size_t salt_length;
    struct view context, data;
};

/* Refuses what does not fit the key's type: ERROR_POLICY "key-unfit", ERROR_MALFORMED "bad-data".
 */
MUST_USE bool operation_sign(const struct key_type *type, const struct sign_terms *terms,
                             struct operation *ret_operation, struct error *err);

struct decrypt_terms {
    unsigned scheme, digest, mgf_digest;
    struct view label, data;
};
MUST_USE bool operation_decrypt(const struct key_type *type, const struct decrypt_terms *terms,
                                struct operation *ret_operation, struct error *err);

#endif
