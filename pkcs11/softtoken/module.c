#include "module.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

struct module module;

static const struct {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;
} digests[DIGEST_COUNT] = {
    [DIGEST_SHA1] = {"SHA1", CKM_SHA_1, CKG_MGF1_SHA1},
    [DIGEST_SHA224] = {"SHA2-224", CKM_SHA224, CKG_MGF1_SHA224},
    [DIGEST_SHA256] = {"SHA2-256", CKM_SHA256, CKG_MGF1_SHA256},
    [DIGEST_SHA384] = {"SHA2-384", CKM_SHA384, CKG_MGF1_SHA384},
    [DIGEST_SHA512] = {"SHA2-512", CKM_SHA512, CKG_MGF1_SHA512},
    [DIGEST_SHA3_224] = {"SHA3-224", CKM_SHA3_224, CKG_MGF1_SHA3_224},
    [DIGEST_SHA3_256] = {"SHA3-256", CKM_SHA3_256, CKG_MGF1_SHA3_256},
    [DIGEST_SHA3_384] = {"SHA3-384", CKM_SHA3_384, CKG_MGF1_SHA3_384},
    [DIGEST_SHA3_512] = {"SHA3-512", CKM_SHA3_512, CKG_MGF1_SHA3_512},
};

static const char *const ciphers[CIPHER_COUNT][3] = {
    [CIPHER_GCM] = {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"},
    [CIPHER_CBC] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"},
    [CIPHER_ECB] = {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB"},
    [CIPHER_CTR] = {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"},
    [CIPHER_WRAP] = {"AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP"},
    [CIPHER_WRAP_PAD] = {"AES-128-WRAP-PAD", "AES-192-WRAP-PAD", "AES-256-WRAP-PAD"},
};

CK_RV module_crypto_open(void) {
    /* No configuration file and no exit handler: the module may be unloaded by a host that lives
     * on, or its static copy of the library used from the host's own exit handlers. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return CKR_GENERAL_ERROR;
    module.libctx = OSSL_LIB_CTX_new();
    if (module.libctx == NULL)
        return CKR_HOST_MEMORY;
    bool complete = true;
    for (int i = DIGEST_NONE + 1; i < DIGEST_COUNT; i++) {
        module.digests[i] = EVP_MD_fetch(module.libctx, digests[i].name, NULL);
        complete = complete && module.digests[i] != NULL;
    }
    for (int i = 0; i < CIPHER_COUNT; i++) {
        for (int k = 0; k < 3; k++) {
            module.ciphers[i][k] = EVP_CIPHER_fetch(module.libctx, ciphers[i][k], NULL);
            complete = complete && module.ciphers[i][k] != NULL;
        }
    }
    module.hmac = EVP_MAC_fetch(module.libctx, "HMAC", NULL);
    module.cmac = EVP_MAC_fetch(module.libctx, "CMAC", NULL);
    if (!complete || module.hmac == NULL || module.cmac == NULL) {
        module_crypto_close();
        return CKR_GENERAL_ERROR;
    }
    return CKR_OK;
}

void module_crypto_close(void) {
    for (int i = 0; i < DIGEST_COUNT; i++) {
        EVP_MD_free(module.digests[i]);
        module.digests[i] = NULL;
    }
    for (int i = 0; i < CIPHER_COUNT; i++) {
        for (int k = 0; k < 3; k++) {
            EVP_CIPHER_free(module.ciphers[i][k]);
            module.ciphers[i][k] = NULL;
        }
    }
    EVP_MAC_free(module.hmac);
    EVP_MAC_free(module.cmac);
    module.hmac = module.cmac = NULL;
    OSSL_LIB_CTX_free(module.libctx);
    module.libctx = NULL;
}

const EVP_MD *module_digest(enum digest_id id) {
    return module.digests[id];
}

const char *module_digest_name(enum digest_id id) {
    return digests[id].name;
}

enum digest_id digest_by_mechanism(CK_MECHANISM_TYPE type) {
    for (int i = DIGEST_NONE + 1; i < DIGEST_COUNT; i++)
        if (digests[i].mechanism == type)
            return (enum digest_id)i;
    return DIGEST_NONE;
}

enum digest_id digest_by_mgf(CK_RSA_PKCS_MGF_TYPE mgf) {
    for (int i = DIGEST_NONE + 1; i < DIGEST_COUNT; i++)
        if (digests[i].mgf == mgf)
            return (enum digest_id)i;
    return DIGEST_NONE;
}

const EVP_CIPHER *module_cipher(enum cipher_id id, size_t key_len) {
    if (key_len != 16 && key_len != 24 && key_len != 32)
        return NULL;
    return module.ciphers[id][key_len / 8 - 2];
}
