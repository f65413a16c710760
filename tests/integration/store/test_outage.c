/* The server dies between and within transactions and comes back. */
#include "fixture.h"
#include "store/sql.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static struct uuid organisation;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    return 0;
}

static void *ping(void *context) {
    struct error ignored;
    (void)context;
    bool done;
    TX(tx, store, &done, &ignored) {
        usleep(100000); /* so that every thread has a connection of its own */
        tx.ok = true;
    }
    return NULL;
}

/* Several idle connections in the pool. */
static void fill_pool(void) {
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, ping, NULL);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
}

/* Nobody notices a restart between two transactions. */
static void between(void **state) {
    const char *value;
    (void)state;
    for (int i = 0; i < 2; i++) {
        fill_pool();
        DONE(setting_put(tx, "between", i == 0 ? "0" : "1", &err));
        server(i == 0 ? "kill" : "stop");
        server("start");
        DONE(setting_get(tx, arena, "between", &value, &err));
        assert_string_equal(value, i == 0 ? "0" : "1");
        assert_true(db_ping(store, &err));
    }
}

/* In a transaction: what was written before is gone with the connection; the whole body runs again. */
static void within(void **state) {
    const char *value;
    bool done = false;
    int runs = 0;
    (void)state;
    fill_pool();
    TX(tx, store, &done, &err) {
        runs++;
        bool ok = setting_put(tx.tx, "within-1", "x", &err);
        if (runs == 1) {
            server("kill");
            server("start");
        }
        tx.ok = ok && setting_put(tx.tx, "within-2", "y", &err);
    }
    assert_true(done);
    assert_int_equal(runs, 2);
    DONE(setting_get(tx, arena, "within-1", &value, &err));
    assert_string_equal(value, "x");
    DONE(setting_get(tx, arena, "within-2", &value, &err));
    assert_string_equal(value, "y");
}

/* Before COMMIT nobody can know: never done twice, never called done. */
static void at_commit(void **state) {
    const char *value = "poison";
    bool done = true;
    int runs = 0;
    (void)state;
    TX(tx, store, &done, &err) {
        runs++;
        tx.ok = setting_put(tx.tx, "at-commit", "x", &err);
        server("kill");
        server("start");
    }
    assert_false(done);
    assert_int_equal(runs, 1);
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(err.type, "database-unavailable");
    DONE(setting_get(tx, arena, "at-commit", &value, &err));
    assert_null(value);
    /* What only read is done when it has read. */
    TX(tx, store, &done, &err) {
        tx.ok = setting_get(tx.tx, arena, "within-1", &value, &err);
        server("kill");
        server("start");
    }
    assert_true(done);
    assert_string_equal(value, "x");
}

/* While it is away: an error soon, no hanging; afterwards everything works again. */
static void away(void **state) {
    const char *value;
    bool done = true;
    (void)state;
    fill_pool();
    server("kill");
    int64_t began_us = clock_monotonic_us();
    TX(tx, store, &done, &err)
        tx.ok = setting_get(tx.tx, arena, "away", &value, &err);
    assert_false(done);
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(err.type, "database-unavailable");
    assert_false(db_ping(store, &err));
    assert_false(db_schema_check(store, &err));
    assert_string_equal(err.type, "database-unavailable");
    assert_true(clock_monotonic_us() - began_us < 3 * US_PER_SECOND);
    server("start");
    assert_true(db_ping(store, &err));
    DONE(setting_get(tx, arena, "away", &value, &err));
}

/* The administrator ends single connections. */
static void killed_connections(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        int64_t id = 0;
        const char *value;
        fill_pool();
        DONE(tx_number(tx, "SELECT CONNECTION_ID()", NO_PARAMS, &id, &err));
        root_sql(arena_printf(arena, "KILL %lld", (long long)id));
        DONE(setting_put(tx, "killed", "v", &err));
        bool done = false;
        int runs = 0;
        TX(tx, store, &done, &err) {
            int64_t mine = 0;
            runs++;
            bool ok = tx_number(tx.tx, "SELECT CONNECTION_ID()", NO_PARAMS, &mine, &err);
            if (runs == 1)
                root_sql(arena_printf(arena, "KILL %lld", (long long)mine));
            tx.ok = ok && setting_get(tx.tx, arena, "killed", &value, &err);
        }
        assert_true(done);
        assert_int_equal(runs, 2);
    }
}

static void *let_go_on(void *context) {
    sleep(20);
    server("continue");
    return context;
}

/* A server that is stopped keeps its sockets open and says nothing: it is given up in seconds, not after the minute
 * that an answer may take, and a long statement on a server that lives is not. */
static void hangs(void **state) {
    bool done = true;
    pthread_t thread;
    int64_t slept = -1;
    struct db *hasty;
    (void)state;
    assert_true(db_open(arena_printf(arena, "%s&connect-timeout=3&probe-after=1", application_url), 2, &hasty, &err));
    TX(tx, hasty, &done, &err)
        tx.ok = tx_number(tx.tx, "SELECT SLEEP(4)", NO_PARAMS, &slept, &err);
    assert_true(done);
    assert_int_equal(slept, 0);
    server("pause");
    pthread_create(&thread, NULL, let_go_on, NULL);
    int64_t began_us = clock_monotonic_us();
    TX(tx, hasty, &done, &err) /* on the connection of before, then on a new one */
        tx.ok = tx_number(tx.tx, "SELECT SLEEP(0)", NO_PARAMS, &slept, &err);
    int64_t took_us = clock_monotonic_us() - began_us;
    pthread_join(thread, NULL);
    if (done || took_us < 3 * US_PER_SECOND || took_us > 18 * US_PER_SECOND)
        fail_msg("%s after %lld ms", done ? "answered" : "given up", (long long)(took_us / 1000));
    assert_string_equal(err.type, "database-unavailable");
    TX(tx, hasty, &done, &err)
        tx.ok = tx_number(tx.tx, "SELECT SLEEP(0)", NO_PARAMS, &slept, &err);
    assert_true(done);
    db_close(hasty);
}

#define WRITERS 4

struct writer {
    pthread_t thread;
    int me;
    unsigned acknowledged, refused;
    struct uuid ids[20000];
};

static volatile bool stop_writing;

static void *write_events(void *context) {
    struct writer *writer = context;
    while (!__atomic_load_n(&stop_writing, __ATOMIC_RELAXED) && writer->acknowledged < 20000) {
        struct error error;
        bool done = false;
        struct event event = {.id = uuid_new(),
                              .organisation_id = organisation,
                              .code = "outage.test",
                              .outcome = "success",
                              .actor = "w"};
        TX(tx, store, &done, &error)
            tx.ok = event_append(tx.tx, &event, &error);
        if (done)
            writer->ids[writer->acknowledged++] = event.id;
        else {
            writer->refused++;
            usleep(20000);
        }
    }
    return NULL;
}

static bool event_exists(struct uuid id) {
    int64_t found = 0;
    DONE(tx_number(tx, "SELECT COUNT(*) FROM events WHERE id = ?", PARAMS(p_uuid(&id)), &found,
                   &err));
    return found == 1;
}

/* Threads write while the server is killed again and again: nothing that was acknowledged is lost. */
static void under_load(void **state) {
    struct writer *writers = must_alloc(WRITERS * sizeof *writers);
    unsigned acknowledged = 0;
    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        writers[i].me = i;
        pthread_create(&writers[i].thread, NULL, write_events, &writers[i]);
    }
    for (int i = 0; i < 4; i++) {
        usleep(400000);
        server("kill");
        usleep(100000);
        server("start");
    }
    usleep(400000);
    __atomic_store_n(&stop_writing, true, __ATOMIC_RELAXED);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    for (int i = 0; i < WRITERS; i++) {
        acknowledged += writers[i].acknowledged;
        for (unsigned n = 0; n < writers[i].acknowledged; n++)
            if (!event_exists(writers[i].ids[n]))
                fail_msg("writer %d lost event %u of %u", i, n, writers[i].acknowledged);
    }
    assert_true(acknowledged > 100);
    print_message("%u acknowledged and found\n", acknowledged);
    free(writers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between),
        cmocka_unit_test(within),
        cmocka_unit_test(at_commit),
        cmocka_unit_test(away),
        cmocka_unit_test(killed_connections),
        cmocka_unit_test(hangs),
        cmocka_unit_test(under_load),
    };
    return cmocka_run_group_tests_name("store outage", tests, set_up, store_tear_down);
}
