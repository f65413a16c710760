/* C_DeriveKey: Diffie-Hellman on curves, HKDF, AES over given data, the public half of a pair. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "draft.h"
#include "key.h"
#include "nested.h"
#include "session.h"

#define DERIVED_MAX 512 /* octets */
#define DATA_MAX 65536

/* How long the key is to be: what the template says; what its mechanism gives when it is silent. */
static CK_RV wanted_length(const struct attributes *attrs, size_t natural, size_t *ret_len) {
    size_t len = attributes_ulong(attrs, CKA_VALUE_LEN, 0);
    if (len == 0)
        len = natural;
    if (len == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    if (len > DERIVED_MAX)
        return CKR_KEY_SIZE_RANGE;
    *ret_len = len;
    return CKR_OK;
}

static CK_RV run_kdf(const char *name, const OSSL_PARAM *params, size_t len,
                     struct bytes *ret_value) {
    EVP_KDF *kdf = EVP_KDF_fetch(module.libctx, name, NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bytes_clear(ret_value);
    CK_RV rv = ctx == NULL ? CKR_HOST_MEMORY : bytes_reserve(ret_value, len);
    if (rv == CKR_OK && EVP_KDF_derive(ctx, ret_value->at, len, params) != 1)
        rv = CKR_KEY_SIZE_RANGE; /* hkdf: more than 255 times the digest */
    ret_value->len = rv == CKR_OK ? len : 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return rv;
}

/* ---- Diffie-Hellman ------------------------------------------------------------------------- */

static const struct {
    CK_EC_KDF_TYPE kdf;
    enum digest_id digest;
} ecdh_kdfs[] = {
    {CKD_NULL, DIGEST_NONE},
    {CKD_SHA1_KDF, DIGEST_SHA1},
    {CKD_SHA224_KDF, DIGEST_SHA224},
    {CKD_SHA256_KDF, DIGEST_SHA256},
    {CKD_SHA384_KDF, DIGEST_SHA384},
    {CKD_SHA512_KDF, DIGEST_SHA512},
    {CKD_SHA3_224_KDF, DIGEST_SHA3_224},
    {CKD_SHA3_256_KDF, DIGEST_SHA3_256},
    {CKD_SHA3_384_KDF, DIGEST_SHA3_384},
    {CKD_SHA3_512_KDF, DIGEST_SHA3_512},
};

static CK_RV ecdh_params(const CK_MECHANISM *given, const CK_ECDH1_DERIVE_PARAMS **ret_params,
                         enum digest_id *ret_digest) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_ECDH1_DERIVE_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_ECDH1_DERIVE_PARAMS *params = given->pParameter;
    if (params->pPublicData == NULL || params->ulPublicDataLen == 0 ||
        params->ulPublicDataLen > DATA_MAX || params->ulSharedDataLen > DATA_MAX ||
        (params->pSharedData == NULL && params->ulSharedDataLen > 0) ||
        (params->kdf == CKD_NULL && params->ulSharedDataLen > 0))
        return CKR_MECHANISM_PARAM_INVALID;
    for (size_t i = 0; i < sizeof ecdh_kdfs / sizeof *ecdh_kdfs; i++) {
        if (ecdh_kdfs[i].kdf == params->kdf) {
            *ret_params = params;
            *ret_digest = ecdh_kdfs[i].digest;
            return CKR_OK;
        }
    }
    return CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV peer_key(EVP_PKEY *own, const CK_ECDH1_DERIVE_PARAMS *params, EVP_PKEY **ret_peer) {
    AUTO(bytes) struct bytes point = {0};
    const struct curve *curve;
    TRY(curve_of_key(own, &curve));
    if (curve_point(curve, params->pPublicData, params->ulPublicDataLen, &point) != CKR_OK)
        return CKR_MECHANISM_PARAM_INVALID;
    EVP_PKEY *peer = NULL;
    if (curve->key_type != CKK_EC) {
        peer =
            EVP_PKEY_new_raw_public_key_ex(module.libctx, curve->name, NULL, point.at, point.len);
    } else {
        peer = EVP_PKEY_new();
        if (peer == NULL || EVP_PKEY_copy_parameters(peer, own) != 1 ||
            EVP_PKEY_set1_encoded_public_key(peer, point.at, point.len) != 1) {
            EVP_PKEY_free(peer);
            peer = NULL;
        }
    }
    *ret_peer = peer;
    return peer == NULL ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

static CK_RV agree(EVP_PKEY *own, const CK_ECDH1_DERIVE_PARAMS *params, struct bytes *ret_secret) {
    EVP_PKEY *peer = NULL;
    size_t len = 0;
    TRY(peer_key(own, params, &peer));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(module.libctx, own, NULL);
    /* The peer's point is looked at by set_peer: off the curve, or of small order, it is refused.
     */
    bool done = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, NULL, &len) == 1;
    CK_RV rv = done ? bytes_reserve(ret_secret, len) : CKR_MECHANISM_PARAM_INVALID;
    if (rv == CKR_OK && EVP_PKEY_derive(ctx, ret_secret->at, &len) != 1)
        rv = CKR_MECHANISM_PARAM_INVALID;
    ret_secret->len = rv == CKR_OK ? len : 0;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    ERR_clear_error();
    return rv;
}

static CK_RV derive_ecdh(struct object *base, const CK_MECHANISM *given,
                         const struct attributes *attrs, struct bytes *ret_value) {
    AUTO(bytes) struct bytes secret = {0};
    const CK_ECDH1_DERIVE_PARAMS *params;
    enum digest_id digest;
    EVP_PKEY *own;
    size_t len;
    TRY(ecdh_params(given, &params, &digest));
    TRY(object_pkey(base, &own));
    TRY(agree(own, params, &secret));
    TRY(wanted_length(attrs, secret.len, &len));
    if (digest == DIGEST_NONE) {
        /* pkcs11-v3.2#6.3.17: what is too much goes away at the leading end */
        if (len > secret.len)
            return CKR_KEY_SIZE_RANGE;
        return bytes_set(ret_value, secret.at + secret.len - len, len);
    }
    OSSL_PARAM kdf[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)module_digest_name(digest),
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.at, secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, params->pSharedData,
                                          params->ulSharedDataLen),
        OSSL_PARAM_construct_end(),
    };
    if (params->ulSharedDataLen == 0)
        kdf[2] = OSSL_PARAM_construct_end();
    return run_kdf("X963KDF", kdf, len, ret_value);
}

/* ---- HKDF ----------------------------------------------------------------------------------- */

static CK_RV hkdf_salt(struct session *session, const CK_HKDF_PARAMS *params,
                       struct bytes *ret_salt) {
    AUTO(object) struct object *key = NULL;
    const struct bytes *secret;
    switch (params->ulSaltType) {
    case CKF_HKDF_SALT_NULL:
        return CKR_OK;
    case CKF_HKDF_SALT_DATA:
        if (params->pSalt == NULL || params->ulSaltLen == 0 || params->ulSaltLen > DATA_MAX)
            return CKR_MECHANISM_PARAM_INVALID;
        return bytes_set(ret_salt, params->pSalt, params->ulSaltLen);
    case CKF_HKDF_SALT_KEY:
        if (session_object(session, params->hSaltKey, &key) != CKR_OK)
            return CKR_KEY_HANDLE_INVALID;
        if (!attributes_bool(&key->attrs, CKA_DERIVE))
            return CKR_KEY_FUNCTION_NOT_PERMITTED;
        TRY(object_secret(key, &secret));
        return bytes_set(ret_salt, secret->at, secret->len);
    default:
        return CKR_MECHANISM_PARAM_INVALID;
    }
}

static CK_RV derive_hkdf(struct session *session, struct object *base, const CK_MECHANISM *given,
                         const struct attributes *attrs, struct bytes *ret_value) {
    AUTO(bytes) struct bytes salt = {0};
    const struct bytes *secret;
    size_t len, used = 0;
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_HKDF_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_HKDF_PARAMS *params = given->pParameter;
    enum digest_id digest = digest_by_mechanism(params->prfHashMechanism);
    bool extract = params->bExtract != CK_FALSE, expand = params->bExpand != CK_FALSE;
    if (digest == DIGEST_NONE || (!extract && !expand) || params->ulInfoLen > DATA_MAX ||
        (params->pInfo == NULL && params->ulInfoLen > 0))
        return CKR_MECHANISM_PARAM_INVALID;
    TRY(wanted_length(attrs, (size_t)EVP_MD_get_size(module_digest(digest)), &len));
    if (extract)
        TRY(hkdf_salt(session, params, &salt));
    TRY(object_secret(base, &secret));
    if (!expand && len != (size_t)EVP_MD_get_size(module_digest(digest)))
        return CKR_TEMPLATE_INCONSISTENT;
    const char *mode = !expand ? "EXTRACT_ONLY" : !extract ? "EXPAND_ONLY" : "EXTRACT_AND_EXPAND";
    OSSL_PARAM kdf[6];
    kdf[used++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char *)mode, 0);
    kdf[used++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                   (char *)module_digest_name(digest), 0);
    kdf[used++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret->at, secret->len);
    if (salt.len > 0)
        kdf[used++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.at, salt.len);
    if (expand && params->ulInfoLen > 0)
        kdf[used++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, params->pInfo,
                                                        params->ulInfoLen);
    kdf[used] = OSSL_PARAM_construct_end();
    return run_kdf("HKDF", kdf, len, ret_value);
}

/* ---- AES over given data -------------------------------------------------------------------- */

static CK_RV data_to_encrypt(const CK_MECHANISM *given, const uint8_t **ret_iv,
                             const uint8_t **ret_data, CK_ULONG *ret_len) {
    *ret_iv = NULL;
    if (given->pParameter == NULL)
        return CKR_MECHANISM_PARAM_INVALID;
    if (given->mechanism == CKM_AES_ECB_ENCRYPT_DATA) {
        const CK_KEY_DERIVATION_STRING_DATA *ecb = given->pParameter;
        if (given->ulParameterLen != sizeof *ecb)
            return CKR_MECHANISM_PARAM_INVALID;
        *ret_data = ecb->pData;
        *ret_len = ecb->ulLen;
    } else {
        const CK_AES_CBC_ENCRYPT_DATA_PARAMS *cbc = given->pParameter;
        if (given->ulParameterLen != sizeof *cbc)
            return CKR_MECHANISM_PARAM_INVALID;
        *ret_iv = cbc->iv;
        *ret_data = cbc->pData;
        *ret_len = cbc->length;
    }
    return *ret_data != NULL && *ret_len > 0 && *ret_len % 16 == 0 && *ret_len <= DERIVED_MAX
               ? CKR_OK
               : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV derive_encrypted(struct object *base, const CK_MECHANISM *given,
                              const struct attributes *attrs, struct bytes *ret_value) {
    const struct bytes *key;
    const uint8_t *iv, *data;
    CK_ULONG data_len;
    size_t len;
    int written = 0;
    TRY(data_to_encrypt(given, &iv, &data, &data_len));
    TRY(wanted_length(attrs, data_len, &len));
    if (len > data_len)
        return CKR_KEY_SIZE_RANGE;
    TRY(object_secret(base, &key));
    TRY(bytes_reserve(ret_value, data_len + 16));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done =
        ctx != NULL &&
        EVP_EncryptInit_ex2(ctx, module_cipher(iv == NULL ? CIPHER_ECB : CIPHER_CBC, key->len),
                            key->at, iv, NULL) == 1 &&
        EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
        EVP_EncryptUpdate(ctx, ret_value->at, &written, data, (int)data_len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ret_value->len = done ? len : 0;
    return done ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* ---- the function --------------------------------------------------------------------------- */

static CK_RV derive_value(struct session *session, const struct mechanism *mechanism,
                          struct object *base, const CK_MECHANISM *given,
                          const struct attributes *attrs, struct bytes *ret_value) {
    switch (mechanism->family) {
    case FAMILY_ECDH:
        return derive_ecdh(base, given, attrs, ret_value);
    case FAMILY_HKDF:
        return derive_hkdf(session, base, given, attrs, ret_value);
    default:
        return derive_encrypted(base, given, attrs, ret_value);
    }
}

static CK_RV derive_secret(struct session *session, const struct mechanism *mechanism,
                           struct object *base, const CK_MECHANISM *given, struct draft *draft,
                           const CK_ATTRIBUTE *template, CK_ULONG count,
                           struct object **ret_object) {
    AUTO(attributes) struct attributes attrs = {0}, imposed = {0};
    AUTO(bytes) struct bytes value = {0};
    if (mechanism->family == FAMILY_ECDH && base->class != CKO_PRIVATE_KEY)
        return CKR_KEY_TYPE_INCONSISTENT;
    TRY(mechanism_permitted(mechanism, base, CKA_DERIVE));
    if (attributes_bool(&base->attrs, CKA_ALWAYS_AUTHENTICATE))
        return CKR_USER_NOT_LOGGED_IN; /* nothing goes on here that a log-in could be for */
    TRY(nested_of(base, CKA_DERIVE_TEMPLATE, &imposed));
    draft->imposed = &imposed;
    TRY(draft_derived_kind(template, count, draft));
    TRY(draft_attributes(draft, template, count, &attrs));
    TRY(derive_value(session, mechanism, base, given, &attrs, &value));
    draft->imposed = NULL;
    return draft_secret(draft, session->slot, &attrs, &value, ret_object);
}

/* CKM_PUB_KEY_FROM_PRIV_KEY needs no permission: a private key shows its public half anyway, in
 * CKA_PUBLIC_KEY_INFO. */
static CK_RV derive_public(struct session *session, struct object *base, struct draft *draft,
                           const CK_ATTRIBUTE *template, CK_ULONG count,
                           struct object **ret_object) {
    AUTO(attributes) struct attributes attrs = {0};
    const struct attribute *info = attributes_find(&base->attrs, CKA_PUBLIC_KEY_INFO);
    EVP_PKEY *pkey = NULL;
    if (base->class != CKO_PRIVATE_KEY || info == NULL)
        return CKR_KEY_TYPE_INCONSISTENT;
    draft->origin = ORIGIN_DERIVE;
    draft->class = CKO_PUBLIC_KEY;
    draft->key_type = base->key_type;
    TRY(draft_attributes(draft, template, count, &attrs));
    TRY(key_from_public_info(attribute_at(info), info->len, &pkey));
    CK_RV rv = draft_key(draft, session->slot, &attrs, pkey, ret_object);
    EVP_PKEY_free(pkey);
    return rv;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hBaseKey,
                  CK_ATTRIBUTE *pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE *phKey) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *base = NULL, *object = NULL;
    const struct mechanism *mechanism;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pMechanism == NULL || phKey == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pTemplate, ulAttributeCount));
    TRY(mechanism_find(pMechanism->mechanism, CKF_DERIVE, &mechanism));
    if (session_object(session, hBaseKey, &base) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    struct draft draft = {
        .base = base,
        .by_so = atomic_load(&session->slot->login) == LOGIN_SO,
    };
    if (mechanism->family == FAMILY_PUBLIC_KEY)
        TRY(derive_public(session, base, &draft, pTemplate, ulAttributeCount, &object));
    else
        TRY(derive_secret(session, mechanism, base, pMechanism, &draft, pTemplate, ulAttributeCount,
                          &object));
    return session_add(session, object, phKey);
}
