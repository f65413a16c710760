#include "signer/keytype.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

#define OID(...)                                                                                   \
    { (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) }
#define EC(name, size, ...)                                                                        \
    { name, "EC", name, CKK_EC, CKM_EC_KEY_PAIR_GEN, OID(__VA_ARGS__), 0, size }
#define ED(name, openssl, ...)                                                                     \
    { name, openssl, NULL, CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, OID(__VA_ARGS__), 0, 0 }
#define ML_DSA(name, set)                                                                          \
    { name, name, NULL, CKK_ML_DSA, CKM_ML_DSA_KEY_PAIR_GEN, {NULL, 0}, set, 0 }
#define SLH_DSA(name, set)                                                                         \
    { name, name, NULL, CKK_SLH_DSA, CKM_SLH_DSA_KEY_PAIR_GEN, {NULL, 0}, set, 0 }

static const struct key_type types[] = {
    {"RSA", "RSA", NULL, CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, {NULL, 0}, 0, 0},
    EC("P-256", 32, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
    EC("P-384", 48, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22),
    EC("P-521", 66, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23),
    EC("secp256k1", 32, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a),
    EC("brainpoolP256r1", 32, 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07),
    EC("brainpoolP384r1", 48, 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b),
    EC("brainpoolP512r1", 64, 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d),
    ED("Ed25519", "ED25519", 0x06, 0x03, 0x2b, 0x65, 0x70),
    ED("Ed448", "ED448", 0x06, 0x03, 0x2b, 0x65, 0x71),
    ML_DSA("ML-DSA-44", CKP_ML_DSA_44),
    ML_DSA("ML-DSA-65", CKP_ML_DSA_65),
    ML_DSA("ML-DSA-87", CKP_ML_DSA_87),
    SLH_DSA("SLH-DSA-SHA2-128s", CKP_SLH_DSA_SHA2_128S),
    SLH_DSA("SLH-DSA-SHA2-128f", CKP_SLH_DSA_SHA2_128F),
    SLH_DSA("SLH-DSA-SHA2-192s", CKP_SLH_DSA_SHA2_192S),
    SLH_DSA("SLH-DSA-SHA2-192f", CKP_SLH_DSA_SHA2_192F),
    SLH_DSA("SLH-DSA-SHA2-256s", CKP_SLH_DSA_SHA2_256S),
    SLH_DSA("SLH-DSA-SHA2-256f", CKP_SLH_DSA_SHA2_256F),
    SLH_DSA("SLH-DSA-SHAKE-128s", CKP_SLH_DSA_SHAKE_128S),
    SLH_DSA("SLH-DSA-SHAKE-128f", CKP_SLH_DSA_SHAKE_128F),
    SLH_DSA("SLH-DSA-SHAKE-192s", CKP_SLH_DSA_SHAKE_192S),
    SLH_DSA("SLH-DSA-SHAKE-192f", CKP_SLH_DSA_SHAKE_192F),
    SLH_DSA("SLH-DSA-SHAKE-256s", CKP_SLH_DSA_SHAKE_256S),
    SLH_DSA("SLH-DSA-SHAKE-256f", CKP_SLH_DSA_SHAKE_256F),
};
#define TYPES (sizeof types / sizeof types[0])

/* Tokens that are older than PKCS#11 3.0 name the Edwards curves by a PrintableString. */
static const struct {
    const char *name;
    struct view params;
} curve_names[] = {
    {"Ed25519",
     {(const uint8_t *)"\x13\x0c"
                       "edwards25519",
      14}},
    {"Ed448",
     {(const uint8_t *)"\x13\x0a"
                       "edwards448",
      12}},
};

static bool rsa_bits(struct view name, CK_ULONG *ret_bits) {
    CK_ULONG bits = 0;
    if (name.len != 8 || memcmp(name.at, "RSA-", 4) != 0)
        return false;
    for (size_t i = 4; i < 8; i++) {
        if (name.at[i] < '0' || name.at[i] > '9')
            return false;
        bits = bits * 10 + (CK_ULONG)(name.at[i] - '0');
    }
    *ret_bits = bits;
    return bits >= 2048 && bits <= 8192 && bits % 256 == 0;
}

bool key_type_by_name(struct view name, const struct key_type **ret_type, CK_ULONG *ret_bits,
                      struct error *err) {
    if (rsa_bits(name, ret_bits)) {
        *ret_type = &types[0];
        return true;
    }
    for (size_t i = 1; i < TYPES; i++)
        if (view_is(name, types[i].name)) {
            *ret_type = &types[i];
            return true;
        }
    return fail(
        err, ERROR_POLICY, "unknown-key-type",
        "Key type \"%.*s\" is unknown: use RSA-2048 to RSA-8192, P-256, P-384, P-521, secp256k1, "
        "brainpoolP256r1/P384r1/P512r1, Ed25519, Ed448, ML-DSA-44/65/87 or an SLH-DSA set.",
        (int)name.len, (const char *)name.at);
}

static bool group_is(EVP_PKEY *key, const char *group) {
    char name[64];
    size_t len;
    if (EVP_PKEY_get_group_name(key, name, sizeof name, &len) != 1)
        return false;
    if (strcmp(group, "P-256") == 0 && strcmp(name, "prime256v1") == 0)
        return true;
    if (strcmp(group, "P-384") == 0 && strcmp(name, "secp384r1") == 0)
        return true;
    return strcmp(name, group) == 0 ||
           (strcmp(group, "P-521") == 0 && strcmp(name, "secp521r1") == 0);
}

bool key_type_of_public(EVP_PKEY *key, const struct key_type **ret_type, struct error *err) {
    for (size_t i = 0; i < TYPES; i++)
        if (EVP_PKEY_is_a(key, types[i].openssl) &&
            (types[i].group == NULL || group_is(key, types[i].group))) {
            *ret_type = &types[i];
            return true;
        }
    return fail(
        err, ERROR_POLICY, "unknown-key-type",
        "The key is of a type or curve that is not supported: use RSA, P-256, P-384, P-521, "
        "secp256k1, brainpoolP256r1/P384r1/P512r1, Ed25519, Ed448, ML-DSA or SLH-DSA.");
}

void key_type_full_name(const struct key_type *type, EVP_PKEY *key,
                        char ret_name[static KEY_TYPE_NAME_SIZE]) {
    if (type->ckk == CKK_RSA)
        snprintf(ret_name, KEY_TYPE_NAME_SIZE, "RSA-%d", EVP_PKEY_get_bits(key));
    else
        snprintf(ret_name, KEY_TYPE_NAME_SIZE, "%s", type->name);
}

#define SEQUENCE 0x30
#define PARAMS_MAX 1024
#define OID_SIZE 16

/* ykcs11 2.2 under OpenSSL 3 writes the curve of a key without certificate out in numbers (ECParameters, rfc3279#2.3.5).
 * That is the named curve when every number is, the generator among them; nothing is computed with what the token gave. */
static struct view name_of_curve(struct view params, uint8_t oid[static OID_SIZE]) {
    const uint8_t *at = params.at;
    uint8_t *out = oid;
    if (params.len == 0 || params.len > PARAMS_MAX || params.at[0] != SEQUENCE)
        return params;
    EC_GROUP *group = d2i_ECPKParameters(NULL, &at, (long)params.len);
    int nid = group == NULL || at != params.at + params.len ? NID_undef : EC_GROUP_check_named_curve(group, 0, NULL);
    EC_GROUP_free(group);
    const ASN1_OBJECT *name = nid == NID_undef ? NULL : OBJ_nid2obj(nid);
    int len = name == NULL ? 0 : i2d_ASN1_OBJECT(name, NULL);
    fail_internal(NULL, "empties the error queue");
    if (len <= 0 || len > OID_SIZE)
        return params;
    i2d_ASN1_OBJECT(name, &out);
    return view_of(oid, (size_t)len);
}

const struct key_type *key_type_by_object(CK_KEY_TYPE ckk, struct view params,
                                          CK_ULONG parameter_set) {
    uint8_t oid[OID_SIZE];
    if (ckk == CKK_EC)
        params = name_of_curve(params, oid);
    for (size_t i = 0; i < sizeof curve_names / sizeof curve_names[0]; i++)
        if (view_equal(params, curve_names[i].params))
            for (size_t j = 0; j < TYPES; j++)
                if (strcmp(types[j].name, curve_names[i].name) == 0 && types[j].ckk == ckk)
                    return &types[j];
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].ckk == ckk && types[i].parameter_set == parameter_set &&
            (types[i].params.at == NULL || view_equal(types[i].params, params)))
            return &types[i];
    return NULL;
}
