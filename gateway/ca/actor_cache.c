#include "ca/actor_cache.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64
#define LIFE_US US_PER_SECOND
#define MAX_GRANTS 16 /* who has more is looked up each time */

struct slot {
    const struct core *core; /* NULL: empty */
    uint8_t hash[32];
    struct actor actor; /* its texts and grants are the slot's */
    char name[MAX_USERNAME * 4 + 1];
    struct grant grants[MAX_GRANTS];
    int64_t until_us; /* by the monotonic clock */
};

static struct {
    pthread_mutex_t mutex;
    unsigned moment; /* grows with each forgetting */
    struct slot slots[SLOTS];
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

unsigned actor_cache_moment(void) {
    pthread_mutex_lock(&cache.mutex);
    unsigned moment = cache.moment;
    pthread_mutex_unlock(&cache.mutex);
    return moment;
}

static void copy_actor(struct arena *arena, const struct slot *slot, struct actor *ret) {
    struct grant *grants = arena_array(arena, slot->actor.grant_count + 1, sizeof *grants);
    memcpy(grants, slot->grants, slot->actor.grant_count * sizeof *grants);
    *ret = slot->actor;
    ret->name = arena_strdup(arena, slot->name);
    ret->grants = grants;
}

bool actor_cache_get(const struct core *core, struct arena *arena, const uint8_t hash[static 32],
                     struct actor *ret) {
    struct slot *slot = &cache.slots[hash[0] % SLOTS];
    pthread_mutex_lock(&cache.mutex);
    bool found = slot->core == core && slot->until_us > clock_monotonic_us() &&
                 CRYPTO_memcmp(slot->hash, hash, sizeof slot->hash) == 0;
    if (found)
        copy_actor(arena, slot, ret);
    pthread_mutex_unlock(&cache.mutex);
    return found;
}

void actor_cache_put(const struct core *core, const uint8_t hash[static 32], const struct actor *actor,
                     unsigned moment) {
    struct slot *slot = &cache.slots[hash[0] % SLOTS];
    if (actor->grant_count > MAX_GRANTS || strlen(actor->name) >= sizeof slot->name)
        return;
    pthread_mutex_lock(&cache.mutex);
    if (cache.moment == moment) {
        slot->core = core;
        memcpy(slot->hash, hash, sizeof slot->hash);
        slot->actor = *actor;
        slot->actor.address = slot->actor.request_id = "";
        memcpy(slot->name, actor->name, strlen(actor->name) + 1);
        memcpy(slot->grants, actor->grants, actor->grant_count * sizeof *slot->grants);
        slot->until_us = clock_monotonic_us() + LIFE_US;
    }
    pthread_mutex_unlock(&cache.mutex);
}

void actor_cache_forget(void) {
    pthread_mutex_lock(&cache.mutex);
    cache.moment++;
    for (size_t i = 0; i < SLOTS; i++)
        cache.slots[i].core = NULL;
    pthread_mutex_unlock(&cache.mutex);
}
