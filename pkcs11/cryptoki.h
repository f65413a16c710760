/* Cryptoki, the C interface of PKCS #11 version 3.2 (OASIS Standard), as far as Gatehouse uses it.
 *
 * The packaged headers of Debian stop at 3.0: they know neither ML-DSA nor SLH-DSA. Names and
 * numbers here are those of the standard; a name that is missing was not needed yet. Types are laid
 * out as on every Unix (no packing), so a pointer to one of these structures may be given to any
 * module.
 *
 * libp11's <libp11.h> may be included beside this file (it brings no Cryptoki types of its own);
 * p11-kit's <pkcs11.h> may not (same names).
 *
 * Ownership: Cryptoki never takes over memory of the caller; buffers are the caller's, and a call
 * with a NULL buffer answers with the length that is needed.
 */
#ifndef GATEHOUSE_PKCS11_CRYPTOKI_H
#define GATEHOUSE_PKCS11_CRYPTOKI_H

#ifdef __cplusplus
extern "C" {
#endif

#define CRYPTOKI_VERSION_MAJOR 3
#define CRYPTOKI_VERSION_MINOR 2

/* ---- scalar types ------------------------------------------------------------------------- */

typedef unsigned char CK_BYTE;
typedef CK_BYTE CK_BBOOL;
typedef CK_BYTE CK_CHAR;
typedef CK_BYTE CK_UTF8CHAR;
typedef unsigned long CK_ULONG;
typedef long CK_LONG;
typedef CK_ULONG CK_FLAGS;
typedef CK_ULONG CK_RV;
typedef CK_ULONG CK_SLOT_ID;
typedef CK_ULONG CK_SESSION_HANDLE;
typedef CK_ULONG CK_OBJECT_HANDLE;
typedef CK_ULONG CK_OBJECT_CLASS;
typedef CK_ULONG CK_KEY_TYPE;
typedef CK_ULONG CK_CERTIFICATE_TYPE;
typedef CK_ULONG CK_ATTRIBUTE_TYPE;
typedef CK_ULONG CK_MECHANISM_TYPE;
typedef CK_ULONG CK_USER_TYPE;
typedef CK_ULONG CK_STATE;
typedef CK_ULONG CK_NOTIFICATION;
typedef CK_ULONG CK_HW_FEATURE_TYPE;
typedef CK_ULONG CK_PROFILE_ID;
typedef CK_ULONG CK_RSA_PKCS_MGF_TYPE;
typedef CK_ULONG CK_RSA_PKCS_OAEP_SOURCE_TYPE;
typedef CK_ULONG CK_EC_KDF_TYPE;
typedef CK_ULONG CK_HEDGE_TYPE;
typedef CK_ULONG CK_GENERATOR_FUNCTION;
typedef CK_ULONG CK_ML_DSA_PARAMETER_SET_TYPE;
typedef CK_ULONG CK_SLH_DSA_PARAMETER_SET_TYPE;
typedef CK_ULONG CK_ML_KEM_PARAMETER_SET_TYPE;
typedef CK_ULONG CK_SESSION_VALIDATION_FLAGS_TYPE;
typedef void *CK_VOID_PTR;

#define NULL_PTR ((void *)0)
#define CK_TRUE 1
#define CK_FALSE 0
#define CK_INVALID_HANDLE 0UL
#define CK_EFFECTIVELY_INFINITE 0UL
#define CK_UNAVAILABLE_INFORMATION (~0UL)

/* ---- structures --------------------------------------------------------------------------- */

typedef struct CK_VERSION {
    CK_BYTE major;
    CK_BYTE minor;
} CK_VERSION;

typedef struct CK_INFO {
    CK_VERSION cryptokiVersion;
    CK_UTF8CHAR manufacturerID[32]; /* every fixed text is padded with blanks, without a NUL */
    CK_FLAGS flags;
    CK_UTF8CHAR libraryDescription[32];
    CK_VERSION libraryVersion;
} CK_INFO;

typedef struct CK_SLOT_INFO {
    CK_UTF8CHAR slotDescription[64];
    CK_UTF8CHAR manufacturerID[32];
    CK_FLAGS flags;
    CK_VERSION hardwareVersion;
    CK_VERSION firmwareVersion;
} CK_SLOT_INFO;

typedef struct CK_TOKEN_INFO {
    CK_UTF8CHAR label[32];
    CK_UTF8CHAR manufacturerID[32];
    CK_UTF8CHAR model[16];
    CK_CHAR serialNumber[16];
    CK_FLAGS flags;
    CK_ULONG ulMaxSessionCount;
    CK_ULONG ulSessionCount;
    CK_ULONG ulMaxRwSessionCount;
    CK_ULONG ulRwSessionCount;
    CK_ULONG ulMaxPinLen;
    CK_ULONG ulMinPinLen;
    CK_ULONG ulTotalPublicMemory;
    CK_ULONG ulFreePublicMemory;
    CK_ULONG ulTotalPrivateMemory;
    CK_ULONG ulFreePrivateMemory;
    CK_VERSION hardwareVersion;
    CK_VERSION firmwareVersion;
    CK_CHAR utcTime[16];
} CK_TOKEN_INFO;

typedef struct CK_SESSION_INFO {
    CK_SLOT_ID slotID;
    CK_STATE state;
    CK_FLAGS flags;
    CK_ULONG ulDeviceError;
} CK_SESSION_INFO;

typedef struct CK_ATTRIBUTE {
    CK_ATTRIBUTE_TYPE type;
    void *pValue;
    CK_ULONG ulValueLen; /* bytes; CK_UNAVAILABLE_INFORMATION when it may not or cannot be read */
} CK_ATTRIBUTE;

typedef struct CK_DATE {
    CK_CHAR year[4];
    CK_CHAR month[2];
    CK_CHAR day[2];
} CK_DATE;

typedef struct CK_MECHANISM {
    CK_MECHANISM_TYPE mechanism;
    void *pParameter;
    CK_ULONG ulParameterLen;
} CK_MECHANISM;

typedef struct CK_MECHANISM_INFO {
    CK_ULONG ulMinKeySize; /* bits or bytes, depending on the mechanism */
    CK_ULONG ulMaxKeySize;
    CK_FLAGS flags;
} CK_MECHANISM_INFO;

typedef struct CK_INTERFACE {
    CK_UTF8CHAR *pInterfaceName;
    void *pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;

typedef struct CK_ASYNC_DATA {
    CK_ULONG ulVersion;
    CK_BYTE *pValue;
    CK_ULONG ulValue;
    CK_OBJECT_HANDLE hObject;
    CK_OBJECT_HANDLE hAdditionalObject;
} CK_ASYNC_DATA;

typedef CK_RV (*CK_NOTIFY)(CK_SESSION_HANDLE, CK_NOTIFICATION, void *);
typedef CK_RV (*CK_CREATEMUTEX)(void **);
typedef CK_RV (*CK_DESTROYMUTEX)(void *);
typedef CK_RV (*CK_LOCKMUTEX)(void *);
typedef CK_RV (*CK_UNLOCKMUTEX)(void *);

typedef struct CK_C_INITIALIZE_ARGS {
    CK_CREATEMUTEX CreateMutex;
    CK_DESTROYMUTEX DestroyMutex;
    CK_LOCKMUTEX LockMutex;
    CK_UNLOCKMUTEX UnlockMutex;
    CK_FLAGS flags;
    void *pReserved;
} CK_C_INITIALIZE_ARGS;

/* ---- mechanism parameters ----------------------------------------------------------------- */

typedef struct CK_RSA_PKCS_PSS_PARAMS {
    CK_MECHANISM_TYPE hashAlg;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_ULONG sLen;
} CK_RSA_PKCS_PSS_PARAMS;

typedef struct CK_RSA_PKCS_OAEP_PARAMS {
    CK_MECHANISM_TYPE hashAlg;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_RSA_PKCS_OAEP_SOURCE_TYPE source;
    void *pSourceData;
    CK_ULONG ulSourceDataLen;
} CK_RSA_PKCS_OAEP_PARAMS;

typedef struct CK_RSA_AES_KEY_WRAP_PARAMS {
    CK_ULONG ulAESKeyBits;
    CK_RSA_PKCS_OAEP_PARAMS *pOAEPParams;
} CK_RSA_AES_KEY_WRAP_PARAMS;

typedef struct CK_EDDSA_PARAMS {
    CK_BBOOL phFlag;
    CK_ULONG ulContextDataLen;
    CK_BYTE *pContextData;
} CK_EDDSA_PARAMS;

/* CKM_ML_DSA, CKM_SLH_DSA: optional; without it the hedged variant with an empty context. */
typedef struct CK_SIGN_ADDITIONAL_CONTEXT {
    CK_HEDGE_TYPE hedgeVariant;
    CK_BYTE *pContext;
    CK_ULONG ulContextLen;
} CK_SIGN_ADDITIONAL_CONTEXT;

typedef struct CK_HASH_SIGN_ADDITIONAL_CONTEXT {
    CK_HEDGE_TYPE hedgeVariant;
    CK_BYTE *pContext;
    CK_ULONG ulContextLen;
    CK_MECHANISM_TYPE hash;
} CK_HASH_SIGN_ADDITIONAL_CONTEXT;

typedef struct CK_GCM_PARAMS {
    CK_BYTE *pIv;
    CK_ULONG ulIvLen;
    CK_ULONG ulIvBits;
    CK_BYTE *pAAD;
    CK_ULONG ulAADLen;
    CK_ULONG ulTagBits;
} CK_GCM_PARAMS;

typedef struct CK_AES_CTR_PARAMS {
    CK_ULONG ulCounterBits;
    CK_BYTE cb[16];
} CK_AES_CTR_PARAMS;

typedef struct CK_ECDH1_DERIVE_PARAMS {
    CK_EC_KDF_TYPE kdf;
    CK_ULONG ulSharedDataLen;
    CK_BYTE *pSharedData;
    CK_ULONG ulPublicDataLen;
    CK_BYTE *pPublicData;
} CK_ECDH1_DERIVE_PARAMS;

/* Octets of the MAC that the ..._GENERAL mechanisms give. */
typedef CK_ULONG CK_MAC_GENERAL_PARAMS;

typedef struct CK_HKDF_PARAMS {
    CK_BBOOL bExtract;
    CK_BBOOL bExpand;
    CK_MECHANISM_TYPE prfHashMechanism;
    CK_ULONG ulSaltType; /* CKF_HKDF_SALT_... */
    CK_BYTE *pSalt;
    CK_ULONG ulSaltLen;
    CK_OBJECT_HANDLE hSaltKey;
    CK_BYTE *pInfo;
    CK_ULONG ulInfoLen;
} CK_HKDF_PARAMS;

typedef struct CK_KEY_DERIVATION_STRING_DATA {
    CK_BYTE *pData;
    CK_ULONG ulLen;
} CK_KEY_DERIVATION_STRING_DATA;

typedef struct CK_AES_CBC_ENCRYPT_DATA_PARAMS {
    CK_BYTE iv[16];
    CK_BYTE *pData;
    CK_ULONG length;
} CK_AES_CBC_ENCRYPT_DATA_PARAMS;

/* ---- functions ---------------------------------------------------------------------------- */

typedef struct CK_FUNCTION_LIST CK_FUNCTION_LIST;
typedef struct CK_FUNCTION_LIST_3_0 CK_FUNCTION_LIST_3_0;
typedef struct CK_FUNCTION_LIST_3_2 CK_FUNCTION_LIST_3_2;

/* One line a function, in the order of the function list, which is part of the ABI: from these
 * three tables come the prototypes, the pointer types (CK_C_...) and the members of the lists. */
#define CK_FUNCTIONS_2_40(F)                                                                       \
    F(C_Initialize, (void *pInitArgs))                                                             \
    F(C_Finalize, (void *pReserved))                                                               \
    F(C_GetInfo, (CK_INFO * pInfo))                                                                \
    F(C_GetFunctionList, (CK_FUNCTION_LIST * *ppFunctionList))                                     \
    F(C_GetSlotList, (CK_BBOOL tokenPresent, CK_SLOT_ID * pSlotList, CK_ULONG * pulCount))         \
    F(C_GetSlotInfo, (CK_SLOT_ID slotID, CK_SLOT_INFO * pInfo))                                    \
    F(C_GetTokenInfo, (CK_SLOT_ID slotID, CK_TOKEN_INFO * pInfo))                                  \
    F(C_GetMechanismList,                                                                          \
      (CK_SLOT_ID slotID, CK_MECHANISM_TYPE * pMechanismList, CK_ULONG * pulCount))                \
    F(C_GetMechanismInfo, (CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO * pInfo))  \
    F(C_InitToken, (CK_SLOT_ID slotID, CK_UTF8CHAR * pPin, CK_ULONG ulPinLen,                      \
                    CK_UTF8CHAR * pLabel))                                                         \
    F(C_InitPIN, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pPin, CK_ULONG ulPinLen))              \
    F(C_SetPIN, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pOldPin, CK_ULONG ulOldLen,             \
                 CK_UTF8CHAR * pNewPin, CK_ULONG ulNewLen))                                        \
    F(C_OpenSession, (CK_SLOT_ID slotID, CK_FLAGS flags, void *pApplication, CK_NOTIFY Notify,     \
                      CK_SESSION_HANDLE *phSession))                                               \
    F(C_CloseSession, (CK_SESSION_HANDLE hSession))                                                \
    F(C_CloseAllSessions, (CK_SLOT_ID slotID))                                                     \
    F(C_GetSessionInfo, (CK_SESSION_HANDLE hSession, CK_SESSION_INFO * pInfo))                     \
    F(C_GetOperationState, (CK_SESSION_HANDLE hSession, CK_BYTE * pOperationState,                 \
                            CK_ULONG * pulOperationStateLen))                                      \
    F(C_SetOperationState, (CK_SESSION_HANDLE hSession, CK_BYTE * pOperationState,                 \
                            CK_ULONG ulOperationStateLen, CK_OBJECT_HANDLE hEncryptionKey,         \
                            CK_OBJECT_HANDLE hAuthenticationKey))                                  \
    F(C_Login, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR * pPin,             \
                CK_ULONG ulPinLen))                                                                \
    F(C_Logout, (CK_SESSION_HANDLE hSession))                                                      \
    F(C_CreateObject, (CK_SESSION_HANDLE hSession, CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount,     \
                       CK_OBJECT_HANDLE * phObject))                                               \
    F(C_CopyObject, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,                         \
                     CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE * phNewObject))  \
    F(C_DestroyObject, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject))                     \
    F(C_GetObjectSize, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG * pulSize)) \
    F(C_GetAttributeValue, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,                  \
                            CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount))                           \
    F(C_SetAttributeValue, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,                  \
                            CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount))                           \
    F(C_FindObjectsInit, (CK_SESSION_HANDLE hSession, CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount)) \
    F(C_FindObjects, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE * phObject,                     \
                      CK_ULONG ulMaxObjectCount, CK_ULONG * pulObjectCount))                       \
    F(C_FindObjectsFinal, (CK_SESSION_HANDLE hSession))                                            \
    F(C_EncryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                       \
                      CK_OBJECT_HANDLE hKey))                                                      \
    F(C_Encrypt, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen,                 \
                  CK_BYTE * pEncryptedData, CK_ULONG * pulEncryptedDataLen))                       \
    F(C_EncryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen,           \
                        CK_BYTE * pEncryptedPart, CK_ULONG * pulEncryptedPartLen))                 \
    F(C_EncryptFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pLastEncryptedPart,                   \
                       CK_ULONG * pulLastEncryptedPartLen))                                        \
    F(C_DecryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                       \
                      CK_OBJECT_HANDLE hKey))                                                      \
    F(C_Decrypt, (CK_SESSION_HANDLE hSession, CK_BYTE * pEncryptedData,                            \
                  CK_ULONG ulEncryptedDataLen, CK_BYTE * pData, CK_ULONG * pulDataLen))            \
    F(C_DecryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pEncryptedPart,                      \
                        CK_ULONG ulEncryptedPartLen, CK_BYTE * pPart, CK_ULONG * pulPartLen))      \
    F(C_DecryptFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pLastPart,                            \
                       CK_ULONG * pulLastPartLen))                                                 \
    F(C_DigestInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism))                       \
    F(C_Digest, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen,                  \
                 CK_BYTE * pDigest, CK_ULONG * pulDigestLen))                                      \
    F(C_DigestUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))           \
    F(C_DigestKey, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey))                            \
    F(C_DigestFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pDigest, CK_ULONG * pulDigestLen))     \
    F(C_SignInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))  \
    F(C_Sign, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen,                    \
               CK_BYTE * pSignature, CK_ULONG * pulSignatureLen))                                  \
    F(C_SignUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))             \
    F(C_SignFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pSignature,                              \
                    CK_ULONG * pulSignatureLen))                                                   \
    F(C_SignRecoverInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                   \
                          CK_OBJECT_HANDLE hKey))                                                  \
    F(C_SignRecover, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen,             \
                      CK_BYTE * pSignature, CK_ULONG * pulSignatureLen))                           \
    F(C_VerifyInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                        \
                     CK_OBJECT_HANDLE hKey))                                                       \
    F(C_Verify, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen,                  \
                 CK_BYTE * pSignature, CK_ULONG ulSignatureLen))                                   \
    F(C_VerifyUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))           \
    F(C_VerifyFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pSignature,                            \
                      CK_ULONG ulSignatureLen))                                                    \
    F(C_VerifyRecoverInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                 \
                            CK_OBJECT_HANDLE hKey))                                                \
    F(C_VerifyRecover, (CK_SESSION_HANDLE hSession, CK_BYTE * pSignature,                          \
                        CK_ULONG ulSignatureLen, CK_BYTE * pData, CK_ULONG * pulDataLen))          \
    F(C_DigestEncryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen,     \
                              CK_BYTE * pEncryptedPart, CK_ULONG * pulEncryptedPartLen))           \
    F(C_DecryptDigestUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pEncryptedPart,                \
                              CK_ULONG ulEncryptedPartLen, CK_BYTE * pPart,                        \
                              CK_ULONG * pulPartLen))                                              \
    F(C_SignEncryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen,       \
                            CK_BYTE * pEncryptedPart, CK_ULONG * pulEncryptedPartLen))             \
    F(C_DecryptVerifyUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pEncryptedPart,                \
                              CK_ULONG ulEncryptedPartLen, CK_BYTE * pPart,                        \
                              CK_ULONG * pulPartLen))                                              \
    F(C_GenerateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                       \
                      CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE * phKey))       \
    F(C_GenerateKeyPair, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                   \
                          CK_ATTRIBUTE * pPublicKeyTemplate, CK_ULONG ulPublicKeyAttributeCount,   \
                          CK_ATTRIBUTE * pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount, \
                          CK_OBJECT_HANDLE * phPublicKey, CK_OBJECT_HANDLE * phPrivateKey))        \
    F(C_WrapKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                           \
                  CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey, CK_BYTE * pWrappedKey,     \
                  CK_ULONG * pulWrappedKeyLen))                                                    \
    F(C_UnwrapKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                         \
                    CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE * pWrappedKey,                        \
                    CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE * pTemplate,                            \
                    CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE * phKey))                          \
    F(C_DeriveKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                         \
                    CK_OBJECT_HANDLE hBaseKey, CK_ATTRIBUTE * pTemplate,                           \
                    CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE * phKey))                          \
    F(C_SeedRandom, (CK_SESSION_HANDLE hSession, CK_BYTE * pSeed, CK_ULONG ulSeedLen))             \
    F(C_GenerateRandom, (CK_SESSION_HANDLE hSession, CK_BYTE * pRandomData,                        \
                         CK_ULONG ulRandomLen))                                                    \
    F(C_GetFunctionStatus, (CK_SESSION_HANDLE hSession))                                           \
    F(C_CancelFunction, (CK_SESSION_HANDLE hSession))                                              \
    F(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID * pSlot, void *pReserved))

#define CK_FUNCTIONS_3_0(F)                                                                        \
    F(C_GetInterfaceList, (CK_INTERFACE * pInterfacesList, CK_ULONG * pulCount))                   \
    F(C_GetInterface, (CK_UTF8CHAR * pInterfaceName, CK_VERSION * pVersion,                        \
                       CK_INTERFACE * *ppInterface, CK_FLAGS flags))                               \
    F(C_LoginUser, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR * pPin,         \
                    CK_ULONG ulPinLen, CK_UTF8CHAR * pUsername, CK_ULONG ulUsernameLen))           \
    F(C_SessionCancel, (CK_SESSION_HANDLE hSession, CK_FLAGS flags))                               \
    F(C_MessageEncryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                \
                             CK_OBJECT_HANDLE hKey))                                               \
    F(C_EncryptMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,    \
                         CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen,                   \
                         CK_BYTE *pPlaintext, CK_ULONG ulPlaintextLen, CK_BYTE *pCiphertext,       \
                         CK_ULONG *pulCiphertextLen))                                              \
    F(C_EncryptMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter,                        \
                              CK_ULONG ulParameterLen, CK_BYTE *pAssociatedData,                   \
                              CK_ULONG ulAssociatedDataLen))                                       \
    F(C_EncryptMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter,                         \
                             CK_ULONG ulParameterLen, CK_BYTE *pPlaintextPart,                     \
                             CK_ULONG ulPlaintextPartLen, CK_BYTE *pCiphertextPart,                \
                             CK_ULONG *pulCiphertextPartLen, CK_FLAGS flags))                      \
    F(C_MessageEncryptFinal, (CK_SESSION_HANDLE hSession))                                         \
    F(C_MessageDecryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                \
                             CK_OBJECT_HANDLE hKey))                                               \
    F(C_DecryptMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,    \
                         CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen,                   \
                         CK_BYTE *pCiphertext, CK_ULONG ulCiphertextLen, CK_BYTE *pPlaintext,      \
                         CK_ULONG *pulPlaintextLen))                                               \
    F(C_DecryptMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter,                        \
                              CK_ULONG ulParameterLen, CK_BYTE *pAssociatedData,                   \
                              CK_ULONG ulAssociatedDataLen))                                       \
    F(C_DecryptMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter,                         \
                             CK_ULONG ulParameterLen, CK_BYTE *pCiphertextPart,                    \
                             CK_ULONG ulCiphertextPartLen, CK_BYTE *pPlaintextPart,                \
                             CK_ULONG *pulPlaintextPartLen, CK_FLAGS flags))                       \
    F(C_MessageDecryptFinal, (CK_SESSION_HANDLE hSession))                                         \
    F(C_MessageSignInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                   \
                          CK_OBJECT_HANDLE hKey))                                                  \
    F(C_SignMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,       \
                      CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,                     \
                      CK_ULONG *pulSignatureLen))                                                  \
    F(C_SignMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen)) \
    F(C_SignMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,   \
                          CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,                 \
                          CK_ULONG *pulSignatureLen))                                              \
    F(C_MessageSignFinal, (CK_SESSION_HANDLE hSession))                                            \
    F(C_MessageVerifyInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                 \
                            CK_OBJECT_HANDLE hKey))                                                \
    F(C_VerifyMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,     \
                        CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,                   \
                        CK_ULONG ulSignatureLen))                                                  \
    F(C_VerifyMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter,                         \
                             CK_ULONG ulParameterLen))                                             \
    F(C_VerifyMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter,                          \
                            CK_ULONG ulParameterLen, CK_BYTE *pData, CK_ULONG ulDataLen,           \
                            CK_BYTE *pSignature, CK_ULONG ulSignatureLen))                         \
    F(C_MessageVerifyFinal, (CK_SESSION_HANDLE hSession))

#define CK_FUNCTIONS_3_2(F)                                                                        \
    F(C_EncapsulateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                    \
                         CK_OBJECT_HANDLE hPublicKey, CK_ATTRIBUTE * pTemplate,                    \
                         CK_ULONG ulAttributeCount, CK_BYTE * pCiphertext,                         \
                         CK_ULONG * pulCiphertextLen, CK_OBJECT_HANDLE * phKey))                   \
    F(C_DecapsulateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,                    \
                         CK_OBJECT_HANDLE hPrivateKey, CK_ATTRIBUTE * pTemplate,                   \
                         CK_ULONG ulAttributeCount, CK_BYTE * pCiphertext,                         \
                         CK_ULONG ulCiphertextLen, CK_OBJECT_HANDLE * phKey))                      \
    F(C_VerifySignatureInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,               \
                              CK_OBJECT_HANDLE hKey, CK_BYTE * pSignature,                         \
                              CK_ULONG ulSignatureLen))                                            \
    F(C_VerifySignature, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen))        \
    F(C_VerifySignatureUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))  \
    F(C_VerifySignatureFinal, (CK_SESSION_HANDLE hSession))                                        \
    F(C_GetSessionValidationFlags, (CK_SESSION_HANDLE hSession,                                    \
                                    CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS * pFlags))     \
    F(C_AsyncComplete, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pFunctionName,                   \
                        CK_ASYNC_DATA * pResult))                                                  \
    F(C_AsyncGetID, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pFunctionName, CK_ULONG * pulID))   \
    F(C_AsyncJoin, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pFunctionName, CK_ULONG ulID,        \
                    CK_BYTE * pData, CK_ULONG ulData))                                             \
    F(C_WrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,              \
                               CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey,               \
                               CK_BYTE * pAssociatedData, CK_ULONG ulAssociatedDataLen,            \
                               CK_BYTE * pWrappedKey, CK_ULONG * pulWrappedKeyLen))                \
    F(C_UnwrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism,            \
                                 CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE * pWrappedKey,           \
                                 CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE * pTemplate,               \
                                 CK_ULONG ulAttributeCount, CK_BYTE * pAssociatedData,             \
                                 CK_ULONG ulAssociatedDataLen, CK_OBJECT_HANDLE * phKey))

#define CK_DECLARE_FUNCTION_(name, args)                                                           \
    typedef CK_RV(*CK_##name) args;                                                                \
    extern CK_RV name args;
#define CK_LIST_MEMBER_(name, args) CK_##name name;

CK_FUNCTIONS_2_40(CK_DECLARE_FUNCTION_)
CK_FUNCTIONS_3_0(CK_DECLARE_FUNCTION_)
CK_FUNCTIONS_3_2(CK_DECLARE_FUNCTION_)

struct CK_FUNCTION_LIST {
    CK_VERSION version;
    CK_FUNCTIONS_2_40(CK_LIST_MEMBER_)
};

struct CK_FUNCTION_LIST_3_0 {
    CK_VERSION version;
    CK_FUNCTIONS_2_40(CK_LIST_MEMBER_)
    CK_FUNCTIONS_3_0(CK_LIST_MEMBER_)
};

struct CK_FUNCTION_LIST_3_2 {
    CK_VERSION version;
    CK_FUNCTIONS_2_40(CK_LIST_MEMBER_)
    CK_FUNCTIONS_3_0(CK_LIST_MEMBER_)
    CK_FUNCTIONS_3_2(CK_LIST_MEMBER_)
};

#undef CK_DECLARE_FUNCTION_
#undef CK_LIST_MEMBER_

/* ---- flags: C_Initialize, interface, slot, session ------------------------------------------- */

#define CKF_LIBRARY_CANT_CREATE_OS_THREADS 0x00000001UL
#define CKF_OS_LOCKING_OK 0x00000002UL
#define CKF_INTERFACE_FORK_SAFE 0x00000001UL
#define CKF_TOKEN_PRESENT 0x00000001UL
#define CKF_REMOVABLE_DEVICE 0x00000002UL
#define CKF_HW_SLOT 0x00000004UL
#define CKF_RW_SESSION 0x00000002UL
#define CKF_SERIAL_SESSION 0x00000004UL
#define CKF_DONT_BLOCK 0x00000001UL
#define CKF_ARRAY_ATTRIBUTE 0x40000000UL

/* ---- flags: token ---------------------------------------------------------------------------- */

#define CKF_RNG 0x00000001UL
#define CKF_WRITE_PROTECTED 0x00000002UL
#define CKF_LOGIN_REQUIRED 0x00000004UL
#define CKF_USER_PIN_INITIALIZED 0x00000008UL
#define CKF_PROTECTED_AUTHENTICATION_PATH 0x00000100UL
#define CKF_DUAL_CRYPTO_OPERATIONS 0x00000200UL
#define CKF_TOKEN_INITIALIZED 0x00000400UL
#define CKF_USER_PIN_COUNT_LOW 0x00010000UL
#define CKF_USER_PIN_FINAL_TRY 0x00020000UL
#define CKF_USER_PIN_LOCKED 0x00040000UL
#define CKF_USER_PIN_TO_BE_CHANGED 0x00080000UL
#define CKF_SO_PIN_COUNT_LOW 0x00100000UL
#define CKF_SO_PIN_FINAL_TRY 0x00200000UL
#define CKF_SO_PIN_LOCKED 0x00400000UL
#define CKF_SO_PIN_TO_BE_CHANGED 0x00800000UL
#define CKF_ERROR_STATE 0x01000000UL

/* ---- flags: mechanism ------------------------------------------------------------------------ */

#define CKF_HW 0x00000001UL
#define CKF_MESSAGE_ENCRYPT 0x00000002UL
#define CKF_MESSAGE_DECRYPT 0x00000004UL
#define CKF_MESSAGE_SIGN 0x00000008UL
#define CKF_MESSAGE_VERIFY 0x00000010UL
#define CKF_MULTI_MESSAGE 0x00000020UL
#define CKF_FIND_OBJECTS 0x00000040UL
#define CKF_ENCRYPT 0x00000100UL
#define CKF_DECRYPT 0x00000200UL
#define CKF_DIGEST 0x00000400UL
#define CKF_SIGN 0x00000800UL
#define CKF_SIGN_RECOVER 0x00001000UL
#define CKF_VERIFY 0x00002000UL
#define CKF_VERIFY_RECOVER 0x00004000UL
#define CKF_GENERATE 0x00008000UL
#define CKF_GENERATE_KEY_PAIR 0x00010000UL
#define CKF_WRAP 0x00020000UL
#define CKF_UNWRAP 0x00040000UL
#define CKF_DERIVE 0x00080000UL
#define CKF_EC_F_P 0x00100000UL
#define CKF_EC_ECPARAMETERS 0x00400000UL
#define CKF_EC_OID 0x00800000UL
#define CKF_EC_UNCOMPRESS 0x01000000UL
#define CKF_EC_COMPRESS 0x02000000UL
#define CKF_EC_CURVENAME 0x04000000UL
#define CKF_ENCAPSULATE 0x10000000UL
#define CKF_DECAPSULATE 0x20000000UL
#define CKF_EXTENSION 0x80000000UL

/* ---- users, session states, notifications ---------------------------------------------------- */

#define CKU_SO 0UL
#define CKU_USER 1UL
#define CKU_CONTEXT_SPECIFIC 2UL
#define CKS_RO_PUBLIC_SESSION 0UL
#define CKS_RO_USER_FUNCTIONS 1UL
#define CKS_RW_PUBLIC_SESSION 2UL
#define CKS_RW_USER_FUNCTIONS 3UL
#define CKS_RW_SO_FUNCTIONS 4UL

/* ---- object classes, certificate types and categories ---------------------------------------- */

#define CKO_DATA 0x00000000UL
#define CKO_CERTIFICATE 0x00000001UL
#define CKO_PUBLIC_KEY 0x00000002UL
#define CKO_PRIVATE_KEY 0x00000003UL
#define CKO_SECRET_KEY 0x00000004UL
#define CKO_HW_FEATURE 0x00000005UL
#define CKO_DOMAIN_PARAMETERS 0x00000006UL
#define CKO_MECHANISM 0x00000007UL
#define CKO_PROFILE 0x00000009UL
#define CKC_X_509 0x00000000UL
#define CK_CERTIFICATE_CATEGORY_UNSPECIFIED 0UL
#define CK_CERTIFICATE_CATEGORY_TOKEN_USER 1UL
#define CK_CERTIFICATE_CATEGORY_AUTHORITY 2UL
#define CK_CERTIFICATE_CATEGORY_OTHER_ENTITY 3UL

/* ---- key types ------------------------------------------------------------------------------- */

#define CKK_RSA 0x00000000UL
#define CKK_EC 0x00000003UL
#define CKK_GENERIC_SECRET 0x00000010UL
#define CKK_AES 0x0000001FUL
#define CKK_SHA_1_HMAC 0x00000028UL
#define CKK_SHA256_HMAC 0x0000002BUL
#define CKK_SHA384_HMAC 0x0000002CUL
#define CKK_SHA512_HMAC 0x0000002DUL
#define CKK_SHA224_HMAC 0x0000002EUL
#define CKK_SHA3_224_HMAC 0x00000033UL
#define CKK_SHA3_256_HMAC 0x00000034UL
#define CKK_SHA3_384_HMAC 0x00000035UL
#define CKK_SHA3_512_HMAC 0x00000036UL
#define CKK_EC_EDWARDS 0x00000040UL
#define CKK_EC_MONTGOMERY 0x00000041UL
#define CKK_HKDF 0x00000042UL
#define CKK_ML_KEM 0x00000049UL
#define CKK_ML_DSA 0x0000004AUL
#define CKK_SLH_DSA 0x0000004BUL
#define CKK_VENDOR_DEFINED 0x80000000UL

/* ---- parameter sets of the post-quantum keys (CKA_PARAMETER_SET) ----------------------------- */

#define CKP_ML_DSA_44 0x00000001UL
#define CKP_ML_DSA_65 0x00000002UL
#define CKP_ML_DSA_87 0x00000003UL
#define CKP_ML_KEM_512 0x00000001UL
#define CKP_ML_KEM_768 0x00000002UL
#define CKP_ML_KEM_1024 0x00000003UL
#define CKP_SLH_DSA_SHA2_128S 0x00000001UL
#define CKP_SLH_DSA_SHAKE_128S 0x00000002UL
#define CKP_SLH_DSA_SHA2_128F 0x00000003UL
#define CKP_SLH_DSA_SHAKE_128F 0x00000004UL
#define CKP_SLH_DSA_SHA2_192S 0x00000005UL
#define CKP_SLH_DSA_SHAKE_192S 0x00000006UL
#define CKP_SLH_DSA_SHA2_192F 0x00000007UL
#define CKP_SLH_DSA_SHAKE_192F 0x00000008UL
#define CKP_SLH_DSA_SHA2_256S 0x00000009UL
#define CKP_SLH_DSA_SHAKE_256S 0x0000000AUL
#define CKP_SLH_DSA_SHA2_256F 0x0000000BUL
#define CKP_SLH_DSA_SHAKE_256F 0x0000000CUL
#define CKH_HEDGE_PREFERRED 0x00000000UL
#define CKH_HEDGE_REQUIRED 0x00000001UL
#define CKH_DETERMINISTIC_REQUIRED 0x00000002UL

/* ---- profiles -------------------------------------------------------------------------------- */

#define CKP_BASELINE_PROVIDER 0x00000001UL
#define CKP_EXTENDED_PROVIDER 0x00000002UL
#define CKP_AUTHENTICATION_TOKEN 0x00000003UL
#define CKP_PUBLIC_CERTIFICATES_TOKEN 0x00000004UL

/* ---- attributes ------------------------------------------------------------------------------ */

#define CKA_CLASS 0x00000000UL
#define CKA_TOKEN 0x00000001UL
#define CKA_PRIVATE 0x00000002UL
#define CKA_LABEL 0x00000003UL
#define CKA_UNIQUE_ID 0x00000004UL
#define CKA_APPLICATION 0x00000010UL
#define CKA_VALUE 0x00000011UL
#define CKA_OBJECT_ID 0x00000012UL
#define CKA_CERTIFICATE_TYPE 0x00000080UL
#define CKA_ISSUER 0x00000081UL
#define CKA_SERIAL_NUMBER 0x00000082UL
#define CKA_TRUSTED 0x00000086UL
#define CKA_CERTIFICATE_CATEGORY 0x00000087UL
#define CKA_URL 0x00000089UL
#define CKA_HASH_OF_SUBJECT_PUBLIC_KEY 0x0000008AUL
#define CKA_HASH_OF_ISSUER_PUBLIC_KEY 0x0000008BUL
#define CKA_NAME_HASH_ALGORITHM 0x0000008CUL
#define CKA_CHECK_VALUE 0x00000090UL
#define CKA_KEY_TYPE 0x00000100UL
#define CKA_SUBJECT 0x00000101UL
#define CKA_ID 0x00000102UL
#define CKA_SENSITIVE 0x00000103UL
#define CKA_ENCRYPT 0x00000104UL
#define CKA_DECRYPT 0x00000105UL
#define CKA_WRAP 0x00000106UL
#define CKA_UNWRAP 0x00000107UL
#define CKA_SIGN 0x00000108UL
#define CKA_SIGN_RECOVER 0x00000109UL
#define CKA_VERIFY 0x0000010AUL
#define CKA_VERIFY_RECOVER 0x0000010BUL
#define CKA_DERIVE 0x0000010CUL
#define CKA_START_DATE 0x00000110UL
#define CKA_END_DATE 0x00000111UL
#define CKA_MODULUS 0x00000120UL
#define CKA_MODULUS_BITS 0x00000121UL
#define CKA_PUBLIC_EXPONENT 0x00000122UL
#define CKA_PRIVATE_EXPONENT 0x00000123UL
#define CKA_PRIME_1 0x00000124UL
#define CKA_PRIME_2 0x00000125UL
#define CKA_EXPONENT_1 0x00000126UL
#define CKA_EXPONENT_2 0x00000127UL
#define CKA_COEFFICIENT 0x00000128UL
#define CKA_PUBLIC_KEY_INFO 0x00000129UL
#define CKA_VALUE_LEN 0x00000161UL
#define CKA_EXTRACTABLE 0x00000162UL
#define CKA_LOCAL 0x00000163UL
#define CKA_NEVER_EXTRACTABLE 0x00000164UL
#define CKA_ALWAYS_SENSITIVE 0x00000165UL
#define CKA_KEY_GEN_MECHANISM 0x00000166UL
#define CKA_MODIFIABLE 0x00000170UL
#define CKA_COPYABLE 0x00000171UL
#define CKA_DESTROYABLE 0x00000172UL
#define CKA_EC_PARAMS 0x00000180UL
#define CKA_EC_POINT 0x00000181UL
#define CKA_ALWAYS_AUTHENTICATE 0x00000202UL
#define CKA_WRAP_WITH_TRUSTED 0x00000210UL
#define CKA_WRAP_TEMPLATE 0x40000211UL
#define CKA_UNWRAP_TEMPLATE 0x40000212UL
#define CKA_DERIVE_TEMPLATE 0x40000213UL
#define CKA_MECHANISM_TYPE 0x00000500UL
#define CKA_ALLOWED_MECHANISMS 0x40000600UL
#define CKA_PROFILE_ID 0x00000601UL
#define CKA_PARAMETER_SET 0x0000061DUL
#define CKA_ENCAPSULATE_TEMPLATE 0x0000062AUL
#define CKA_DECAPSULATE_TEMPLATE 0x0000062BUL
#define CKA_ENCAPSULATE 0x00000633UL
#define CKA_DECAPSULATE 0x00000634UL
#define CKA_SEED 0x00000637UL
#define CKA_VENDOR_DEFINED 0x80000000UL

#include "cryptoki_mechanisms.h"

/* ---- return values --------------------------------------------------------------------------- */

#define CKR_OK 0x00000000UL
#define CKR_CANCEL 0x00000001UL
#define CKR_HOST_MEMORY 0x00000002UL
#define CKR_SLOT_ID_INVALID 0x00000003UL
#define CKR_GENERAL_ERROR 0x00000005UL
#define CKR_FUNCTION_FAILED 0x00000006UL
#define CKR_ARGUMENTS_BAD 0x00000007UL
#define CKR_NO_EVENT 0x00000008UL
#define CKR_CANT_LOCK 0x0000000AUL
#define CKR_ATTRIBUTE_READ_ONLY 0x00000010UL
#define CKR_ATTRIBUTE_SENSITIVE 0x00000011UL
#define CKR_ATTRIBUTE_TYPE_INVALID 0x00000012UL
#define CKR_ATTRIBUTE_VALUE_INVALID 0x00000013UL
#define CKR_ACTION_PROHIBITED 0x0000001BUL
#define CKR_DATA_INVALID 0x00000020UL
#define CKR_DATA_LEN_RANGE 0x00000021UL
#define CKR_DEVICE_ERROR 0x00000030UL
#define CKR_DEVICE_MEMORY 0x00000031UL
#define CKR_DEVICE_REMOVED 0x00000032UL
#define CKR_ENCRYPTED_DATA_INVALID 0x00000040UL
#define CKR_ENCRYPTED_DATA_LEN_RANGE 0x00000041UL
#define CKR_AEAD_DECRYPT_FAILED 0x00000042UL
#define CKR_FUNCTION_CANCELED 0x00000050UL
#define CKR_FUNCTION_NOT_PARALLEL 0x00000051UL
#define CKR_FUNCTION_NOT_SUPPORTED 0x00000054UL
#define CKR_KEY_HANDLE_INVALID 0x00000060UL
#define CKR_KEY_SIZE_RANGE 0x00000062UL
#define CKR_KEY_TYPE_INCONSISTENT 0x00000063UL
#define CKR_KEY_NOT_NEEDED 0x00000064UL
#define CKR_KEY_CHANGED 0x00000065UL
#define CKR_KEY_NEEDED 0x00000066UL
#define CKR_KEY_INDIGESTIBLE 0x00000067UL
#define CKR_KEY_FUNCTION_NOT_PERMITTED 0x00000068UL
#define CKR_KEY_NOT_WRAPPABLE 0x00000069UL
#define CKR_KEY_UNEXTRACTABLE 0x0000006AUL
#define CKR_MECHANISM_INVALID 0x00000070UL
#define CKR_MECHANISM_PARAM_INVALID 0x00000071UL
#define CKR_OBJECT_HANDLE_INVALID 0x00000082UL
#define CKR_OPERATION_ACTIVE 0x00000090UL
#define CKR_OPERATION_NOT_INITIALIZED 0x00000091UL
#define CKR_PIN_INCORRECT 0x000000A0UL
#define CKR_PIN_INVALID 0x000000A1UL
#define CKR_PIN_LEN_RANGE 0x000000A2UL
#define CKR_PIN_EXPIRED 0x000000A3UL
#define CKR_PIN_LOCKED 0x000000A4UL
#define CKR_SESSION_CLOSED 0x000000B0UL
#define CKR_SESSION_COUNT 0x000000B1UL
#define CKR_SESSION_HANDLE_INVALID 0x000000B3UL
#define CKR_SESSION_PARALLEL_NOT_SUPPORTED 0x000000B4UL
#define CKR_SESSION_READ_ONLY 0x000000B5UL
#define CKR_SESSION_EXISTS 0x000000B6UL
#define CKR_SESSION_READ_ONLY_EXISTS 0x000000B7UL
#define CKR_SESSION_READ_WRITE_SO_EXISTS 0x000000B8UL
#define CKR_SIGNATURE_INVALID 0x000000C0UL
#define CKR_SIGNATURE_LEN_RANGE 0x000000C1UL
#define CKR_TEMPLATE_INCOMPLETE 0x000000D0UL
#define CKR_TEMPLATE_INCONSISTENT 0x000000D1UL
#define CKR_TOKEN_NOT_PRESENT 0x000000E0UL
#define CKR_TOKEN_NOT_RECOGNIZED 0x000000E1UL
#define CKR_TOKEN_WRITE_PROTECTED 0x000000E2UL
#define CKR_UNWRAPPING_KEY_HANDLE_INVALID 0x000000F0UL
#define CKR_UNWRAPPING_KEY_SIZE_RANGE 0x000000F1UL
#define CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT 0x000000F2UL
#define CKR_USER_ALREADY_LOGGED_IN 0x00000100UL
#define CKR_USER_NOT_LOGGED_IN 0x00000101UL
#define CKR_USER_PIN_NOT_INITIALIZED 0x00000102UL
#define CKR_USER_TYPE_INVALID 0x00000103UL
#define CKR_USER_ANOTHER_ALREADY_LOGGED_IN 0x00000104UL
#define CKR_USER_TOO_MANY_TYPES 0x00000105UL
#define CKR_WRAPPED_KEY_INVALID 0x00000110UL
#define CKR_WRAPPED_KEY_LEN_RANGE 0x00000112UL
#define CKR_WRAPPING_KEY_HANDLE_INVALID 0x00000113UL
#define CKR_WRAPPING_KEY_SIZE_RANGE 0x00000114UL
#define CKR_WRAPPING_KEY_TYPE_INCONSISTENT 0x00000115UL
#define CKR_RANDOM_SEED_NOT_SUPPORTED 0x00000120UL
#define CKR_RANDOM_NO_RNG 0x00000121UL
#define CKR_DOMAIN_PARAMS_INVALID 0x00000130UL
#define CKR_CURVE_NOT_SUPPORTED 0x00000140UL
#define CKR_BUFFER_TOO_SMALL 0x00000150UL
#define CKR_INFORMATION_SENSITIVE 0x00000170UL
#define CKR_STATE_UNSAVEABLE 0x00000180UL
#define CKR_CRYPTOKI_NOT_INITIALIZED 0x00000190UL
#define CKR_CRYPTOKI_ALREADY_INITIALIZED 0x00000191UL
#define CKR_MUTEX_BAD 0x000001A0UL
#define CKR_MUTEX_NOT_LOCKED 0x000001A1UL
#define CKR_FIPS_SELF_TEST_FAILED 0x000001B6UL
#define CKR_LIBRARY_LOAD_FAILED 0x000001B7UL
#define CKR_PIN_TOO_WEAK 0x000001B8UL
#define CKR_PUBLIC_KEY_INVALID 0x000001B9UL
#define CKR_FUNCTION_REJECTED 0x00000200UL
#define CKR_TOKEN_RESOURCE_EXCEEDED 0x00000201UL
#define CKR_OPERATION_CANCEL_FAILED 0x00000202UL
#define CKR_KEY_EXHAUSTED 0x00000203UL
#define CKR_PENDING 0x00000204UL
#define CKR_SESSION_ASYNC_NOT_SUPPORTED 0x00000205UL
#define CKR_SEED_RANDOM_REQUIRED 0x00000206UL
#define CKR_TOKEN_NOT_INITIALIZED 0x00000208UL
#define CKR_PARAMETER_SET_NOT_SUPPORTED 0x00000209UL
#define CKR_VENDOR_DEFINED 0x80000000UL

#ifdef __cplusplus
}
#endif

#endif
