#include "acme/internal.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024
#define LIFE_US US_PER_SECOND /* of settings that another process may have changed */

struct remembered {
    struct account_session session;
    atomic_uint references;
    struct arena *arena;
    uint64_t changes; /* as db_rules_changed was before it was read */
    int64_t until_us; /* by the monotonic clock */
};

struct sessions {
    pthread_mutex_t lock;
    struct remembered *slots[SLOTS]; /* two accounts in one slot take turns */
};

struct sessions *sessions_new(void) {
    struct sessions *sessions = must_alloc(sizeof *sessions);
    memset(sessions, 0, sizeof *sessions);
    pthread_mutex_init(&sessions->lock, NULL);
    return sessions;
}

static void release(void *object) {
    struct remembered *r = object;
    if (r != NULL && atomic_fetch_sub(&r->references, 1) == 1) {
        arena_free(r->arena);
        free(r);
    }
}

void sessions_free(struct sessions *sessions) {
    for (size_t i = 0; i < SLOTS; i++)
        release(sessions->slots[i]);
    pthread_mutex_destroy(&sessions->lock);
    free(sessions);
}

/* Ids end with random bits (rfc9562#5.7). */
static struct remembered **slot_of(struct sessions *sessions, struct uuid id) {
    return &sessions->slots[(size_t)(id.bytes[14] << 8 | id.bytes[15]) % SLOTS];
}

static struct remembered *find(struct acme *acme, struct uuid id) {
    struct sessions *sessions = acme->sessions;
    int64_t now = clock_monotonic_us();
    uint64_t changes = db_rules_changed(core_db(acme->core));
    pthread_mutex_lock(&sessions->lock);
    struct remembered *r = *slot_of(sessions, id);
    if (r != NULL && r->changes == changes && now < r->until_us &&
        uuid_equal(r->session.account.id, id))
        atomic_fetch_add(&r->references, 1);
    else
        r = NULL;
    pthread_mutex_unlock(&sessions->lock);
    return r;
}

static void keep(struct sessions *sessions, struct remembered *r) {
    atomic_fetch_add(&r->references, 1);
    pthread_mutex_lock(&sessions->lock);
    struct remembered **slot = slot_of(sessions, r->session.account.id);
    struct remembered *old = *slot;
    *slot = r;
    pthread_mutex_unlock(&sessions->lock);
    release(old);
}

static bool load(struct acme *acme, struct arena *arena, struct uuid id, struct account_session *ret,
                 struct error *err) {
    struct acme_session row;
    const struct json *document;
    bool done = false;
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_session_open(tx.tx, arena, id, &row, err);
    TRY(done);
    ret->account = row.account;
    ret->policy_record = row.policy;
    TRY(acme_settings_parse(arena, row.settings, &ret->settings, err));
    TRY(json_parse(arena, view_text(row.policy.document), &document, err));
    TRY(acme_policy_from_json(arena, document, &ret->policy, err));
    TRY(json_parse(arena, view_text(row.account.scope), &document, err));
    TRY(name_patterns_from_json(arena, document, "scope", &ret->scope, err));
    return jwk_parse(arena, row.account.jwk, &ret->jwk, err);
}

bool session_open(struct acme *acme, struct arena *arena, struct uuid account_id, bool fresh,
                  const struct account_session **ret, bool *ret_remembered, struct error *err) {
    struct remembered *r = fresh ? NULL : find(acme, account_id);
    *ret_remembered = r != NULL;
    if (r == NULL) {
        r = must_alloc(sizeof *r);
        memset(r, 0, sizeof *r);
        r->references = 1;
        r->arena = arena_new();
        r->changes = db_rules_changed(core_db(acme->core));
        r->until_us = clock_monotonic_us() + LIFE_US;
        if (!load(acme, r->arena, account_id, &r->session, err)) {
            release(r);
            return false;
        }
        keep(acme->sessions, r);
    }
    arena_defer(arena, release, r);
    *ret = &r->session;
    return true;
}
