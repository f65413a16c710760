/* C_Digest... */
#include "session.h"

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism) {
    AUTO(session) struct session *session = NULL;
    const struct mechanism *mechanism;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct digest_op *op = &session->digest;
    if (pMechanism == NULL) {
        op->active = false;
        return CKR_OK;
    }
    if (op->active)
        return CKR_OPERATION_ACTIVE;
    TRY(mechanism_find(pMechanism->mechanism, CKF_DIGEST, &mechanism));
    TRY(mechanism_no_parameter(pMechanism));
    const EVP_MD *hash = module_digest(mechanism->digest);
    if (op->ctx == NULL)
        op->ctx = EVP_MD_CTX_new();
    if (op->ctx == NULL || EVP_DigestInit_ex2(op->ctx, hash, NULL) != 1)
        return CKR_HOST_MEMORY;
    op->len = (size_t)EVP_MD_get_size(hash);
    op->multipart = false;
    op->active = true;
    return CKR_OK;
}

/* Asking for the length and a buffer that is too small leave the operation as it is. */
static CK_RV finish(struct digest_op *op, const CK_BYTE *data, CK_ULONG len, CK_BYTE *digest,
                    CK_ULONG *digest_len) {
    CK_ULONG room = *digest_len;
    unsigned written = 0;
    *digest_len = op->len;
    if (digest == NULL)
        return CKR_OK;
    if (room < op->len)
        return CKR_BUFFER_TOO_SMALL;
    op->active = false;
    if ((len > 0 && EVP_DigestUpdate(op->ctx, data, len) != 1) ||
        EVP_DigestFinal_ex(op->ctx, digest, &written) != 1)
        return CKR_FUNCTION_FAILED;
    return CKR_OK;
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pDigest,
               CK_ULONG *pulDigestLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct digest_op *op = &session->digest;
    if (!op->active || op->multipart)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pulDigestLen == NULL || (pData == NULL && ulDataLen > 0)) {
        op->active = false;
        return CKR_ARGUMENTS_BAD;
    }
    return finish(op, pData, ulDataLen, pDigest, pulDigestLen);
}

static CK_RV update(struct digest_op *op, const uint8_t *part, size_t len) {
    op->multipart = true;
    if (len == 0 || EVP_DigestUpdate(op->ctx, part, len) == 1)
        return CKR_OK;
    op->active = false;
    return CKR_FUNCTION_FAILED;
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct digest_op *op = &session->digest;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pPart == NULL && ulPartLen > 0) {
        op->active = false;
        return CKR_ARGUMENTS_BAD;
    }
    return update(op, pPart, ulPartLen);
}

CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *key = NULL;
    const struct bytes *secret;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (!session->digest.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (session_object(session, hKey, &key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    /* The digest of a short key is the key; only what may be read may be digested. */
    if (key->class != CKO_SECRET_KEY || attributes_bool(&key->attrs, CKA_SENSITIVE) ||
        !attributes_bool(&key->attrs, CKA_EXTRACTABLE))
        return CKR_KEY_INDIGESTIBLE;
    TRY(object_secret(key, &secret));
    return update(&session->digest, secret->at, secret->len);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pDigest, CK_ULONG *pulDigestLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct digest_op *op = &session->digest;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pulDigestLen == NULL) {
        op->active = false;
        return CKR_ARGUMENTS_BAD;
    }
    return finish(op, NULL, 0, pDigest, pulDigestLen);
}
