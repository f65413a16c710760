/* OpenSSL handles that the scope frees: `AUTO(EVP_PKEY) *key = NULL;`. TAKE gives one away. */
#ifndef GATEHOUSE_SIGNER_HANDLES_H
#define GATEHOUSE_SIGNER_HANDLES_H

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#define DEFINE_AUTO(type, drop)                                                                    \
    static inline void auto_##type(type **object) {                                                \
        drop(*object);                                                                             \
    }
DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_AUTO(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_AUTO(BIGNUM, BN_clear_free)
DEFINE_AUTO(ECDSA_SIG, ECDSA_SIG_free)
DEFINE_AUTO(OSSL_PARAM, OSSL_PARAM_free)
DEFINE_AUTO(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFINE_AUTO(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
DEFINE_AUTO(X509, X509_free)

#define AUTO(type) __attribute__((cleanup(auto_##type))) type
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#endif
