/* C_WrapKey, C_UnwrapKey: AES key wrap (rfc3394) and with padding (rfc5649), RSA-OAEP for secret
 * keys, and an AES key under OAEP with what is wrapped under it (CKM_RSA_AES_KEY_WRAP). Private
 * keys travel as PKCS #8, secret keys as their value. Key wrap protects the material, not its
 * attributes: those come from the template of C_UnwrapKey. */
#include <openssl/err.h>

#include "draft.h"
#include "key.h"
#include "nested.h"
#include "seal.h"
#include "session.h"

#define WRAPPED_MAX (KEY_PKCS8_MAX + RSA_BITS_MAX / 8 + 16)

/* The initial value may be the caller's; without a parameter it is the one of the RFC. */
static CK_RV wrap_iv(const struct mechanism *mechanism, const CK_MECHANISM *given,
                     const uint8_t **ret_iv) {
    CK_ULONG len = mechanism->family == FAMILY_AES_WRAP ? 8 : 4;
    *ret_iv = NULL;
    if (given->pParameter == NULL || given->ulParameterLen == 0)
        return CKR_OK;
    if (given->ulParameterLen != len)
        return CKR_MECHANISM_PARAM_INVALID;
    *ret_iv = given->pParameter;
    return CKR_OK;
}

static CK_RV key_wrap(const struct mechanism *mechanism, const struct bytes *key, const uint8_t *iv,
                      bool wrapping, const uint8_t *in, size_t in_len, struct bytes *ret_out) {
    enum cipher_id id = mechanism->family == FAMILY_AES_WRAP ? CIPHER_WRAP : CIPHER_WRAP_PAD;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    CK_RV rv = ctx == NULL ? CKR_HOST_MEMORY : bytes_reserve(ret_out, in_len + 32);
    if (rv == CKR_OK) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        bool done = EVP_CipherInit_ex2(ctx, module_cipher(id, key->len), key->at, iv,
                                       wrapping ? 1 : 0, NULL) == 1 &&
                    EVP_CipherUpdate(ctx, ret_out->at, &len, in, (int)in_len) == 1 &&
                    EVP_CipherFinal_ex(ctx, ret_out->at + len, &rest) == 1;
        ret_out->len = done ? (size_t)(len + rest) : 0;
        if (!done)
            rv = wrapping ? CKR_FUNCTION_FAILED : CKR_WRAPPED_KEY_INVALID;
        ERR_clear_error();
    }
    EVP_CIPHER_CTX_free(ctx);
    return rv;
}

/* ---- RSA ------------------------------------------------------------------------------------ */

static CK_RV oaep_crypt(struct object *key, const CK_RSA_PKCS_OAEP_PARAMS *params, bool wrapping,
                        const uint8_t *in, size_t in_len, struct bytes *ret_out) {
    EVP_PKEY *pkey;
    TRY(object_pkey(key, &pkey));
    size_t len = (size_t)EVP_PKEY_get_size(pkey);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(module.libctx, pkey, NULL);
    CK_RV rv = ctx == NULL ? CKR_HOST_MEMORY : bytes_reserve(ret_out, len);
    if (rv == CKR_OK && (wrapping ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) != 1)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        rv = oaep_configure(ctx, params);
    if (rv == CKR_OK) {
        int done = wrapping ? EVP_PKEY_encrypt(ctx, ret_out->at, &len, in, in_len)
                            : EVP_PKEY_decrypt(ctx, ret_out->at, &len, in, in_len);
        ret_out->len = done == 1 ? len : 0;
        if (done != 1)
            rv = wrapping ? CKR_KEY_SIZE_RANGE : CKR_WRAPPED_KEY_INVALID;
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return rv;
}

static const struct mechanism padded_wrap = {.family = FAMILY_AES_WRAP_PAD};

/* pkcs11-v3.2#6.1.22: the AES key under OAEP, then what it wraps. */
static CK_RV rsa_aes_params(const CK_MECHANISM *given, size_t *ret_key_len,
                            const CK_RSA_PKCS_OAEP_PARAMS **ret_oaep) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_RSA_AES_KEY_WRAP_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_RSA_AES_KEY_WRAP_PARAMS *params = given->pParameter;
    if (params->pOAEPParams == NULL ||
        (params->ulAESKeyBits != 128 && params->ulAESKeyBits != 192 && params->ulAESKeyBits != 256))
        return CKR_MECHANISM_PARAM_INVALID;
    *ret_key_len = params->ulAESKeyBits / 8;
    *ret_oaep = params->pOAEPParams;
    return CKR_OK;
}

static CK_RV rsa_aes_wrap(struct object *wrapping, const CK_MECHANISM *given,
                          const struct bytes *material, struct bytes *ret_wrapped) {
    AUTO(bytes) struct bytes key = {0}, inner = {0};
    const CK_RSA_PKCS_OAEP_PARAMS *oaep;
    size_t key_len;
    TRY(rsa_aes_params(given, &key_len, &oaep));
    TRY(bytes_reserve(&key, key_len));
    TRY(random_octets(key.at, key_len));
    key.len = key_len;
    TRY(oaep_crypt(wrapping, oaep, true, key.at, key.len, ret_wrapped));
    TRY(key_wrap(&padded_wrap, &key, NULL, true, material->at, material->len, &inner));
    return bytes_append(ret_wrapped, inner.at, inner.len);
}

static CK_RV rsa_aes_unwrap(struct object *unwrapping, const CK_MECHANISM *given,
                            const uint8_t *wrapped, size_t len, struct bytes *ret_material) {
    AUTO(bytes) struct bytes key = {0};
    const CK_RSA_PKCS_OAEP_PARAMS *oaep;
    EVP_PKEY *pkey;
    size_t key_len;
    TRY(rsa_aes_params(given, &key_len, &oaep));
    TRY(object_pkey(unwrapping, &pkey));
    size_t first = (size_t)EVP_PKEY_get_size(pkey);
    if (len < first + 16 || (len - first) % 8 != 0)
        return CKR_WRAPPED_KEY_LEN_RANGE;
    TRY(oaep_crypt(unwrapping, oaep, false, wrapped, first, &key));
    if (key.len != key_len)
        return CKR_WRAPPED_KEY_INVALID;
    return key_wrap(&padded_wrap, &key, NULL, false, wrapped + first, len - first, ret_material);
}

static CK_RV oaep_params(const CK_MECHANISM *given, const CK_RSA_PKCS_OAEP_PARAMS **ret_oaep) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof **ret_oaep)
        return CKR_MECHANISM_PARAM_INVALID;
    *ret_oaep = given->pParameter;
    return CKR_OK;
}

/* ---- AES ------------------------------------------------------------------------------------ */

static CK_RV aes_wrap(const struct mechanism *mechanism, struct object *wrapping,
                      const CK_MECHANISM *given, const struct bytes *material,
                      struct bytes *ret_wrapped) {
    const struct bytes *secret;
    const uint8_t *iv;
    TRY(wrap_iv(mechanism, given, &iv));
    TRY(object_secret(wrapping, &secret));
    if (mechanism->family == FAMILY_AES_WRAP && (material->len % 8 != 0 || material->len < 16))
        return CKR_KEY_SIZE_RANGE;
    return key_wrap(mechanism, secret, iv, true, material->at, material->len, ret_wrapped);
}

static CK_RV aes_unwrap(const struct mechanism *mechanism, struct object *unwrapping,
                        const CK_MECHANISM *given, const uint8_t *wrapped, size_t len,
                        struct bytes *ret_material) {
    const struct bytes *secret;
    const uint8_t *iv;
    TRY(wrap_iv(mechanism, given, &iv));
    if (len < 16 || len % 8 != 0)
        return CKR_WRAPPED_KEY_LEN_RANGE;
    TRY(object_secret(unwrapping, &secret));
    return key_wrap(mechanism, secret, iv, false, wrapped, len, ret_material);
}

/* ---- wrap ----------------------------------------------------------------------------------- */

static CK_RV check_wrappable(const struct object *wrapping, const struct object *key) {
    AUTO(attributes) struct attributes wrappable = {0};
    if (!object_has_material(key))
        return CKR_KEY_NOT_WRAPPABLE;
    if (!attributes_bool(&key->attrs, CKA_EXTRACTABLE))
        return CKR_KEY_UNEXTRACTABLE;
    if (attributes_bool(&key->attrs, CKA_WRAP_WITH_TRUSTED) &&
        !attributes_bool(&wrapping->attrs, CKA_TRUSTED))
        return CKR_KEY_NOT_WRAPPABLE;
    TRY(nested_of(wrapping, CKA_WRAP_TEMPLATE, &wrappable));
    return nested_matches(&wrappable, key) ? CKR_OK : CKR_KEY_HANDLE_INVALID; /* pkcs11-v3.2#5.18.3 */
}

/* The wrapping key's own errors have names of their own. */
static CK_RV wrapping_key(struct session *session, CK_OBJECT_HANDLE handle,
                          const struct mechanism *mechanism, bool wrapping,
                          struct object **ret_key) {
    AUTO(object) struct object *key = NULL;
    if (session_object(session, handle, &key) != CKR_OK)
        return wrapping ? CKR_WRAPPING_KEY_HANDLE_INVALID : CKR_UNWRAPPING_KEY_HANDLE_INVALID;
    CK_RV rv = mechanism_permitted(mechanism, key, wrapping ? CKA_WRAP : CKA_UNWRAP);
    if (rv == CKR_KEY_TYPE_INCONSISTENT)
        return wrapping ? CKR_WRAPPING_KEY_TYPE_INCONSISTENT : CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
    TRY(rv);
    *ret_key = key;
    key = NULL;
    return CKR_OK;
}

static CK_RV wrap_material(struct session *session, const struct mechanism *mechanism,
                           const CK_MECHANISM *given, CK_OBJECT_HANDLE wrapping_handle,
                           CK_OBJECT_HANDLE key_handle, struct bytes *ret_wrapped) {
    AUTO(object) struct object *wrapping = NULL, *key = NULL;
    AUTO(bytes) struct bytes material = {0};
    const CK_RSA_PKCS_OAEP_PARAMS *oaep;
    TRY(wrapping_key(session, wrapping_handle, mechanism, true, &wrapping));
    if (session_object(session, key_handle, &key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    TRY(check_wrappable(wrapping, key));
    TRY(object_material(key, &material));
    if (mechanism->family == FAMILY_RSA_AES_WRAP)
        return rsa_aes_wrap(wrapping, given, &material, ret_wrapped);
    if (mechanism->family != FAMILY_RSA_OAEP)
        return aes_wrap(mechanism, wrapping, given, &material, ret_wrapped);
    if (key->class != CKO_SECRET_KEY)
        return CKR_KEY_NOT_WRAPPABLE;
    TRY(oaep_params(given, &oaep));
    return oaep_crypt(wrapping, oaep, true, material.at, material.len, ret_wrapped);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hWrappingKey,
                CK_OBJECT_HANDLE hKey, CK_BYTE *pWrappedKey, CK_ULONG *pulWrappedKeyLen) {
    AUTO(session) struct session *session = NULL;
    AUTO(bytes) struct bytes wrapped = {0};
    const struct mechanism *mechanism;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pMechanism == NULL || pulWrappedKeyLen == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(mechanism_find(pMechanism->mechanism, CKF_WRAP, &mechanism));
    TRY(wrap_material(session, mechanism, pMechanism, hWrappingKey, hKey, &wrapped));
    CK_ULONG room = *pulWrappedKeyLen;
    *pulWrappedKeyLen = wrapped.len;
    if (pWrappedKey == NULL)
        return CKR_OK;
    if (room < wrapped.len)
        return CKR_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < wrapped.len; i++)
        pWrappedKey[i] = wrapped.at[i];
    return CKR_OK;
}

/* ---- unwrap --------------------------------------------------------------------------------- */

static CK_RV unwrap_material(const struct mechanism *mechanism, struct object *unwrapping,
                             const CK_MECHANISM *given, const uint8_t *wrapped, size_t len,
                             struct bytes *ret_material) {
    const CK_RSA_PKCS_OAEP_PARAMS *oaep;
    if (len == 0 || len > WRAPPED_MAX)
        return CKR_WRAPPED_KEY_LEN_RANGE;
    if (attributes_bool(&unwrapping->attrs, CKA_ALWAYS_AUTHENTICATE))
        return CKR_USER_NOT_LOGGED_IN; /* nothing goes on here that a log-in could be for */
    if (mechanism->family == FAMILY_RSA_AES_WRAP)
        return rsa_aes_unwrap(unwrapping, given, wrapped, len, ret_material);
    if (mechanism->family != FAMILY_RSA_OAEP)
        return aes_unwrap(mechanism, unwrapping, given, wrapped, len, ret_material);
    TRY(oaep_params(given, &oaep));
    return oaep_crypt(unwrapping, oaep, false, wrapped, len, ret_material);
}

static CK_RV unwrapped_object(struct session *session, const struct draft *draft,
                              struct attributes *attrs, const struct bytes *material,
                              struct object **ret_object) {
    EVP_PKEY *pkey;
    if (draft->class == CKO_SECRET_KEY)
        return draft_secret(draft, session->slot, attrs, material, ret_object);
    TRY(key_from_pkcs8(material, &pkey));
    CK_RV rv = draft_key(draft, session->slot, attrs, pkey, ret_object);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV what_to_unwrap(const CK_ATTRIBUTE *given, CK_ULONG count, struct draft *draft) {
    TRY(template_check(given, count));
    if (!draft_ulong(draft, given, count, CKA_CLASS, &draft->class) ||
        !draft_ulong(draft, given, count, CKA_KEY_TYPE, &draft->key_type))
        return CKR_TEMPLATE_INCOMPLETE;
    return draft->class == CKO_PRIVATE_KEY || draft->class == CKO_SECRET_KEY
               ? CKR_OK
               : CKR_TEMPLATE_INCONSISTENT;
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                  CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE *pWrappedKey, CK_ULONG ulWrappedKeyLen,
                  CK_ATTRIBUTE *pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE *phKey) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *unwrapping = NULL, *object = NULL;
    AUTO(bytes) struct bytes material = {0};
    AUTO(attributes) struct attributes attrs = {0}, imposed = {0};
    const struct mechanism *mechanism;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pMechanism == NULL || pWrappedKey == NULL || phKey == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pTemplate, ulAttributeCount));
    TRY(mechanism_find(pMechanism->mechanism, CKF_UNWRAP, &mechanism));
    TRY(wrapping_key(session, hUnwrappingKey, mechanism, false, &unwrapping));
    struct draft draft = {
        .origin = ORIGIN_UNWRAP,
        .imposed = &imposed,
        .by_so = atomic_load(&session->slot->login) == LOGIN_SO,
    };
    TRY(nested_of(unwrapping, CKA_UNWRAP_TEMPLATE, &imposed));
    TRY(what_to_unwrap(pTemplate, ulAttributeCount, &draft));
    TRY(draft_attributes(&draft, pTemplate, ulAttributeCount, &attrs));
    TRY(unwrap_material(mechanism, unwrapping, pMechanism, pWrappedKey, ulWrappedKeyLen,
                        &material));
    TRY(unwrapped_object(session, &draft, &attrs, &material, &object));
    return session_add(session, object, phKey);
}
