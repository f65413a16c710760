/* One signing or verifying operation of the provider. Used by the signature files of this room
 * alone. */
#ifndef GATEHOUSE_PROVIDER_SIGNATURE_H
#define GATEHOUSE_PROVIDER_SIGNATURE_H

#include "provider/provider.h"

#define CONTEXT_MAX 255

struct signature {
    enum wire_scheme family; /* WIRE_RSA_PKCS1 stands for RSA with every padding */
    struct remote_key *remote;

    EVP_MD *md; /* what is signed is its digest; NULL: not known, or the whole message */
    enum wire_digest digest;
    EVP_MD_CTX *hash; /* while the message comes in */

    int padding; /* RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING */
    int salt;    /* bytes, or RSA_PSS_SALTLEN_* */
    EVP_MD *mgf_md;
    enum wire_digest mgf_digest;

    uint8_t context[CONTEXT_MAX]; /* ML-DSA, SLH-DSA */
    size_t context_len;

    /* Verifying is done by the default provider: with `check` (a message) or `check_ctx` alone (a
     * digest). */
    EVP_MD_CTX *check;
    EVP_PKEY_CTX *check_ctx; /* belongs to `check` when there is one */
};

static inline bool signs_message(const struct signature *s) {
    return s->family == WIRE_EDDSA || s->family == WIRE_ML_DSA || s->family == WIRE_SLH_DSA;
}

/* ---- parameters.c ------------------------------------------------------------------------------
 */

bool signature_set_digest(struct signature *s, const char *name);
int signature_set_params(void *context, const OSSL_PARAM params[]);
int signature_get_params(void *context, OSSL_PARAM params[]);
const OSSL_PARAM *signature_settable(void *context, void *provider);
const OSSL_PARAM *signature_gettable(void *context, void *provider);
/* Bytes of salt that PSS uses with this key and digest; -1 when they do not fit. */
int signature_salt_length(const struct signature *s);

/* ---- verify.c -------------------------------------------------------------------------------- */

/* A verification of the default provider with the same parameters as this signature, for what only
 * it knows: algorithm identifiers, and whether a token's signature is right. The caller frees. */
EVP_MD_CTX *signature_shadow(const struct signature *s, EVP_PKEY_CTX **ret_ctx);
/* `data` is the digest or the message, as for signing. */
bool signature_is_right(const struct signature *s, struct view data, struct view signature);

int verify_init(void *context, void *key, const OSSL_PARAM params[]);
int verify(void *context, const unsigned char *signature, size_t signature_len,
           const unsigned char *data, size_t len);
int digest_verify_init(void *context, const char *digest, void *key, const OSSL_PARAM params[]);
int digest_verify_update(void *context, const unsigned char *data, size_t len);
int digest_verify_final(void *context, const unsigned char *signature, size_t len);
int digest_verify(void *context, const unsigned char *signature, size_t signature_len,
                  const unsigned char *data, size_t len);
/* Forgets a verification. */
void verify_reset(struct signature *s);

#endif
