#include "tsp/issuer.h"

#include "base/clock.h"
#include "base/log.h"
#include "tsp/tsp.h"

#include <stdlib.h>
#include <string.h>

#define PLACES 512
#define FRESH_US US_PER_SECOND
#define STALE_US (60 * US_PER_SECOND)

struct tsp_issuers {
    pthread_mutex_t mutex;
    struct tsp_place *places[PLACES];
    atomic_uint generation;
};

struct tsp_issuers *tsp_issuers_new(void) {
    struct tsp_issuers *issuers = must_alloc(sizeof *issuers);
    memset(issuers, 0, sizeof *issuers);
    pthread_mutex_init(&issuers->mutex, NULL);
    return issuers;
}

static void release(void *context) {
    struct tsp_issuer *issuer = context;
    if (issuer != NULL && atomic_fetch_sub(&issuer->references, 1) == 1) {
        struct arena *arena = issuer->arena;
        arena_free(arena); /* the issuer itself lives on it */
    }
}

void tsp_issuers_free(struct tsp_issuers *issuers) {
    for (size_t i = 0; i < PLACES; i++)
        while (issuers->places[i] != NULL) {
            struct tsp_place *place = issuers->places[i];
            issuers->places[i] = place->next;
            release(place->current);
            pthread_mutex_destroy(&place->mutex);
            pthread_mutex_destroy(&place->rates);
            free(place->ca_slug);
            free(place->name);
            free(place);
        }
    pthread_mutex_destroy(&issuers->mutex);
    free(issuers);
}

void tsp_issuers_forget(struct tsp_issuers *issuers) {
    atomic_fetch_add(&issuers->generation, 1);
}

static struct tsp_place **place_of(struct tsp_issuers *issuers, const char *ca_slug, const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = ca_slug; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return &issuers->places[hash % PLACES];
}

/* NULL when nobody has asked for it yet with success: a stranger's guesses take no memory. */
static struct tsp_place *find_place(struct tsp_issuers *issuers, const char *ca_slug, const char *name) {
    pthread_mutex_lock(&issuers->mutex);
    struct tsp_place *place = *place_of(issuers, ca_slug, name);
    while (place != NULL && (strcmp(place->ca_slug, ca_slug) != 0 || strcmp(place->name, name) != 0))
        place = place->next;
    pthread_mutex_unlock(&issuers->mutex);
    return place;
}

static struct tsp_place *make_place(struct tsp_issuers *issuers, const char *ca_slug, const char *name) {
    struct tsp_place *place = find_place(issuers, ca_slug, name);
    if (place != NULL)
        return place;
    place = must_alloc(sizeof *place);
    memset(place, 0, sizeof *place);
    pthread_mutex_init(&place->mutex, NULL);
    pthread_mutex_init(&place->rates, NULL);
    place->ca_slug = must_strdup(ca_slug);
    place->name = must_strdup(name);
    pthread_mutex_lock(&issuers->mutex);
    struct tsp_place **head = place_of(issuers, ca_slug, name);
    place->next = *head; /* made twice by two threads: the newer one is found */
    *head = place;
    pthread_mutex_unlock(&issuers->mutex);
    return place;
}

/* Fraction digits of genTime: what is cut off must be small beside the accuracy that is promised. */
static int digits_of(const struct tsp_profile *profile) {
    if (profile->ordering || (profile->has_accuracy && profile->accuracy_us < 10000))
        return 6;
    return profile->has_accuracy ? 3 : 0;
}

static bool compile(const struct tsp_source *source, const char *ca_slug, const char *name,
                    struct tsp_issuer **ret, struct error *err) {
    struct arena *arena = arena_new();
    struct tsp_issuer *issuer = arena_alloc(arena, sizeof *issuer);
    struct tsp_loaded loaded = {0};
    const struct json *document;
    if (!source->load(source->context, arena, ca_slug, name, &loaded, err) ||
        !json_parse(arena, view_text(loaded.document), &document, err) ||
        !tsp_profile_read(arena, document, &issuer->profile, err) ||
        !tsp_signer_make(arena, &loaded.identity, issuer->profile.signature_digest, issuer->profile.chain,
                         &issuer->signer, err)) {
        arena_free(arena);
        return false;
    }
    atomic_init(&issuer->references, 1);
    issuer->arena = arena;
    issuer->ca_slug = arena_strdup(arena, ca_slug);
    issuer->name = arena_strdup(arena, name);
    issuer->ca_id = loaded.ca_id;
    issuer->organisation_id = loaded.organisation_id;
    issuer->owner_id = loaded.owner_id;
    issuer->document = loaded.document;
    issuer->digits = digits_of(&issuer->profile);
    *ret = issuer;
    return true;
}

static struct tsp_issuer *take(struct tsp_place *place, struct arena *arena) {
    struct tsp_issuer *issuer = place->current;
    atomic_fetch_add(&issuer->references, 1);
    arena_defer(arena, release, issuer);
    return issuer;
}

/* Reads anew; who finds another thread at it goes on with what there is. */
static bool reload(struct tsp_issuers *issuers, const struct tsp_source *source, struct tsp_place *place,
                   struct arena *arena, const char *const names[2], struct tsp_issuer **ret,
                   struct error *err) {
    unsigned generation = atomic_load(&issuers->generation);
    int64_t now = clock_monotonic_us();
    struct tsp_issuer *fresh = NULL;
    bool ok = compile(source, names[0], names[1], &fresh, err);
    if (place == NULL && ok)
        place = make_place(issuers, names[0], names[1]);
    if (place == NULL)
        return false;
    pthread_mutex_lock(&place->mutex);
    place->loading = false;
    struct tsp_issuer *old = NULL;
    bool stale = !ok && err->kind == ERROR_UNAVAILABLE && place->current != NULL &&
                 now - place->loaded_us < STALE_US;
    if (ok || !stale) {
        old = place->current;
        place->current = fresh;
    }
    if (ok) {
        fresh->place = place;
        place->loaded_us = now;
        place->generation = generation;
    }
    if (place->current != NULL)
        *ret = take(place, arena);
    pthread_mutex_unlock(&place->mutex);
    release(old);
    return ok || stale;
}

bool tsp_issuer_get(struct tsp_issuers *issuers, const struct tsp_source *source, struct arena *arena,
                    const char *ca_slug, const char *name, struct tsp_issuer **ret, struct error *err) {
    struct tsp_place *place = find_place(issuers, ca_slug, name);
    if (place != NULL) {
        pthread_mutex_lock(&place->mutex);
        bool same = place->current != NULL && place->generation == atomic_load(&issuers->generation);
        bool usable = same && (place->loading || clock_monotonic_us() - place->loaded_us < FRESH_US);
        if (usable)
            *ret = take(place, arena);
        else
            place->loading = true;
        pthread_mutex_unlock(&place->mutex);
        if (usable)
            return true;
    }
    const char *const names[2] = {ca_slug, name};
    return reload(issuers, source, place, arena, names, ret, err);
}
