#include "signer/private_key.h"

#include "signer/handles.h"

#include <openssl/core_names.h>

static bool bad_key(struct error *err, const char *what) {
    fail_internal(NULL, "empties the error queue");
    return fail(err, ERROR_MALFORMED, "bad-private-key",
                "The private key %s. It must be an unencrypted PKCS#8 structure (DER).", what);
}

bool private_key_decode(struct view pkcs8, EVP_PKEY **ret_key, const struct key_type **ret_type,
                        struct error *err) {
    const uint8_t *at = pkcs8.at;
    AUTO(PKCS8_PRIV_KEY_INFO) *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    if (info == NULL || at != pkcs8.at + pkcs8.len)
        return bad_key(err, "is damaged");
    EVP_PKEY *key = EVP_PKCS82PKEY_ex(info, NULL, "provider=default");
    if (key == NULL)
        return bad_key(err, "is of an unknown type or damaged");
    bool known = key_type_of_public(key, ret_type, err);
    if (known && (*ret_type)->ckk == CKK_RSA && (EVP_PKEY_get_bits(key) < 2048 || EVP_PKEY_get_bits(key) > 8192))
        known = fail(err, ERROR_POLICY, "weak-key",
                     "The RSA key has %d bits; 2048 to 8192 are allowed.", EVP_PKEY_get_bits(key));
    if (!known) {
        EVP_PKEY_free(key);
        return false;
    }
    *ret_key = key;
    return true;
}

/* One big number of the key, `size` bytes wide (0: as short as it is). */
static bool add_number(struct template *t, struct arena *arena, EVP_PKEY *key, const char *name,
                       CK_ATTRIBUTE_TYPE type, size_t size) {
    AUTO(BIGNUM) *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        return false;
    size_t len = size == 0 ? (size_t)BN_num_bytes(number) : size;
    uint8_t *at = arena_alloc(arena, len);
    if (BN_bn2binpad(number, at, (int)len) < 0)
        return false;
    template_add(t, type, at, len);
    return true;
}

static bool add_bytes(struct template *t, struct arena *arena, EVP_PKEY *key, const char *name,
                      CK_ATTRIBUTE_TYPE type) {
    size_t len = 0;
    if (EVP_PKEY_get_octet_string_param(key, name, NULL, 0, &len) != 1 || len == 0)
        return false;
    uint8_t *at = arena_alloc(arena, len);
    if (EVP_PKEY_get_octet_string_param(key, name, at, len, &len) != 1)
        return false;
    template_add(t, type, at, len);
    return true;
}

static bool add_rsa(struct template *t, struct arena *arena, EVP_PKEY *key) {
    static const struct {
        const char *name;
        CK_ATTRIBUTE_TYPE type;
    } parts[] = {
        {OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS},
        {OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT},
        {OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT},
        {OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1},
        {OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2},
        {OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2},
        {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!add_number(t, arena, key, parts[i].name, parts[i].type, 0))
            return false;
    return true;
}

static bool add_value(struct template *t, struct arena *arena, const struct key_type *type,
                      EVP_PKEY *key) {
    switch (type->ckk) {
    case CKK_RSA:
        return add_rsa(t, arena, key);
    case CKK_EC:
        return add_number(t, arena, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE, type->order_size);
    case CKK_ML_DSA: /* the seed is the shorter half of the same key; not every source has one */
        if (!add_bytes(t, arena, key, OSSL_PKEY_PARAM_ML_DSA_SEED, CKA_SEED))
            fail_internal(NULL, "empties the error queue");
        return add_bytes(t, arena, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE);
    default:
        return add_bytes(t, arena, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE);
    }
}

bool private_key_add(struct template *t, struct arena *arena, const struct key_type *type, EVP_PKEY *key,
                     struct error *err) {
    return add_value(t, arena, type, key) || bad_key(err, "has no usable private part");
}

/* A point is an OCTET STRING there (pkcs11 3.2, 6.3.3), the public keys of the other types are as they are. */
bool public_key_add(struct template *t, struct arena *arena, const struct key_type *type, EVP_PKEY *key) {
    if (type->ckk == CKK_RSA)
        return add_number(t, arena, key, OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS, 0) &&
               add_number(t, arena, key, OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT, 0);
    bool point = type->ckk == CKK_EC || type->ckk == CKK_EC_EDWARDS;
    if (!add_bytes(t, arena, key, type->ckk == CKK_EC ? OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY : OSSL_PKEY_PARAM_PUB_KEY,
                   point ? CKA_EC_POINT : CKA_VALUE))
        return false;
    if (!point)
        return true;
    CK_ATTRIBUTE *row = &t->rows[t->count - 1];
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    uint8_t *der = NULL;
    int len = octets == NULL || ASN1_OCTET_STRING_set(octets, row->pValue, (int)row->ulValueLen) != 1
                  ? 0
                  : i2d_ASN1_OCTET_STRING(octets, &der);
    ASN1_OCTET_STRING_free(octets);
    if (len <= 0)
        return false;
    struct view kept = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    *row = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(CKA_EC_POINT, kept.at, kept.len);
    return true;
}
