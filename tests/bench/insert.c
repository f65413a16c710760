/* What the database itself can do: bare INSERTs of certificate rows, one COMMIT each, by THREADS
 * connections.
 *
 *   bench_insert SECONDS THREADS SOCKET USER PASSWORD DATABASE
 *
 * The table is made LIKE `certificates`, with all its indexes; every row is a copy of the newest
 * certificate but for id, serial and hashes, which are random as those of real ones are (the id
 * grows with time). Prints the rows a second. The benchmark's own SQL: nothing of the store is
 * measured here. */
#include <mysql.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_COLUMNS 64
#define MAX_THREADS 64
#define TABLE "bench_certificates"

static char **arguments;
static atomic_bool over;
static atomic_llong done;

/* The row to copy. */
static unsigned columns;
static char names[MAX_COLUMNS][65];
static char *values[MAX_COLUMNS];
static unsigned long lengths[MAX_COLUMNS];
static bool is_null[MAX_COLUMNS];

static _Noreturn void die(const char *what, const char *why) {
    fprintf(stderr, "bench_insert: %s: %s\n", what, why);
    exit(1);
}

static MYSQL *dial(void) {
    MYSQL *db = mysql_init(NULL);
    if (db == NULL || mysql_real_connect(db, NULL, arguments[4], arguments[5], arguments[6], 0,
                                         arguments[3], 0) == NULL)
        die("connection", db == NULL ? "no memory" : mysql_error(db));
    return db;
}

static void run(MYSQL *db, const char *sql) {
    if (mysql_query(db, sql) != 0)
        die(sql, mysql_error(db));
}

static void read_model(MYSQL *db) {
    run(db, "SELECT * FROM certificates WHERE template_id IS NOT NULL ORDER BY id DESC LIMIT 1");
    MYSQL_RES *result = mysql_store_result(db);
    MYSQL_ROW row = result == NULL ? NULL : mysql_fetch_row(result);
    if (row == NULL || mysql_num_fields(result) > MAX_COLUMNS)
        die("certificates", "there is no row to copy");
    columns = mysql_num_fields(result);
    for (unsigned i = 0; i < columns; i++) {
        unsigned long len = mysql_fetch_lengths(result)[i];
        snprintf(names[i], sizeof names[i], "%s", mysql_fetch_fields(result)[i].name);
        is_null[i] = row[i] == NULL;
        lengths[i] = len;
        values[i] = malloc(len + 1);
        if (values[i] == NULL)
            die("memory", "none");
        if (row[i] != NULL)
            memcpy(values[i], row[i], len);
    }
    mysql_free_result(result);
}

static MYSQL_STMT *prepare(MYSQL *db) {
    char sql[8192] = "INSERT INTO " TABLE " (";
    for (unsigned i = 0; i < columns; i++)
        snprintf(sql + strlen(sql), sizeof sql - strlen(sql), "%s%s", i == 0 ? "" : ", ", names[i]);
    strcat(sql, ") VALUES (");
    for (unsigned i = 0; i < columns; i++)
        strcat(sql, i == 0 ? "?" : ", ?");
    strcat(sql, ")");
    MYSQL_STMT *statement = mysql_stmt_init(db);
    if (statement == NULL || mysql_stmt_prepare(statement, sql, strlen(sql)) != 0)
        die(sql, mysql_error(db));
    return statement;
}

/* UUIDv7: time first. */
static void new_id(unsigned char id[16]) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    unsigned long long ms =
        (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
    RAND_bytes(id, 16);
    for (int i = 5; i >= 0; i--, ms >>= 8)
        id[i] = (unsigned char)ms;
}

static bool is(unsigned column, const char *name) {
    return strcmp(names[column], name) == 0;
}

static void *insert(void *context) {
    MYSQL *db = dial();
    MYSQL_STMT *statement = prepare(db);
    MYSQL_BIND binds[MAX_COLUMNS];
    unsigned char fresh[MAX_COLUMNS][32];
    my_bool null = 1;
    (void)context;
    memset(binds, 0, sizeof binds);
    for (unsigned i = 0; i < columns; i++) {
        bool random = is(i, "id") || is(i, "serial") || is(i, "request_id") ||
                      is(i, "fingerprint_sha256") || is(i, "spki_sha256");
        binds[i].buffer_type = MYSQL_TYPE_BLOB;
        binds[i].buffer = random ? (void *)fresh[i] : values[i];
        binds[i].buffer_length = lengths[i];
        binds[i].length = &lengths[i];
        if (is_null[i])
            binds[i].is_null = &null;
    }
    if (mysql_stmt_bind_param(statement, binds) != 0)
        die("bind", mysql_stmt_error(statement));
    while (!atomic_load(&over)) {
        for (unsigned i = 0; i < columns; i++)
            if (is(i, "id") || is(i, "request_id"))
                new_id(fresh[i]);
            else
                RAND_bytes(fresh[i], sizeof fresh[i]);
        if (mysql_stmt_execute(statement) != 0)
            die("insert", mysql_stmt_error(statement));
        atomic_fetch_add(&done, 1);
    }
    mysql_stmt_close(statement);
    mysql_close(db);
    return NULL;
}

int main(int argc, char *argv[]) {
    if (argc != 7) {
        fputs("usage: bench_insert SECONDS THREADS SOCKET USER PASSWORD DATABASE\n", stderr);
        return 2;
    }
    pthread_t ids[MAX_THREADS];
    int seconds = atoi(argv[1]), threads = atoi(argv[2]);
    arguments = argv;
    if (threads < 1 || threads > MAX_THREADS)
        die("threads", "1 to 64");
    MYSQL *db = dial();
    run(db, "DROP TABLE IF EXISTS " TABLE);
    run(db, "CREATE TABLE " TABLE " LIKE certificates");
    read_model(db);
    struct timespec from, to, pause = {.tv_sec = seconds};
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, insert, NULL) != 0)
            die("thread", "cannot be started");
    nanosleep(&pause, NULL);
    long long count = atomic_load(&done);
    clock_gettime(CLOCK_MONOTONIC, &to);
    atomic_store(&over, true);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    run(db, "DROP TABLE " TABLE);
    mysql_close(db);
    printf("%.1f\n", (double)count / ((double)(to.tv_sec - from.tv_sec) +
                                      (double)(to.tv_nsec - from.tv_nsec) / 1e9));
    return 0;
}
