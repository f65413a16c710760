/* Curves and parameter sets. */
#include "key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/x509.h>

#define OID(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const struct curve curves[] = {
    {CKK_EC, "P-256", OID(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07), "secp256r1",
     32, 256},
    {CKK_EC, "P-384", OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22), "secp384r1", 48, 384},
    {CKK_EC, "P-521", OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23), "secp521r1", 66, 521},
    {CKK_EC, "P-224", OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21), "secp224r1", 28, 224},
    {CKK_EC, "secp256k1", OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a), "secp256k1", 32, 256},
    {CKK_EC, "brainpoolP256r1",
     OID(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07), "brainpoolP256r1", 32,
     256},
    {CKK_EC, "brainpoolP320r1",
     OID(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x09), "brainpoolP320r1", 40,
     320},
    {CKK_EC, "brainpoolP384r1",
     OID(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b), "brainpoolP384r1", 48,
     384},
    {CKK_EC, "brainpoolP512r1",
     OID(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d), "brainpoolP512r1", 64,
     512},
    {CKK_EC_EDWARDS, "ED25519", OID(0x06, 0x03, 0x2b, 0x65, 0x70), "edwards25519", 32, 255},
    {CKK_EC_EDWARDS, "ED448", OID(0x06, 0x03, 0x2b, 0x65, 0x71), "edwards448", 57, 448},
    {CKK_EC_MONTGOMERY, "X25519", OID(0x06, 0x03, 0x2b, 0x65, 0x6e), "curve25519", 32, 255},
    {CKK_EC_MONTGOMERY, "X448", OID(0x06, 0x03, 0x2b, 0x65, 0x6f), "curve448", 56, 448},
};

/* Object identifiers of before rfc8410, which some programs still send. */
static const struct {
    const char *name;
    const uint8_t *oid;
    CK_ULONG oid_len;
} old_oids[] = {
    {"ED25519", OID(0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01)},
    {"X25519", OID(0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01)},
};

static const struct parameter_set sets[] = {
    {CKK_ML_DSA, CKP_ML_DSA_44, "ML-DSA-44"},
    {CKK_ML_DSA, CKP_ML_DSA_65, "ML-DSA-65"},
    {CKK_ML_DSA, CKP_ML_DSA_87, "ML-DSA-87"},
    {CKK_ML_KEM, CKP_ML_KEM_512, "ML-KEM-512"},
    {CKK_ML_KEM, CKP_ML_KEM_768, "ML-KEM-768"},
    {CKK_ML_KEM, CKP_ML_KEM_1024, "ML-KEM-1024"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S, "SLH-DSA-SHA2-128s"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S, "SLH-DSA-SHAKE-128s"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F, "SLH-DSA-SHA2-128f"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128F, "SLH-DSA-SHAKE-128f"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192S, "SLH-DSA-SHA2-192s"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192S, "SLH-DSA-SHAKE-192s"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192F, "SLH-DSA-SHA2-192f"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F, "SLH-DSA-SHAKE-192f"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S, "SLH-DSA-SHA2-256s"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256S, "SLH-DSA-SHAKE-256s"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F, "SLH-DSA-SHA2-256f"},
    {CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F, "SLH-DSA-SHAKE-256f"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* PrintableString, short form. OpenSC's pkcs11-tool (0.23) writes a length of "curve25519" that is
 * one too large: the name alone counts. */
static bool is_alias(const char *alias, const uint8_t *params, CK_ULONG len) {
    size_t name_len = alias == NULL ? 0 : strlen(alias);
    return name_len > 0 && len == name_len + 2 && params[0] == 0x13 &&
           (params[1] == name_len || params[1] == name_len + 1) &&
           memcmp(params + 2, alias, name_len) == 0;
}

static bool is_oid(const uint8_t *oid, CK_ULONG oid_len, const uint8_t *params, CK_ULONG len) {
    return len == oid_len && memcmp(params, oid, len) == 0;
}

static bool is_old_oid(const char *name, const uint8_t *params, CK_ULONG len) {
    for (size_t i = 0; i < COUNT(old_oids); i++)
        if (strcmp(old_oids[i].name, name) == 0 &&
            is_oid(old_oids[i].oid, old_oids[i].oid_len, params, len))
            return true;
    return false;
}

CK_RV curve_by_params(CK_KEY_TYPE key_type, const uint8_t *params, CK_ULONG len,
                      const struct curve **ret_curve) {
    for (size_t i = 0; i < COUNT(curves); i++) {
        const struct curve *curve = &curves[i];
        if (curve->key_type != key_type)
            continue;
        if (is_oid(curve->oid, curve->oid_len, params, len) ||
            is_old_oid(curve->name, params, len) || is_alias(curve->alias, params, len)) {
            *ret_curve = curve;
            return CKR_OK;
        }
    }
    return CKR_CURVE_NOT_SUPPORTED;
}

CK_RV curve_of_key(EVP_PKEY *pkey, const struct curve **ret_curve) {
    char group[64] = "";
    if (EVP_PKEY_is_a(pkey, "EC"))
        (void)EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                             NULL);
    for (size_t i = 0; i < COUNT(curves); i++) {
        const struct curve *curve = &curves[i];
        bool same = curve->key_type == CKK_EC
                        ? strcmp(group, curve->name) == 0 || strcmp(group, curve->alias) == 0
                        : EVP_PKEY_is_a(pkey, curve->name) == 1;
        /* OpenSSL's own name of P-256 */
        same = same || (strcmp(curve->name, "P-256") == 0 && strcmp(group, "prime256v1") == 0);
        if (same) {
            *ret_curve = curve;
            return CKR_OK;
        }
    }
    return CKR_CURVE_NOT_SUPPORTED;
}

CK_RV parameter_set_by_number(CK_KEY_TYPE key_type, CK_ULONG number,
                              const struct parameter_set **ret_set) {
    for (size_t i = 0; i < COUNT(sets); i++) {
        if (sets[i].key_type == key_type && sets[i].number == number) {
            *ret_set = &sets[i];
            return CKR_OK;
        }
    }
    return CKR_PARAMETER_SET_NOT_SUPPORTED;
}

static const struct parameter_set *set_of_key(EVP_PKEY *pkey) {
    for (size_t i = 0; i < COUNT(sets); i++)
        if (EVP_PKEY_is_a(pkey, sets[i].name))
            return &sets[i];
    return NULL;
}

CK_KEY_TYPE key_type_of(EVP_PKEY *pkey) {
    const struct curve *curve;
    if (EVP_PKEY_is_a(pkey, "RSA"))
        return CKK_RSA;
    if (curve_of_key(pkey, &curve) == CKR_OK)
        return curve->key_type;
    const struct parameter_set *set = set_of_key(pkey);
    return set == NULL ? CK_UNAVAILABLE_INFORMATION : set->key_type;
}

static CK_RV publish_curve(EVP_PKEY *pkey, CK_OBJECT_CLASS class, struct attributes *attrs) {
    AUTO(bytes) struct bytes der = {0};
    const struct curve *curve;
    uint8_t point[256];
    size_t len = sizeof point;
    TRY(curve_of_key(pkey, &curve));
    /* The form that was asked for stays; a key from elsewhere gets the object identifier. */
    if (attributes_find(attrs, CKA_EC_PARAMS) == NULL)
        TRY(attributes_set(attrs, CKA_EC_PARAMS, curve->oid, curve->oid_len));
    if (class != CKO_PUBLIC_KEY)
        return CKR_OK;
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) !=
        1)
        return CKR_GENERAL_ERROR;
    TRY(octet_string_wrap(point, len, &der));
    return attributes_set(attrs, CKA_EC_POINT, der.at, der.len);
}

static CK_RV publish_set(EVP_PKEY *pkey, CK_OBJECT_CLASS class, struct attributes *attrs) {
    const struct parameter_set *set = set_of_key(pkey);
    if (set == NULL)
        return CKR_PARAMETER_SET_NOT_SUPPORTED;
    TRY(attributes_set_ulong(attrs, CKA_PARAMETER_SET, set->number));
    if (class != CKO_PUBLIC_KEY)
        return CKR_OK;
    AUTO(bytes) struct bytes raw = {0};
    size_t len = 0;
    if (EVP_PKEY_get_raw_public_key(pkey, NULL, &len) != 1)
        return CKR_GENERAL_ERROR;
    TRY(bytes_reserve(&raw, len));
    if (EVP_PKEY_get_raw_public_key(pkey, raw.at, &len) != 1)
        return CKR_GENERAL_ERROR;
    return attributes_set(attrs, CKA_VALUE, raw.at, len);
}

static CK_RV publish_number(EVP_PKEY *pkey, const char *name, CK_ATTRIBUTE_TYPE type,
                            struct attributes *attrs) {
    BIGNUM *number = NULL;
    uint8_t raw[RSA_BITS_MAX / 8];
    if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1)
        return CKR_GENERAL_ERROR;
    int len = BN_num_bytes(number);
    CK_RV rv = CKR_KEY_SIZE_RANGE;
    if ((size_t)len <= sizeof raw)
        rv = attributes_set(attrs, type, raw, (CK_ULONG)BN_bn2bin(number, raw));
    BN_free(number);
    return rv;
}

static CK_RV publish_rsa(EVP_PKEY *pkey, CK_OBJECT_CLASS class, struct attributes *attrs) {
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return CKR_KEY_SIZE_RANGE;
    TRY(publish_number(pkey, OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS, attrs));
    TRY(publish_number(pkey, OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT, attrs));
    if (class == CKO_PUBLIC_KEY)
        TRY(attributes_set_ulong(attrs, CKA_MODULUS_BITS, (CK_ULONG)bits));
    return CKR_OK;
}

CK_RV key_publish(EVP_PKEY *pkey, CK_OBJECT_CLASS class, struct attributes *attrs) {
    switch (key_type_of(pkey)) {
    case CKK_RSA:
        TRY(publish_rsa(pkey, class, attrs));
        break;
    case CKK_EC:
    case CKK_EC_EDWARDS:
    case CKK_EC_MONTGOMERY:
        TRY(publish_curve(pkey, class, attrs));
        break;
    case CKK_ML_DSA:
    case CKK_ML_KEM:
    case CKK_SLH_DSA:
        TRY(publish_set(pkey, class, attrs));
        break;
    default:
        return CKR_KEY_TYPE_INCONSISTENT;
    }
    uint8_t *info = NULL;
    int len = i2d_PUBKEY(pkey, &info);
    if (len <= 0)
        return CKR_GENERAL_ERROR;
    CK_RV rv = attributes_set(attrs, CKA_PUBLIC_KEY_INFO, info, (CK_ULONG)len);
    OPENSSL_free(info);
    return rv;
}
