/* What the whole module shares: whether it is initialised, where its tokens are, and OpenSSL.
 *
 * Locks, in the order in which they are taken (never the other way round):
 *   1. session.lock         one session, for the length of one call
 *   2. slot.lock            log-in and files of one token
 *   3. slots_lock           the list of slots
 *      table.lock           the objects of one slot
 *      object.material_lock the first use of a key
 *   4. slot.key_lock        the token key
 * Signing, verifying, encrypting hold the session's lock alone.
 */
#ifndef SOFTTOKEN_MODULE_H
#define SOFTTOKEN_MODULE_H

#include <stdatomic.h>

#include <openssl/evp.h>

#include "bytes.h"

/* Digests and ciphers are fetched once: a fetch by name takes locks that all threads share. */
enum digest_id {
    DIGEST_NONE,
    DIGEST_SHA1,
    DIGEST_SHA224,
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
    DIGEST_SHA3_224,
    DIGEST_SHA3_256,
    DIGEST_SHA3_384,
    DIGEST_SHA3_512,
    DIGEST_COUNT,
};

/* One number a mode; the key length in words of 8 octets (2, 3, 4) chooses the member. */
enum cipher_id {
    CIPHER_GCM,
    CIPHER_CBC,
    CIPHER_ECB,
    CIPHER_CTR,
    CIPHER_WRAP,
    CIPHER_WRAP_PAD,
    CIPHER_COUNT,
};

struct module {
    atomic_bool ready;
    char *dir; /* where the tokens are */
    OSSL_LIB_CTX *libctx;
    EVP_MD *digests[DIGEST_COUNT];
    EVP_CIPHER *ciphers[CIPHER_COUNT][3];
    EVP_MAC *hmac;
    EVP_MAC *cmac;
};

extern struct module module;

/* Every entry point but the ones that may come first begins with this. */
#define REQUIRE_READY()                                                                            \
    do {                                                                                           \
        if (!atomic_load_explicit(&module.ready, memory_order_acquire))                            \
            return CKR_CRYPTOKI_NOT_INITIALIZED;                                                   \
    } while (0)

/* The OpenSSL side: a library context of our own, so that the host's configuration, providers and
 * default properties do not matter. CKR_GENERAL_ERROR when it cannot be made. */
CK_RV module_crypto_open(void) MUST_USE;
void module_crypto_close(void);

const EVP_MD *module_digest(enum digest_id id);
/* By the CKM_ of the digest itself (CKM_SHA256, ...); DIGEST_NONE when there is none. */
enum digest_id digest_by_mechanism(CK_MECHANISM_TYPE type);
/* By the CKG_MGF1_ that goes with it. */
enum digest_id digest_by_mgf(CK_RSA_PKCS_MGF_TYPE mgf);
/* As EVP_MAC and EVP_KDF want it in their parameters. */
const char *module_digest_name(enum digest_id id);
/* NULL when key_len is not 16, 24 or 32. */
const EVP_CIPHER *module_cipher(enum cipher_id id, size_t key_len);

#endif
