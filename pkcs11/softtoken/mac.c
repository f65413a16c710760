#include "mac.h"

#include <string.h>

#include <openssl/core_names.h>

#include "session.h"

#define CMAC_LEN 16

bool mac_is(const struct mechanism *mechanism) {
    switch (mechanism->family) {
    case FAMILY_HMAC:
    case FAMILY_HMAC_GENERAL:
    case FAMILY_CMAC:
    case FAMILY_CMAC_GENERAL:
        return true;
    default:
        return false;
    }
}

static bool is_general(const struct mechanism *mechanism) {
    return mechanism->family == FAMILY_HMAC_GENERAL || mechanism->family == FAMILY_CMAC_GENERAL;
}

static size_t full_length(const struct mechanism *mechanism) {
    if (mechanism->digest == DIGEST_NONE)
        return CMAC_LEN;
    return (size_t)EVP_MD_get_size(module_digest(mechanism->digest));
}

CK_RV mac_read_params(const struct mechanism *mechanism, const CK_MECHANISM *given,
                      struct signature_params *ret_params) {
    CK_MAC_GENERAL_PARAMS len = full_length(mechanism);
    if (!is_general(mechanism)) {
        TRY(mechanism_no_parameter(given));
    } else {
        if (given->pParameter == NULL || given->ulParameterLen != sizeof len)
            return CKR_MECHANISM_PARAM_INVALID;
        memcpy(&len, given->pParameter, sizeof len);
        if (len == 0 || len > full_length(mechanism))
            return CKR_MECHANISM_PARAM_INVALID;
    }
    ret_params->mac_len = (uint8_t)len;
    return CKR_OK;
}

CK_RV mac_prepare(struct signature_op *op) {
    const struct mechanism *mechanism = op->mechanism;
    const struct bytes *key;
    bool hmac = mechanism->digest != DIGEST_NONE;
    TRY(object_secret(op->key, &key));
    const EVP_CIPHER *cipher = hmac ? NULL : module_cipher(CIPHER_CBC, key->len);
    if (!hmac && cipher == NULL)
        return CKR_KEY_SIZE_RANGE;
    const char *name = hmac ? module_digest_name(mechanism->digest) : EVP_CIPHER_get0_name(cipher);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(hmac ? OSSL_MAC_PARAM_DIGEST : OSSL_MAC_PARAM_CIPHER,
                                         (char *)name, 0),
        OSSL_PARAM_construct_end(),
    };
    op->mac = EVP_MAC_CTX_new(hmac ? module.hmac : module.cmac);
    if (op->mac == NULL)
        return CKR_HOST_MEMORY;
    op->signature_len = op->params.mac_len;
    return EVP_MAC_init(op->mac, key->at, key->len, params) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV mac_restart(struct signature_op *op) {
    return EVP_MAC_init(op->mac, NULL, 0, NULL) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV mac_update(struct signature_op *op, const uint8_t *part, size_t len) {
    return len == 0 || EVP_MAC_update(op->mac, part, len) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV mac_finish(struct signature_op *op, const uint8_t *data, size_t len, uint8_t *ret_mac) {
    uint8_t full[EVP_MAX_MD_SIZE];
    size_t full_len = 0;
    TRY(mac_update(op, data, len));
    if (EVP_MAC_final(op->mac, full, &full_len, sizeof full) != 1 || full_len < op->signature_len)
        return CKR_FUNCTION_FAILED;
    memcpy(ret_mac, full, op->signature_len);
    return CKR_OK;
}
