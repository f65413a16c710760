/* OpenSSL handles that the scope frees (habit 4): `AUTO(X509) *x = NULL;` TAKE gives one away;
 * `keep_X509(arena, x)` hands one to an arena, which frees it in its end. */
#ifndef GATEHOUSE_X509_HANDLES_H
#define GATEHOUSE_X509_HANDLES_H

#include "base/arena.h"

#include <openssl/bn.h>
#include <openssl/ocsp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#define DEFINE_AUTO(type, drop)                                                                    \
    static inline void auto_##type(type **object) {                                                \
        drop(*object);                                                                             \
    }                                                                                              \
    __attribute__((unused)) static inline void drop_##type(void *object) {                                                 \
        drop((type *)object);                                                                      \
    }                                                                                              \
    __attribute__((unused)) static inline type *keep_##type(struct arena *arena, type *object) {                           \
        arena_defer(arena, drop_##type, object);                                                   \
        return object;                                                                             \
    }
DEFINE_AUTO(X509, X509_free)
DEFINE_AUTO(X509_REQ, X509_REQ_free)
DEFINE_AUTO(X509_CRL, X509_CRL_free)
DEFINE_AUTO(X509_NAME, X509_NAME_free)
DEFINE_AUTO(X509_NAME_ENTRY, X509_NAME_ENTRY_free)
DEFINE_AUTO(X509_EXTENSION, X509_EXTENSION_free)
DEFINE_AUTO(X509_REVOKED, X509_REVOKED_free)
DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_AUTO(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_AUTO(GENERAL_NAMES, GENERAL_NAMES_free)
DEFINE_AUTO(GENERAL_NAME, GENERAL_NAME_free)
DEFINE_AUTO(ASN1_BIT_STRING, ASN1_BIT_STRING_free)
DEFINE_AUTO(ASN1_ENUMERATED, ASN1_ENUMERATED_free)
DEFINE_AUTO(ASN1_GENERALIZEDTIME, ASN1_GENERALIZEDTIME_free)
DEFINE_AUTO(ASN1_INTEGER, ASN1_INTEGER_free)
DEFINE_AUTO(ASN1_OBJECT, ASN1_OBJECT_free)
DEFINE_AUTO(ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
DEFINE_AUTO(ASN1_TIME, ASN1_TIME_free)
DEFINE_AUTO(ASN1_TYPE, ASN1_TYPE_free)
DEFINE_AUTO(AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free)
DEFINE_AUTO(AUTHORITY_KEYID, AUTHORITY_KEYID_free)
DEFINE_AUTO(BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
DEFINE_AUTO(BIGNUM, BN_free)
DEFINE_AUTO(BIO, BIO_free_all)
DEFINE_AUTO(CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free)
DEFINE_AUTO(CRL_DIST_POINTS, CRL_DIST_POINTS_free)
DEFINE_AUTO(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
DEFINE_AUTO(ISSUING_DIST_POINT, ISSUING_DIST_POINT_free)
DEFINE_AUTO(PKCS7, PKCS7_free)
DEFINE_AUTO(OCSP_REQUEST, OCSP_REQUEST_free)
DEFINE_AUTO(OCSP_RESPONSE, OCSP_RESPONSE_free)
DEFINE_AUTO(OCSP_BASICRESP, OCSP_BASICRESP_free)
DEFINE_AUTO(OCSP_CERTID, OCSP_CERTID_free)

/* A stack of extensions together with what it holds. */
typedef STACK_OF(X509_EXTENSION) EXTENSION_LIST;
static inline void extension_list_free(EXTENSION_LIST *list) {
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}
DEFINE_AUTO(EXTENSION_LIST, extension_list_free)

#define AUTO(type) __attribute__((cleanup(auto_##type))) type
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#endif
