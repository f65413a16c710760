#include "store/migrate.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/migrate_split.h"
#include "store/pool.h"
#include "store/sql.h"

#include <mysqld_error.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define LEASE_SECONDS 15
#define RENEW_SECONDS 3
#define WAIT_SECONDS 300  /* for another node that migrates */
#define DDL_SECONDS 86400 /* changing a large table takes its time */

static const char sql_make_applied[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "version INT NOT NULL, name VARCHAR(100) NOT NULL, checksum BINARY(32) NOT NULL, "
    "statements_done INT NOT NULL, complete TINYINT NOT NULL, changed_us BIGINT NOT NULL, "
    "PRIMARY KEY (version)) "
    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";
static const char sql_make_lease[] =
    "CREATE TABLE IF NOT EXISTS schema_lease ("
    "id TINYINT NOT NULL, holder BINARY(16) NOT NULL, until_us BIGINT NOT NULL, "
    "PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";

/* The server's clock, since nodes' clocks differ. */
#define NOW_US "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
static const char sql_lease_take[] =
    "UPDATE schema_lease SET holder = ?, until_us = " NOW_US " + ? "
    "WHERE id = 1 AND (until_us <= " NOW_US " OR holder = ?)";
static const char sql_lease_add[] =
    "INSERT INTO schema_lease (id, holder, until_us) VALUES (1, ?, " NOW_US " + ?)";
static const char sql_lease_end[] =
    "UPDATE schema_lease SET until_us = 0 WHERE id = 1 AND holder = ?";

static const char sql_applied[] = "SELECT m.version, m.name, m.checksum, m.statements_done, "
                                  "m.complete FROM schema_migrations m ORDER BY m.version";
static const char sql_begin[] =
    "INSERT INTO schema_migrations (version, name, checksum, statements_done, complete, "
    "changed_us) VALUES (?, ?, ?, 0, 0, ?)";
static const char sql_progress[] = "UPDATE schema_migrations SET statements_done = ?, "
                                   "complete = ?, changed_us = ? WHERE version = ?";

struct applied {
    int64_t version, statements_done;
    const char *name;
    uint8_t checksum[32];
    bool complete;
};

struct lease {
    struct db *db;
    struct tx *ddl; /* a connection apart, that waits longer */
    struct uuid holder;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, lost;
};

static void checksum_of(const struct migration *migration, uint8_t ret[32]) {
    unsigned len = 32;
    if (EVP_Digest(migration->text.at, migration->text.len, ret, &len, EVP_sha256(), NULL) != 1)
        memset(ret, 0, 32); /* no libcrypto without SHA-256 */
}

/* One statement in a transaction of its own; *ret_matched counts rows. */
static bool write_once(struct db *db, const char *sql, struct params params, int64_t *ret_matched,
                       bool *ret_duplicate, struct error *err) {
    bool done = false;
    TX(tx, db, &done, err) {
        tx.tx->mark.kind = MARK_NEVER; /* the table of marks may be still to come */
        if (ret_duplicate != NULL)
            tx.ok = tx_insert(tx.tx, sql, params, ret_duplicate, err);
        else
            tx.ok = tx_execute(tx.tx, sql, params, ret_matched, err);
    }
    return done;
}

static bool lease_try(struct lease *lease, bool *ret_taken, struct error *err) {
    const int64_t length_us = LEASE_SECONDS * US_PER_SECOND;
    int64_t matched;
    bool duplicate = false;
    TRY(write_once(lease->db, sql_lease_take,
                   PARAMS(p_uuid(&lease->holder), p_int(length_us), p_uuid(&lease->holder)),
                   &matched, NULL, err));
    if (matched == 0)
        TRY(write_once(lease->db, sql_lease_add, PARAMS(p_uuid(&lease->holder), p_int(length_us)),
                       NULL, &duplicate, err));
    *ret_taken = !duplicate;
    return true;
}

/* Renews the lease until it is told to stop; notes when it could not in time. */
static void *renew(void *context) {
    struct lease *lease = context;
    int64_t renewed_us = clock_monotonic_us();
    pthread_mutex_lock(&lease->lock);
    while (!lease->stop) {
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += RENEW_SECONDS;
        pthread_cond_timedwait(&lease->wake, &lease->lock, &next);
        if (lease->stop)
            break;
        pthread_mutex_unlock(&lease->lock);
        struct error err;
        bool taken = false;
        bool asked = lease_try(lease, &taken, &err);
        int64_t now_us = clock_monotonic_us();
        pthread_mutex_lock(&lease->lock);
        if (asked && taken)
            renewed_us = now_us;
        else if (asked || now_us - renewed_us > (LEASE_SECONDS - RENEW_SECONDS) * US_PER_SECOND)
            lease->lost = true;
    }
    pthread_mutex_unlock(&lease->lock);
    return NULL;
}

static bool lease_still_held(struct lease *lease, struct error *err) {
    pthread_mutex_lock(&lease->lock);
    bool lost = lease->lost;
    pthread_mutex_unlock(&lease->lock);
    return !lost || fail(err, ERROR_UNAVAILABLE, "schema",
                         "Another node has taken over the migration of the database; look at its "
                         "log, then try again.");
}

static bool lease_start(struct lease *lease, struct db *db, struct tx *ddl, struct error *err) {
    int64_t began_us = clock_monotonic_us();
    bool taken = false;
    *lease = (struct lease){.db = db, .ddl = ddl, .holder = uuid_new()};
    for (;;) {
        TRY(lease_try(lease, &taken, err));
        if (taken)
            break;
        if (clock_monotonic_us() - began_us > WAIT_SECONDS * US_PER_SECOND)
            return fail(err, ERROR_UNAVAILABLE, "schema",
                        "Another node has been migrating the database for %d seconds; look at its "
                        "log, then try again.",
                        WAIT_SECONDS);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lease->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&lease->lock, NULL);
    if (pthread_create(&lease->thread, NULL, renew, lease) != 0)
        return fail_internal(err, "migration: no thread");
    return true;
}

static void lease_end(struct lease *lease) {
    struct error ignored;
    pthread_mutex_lock(&lease->lock);
    lease->stop = true;
    pthread_cond_signal(&lease->wake);
    pthread_mutex_unlock(&lease->lock);
    pthread_join(lease->thread, NULL);
    pthread_cond_destroy(&lease->wake);
    pthread_mutex_destroy(&lease->lock);
    if (!write_once(lease->db, sql_lease_end, PARAMS(p_uuid(&lease->holder)), NULL, NULL, &ignored))
        log_warn("store", "the migration lease was not given back; it runs out by itself");
}

/* Those of this program, by their numbers, which grow and may leave gaps. */
struct compiled {
    const struct migration *list;
    size_t count;
};

/* What was applied, beside the migration it was; versions that are not compiled in are an error. */
static bool read_applied(struct tx *tx, struct arena *arena, struct compiled compiled,
                         struct applied **ret_list, struct error *err) {
    struct applied *list = arena_array(arena, compiled.count, sizeof *list);
    struct rows rows;
    int64_t newer = 0;
    TRY(rows_open(tx, arena, sql_applied, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        struct applied row = {.version = rows_int(&rows)};
        row.name = rows_text(&rows);
        rows_fixed(&rows, row.checksum, sizeof row.checksum);
        row.statements_done = rows_int(&rows);
        row.complete = rows_bool(&rows);
        size_t at = 0;
        while (at < compiled.count && (int64_t)compiled.list[at].version != row.version)
            at++;
        if (at < compiled.count)
            list[at] = row;
        else
            newer = row.version;
    }
    TRY(rows_close(&rows, err));
    if (newer != 0)
        return fail(err, ERROR_UNAVAILABLE, "schema",
                    "The database has the schema %lld, this program knows schemas up to %u: a "
                    "newer release has been here. Start that release.",
                    (long long)newer,
                    compiled.count == 0 ? 0 : compiled.list[compiled.count - 1].version);
    *ret_list = list;
    return true;
}

static bool check_applied(const struct applied *applied, const struct migration *migration,
                          struct error *err) {
    uint8_t checksum[32];
    checksum_of(migration, checksum);
    if (applied->version == 0 || memcmp(checksum, applied->checksum, sizeof checksum) == 0)
        return true;
    return fail(err, ERROR_UNAVAILABLE, "schema",
                "The migration %s that was applied to the database is not the one of this program "
                "(its checksum differs). Use the release that made the database, or restore a "
                "backup.",
                migration->name);
}

static bool apply(struct lease *lease, struct arena *arena, const struct migration *migration,
                  const struct applied *applied, struct error *err) {
    struct view *statements;
    size_t count;
    uint8_t checksum[32];
    bool duplicate;

    TRY(migrate_split(arena, migration->text, &statements, &count, err));
    if (applied->version == 0) {
        log_info("store", "applies migration %s (%zu statements)", migration->name, count);
        checksum_of(migration, checksum);
        TRY(write_once(lease->db, sql_begin,
                       PARAMS(p_int(migration->version), p_text(migration->name),
                              p_bytes(checksum, sizeof checksum), p_int(clock_now_us())),
                       NULL, &duplicate, err));
    }
    for (size_t i = (size_t)applied->statements_done; i <= count; i++) {
        TRY(lease_still_held(lease, err));
        if (i > 0 || count == 0)
            TRY(write_once(lease->db, sql_progress,
                           PARAMS(p_int((int64_t)i), p_int(i == count), p_int(clock_now_us()),
                                  p_int(migration->version)),
                           NULL, NULL, err));
        if (i < count && !connection_run(lease->ddl, arena_text(arena, statements[i]), err)) {
            error_detail(err, "; migration %s, statement %zu", migration->name, i + 1);
            return false;
        }
    }
    return true;
}

static bool read_all(struct db *db, struct arena *arena, struct compiled compiled,
                     struct applied **ret_list, struct error *err) {
    bool done = false;
    TX(tx, db, &done, err)
        tx.ok = read_applied(tx.tx, arena, compiled, ret_list, err);
    return done;
}

static bool apply_missing(struct lease *lease, const struct migration *list, size_t count,
                          struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct applied *applied;
    TRY(read_all(lease->db, arena, (struct compiled){list, count}, &applied, err));
    for (size_t i = 0; i < count; i++)
        TRY(check_applied(&applied[i], &list[i], err));
    for (size_t i = 0; i < count; i++)
        if (!applied[i].complete)
            TRY(apply(lease, arena, &list[i], &applied[i], err));
    return true;
}

static bool migrate_on(struct db *db, struct tx *ddl, const struct migration *list, size_t count,
                       struct error *err) {
    struct lease lease;
    TRY(connection_run(ddl, "SET SESSION max_statement_time = 0, lock_wait_timeout = 60", err));
    TRY(connection_run(ddl, sql_make_applied, err));
    TRY(connection_run(ddl, sql_make_lease, err));
    TRY(lease_start(&lease, db, ddl, err));
    bool ok = apply_missing(&lease, list, count, err);
    lease_end(&lease);
    return ok;
}

bool migrate_with(struct db *db, const struct migration *list, size_t count, struct error *err) {
    struct db_url url = *db_url_of(db);
    struct tx *ddl;
    url.io_seconds = DDL_SECONDS;
    TRY(connection_open(&url, &ddl, err));
    bool ok = migrate_on(db, ddl, list, count, err);
    connection_close(ddl);
    return ok;
}

static const char sql_is_there[] = "SELECT COUNT(*) FROM information_schema.tables t WHERE "
                                   "t.table_schema = DATABASE() AND t.table_name = 'schema_migrations'";

/* Like read_all, for a database that may be empty; checks what was applied. */
static bool read_checked(struct db *db, struct arena *arena, struct compiled compiled, bool *ret_empty,
                         struct applied **ret_list, struct error *err) {
    int64_t tables = 0;
    bool done = false;
    TX(tx, db, &done, err)
        tx.ok = tx_number(tx.tx, sql_is_there, NO_PARAMS, &tables, err);
    TRY(done);
    *ret_empty = tables == 0;
    if (*ret_empty)
        *ret_list = arena_array(arena, compiled.count, sizeof **ret_list);
    else
        TRY(read_all(db, arena, compiled, ret_list, err));
    for (size_t i = 0; i < compiled.count; i++)
        TRY(check_applied(&(*ret_list)[i], &compiled.list[i], err));
    return true;
}

bool migrate_plan_with(struct db *db, struct arena *arena, const struct migration *list, size_t count,
                       struct migration_step **ret_steps, size_t *ret_count, struct error *err) {
    struct applied *applied;
    bool empty;
    TRY(read_checked(db, arena, (struct compiled){list, count}, &empty, &applied, err));
    struct view **statements = arena_array(arena, count, sizeof *statements);
    size_t *counts = arena_array(arena, count, sizeof *counts), most = 2, used = 0;
    for (size_t i = 0; i < count; i++) {
        TRY(migrate_split(arena, list[i].text, &statements[i], &counts[i], err));
        most += counts[i];
    }
    struct migration_step *steps = arena_array(arena, most, sizeof *steps);
    if (empty) {
        steps[used++] = (struct migration_step){"the record of migrations", 1, 2, sql_make_applied};
        steps[used++] = (struct migration_step){"the record of migrations", 2, 2, sql_make_lease};
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = (size_t)applied[i].statements_done; !applied[i].complete && j < counts[i]; j++)
            steps[used++] = (struct migration_step){list[i].name, j + 1, counts[i],
                                                    arena_text(arena, statements[i][j])};
    *ret_steps = steps;
    *ret_count = used;
    return true;
}

bool schema_check_with(struct db *db, const struct migration *list, size_t count,
                       struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct applied *applied;
    if (!read_all(db, arena, (struct compiled){list, count}, &applied, err)) {
        if (err != NULL && err->kind == ERROR_INTERNAL) /* there is no table of migrations */
            fail(err, ERROR_UNAVAILABLE, "schema",
                 "The database has no Gatehouse schema yet; run `gatehouse init`.");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(check_applied(&applied[i], &list[i], err));
        if (!applied[i].complete)
            return fail(err, ERROR_UNAVAILABLE, "schema",
                        "The database lacks the migration %s; run `gatehouse migrate`.",
                        list[i].name);
    }
    return true;
}

bool db_migrate(struct db *db, struct error *err) {
    return migrate_with(db, migrations, migration_count, err);
}

bool db_migrate_plan(struct db *db, struct arena *arena, struct migration_step **ret_steps,
                     size_t *ret_count, struct error *err) {
    return migrate_plan_with(db, arena, migrations, migration_count, ret_steps, ret_count, err);
}

bool db_schema_check(struct db *db, struct error *err) {
    return schema_check_with(db, migrations, migration_count, err);
}
