#include "ca/core.h"

#include "base/clock.h"
#include "ca/data_key.h"
#include "ca/key_use.h"
#include "ca/opened.h"
#include "ca/overdue.h"
#include "ca/reading.h"
#include "ca/status_cache.h"
#include "store/cas.h"
#include "store/organisations.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct core {
    struct db *db;
    const char *publish_directory, *node;
    struct core_issuers issuers;
    struct signer *signer;
    struct key_cache *keys;
    struct status_cache *status;
    struct service_cache *services;
    struct data_key *data_key;
    struct opened_cache *opened;
    struct overdue *overdue;
    struct reading *reading; /* NULL: it writes, too */
    pthread_mutex_t mutex; /* guards the URLs */
    char *http, *https;    /* NULL until they are read */
};

struct core *core_new(const struct core_config *config) {
    struct core *core = must_alloc(sizeof *core);
    core->db = config->db;
    core->signer = config->signer;
    core->publish_directory = config->publish_directory;
    core->node = config->node == NULL ? "" : config->node;
    core->issuers = config->issuers;
    core->keys = key_cache_new();
    core->status = status_cache_new();
    core->services = service_cache_new();
    core->data_key = data_key_new();
    core->opened = opened_cache_new();
    core->overdue = overdue_new();
    core->reading = config->reads_only ? reading_new(config->most_behind_us) : NULL;
    core->http = config->http == NULL ? NULL : must_strdup(config->http);
    core->https = config->http == NULL ? NULL : must_strdup(config->https);
    pthread_mutex_init(&core->mutex, NULL);
    return core;
}

void core_free(struct core *core) {
    if (core == NULL)
        return;
    reading_free(core->reading);
    overdue_free(core->overdue);
    opened_cache_free(core->opened);
    data_key_free(core->data_key);
    service_cache_free(core->services);
    status_cache_free(core->status);
    key_cache_free(core->keys);
    pthread_mutex_destroy(&core->mutex);
    free(core->http);
    free(core->https);
    free(core);
}

struct db *core_db(struct core *core) {
    return core->db;
}

struct signer *core_signer(struct core *core) {
    return core->signer;
}

const char *core_publish_directory(struct core *core) {
    return core->publish_directory;
}

const char *core_node(const struct core *core) {
    return core->node;
}

const struct core_issuers *core_issuers(const struct core *core) {
    return &core->issuers;
}

bool core_reads_only(const struct core *core) {
    return core->reading != NULL;
}

struct reading *core_reading(struct core *core) {
    return core->reading;
}

struct status_cache *core_status_cache(struct core *core) {
    return core->status;
}

struct service_cache *core_service_cache(struct core *core) {
    return core->services;
}

struct opened_cache *core_opened_cache(struct core *core) {
    return core->opened;
}

struct overdue *core_overdue(struct core *core) {
    return core->overdue;
}

struct data_key *core_data_key(struct core *core) {
    return core->data_key;
}

static bool read_urls(struct core *core, struct arena *arena, const char **ret_http,
                      const char **ret_https, struct error *err) {
    bool done = false;
    TX(tx, core->db, &done, err)
        tx.ok = setting_get(tx.tx, arena, "public-http", ret_http, err) &&
                setting_get(tx.tx, arena, "public-https", ret_https, err);
    TRY(done);
    if (*ret_http == NULL || *ret_https == NULL)
        return fail(err, ERROR_UNAVAILABLE, "not-initialised",
                    "The instance has no public URLs yet; run \"gatehouse init\".");
    return true;
}

bool core_public_urls(struct core *core, struct arena *arena, struct core_urls *ret_urls,
                      struct error *err) {
    pthread_mutex_lock(&core->mutex);
    bool known = core->http != NULL;
    pthread_mutex_unlock(&core->mutex);
    if (!known) {
        const char *http, *https;
        TRY(read_urls(core, arena, &http, &https, err));
        pthread_mutex_lock(&core->mutex);
        if (core->http == NULL) {
            core->https = must_strdup(https);
            core->http = must_strdup(http);
        }
        pthread_mutex_unlock(&core->mutex);
    }
    *ret_urls = (struct core_urls){core->http, core->https}; /* set once, never changed */
    return true;
}

void core_forget_keys(struct core *core) {
    key_cache_clear(core->keys);
    service_cache_forget(core->services);
}

static bool load_key(struct core *core, struct uuid key_id, EVP_PKEY **ret_key, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key_record record = {0};
    bool done = false;
    TX(tx, core->db, &done, err)
        tx.ok = core_reads_only(core) ? key_of_answers(tx.tx, arena, key_id, &record, err)
                                      : key_by_id(tx.tx, arena, key_id, &record, err);
    if (!done && core_reads_only(core) && err->kind == ERROR_NOT_FOUND)
        return fail(err, ERROR_UNAVAILABLE, "ocsp-signer",
                    "A validation node has the keys of OCSP certificates alone; a CA whose own key signs the answers "
                    "(settings.ocsp.signer) is asked elsewhere.");
    return done && key_open(core, arena, &record, ret_key, err);
}

bool core_key(struct core *core, struct uuid key_id, EVP_PKEY **ret_key, struct error *err) {
    EVP_PKEY *key = key_cache_get(core->keys, key_id);
    if (key == NULL) {
        TRY(load_key(core, key_id, &key, err));
        key_cache_put(core->keys, key_id, key);
    }
    *ret_key = key;
    return true;
}

void core_key_moved(struct core *core, struct uuid key_id) {
    key_cache_forget(core->keys, key_id);
}
