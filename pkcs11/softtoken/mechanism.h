/* Every mechanism of the token, as a table. A new one is a row here and a case where its family is
 * made ready (signature.c, cipher.c, wrap.c). */
#ifndef SOFTTOKEN_MECHANISM_H
#define SOFTTOKEN_MECHANISM_H

#include "module.h"
#include "object.h"

enum family {
    FAMILY_KEY_GEN,
    FAMILY_DIGEST,
    FAMILY_RSA_PKCS,
    FAMILY_RSA_PSS,
    FAMILY_RSA_RAW,
    FAMILY_RSA_OAEP,
    FAMILY_ECDSA,
    FAMILY_EDDSA,
    FAMILY_ML_DSA,
    FAMILY_SLH_DSA,
    FAMILY_HMAC,
    FAMILY_HMAC_GENERAL,
    FAMILY_CMAC,
    FAMILY_CMAC_GENERAL,
    FAMILY_AES_GCM,
    FAMILY_AES_CBC,
    FAMILY_AES_CBC_PAD,
    FAMILY_AES_ECB,
    FAMILY_AES_CTR,
    FAMILY_AES_WRAP,
    FAMILY_AES_WRAP_PAD,
    FAMILY_RSA_AES_WRAP,
    FAMILY_ECDH,
    FAMILY_HKDF,
    FAMILY_ENCRYPT_DATA,
    FAMILY_PUBLIC_KEY,
    FAMILY_ML_KEM,
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key_type; /* some families take others too: mechanism_takes */
    enum family family;
    enum digest_id digest; /* of mechanisms that hash; else DIGEST_NONE */
    CK_ULONG key_min;      /* as C_GetMechanismInfo tells it */
    CK_ULONG key_max;
    CK_FLAGS flags;
};

const struct mechanism *mechanisms(size_t *ret_count);
/* The mechanism, if it can do `flag` (CKF_SIGN, ...): CKR_MECHANISM_INVALID otherwise. */
CK_RV mechanism_find(CK_MECHANISM_TYPE type, CK_FLAGS flag, const struct mechanism **ret_mechanism)
    MUST_USE;
bool mechanism_takes(const struct mechanism *mechanism, const struct object *key);
/* May this key be used so: its type, the attribute `permission` (CKA_SIGN, ...), its allowed
 * mechanisms. CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID. */
CK_RV mechanism_permitted(const struct mechanism *mechanism, const struct object *key,
                          CK_ATTRIBUTE_TYPE permission) MUST_USE;
/* For mechanisms without a parameter: CKR_MECHANISM_PARAM_INVALID when there is one. */
CK_RV mechanism_no_parameter(const CK_MECHANISM *given) MUST_USE;

#endif
