/* One signature or decryption with an object of a token, in a session that the caller holds. */
#ifndef GATEHOUSE_SIGNER_OPERATE_H
#define GATEHOUSE_SIGNER_OPERATE_H

#include "signer/mechanism.h"
#include "signer/token.h"

#define RESULT_MAX ((size_t)50 * 1024) /* SLH-DSA-256f signatures have 49,856 bytes */

struct use {
    struct token *token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    bool always_authenticate; /* the key wants its own log-in for every use */
};

/* `out` has room for RESULT_MAX bytes. The signature comes as X.509 wants it: for ECDSA that is
 * DER. */
CK_RV use_sign(const struct use *use, const struct key_type *type, struct operation *operation,
               uint8_t *out, size_t *ret_len);
CK_RV use_decrypt(const struct use *use, struct operation *operation, uint8_t *out,
                  size_t *ret_len);

#endif
