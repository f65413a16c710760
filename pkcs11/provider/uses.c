#include "provider/uses.h"

#include "provider/signer.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256

struct uses {
    uint8_t fingerprint[32];
    _Atomic uint64_t count;
    _Atomic int64_t last_us;
    size_t references; /* guarded by the lock, as is the chain */
    struct uses *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct uses *buckets[BUCKETS];

static struct uses *find_or_add(const uint8_t fingerprint[static 32]) {
    struct uses **bucket = &buckets[fingerprint[0]], *at = *bucket;
    while (at != NULL && memcmp(at->fingerprint, fingerprint, sizeof at->fingerprint) != 0)
        at = at->next;
    if (at == NULL) {
        at = must_alloc(sizeof *at);
        memcpy(at->fingerprint, fingerprint, sizeof at->fingerprint);
        at->next = *bucket;
        *bucket = at;
    }
    return at;
}

struct uses *uses_open(struct view spki) {
    uint8_t fingerprint[32] = {0};
    EVP_Digest(spki.at, spki.len, fingerprint, NULL, EVP_sha256(), NULL);
    pthread_mutex_lock(&lock);
    struct uses *uses = find_or_add(fingerprint);
    uses->references++;
    pthread_mutex_unlock(&lock);
    return uses;
}

void uses_close(struct uses *uses) {
    if (uses == NULL)
        return;
    pthread_mutex_lock(&lock);
    uses->references--; /* freed when its count was taken */
    pthread_mutex_unlock(&lock);
}

void uses_count(struct uses *uses) {
    atomic_fetch_add_explicit(&uses->count, 1, memory_order_relaxed);
    atomic_store_explicit(&uses->last_us, clock_now_us(), memory_order_relaxed);
}

static size_t take_bucket(struct uses **link, struct key_uses *ret, size_t most) {
    size_t count = 0;
    while (*link != NULL) {
        struct uses *at = *link;
        if (count < most && atomic_load(&at->count) > 0) {
            memcpy(ret[count].fingerprint, at->fingerprint, sizeof at->fingerprint);
            ret[count].uses = atomic_exchange(&at->count, 0);
            ret[count++].last_us = atomic_load(&at->last_us);
        }
        if (at->references == 0 && atomic_load(&at->count) == 0) {
            *link = at->next;
            free(at);
        } else {
            link = &at->next;
        }
    }
    return count;
}

size_t signer_take_uses(struct key_uses *ret, size_t most) {
    size_t count = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < BUCKETS; i++)
        count += take_bucket(&buckets[i], ret + count, most - count);
    pthread_mutex_unlock(&lock);
    return count;
}

void signer_return_uses(const struct key_uses *items, size_t count) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++) {
        struct uses *uses = find_or_add(items[i].fingerprint);
        atomic_fetch_add(&uses->count, items[i].uses);
        if (atomic_load(&uses->last_us) < items[i].last_us)
            atomic_store(&uses->last_us, items[i].last_us);
    }
    pthread_mutex_unlock(&lock);
}
