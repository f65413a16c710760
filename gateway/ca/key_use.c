#include "ca/key_use.h"

#include "base/clock.h"
#include "ca/kek.h"
#include "x509/handles.h"
#include "x509/key_type.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SLOTS 512
#define FRESH_US (15 * US_PER_SECOND) /* another node may have moved the key to another token */

struct key_cache {
    pthread_mutex_t mutex;
    struct {
        struct uuid id;
        EVP_PKEY *key;
        int64_t read_us;
    } slots[CACHE_SLOTS];
};

struct key_cache *key_cache_new(void) {
    struct key_cache *cache = must_alloc(sizeof *cache);
    pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

void key_cache_free(struct key_cache *cache) {
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        EVP_PKEY_free(cache->slots[i].key);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

/* The tail of a UUIDv7 is random: it is its own hash. A newer key of the same slot replaces the older. */
static size_t slot_of(struct uuid id) {
    return ((size_t)id.bytes[14] << 8 | id.bytes[15]) % CACHE_SLOTS;
}

EVP_PKEY *key_cache_get(struct key_cache *cache, struct uuid id) {
    EVP_PKEY *key = NULL;
    size_t slot = slot_of(id);
    pthread_mutex_lock(&cache->mutex);
    if (cache->slots[slot].key != NULL && uuid_equal(cache->slots[slot].id, id) &&
        clock_now_us() - cache->slots[slot].read_us < FRESH_US) {
        key = cache->slots[slot].key;
        EVP_PKEY_up_ref(key);
    }
    pthread_mutex_unlock(&cache->mutex);
    return key;
}

void key_cache_clear(struct key_cache *cache) {
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        pthread_mutex_lock(&cache->mutex);
        EVP_PKEY *old = cache->slots[i].key;
        cache->slots[i].key = NULL;
        pthread_mutex_unlock(&cache->mutex);
        EVP_PKEY_free(old);
    }
}

void key_cache_put(struct key_cache *cache, struct uuid id, EVP_PKEY *key) {
    size_t slot = slot_of(id);
    EVP_PKEY_up_ref(key);
    pthread_mutex_lock(&cache->mutex);
    EVP_PKEY *old = cache->slots[slot].key;
    cache->slots[slot].id = id;
    cache->slots[slot].read_us = clock_now_us();
    cache->slots[slot].key = key;
    pthread_mutex_unlock(&cache->mutex);
    EVP_PKEY_free(old);
}

void key_cache_forget(struct key_cache *cache, struct uuid id) {
    size_t slot = slot_of(id);
    pthread_mutex_lock(&cache->mutex);
    if (uuid_equal(cache->slots[slot].id, id))
        cache->slots[slot].read_us = 0;
    pthread_mutex_unlock(&cache->mutex);
}

static bool make_managed(struct core *core, struct arena *arena, const char *key_type,
                         struct key_record *record, EVP_PKEY **ret_key, struct error *err) {
    record->key_type = key_type;
    TRY(signer_generate(core_signer(core), arena, key_type, (enum key_purpose)record->purpose,
                        &record->blob, &record->spki, err));
    TRY(kek_settle(core, arena, record->spki, &record->blob, err));
    return signer_managed_key(core_signer(core), record->blob, record->spki,
                              (enum key_purpose)record->purpose, ret_key, err);
}

static bool take_from_token(struct core *core, struct arena *arena, const char *key_type,
                            const char *uri, struct key_record *record, EVP_PKEY **ret_key,
                            struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    char found[KEY_TYPE_SIZE];
    TRY(signer_token_key(core_signer(core), arena, uri, &key, &record->spki, err));
    TRY(key_check(key, "key in the token", err));
    if (!key_type_of(key, found))
        return fail(err, ERROR_POLICY, "weak-key", "The key in the token is of an unknown type.");
    if (key_type != NULL && strcmp(key_type, found) != 0)
        return fail(err, ERROR_POLICY, "key-type",
                    "The key in the token is %s, not %s; leave the type out or correct it.", found,
                    key_type);
    record->key_type = arena_strdup(arena, found);
    record->uri = arena_strdup(arena, uri);
    *ret_key = TAKE(key);
    return true;
}

bool key_make(struct core *core, struct arena *arena, const char *key_type, const char *uri,
              enum key_purpose purpose, struct uuid organisation_id, struct key_record *ret_record,
              EVP_PKEY **ret_key, struct error *err) {
    struct key_record record = {
        .id = uuid_new(),
        .organisation_id = organisation_id,
        .purpose = (int)purpose,
        .uri = "",
        .created_us = clock_now_us(),
    };
    if (uri != NULL)
        TRY(take_from_token(core, arena, key_type, uri, &record, ret_key, err));
    else
        TRY(make_managed(core, arena, key_type, &record, ret_key, err));
    *ret_record = record;
    return true;
}

static bool name_type(struct arena *arena, struct key_record *record, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    char type[KEY_TYPE_SIZE];
    TRY(key_from_spki(record->spki, &key, err));
    TRY(key_check(key, "key", err));
    if (!key_type_of(key, type))
        return fail(err, ERROR_POLICY, "weak-key", "The key is of an unknown type.");
    record->key_type = arena_strdup(arena, type);
    return true;
}

bool key_import(struct core *core, struct arena *arena, struct view pkcs8, enum key_purpose purpose,
                struct uuid organisation_id, struct key_record *ret_record, EVP_PKEY **ret_key,
                struct error *err) {
    struct key_record record = {.id = uuid_new(),
                                .organisation_id = organisation_id,
                                .purpose = (int)purpose,
                                .uri = "",
                                .created_us = clock_now_us()};
    TRY(signer_import(core_signer(core), arena, pkcs8, purpose, &record.blob, &record.spki, err));
    TRY(kek_settle(core, arena, record.spki, &record.blob, err));
    TRY(name_type(arena, &record, err));
    TRY(signer_managed_key(core_signer(core), record.blob, record.spki, purpose, ret_key, err));
    *ret_record = record;
    return true;
}

bool key_public(struct arena *arena, EVP_PKEY *key, struct uuid organisation_id,
                struct key_record *ret_record, struct error *err) {
    struct key_record record = {.id = uuid_new(),
                                .organisation_id = organisation_id,
                                .uri = "",
                                .created_us = clock_now_us()};
    TRY(key_spki(arena, key, &record.spki, err));
    TRY(name_type(arena, &record, err));
    *ret_record = record;
    return true;
}

/* A key that was found by URI must still be the one we know: anybody with the PIN can put another one into
 * the token under the same label. */
static bool open_from_token(struct core *core, const struct key_record *record, EVP_PKEY **ret_key,
                            struct error *err) {
    struct error cause = {0};
    if (signer_known_token_key(core_signer(core), record->uri, record->spki, ret_key, &cause))
        return true;
    if (strcmp(cause.type, "key-mismatch") == 0)
        return fail(err, ERROR_UNAVAILABLE, "key-changed",
                    "The token holds another key at %.200s than the one this authority was made with.",
                    record->uri);
    if (cause.kind == ERROR_NOT_FOUND) /* it was there: the token, or its log-in, is away */
        cause.kind = ERROR_UNAVAILABLE;
    if (err != NULL)
        *err = cause;
    return false;
}

bool key_open(struct core *core, __attribute__((unused)) struct arena *arena, const struct key_record *record,
              EVP_PKEY **ret_key, struct error *err) {
    if (record->uri[0] == '\0' && record->blob.len == 0)
        return fail(err, ERROR_CONFLICT, "no-key",
                    "The private key is not here: the authority is certificate only.");
    if (record->uri[0] != '\0')
        return open_from_token(core, record, ret_key, err);
    return signer_managed_key(core_signer(core), record->blob, record->spki,
                              (enum key_purpose)record->purpose, ret_key, err);
}
