#include "seal.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "module.h"

/* rfc9106#4, second recommended option: 64 MiB and 3 passes; one lane, because a key server has
 * other work for its other cores. */
const struct pin_cost pin_cost_now = {.memory_kib = 64 * 1024, .passes = 3, .lanes = 1};

CK_RV random_octets(uint8_t *to, size_t len) {
    return RAND_priv_bytes_ex(module.libctx, to, len, 0) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
}

static bool gcm(EVP_CIPHER_CTX *ctx, const struct bytes *aad, const uint8_t *in, size_t in_len,
                uint8_t *out) {
    int len;
    if (aad->len > INT_MAX || in_len > INT_MAX)
        return false;
    return EVP_CipherUpdate(ctx, NULL, &len, aad->at, (int)aad->len) == 1 &&
           (in_len == 0 || EVP_CipherUpdate(ctx, out, &len, in, (int)in_len) == 1);
}

CK_RV seal(const uint8_t key[SEAL_KEY_LEN], const struct bytes *aad, const struct bytes *plain,
           struct bytes *out) {
    TRY(bytes_reserve(out, SEAL_NONCE_LEN + plain->len + SEAL_TAG_LEN));
    uint8_t *nonce = out->at + out->len;
    uint8_t *text = nonce + SEAL_NONCE_LEN;
    TRY(random_octets(nonce, SEAL_NONCE_LEN));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len;
    bool done =
        ctx != NULL &&
        EVP_EncryptInit_ex2(ctx, module_cipher(CIPHER_GCM, SEAL_KEY_LEN), key, nonce, NULL) == 1 &&
        gcm(ctx, aad, plain->at, plain->len, text) &&
        EVP_EncryptFinal_ex(ctx, text + plain->len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_LEN, text + plain->len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!done)
        return CKR_GENERAL_ERROR;
    out->len += SEAL_NONCE_LEN + plain->len + SEAL_TAG_LEN;
    return CKR_OK;
}

CK_RV unseal(const uint8_t key[SEAL_KEY_LEN], const struct bytes *aad, const uint8_t *sealed,
             size_t sealed_len, struct bytes *ret_plain) {
    if (sealed_len < SEAL_NONCE_LEN + SEAL_TAG_LEN)
        return CKR_DEVICE_ERROR;
    size_t len = sealed_len - SEAL_NONCE_LEN - SEAL_TAG_LEN;
    bytes_clear(ret_plain);
    TRY(bytes_reserve(ret_plain, len));
    const uint8_t *text = sealed + SEAL_NONCE_LEN;
    uint8_t tag[SEAL_TAG_LEN];
    for (size_t i = 0; i < sizeof tag; i++)
        tag[i] = text[len + i];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t none[SEAL_TAG_LEN];
    int rest;
    bool done =
        ctx != NULL &&
        EVP_DecryptInit_ex2(ctx, module_cipher(CIPHER_GCM, SEAL_KEY_LEN), key, sealed, NULL) == 1 &&
        gcm(ctx, aad, text, len, ret_plain->at) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
        EVP_DecryptFinal_ex(ctx, none, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ret_plain->len = len;
    if (!done) {
        bytes_clear(ret_plain);
        return CKR_DEVICE_ERROR;
    }
    return CKR_OK;
}

bool pin_cost_sane(const struct pin_cost *cost) {
    return cost->memory_kib >= 8 && cost->memory_kib <= 4 * 1024 * 1024 && cost->passes >= 1 &&
           cost->passes <= 64 && cost->lanes >= 1 && cost->lanes <= 16;
}

CK_RV pin_key(const struct pin_cost *cost, const uint8_t salt[SEAL_SALT_LEN], const uint8_t *pin,
              size_t pin_len, uint8_t ret_key[SEAL_KEY_LEN]) {
    uint32_t memory = cost->memory_kib, passes = cost->passes, lanes = cost->lanes;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &memory),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, SEAL_SALT_LEN),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)pin, pin_len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(module.libctx, "ARGON2ID", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool done = ctx != NULL && EVP_KDF_derive(ctx, ret_key, SEAL_KEY_LEN, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done ? CKR_OK : CKR_HOST_MEMORY; /* with a sane cost, only its memory can be missing */
}
