#include "mechanism.h"

#include <string.h>

#include "key.h"
#include "slot.h"

#define SIGN_VERIFY (CKF_SIGN | CKF_VERIFY)
#define CRYPT (CKF_ENCRYPT | CKF_DECRYPT)
#define WRAP_UNWRAP (CKF_WRAP | CKF_UNWRAP)
#define CURVE (CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS)
#define CURVE_ED (CURVE | CKF_EC_CURVENAME)
#define RSA_SIZES RSA_BITS_MIN, RSA_BITS_MAX
#define EC_SIZES 256, 521
#define ED_SIZES 255, 448
#define ML_DSA_SIZES 1312, 2592 /* octets of the public key */
#define SLH_DSA_SIZES 32, 64
#define AES_SIZES 16, 32

#define PAIR CKF_GENERATE_KEY_PAIR

static const struct mechanism table[] = {
    {CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, FAMILY_KEY_GEN, DIGEST_NONE, RSA_SIZES, PAIR},
    {CKM_EC_KEY_PAIR_GEN, CKK_EC, FAMILY_KEY_GEN, DIGEST_NONE, EC_SIZES, PAIR | CURVE},
    {CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, FAMILY_KEY_GEN, DIGEST_NONE, ED_SIZES,
     PAIR | CURVE_ED},
    {CKM_ML_DSA_KEY_PAIR_GEN, CKK_ML_DSA, FAMILY_KEY_GEN, DIGEST_NONE, ML_DSA_SIZES, PAIR},
    {CKM_SLH_DSA_KEY_PAIR_GEN, CKK_SLH_DSA, FAMILY_KEY_GEN, DIGEST_NONE, SLH_DSA_SIZES, PAIR},
    {CKM_AES_KEY_GEN, CKK_AES, FAMILY_KEY_GEN, DIGEST_NONE, AES_SIZES, CKF_GENERATE},
    {CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, FAMILY_KEY_GEN, DIGEST_NONE, 1, 512,
     CKF_GENERATE},

    {CKM_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_NONE, RSA_SIZES, SIGN_VERIFY | CRYPT},
    {CKM_SHA224_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA224, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA256_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA256, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA384_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA384, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA512_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA512, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA3_256_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA3_256, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA3_384_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA3_384, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA3_512_RSA_PKCS, CKK_RSA, FAMILY_RSA_PKCS, DIGEST_SHA3_512, RSA_SIZES, SIGN_VERIFY},
    {CKM_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_NONE, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA224_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA224, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA256_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA256, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA384_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA384, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA512_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA512, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA3_256_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA3_256, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA3_384_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA3_384, RSA_SIZES, SIGN_VERIFY},
    {CKM_SHA3_512_RSA_PKCS_PSS, CKK_RSA, FAMILY_RSA_PSS, DIGEST_SHA3_512, RSA_SIZES, SIGN_VERIFY},
    {CKM_RSA_X_509, CKK_RSA, FAMILY_RSA_RAW, DIGEST_NONE, RSA_SIZES, SIGN_VERIFY | CRYPT},
    {CKM_RSA_PKCS_OAEP, CKK_RSA, FAMILY_RSA_OAEP, DIGEST_NONE, RSA_SIZES, CRYPT},

    {CKM_ECDSA, CKK_EC, FAMILY_ECDSA, DIGEST_NONE, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA224, CKK_EC, FAMILY_ECDSA, DIGEST_SHA224, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA256, CKK_EC, FAMILY_ECDSA, DIGEST_SHA256, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA384, CKK_EC, FAMILY_ECDSA, DIGEST_SHA384, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA512, CKK_EC, FAMILY_ECDSA, DIGEST_SHA512, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA3_224, CKK_EC, FAMILY_ECDSA, DIGEST_SHA3_224, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA3_256, CKK_EC, FAMILY_ECDSA, DIGEST_SHA3_256, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA3_384, CKK_EC, FAMILY_ECDSA, DIGEST_SHA3_384, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_ECDSA_SHA3_512, CKK_EC, FAMILY_ECDSA, DIGEST_SHA3_512, EC_SIZES, SIGN_VERIFY | CURVE},
    {CKM_EDDSA, CKK_EC_EDWARDS, FAMILY_EDDSA, DIGEST_NONE, ED_SIZES, SIGN_VERIFY | CURVE_ED},
    {CKM_ML_DSA, CKK_ML_DSA, FAMILY_ML_DSA, DIGEST_NONE, ML_DSA_SIZES, SIGN_VERIFY},
    {CKM_SLH_DSA, CKK_SLH_DSA, FAMILY_SLH_DSA, DIGEST_NONE, SLH_DSA_SIZES, SIGN_VERIFY},

    {CKM_AES_GCM, CKK_AES, FAMILY_AES_GCM, DIGEST_NONE, AES_SIZES, CRYPT},
    {CKM_AES_CBC, CKK_AES, FAMILY_AES_CBC, DIGEST_NONE, AES_SIZES, CRYPT},
    {CKM_AES_CBC_PAD, CKK_AES, FAMILY_AES_CBC_PAD, DIGEST_NONE, AES_SIZES, CRYPT},
    {CKM_AES_KEY_WRAP, CKK_AES, FAMILY_AES_WRAP, DIGEST_NONE, AES_SIZES, WRAP_UNWRAP},
    /* 0x210A was never pinned down by the standard; tokens in the field (SoftHSM 2 among them) do
     * rfc5649 under it, which is what 0x210B was given for later. So both are the same here. */
    {CKM_AES_KEY_WRAP_PAD, CKK_AES, FAMILY_AES_WRAP_PAD, DIGEST_NONE, AES_SIZES, WRAP_UNWRAP},
    {CKM_AES_KEY_WRAP_KWP, CKK_AES, FAMILY_AES_WRAP_PAD, DIGEST_NONE, AES_SIZES, WRAP_UNWRAP},

    {CKM_SHA_1, 0, FAMILY_DIGEST, DIGEST_SHA1, 0, 0, CKF_DIGEST},
    {CKM_SHA224, 0, FAMILY_DIGEST, DIGEST_SHA224, 0, 0, CKF_DIGEST},
    {CKM_SHA256, 0, FAMILY_DIGEST, DIGEST_SHA256, 0, 0, CKF_DIGEST},
    {CKM_SHA384, 0, FAMILY_DIGEST, DIGEST_SHA384, 0, 0, CKF_DIGEST},
    {CKM_SHA512, 0, FAMILY_DIGEST, DIGEST_SHA512, 0, 0, CKF_DIGEST},
    {CKM_SHA3_224, 0, FAMILY_DIGEST, DIGEST_SHA3_224, 0, 0, CKF_DIGEST},
    {CKM_SHA3_256, 0, FAMILY_DIGEST, DIGEST_SHA3_256, 0, 0, CKF_DIGEST},
    {CKM_SHA3_384, 0, FAMILY_DIGEST, DIGEST_SHA3_384, 0, 0, CKF_DIGEST},
    {CKM_SHA3_512, 0, FAMILY_DIGEST, DIGEST_SHA3_512, 0, 0, CKF_DIGEST},
};

const struct mechanism *mechanisms(size_t *ret_count) {
    *ret_count = sizeof table / sizeof *table;
    return table;
}

CK_RV mechanism_find(CK_MECHANISM_TYPE type, CK_FLAGS flag,
                     const struct mechanism **ret_mechanism) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].type != type)
            continue;
        if (flag != 0 && (table[i].flags & flag) == 0)
            return CKR_MECHANISM_INVALID;
        *ret_mechanism = &table[i];
        return CKR_OK;
    }
    return CKR_MECHANISM_INVALID;
}

CK_RV mechanism_permitted(const struct mechanism *mechanism, const struct object *key,
                          CK_ATTRIBUTE_TYPE permission) {
    if (!object_is_key(key) || key->key_type != mechanism->key_type ||
        attribute_rule(permission, key->class, key->key_type) == NULL)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!attributes_bool(&key->attrs, permission))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    const struct attribute *allowed = attributes_find(&key->attrs, CKA_ALLOWED_MECHANISMS);
    if (allowed == NULL)
        return CKR_OK;
    for (CK_ULONG at = 0; at + sizeof(CK_ULONG) <= allowed->len; at += sizeof(CK_ULONG))
        if (memcmp(attribute_at(allowed) + at, &mechanism->type, sizeof(CK_ULONG)) == 0)
            return CKR_OK;
    return CKR_MECHANISM_INVALID;
}

CK_RV mechanism_no_parameter(const CK_MECHANISM *given) {
    return given->pParameter == NULL || given->ulParameterLen == 0 ? CKR_OK
                                                                   : CKR_MECHANISM_PARAM_INVALID;
}

/* ---- functions of the standard -------------------------------------------------------------- */

CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE *pMechanismList, CK_ULONG *pulCount) {
    struct slot *slot;
    size_t count = sizeof table / sizeof *table;
    REQUIRE_READY();
    if (pulCount == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(slot_find(slotID, &slot));
    CK_ULONG room = *pulCount;
    *pulCount = count;
    if (pMechanismList == NULL)
        return CKR_OK;
    if (room < count)
        return CKR_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < count; i++)
        pMechanismList[i] = table[i].type;
    return CKR_OK;
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *pInfo) {
    struct slot *slot;
    const struct mechanism *mechanism;
    REQUIRE_READY();
    if (pInfo == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(slot_find(slotID, &slot));
    TRY(mechanism_find(type, 0, &mechanism));
    *pInfo = (CK_MECHANISM_INFO){
        .ulMinKeySize = mechanism->key_min,
        .ulMaxKeySize = mechanism->key_max,
        .flags = mechanism->flags,
    };
    return CKR_OK;
}
