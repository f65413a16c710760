#include "store/db.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/group.h"
#include "store/pool.h"
#include "store/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_SECONDS 5
#define FIRST_AGAIN_US (30 * US_PER_SECOND)
#define LONG_US US_PER_SECOND /* to dial: the server hangs, while one that is not there refuses at once */

struct db {
    struct arena *arena; /* of the URL */
    struct db_url urls[DB_MAX_HOSTS]; /* the same but for the host that is dialled */
    bool down[DB_MAX_HOSTS]; /* hangs: not dialled until the watch has heard of it; only where there are several */
    unsigned current;      /* of them: the one in use */
    int64_t first_next_us; /* monotonic: when the first is tried again while another is in use */
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct tx **idle; /* a stack: the one that was used last is used next */
    unsigned idle_count, open_count, size;
    struct tx *used; /* a list */
    struct watch *watch; /* from the first connection on */
    struct group *group;
    atomic_uint_fast64_t rules_changed;
    unsigned generation; /* a connection of an older one is not used again */
};

bool db_open(const char *url, unsigned pool_size, struct db **ret_db, struct error *err) {
    struct arena *arena = arena_new();
    struct db_url parsed;
    if (!db_url_parse(arena, url, &parsed, err)) {
        arena_free(arena);
        return false;
    }
    struct db *db = must_alloc(sizeof *db);
    db->arena = arena;
    for (size_t i = 0; i < parsed.host_count; i++) {
        db->urls[i] = parsed;
        db->urls[i].host = parsed.hosts[i].host;
        db->urls[i].port = parsed.hosts[i].port;
    }
    db->group = group_new();
    db->size = pool_size == 0 ? 1 : pool_size;
    db->idle = must_alloc(db->size * sizeof *db->idle);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&db->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&db->lock, NULL);
    *ret_db = db;
    return true;
}

void db_close(struct db *db) {
    if (db == NULL)
        return;
    watch_stop(db->watch);
    if (db->open_count != db->idle_count)
        log_error("store", "closed while %u transactions were open",
                  db->open_count - db->idle_count);
    for (unsigned i = 0; i < db->idle_count; i++)
        connection_close(db->idle[i]);
    pthread_cond_destroy(&db->returned);
    pthread_mutex_destroy(&db->lock);
    group_free(db->group);
    free(db->idle);
    arena_free(db->arena);
    free(db);
}

struct group *db_group(struct db *db) {
    return db->group;
}

void db_note_changed_rules(struct db *db) {
    atomic_fetch_add(&db->rules_changed, 1);
}

uint64_t db_rules_changed(const struct db *db) {
    return atomic_load(&db->rules_changed);
}

const struct db_url *db_url_of(const struct db *db) {
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&db->lock);
    unsigned current = db->current;
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&db->lock);
    return &db->urls[current];
}

METRIC(connections, METRIC_GAUGE, "gatehouse_db_connections",
       "Connections to the database by what they do; \"most\": the size of the pool.", "state");
METRIC(waits, METRIC_COUNTER, "gatehouse_db_waits_total",
       "Times that no connection was free at once.", NULL);
METRIC(timeouts, METRIC_COUNTER, "gatehouse_db_busy_total",
       "Times that no connection came free in time.", NULL);

static void note_use(const struct db *db) {
    METRIC_SET(&connections, (int64_t)db->open_count - (int64_t)db->idle_count, "used");
    METRIC_SET(&connections, (int64_t)db->idle_count, "idle");
    METRIC_SET(&connections, (int64_t)db->size, "most");
}

/* The lock is held. */
static void put_into_use(struct db *db, struct tx *tx) {
    tx->taken_us = clock_monotonic_us();
    tx->next_used = db->used;
    tx->here = &db->used;
    if (db->used != NULL)
        db->used->here = &tx->next_used;
    db->used = tx;
}

static void take_from_use(struct tx *tx) {
    *tx->here = tx->next_used;
    if (tx->next_used != NULL)
        tx->next_used->here = tx->here;
}

/* Takes an idle connection, or the right to open one (*ret_tx is NULL then). */
static bool reserve(struct db *db, struct tx **ret_tx, struct error *err) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WAIT_SECONDS;

    pthread_mutex_lock(&db->lock);
    int status = 0;
    if (db->idle_count == 0 && db->open_count >= db->size)
        metric_add(&waits, 1, NULL);
    while (db->idle_count == 0 && db->open_count >= db->size && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&db->returned, &db->lock, &deadline);
    bool ok = true;
    if (db->idle_count > 0) {
        *ret_tx = db->idle[--db->idle_count];
        put_into_use(db, *ret_tx);
        if ((*ret_tx)->generation != db->generation)
            (*ret_tx)->trouble = TROUBLE_LOST;
    } else if (db->open_count < db->size) {
        db->open_count++;
        *ret_tx = NULL;
    } else {
        ok = fail(err, ERROR_UNAVAILABLE, "database-busy",
                  "All connections to the database are in use. Try again in a moment.");
        metric_add(&timeouts, 1, NULL);
    }
    note_use(db);
    pthread_mutex_unlock(&db->lock);
    return ok;
}

static void release_place(struct db *db, bool lost) {
    pthread_mutex_lock(&db->lock);
    db->open_count--;
    if (lost)
        db->generation++;
    note_use(db);
    pthread_cond_signal(&db->returned);
    pthread_mutex_unlock(&db->lock);
}

/* Before it is closed: from then on nobody cuts it. */
static void end_use(struct db *db, struct tx *tx) {
    pthread_mutex_lock(&db->lock);
    take_from_use(tx);
    pthread_mutex_unlock(&db->lock);
}

static unsigned generation_of(struct db *db) {
    pthread_mutex_lock(&db->lock);
    unsigned generation = db->generation;
    pthread_mutex_unlock(&db->lock);
    return generation;
}

static const char *name_of(const struct db_url *url, char *room, size_t size) {
    if (url->socket != NULL)
        return url->socket;
    snprintf(room, size, "%s:%u", url->host, url->port == 0 ? MYSQL_PORT : url->port);
    return room;
}
#define NAME_OF(url) name_of((url), (char[300]){0}, 300)

/* From now on this one; with it in use, connections to others are not used again. */
static void move_to(struct db *db, unsigned index) {
    pthread_mutex_lock(&db->lock);
    bool moved = db->current != index;
    db->current = index;
    db->first_next_us = clock_monotonic_us() + FIRST_AGAIN_US;
    if (moved)
        db->generation++;
    pthread_mutex_unlock(&db->lock);
    if (moved)
        log_warn("store", "the database is %s from now on", NAME_OF(&db->urls[index]));
}

static bool is_down(struct db *db, unsigned index) {
    pthread_mutex_lock(&db->lock);
    bool down = db->down[index];
    pthread_mutex_unlock(&db->lock);
    return down;
}

static void set_down(struct db *db, const struct db_url *url, bool down) {
    pthread_mutex_lock(&db->lock);
    db->down[url - db->urls] = down && db->watch != NULL && url->host_count > 1;
    pthread_mutex_unlock(&db->lock);
}

/* One that hangs costs those who dial it the wait, and nobody afterwards. */
static bool open_one(struct db *db, unsigned index, struct tx **ret_tx, struct error *err) {
    int64_t began_us = clock_monotonic_us();
    if (is_down(db, index))
        return fail(err, ERROR_UNAVAILABLE, "database-unavailable",
                    "The database does not answer. Try again in a moment.");
    if (connection_open(&db->urls[index], ret_tx, err))
        return true;
    if (clock_monotonic_us() - began_us >= LONG_US)
        set_down(db, &db->urls[index], true);
    return false;
}

/* Servers in their order, the one in use first. The gateways of a cluster shall write at the same node: so all name
 * the nodes in the same order, and go back to the first when it is there again. */
static bool open_any(struct db *db, struct tx **ret_tx, struct error *err) {
    unsigned count = (unsigned)db->urls[0].host_count, current = (unsigned)(db_url_of(db) - db->urls);
    struct error why;
    if (open_one(db, current, ret_tx, err))
        return true;
    for (unsigned i = 0; i < count; i++) {
        if (i == current)
            continue;
        if (open_one(db, i, ret_tx, &why)) {
            move_to(db, i);
            return true;
        }
        if (strcmp(why.type, "database-no-quorum") == 0) /* one that is there and refuses says more than one that is not */
            *err = why;
    }
    return false;
}

void pool_try_first(struct db *db) {
    struct tx *tx;
    struct error ignored = {0};
    pthread_mutex_lock(&db->lock);
    bool due = db->current != 0 && clock_monotonic_us() > db->first_next_us;
    if (due)
        db->first_next_us = clock_monotonic_us() + FIRST_AGAIN_US;
    pthread_mutex_unlock(&db->lock);
    if (!due || !connection_open(&db->urls[0], &tx, &ignored))
        return;
    connection_close(tx);
    move_to(db, 0);
}

const struct db_url *pool_waiting(struct db *db) {
    const struct db_url *url = NULL;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&db->lock);
    for (const struct tx *tx = db->used; tx != NULL && url == NULL; tx = tx->next_used)
        if (now - tx->taken_us > (int64_t)tx->url->probe_seconds * US_PER_SECOND)
            url = tx->url;
    pthread_mutex_unlock(&db->lock);
    return url;
}

const struct db_url *pool_next_down(struct db *db, const struct db_url *after) {
    size_t count = db->urls[0].host_count, from = after == NULL ? 0 : (size_t)(after - db->urls) + 1;
    const struct db_url *url = NULL;
    pthread_mutex_lock(&db->lock);
    for (size_t i = 0; i < count && url == NULL; i++)
        if (db->down[(from + i) % count])
            url = &db->urls[(from + i) % count];
    pthread_mutex_unlock(&db->lock);
    return url;
}

void pool_answers(struct db *db, const struct db_url *url) {
    set_down(db, url, false);
    log_warn("store", "the database %s answers again", NAME_OF(url));
}

void pool_cut(struct db *db, const struct db_url *url) {
    unsigned cut = 0;
    set_down(db, url, true);
    pthread_mutex_lock(&db->lock);
    db->generation++;
    for (const struct tx *tx = db->used; tx != NULL; tx = tx->next_used)
        if (tx->url == url) {
            connection_cut(tx);
            cut++;
        }
    pthread_mutex_unlock(&db->lock);
    log_error("store", "the database %s hangs: no answer to a new connection in %u s; %u waiting connections are given up",
              NAME_OF(url), url->connect_seconds, cut);
}

void pool_reset(struct tx *tx) {
    tx->begun = tx->wrote = tx->alone = tx->changes_rules = false;
    tx->mark = (struct mark){0};
    tx->held_count = 0;
    tx->trouble = TROUBLE_NONE;
}

bool pool_take(struct db *db, struct tx **ret_tx, struct error *err) {
    struct tx *tx;
    for (;;) {
        TRY(reserve(db, &tx, err));
        if (tx == NULL)
            break;
        if (connection_alive(tx)) {
            *ret_tx = tx;
            return true;
        }
        end_use(db, tx);
        connection_close(tx);
        release_place(db, false);
    }
    pthread_mutex_lock(&db->lock);
    if (db->watch == NULL)
        db->watch = watch_start(db);
    pthread_mutex_unlock(&db->lock);
    if (!open_any(db, &tx, err)) {
        release_place(db, false);
        return false;
    }
    pthread_mutex_lock(&db->lock);
    tx->generation = db->generation;
    put_into_use(db, tx);
    pthread_mutex_unlock(&db->lock);
    *ret_tx = tx;
    return true;
}

void pool_give(struct db *db, struct tx *tx) {
    if (tx->trouble == TROUBLE_LOST || tx->unfit) {
        /* The server has probably gone as a whole: the idle ones are not trusted, either. */
        bool current = tx->generation == generation_of(db);
        end_use(db, tx);
        connection_close(tx);
        release_place(db, current);
        return;
    }
    pthread_mutex_lock(&db->lock);
    take_from_use(tx);
    db->idle[db->idle_count++] = tx;
    note_use(db);
    pthread_cond_signal(&db->returned);
    pthread_mutex_unlock(&db->lock);
}

bool db_ping(struct db *db, struct error *err) {
    struct tx *tx;
    TRY(pool_take(db, &tx, err));
    bool ok = connection_run(tx, "DO 1", err);
    bool lost = !ok && tx->trouble == TROUBLE_LOST;
    pool_give(db, tx);
    if (!lost)
        return ok;
    /* It had died without a sign; a fresh one tells whether the server answers. */
    TRY(pool_take(db, &tx, err));
    ok = connection_run(tx, "DO 1", err);
    pool_give(db, tx);
    return ok;
}
