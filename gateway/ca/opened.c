#include "ca/opened.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define LIFE_US US_PER_SECOND /* of what another process may have changed */

struct opened {
    atomic_uint references;
    struct arena *arena;
    char *slug;
    struct request_context context; /* what a template gives; the request's own members are empty */
    uint64_t changes;               /* as db_rules_changed was before it was read */
    int64_t until_us;               /* by the monotonic clock */
};

struct opened_cache {
    pthread_mutex_t lock;
    struct opened *slots[SLOTS];
};

struct opened_cache *opened_cache_new(void) {
    struct opened_cache *cache = must_alloc(sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void release(void *object) {
    struct opened *opened = object;
    if (opened != NULL && atomic_fetch_sub(&opened->references, 1) == 1) {
        arena_free(opened->arena);
        free(opened);
    }
}

static void empty(struct opened_cache *cache) {
    for (size_t i = 0; i < SLOTS; i++) {
        release(cache->slots[i]);
        cache->slots[i] = NULL;
    }
}

void opened_cache_free(struct opened_cache *cache) {
    empty(cache);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

bool opened_was_old(struct core *core, const struct error *err) {
    if (err->kind != ERROR_CONFLICT || strcmp(err->type, "changed-meanwhile") != 0)
        return false;
    struct opened_cache *cache = core_opened_cache(core);
    pthread_mutex_lock(&cache->lock);
    empty(cache);
    pthread_mutex_unlock(&cache->lock);
    return true;
}

/* Two names in one slot take turns in it. */
static size_t slot_of(const char *slug) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *slug != '\0'; slug++)
        hash = (hash ^ (uint8_t)*slug) * 16777619u;
    return hash % SLOTS;
}

static struct opened *find(struct core *core, const char *slug) {
    struct opened_cache *cache = core_opened_cache(core);
    int64_t now = clock_monotonic_us();
    uint64_t changes = db_rules_changed(core_db(core));
    pthread_mutex_lock(&cache->lock);
    struct opened *opened = cache->slots[slot_of(slug)];
    if (opened != NULL && opened->changes == changes && now < opened->until_us &&
        strcmp(opened->slug, slug) == 0)
        atomic_fetch_add(&opened->references, 1);
    else
        opened = NULL;
    pthread_mutex_unlock(&cache->lock);
    return opened;
}

static void keep(struct core *core, struct opened *opened) {
    struct opened_cache *cache = core_opened_cache(core);
    atomic_fetch_add(&opened->references, 1);
    pthread_mutex_lock(&cache->lock);
    struct opened **slot = &cache->slots[slot_of(opened->slug)];
    struct opened *old = *slot;
    *slot = opened;
    pthread_mutex_unlock(&cache->lock);
    release(old);
}

static bool load(struct core *core, const char *slug, struct opened *opened, struct error *err) {
    struct request_context *c = &opened->context;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = template_by_slug(tx.tx, opened->arena, &scope_everything, slug, &c->template_record,
                                 err) &&
                ca_by_id(tx.tx, opened->arena, &scope_everything, c->template_record.ca_id, &c->ca,
                         err) &&
                flow_read_doors(tx.tx, opened->arena, c, err);
    return done && flow_open(core, opened->arena, c, err);
}

bool opened_target(struct core *core, struct arena *arena, const char *slug,
                   struct request_context *ret, struct error *err) {
    struct opened *opened = find(core, slug);
    if (opened == NULL) {
        opened = must_alloc(sizeof *opened);
        opened->references = 1;
        opened->arena = arena_new();
        opened->slug = arena_strdup(opened->arena, slug);
        opened->changes = db_rules_changed(core_db(core));
        opened->until_us = clock_monotonic_us() + LIFE_US;
        if (!load(core, slug, opened, err)) {
            ret->ca.id = opened->context.ca.id; /* whose refusal it is */
            ret->ca.organisation_id = opened->context.ca.organisation_id;
            release(opened);
            return false;
        }
        keep(core, opened);
    }
    arena_defer(arena, release, opened);
    *ret = opened->context;
    return true;
}
