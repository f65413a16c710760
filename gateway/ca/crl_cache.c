#include "ca/crl_cache.h"

#include "base/encode.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024
#define LIMIT ((size_t)512 * 1024 * 1024) /* of all lists that are kept; the longest unused go first */

struct crl_held {
    atomic_uint references;
    struct crl_record record;
    void *memory;
    pthread_mutex_t mutex; /* of what follows */
    struct arena *pem_arena;
    struct view pem;
};

struct crl_cache {
    pthread_mutex_t mutex;
    uint64_t clock;
    size_t bytes;
    struct crl_slot {
        struct crl_kind kind;
        struct crl_held *held;
        int64_t epoch;
        uint64_t used;
        pthread_mutex_t making;
    } slots[SLOTS];
};

struct crl_held *crl_hold(const struct crl_record *crl, void *memory) {
    struct crl_held *held = must_alloc(sizeof *held);
    *held = (struct crl_held){.record = *crl, .memory = memory};
    if (memory == NULL) {
        held->memory = must_alloc(crl->der.len + 1);
        memcpy(held->memory, crl->der.at, crl->der.len);
        held->record.der = view_of(held->memory, crl->der.len);
    }
    atomic_init(&held->references, 1);
    pthread_mutex_init(&held->mutex, NULL);
    return held;
}

void crl_release(struct crl_held *held) {
    if (held == NULL || atomic_fetch_sub(&held->references, 1) != 1)
        return;
    pthread_mutex_destroy(&held->mutex);
    arena_free(held->pem_arena);
    free(held->memory);
    free(held);
}

const struct crl_record *crl_held_record(const struct crl_held *held) {
    return &held->record;
}

struct view crl_held_pem(struct crl_held *held) {
    pthread_mutex_lock(&held->mutex);
    if (held->pem_arena == NULL) {
        held->pem_arena = arena_new();
        held->pem = view_text(pem_encode(held->pem_arena, "X509 CRL", held->record.der));
    }
    struct view pem = held->pem;
    pthread_mutex_unlock(&held->mutex);
    return pem;
}

struct crl_cache *crl_cache_new(void) {
    struct crl_cache *cache = must_alloc(sizeof *cache);
    memset(cache, 0, sizeof *cache);
    pthread_mutex_init(&cache->mutex, NULL);
    for (size_t i = 0; i < SLOTS; i++)
        pthread_mutex_init(&cache->slots[i].making, NULL);
    return cache;
}

void crl_cache_free(struct crl_cache *cache) {
    for (size_t i = 0; i < SLOTS; i++) {
        crl_release(cache->slots[i].held);
        pthread_mutex_destroy(&cache->slots[i].making);
    }
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static struct crl_slot *slot_of(struct crl_cache *cache, const struct crl_kind *kind) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < sizeof kind->ca_id.bytes; i++)
        hash = (hash ^ kind->ca_id.bytes[i] ^ kind->key_id.bytes[i]) * 16777619u;
    return &cache->slots[(hash + (uint32_t)kind->scope * 2 + kind->delta) % SLOTS];
}

static bool same_kind(const struct crl_kind *a, const struct crl_kind *b) {
    return uuid_equal(a->ca_id, b->ca_id) && uuid_equal(a->key_id, b->key_id) && a->scope == b->scope && a->delta == b->delta;
}

struct crl_held *crl_cache_find(struct crl_cache *cache, const struct crl_kind *kind, int64_t *ret_epoch) {
    struct crl_held *found = NULL;
    pthread_mutex_lock(&cache->mutex);
    struct crl_slot *slot = slot_of(cache, kind);
    if (slot->held != NULL && same_kind(&slot->kind, kind)) {
        slot->used = ++cache->clock;
        *ret_epoch = slot->epoch;
        found = slot->held;
        atomic_fetch_add(&found->references, 1);
    }
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

static void empty(struct crl_cache *cache, struct crl_slot *slot) {
    if (slot->held == NULL)
        return;
    cache->bytes -= slot->held->record.der.len;
    crl_release(slot->held);
    slot->held = NULL;
}

static void make_room(struct crl_cache *cache, size_t bytes) {
    while (cache->bytes > 0 && cache->bytes + bytes > LIMIT) {
        struct crl_slot *oldest = NULL;
        for (size_t i = 0; i < SLOTS; i++)
            if (cache->slots[i].held != NULL && (oldest == NULL || cache->slots[i].used < oldest->used))
                oldest = &cache->slots[i];
        if (oldest == NULL)
            return;
        empty(cache, oldest);
    }
}

void crl_cache_put(struct crl_cache *cache, const struct crl_kind *kind, struct crl_held *held,
                   int64_t epoch) {
    pthread_mutex_lock(&cache->mutex);
    struct crl_slot *slot = slot_of(cache, kind);
    atomic_fetch_add(&held->references, 1); /* first: it may be the one in the slot */
    empty(cache, slot);
    make_room(cache, held->record.der.len);
    slot->kind = *kind;
    slot->held = held;
    slot->epoch = epoch;
    slot->used = ++cache->clock;
    cache->bytes += held->record.der.len;
    pthread_mutex_unlock(&cache->mutex);
}

void crl_cache_lock(struct crl_cache *cache, const struct crl_kind *kind) {
    pthread_mutex_lock(&slot_of(cache, kind)->making);
}

void crl_cache_unlock(struct crl_cache *cache, const struct crl_kind *kind) {
    pthread_mutex_unlock(&slot_of(cache, kind)->making);
}
