#include "tsp/issuer.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define PASSWORD_US (60 * US_PER_SECOND)

static const uint8_t *process_key(void) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static uint8_t key[32];
    static bool made;
    pthread_mutex_lock(&mutex);
    if (!made)
        random_bytes(key, sizeof key);
    made = true;
    pthread_mutex_unlock(&mutex);
    return key;
}

/* A bucket of a minute's worth that fills evenly. */
static bool take(struct tsp_bucket *bucket, int64_t per_minute, int64_t now) {
    double most = (double)per_minute;
    if (bucket->filled_us == 0)
        bucket->tokens = most;
    else
        bucket->tokens += (double)(now - bucket->filled_us) * most / (60.0 * (double)US_PER_SECOND);
    if (bucket->tokens > most)
        bucket->tokens = most;
    bucket->filled_us = now;
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}

/* Addresses share a bounded table: two that meet in a bucket follow each other in it with a full one, which
 * lets through more, never less. */
static struct tsp_bucket *bucket_of(struct tsp_place *place, const char *address) {
    uint64_t who = 14695981039346656037u;
    for (const uint8_t *at = process_key(), *end = at + 16; at < end; at++)
        who = (who ^ *at) * 1099511628211u;
    for (; *address != '\0'; address++)
        who = (who ^ (uint8_t)*address) * 1099511628211u;
    struct tsp_bucket *bucket = &place->buckets[who % TSP_BUCKETS];
    if (bucket->who != who)
        *bucket = (struct tsp_bucket){.who = who};
    return bucket;
}

bool tsp_rate_take(struct tsp_issuer *issuer, const char *address, struct error *err) {
    struct tsp_place *place = issuer->place;
    const struct tsp_profile *profile = &issuer->profile;
    if (profile->access.per_minute == 0 && profile->access.per_minute_and_address == 0)
        return true;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&place->rates);
    bool ok = profile->access.per_minute_and_address == 0 ||
              take(bucket_of(place, address), profile->access.per_minute_and_address, now);
    ok = ok && (profile->access.per_minute == 0 || take(&place->whole, profile->access.per_minute, now));
    pthread_mutex_unlock(&place->rates);
    return ok || fail(err, ERROR_TOO_MANY, "tsa-rate",
                      "This timestamp issuer gives a limited number of timestamps a minute; try again later.");
}

static void hash_password(const char *username, const char *password, uint8_t hash[static 32]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    memset(hash, 0, 32);
    if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(context, process_key(), 32) == 1 &&
        EVP_DigestUpdate(context, username, strlen(username) + 1) == 1 &&
        EVP_DigestUpdate(context, password, strlen(password)) == 1)
        EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
}

bool tsp_password_known(struct tsp_place *place, const char *username, const char *password) {
    uint8_t hash[32];
    hash_password(username, password, hash);
    int64_t now = clock_monotonic_us();
    bool found = false;
    pthread_mutex_lock(&place->rates);
    for (size_t i = 0; i < TSP_PASSWORDS; i++)
        found |= place->passwords[i].until_us > now && CRYPTO_memcmp(place->passwords[i].hash, hash, 32) == 0;
    pthread_mutex_unlock(&place->rates);
    return found;
}

void tsp_password_learn(struct tsp_place *place, const char *username, const char *password) {
    uint8_t hash[32];
    size_t oldest = 0;
    hash_password(username, password, hash);
    pthread_mutex_lock(&place->rates);
    for (size_t i = 1; i < TSP_PASSWORDS; i++)
        if (place->passwords[i].until_us < place->passwords[oldest].until_us)
            oldest = i;
    memcpy(place->passwords[oldest].hash, hash, sizeof hash);
    place->passwords[oldest].until_us = clock_monotonic_us() + PASSWORD_US;
    pthread_mutex_unlock(&place->rates);
}
