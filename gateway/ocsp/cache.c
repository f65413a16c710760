#include "ocsp/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 16
#define BUCKETS 2048 /* a shard */

struct shard {
    pthread_mutex_t lock;
    struct ocsp_answer *buckets[BUCKETS];
    struct ocsp_answer *newest, *oldest;
    size_t bytes;
};

struct ocsp_cache {
    uint64_t secret[2];
    size_t shard_bytes;
    struct shard shards[SHARDS];
};

/* SipHash-2-4 (Aumasson, Bernstein). Clients choose the keys, so the hash has a secret: nobody can
 * aim many requests at one bucket. */
static uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t hash_key(const struct ocsp_cache *cache, struct uuid ca_id, struct view key) {
    uint64_t v[4] = {cache->secret[0] ^ UINT64_C(0x736f6d6570736575),
                     cache->secret[1] ^ UINT64_C(0x646f72616e646f6d),
                     cache->secret[0] ^ UINT64_C(0x6c7967656e657261),
                     cache->secret[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word;
    for (size_t i = 0; i < sizeof ca_id.bytes; i += 8) {
        memcpy(&word, ca_id.bytes + i, 8);
        sip_word(v, word);
    }
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        memcpy(&word, key.at + i, 8);
        sip_word(v, word);
    }
    word = (uint64_t)key.len << 56;
    for (int shift = 0; i < key.len; i++, shift += 8)
        word |= (uint64_t)key.at[i] << shift;
    sip_word(v, word);
    v[2] ^= 0xff;
    for (int round = 0; round < 4; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct ocsp_cache *ocsp_cache_new(size_t max_bytes) {
    struct ocsp_cache *cache = must_alloc(sizeof *cache);
    memset(cache, 0, sizeof *cache);
    random_bytes(cache->secret, sizeof cache->secret);
    cache->shard_bytes = max_bytes / SHARDS;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

void ocsp_cache_free(struct ocsp_cache *cache) {
    if (cache == NULL)
        return;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        for (struct ocsp_answer *answer = shard->newest, *next; answer != NULL; answer = next) {
            next = answer->older;
            ocsp_answer_release(answer);
        }
        pthread_mutex_destroy(&shard->lock);
    }
    free(cache);
}

struct ocsp_answer *ocsp_answer_new(struct uuid ca_id, struct view key, struct view der) {
    struct ocsp_answer *answer = must_alloc(sizeof *answer + key.len + der.len);
    memset(answer, 0, sizeof *answer);
    atomic_init(&answer->references, 1);
    answer->ca_id = ca_id;
    answer->key_len = key.len;
    answer->der_len = der.len;
    memcpy(answer->bytes, key.at, key.len);
    memcpy(answer->bytes + key.len, der.at, der.len);
    return answer;
}

void ocsp_answer_release(struct ocsp_answer *answer) {
    if (answer != NULL && atomic_fetch_sub(&answer->references, 1) == 1)
        free(answer);
}

static size_t weight(const struct ocsp_answer *answer) {
    return sizeof *answer + answer->key_len + answer->der_len;
}

static struct shard *shard_of(struct ocsp_cache *cache, uint64_t hash) {
    return &cache->shards[hash >> 60];
}

static struct ocsp_answer **slot_of(struct shard *shard, uint64_t hash, struct uuid ca_id,
                                    struct view key) {
    struct ocsp_answer **slot = &shard->buckets[hash % BUCKETS];
    while (*slot != NULL && !((*slot)->hash == hash && uuid_equal((*slot)->ca_id, ca_id) &&
                              view_equal(view_of((*slot)->bytes, (*slot)->key_len), key)))
        slot = &(*slot)->chain;
    return slot;
}

static void list_remove(struct shard *shard, struct ocsp_answer *answer) {
    *(answer->newer != NULL ? &answer->newer->older : &shard->newest) = answer->older;
    *(answer->older != NULL ? &answer->older->newer : &shard->oldest) = answer->newer;
}

static void list_add(struct shard *shard, struct ocsp_answer *answer) {
    answer->newer = NULL;
    answer->older = shard->newest;
    *(shard->newest != NULL ? &shard->newest->newer : &shard->oldest) = answer;
    shard->newest = answer;
}

static void drop(struct shard *shard, struct ocsp_answer **slot) {
    struct ocsp_answer *answer = *slot;
    *slot = answer->chain;
    list_remove(shard, answer);
    shard->bytes -= weight(answer);
    ocsp_answer_release(answer);
}

struct ocsp_answer *ocsp_cache_find(struct ocsp_cache *cache, struct uuid ca_id, struct view key) {
    uint64_t hash = hash_key(cache, ca_id, key);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    struct ocsp_answer *answer = *slot_of(shard, hash, ca_id, key);
    if (answer != NULL) {
        if (shard->newest != answer) {
            list_remove(shard, answer);
            list_add(shard, answer);
        }
        atomic_fetch_add(&answer->references, 1);
        atomic_fetch_add_explicit(&answer->hits, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    return answer;
}

void ocsp_cache_put(struct ocsp_cache *cache, struct ocsp_answer *answer) {
    struct view key = view_of(answer->bytes, answer->key_len);
    answer->hash = hash_key(cache, answer->ca_id, key);
    if (weight(answer) > cache->shard_bytes)
        return;
    struct shard *shard = shard_of(cache, answer->hash);
    pthread_mutex_lock(&shard->lock);
    struct ocsp_answer **slot = slot_of(shard, answer->hash, answer->ca_id, key);
    if (*slot != NULL)
        drop(shard, slot);
    while (shard->bytes + weight(answer) > cache->shard_bytes) {
        struct ocsp_answer *last = shard->oldest;
        drop(shard, slot_of(shard, last->hash, last->ca_id, view_of(last->bytes, last->key_len)));
    }
    atomic_fetch_add(&answer->references, 1);
    struct ocsp_answer **head = &shard->buckets[answer->hash % BUCKETS];
    answer->chain = *head;
    *head = answer;
    list_add(shard, answer);
    shard->bytes += weight(answer);
    pthread_mutex_unlock(&shard->lock);
}

size_t ocsp_cache_bytes(struct ocsp_cache *cache) {
    size_t total = 0;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        total += cache->shards[i].bytes;
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
    return total;
}

size_t ocsp_cache_busy(struct ocsp_cache *cache, unsigned hits, int64_t before_us,
                       struct ocsp_answer **ret_answers, size_t max) {
    size_t count = 0;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->lock);
        for (struct ocsp_answer *a = shard->newest; a != NULL && count < max; a = a->older)
            if (a->refresh_us < before_us && atomic_load(&a->hits) >= hits) {
                atomic_fetch_add(&a->references, 1);
                ret_answers[count++] = a;
            }
        pthread_mutex_unlock(&shard->lock);
    }
    return count;
}
