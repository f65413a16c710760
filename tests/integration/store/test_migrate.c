/* Migrations: splitting, checksums, interruption, two at once. The database is fresh for every test. */
#include "fixture.h"
#include "store/migrate.h"
#include "store/migrate_split.h"
#include "store/sql.h"

#include <pthread.h>

static struct db *owner;

static int fresh(void **state) {
    (void)state;
    arena = arena_new();
    root_sql("DROP DATABASE gatehouse; CREATE DATABASE gatehouse CHARACTER SET utf8mb4 "
             "COLLATE utf8mb4_nopad_bin");
    store = owner = NULL;
    if (!db_open(getenv("GATEHOUSE_TEST_DB"), 8, &owner, &err))
        return -1;
    store = owner;
    return 0;
}

static int clean(void **state) {
    return store_tear_down(state);
}

static void splits(void **state) {
    static const struct {
        const char *text;
        int count; /* -1: refused */
        const char *first;
    } rows[] = {
        {"", 0, NULL},
        {" \n\t", 0, NULL},
        {";;;", 0, NULL},
        {"-- a; b\n", 0, NULL},
        {"/* ; */ ;", 0, NULL},
        {"A;", 1, "A"},
        {"A;B;", 2, "A"},
        {"A", -1, NULL},
        {"A;B", -1, NULL},
        {"A';'B;", 1, "A';'B"},
        {"A'\\';'B;", 1, "A'\\';'B"},
        {"A''';'B;", 1, "A''';'B"},
        {"A\";\"B;", 1, "A\";\"B"},
        {"A`;`B;", 1, "A`;`B"},
        {"A`\\`;B;", 2, "A`\\`"},
        {"A -- ;\n;", 1, "A -- ;\n"},
        {"A --;\n", 1, "A --"},
        {"A # ;\nB;", 1, "A # ;\nB"},
        {"A/*;*/B;", 1, "A/*;*/B"},
        {"A -- it's\n;", 1, "A -- it's\n"},
        {"A';", -1, NULL},
        {"A/*;", -1, NULL},
        {"A'\\", -1, NULL},
        {"A;-- end", 1, "A"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view *statements;
        size_t count = 99;
        bool ok = migrate_split(arena, view_text(rows[i].text), &statements, &count, &err);
        if (ok != (rows[i].count >= 0) || (ok && count != (size_t)rows[i].count))
            fail_msg("row %zu: %d, %zu", i, ok, count);
        if (ok && count > 0)
            assert_true(view_is(statements[0], rows[i].first));
    }
}

#define MIGRATION(number, label, sql)                                                              \
    {                                                                                              \
        number, label, {                                                                           \
            (const uint8_t *)(sql), sizeof(sql) - 1                                                \
        }                                                                                          \
    }

static const struct migration one[] = {
    MIGRATION(1, "0001-one",
              "CREATE TABLE IF NOT EXISTS a (x INT PRIMARY KEY);\n"
              "INSERT IGNORE INTO a VALUES (1); INSERT IGNORE INTO a VALUES (2);"),
};
static const struct migration two[] = {
    MIGRATION(1, "0001-one",
              "CREATE TABLE IF NOT EXISTS a (x INT PRIMARY KEY);\n"
              "INSERT IGNORE INTO a VALUES (1); INSERT IGNORE INTO a VALUES (2);"),
    MIGRATION(2, "0002-two", "ALTER TABLE a ADD COLUMN IF NOT EXISTS y INT NOT NULL DEFAULT 7;"),
};

static int64_t number(const char *sql) {
    int64_t value = -1;
    DONE(tx_number(tx, sql, NO_PARAMS, &value, &err));
    return value;
}

static void in_order(void **state) {
    (void)state;
    assert_false(schema_check_with(owner, one, 1, &err));
    assert_string_equal(err.type, "schema");
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_true(migrate_with(owner, one, 1, &err));
    assert_true(schema_check_with(owner, one, 1, &err));
    assert_false(schema_check_with(owner, two, 2, &err)); /* older */
    assert_string_equal(err.type, "schema");
    assert_non_null(strstr(err.message, "0002-two"));
    assert_true(migrate_with(owner, two, 2, &err));
    assert_true(migrate_with(owner, two, 2, &err));
    assert_true(schema_check_with(owner, two, 2, &err));
    assert_int_equal(number("SELECT MIN(y) FROM a"), 7);
    assert_false(schema_check_with(owner, one, 1, &err)); /* newer */
    assert_string_equal(err.type, "schema");
    assert_false(migrate_with(owner, one, 1, &err));
    assert_string_equal(err.type, "schema");
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations WHERE complete = 1"), 2);
}

static int64_t tables(void) {
    return number("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'gatehouse'");
}

/* A dry run says what would run, and changes nothing: on an empty database, half way, and at the end. */
static void planned(void **state) {
    struct migration_step *steps;
    size_t count;
    (void)state;
    assert_true(migrate_plan_with(owner, arena, two, 2, &steps, &count, &err));
    assert_int_equal(count, 2 + 3 + 1);
    assert_non_null(strstr(steps[0].statement, "schema_migrations"));
    assert_string_equal(steps[2].migration, "0001-one");
    assert_string_equal(steps[2].statement, "CREATE TABLE IF NOT EXISTS a (x INT PRIMARY KEY)");
    assert_int_equal(tables(), 0);
    assert_true(migrate_with(owner, one, 1, &err));
    assert_true(migrate_plan_with(owner, arena, two, 2, &steps, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(steps[0].migration, "0002-two");
    assert_int_equal(steps[0].number, 1);
    assert_int_equal(steps[0].of, 1);
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations"), 1);
    root_sql("UPDATE schema_migrations SET statements_done = 2, complete = 0");
    assert_true(migrate_plan_with(owner, arena, one, 1, &steps, &count, &err));
    assert_int_equal(count, 1); /* the last of three */
    assert_int_equal(steps[0].number, 3);
    assert_true(migrate_with(owner, two, 2, &err));
    assert_true(migrate_plan_with(owner, arena, two, 2, &steps, &count, &err));
    assert_int_equal(count, 0);
    assert_false(migrate_plan_with(owner, arena, one, 1, &steps, &count, &err)); /* a newer release was here */
    assert_string_equal(err.type, "schema");
}

static void changed(void **state) {
    static const struct migration other[] = {
        MIGRATION(1, "0001-one", "CREATE TABLE IF NOT EXISTS a (x INT PRIMARY KEY);"),
        MIGRATION(2, "0002-two", "CREATE TABLE never (x INT PRIMARY KEY);"),
    };
    (void)state;
    assert_true(migrate_with(owner, one, 1, &err));
    assert_false(migrate_with(owner, other, 2, &err));
    assert_string_equal(err.type, "schema");
    assert_non_null(strstr(err.message, "0001-one"));
    assert_non_null(strstr(err.message, "checksum"));
    assert_int_equal(number("SELECT COUNT(*) FROM information_schema.tables WHERE "
                            "table_schema = 'gatehouse' AND table_name = 'never'"),
                     0);
    assert_false(schema_check_with(owner, other, 2, &err));
}

/* The third statement fails until its table is there; then the migration goes on with it. */
static void interrupted(void **state) {
    static const struct migration list[] = {
        MIGRATION(1, "0001-x",
                  "CREATE TABLE x (n INT PRIMARY KEY); INSERT INTO x VALUES (1);"
                  "INSERT INTO missing VALUES (5); INSERT INTO x VALUES (2);"),
    };
    (void)state;
    assert_false(migrate_with(owner, list, 1, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_non_null(strstr(err.detail, "0001-x, statement 3"));
    assert_false(schema_check_with(owner, list, 1, &err));
    assert_int_equal(number("SELECT statements_done FROM schema_migrations"), 2);
    root_sql("CREATE TABLE missing (n INT PRIMARY KEY)");
    assert_true(migrate_with(owner, list, 1, &err)); /* CREATE TABLE x would fail if it ran again */
    assert_int_equal(number("SELECT SUM(n) = 3 FROM x"), 1);
    assert_true(schema_check_with(owner, list, 1, &err));
}

static void *migrate_thread(void *context) {
    struct error error;
    bool *ok = context;
    struct db *db;
    *ok = db_open(getenv("GATEHOUSE_TEST_DB"), 2, &db, &error);
    if (*ok) {
        *ok = db_migrate(db, &error);
        if (!*ok)
            print_error("%s %s\n", error.message, error.detail);
        db_close(db);
    }
    return NULL;
}

static void at_once(void **state) {
    pthread_t threads[4];
    bool ok[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, migrate_thread, &ok[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        assert_true(ok[i]);
    assert_true(db_schema_check(owner, &err));
}

/* Who died while it migrated does not stop others for longer than its lease. */
static void abandoned(void **state) {
    (void)state;
    assert_true(migrate_with(owner, one, 1, &err));
    root_sql("UPDATE schema_lease SET holder = REPEAT('x', 16), "
             "until_us = UNIX_TIMESTAMP(NOW(6)) * 1000000 + 3000000");
    int64_t began_us = clock_monotonic_us();
    assert_true(migrate_with(owner, two, 2, &err));
    assert_true(clock_monotonic_us() - began_us > 2 * US_PER_SECOND);
    assert_true(clock_monotonic_us() - began_us < 20 * US_PER_SECOND);
}

/* Every table has a primary key, nothing counts by itself, all text is compared by its bytes. */
static void schema_rules(void **state) {
    (void)state;
    assert_true(db_migrate(owner, &err));
    assert_int_equal(number("SELECT COUNT(*) FROM information_schema.tables t WHERE "
                            "t.table_schema = DATABASE() AND NOT EXISTS (SELECT 1 FROM "
                            "information_schema.table_constraints c WHERE c.table_schema = "
                            "t.table_schema AND c.table_name = t.table_name AND "
                            "c.constraint_type = 'PRIMARY KEY')"),
                     0);
    assert_int_equal(number("SELECT COUNT(*) FROM information_schema.columns WHERE "
                            "table_schema = DATABASE() AND extra LIKE '%auto_increment%'"),
                     0);
    assert_int_equal(number("SELECT COUNT(*) FROM information_schema.columns WHERE "
                            "table_schema = DATABASE() AND collation_name IS NOT NULL AND "
                            "collation_name <> 'utf8mb4_nopad_bin'"),
                     0);
    assert_int_equal(number("SELECT COUNT(*) FROM information_schema.columns WHERE "
                            "table_schema = DATABASE() AND data_type IN "
                            "('timestamp', 'datetime', 'date', 'float', 'double')"),
                     0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(splits, fresh, clean),
        cmocka_unit_test_setup_teardown(in_order, fresh, clean),
        cmocka_unit_test_setup_teardown(planned, fresh, clean),
        cmocka_unit_test_setup_teardown(changed, fresh, clean),
        cmocka_unit_test_setup_teardown(interrupted, fresh, clean),
        cmocka_unit_test_setup_teardown(at_once, fresh, clean),
        cmocka_unit_test_setup_teardown(abandoned, fresh, clean),
        cmocka_unit_test_setup_teardown(schema_rules, fresh, clean),
    };
    return cmocka_run_group_tests_name("store migrations", tests, NULL, NULL);
}
