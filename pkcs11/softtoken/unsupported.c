/* Functions of the standard that the token does not offer. They are in its lists all the same: a
 * list has no holes (pkcs11-v3.2#3.6), and each answers CKR_FUNCTION_NOT_SUPPORTED.
 *
 * None of their mechanisms is in the token's table, so a caller that asks first does not come here.
 */
#include "module.h"

#define UNSUPPORTED(name, args)                                                                    \
    CK_RV name args {                                                                              \
        REQUIRE_READY();                                                                           \
        return CKR_FUNCTION_NOT_SUPPORTED;                                                         \
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

UNSUPPORTED(C_GetOperationState,
            (CK_SESSION_HANDLE hSession, CK_BYTE *pOperationState, CK_ULONG *pulOperationStateLen))
UNSUPPORTED(C_SetOperationState,
            (CK_SESSION_HANDLE hSession, CK_BYTE *pOperationState, CK_ULONG ulOperationStateLen,
             CK_OBJECT_HANDLE hEncryptionKey, CK_OBJECT_HANDLE hAuthenticationKey))
UNSUPPORTED(C_MessageEncryptInit,
            (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_EncryptMessage,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,
             CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE *pPlaintext,
             CK_ULONG ulPlaintextLen, CK_BYTE *pCiphertext, CK_ULONG *pulCiphertextLen))
UNSUPPORTED(C_EncryptMessageBegin,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,
             CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen))
UNSUPPORTED(C_EncryptMessageNext,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,
             CK_BYTE *pPlaintextPart, CK_ULONG ulPlaintextPartLen, CK_BYTE *pCiphertextPart,
             CK_ULONG *pulCiphertextPartLen, CK_FLAGS flags))
UNSUPPORTED(C_MessageEncryptFinal, (CK_SESSION_HANDLE hSession))
UNSUPPORTED(C_MessageDecryptInit,
            (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_DecryptMessage,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,
             CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE *pCiphertext,
             CK_ULONG ulCiphertextLen, CK_BYTE *pPlaintext, CK_ULONG *pulPlaintextLen))
UNSUPPORTED(C_DecryptMessageBegin,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,
             CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen))
UNSUPPORTED(C_DecryptMessageNext,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,
             CK_BYTE *pCiphertextPart, CK_ULONG ulCiphertextPartLen, CK_BYTE *pPlaintextPart,
             CK_ULONG *pulPlaintextPartLen, CK_FLAGS flags))
UNSUPPORTED(C_MessageDecryptFinal, (CK_SESSION_HANDLE hSession))
UNSUPPORTED(C_MessageSignInit,
            (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_SignMessage,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
             CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen))
UNSUPPORTED(C_SignMessageBegin,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen))
UNSUPPORTED(C_SignMessageNext,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
             CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen))
UNSUPPORTED(C_MessageSignFinal, (CK_SESSION_HANDLE hSession))
UNSUPPORTED(C_MessageVerifyInit,
            (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_VerifyMessage,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
             CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen))
UNSUPPORTED(C_VerifyMessageBegin,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen))
UNSUPPORTED(C_VerifyMessageNext,
            (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
             CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen))
UNSUPPORTED(C_MessageVerifyFinal, (CK_SESSION_HANDLE hSession))
UNSUPPORTED(C_GetSessionValidationFlags,
            (CK_SESSION_HANDLE hSession, CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS *pFlags))
UNSUPPORTED(C_AsyncComplete,
            (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ASYNC_DATA *pResult))
UNSUPPORTED(C_AsyncGetID, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ULONG *pulID))
UNSUPPORTED(C_AsyncJoin, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ULONG ulID,
                          CK_BYTE *pData, CK_ULONG ulData))
UNSUPPORTED(C_WrapKeyAuthenticated,
            (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hWrappingKey,
             CK_OBJECT_HANDLE hKey, CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen,
             CK_BYTE *pWrappedKey, CK_ULONG *pulWrappedKeyLen))
UNSUPPORTED(C_UnwrapKeyAuthenticated,
            (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hUnwrappingKey,
             CK_BYTE *pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE *pTemplate,
             CK_ULONG ulAttributeCount, CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen,
             CK_OBJECT_HANDLE *phKey))

#pragma GCC diagnostic pop
