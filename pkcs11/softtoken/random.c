/* C_SeedRandom, C_GenerateRandom */
#include <openssl/rand.h>

#include "seal.h"
#include "session.h"

CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE *pSeed, CK_ULONG ulSeedLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pSeed == NULL && ulSeedLen > 0)
        return CKR_ARGUMENTS_BAD;
    /* Mixed in beside the system's own entropy, never instead of it. */
    EVP_RAND_CTX *rand = RAND_get0_primary(module.libctx);
    if (rand == NULL || EVP_RAND_reseed(rand, 0, NULL, 0, pSeed, ulSeedLen) != 1)
        return CKR_FUNCTION_FAILED;
    return CKR_OK;
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE *pRandomData, CK_ULONG ulRandomLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pRandomData == NULL && ulRandomLen > 0)
        return CKR_ARGUMENTS_BAD;
    if (ulRandomLen > MESSAGE_MAX)
        return CKR_DATA_LEN_RANGE;
    return random_octets(pRandomData, ulRandomLen);
}
