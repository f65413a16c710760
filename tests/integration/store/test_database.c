/* URLs, the pool, transactions, errors of the server. */
#include "fixture.h"
#include "store/sql.h"
#include "store/text.h"
#include "store/url.h"

#include <pthread.h>
#include <unistd.h>

static bool fail_for_test(void) {
    return (fail)(&err, ERROR_POLICY, "mine", "no"); /* not cmocka's macro */
}

static void urls(void **state) {
    static const struct {
        const char *text, *user, *password, *host, *database, *socket;
        unsigned port;
    } good[] = {
        {"mysql://u@h/d", "u", "", "h", "d", NULL, 0},
        {"mariadb://u:p@h:3307/d", "u", "p", "h", "d", NULL, 3307},
        {"mysql://u:p%40%3a%2F%25@[::1]:1/d?socket=%2frun/my.sock", "u", "p@:/%", "::1", "d",
         "/run/my.sock", 1},
        {"mysql://u:a:b@c@h/d?sync-wait=1&ssl-ca=/x", "u", "a:b@c", "h", "d", NULL, 0},
        {"mysql://u:p@h/d?connect-timeout=60&probe-after=1&commit-marks=1", "u", "p", "h", "d", NULL, 0},
        {"mysql://u:@[fe80::1]/d?", "u", "", "fe80::1", "d", NULL, 0},
        {"mysql://u@a:1,[::1]:2,c/d", "u", "", "a", "d", NULL, 1},
    };
    static const char *const bad[] = {
        "",
        "mysql:",
        "postgres://u@h/d",
        "mysql://h/d",
        "mysql://u@h",
        "mysql://u@h/",
        "mysql://@h/d",
        "mysql://u@/d",
        "mysql://u:geheim@h:99999/d",
        "mysql://u:geheim@h:0x/d",
        "mysql://u:geheim@h:/d",
        "mysql://u:geheim@[::1/d",
        "mysql://u:geheim@[::1]x/d",
        "mysql://u:geheim%2@h/d",
        "mysql://u:geheim%00@h/d",
        "mysql://u:geheim%zz@h/d",
        "mysql://u:geheim@h/d?x=1",
        "mysql://u:geheim@h/d?socket",
        "mysql://u:geheim@h/d/e",
        "mysql://u:geheim@h/d?sync-wait=2",
        "mysql://u:geheim@h/d?commit-marks=yes",
        "mysql://u:geheim@h/d?connect-timeout=0",
        "mysql://u:geheim@h/d?connect-timeout=61",
        "mysql://u:geheim@h/d?probe-after=",
        "mysql://u:geheim@h/d?probe-after=-1",
        "mysql://u:geheim@h/d?probe-after=004",
        "mysql://u:geheim@h/d?probe-after=1s",
        "mysql://u:geheim@h/d?=",
        "mysql://u:geheim@h,/d",
        "mysql://u:geheim@,h/d",
        "mysql://u:geheim@a,b/d?socket=/x",
        "mysql://u:geheim@a,b,c,d,e,f,g,h,i,j/d",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct db_url url;
        assert_true(db_url_parse(arena, good[i].text, &url, &err));
        assert_string_equal(url.user, good[i].user);
        assert_string_equal(url.password, good[i].password);
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.database, good[i].database);
        assert_int_equal(url.port, good[i].port);
        if (good[i].socket != NULL)
            assert_string_equal(url.socket, good[i].socket);
        assert_true(url.host_count == 3 || url.host_count == 1);
        assert_true(url.sync_wait == (url.host_count == 3 || strstr(good[i].text, "sync-wait") != NULL));
        if (url.host_count == 3) {
            assert_string_equal(url.hosts[1].host, "::1");
            assert_int_equal(url.hosts[1].port, 2);
            assert_string_equal(url.hosts[2].host, "c");
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct db *db = NULL;
        assert_false(db_open(bad[i], 1, &db, &err));
        assert_null(db);
        assert_int_equal(err.kind, ERROR_MALFORMED);
        assert_string_equal(err.type, "database-url");
        assert_null(strstr(err.message, "geheim"));
        assert_null(strstr(err.detail, "geheim"));
    }
}

static void unreachable(void **state) {
    static const char *const away[] = {
        "mysql://u:geheim@localhost/d?socket=/nonexistent/db.sock",
        "mysql://u:geheim@127.0.0.1:1/d",
    };
    struct db *db;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(db_open(away[i], 2, &db, &err));
        assert_false(db_ping(db, &err));
        assert_int_equal(err.kind, ERROR_UNAVAILABLE);
        assert_string_equal(err.type, "database-unavailable");
        assert_null(strstr(err.detail, "geheim"));
        bool done = true, ran = false;
        TX(tx, db, &done, &err)
            ran = true;
        assert_false(done || ran);
        db_close(db);
    }
    char *wrong = arena_printf(arena, "mysql://nobody:geheim@localhost/gatehouse?%s",
                               strchr(application_url, '?') + 1);
    assert_true(db_open(wrong, 2, &db, &err));
    assert_false(db_ping(db, &err));
    assert_string_equal(err.type, "database-unavailable");
    assert_non_null(strstr(err.message, "account"));
    db_close(db);
}

static void session_settings(void **state) {
    static const char *const conditions[] = {
        "SELECT @@time_zone = '+00:00'",
        "SELECT @@sql_mode LIKE '%STRICT_ALL_TABLES%'",
        "SELECT @@tx_isolation = 'READ-COMMITTED'",
        "SELECT @@character_set_client = 'utf8mb4'",
        "SELECT @@collation_connection = 'utf8mb4_nopad_bin'",
        "SELECT @@autocommit",
    };
    (void)state;
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        int64_t holds = 0;
        DONE(tx_number(tx, conditions[i], NO_PARAMS, &holds, &err));
        if (holds != 1)
            fail_msg("%s", conditions[i]);
    }
}

static void bodies(void **state) {
    const char *value;
    bool done = true;
    (void)state;
    /* ok false rolls back; the body's error stays. */
    TX(tx, store, &done, &err)
        tx.ok = setting_put(tx.tx, "bodies", "1", &err) &&
                (fail)(&err, ERROR_POLICY, "mine", "no"); /* not cmocka's macro */
    assert_false(done);
    assert_string_equal(err.type, "mine");
    DONE(setting_get(tx, arena, "bodies", &value, &err));
    assert_null(value);
    /* A body that sets nothing is not committed. */
    TX(tx, store, &done, &err)
        (void)!setting_put(tx.tx, "bodies", "1", &err);
    assert_false(done);
    /* An error that the body could live with does not stay behind a success. */
    struct organisation organisation;
    DONE(!organisation_by_slug(tx, arena, "none", &organisation, &err));
    assert_int_equal(err.kind, ERROR_NONE);
    /* No error wanted. */
    TX(tx, store, &done, NULL)
        tx.ok = organisation_by_slug(tx.tx, arena, "none", &organisation, NULL);
    assert_false(done);
}

/* What a mistake in this room looks like: an internal error, and the connection stays usable. */
static void mistakes(void **state) {
    struct rows rows;
    (void)state;
    REFUSED(tx_execute(tx, "SELEC", NO_PARAMS, NULL, &err), ERROR_INTERNAL, "internal");
    REFUSED(tx_execute(tx, "DO ?", NO_PARAMS, NULL, &err), ERROR_INTERNAL, "internal");
    REFUSED(rows_open(tx, arena, "DO 1", NO_PARAMS, &rows, &err), ERROR_INTERNAL, "internal");
    bool done = false;
    TX(tx, store, &done, &err) { /* takes one column of two */
        tx.ok = rows_open(tx.tx, arena, "SELECT 1, 2", NO_PARAMS, &rows, &err);
        assert_true(rows_next(&rows));
        rows_int(&rows);
        tx.ok = rows_close(&rows, &err);
    }
    assert_false(done);
    assert_non_null(strstr(err.detail, "columns"));
    TX(tx, store, &done, &err) { /* a number as text */
        tx.ok = rows_open(tx.tx, arena, "SELECT 1", NO_PARAMS, &rows, &err);
        assert_true(rows_next(&rows));
        assert_string_equal(rows_text(&rows), "");
        tx.ok = rows_close(&rows, &err);
    }
    assert_false(done);
    int64_t number = 7;
    DONE(tx_number(tx, "SELECT 42", NO_PARAMS, &number, &err));
    assert_int_equal(number, 42);
    REFUSED(tx_number(tx, "SELECT 42 FROM cas WHERE FALSE", NO_PARAMS, &number, &err),
            ERROR_INTERNAL, "internal");
}

/* More statements than a connection keeps. */
static void many_statements(void **state) {
    int64_t number;
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 400; i++) {
            DONE(tx_number(tx, arena_printf(arena, "SELECT %d", i), NO_PARAMS, &number, &err));
            assert_int_equal(number, i);
        }
}

/* Values as they come back. */
static void values(void **state) {
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    struct rows rows;
    bool done;
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        TX(tx, store, &done, &err) {
            int64_t back = 99;
            tx.ok = rows_open(tx.tx, arena, "SELECT CAST(? AS SIGNED), ?, NULL, ?",
                              PARAMS(p_int(numbers[i]), p_text("\xf0\x9f\x94\x91 "), p_null()),
                              &rows, &err);
            if (tx.ok && rows_next(&rows)) {
                back = rows_int(&rows);
                assert_string_equal(rows_text(&rows), "\xf0\x9f\x94\x91 ");
                assert_int_equal(rows_blob(&rows).len, 0);
                assert_true(uuid_is_nil(rows_uuid(&rows)));
            }
            tx.ok = tx.ok && rows_close(&rows, &err);
            assert_true(back == numbers[i]);
        }
        assert_true(done);
    }
}

struct holder {
    pthread_t thread;
    struct db *db;
    int hold_ms;
};

static void *hold(void *context) {
    struct holder *holder = context;
    struct error ignored;
    bool done;
    TX(tx, holder->db, &done, &ignored) {
        usleep((useconds_t)holder->hold_ms * 1000);
        tx.ok = true;
    }
    return NULL;
}

static void pool_limits(void **state) {
    struct holder holders[2];
    struct db *db;
    (void)state;
    assert_true(db_open(application_url, 2, &db, &err));
    /* Others are done within the wait. */
    for (int i = 0; i < 2; i++) {
        holders[i] = (struct holder){.db = db, .hold_ms = 700};
        pthread_create(&holders[i].thread, NULL, hold, &holders[i]);
    }
    usleep(300000);
    int64_t began_us = clock_monotonic_us();
    assert_true(db_ping(db, &err));
    assert_true(clock_monotonic_us() - began_us > 100000);
    for (int i = 0; i < 2; i++)
        pthread_join(holders[i].thread, NULL);
    /* They are not. */
    for (int i = 0; i < 2; i++) {
        holders[i] = (struct holder){.db = db, .hold_ms = 7000};
        pthread_create(&holders[i].thread, NULL, hold, &holders[i]);
    }
    usleep(300000);
    assert_false(db_ping(db, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(err.type, "database-busy");
    for (int i = 0; i < 2; i++)
        pthread_join(holders[i].thread, NULL);
    assert_true(db_ping(db, &err));
    db_close(db);
}

/* Errors by which the server says "again": the whole body runs again, and not for ever. */
static void retries(void **state) {
    static const int numbers[] = {1020, 1205, 1213, 1047};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *raise = arena_printf(
            arena, "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 'x'", numbers[i]);
        bool done = false;
        int runs = 0;
        TX(tx, store, &done, &err) {
            bool ok = setting_put(tx.tx, "retries", "1", &err);
            if (++runs < 4)
                ok = connection_run(tx.tx, raise, &err);
            tx.ok = ok;
        }
        assert_true(done);
        assert_int_equal(runs, 4);
        /* A body that overlooks the error is not committed all the same. */
        runs = 0;
        TX(tx, store, &done, &err) {
            bool overlooked = ++runs == 1 && !connection_run(tx.tx, raise, &err);
            tx.ok = overlooked || fail_for_test();
        }
        assert_false(done);
        assert_int_equal(runs, 2);
    }
    bool done = true;
    int runs = 0;
    int64_t began_us = clock_monotonic_us();
    TX(tx, store, &done, &err) {
        runs++;
        tx.ok = connection_run(
            tx.tx, "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'x'", &err);
    }
    assert_false(done);
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(err.type, "database-busy");
    assert_true(runs > 5 && runs < 20);
    assert_true(clock_monotonic_us() - began_us < 20 * US_PER_SECOND);
}

/* The option for Galera does no harm on a server without. */
static void sync_wait(void **state) {
    struct db *db;
    (void)state;
    assert_true(db_open(arena_printf(arena, "%s&sync-wait=1", application_url), 1, &db, &err));
    assert_true(db_ping(db, &err));
    db_close(db);
}

/* More than a packet of the server: refused here, and the connection stays. */
static void too_large(void **state) {
    const size_t size = (size_t)17 * 1024 * 1024;
    char *text = must_alloc(size + 1);
    const char *value;
    (void)state;
    memset(text, 'x', size);
    REFUSED(setting_put(tx, "large", text, &err), ERROR_TOO_LARGE, "too-large");
    text[(size_t)14 * 1024 * 1024] = '\0';
    DONE(setting_put(tx, "large", text, &err));
    DONE(setting_get(tx, arena, "large", &value, &err));
    assert_int_equal(strlen(value), (size_t)14 * 1024 * 1024);
    free(text);
}

static void folding(void **state) {
    static const char *const rows[][2] = {
        {"", ""},
        {"AbZ09_", "abz09_"},
        {"\xc3\x84\xc3\x96", "\xc3\xa4\xc3\xb6"},
        {"\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91"},
        {"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},
        {"\xe2\x84\xaa", "k"},
        {"\xff"
         "A",
         "\xff"
         "a"},
        {"\xc3", "\xc3"},
        {"\xe2\x82", "\xe2\x82"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(text_fold(arena, rows[i][0]), rows[i][1]);
    assert_string_equal(text_fit(arena, "\xc3\xa4\xc3\xb6\xc3\xbc", 2), "\xc3\xa4\xc3\xb6");
    assert_string_equal(text_fit(arena, "\xe2\x82", 9), "\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(text_fit(arena, NULL, 9), "");
    assert_string_equal(text_fit(arena, "abc", 0), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(unreachable),
        cmocka_unit_test(session_settings),
        cmocka_unit_test(bodies),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(many_statements),
        cmocka_unit_test(values),
        cmocka_unit_test(pool_limits),
        cmocka_unit_test(retries), cmocka_unit_test(sync_wait), cmocka_unit_test(too_large),
        cmocka_unit_test(folding),
    };
    return cmocka_run_group_tests_name("store database", tests, store_set_up, store_tear_down);
}
