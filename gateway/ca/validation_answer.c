/* Answering from the lists of others: an index of each in memory, read again when the epoch moves. */
#include "ca/validation.h"

#include "base/clock.h"
#include "ca/status_cache.h"
#include "x509/crl.h"
#include "x509/handles.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64
#define MAX_AGE_US US_PER_SECOND

/* Entries of a document by the hash of their serial number: offset and hash, sorted by the hash. */
struct place {
    uint32_t hash, offset;
};
struct index {
    atomic_uint references;
    struct uuid id;
    int64_t this_update_us, next_update_us;
    struct arena *arena; /* of the document */
    struct view document;
    struct place *places;
    size_t count;
};

struct validation_cache {
    struct validation_slot {
        pthread_mutex_t mutex;
        struct arena *arena; /* of the record; NULL: empty */
        struct validator_record record;
        int64_t loaded_us;
        unsigned long long generation;
        struct index *complete, *delta, *issued;
    } slots[SLOTS];
};

struct validation_cache *validation_cache_new(void) {
    struct validation_cache *cache = must_alloc(sizeof *cache);
    memset(cache, 0, sizeof *cache);
    for (size_t i = 0; i < SLOTS; i++)
        pthread_mutex_init(&cache->slots[i].mutex, NULL);
    return cache;
}

static void index_release(struct index *index) {
    if (index == NULL || atomic_fetch_sub(&index->references, 1) != 1)
        return;
    arena_free(index->arena);
    free(index->places);
    free(index);
}

static struct index *index_use(struct index *index) {
    if (index != NULL)
        atomic_fetch_add(&index->references, 1);
    return index;
}

void validation_cache_free(struct validation_cache *cache) {
    for (size_t i = 0; i < SLOTS; i++) {
        struct validation_slot *slot = &cache->slots[i];
        arena_free(slot->arena);
        index_release(slot->complete);
        index_release(slot->delta);
        index_release(slot->issued);
        pthread_mutex_destroy(&slot->mutex);
    }
    free(cache);
}

/* --- the index ------------------------------------------------------------------------------------------- */

static struct view trimmed(struct view serial) {
    while (serial.len > 1 && serial.at[0] == 0)
        serial = view_of(serial.at + 1, serial.len - 1);
    return serial;
}

static uint32_t hash_serial(struct view serial) {
    uint32_t hash = 2166136261u; /* FNV-1a; equal hashes are compared by octets */
    serial = trimmed(serial);
    for (size_t i = 0; i < serial.len; i++)
        hash = (hash ^ serial.at[i]) * 16777619u;
    return hash;
}

static int by_hash(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void index_add(struct index *index, size_t *capacity, struct view serial, const uint8_t *at) {
    if (index->count == *capacity) {
        *capacity = *capacity * 2 + 64;
        index->places = realloc(index->places, *capacity * sizeof *index->places);
        if (index->places == NULL)
            abort();
    }
    index->places[index->count++] =
        (struct place){hash_serial(serial), (uint32_t)(at - index->document.at)};
}

static bool index_crl(struct index *index, struct error *err) {
    struct crl_facts facts;
    struct crl_entry entry;
    struct error bad = {0};
    size_t capacity = 0;
    TRY(crl_read(index->document, &facts, err));
    const uint8_t *at = facts.entries.at;
    while (crl_next(&facts.entries, &entry, &bad)) {
        index_add(index, &capacity, entry.serial, at);
        at = facts.entries.at;
    }
    return bad.kind == ERROR_NONE || (*err = bad, false);
}

static void index_issued(struct index *index) {
    size_t capacity = 0;
    const uint8_t *at = index->document.at, *end = index->document.len == 0 ? at : at + index->document.len;
    for (; at < end; at += 1 + *at)
        index_add(index, &capacity, view_of(at + 1, *at), at);
}

static bool load_index(struct core *core, const struct validator_list *list, struct index **ret,
                       struct error *err) {
    struct arena *arena = arena_new();
    struct view document;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = validator_list_document(tx.tx, arena, list, &document, err);
    if (!done) {
        arena_free(arena);
        return false;
    }
    struct index *index = must_alloc(sizeof *index);
    memset(index, 0, sizeof *index);
    atomic_init(&index->references, 1);
    index->id = list->id;
    index->this_update_us = list->this_update_us;
    index->next_update_us = list->next_update_us;
    index->arena = arena;
    index->document = document;
    bool ok = true;
    if (list->kind == VALIDATOR_ISSUED)
        index_issued(index);
    else
        ok = index_crl(index, err);
    if (!ok) {
        index_release(index);
        return false;
    }
    if (index->count > 0)
        qsort(index->places, index->count, sizeof *index->places, by_hash);
    *ret = index;
    return true;
}

/* The first of the places with that hash; count when there is none. */
static size_t first_place(const struct index *index, uint32_t hash) {
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->places[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool find_entry(const struct index *index, struct view serial, struct crl_entry *ret) {
    uint32_t hash = hash_serial(serial);
    serial = trimmed(serial);
    for (size_t i = first_place(index, hash); i < index->count && index->places[i].hash == hash; i++) {
        size_t offset = index->places[i].offset;
        struct view rest = view_of(index->document.at + offset, index->document.len - offset);
        struct error ignored = {0};
        if (crl_next(&rest, ret, &ignored) && view_equal(trimmed(ret->serial), serial))
            return true;
    }
    return false;
}

static bool was_issued(const struct index *index, struct view serial) {
    uint32_t hash = hash_serial(serial);
    serial = trimmed(serial);
    for (size_t i = first_place(index, hash); i < index->count && index->places[i].hash == hash; i++) {
        const uint8_t *at = index->document.at + index->places[i].offset;
        if (view_equal(view_of(at + 1, *at), serial))
            return true;
    }
    return false;
}

/* --- the present record and its indexes --------------------------------------------------------------------- */

static struct validation_slot *slot_of(struct validation_cache *cache, const char *slug) {
    uint32_t hash = hash_serial(view_text(slug));
    return &cache->slots[hash % SLOTS];
}

static bool refresh_index(struct core *core, struct index **at, const struct validator_list *list,
                          struct error *err) {
    struct index *fresh = NULL;
    if (*at != NULL && list->size > 0 && uuid_equal((*at)->id, list->id))
        return true;
    if (list->size > 0)
        TRY(load_index(core, list, &fresh, err));
    index_release(*at);
    *at = fresh;
    return true;
}

/* Under the slot's lock. A validator that shares its slot with another is read again each time. */
static bool refresh_slot(struct core *core, struct validation_slot *slot, const char *slug,
                         struct error *err) {
    unsigned long long generation = status_cache_generation(core);
    int64_t now = clock_monotonic_us();
    if (slot->arena != NULL && strcmp(slot->record.slug, slug) == 0 && slot->generation == generation &&
        now - slot->loaded_us < MAX_AGE_US)
        return true;
    struct arena *arena = arena_new();
    struct validator_record record;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = validator_by_slug(tx.tx, arena, NULL, slug, &record, err);
    if (!done) {
        arena_free(arena);
        return false;
    }
    arena_free(slot->arena);
    slot->arena = arena;
    slot->record = record;
    slot->loaded_us = now;
    slot->generation = generation;
    /* A list that was replaced between two reads: the next look finds the new one. */
    if (refresh_index(core, &slot->complete, &record.complete, err) &&
        refresh_index(core, &slot->delta, &record.delta, err) &&
        refresh_index(core, &slot->issued, &record.issued, err))
        return true;
    slot->loaded_us = now - MAX_AGE_US;
    return false;
}

/* What an answer is made of; each with a reference. */
struct view_of_slot {
    struct validator_record record; /* on the caller's arena */
    struct index *complete, *delta, *issued;
};

static void drop_index(void *index) {
    index_release(index);
}

static bool look(struct core *core, struct arena *arena, const char *slug, struct view_of_slot *ret,
                 struct error *err) {
    struct validation_slot *slot = slot_of(core_validation_cache(core), slug);
    pthread_mutex_lock(&slot->mutex);
    bool ok = refresh_slot(core, slot, slug, err);
    if (ok) {
        ret->record = slot->record;
        ret->record.slug = arena_strdup(arena, slot->record.slug);
        ret->record.name = arena_strdup(arena, slot->record.name);
        ret->record.settings = arena_strdup(arena, slot->record.settings);
        ret->record.certificate =
            arena_copy(arena, slot->record.certificate.at, slot->record.certificate.len);
        ret->record.responder = arena_copy(arena, slot->record.responder.at, slot->record.responder.len);
        ret->complete = index_use(slot->complete);
        ret->delta = index_use(slot->delta);
        ret->issued = index_use(slot->issued);
    }
    pthread_mutex_unlock(&slot->mutex);
    if (!ok)
        return false;
    arena_defer(arena, drop_index, ret->complete);
    arena_defer(arena, drop_index, ret->delta);
    arena_defer(arena, drop_index, ret->issued);
    return true;
}

bool validation_authority(struct core *core, struct arena *arena, const char *slug, struct ca_record *ret,
                          struct error *err) {
    struct view_of_slot view;
    TRY(look(core, arena, slug, &view, err));
    *ret = (struct ca_record){.id = view.record.id,
                              .organisation_id = view.record.organisation_id,
                              .slug = view.record.slug,
                              .name = view.record.name,
                              .state = CA_ACTIVE,
                              .key_type = "",
                              .certificate = view.record.certificate,
                              .subject = "",
                              .settings = view.record.settings,
                              .epoch = view.record.epoch,
                              .revision = view.record.revision,
                              .created_us = view.record.created_us};
    return true;
}

static void revoked(const struct crl_entry *entry, struct status_answer *answer) {
    answer->status = STATUS_REVOKED;
    answer->reason = entry->reason;
    answer->revoked_us = entry->revoked_us;
    answer->invalidity_us = entry->invalidity_us;
}

bool validation_status(struct core *core, struct arena *arena, const struct ca_record *ca,
                       struct view serial, struct status_answer *ret, struct error *err) {
    struct view_of_slot view;
    struct crl_entry entry;
    int64_t now = clock_now_us();
    TRY(look(core, arena, ca->slug, &view, err));
    if (view.complete == NULL || view.complete->next_update_us <= now)
        return fail(err, ERROR_UNAVAILABLE, "list-stale",
                    "The validator %s has no list of its authority that still holds.", ca->slug);
    struct status_answer answer = {.status = STATUS_GOOD,
                                   .known_us = view.complete->this_update_us,
                                   .until_us = view.complete->next_update_us};
    const struct index *delta = view.delta;
    if (delta != NULL && delta->next_update_us > now) {
        answer.known_us = delta->this_update_us;
        if (delta->next_update_us < answer.until_us)
            answer.until_us = delta->next_update_us;
    } else {
        delta = NULL;
    }
    if (delta != NULL && find_entry(delta, serial, &entry)) {
        if (entry.reason != REASON_REMOVE_FROM_CRL)
            revoked(&entry, &answer);
    } else if (find_entry(view.complete, serial, &entry)) {
        revoked(&entry, &answer);
    } else if (view.issued != NULL && !was_issued(view.issued, serial)) {
        answer.status = STATUS_UNKNOWN;
    }
    *ret = answer;
    return true;
}

bool validation_identity(struct core *core, struct arena *arena, const struct ca_record *ca,
                         struct service_identity *ret, struct error *err) {
    struct view_of_slot view;
    struct certificate_facts facts;
    X509 *certificate;
    EVP_PKEY *key;
    TRY(look(core, arena, ca->slug, &view, err));
    if (view.record.responder.len == 0)
        return fail(err, ERROR_UNAVAILABLE, "validator-waiting",
                    "The validator %s waits for its responder's certificate: have the authority sign its CSR and "
                    "import the certificate.", ca->slug);
    TRY(certificate_decode(arena, view.record.responder, &certificate, err));
    keep_X509(arena, certificate);
    TRY(certificate_read(arena, certificate, &facts, err));
    TRY(core_key(core, view.record.key_id, &key, err));
    keep_EVP_PKEY(arena, key);
    *ret = (struct service_identity){certificate, key, key_type_digest(facts.key_type), facts.not_after_us};
    return true;
}

bool validation_crl(struct core *core, struct arena *arena, const char *slug, struct crl_document *ret,
                    struct error *err) {
    struct view_of_slot view;
    TRY(look(core, arena, slug, &view, err));
    if (view.complete == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The validator %s has no list yet.", slug);
    *ret = (struct crl_document){.der = view.complete->document,
                                 .base_number = CRL_COMPLETE,
                                 .this_update_us = view.complete->this_update_us,
                                 .next_update_us = view.complete->next_update_us};
    /* The number of others may be longer than ours; their date names the list as well. */
    ret->number = ret->this_update_us / US_PER_SECOND;
    return true;
}
