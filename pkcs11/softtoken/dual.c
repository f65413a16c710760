/* Two operations of a session over one stream: each of the two goes its own way to its end, so
 * these are the one after the other, the reader of the plain text first: the buffers may be the
 * same. What does not fit the buffer is not digested or signed either. */
#include "session.h"

enum partner { PARTNER_DIGEST, PARTNER_SIGN, PARTNER_VERIFY };

/* Both have to be going on before either is fed. */
static CK_RV both_active(CK_SESSION_HANDLE handle, bool encrypting, enum partner partner) {
    AUTO(session) struct session *session = NULL;
    TRY(session_get(handle, &session));
    bool cipher = encrypting ? session->encrypt.active : session->decrypt.active;
    bool other = partner == PARTNER_DIGEST ? session->digest.active
                 : partner == PARTNER_SIGN ? session->sign.active
                                           : session->verify.active;
    return cipher && other ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

/* Says how much room is needed: CKR_OK with *ret_ask when that was the question. */
static CK_RV check_room(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG len, const CK_BYTE *out,
                        CK_ULONG *out_len, bool *ret_ask) {
    CK_ULONG needed = 0;
    *ret_ask = out == NULL;
    TRY(C_EncryptUpdate(handle, part, len, NULL, out_len == NULL ? NULL : &needed));
    if (out != NULL && *out_len >= needed)
        return CKR_OK;
    *out_len = needed;
    return out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen,
                            CK_BYTE *pEncryptedPart, CK_ULONG *pulEncryptedPartLen) {
    bool ask;
    REQUIRE_READY();
    TRY(both_active(hSession, true, PARTNER_DIGEST));
    TRY(check_room(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen, &ask));
    if (ask)
        return CKR_OK;
    TRY(C_DigestUpdate(hSession, pPart, ulPartLen));
    return C_EncryptUpdate(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen, CK_BYTE *pPart, CK_ULONG *pulPartLen) {
    REQUIRE_READY();
    TRY(both_active(hSession, false, PARTNER_DIGEST));
    TRY(C_DecryptUpdate(hSession, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen));
    return pPart == NULL ? CKR_OK : C_DigestUpdate(hSession, pPart, *pulPartLen);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen,
                          CK_BYTE *pEncryptedPart, CK_ULONG *pulEncryptedPartLen) {
    bool ask;
    REQUIRE_READY();
    TRY(both_active(hSession, true, PARTNER_SIGN));
    TRY(check_room(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen, &ask));
    if (ask)
        return CKR_OK;
    TRY(C_SignUpdate(hSession, pPart, ulPartLen));
    return C_EncryptUpdate(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen, CK_BYTE *pPart, CK_ULONG *pulPartLen) {
    REQUIRE_READY();
    TRY(both_active(hSession, false, PARTNER_VERIFY));
    TRY(C_DecryptUpdate(hSession, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen));
    return pPart == NULL ? CKR_OK : C_VerifyUpdate(hSession, pPart, *pulPartLen);
}
