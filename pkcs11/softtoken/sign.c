/* C_Sign... */
#include "session.h"

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *key = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pMechanism == NULL) { /* pkcs11-v3.2#5.13.1: ends what is going on */
        signature_end(&session->sign);
        return CKR_OK;
    }
    if (session->sign.active)
        return CKR_OPERATION_ACTIVE;
    if (session_object(session, hKey, &key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    if (key->class != CKO_PRIVATE_KEY && key->class != CKO_SECRET_KEY)
        return CKR_KEY_TYPE_INCONSISTENT;
    return signature_begin(&session->sign, pMechanism, key, USE_SIGN);
}

/* Room for the signature? CKR_OK with *ret_ask set when only the length was asked for. */
static CK_RV check_room(const struct signature_op *op, const CK_BYTE *signature, CK_ULONG *len,
                        bool *ret_ask) {
    CK_ULONG room = *len;
    *len = op->signature_len;
    *ret_ask = signature == NULL;
    return signature == NULL || room >= op->signature_len ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

static CK_RV finish(struct signature_op *op, const CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                    CK_ULONG *signature_len) {
    bool ask;
    TRY(check_room(op, signature, signature_len, &ask)); /* the operation goes on after these */
    if (ask)
        return CKR_OK;
    CK_RV rv = op->wants_login && !op->authenticated ? CKR_USER_NOT_LOGGED_IN
                                                     : signature_sign(op, data, len, signature);
    signature_end(op);
    return rv;
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
             CK_ULONG *pulSignatureLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct signature_op *op = &session->sign;
    if (!op->active || op->multipart)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pulSignatureLen == NULL || (pData == NULL && ulDataLen > 0)) {
        signature_end(op);
        return CKR_ARGUMENTS_BAD;
    }
    return finish(op, pData, ulDataLen, pSignature, pulSignatureLen);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct signature_op *op = &session->sign;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = pPart == NULL && ulPartLen > 0          ? CKR_ARGUMENTS_BAD
               : op->wants_login && !op->authenticated ? CKR_USER_NOT_LOGGED_IN
                                                       : signature_update(op, pPart, ulPartLen);
    if (rv != CKR_OK)
        signature_end(op);
    return rv;
}

CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct signature_op *op = &session->sign;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pulSignatureLen == NULL) {
        signature_end(op);
        return CKR_ARGUMENTS_BAD;
    }
    op->multipart = true; /* also when there was no part: the empty message */
    return finish(op, NULL, 0, pSignature, pulSignatureLen);
}
