#include "card.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#define EXPONENT 65537
#define PARTS_MAX 5

enum kind { RSA_KEY, EC_KEY_, RAW_KEY };

/* SP 800-78-4 table 6-2 and Yubico's of firmware 5.7. */
static const struct algorithm {
    uint8_t number;
    enum kind kind;
    unsigned bits;
    const char *name;
    bool since_5_7;
} algorithms[] = {
    {0x06, RSA_KEY, 1024, "RSA", false},     {0x07, RSA_KEY, 2048, "RSA", false},
    {0x05, RSA_KEY, 3072, "RSA", true},      {0x16, RSA_KEY, 4096, "RSA", true},
    {0x11, EC_KEY_, 256, "P-256", false},    {0x14, EC_KEY_, 384, "P-384", false},
    {0xE0, RAW_KEY, 256, "ED25519", true},   {0xE1, RAW_KEY, 256, "X25519", true},
};

static const struct algorithm *algorithm_of(uint8_t number) {
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (algorithms[i].number == number)
            return &algorithms[i];
    return NULL;
}

bool algorithm_known(const struct card *card, uint8_t number) {
    const struct algorithm *a = algorithm_of(number);
    bool new_enough = card->version[0] > 5 || (card->version[0] == 5 && card->version[1] >= 7);
    return a != NULL && (new_enough || !a->since_5_7);
}

struct slot *card_slot(struct card *card, uint8_t reference) {
    for (size_t i = 0; i < SLOTS; i++)
        if (card->slots[i].reference == reference)
            return &card->slots[i];
    return NULL;
}

EVP_PKEY *key_generate(uint8_t number) {
    const struct algorithm *a = algorithm_of(number);
    if (a->kind == RSA_KEY)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)a->bits);
    return a->kind == EC_KEY_ ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", a->name)
                              : EVP_PKEY_Q_keygen(NULL, NULL, a->name);
}

/* ---- import ---- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build) {
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

/* n, e and d of the primes; the CRT parts come as they are. */
static EVP_PKEY *rsa_of_parts(const struct view part[static PARTS_MAX]) {
    static const char *const names[PARTS_MAX] = {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
                                                 OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
                                                 OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_new(), *e = BN_new(), *d = BN_new(), *phi = BN_new(), *one_less = BN_new();
    BIGNUM *value[PARTS_MAX];
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    for (int i = 0; i < PARTS_MAX; i++)
        value[i] = BN_bin2bn(part[i].at, (int)part[i].len, NULL);
    BN_set_word(e, EXPONENT);
    BN_mul(n, value[0], value[1], ctx);
    BN_sub(one_less, value[0], BN_value_one());
    BN_sub(phi, value[1], BN_value_one());
    BN_mul(phi, phi, one_less, ctx);
    EVP_PKEY *pkey = NULL;
    if (BN_mod_inverse(d, e, phi, ctx) != NULL) {
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, d);
        for (int i = 0; i < PARTS_MAX; i++)
            OSSL_PARAM_BLD_push_BN(build, names[i], value[i]);
        pkey = from_params("RSA", build);
    }
    OSSL_PARAM_BLD_free(build);
    for (int i = 0; i < PARTS_MAX; i++)
        BN_free(value[i]);
    BN_free(n), BN_free(e), BN_free(d), BN_free(phi), BN_free(one_less);
    BN_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *ec_of_scalar(const struct algorithm *a, struct view scalar) {
    uint8_t point[2 * 48 + 1];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(a->bits == 256 ? NID_X9_62_prime256v1 : NID_secp384r1);
    EC_POINT *public_point = EC_POINT_new(group);
    BIGNUM *d = BN_bin2bn(scalar.at, (int)scalar.len, NULL);
    EVP_PKEY *pkey = NULL;
    if (!BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0 &&
        EC_POINT_mul(group, public_point, d, NULL, NULL, NULL) == 1) {
        size_t len = EC_POINT_point2oct(group, public_point, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL);
        OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, a->name, 0);
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len);
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
        pkey = from_params("EC", build);
        OSSL_PARAM_BLD_free(build);
    }
    BN_free(d);
    EC_POINT_free(public_point);
    EC_GROUP_free(group);
    return pkey;
}

EVP_PKEY *key_import(uint8_t number, struct view parts) {
    const struct algorithm *a = algorithm_of(number);
    struct view part[PARTS_MAX];
    if (a->kind == RSA_KEY) {
        for (unsigned i = 0; i < PARTS_MAX; i++)
            if (!tlv_find(parts, i + 1, &part[i]) || part[i].len > a->bits / 16)
                return NULL;
        EVP_PKEY *pkey = rsa_of_parts(part);
        if (pkey == NULL || EVP_PKEY_get_bits(pkey) == (int)a->bits)
            return pkey;
        EVP_PKEY_free(pkey);
        return NULL;
    }
    unsigned tag = a->kind == EC_KEY_ ? 6 : a->number == 0xE0 ? 7 : 8;
    if (!tlv_find(parts, tag, &part[0]) || part[0].len != a->bits / 8)
        return NULL;
    return a->kind == EC_KEY_ ? ec_of_scalar(a, part[0])
                              : EVP_PKEY_new_raw_private_key_ex(NULL, a->name, NULL, part[0].at, part[0].len);
}

/* ---- public half and use ---- */

static void put_number(const EVP_PKEY *pkey, const char *name, unsigned tag, struct buffer *out) {
    uint8_t bytes[512];
    BIGNUM *n = NULL;
    EVP_PKEY_get_bn_param(pkey, name, &n);
    int len = BN_bn2bin(n, bytes);
    tlv_put(out, tag, view_of(bytes, (size_t)len));
    BN_free(n);
}

bool key_put_public(const EVP_PKEY *pkey, struct buffer *out) {
    uint8_t point[128];
    size_t len;
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        put_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0x81, out);
        put_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0x82, out);
        return true;
    }
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1)
        return false;
    tlv_put(out, 0x86, view_of(point, len));
    return true;
}

/* The raw operation of RSA on a block that the host has padded, serves signing and decryption. */
static bool rsa_raw(EVP_PKEY *pkey, struct view in, uint8_t *out, size_t *len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool done = EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
                EVP_PKEY_decrypt(ctx, out, len, in.at, in.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return done;
}

static bool ec_sign(EVP_PKEY *pkey, struct view in, uint8_t *out, size_t *len) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool done = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, out, len, in.at, in.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return done;
}

static bool whole_message_sign(EVP_PKEY *pkey, struct view in, uint8_t *out, size_t *len) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestSign(ctx, out, len, in.at, in.len) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

enum status key_private(const struct slot *slot, struct view in, struct buffer *out) {
    const struct algorithm *a = algorithm_of(slot->algorithm);
    uint8_t result[512];
    size_t len = sizeof result;
    if (a->kind == RSA_KEY && in.len != a->bits / 8)
        return SW_DATA;
    if (strcmp(a->name, "X25519") == 0 || in.len == 0)
        return SW_DATA;
    bool done = a->kind == RSA_KEY   ? rsa_raw(slot->pkey, in, result, &len)
                : a->kind == EC_KEY_ ? ec_sign(slot->pkey, in, result, &len)
                                     : whole_message_sign(slot->pkey, in, result, &len);
    if (!done)
        return SW_DATA;
    buffer_add(out, result, len);
    return SW_OK;
}

static EVP_PKEY *peer_of(const struct slot *slot, struct view in) {
    EVP_PKEY *peer = EVP_PKEY_new();
    if (EVP_PKEY_copy_parameters(peer, slot->pkey) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, in.at, in.len) == 1)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

enum status key_exchange(const struct slot *slot, struct view in, struct buffer *out) {
    const struct algorithm *a = algorithm_of(slot->algorithm);
    uint8_t secret[64];
    size_t len = sizeof secret;
    EVP_PKEY *peer;
    if (a->kind == RSA_KEY || strcmp(a->name, "ED25519") == 0)
        return SW_DATA;
    peer = a->kind == EC_KEY_ ? peer_of(slot, in) : EVP_PKEY_new_raw_public_key_ex(NULL, a->name, NULL, in.at, in.len);
    if (peer == NULL)
        return SW_DATA;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, slot->pkey, NULL);
    bool done = EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, peer, 1) == 1 &&
                EVP_PKEY_derive(ctx, secret, &len) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    if (!done)
        return SW_DATA;
    buffer_add(out, secret, len);
    return SW_OK;
}
