#include "ca/password_cache.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

#define SLOTS 256
#define LIFE_US (10 * US_PER_SECOND)
#define KEY_SIZE 32

struct slot {
    const struct core *core; /* NULL: empty */
    uint8_t mac[32];
    int64_t until_us; /* by the monotonic clock */
};

static struct {
    pthread_mutex_t mutex;
    bool keyed;
    uint8_t key[KEY_SIZE];
    struct slot slots[SLOTS];
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The stored hash has a fixed alphabet without NUL, so the two parts cannot run into each other. */
static bool make_mac(const char *encoded, const char *password, uint8_t ret_mac[static 32]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    size_t first = strlen(encoded) + 1, second = strlen(password);
    uint8_t *text = arena_alloc(arena, first + second + 1);
    unsigned len = 0;
    memcpy(text, encoded, first);
    memcpy(text + first, password, second);
    pthread_mutex_lock(&cache.mutex);
    if (!cache.keyed)
        random_bytes(cache.key, sizeof cache.key);
    cache.keyed = true;
    bool ok = HMAC(EVP_sha256(), cache.key, KEY_SIZE, text, first + second, ret_mac, &len) != NULL;
    pthread_mutex_unlock(&cache.mutex);
    OPENSSL_cleanse(text, first + second);
    return ok && len == 32;
}

bool password_cache_has(const struct core *core, const char *encoded, const char *password) {
    uint8_t mac[32];
    if (!make_mac(encoded, password, mac))
        return false;
    struct slot *slot = &cache.slots[mac[0]];
    pthread_mutex_lock(&cache.mutex);
    bool found = slot->core == core && slot->until_us > clock_monotonic_us() &&
                 CRYPTO_memcmp(slot->mac, mac, sizeof mac) == 0;
    pthread_mutex_unlock(&cache.mutex);
    return found;
}

void password_cache_put(const struct core *core, const char *encoded, const char *password) {
    uint8_t mac[32];
    if (!make_mac(encoded, password, mac))
        return;
    struct slot *slot = &cache.slots[mac[0]];
    pthread_mutex_lock(&cache.mutex);
    slot->core = core;
    memcpy(slot->mac, mac, sizeof mac);
    slot->until_us = clock_monotonic_us() + LIFE_US;
    pthread_mutex_unlock(&cache.mutex);
}
