#include "signer/key.h"

#include "base/log.h"
#include "signer/child.h"
#include "signer/find.h"
#include "signer/managed.h"
#include "signer/public_key.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct keys {
    struct vault *vault;
    pthread_mutex_t lock;
    size_t max, count;
    struct key *buckets[BUCKETS];
    struct key *newest, *oldest; /* by last use */
};

struct keys *keys_new(struct vault *vault, size_t max) {
    struct keys *keys = must_alloc(sizeof *keys);
    keys->vault = vault;
    keys->max = max;
    pthread_mutex_init(&keys->lock, NULL);
    return keys;
}

/* ---- list and table; the caller holds keys->lock ----------------------------------------------
 */

static void unlink_use(struct keys *keys, struct key *key) {
    *(key->newer == NULL ? &keys->newest : &key->newer->older) = key->older;
    *(key->older == NULL ? &keys->oldest : &key->older->newer) = key->newer;
    key->newer = key->older = NULL;
}

static void link_newest(struct keys *keys, struct key *key) {
    key->older = keys->newest;
    *(keys->newest == NULL ? &keys->oldest : &keys->newest->newer) = key;
    keys->newest = key;
}

static struct key **place_of(struct keys *keys, uint64_t handle) {
    struct key **place = &keys->buckets[handle % BUCKETS];
    while (*place != NULL && (*place)->handle != handle)
        place = &(*place)->next_in_bucket;
    return place;
}

static struct key *lookup(struct keys *keys, uint64_t handle) {
    struct key *key = *place_of(keys, handle);
    if (key == NULL)
        return NULL;
    key->references++;
    if (keys->newest != key) {
        unlink_use(keys, key);
        link_newest(keys, key);
    }
    return key;
}

static void remove_key(struct keys *keys, struct key *key) {
    struct key **place = place_of(keys, key->handle);
    if (*place != key)
        return; /* removed already */
    *place = key->next_in_bucket;
    unlink_use(keys, key);
    keys->count--;
    key->references--; /* the table's own */
}

/* The least recently used key that nobody is using; the caller frees it after unlocking. */
static struct key *evict(struct keys *keys) {
    if (keys->count <= keys->max)
        return NULL;
    for (struct key *key = keys->oldest; key != NULL; key = key->newer)
        if (key->references == 1) {
            remove_key(keys, key);
            return key;
        }
    return NULL;
}

/* ---- life of a key --------------------------------------------------------------------------- */

static void key_free(struct key *key) {
    if (key == NULL)
        return;
    if (key->blob.len > 0 && key->generation != 0)
        managed_forget(key->token, key->object, key->generation);
    pthread_mutex_destroy(&key->lock);
    EVP_PKEY_free(key->public_key);
    arena_free(key->arena);
    free(key);
}

void key_release(struct key *key) {
    if (key == NULL)
        return;
    struct keys *keys = key->vault->keys;
    pthread_mutex_lock(&keys->lock);
    bool last = --key->references == 0;
    pthread_mutex_unlock(&keys->lock);
    if (last)
        key_free(key);
}

static struct key *key_new(struct vault *vault, uint64_t handle) {
    struct key *key = must_alloc(sizeof *key);
    key->vault = vault;
    key->arena = arena_new();
    key->handle = handle;
    key->references = 1;
    pthread_mutex_init(&key->lock, NULL);
    return key;
}

/* Enters a ready key, or takes the one that another thread entered meanwhile. Returns it with a
 * reference. */
static struct key *enter(struct keys *keys, struct key *key) {
    pthread_mutex_lock(&keys->lock);
    struct key *other = lookup(keys, key->handle), *leaving = NULL;
    if (other == NULL) {
        *place_of(keys, key->handle) = key;
        link_newest(keys, key);
        keys->count++;
        key->references++;
        leaving = evict(keys);
    }
    pthread_mutex_unlock(&keys->lock);
    key_free(leaving);
    if (other == NULL)
        return key;
    key_free(key);
    return other;
}

static void drop(struct keys *keys, struct key *key) {
    pthread_mutex_lock(&keys->lock);
    remove_key(keys, key);
    pthread_mutex_unlock(&keys->lock);
    key_release(key);
}

static void add_part(EVP_MD_CTX *ctx, struct view part) {
    uint64_t len = part.len;
    EVP_DigestUpdate(ctx, &len, sizeof len);
    EVP_DigestUpdate(ctx, part.at, part.len);
}

/* The handle depends on the random instance: one from another process can never name a key here. */
static bool identify(const struct vault *vault, char kind, unsigned purpose, struct view a,
                     struct view b, uint64_t *ret_handle) {
    uint8_t id[32] = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t head[2] = {(uint8_t)kind, (uint8_t)purpose};
    bool done = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    if (done) {
        EVP_DigestUpdate(ctx, vault->instance, sizeof vault->instance);
        EVP_DigestUpdate(ctx, head, sizeof head);
        add_part(ctx, a);
        add_part(ctx, b);
        done = EVP_DigestFinal_ex(ctx, id, NULL) == 1;
    }
    EVP_MD_CTX_free(ctx);
    memcpy(ret_handle, id, sizeof *ret_handle); /* 56 bits of a keyed hash: no two keys meet */
    *ret_handle &= ((uint64_t)1 << CHILD_SHIFT) - 1;
    if (*ret_handle == 0)
        *ret_handle = 1;
    return done;
}

static struct key *lookup_locked(struct keys *keys, uint64_t handle) {
    pthread_mutex_lock(&keys->lock);
    struct key *key = lookup(keys, handle);
    pthread_mutex_unlock(&keys->lock);
    return key;
}

/* ---- entering -------------------------------------------------------------------------------- */

static bool make_managed(struct key *key, struct view blob, struct view spki, unsigned purpose,
                         struct error *err) {
    key->purpose = purpose;
    TRY(public_key_decode(spki, &key->public_key, err));
    TRY(key_type_of_public(key->public_key, &key->type, err));
    TRY(vault_managed(key->vault, &key->token, err));
    key->blob = arena_copy(key->arena, blob.at, blob.len);
    return true;
}

static bool make_found(struct key *key, struct view uri, struct error *err) {
    key->purpose = PURPOSE_SIGN | PURPOSE_DECRYPT; /* the token's own attributes decide */
    struct view copy = arena_copy(key->arena, uri.at, uri.len);
    TRY(pkcs11_uri_parse(key->arena, copy, &key->uri, err));
    TRY(vault_token(key->vault, &key->uri, &key->token, err));
    return find_public_key(key, err);
}

/* A key that cannot be used does not stay: the next try begins anew. */
static bool enter_and_prove(struct vault *vault, struct key *fresh, struct key **ret_key,
                            struct error *err) {
    CK_OBJECT_HANDLE object;
    uint64_t generation;
    struct key *key = enter(vault->keys, fresh);
    if (!key_object(key, &object, &generation, err)) {
        drop(vault->keys, key);
        return false;
    }
    *ret_key = key;
    return true;
}

bool keys_load(struct vault *vault, struct view blob, struct view spki, unsigned purpose,
               struct key **ret_key, struct error *err) {
    uint64_t handle;
    if (!identify(vault, 'm', purpose, blob, spki, &handle))
        return fail_internal(err, "hash of a key");
    struct key *key = lookup_locked(vault->keys, handle);
    if (key != NULL) {
        *ret_key = key;
        return true;
    }
    key = key_new(vault, handle);
    if (!make_managed(key, blob, spki, purpose, err)) {
        key_free(key);
        return false;
    }
    return enter_and_prove(vault, key, ret_key, err);
}

bool keys_find(struct vault *vault, struct view uri, struct key **ret_key, struct error *err) {
    uint64_t handle;
    if (!identify(vault, 't', 0, uri, view_of(NULL, 0), &handle))
        return fail_internal(err, "hash of a key");
    struct key *key = lookup_locked(vault->keys, handle);
    if (key != NULL && key->token->present) {
        *ret_key = key;
        return true;
    }
    if (key != NULL) /* its token went away; another may hold the same key now */
        drop(vault->keys, key);
    key = key_new(vault, handle);
    if (!make_found(key, uri, err)) {
        key_free(key);
        return false;
    }
    return enter_and_prove(vault, key, ret_key, err);
}

bool keys_get(struct vault *vault, uint64_t handle, struct key **ret_key, struct error *err) {
    struct key *key = lookup_locked(vault->keys, handle);
    if (key == NULL)
        return fail(err, ERROR_NOT_FOUND, "unknown-handle",
                    "The signer does not know this key handle.");
    *ret_key = key;
    return true;
}

bool key_object(struct key *key, CK_OBJECT_HANDLE *ret_object, uint64_t *ret_generation,
                struct error *err) {
    bool done = true;
    pthread_mutex_lock(&key->lock);
    if (key->generation == 0 || key->generation != key->token->generation)
        done = key->blob.len > 0 ? managed_unwrap_key(key, err) : find_private_key(key, err);
    if (done) {
        *ret_object = key->object;
        *ret_generation = key->generation;
    }
    pthread_mutex_unlock(&key->lock);
    return done;
}

void key_forget_object(struct key *key, CK_OBJECT_HANDLE object) {
    pthread_mutex_lock(&key->lock);
    if (key->object == object)
        key->generation = 0;
    pthread_mutex_unlock(&key->lock);
}
