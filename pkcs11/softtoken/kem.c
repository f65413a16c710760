/* C_EncapsulateKey, C_DecapsulateKey: ML-KEM (fips203). The shared secret becomes a key of the
 * token and is never seen outside unless its template allows it. */
#include <openssl/err.h>

#include "draft.h"
#include "key.h"
#include "nested.h"
#include "session.h"

#define SECRET_MAX 64

struct kem {
    struct session *session;
    struct object *key;
    EVP_PKEY_CTX *ctx;
    struct attributes attrs; /* of the key to come */
    struct attributes imposed;
    struct draft draft;
};

static void kem_drop(struct kem *kem) {
    session_put(&kem->session);
    object_unref(kem->key);
    EVP_PKEY_CTX_free(kem->ctx);
    attributes_drop(&kem->attrs);
    attributes_drop(&kem->imposed);
}

static CK_RV kem_open(CK_SESSION_HANDLE handle, const CK_MECHANISM *given, CK_OBJECT_HANDLE key_of,
                      bool encapsulating, struct kem *kem) {
    const struct mechanism *mechanism;
    EVP_PKEY *pkey;
    TRY(session_get(handle, &kem->session));
    if (given == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(mechanism_find(given->mechanism, encapsulating ? CKF_ENCAPSULATE : CKF_DECAPSULATE,
                       &mechanism));
    TRY(mechanism_no_parameter(given));
    if (session_object(kem->session, key_of, &kem->key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    TRY(mechanism_permitted(mechanism, kem->key,
                            encapsulating ? CKA_ENCAPSULATE : CKA_DECAPSULATE));
    if (attributes_bool(&kem->key->attrs, CKA_ALWAYS_AUTHENTICATE))
        return CKR_USER_NOT_LOGGED_IN;
    TRY(object_pkey(kem->key, &pkey));
    kem->ctx = EVP_PKEY_CTX_new_from_pkey(module.libctx, pkey, NULL);
    if (kem->ctx == NULL)
        return CKR_HOST_MEMORY;
    int done = encapsulating ? EVP_PKEY_encapsulate_init(kem->ctx, NULL)
                             : EVP_PKEY_decapsulate_init(kem->ctx, NULL);
    if (done != 1)
        return CKR_FUNCTION_FAILED;
    kem->draft.imposed = &kem->imposed;
    return nested_of(kem->key, encapsulating ? CKA_ENCAPSULATE_TEMPLATE : CKA_DECAPSULATE_TEMPLATE, &kem->imposed);
}

static CK_RV kem_template(struct kem *kem, const CK_ATTRIBUTE *given, CK_ULONG count) {
    TRY(draft_derived_kind(given, count, &kem->draft));
    kem->draft.by_so = atomic_load(&kem->session->slot->login) == LOGIN_SO;
    return draft_attributes(&kem->draft, given, count, &kem->attrs);
}

static CK_RV kem_key(struct kem *kem, const struct bytes *secret, CK_OBJECT_HANDLE *ret_handle) {
    AUTO(object) struct object *object = NULL;
    TRY(draft_secret(&kem->draft, kem->session->slot, &kem->attrs, secret, &object));
    return session_add(kem->session, object, ret_handle);
}

CK_RV C_EncapsulateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                       CK_OBJECT_HANDLE hPublicKey, CK_ATTRIBUTE *pTemplate,
                       CK_ULONG ulAttributeCount, CK_BYTE *pCiphertext, CK_ULONG *pulCiphertextLen,
                       CK_OBJECT_HANDLE *phKey) {
    AUTO(kem) struct kem kem = {0};
    AUTO(bytes) struct bytes secret = {0};
    size_t wrapped_len = 0, secret_len = 0;
    REQUIRE_READY();
    TRY(kem_open(hSession, pMechanism, hPublicKey, true, &kem));
    if (pulCiphertextLen == NULL || (phKey == NULL && pCiphertext != NULL))
        return CKR_ARGUMENTS_BAD;
    if (EVP_PKEY_encapsulate(kem.ctx, NULL, &wrapped_len, NULL, &secret_len) != 1 ||
        secret_len > SECRET_MAX)
        return CKR_FUNCTION_FAILED;
    CK_ULONG room = *pulCiphertextLen;
    *pulCiphertextLen = wrapped_len;
    if (pCiphertext == NULL)
        return CKR_OK;
    if (room < wrapped_len)
        return CKR_BUFFER_TOO_SMALL;
    TRY(kem_template(&kem, pTemplate, ulAttributeCount));
    TRY(bytes_reserve(&secret, secret_len));
    if (EVP_PKEY_encapsulate(kem.ctx, pCiphertext, &wrapped_len, secret.at, &secret_len) != 1)
        return CKR_FUNCTION_FAILED;
    secret.len = secret_len;
    return kem_key(&kem, &secret, phKey);
}

/* fips203#6.3: a ciphertext that was changed gives another secret, not an error; one of the wrong
 * length is refused. */
CK_RV C_DecapsulateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                       CK_OBJECT_HANDLE hPrivateKey, CK_ATTRIBUTE *pTemplate,
                       CK_ULONG ulAttributeCount, CK_BYTE *pCiphertext, CK_ULONG ulCiphertextLen,
                       CK_OBJECT_HANDLE *phKey) {
    AUTO(kem) struct kem kem = {0};
    AUTO(bytes) struct bytes secret = {0};
    size_t secret_len = SECRET_MAX;
    REQUIRE_READY();
    TRY(kem_open(hSession, pMechanism, hPrivateKey, false, &kem));
    if (pCiphertext == NULL || phKey == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(kem_template(&kem, pTemplate, ulAttributeCount));
    TRY(bytes_reserve(&secret, secret_len));
    if (EVP_PKEY_decapsulate(kem.ctx, secret.at, &secret_len, pCiphertext, ulCiphertextLen) != 1) {
        ERR_clear_error();
        return CKR_WRAPPED_KEY_LEN_RANGE;
    }
    secret.len = secret_len;
    return kem_key(&kem, &secret, phKey);
}
