#include "ca/status.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/status_cache.h"
#include "x509/crl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define MAX_AGE_US US_PER_SECOND
#define CRLS_KEPT 10

/* Copies of authorities, at most a second old, and the newest CRL of each. A slot holds one CA; two that
 * share a slot take turns. */
struct status_cache {
    atomic_ullong generation; /* grows when this node changes something: older copies are not used */
    struct status_slot {
        pthread_mutex_t mutex;
        struct arena *arena; /* of the copy below; NULL: empty */
        struct ca_record ca;
        int64_t loaded_us; /* monotonic */
        unsigned long long generation;
        pthread_mutex_t making; /* one maker of a CRL at a time */
        struct arena *crl_arena;
        struct uuid crl_ca;
        struct crl_record crl;
    } slots[SLOTS];
};

struct status_cache *status_cache_new(void) {
    struct status_cache *cache = must_alloc(sizeof *cache);
    for (size_t i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&cache->slots[i].mutex, NULL);
        pthread_mutex_init(&cache->slots[i].making, NULL);
    }
    return cache;
}

void status_cache_free(struct status_cache *cache) {
    for (size_t i = 0; i < SLOTS; i++) {
        arena_free(cache->slots[i].arena);
        arena_free(cache->slots[i].crl_arena);
        pthread_mutex_destroy(&cache->slots[i].mutex);
        pthread_mutex_destroy(&cache->slots[i].making);
    }
    free(cache);
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
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = certificate_by_serial(tx.tx, arena, ca->id, serial, &certificate, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    TRY(done);
    if (found)
        answer.status = certificate.revoked ? STATUS_REVOKED : STATUS_GOOD;
    answer.reason = certificate.reason;
    answer.revoked_us = certificate.revoked_us;
    *ret = answer;
    return true;
}

/* --- CRL ------------------------------------------------------------------------------------------- */

static void answer_crl(struct arena *arena, const struct crl_record *crl, struct crl_document *ret) {
    *ret = (struct crl_document){.der = arena_copy(arena, crl->der.at, crl->der.len),
                                 .number = crl->number,
                                 .this_update_us = crl->this_update_us,
                                 .next_update_us = crl->next_update_us};
}

/* Current: the epoch has not moved and the overlap has not begun. */
static bool current(const struct crl_record *crl, const struct ca_record *ca,
                    const struct ca_settings *settings) {
    return crl->epoch == ca->epoch &&
           clock_now_us() < crl->next_update_us - settings->crl_overlap_hours * 3600 * US_PER_SECOND;
}

static bool cached_crl(struct status_slot *slot, struct arena *arena, const struct ca_record *ca,
                       const struct ca_settings *settings, struct crl_document *ret) {
    pthread_mutex_lock(&slot->mutex);
    bool hit = slot->crl_arena != NULL && uuid_equal(slot->crl_ca, ca->id) &&
               current(&slot->crl, ca, settings);
    if (hit)
        answer_crl(arena, &slot->crl, ret);
    pthread_mutex_unlock(&slot->mutex);
    return hit;
}

static void remember_crl(struct status_slot *slot, const struct ca_record *ca,
                         const struct crl_record *crl) {
    struct arena *own = arena_new();
    struct crl_record copy = *crl;
    copy.der = arena_copy(own, crl->der.at, crl->der.len);
    pthread_mutex_lock(&slot->mutex);
    struct arena *old = slot->crl_arena;
    slot->crl_arena = own;
    slot->crl_ca = ca->id;
    slot->crl = copy;
    pthread_mutex_unlock(&slot->mutex);
    arena_free(old);
}

/* What the CRL is made of, read at one epoch. */
struct crl_material {
    int64_t epoch, previous_number;
    struct revoked_row *rows;
    size_t count;
};

static bool find_newest(struct tx *tx, struct arena *arena, struct uuid ca_id, bool want_der,
                        struct crl_record *ret, bool *ret_found, struct error *err) {
    struct error missing = {0};
    *ret_found = crl_newest(tx, arena, ca_id, want_der, ret, &missing);
    if (*ret_found || missing.kind == ERROR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = missing;
    return false;
}

static bool gather(struct core *core, struct arena *arena, const struct ca_record *ca,
                   struct crl_material *ret, struct error *err) {
    struct crl_record newest = {0};
    bool done = false, found = false;
    *ret = (struct crl_material){0};
    TX(tx, core_db(core), &done, err)
        /* The epoch first: a revocation that comes in between is in the list and makes the CRL older than
         * it need be, never newer. */
        tx.ok = ca_epoch(tx.tx, ca->id, &ret->epoch, err) &&
                find_newest(tx.tx, arena, ca->id, false, &newest, &found, err) &&
                revocation_list(tx.tx, arena, ca->id, clock_now_us(), &ret->rows, &ret->count, err);
    ret->previous_number = found ? newest.number : 0;
    return done;
}

static bool build(struct core *core, struct arena *arena, const struct ca_record *ca,
                  const struct ca_settings *settings, const struct crl_material *material,
                  struct crl_record *ret, struct error *err) {
    AUTO(X509) *issuer = NULL;
    AUTO(EVP_PKEY) *key = NULL;
    int64_t now = clock_now_us() / US_PER_SECOND * US_PER_SECOND;
    int64_t by_time = clock_now_us() / 1000;
    struct crl_entry *entries = arena_array(arena, material->count + 1, sizeof *entries);
    for (size_t i = 0; i < material->count; i++)
        entries[i] = (struct crl_entry){material->rows[i].serial, material->rows[i].revoked_us,
                                        material->rows[i].reason, material->rows[i].invalidity_us};
    struct crl_plan plan = {.entries = entries, .entry_count = material->count};
    TRY(certificate_decode(arena, ca->certificate, &issuer, err));
    TRY(core_key(core, ca->key_id, &key, err));
    plan.issuer = issuer;
    plan.number = by_time > material->previous_number ? by_time : material->previous_number + 1;
    plan.this_update_us = now;
    plan.next_update_us = now + settings->crl_hours * 3600 * US_PER_SECOND;
    *ret = (struct crl_record){.id = uuid_new(),
                               .ca_id = ca->id,
                               .number = plan.number,
                               .this_update_us = plan.this_update_us,
                               .next_update_us = plan.next_update_us,
                               .epoch = material->epoch};
    if (crl_build(arena, &plan, key, authority_digest(ca, settings), &ret->der, err))
        return true;
    signer_take_error(err);
    return false;
}

static bool store_crl(struct core *core, struct arena *arena, const struct ca_record *ca,
                      const struct crl_record *crl, struct error *err) {
    struct event_note note = {.code = "crl.published",
                              .organisation_id = ca->organisation_id,
                              .ca_id = ca->id,
                              .object_kind = "crl",
                              .object = arena_printf(arena, "%lld", (long long)crl->number)};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = crl_insert(tx.tx, crl, err) && crl_prune(tx.tx, ca->id, CRLS_KEPT, err) &&
                access_note(tx.tx, &actor_system, &note, err);
    return done;
}

static bool load_stored(struct core *core, struct arena *arena, const struct ca_record *ca,
                        struct crl_record *ret, bool *ret_found, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = find_newest(tx.tx, arena, ca->id, true, ret, ret_found, err);
    return done;
}

/* The stored CRL if it is current, else a new one. When the token is away, the last one goes on to its
 * end. */
static bool make_current(struct core *core, struct arena *arena, const struct ca_record *ca,
                         const struct ca_settings *settings, struct crl_record *ret,
                         struct error *err) {
    struct crl_record stored = {0};
    struct crl_material material;
    bool found = false;
    TRY(load_stored(core, arena, ca, &stored, &found, err));
    *ret = stored;
    if (found && current(&stored, ca, settings))
        return true;
    for (int tries = 0; tries < 3; tries++) {
        TRY(gather(core, arena, ca, &material, err));
        if (!build(core, arena, ca, settings, &material, ret, err)) {
            *ret = stored;
            if (!found || stored.next_update_us <= clock_now_us())
                return false;
            log_failure(LOG_WARN, "ca", "CRL cannot be remade, the last one goes on", err);
            return true;
        }
        if (store_crl(core, arena, ca, ret, err))
            return true;
        if (strcmp(err->type, "crl-number") != 0)
            return false;
    }
    return false;
}

bool status_crl(struct core *core, struct arena *arena, const char *ca_slug, struct crl_document *ret,
                struct error *err) {
    struct status_slot *slot = slot_for(core_status_cache(core), ca_slug);
    struct ca_record ca;
    struct ca_settings settings;
    struct crl_record crl;
    TRY(status_authority(core, arena, ca_slug, &ca, err));
    TRY(authority_settings(arena, &ca, &settings, err));
    if (cached_crl(slot, arena, &ca, &settings, ret))
        return true;
    pthread_mutex_lock(&slot->making);
    bool ok = cached_crl(slot, arena, &ca, &settings, ret);
    if (!ok && make_current(core, arena, &ca, &settings, &crl, err)) {
        remember_crl(slot, &ca, &crl);
        answer_crl(arena, &crl, ret);
        ok = true;
    }
    pthread_mutex_unlock(&slot->making);
    return ok;
}
