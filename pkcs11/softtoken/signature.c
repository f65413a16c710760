#include "signature.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "key.h"
#include "mac.h"
#include "session.h"

/* DER of an ECDSA signature on the largest curve: two integers of 67 octets and their headers. */
#define ECDSA_DER_MAX 160

/* ---- parameters ----------------------------------------------------------------------------- */

static CK_RV read_pss(const struct mechanism *mechanism, const CK_MECHANISM *given,
                      struct signature_params *ret_params) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_RSA_PKCS_PSS_PARAMS *pss = given->pParameter;
    ret_params->hash = digest_by_mechanism(pss->hashAlg);
    ret_params->mgf = digest_by_mgf(pss->mgf);
    if (ret_params->hash == DIGEST_NONE || ret_params->mgf == DIGEST_NONE ||
        pss->sLen > RSA_BITS_MAX / 8 ||
        (mechanism->digest != DIGEST_NONE && mechanism->digest != ret_params->hash))
        return CKR_MECHANISM_PARAM_INVALID;
    ret_params->salt_len = (int)pss->sLen;
    return CKR_OK;
}

static CK_RV read_context(const uint8_t *context, CK_ULONG len,
                          struct signature_params *ret_params) {
    if (len > sizeof ret_params->context || (context == NULL && len > 0))
        return CKR_MECHANISM_PARAM_INVALID;
    ret_params->context_len = (uint8_t)len;
    if (len > 0)
        memcpy(ret_params->context, context, len);
    return CKR_OK;
}

static CK_RV read_eddsa(const CK_MECHANISM *given, struct signature_params *ret_params) {
    if (given->pParameter == NULL || given->ulParameterLen == 0)
        return CKR_OK;
    if (given->ulParameterLen != sizeof(CK_EDDSA_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_EDDSA_PARAMS *eddsa = given->pParameter;
    ret_params->prehash = eddsa->phFlag != CK_FALSE;
    ret_params->with_context = true;
    return read_context(eddsa->pContextData, eddsa->ulContextDataLen, ret_params);
}

static CK_RV read_additional(const CK_MECHANISM *given, struct signature_params *ret_params) {
    if (given->pParameter == NULL || given->ulParameterLen == 0)
        return CKR_OK;
    if (given->ulParameterLen != sizeof(CK_SIGN_ADDITIONAL_CONTEXT))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_SIGN_ADDITIONAL_CONTEXT *additional = given->pParameter;
    if (additional->hedgeVariant > CKH_DETERMINISTIC_REQUIRED)
        return CKR_MECHANISM_PARAM_INVALID;
    ret_params->deterministic = additional->hedgeVariant == CKH_DETERMINISTIC_REQUIRED;
    return read_context(additional->pContext, additional->ulContextLen, ret_params);
}

static CK_RV read_params(const struct mechanism *mechanism, const CK_MECHANISM *given,
                         struct signature_params *ret_params) {
    memset(ret_params, 0, sizeof *ret_params); /* padding too: they are compared as octets */
    if (mac_is(mechanism))
        return mac_read_params(mechanism, given, ret_params);
    switch (mechanism->family) {
    case FAMILY_RSA_PSS:
        return read_pss(mechanism, given, ret_params);
    case FAMILY_EDDSA:
        return read_eddsa(given, ret_params);
    case FAMILY_ML_DSA:
    case FAMILY_SLH_DSA:
        return read_additional(given, ret_params);
    default:
        return mechanism_no_parameter(given);
    }
}

/* ---- making OpenSSL ready ------------------------------------------------------------------- */

/* Which of OpenSSL's instances of EdDSA, and rfc8032#5.1: plain Ed25519 has no context. */
static const char *message_algorithm(const struct signature_op *op, EVP_PKEY *pkey) {
    if (op->mechanism->family != FAMILY_EDDSA)
        return EVP_PKEY_get0_type_name(pkey);
    if (EVP_PKEY_is_a(pkey, "ED448"))
        return op->params.prehash ? "ED448ph" : "ED448";
    if (op->params.prehash)
        return "ED25519ph";
    return op->params.with_context && op->params.context_len > 0 ? "ED25519ctx" : "ED25519";
}

static CK_RV prepare_message(struct signature_op *op, EVP_PKEY *pkey) {
    int deterministic = op->params.deterministic ? 1 : 0;
    OSSL_PARAM params[3], *next = params;
    if (op->params.context_len > 0)
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                    op->params.context, op->params.context_len);
    if (op->use == USE_SIGN && op->mechanism->family != FAMILY_EDDSA)
        *next++ = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &deterministic);
    *next = OSSL_PARAM_construct_end();
    EVP_SIGNATURE *algorithm =
        EVP_SIGNATURE_fetch(module.libctx, message_algorithm(op, pkey), NULL);
    int done = 0;
    if (algorithm != NULL)
        done = op->use == USE_SIGN ? EVP_PKEY_sign_message_init(op->pctx, algorithm, params)
                                   : EVP_PKEY_verify_message_init(op->pctx, algorithm, params);
    EVP_SIGNATURE_free(algorithm);
    return done == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

static bool prepare_rsa(struct signature_op *op) {
    EVP_PKEY_CTX *pctx = op->pctx;
    const EVP_MD *hash;
    switch (op->mechanism->family) {
    case FAMILY_RSA_PKCS:
        /* With a digest set OpenSSL adds the DigestInfo; CKM_RSA_PKCS brings its own. */
        hash = module_digest(op->mechanism->digest);
        return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) == 1 &&
               (hash == NULL || EVP_PKEY_CTX_set_signature_md(pctx, hash) == 1);
    case FAMILY_RSA_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_signature_md(pctx, module_digest(op->params.hash)) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, module_digest(op->params.mgf)) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, op->params.salt_len) == 1;
    default:
        return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_NO_PADDING) == 1;
    }
}

static CK_RV signature_size(const struct signature_op *op, EVP_PKEY *pkey, size_t *ret_len) {
    const struct curve *curve;
    int size = EVP_PKEY_get_size(pkey);
    if (size <= 0)
        return CKR_GENERAL_ERROR;
    *ret_len = (size_t)size;
    if (op->mechanism->family == FAMILY_ECDSA) {
        TRY(curve_of_key(pkey, &curve));
        *ret_len = 2 * curve->order_len;
    }
    return CKR_OK;
}

static int prepare_use(struct signature_op *op) {
    switch (op->use) {
    case USE_SIGN:
    case USE_SIGN_RECOVER: /* the same, for RSA: the data is in every signature */
        return EVP_PKEY_sign_init(op->pctx);
    case USE_VERIFY:
        return EVP_PKEY_verify_init(op->pctx);
    default:
        return EVP_PKEY_verify_recover_init(op->pctx);
    }
}

static CK_RV prepare(struct signature_op *op) {
    EVP_PKEY *pkey;
    if (mac_is(op->mechanism))
        return mac_prepare(op);
    TRY(object_pkey(op->key, &pkey));
    TRY(signature_size(op, pkey, &op->signature_len));
    op->pctx = EVP_PKEY_CTX_new_from_pkey(module.libctx, pkey, NULL);
    if (op->pctx == NULL)
        return CKR_HOST_MEMORY;
    switch (op->mechanism->family) {
    case FAMILY_EDDSA:
    case FAMILY_ML_DSA:
    case FAMILY_SLH_DSA:
        return prepare_message(op, pkey);
    default:
        break;
    }
    if (prepare_use(op) != 1 || (op->mechanism->key_type == CKK_RSA && !prepare_rsa(op)))
        return CKR_FUNCTION_FAILED;
    return CKR_OK;
}

/* ---- the operation -------------------------------------------------------------------------- */

void signature_op_drop(struct signature_op *op) {
    EVP_PKEY_CTX_free(op->pctx);
    EVP_MAC_CTX_free(op->mac);
    EVP_MD_CTX_free(op->digest);
    bytes_drop(&op->message);
    bytes_drop(&op->signature);
    object_unref(op->key);
    *op = (struct signature_op){0};
}

void signature_op_forget_dead(struct signature_op *op) {
    if (op->key != NULL && !op->active && atomic_load(&op->key->dead))
        signature_op_drop(op);
}

bool signature_op_wants_login(const struct signature_op *op) {
    return op->active && op->wants_login;
}

void signature_end(struct signature_op *op) {
    op->active = false;
    bytes_clear(&op->signature);
    if (op->message.cap > 65536) /* do not sit on the largest message ever signed */
        bytes_drop(&op->message);
    else
        bytes_clear(&op->message);
    if (op->key != NULL && atomic_load(&op->key->dead))
        signature_op_drop(op);
}

static CK_RV start_digest(struct signature_op *op) {
    if (op->mac != NULL)
        return mac_restart(op);
    const EVP_MD *hash = module_digest(op->mechanism->digest);
    if (hash == NULL)
        return CKR_OK;
    if (op->digest == NULL)
        op->digest = EVP_MD_CTX_new();
    if (op->digest == NULL || EVP_DigestInit_ex2(op->digest, hash, NULL) != 1)
        return CKR_HOST_MEMORY;
    return CKR_OK;
}

static const struct {
    CK_FLAGS flag;
    CK_ATTRIBUTE_TYPE permission;
} uses[] = {
    [USE_SIGN] = {CKF_SIGN, CKA_SIGN},
    [USE_VERIFY] = {CKF_VERIFY, CKA_VERIFY},
    [USE_SIGN_RECOVER] = {CKF_SIGN_RECOVER, CKA_SIGN_RECOVER},
    [USE_VERIFY_RECOVER] = {CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER},
};

CK_RV signature_begin(struct signature_op *op, const CK_MECHANISM *given, struct object *key,
                      enum signature_use use) {
    const struct mechanism *mechanism;
    struct signature_params params;
    if (op->active)
        return CKR_OPERATION_ACTIVE;
    TRY(mechanism_find(given->mechanism, uses[use].flag, &mechanism));
    TRY(mechanism_permitted(mechanism, key, uses[use].permission));
    TRY(read_params(mechanism, given, &params));
    bool ready = op->key == key && (op->pctx != NULL || op->mac != NULL) &&
                 op->mechanism == mechanism && op->use == use &&
                 memcmp(&op->params, &params, sizeof params) == 0;
    if (!ready) {
        signature_op_drop(op);
        op->key = object_ref(key);
        op->mechanism = mechanism;
        op->use = use;
        memcpy(&op->params, &params, sizeof params);
        CK_RV rv = prepare(op);
        if (rv != CKR_OK) {
            signature_op_drop(op);
            return rv;
        }
    }
    TRY(start_digest(op));
    op->multipart = op->signature_first = op->authenticated = false;
    op->wants_login =
        key->class == CKO_PRIVATE_KEY && attributes_bool(&key->attrs, CKA_ALWAYS_AUTHENTICATE);
    op->active = true;
    return CKR_OK;
}

CK_RV signature_update(struct signature_op *op, const uint8_t *part, size_t len) {
    op->multipart = true;
    if (op->mac != NULL)
        return mac_update(op, part, len);
    if (op->mechanism->digest != DIGEST_NONE)
        return len == 0 || EVP_DigestUpdate(op->digest, part, len) == 1 ? CKR_OK
                                                                        : CKR_FUNCTION_FAILED;
    if (len > MESSAGE_MAX - op->message.len)
        return CKR_DATA_LEN_RANGE;
    return bytes_append(&op->message, part, len);
}

/* What goes to the key: the hash, or the data itself. */
struct input {
    const uint8_t *at;
    size_t len;
    uint8_t hash[EVP_MAX_MD_SIZE];
    uint8_t padded[RSA_BITS_MAX / 8];
};

/* Lengths that the standard bounds, before OpenSSL says no in its own way. */
static CK_RV check_length(struct signature_op *op, struct input *input) {
    switch (op->mechanism->family) {
    case FAMILY_RSA_PKCS:
        return op->mechanism->digest != DIGEST_NONE || input->len + 11 <= op->signature_len
                   ? CKR_OK
                   : CKR_DATA_LEN_RANGE;
    case FAMILY_RSA_PSS:
        return input->len == (size_t)EVP_MD_get_size(module_digest(op->params.hash))
                   ? CKR_OK
                   : CKR_DATA_LEN_RANGE;
    case FAMILY_RSA_RAW: /* pkcs11-v3.2#6.1.4: shorter data is a number with leading zeros */
        if (input->len > op->signature_len)
            return CKR_DATA_LEN_RANGE;
        memset(input->padded, 0, sizeof input->padded);
        if (input->len > 0)
            memcpy(input->padded + op->signature_len - input->len, input->at, input->len);
        input->at = input->padded;
        input->len = op->signature_len;
        return CKR_OK;
    case FAMILY_ECDSA:
        return input->len > 0 ? CKR_OK : CKR_DATA_LEN_RANGE;
    default:
        return CKR_OK;
    }
}

static CK_RV take_input(struct signature_op *op, const uint8_t *data, size_t len,
                        struct input *ret_input) {
    static const uint8_t nothing[1];
    if (op->mechanism->digest != DIGEST_NONE) {
        unsigned hash_len = 0;
        if (len > 0)
            TRY(signature_update(op, data, len));
        if (EVP_DigestFinal_ex(op->digest, ret_input->hash, &hash_len) != 1)
            return CKR_FUNCTION_FAILED;
        ret_input->at = ret_input->hash;
        ret_input->len = hash_len;
    } else if (op->multipart) {
        ret_input->at = op->message.at;
        ret_input->len = op->message.len;
    } else {
        ret_input->at = data;
        ret_input->len = len;
    }
    if (ret_input->at == NULL) /* an empty message */
        ret_input->at = nothing;
    return check_length(op, ret_input);
}

static CK_RV ecdsa_to_raw(const uint8_t *der, size_t der_len, uint8_t *ret_raw, size_t raw_len) {
    int half = (int)(raw_len / 2);
    const uint8_t *next = der;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &next, (long)der_len);
    bool done = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret_raw, half) == half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret_raw + half, half) == half;
    ECDSA_SIG_free(pair);
    return done ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV ecdsa_from_raw(const uint8_t *raw, size_t raw_len, uint8_t ret_der[ECDSA_DER_MAX],
                            size_t *ret_len) {
    int half = (int)(raw_len / 2), len = 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, half, NULL), *s = BN_bin2bn(raw + half, half, NULL);
    if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else {
        uint8_t *next = ret_der;
        len = i2d_ECDSA_SIG(pair, NULL) <= ECDSA_DER_MAX ? i2d_ECDSA_SIG(pair, &next) : 0;
    }
    ECDSA_SIG_free(pair);
    *ret_len = (size_t)len;
    return len > 0 ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV signature_sign(struct signature_op *op, const uint8_t *data, size_t len,
                     uint8_t *ret_signature) {
    struct input input;
    if (op->mac != NULL)
        return mac_finish(op, data, len, ret_signature);
    TRY(take_input(op, data, len, &input));
    if (op->mechanism->family == FAMILY_ECDSA) {
        uint8_t der[ECDSA_DER_MAX];
        size_t der_len = sizeof der;
        if (EVP_PKEY_sign(op->pctx, der, &der_len, input.at, input.len) != 1)
            return CKR_FUNCTION_FAILED;
        return ecdsa_to_raw(der, der_len, ret_signature, op->signature_len);
    }
    size_t signature_len = op->signature_len;
    if (EVP_PKEY_sign(op->pctx, ret_signature, &signature_len, input.at, input.len) != 1)
        return op->mechanism->family == FAMILY_RSA_RAW ? CKR_DATA_INVALID : CKR_FUNCTION_FAILED;
    return signature_len == op->signature_len ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV verify_mac(struct signature_op *op, const uint8_t *data, size_t len,
                        const uint8_t *mac) {
    uint8_t right[EVP_MAX_MD_SIZE];
    TRY(mac_finish(op, data, len, right));
    return CRYPTO_memcmp(right, mac, op->signature_len) == 0 ? CKR_OK : CKR_SIGNATURE_INVALID;
}

CK_RV signature_verify(struct signature_op *op, const uint8_t *data, size_t len,
                       const uint8_t *signature, size_t signature_len) {
    struct input input;
    uint8_t der[ECDSA_DER_MAX];
    if (signature_len != op->signature_len)
        return CKR_SIGNATURE_LEN_RANGE;
    if (op->mac != NULL)
        return verify_mac(op, data, len, signature);
    TRY(take_input(op, data, len, &input));
    if (op->mechanism->family == FAMILY_ECDSA) {
        TRY(ecdsa_from_raw(signature, signature_len, der, &signature_len));
        signature = der;
    }
    if (EVP_PKEY_verify(op->pctx, signature, signature_len, input.at, input.len) == 1)
        return CKR_OK;
    ERR_clear_error();
    return CKR_SIGNATURE_INVALID;
}

CK_RV signature_recover(struct signature_op *op, const uint8_t *signature, size_t signature_len,
                        struct bytes *ret_data) {
    size_t len = op->signature_len;
    if (signature_len != op->signature_len)
        return CKR_SIGNATURE_LEN_RANGE;
    bytes_clear(ret_data);
    TRY(bytes_reserve(ret_data, len));
    if (EVP_PKEY_verify_recover(op->pctx, ret_data->at, &len, signature, signature_len) != 1) {
        ERR_clear_error();
        return CKR_SIGNATURE_INVALID;
    }
    ret_data->len = len;
    return CKR_OK;
}
