#include "agent/password.h"

#include "agent/state.h"
#include "base/clock.h"
#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>

#define FILE_NAME "page.password"
#define SALT_SIZE 16
#define HASH_SIZE 32
#define LEAST 12
/* 19 MiB, twice, one lane: the agent has little memory. */
#define MEMORY_KIB 19456u
#define PASSES 2u
#define LANES 1u

static bool derive(const char *password, const uint8_t salt[static SALT_SIZE],
                   uint8_t hash[static HASH_SIZE]) {
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    uint32_t memory = MEMORY_KIB, passes = PASSES, lanes = LANES;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password,
                                          strlen(password)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, SALT_SIZE),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &memory),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes),
        OSSL_PARAM_construct_end(),
    };
    pthread_mutex_lock(&one);
    bool done = ctx != NULL && EVP_KDF_derive(ctx, hash, HASH_SIZE, params) == 1;
    pthread_mutex_unlock(&one);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

bool page_password_set(const char *directory, const char *password, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    uint8_t both[SALT_SIZE + HASH_SIZE];
    if (strlen(password) < LEAST)
        return fail(err, ERROR_POLICY, "weak-password", "The password has at least %d characters.",
                    LEAST);
    random_bytes(both, SALT_SIZE);
    if (!derive(password, both, both + SALT_SIZE))
        return fail_internal(err, "Argon2id");
    const char *text = arena_printf(arena, "%s\n", hex_encode(arena, view_of(both, sizeof both)));
    return state_write(directory, FILE_NAME, view_text(text), err);
}

bool page_password_is(const char *directory, const char *password) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view text, kept;
    struct error err;
    uint8_t hash[HASH_SIZE];
    if (!state_read(arena, directory, FILE_NAME, &text, &err))
        return false;
    while (text.len > 0 && text.at[text.len - 1] == '\n')
        text.len--;
    return hex_decode(arena, text, &kept) && kept.len == SALT_SIZE + HASH_SIZE &&
           derive(password, kept.at, hash) &&
           CRYPTO_memcmp(hash, kept.at + SALT_SIZE, HASH_SIZE) == 0;
}
