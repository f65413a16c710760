/* One signing or verifying operation of a session, and what a key gives back out of a signature.
 *
 * Setting OpenSSL up for a key costs as much as a P-256 signature, and takes locks that all threads
 * share. So an operation keeps what it set up: the next C_SignInit with the same key, mechanism and
 * parameters in this session goes on with it.
 */
#ifndef SOFTTOKEN_SIGNATURE_H
#define SOFTTOKEN_SIGNATURE_H

#include "mechanism.h"

struct signature_params {
    enum digest_id hash; /* PSS */
    enum digest_id mgf;  /* PSS */
    int salt_len;        /* PSS */
    bool deterministic;  /* ML-DSA, SLH-DSA */
    bool prehash;        /* EdDSA */
    bool with_context;   /* EdDSA: Ed25519ctx is not Ed25519 with an empty context */
    uint8_t mac_len;
    uint8_t context_len;
    uint8_t context[255];
};

/* What for: which flag of a mechanism and which permission of a key it takes. */
enum signature_use { USE_SIGN, USE_VERIFY, USE_SIGN_RECOVER, USE_VERIFY_RECOVER };

struct signature_op {
    bool active;
    bool multipart;     /* C_...Update was called */
    bool wants_login;   /* CKA_ALWAYS_AUTHENTICATE */
    bool authenticated; /* C_Login(CKU_CONTEXT_SPECIFIC) was called */
    enum signature_use use;
    const struct mechanism *mechanism;
    struct signature_params params;
    struct object *key;
    EVP_PKEY_CTX *pctx;
    EVP_MAC_CTX *mac;
    EVP_MD_CTX *digest;   /* mechanisms that hash */
    struct bytes message; /* mechanisms that want the message as a whole, part by part */
    size_t signature_len;
    bool signature_first; /* C_VerifySignatureInit: the signature came before the data */
    struct bytes signature;
};

CK_RV signature_begin(struct signature_op *op, const CK_MECHANISM *given, struct object *key,
                      enum signature_use use) MUST_USE;
CK_RV signature_update(struct signature_op *op, const uint8_t *part, size_t len) MUST_USE;
/* `data` is NULL after signature_update. The buffer holds signature_len octets. */
CK_RV signature_sign(struct signature_op *op, const uint8_t *data, size_t len,
                     uint8_t *ret_signature) MUST_USE;
CK_RV signature_verify(struct signature_op *op, const uint8_t *data, size_t len,
                       const uint8_t *signature, size_t signature_len) MUST_USE;
/* What was signed (RSA alone): at most signature_len octets. CKR_SIGNATURE_INVALID, ... */
CK_RV signature_recover(struct signature_op *op, const uint8_t *signature, size_t signature_len,
                        struct bytes *ret_data) MUST_USE;
/* Over; what was set up stays for the next one. */
void signature_end(struct signature_op *op);

bool signature_op_wants_login(const struct signature_op *op);
void signature_op_forget_dead(struct signature_op *op);
void signature_op_drop(struct signature_op *op);

#endif
