/* Keys that come in as attributes (C_CreateObject). */
#include "key.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "module.h"

/* The parts of a key on their way into OpenSSL: numbers and strings stay alive until it is made. */
struct parts {
    OSSL_PARAM_BLD *builder;
    BIGNUM *numbers[8];
    size_t count;
    struct bytes octets[2];
};

static void parts_drop(struct parts *parts) {
    for (size_t i = 0; i < parts->count; i++)
        BN_clear_free(parts->numbers[i]);
    for (size_t i = 0; i < 2; i++)
        bytes_drop(&parts->octets[i]);
    OSSL_PARAM_BLD_free(parts->builder);
}

static CK_RV parts_init(struct parts *parts) {
    parts->builder = OSSL_PARAM_BLD_new();
    return parts->builder == NULL ? CKR_HOST_MEMORY : CKR_OK;
}

/* Takes the number over. */
static CK_RV parts_number(struct parts *parts, const char *name, BIGNUM *number) {
    if (number == NULL)
        return CKR_HOST_MEMORY;
    parts->numbers[parts->count++] = number;
    return OSSL_PARAM_BLD_push_BN(parts->builder, name, number) == 1 ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV parts_octets(struct parts *parts, const char *name, const struct bytes *octets) {
    return OSSL_PARAM_BLD_push_octet_string(parts->builder, name, octets->at, octets->len) == 1
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

static CK_RV parts_make(struct parts *parts, const char *type, int selection, EVP_PKEY **ret_pkey) {
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts->builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(module.libctx, type, NULL);
    EVP_PKEY *pkey = NULL;
    bool done = params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
                EVP_PKEY_fromdata(ctx, &pkey, selection, params) == 1;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    if (!done)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    *ret_pkey = pkey;
    return CKR_OK;
}

/* ---- RSA ------------------------------------------------------------------------------------ */

static BIGNUM *number_of(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type) {
    const struct attribute *attr = attributes_find(attrs, type);
    if (attr == NULL || attr->len == 0 || attr->len > RSA_BITS_MAX / 8 + 8)
        return NULL;
    return BN_bin2bn(attribute_at(attr), (int)attr->len, NULL);
}

/* The loop of sp800-56b#C: one factor of n from (n, e, d), or NULL. r is odd, e*d - 1 = 2^t * r. */
static BIGNUM *find_factor(const BIGNUM *n, const BIGNUM *r, int t, BN_CTX *ctx) {
    BN_CTX_start(ctx);
    BIGNUM *g = BN_CTX_get(ctx), *y = BN_CTX_get(ctx), *x = BN_CTX_get(ctx);
    BIGNUM *last = BN_CTX_get(ctx), *factor = NULL;
    bool sound = last != NULL && BN_copy(last, n) != NULL && BN_sub_word(last, 1) == 1;
    for (int tries = 0; sound && factor == NULL && tries < 100; tries++) {
        sound = BN_priv_rand_range_ex(g, n, 0, ctx) == 1 && BN_mod_exp(y, g, r, n, ctx) == 1;
        for (int i = 0; sound && i < t && !BN_is_one(y) && BN_cmp(y, last) != 0; i++) {
            sound = BN_mod_sqr(x, y, n, ctx) == 1;
            if (sound && BN_is_one(x)) { /* y is a root of one other than 1 and -1 */
                factor = BN_new();
                sound = factor != NULL && BN_sub_word(y, 1) == 1 && BN_gcd(factor, y, n, ctx) == 1;
                break;
            }
            sound = sound && BN_copy(y, x) != NULL;
        }
    }
    BN_CTX_end(ctx);
    if (!sound) {
        BN_clear_free(factor);
        return NULL;
    }
    return factor;
}

static CK_RV parts_factors(struct parts *parts, const BIGNUM *n, const BIGNUM *e, const BIGNUM *d) {
    BN_CTX *ctx = BN_CTX_secure_new_ex(module.libctx);
    BIGNUM *r = BN_new(), *q = BN_new(), *p = NULL;
    int t = 0;
    bool sound = ctx != NULL && r != NULL && q != NULL && BN_mul(r, e, d, ctx) == 1 &&
                 BN_sub_word(r, 1) == 1 && !BN_is_zero(r) && !BN_is_odd(r);
    while (sound && !BN_is_odd(r)) {
        sound = BN_rshift1(r, r) == 1;
        t++;
    }
    if (sound)
        p = find_factor(n, r, t, ctx);
    sound = p != NULL && BN_div(q, NULL, n, p, ctx) == 1;
    BN_clear_free(r);
    BN_CTX_free(ctx);
    if (!sound) {
        BN_clear_free(p);
        BN_clear_free(q);
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    CK_RV rv = parts_number(parts, OSSL_PKEY_PARAM_RSA_FACTOR1, p);
    CK_RV rv_q = parts_number(parts, OSSL_PKEY_PARAM_RSA_FACTOR2, q);
    if (rv == CKR_OK)
        rv = rv_q;
    if (rv == CKR_OK &&
        OSSL_PARAM_BLD_push_int(parts->builder, OSSL_PKEY_PARAM_RSA_DERIVE_FROM_PQ, 1) != 1)
        rv = CKR_HOST_MEMORY;
    return rv;
}

static const struct {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
} crt_parts[] = {
    {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1},
    {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2},
    {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};
#define CRT_PARTS (sizeof crt_parts / sizeof *crt_parts)

static CK_RV import_rsa(struct attributes *attrs, EVP_PKEY **ret_pkey) {
    AUTO(parts) struct parts parts = {0};
    size_t have = 0;
    TRY(parts_init(&parts));
    if (attributes_find(attrs, CKA_PUBLIC_EXPONENT) == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    BIGNUM *n = number_of(attrs, CKA_MODULUS), *e = number_of(attrs, CKA_PUBLIC_EXPONENT);
    BIGNUM *d = number_of(attrs, CKA_PRIVATE_EXPONENT);
    CK_RV rvs[] = {parts_number(&parts, OSSL_PKEY_PARAM_RSA_N, n),
                   parts_number(&parts, OSSL_PKEY_PARAM_RSA_E, e),
                   parts_number(&parts, OSSL_PKEY_PARAM_RSA_D, d)};
    for (size_t i = 0; i < 3; i++)
        if (rvs[i] != CKR_OK)
            return CKR_ATTRIBUTE_VALUE_INVALID;
    if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX)
        return CKR_KEY_SIZE_RANGE;
    for (size_t i = 0; i < CRT_PARTS; i++)
        have += attributes_find(attrs, crt_parts[i].type) != NULL;
    if (have < CRT_PARTS) {
        TRY(parts_factors(&parts, n, e, d));
    } else {
        for (size_t i = 0; i < CRT_PARTS; i++)
            if (parts_number(&parts, crt_parts[i].name, number_of(attrs, crt_parts[i].type)) !=
                CKR_OK)
                return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    attributes_remove(attrs, CKA_PRIVATE_EXPONENT);
    for (size_t i = 0; i < CRT_PARTS; i++)
        attributes_remove(attrs, crt_parts[i].type);
    return parts_make(&parts, "RSA", EVP_PKEY_KEYPAIR, ret_pkey);
}

/* ---- curves and parameter sets -------------------------------------------------------------- */

static CK_RV find_curve(CK_KEY_TYPE key_type, const struct attributes *attrs,
                        const struct curve **ret_curve) {
    const struct attribute *params = attributes_find(attrs, CKA_EC_PARAMS);
    if (params == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    return curve_by_params(key_type, attribute_at(params), params->len, ret_curve);
}

/* OpenSSL wants the public point with the private number. */
static CK_RV public_point(const struct curve *curve, const BIGNUM *number,
                          struct bytes *ret_point) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve->name, 0),
        OSSL_PARAM_construct_end(),
    };
    uint8_t raw[256];
    size_t len = 0;
    BN_CTX *ctx = BN_CTX_secure_new_ex(module.libctx);
    EC_GROUP *group = EC_GROUP_new_from_params(params, module.libctx, NULL);
    EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
    bool in_range =
        group != NULL && !BN_is_zero(number) && BN_cmp(number, EC_GROUP_get0_order(group)) < 0;
    if (in_range && point != NULL && ctx != NULL &&
        EC_POINT_mul(group, point, number, NULL, NULL, ctx) == 1)
        len = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, raw, sizeof raw, ctx);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    BN_CTX_free(ctx);
    if (len == 0)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return bytes_set(ret_point, raw, len);
}

static CK_RV import_ec(struct attributes *attrs, EVP_PKEY **ret_pkey) {
    AUTO(parts) struct parts parts = {0};
    AUTO(bytes) struct bytes value = {0};
    const struct curve *curve;
    TRY(parts_init(&parts));
    TRY(find_curve(CKK_EC, attrs, &curve));
    TRY(attributes_take(attrs, CKA_VALUE, &value));
    if (value.len == 0 || value.len > curve->order_len + 1)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    BIGNUM *number = BN_bin2bn(value.at, (int)value.len, NULL);
    TRY(parts_number(&parts, OSSL_PKEY_PARAM_PRIV_KEY, number));
    TRY(public_point(curve, number, &parts.octets[0]));
    TRY(parts_octets(&parts, OSSL_PKEY_PARAM_PUB_KEY, &parts.octets[0]));
    if (OSSL_PARAM_BLD_push_utf8_string(parts.builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->name,
                                        0) != 1)
        return CKR_HOST_MEMORY;
    return parts_make(&parts, "EC", EVP_PKEY_KEYPAIR, ret_pkey);
}

static CK_RV import_raw(const char *name, struct attributes *attrs, EVP_PKEY **ret_pkey) {
    AUTO(bytes) struct bytes value = {0};
    TRY(attributes_take(attrs, CKA_VALUE, &value));
    *ret_pkey = EVP_PKEY_new_raw_private_key_ex(module.libctx, name, NULL, value.at, value.len);
    return *ret_pkey == NULL ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
}

/* pkcs11-v3.2: an ML-DSA or ML-KEM private key comes as its seed, its expanded form, or both. */
static CK_RV import_seeded(const char *name, struct attributes *attrs, EVP_PKEY **ret_pkey) {
    if (attributes_find(attrs, CKA_SEED) == NULL)
        return import_raw(name, attrs, ret_pkey);
    AUTO(parts) struct parts parts = {0};
    TRY(parts_init(&parts));
    TRY(attributes_take(attrs, CKA_SEED, &parts.octets[0]));
    TRY(parts_octets(&parts, OSSL_PKEY_PARAM_ML_DSA_SEED, &parts.octets[0]));
    if (attributes_take(attrs, CKA_VALUE, &parts.octets[1]) == CKR_OK)
        TRY(parts_octets(&parts, OSSL_PKEY_PARAM_PRIV_KEY, &parts.octets[1]));
    return parts_make(&parts, name, EVP_PKEY_KEYPAIR, ret_pkey);
}

static CK_RV import_unchecked(CK_KEY_TYPE key_type, struct attributes *attrs, EVP_PKEY **ret_pkey) {
    const struct curve *curve;
    const struct parameter_set *set;
    switch (key_type) {
    case CKK_RSA:
        return import_rsa(attrs, ret_pkey);
    case CKK_EC:
        return import_ec(attrs, ret_pkey);
    case CKK_EC_EDWARDS:
    case CKK_EC_MONTGOMERY:
        TRY(find_curve(key_type, attrs, &curve));
        return import_raw(curve->name, attrs, ret_pkey);
    default:
        TRY(parameter_set_by_number(key_type, attributes_ulong(attrs, CKA_PARAMETER_SET, 0), &set));
        return key_type == CKK_SLH_DSA ? import_raw(set->name, attrs, ret_pkey)
                                       : import_seeded(set->name, attrs, ret_pkey);
    }
}

static bool key_is_sound(EVP_PKEY *pkey, bool with_private) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(module.libctx, pkey, NULL);
    bool sound = ctx != NULL && (with_private ? EVP_PKEY_pairwise_check(ctx) == 1
                                              : EVP_PKEY_public_check(ctx) == 1);
    EVP_PKEY_CTX_free(ctx);
    return sound;
}

CK_RV key_import_private(CK_KEY_TYPE key_type, struct attributes *attrs, EVP_PKEY **ret_pkey) {
    EVP_PKEY *pkey = NULL;
    TRY(import_unchecked(key_type, attrs, &pkey));
    /* A pair that does not belong together signs what nobody can verify, and with RSA leaks. */
    if (!key_is_sound(pkey, true)) {
        EVP_PKEY_free(pkey);
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    *ret_pkey = pkey;
    return CKR_OK;
}

/* ---- public keys ---------------------------------------------------------------------------- */

static bool point_len_fits(const struct curve *curve, size_t len) {
    if (curve->key_type != CKK_EC)
        return len == curve->order_len;
    return len == 2 * curve->order_len + 1 || len == curve->order_len + 1; /* or compressed */
}

/* A bare point may look like DER by chance (both begin with 4): the length decides. */
CK_RV curve_point(const struct curve *curve, const uint8_t *at, size_t len,
                  struct bytes *ret_point) {
    const uint8_t *next = at;
    ASN1_OCTET_STRING *string = len > 65536 ? NULL : d2i_ASN1_OCTET_STRING(NULL, &next, (long)len);
    CK_RV rv = CKR_ATTRIBUTE_VALUE_INVALID;
    if (string != NULL && next == at + len &&
        point_len_fits(curve, (size_t)ASN1_STRING_length(string)))
        rv =
            bytes_set(ret_point, ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
    else if (point_len_fits(curve, len))
        rv = bytes_set(ret_point, at, len);
    ASN1_OCTET_STRING_free(string);
    return rv;
}

static CK_RV public_ec(CK_KEY_TYPE key_type, const struct attributes *attrs, EVP_PKEY **ret_pkey) {
    AUTO(parts) struct parts parts = {0};
    const struct curve *curve;
    TRY(parts_init(&parts));
    TRY(find_curve(key_type, attrs, &curve));
    const struct attribute *point = attributes_find(attrs, CKA_EC_POINT);
    if (point == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    TRY(curve_point(curve, attribute_at(point), point->len, &parts.octets[0]));
    TRY(parts_octets(&parts, OSSL_PKEY_PARAM_PUB_KEY, &parts.octets[0]));
    if (key_type != CKK_EC)
        return parts_make(&parts, curve->name, EVP_PKEY_PUBLIC_KEY, ret_pkey);
    if (OSSL_PARAM_BLD_push_utf8_string(parts.builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->name,
                                        0) != 1)
        return CKR_HOST_MEMORY;
    return parts_make(&parts, "EC", EVP_PKEY_PUBLIC_KEY, ret_pkey);
}

static CK_RV public_rsa(const struct attributes *attrs, EVP_PKEY **ret_pkey) {
    AUTO(parts) struct parts parts = {0};
    TRY(parts_init(&parts));
    BIGNUM *n = number_of(attrs, CKA_MODULUS), *e = number_of(attrs, CKA_PUBLIC_EXPONENT);
    CK_RV rv_n = parts_number(&parts, OSSL_PKEY_PARAM_RSA_N, n);
    CK_RV rv_e = parts_number(&parts, OSSL_PKEY_PARAM_RSA_E, e);
    if (rv_n != CKR_OK || rv_e != CKR_OK || !BN_is_odd(e) || !BN_is_odd(n) || BN_is_one(e))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX)
        return CKR_KEY_SIZE_RANGE;
    return parts_make(&parts, "RSA", EVP_PKEY_PUBLIC_KEY, ret_pkey);
}

static CK_RV public_set(CK_KEY_TYPE key_type, const struct attributes *attrs, EVP_PKEY **ret_pkey) {
    const struct parameter_set *set;
    const struct attribute *value = attributes_find(attrs, CKA_VALUE);
    if (value == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    TRY(parameter_set_by_number(key_type, attributes_ulong(attrs, CKA_PARAMETER_SET, 0), &set));
    *ret_pkey = EVP_PKEY_new_raw_public_key_ex(module.libctx, set->name, NULL, attribute_at(value),
                                               value->len);
    return *ret_pkey == NULL ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
}

CK_RV key_import_public(CK_KEY_TYPE key_type, const struct attributes *attrs, EVP_PKEY **ret_pkey) {
    EVP_PKEY *pkey = NULL;
    if (key_type == CKK_RSA)
        TRY(public_rsa(attrs, &pkey));
    else if (key_type == CKK_EC || key_type == CKK_EC_EDWARDS || key_type == CKK_EC_MONTGOMERY)
        TRY(public_ec(key_type, attrs, &pkey));
    else
        TRY(public_set(key_type, attrs, &pkey));
    if (!key_is_sound(pkey, false)) {
        EVP_PKEY_free(pkey);
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    *ret_pkey = pkey;
    return CKR_OK;
}
