/* C_Verify..., and C_VerifySignature... of version 3.2, which bring the signature first. */
#include "session.h"

static CK_RV begin(CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key_of,
                   struct session **ret_session) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *key = NULL;
    TRY(session_get(handle, &session));
    if (mechanism == NULL) {
        signature_end(&session->verify);
        return CKR_OK;
    }
    if (session->verify.active)
        return CKR_OPERATION_ACTIVE;
    if (session_object(session, key_of, &key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    if (key->class != CKO_PUBLIC_KEY && key->class != CKO_SECRET_KEY)
        return CKR_KEY_TYPE_INCONSISTENT;
    TRY(signature_begin(&session->verify, mechanism, key, USE_VERIFY));
    *ret_session = session;
    session = NULL;
    return CKR_OK;
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    return begin(hSession, pMechanism, hKey, &session);
}

/* The session when it is verifying in this manner. */
static CK_RV verifying(CK_SESSION_HANDLE handle, bool signature_first,
                       struct session **ret_session) {
    AUTO(session) struct session *session = NULL;
    TRY(session_get(handle, &session));
    if (!session->verify.active || session->verify.signature_first != signature_first)
        return CKR_OPERATION_NOT_INITIALIZED;
    *ret_session = session;
    session = NULL;
    return CKR_OK;
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
               CK_ULONG ulSignatureLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(verifying(hSession, false, &session));
    struct signature_op *op = &session->verify;
    if (op->multipart)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = CKR_ARGUMENTS_BAD;
    if (pSignature != NULL && (pData != NULL || ulDataLen == 0))
        rv = signature_verify(op, pData, ulDataLen, pSignature, ulSignatureLen);
    signature_end(op);
    return rv;
}

static CK_RV update(struct signature_op *op, const CK_BYTE *part, CK_ULONG len) {
    CK_RV rv = part == NULL && len > 0 ? CKR_ARGUMENTS_BAD : signature_update(op, part, len);
    if (rv != CKR_OK)
        signature_end(op);
    return rv;
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(verifying(hSession, false, &session));
    return update(&session->verify, pPart, ulPartLen);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(verifying(hSession, false, &session));
    struct signature_op *op = &session->verify;
    op->multipart = true;
    CK_RV rv = pSignature == NULL ? CKR_ARGUMENTS_BAD
                                  : signature_verify(op, NULL, 0, pSignature, ulSignatureLen);
    signature_end(op);
    return rv;
}

CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                            CK_OBJECT_HANDLE hKey, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    if (pMechanism != NULL && pSignature == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(begin(hSession, pMechanism, hKey, &session));
    if (session == NULL) /* it was a cancellation */
        return CKR_OK;
    struct signature_op *op = &session->verify;
    CK_RV rv = ulSignatureLen == op->signature_len
                   ? bytes_set(&op->signature, pSignature, ulSignatureLen)
                   : CKR_SIGNATURE_LEN_RANGE;
    op->signature_first = true;
    if (rv != CKR_OK)
        signature_end(op);
    return rv;
}

CK_RV C_VerifySignature(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(verifying(hSession, true, &session));
    struct signature_op *op = &session->verify;
    if (op->multipart)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = CKR_ARGUMENTS_BAD;
    if (pData != NULL || ulDataLen == 0)
        rv = signature_verify(op, pData, ulDataLen, op->signature.at, op->signature.len);
    signature_end(op);
    return rv;
}

CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(verifying(hSession, true, &session));
    return update(&session->verify, pPart, ulPartLen);
}

CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE hSession) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(verifying(hSession, true, &session));
    struct signature_op *op = &session->verify;
    op->multipart = true;
    CK_RV rv = signature_verify(op, NULL, 0, op->signature.at, op->signature.len);
    signature_end(op);
    return rv;
}
