/* C_SignRecover..., C_VerifyRecover...: signatures that carry what they sign (RSA alone). */
#include <string.h>

#include "session.h"

static CK_RV begin(CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key_of,
                   bool signing) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *key = NULL;
    TRY(session_get(handle, &session));
    struct signature_op *op = signing ? &session->sign_recover : &session->verify_recover;
    if (mechanism == NULL) {
        signature_end(op);
        return CKR_OK;
    }
    if (op->active)
        return CKR_OPERATION_ACTIVE;
    if (session_object(session, key_of, &key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    if (key->class != (signing ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY))
        return CKR_KEY_TYPE_INCONSISTENT;
    return signature_begin(op, mechanism, key, signing ? USE_SIGN_RECOVER : USE_VERIFY_RECOVER);
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                        CK_OBJECT_HANDLE hKey) {
    REQUIRE_READY();
    return begin(hSession, pMechanism, hKey, true);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                          CK_OBJECT_HANDLE hKey) {
    REQUIRE_READY();
    return begin(hSession, pMechanism, hKey, false);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen,
                    CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct signature_op *op = &session->sign_recover;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pulSignatureLen == NULL || (pData == NULL && ulDataLen > 0)) {
        signature_end(op);
        return CKR_ARGUMENTS_BAD;
    }
    CK_ULONG room = *pulSignatureLen;
    *pulSignatureLen = op->signature_len;
    if (pSignature == NULL)
        return CKR_OK;
    if (room < op->signature_len)
        return CKR_BUFFER_TOO_SMALL;
    CK_RV rv = op->wants_login && !op->authenticated
                   ? CKR_USER_NOT_LOGGED_IN
                   : signature_sign(op, pData, ulDataLen, pSignature);
    signature_end(op);
    return rv;
}

/* How long the data is shows only when it was recovered, so that is done for the length, too. */
static CK_RV recover(struct signature_op *op, const CK_BYTE *signature, CK_ULONG signature_len,
                     CK_BYTE *data, CK_ULONG *data_len, bool *ret_goes_on) {
    AUTO(bytes) struct bytes recovered = {0};
    TRY(signature_recover(op, signature, signature_len, &recovered));
    CK_ULONG room = *data_len;
    *data_len = recovered.len;
    *ret_goes_on = data == NULL || room < recovered.len;
    if (*ret_goes_on)
        return data == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    if (recovered.len > 0)
        memcpy(data, recovered.at, recovered.len);
    return CKR_OK;
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen,
                      CK_BYTE *pData, CK_ULONG *pulDataLen) {
    AUTO(session) struct session *session = NULL;
    bool goes_on = false;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct signature_op *op = &session->verify_recover;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = pSignature == NULL || pulDataLen == NULL
                   ? CKR_ARGUMENTS_BAD
                   : recover(op, pSignature, ulSignatureLen, pData, pulDataLen, &goes_on);
    if (!goes_on)
        signature_end(op);
    return rv;
}
