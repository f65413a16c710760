/* Which authority a CertID means. Names and keys are hashed once a CA; the table is read again when somebody asks for
 * what is not in it, at most every other second. */
#include "base/clock.h"
#include "ca/status.h"
#include "ca/validation.h"
#include "ca/status_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RELOAD_US (2 * US_PER_SECOND)
#define DIGESTS 4

static const int digests[DIGESTS] = {NID_sha1, NID_sha256, NID_sha384, NID_sha512};

struct issuer {
    char slug[MAX_SLUG + 1];
    uint8_t name[DIGESTS][64], key[DIGESTS][64];
};
struct issuer_table {
    pthread_mutex_t mutex;
    struct issuer *items;
    size_t count, capacity;
    int64_t loaded_us; /* monotonic; 0: never */
};

struct issuer_table *issuer_table_new(void) {
    struct issuer_table *table = must_alloc(sizeof *table);
    *table = (struct issuer_table){.count = 0};
    pthread_mutex_init(&table->mutex, NULL);
    return table;
}

void issuer_table_free(struct issuer_table *table) {
    pthread_mutex_destroy(&table->mutex);
    free(table->items);
    free(table);
}

static struct issuer *place(struct issuer_table *table) {
    if (table->count == table->capacity) {
        size_t capacity = table->capacity * 2 + 64;
        struct issuer *items = must_alloc(capacity * sizeof *items);
        if (table->count > 0)
            memcpy(items, table->items, table->count * sizeof *items);
        free(table->items);
        table->items = items;
        table->capacity = capacity;
    }
    return &table->items[table->count];
}

static bool add(struct issuer_table *table, struct arena *arena, const char *slug, struct view certificate) {
    AUTO(X509) *x509 = NULL;
    struct error ignored = {0};
    if (!certificate_decode(arena, certificate, &x509, &ignored))
        return false;
    struct issuer *item = place(table);
    memset(item, 0, sizeof *item);
    memcpy(item->slug, slug, strnlen(slug, MAX_SLUG));
    for (size_t i = 0; i < DIGESTS; i++) {
        const EVP_MD *digest = EVP_get_digestbynid(digests[i]);
        if (X509_NAME_digest(X509_get_subject_name(x509), digest, item->name[i], NULL) != 1 ||
            X509_pubkey_digest(x509, digest, item->key[i], NULL) != 1)
            return false;
    }
    table->count++;
    return true;
}

static bool reload(struct core *core, struct issuer_table *table, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct page page = {.limit = 500};
    table->count = 0;
    do {
        struct ca_record *cas;
        size_t count;
        TRY(authority_page(core, arena, &actor_system, &page, &cas, &count, &page.cursor, err));
        for (size_t i = 0; i < count; i++)
            if (cas[i].certificate.len > 0)
                (void)add(table, arena, cas[i].slug, cas[i].certificate);
    } while (page.cursor != NULL && page.cursor[0] != '\0');
    struct validator_record *validators;
    size_t count;
    TRY(validation_all(core, arena, &actor_system, &validators, &count, err));
    for (size_t i = 0; i < count; i++)
        (void)add(table, arena, validators[i].slug, validators[i].certificate);
    table->loaded_us = clock_monotonic_us();
    return true;
}

static const struct issuer *find(const struct issuer_table *table, const struct issuer_hashes *hashes) {
    size_t digest = 0;
    while (digest < DIGESTS && digests[digest] != hashes->digest)
        digest++;
    if (digest == DIGESTS)
        return NULL;
    size_t len = (size_t)EVP_MD_get_size(EVP_get_digestbynid(hashes->digest));
    for (size_t i = 0; i < table->count; i++)
        if (view_equal(hashes->key, view_of(table->items[i].key[digest], len)) &&
            view_equal(hashes->name, view_of(table->items[i].name[digest], len)))
            return &table->items[i];
    return NULL;
}

bool status_find_issuer(struct core *core, struct arena *arena, const struct issuer_hashes *hashes,
                        const char **ret_slug, struct error *err) {
    struct issuer_table *table = core_issuer_table(core);
    bool ok = true;
    pthread_mutex_lock(&table->mutex);
    const struct issuer *found = find(table, hashes);
    if (found == NULL &&
        (table->loaded_us == 0 || clock_monotonic_us() - table->loaded_us > RELOAD_US)) {
        ok = reload(core, table, err);
        found = find(table, hashes);
    }
    if (found != NULL)
        *ret_slug = arena_strdup(arena, found->slug);
    pthread_mutex_unlock(&table->mutex);
    if (!ok)
        return false;
    return found != NULL || fail(err, ERROR_NOT_FOUND, "other-issuer",
                                 "OCSP request: no authority here has this issuer's name and key.");
}
