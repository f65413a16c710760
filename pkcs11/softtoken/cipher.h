/* One encrypting or decrypting operation of a session. */
#ifndef SOFTTOKEN_CIPHER_H
#define SOFTTOKEN_CIPHER_H

#include "mechanism.h"

struct cipher_op {
    bool active;
    bool multipart;
    bool wants_login; /* as in signature.h */
    bool authenticated;
    bool encrypting;
    const struct mechanism *mechanism;
    struct object *key;
    EVP_CIPHER_CTX *ctx;   /* AES */
    EVP_PKEY_CTX *pctx;    /* RSA */
    size_t tag_len;        /* GCM */
    size_t held;           /* CBC, ECB: octets that wait in ctx for their block to fill */
    uint64_t counter_left; /* CTR: octets until its counter would begin again */
    size_t rsa_len;
    struct bytes message; /* GCM decryption: nothing leaves before the tag was verified */
    bool finished;        /* `result` waits for a buffer that is large enough */
    struct bytes result;
};

CK_RV cipher_begin(struct cipher_op *op, const CK_MECHANISM *given, struct object *key,
                   bool encrypting) MUST_USE;
/* What an OAEP operation of OpenSSL needs to know. CKR_MECHANISM_PARAM_INVALID. */
CK_RV oaep_configure(EVP_PKEY_CTX *pctx, const CK_RSA_PKCS_OAEP_PARAMS *oaep) MUST_USE;
void cipher_end(struct cipher_op *op);

bool cipher_op_wants_login(const struct cipher_op *op);
void cipher_op_drop(struct cipher_op *op);

#endif
