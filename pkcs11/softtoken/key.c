#include "key.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>

#include "module.h"

CK_RV octet_string_wrap(const uint8_t *at, size_t len, struct bytes *ret_der) {
    ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
    uint8_t *der = NULL;
    int der_len = 0;
    if (string != NULL && ASN1_OCTET_STRING_set(string, at, (int)len) == 1)
        der_len = i2d_ASN1_OCTET_STRING(string, &der);
    ASN1_OCTET_STRING_free(string);
    if (der_len <= 0)
        return CKR_HOST_MEMORY;
    CK_RV rv = bytes_set(ret_der, der, (size_t)der_len);
    OPENSSL_free(der);
    return rv;
}

static EVP_PKEY_CTX *context_for(const char *name) {
    return EVP_PKEY_CTX_new_from_name(module.libctx, name, NULL);
}

/* ---- PKCS #8 and SubjectPublicKeyInfo ------------------------------------------------------- */

CK_RV key_from_pkcs8(const struct bytes *pkcs8, EVP_PKEY **ret_pkey) {
    const uint8_t *next = pkcs8->at;
    if (pkcs8->len == 0 || pkcs8->len > KEY_PKCS8_MAX)
        return CKR_WRAPPED_KEY_INVALID;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &next, (long)pkcs8->len);
    if (info == NULL)
        return CKR_WRAPPED_KEY_INVALID;
    EVP_PKEY *pkey = NULL;
    if (next == pkcs8->at + pkcs8->len)
        pkey = EVP_PKCS82PKEY_ex(info, module.libctx, NULL);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (pkey == NULL)
        return CKR_WRAPPED_KEY_INVALID;
    *ret_pkey = pkey;
    return CKR_OK;
}

CK_RV key_to_pkcs8(EVP_PKEY *pkey, struct bytes *ret_pkcs8) {
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    uint8_t *der = NULL;
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (len <= 0)
        return CKR_GENERAL_ERROR;
    CK_RV rv = bytes_set(ret_pkcs8, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return rv;
}

CK_RV key_from_public_info(const uint8_t *spki, size_t len, EVP_PKEY **ret_pkey) {
    const uint8_t *next = spki;
    EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &next, (long)len, module.libctx, NULL);
    if (pkey == NULL || next != spki + len) {
        EVP_PKEY_free(pkey);
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    *ret_pkey = pkey;
    return CKR_OK;
}

/* ---- private parts, for keys that may show them --------------------------------------------- */

static CK_RV reveal_number(EVP_PKEY *pkey, const char *name, size_t width,
                           struct bytes *ret_value) {
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    size_t len = width > 0 ? width : (size_t)BN_num_bytes(number);
    bytes_clear(ret_value);
    CK_RV rv = bytes_reserve(ret_value, len);
    if (rv == CKR_OK && BN_bn2binpad(number, ret_value->at, (int)len) < 0)
        rv = CKR_GENERAL_ERROR;
    if (rv == CKR_OK)
        ret_value->len = len;
    BN_clear_free(number);
    return rv;
}

static CK_RV reveal_octets(EVP_PKEY *pkey, const char *name, struct bytes *ret_value) {
    size_t len = 0;
    bytes_clear(ret_value);
    if (EVP_PKEY_get_octet_string_param(pkey, name, NULL, 0, &len) != 1)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    TRY(bytes_reserve(ret_value, len));
    if (EVP_PKEY_get_octet_string_param(pkey, name, ret_value->at, len, &len) != 1)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    ret_value->len = len;
    return CKR_OK;
}

static const struct rsa_part {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
} rsa_parts[] = {
    {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D},
    {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1},
    {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2},
    {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};

CK_RV key_reveal(EVP_PKEY *pkey, CK_ATTRIBUTE_TYPE type, struct bytes *ret_value) {
    const struct curve *curve;
    switch (key_type_of(pkey)) {
    case CKK_RSA:
        for (size_t i = 0; i < sizeof rsa_parts / sizeof *rsa_parts; i++)
            if (rsa_parts[i].type == type)
                return reveal_number(pkey, rsa_parts[i].name, 0, ret_value);
        return CKR_ATTRIBUTE_TYPE_INVALID;
    case CKK_EC:
        TRY(curve_of_key(pkey, &curve));
        return reveal_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, curve->order_len, ret_value);
    case CKK_ML_DSA:
    case CKK_ML_KEM: /* the name of the seed is the same */
        if (type == CKA_SEED)
            return reveal_octets(pkey, OSSL_PKEY_PARAM_ML_DSA_SEED, ret_value);
        return reveal_octets(pkey, OSSL_PKEY_PARAM_PRIV_KEY, ret_value);
    default:
        return reveal_octets(pkey, OSSL_PKEY_PARAM_PRIV_KEY, ret_value);
    }
}

/* ---- generation ----------------------------------------------------------------------------- */

static CK_RV generate(const char *name, const OSSL_PARAM *params, EVP_PKEY **ret_pkey) {
    EVP_PKEY_CTX *ctx = context_for(name);
    EVP_PKEY *pkey = NULL;
    bool done = ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
                (params == NULL || EVP_PKEY_CTX_set_params(ctx, params) == 1) &&
                EVP_PKEY_generate(ctx, &pkey) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!done)
        return CKR_FUNCTION_FAILED;
    *ret_pkey = pkey;
    return CKR_OK;
}

static CK_RV generate_rsa(const struct attributes *attrs, EVP_PKEY **ret_pkey) {
    size_t bits = attributes_ulong(attrs, CKA_MODULUS_BITS, 0);
    const struct attribute *exponent = attributes_find(attrs, CKA_PUBLIC_EXPONENT);
    uint8_t native[32] = {0};
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || bits % 8 != 0)
        return CKR_KEY_SIZE_RANGE;
    OSSL_PARAM params[3] = {OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits)};
    if (exponent != NULL && exponent->len > 0) {
        /* fips186-5#5.1: odd, 2^16 < e < 2^256; OSSL_PARAM wants the machine's byte order */
        BIGNUM *number = BN_bin2bn(attribute_at(exponent), (int)exponent->len, NULL);
        bool fits = number != NULL && BN_is_odd(number) && BN_num_bits(number) > 16 &&
                    BN_num_bits(number) <= 256 &&
                    BN_bn2nativepad(number, native, sizeof native) > 0;
        BN_free(number);
        if (!fits)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, native, sizeof native);
    } else {
        params[1] = OSSL_PARAM_construct_end();
    }
    params[2] = OSSL_PARAM_construct_end();
    return generate("RSA", params, ret_pkey);
}

static CK_RV generate_curve(CK_KEY_TYPE key_type, const struct attributes *attrs,
                            EVP_PKEY **ret_pkey) {
    const struct attribute *params = attributes_find(attrs, CKA_EC_PARAMS);
    const struct curve *curve;
    if (params == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    TRY(curve_by_params(key_type, attribute_at(params), params->len, &curve));
    if (key_type != CKK_EC)
        return generate(curve->name, NULL, ret_pkey);
    OSSL_PARAM group[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve->name, 0),
        OSSL_PARAM_construct_end(),
    };
    return generate("EC", group, ret_pkey);
}

CK_RV key_generate(CK_KEY_TYPE key_type, const struct attributes *public_attrs,
                   EVP_PKEY **ret_pkey) {
    const struct parameter_set *set;
    switch (key_type) {
    case CKK_RSA:
        return generate_rsa(public_attrs, ret_pkey);
    case CKK_EC:
    case CKK_EC_EDWARDS:
    case CKK_EC_MONTGOMERY:
        return generate_curve(key_type, public_attrs, ret_pkey);
    default:
        TRY(parameter_set_by_number(key_type, attributes_ulong(public_attrs, CKA_PARAMETER_SET, 0),
                                    &set));
        return generate(set->name, NULL, ret_pkey);
    }
}
