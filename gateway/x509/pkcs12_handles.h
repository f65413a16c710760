/* Handles of PKCS#12 and PKCS#8 that the scope frees; see handles.h. */
#ifndef GATEHOUSE_X509_PKCS12_HANDLES_H
#define GATEHOUSE_X509_PKCS12_HANDLES_H

#include "x509/handles.h"

#include <openssl/pkcs12.h>

DEFINE_AUTO(PKCS12, PKCS12_free)
DEFINE_AUTO(X509_SIG, X509_SIG_free)
DEFINE_AUTO(PBE2PARAM, PBE2PARAM_free)
DEFINE_AUTO(PBKDF2PARAM, PBKDF2PARAM_free)
DEFINE_AUTO(PBMAC1PARAM, PBMAC1PARAM_free)
DEFINE_AUTO(PBEPARAM, PBEPARAM_free)
DEFINE_AUTO(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)

typedef STACK_OF(PKCS12_SAFEBAG) BAG_LIST;
static inline void bag_list_free(BAG_LIST *bags) {
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
DEFINE_AUTO(BAG_LIST, bag_list_free)

typedef STACK_OF(PKCS7) SAFE_LIST;
static inline void safe_list_free(SAFE_LIST *safes) {
    sk_PKCS7_pop_free(safes, PKCS7_free);
}
DEFINE_AUTO(SAFE_LIST, safe_list_free)

#endif
