#include "ca/status.h"

#include "base/clock.h"
#include "ca/crl_cache.h"
#include "ca/reading.h"
#include "ca/status_cache.h"
#include "store/transparency.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define MAX_AGE_US US_PER_SECOND

/* Copies of authorities, at most a second old. A slot holds one CA; two that share a slot take turns. */
struct status_cache {
    atomic_ullong generation; /* grows when this node changes something: older copies are not used */
    struct status_slot {
        pthread_mutex_t mutex;
        struct arena *arena; /* of the copy below; NULL: empty */
        struct ca_record ca;
        int64_t loaded_us; /* monotonic */
        unsigned long long generation;
    } slots[SLOTS];
    struct crl_cache *crls;
    struct issuer_table *issuers;
    struct validation_cache *validators;
};

struct status_cache *status_cache_new(void) {
    struct status_cache *cache = must_alloc(sizeof *cache);
    for (size_t i = 0; i < SLOTS; i++)
        pthread_mutex_init(&cache->slots[i].mutex, NULL);
    cache->crls = crl_cache_new();
    cache->issuers = issuer_table_new();
    cache->validators = validation_cache_new();
    return cache;
}

void status_cache_free(struct status_cache *cache) {
    for (size_t i = 0; i < SLOTS; i++) {
        arena_free(cache->slots[i].arena);
        pthread_mutex_destroy(&cache->slots[i].mutex);
    }
    crl_cache_free(cache->crls);
    issuer_table_free(cache->issuers);
    validation_cache_free(cache->validators);
    free(cache);
}

unsigned long long status_cache_generation(struct core *core) {
    return atomic_load(&core_status_cache(core)->generation);
}

struct validation_cache *core_validation_cache(struct core *core) {
    return core_status_cache(core)->validators;
}

struct issuer_table *core_issuer_table(struct core *core) {
    return core_status_cache(core)->issuers;
}

struct crl_cache *core_crl_cache(struct core *core) {
    return core_status_cache(core)->crls;
}

void status_cache_forget(struct core *core) {
    atomic_fetch_add(&core_status_cache(core)->generation, 1);
}

static struct status_slot *slot_for(struct status_cache *cache, const char *slug) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *slug != '\0'; slug++)
        hash = (hash ^ (uint8_t)*slug) * 16777619u;
    return &cache->slots[hash % SLOTS];
}

/* A copy whose texts and bytes live on the given arena. */
static struct ca_record copy_ca(struct arena *arena, const struct ca_record *ca) {
    struct ca_record copy = *ca;
    copy.slug = arena_strdup(arena, ca->slug);
    copy.name = arena_strdup(arena, ca->name);
    copy.key_type = arena_strdup(arena, ca->key_type);
    copy.subject = arena_strdup(arena, ca->subject);
    copy.settings = arena_strdup(arena, ca->settings);
    copy.certificate = arena_copy(arena, ca->certificate.at, ca->certificate.len);
    copy.chain = arena_copy(arena, ca->chain.at, ca->chain.len);
    copy.csr = (struct view){NULL, 0};
    return copy;
}

static bool cached_ca(struct status_slot *slot, struct arena *arena, const char *slug,
                      unsigned long long generation, struct ca_record *ret) {
    pthread_mutex_lock(&slot->mutex);
    bool hit = slot->arena != NULL && strcmp(slot->ca.slug, slug) == 0 &&
               slot->generation == generation &&
               clock_monotonic_us() - slot->loaded_us < MAX_AGE_US;
    if (hit)
        *ret = copy_ca(arena, &slot->ca);
    pthread_mutex_unlock(&slot->mutex);
    return hit;
}

bool status_authority(struct core *core, struct arena *arena, const char *ca_slug,
                      struct ca_record *ret, struct error *err) {
    struct status_cache *cache = core_status_cache(core);
    struct status_slot *slot = slot_for(cache, ca_slug);
    unsigned long long generation = atomic_load(&cache->generation); /* before the read */
    if (cached_ca(slot, arena, ca_slug, generation, ret))
        return true;
    int64_t loaded = clock_monotonic_us();
    TRY(authority_public(core, arena, ca_slug, ret, err));
    struct arena *own = arena_new();
    struct ca_record copy = copy_ca(own, ret);
    pthread_mutex_lock(&slot->mutex);
    struct arena *old = slot->arena;
    slot->arena = own;
    slot->ca = copy;
    slot->loaded_us = loaded;
    slot->generation = generation;
    pthread_mutex_unlock(&slot->mutex);
    arena_free(old);
    return true;
}

bool status_certificate(struct core *core, struct arena *arena, const struct ca_record *ca,
                        struct view serial, struct status_answer *ret, struct error *err) {
    struct certificate_record certificate = {0};
    struct status_answer answer = {.status = STATUS_UNKNOWN};
    bool done = false, found = false;
    if (core_reads_only(core)) /* before the status is read: it is at least as new */
        TRY(reading_recent(core, &answer.known_us, err));
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = certificate_by_serial(tx.tx, arena, ca->id, serial, &certificate, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
        if (found && !certificate.revoked)
            tx.ok = certificate_scts(tx.tx, arena, certificate.id, &answer.scts, err);
    }
    TRY(done);
    if (found)
        answer.status = certificate.revoked ? STATUS_REVOKED : STATUS_GOOD;
    answer.reason = certificate.reason;
    answer.revoked_us = certificate.revoked_us;
    answer.invalidity_us = certificate.invalidity_us;
    *ret = answer;
    return true;
}
