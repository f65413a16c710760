/* What the database itself can do: the rows of one issuance, in a bare transaction of prepared INSERTs, by THREADS
 * connections.
 *
 *   bench_insert SECONDS THREADS SOCKET USER PASSWORD DATABASE
 *
 * The tables are made LIKE those of the gateway, with all their indexes; the rows are copies of those of the newest
 * certificate that was asked for, but for ids, serials and hashes, which are random as those of real ones are (ids
 * grow with time). Prints the transactions a second. The benchmark's own SQL: nothing of the store is measured
 * here. */
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

static char **arguments;
static atomic_bool over;
static atomic_llong done;

/* A row to copy. */
struct model {
    const char *table, *which;
    unsigned columns;
    char names[MAX_COLUMNS][65];
    char *values[MAX_COLUMNS];
    unsigned long lengths[MAX_COLUMNS];
    bool is_null[MAX_COLUMNS];
};
#define NEWEST "(SELECT MAX(id) FROM certificates WHERE template_id IS NOT NULL)"
static struct model models[] = {
    {.table = "requests", .which = "certificate_id = " NEWEST},
    {.table = "certificates", .which = "id = " NEWEST},
    {.table = "certificate_search", .which = "certificate_id = " NEWEST},
    {.table = "certificate_names", .which = "certificate_id = " NEWEST},
    {.table = "events", .which = "code = 'request.submitted' ORDER BY id DESC"},
    {.table = "events", .which = "code = 'certificate.issued' ORDER BY id DESC"},
};
#define MODELS (sizeof models / sizeof models[0])

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

static void run_on(MYSQL *db, const char *before, const char *table, const char *after) {
    char sql[512];
    snprintf(sql, sizeof sql, "%s bench_%s %s", before, table, after);
    run(db, sql);
}

static void read_model(MYSQL *db, struct model *m) {
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE %s LIMIT 1", m->table, m->which);
    run(db, sql);
    MYSQL_RES *result = mysql_store_result(db);
    MYSQL_ROW row = result == NULL ? NULL : mysql_fetch_row(result);
    if (row == NULL || mysql_num_fields(result) > MAX_COLUMNS)
        die(m->table, "there is no row to copy");
    m->columns = mysql_num_fields(result);
    for (unsigned i = 0; i < m->columns; i++) {
        unsigned long len = mysql_fetch_lengths(result)[i];
        snprintf(m->names[i], sizeof m->names[i], "%s", mysql_fetch_fields(result)[i].name);
        m->is_null[i] = row[i] == NULL;
        m->lengths[i] = len;
        m->values[i] = malloc(len + 1);
        if (m->values[i] == NULL)
            die("memory", "none");
        if (row[i] != NULL)
            memcpy(m->values[i], row[i], len);
    }
    mysql_free_result(result);
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

/* In events the request's id is a text. */
static bool is_text(const struct model *m, unsigned column) {
    return strcmp(m->table, "events") == 0 && strcmp(m->names[column], "request_id") == 0;
}

static bool is_one_of(const char *name, const char *const *names) {
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}
static const char *const ids[] = {"id", "request_id", "certificate_id", NULL};
static const char *const hashes[] = {"serial", "fingerprint_sha256", "spki_sha256", NULL};

/* One prepared INSERT of a thread. */
struct insert {
    const struct model *model;
    MYSQL_STMT *statement;
    MYSQL_BIND binds[MAX_COLUMNS];
    unsigned long lengths[MAX_COLUMNS];
    unsigned char fresh[MAX_COLUMNS][64];
    my_bool null;
};

static void prepare(MYSQL *db, const struct model *m, struct insert *insert) {
    char sql[8192];
    snprintf(sql, sizeof sql, "INSERT INTO bench_%s (", m->table);
    for (unsigned i = 0; i < m->columns; i++)
        snprintf(sql + strlen(sql), sizeof sql - strlen(sql), "%s%s", i == 0 ? "" : ", ",
                 m->names[i]);
    strcat(sql, ") VALUES (");
    for (unsigned i = 0; i < m->columns; i++)
        strcat(sql, i == 0 ? "?" : ", ?");
    strcat(sql, ")");
    insert->model = m;
    insert->null = 1;
    insert->statement = mysql_stmt_init(db);
    if (insert->statement == NULL ||
        mysql_stmt_prepare(insert->statement, sql, strlen(sql)) != 0)
        die(sql, mysql_error(db));
    for (unsigned i = 0; i < m->columns; i++) {
        bool random = (is_one_of(m->names[i], ids) || is_one_of(m->names[i], hashes)) &&
                      m->lengths[i] <= sizeof insert->fresh[i] && !is_text(m, i);
        insert->lengths[i] = m->lengths[i];
        insert->binds[i].buffer_type = MYSQL_TYPE_BLOB;
        insert->binds[i].buffer = random ? (void *)insert->fresh[i] : m->values[i];
        insert->binds[i].buffer_length = m->lengths[i];
        insert->binds[i].length = &insert->lengths[i];
        if (m->is_null[i])
            insert->binds[i].is_null = &insert->null;
    }
    if (mysql_stmt_bind_param(insert->statement, insert->binds) != 0)
        die("bind", mysql_stmt_error(insert->statement));
}

static void execute(struct insert *insert) {
    const struct model *m = insert->model;
    for (unsigned i = 0; i < m->columns; i++)
        if (is_one_of(m->names[i], ids))
            new_id(insert->fresh[i]);
        else if (is_one_of(m->names[i], hashes))
            RAND_bytes(insert->fresh[i], sizeof insert->fresh[i]);
    if (mysql_stmt_execute(insert->statement) != 0)
        die("insert", mysql_stmt_error(insert->statement));
}

static void *insert_rows(void *context) {
    MYSQL *db = dial();
    struct insert *inserts = calloc(MODELS, sizeof *inserts);
    (void)context;
    if (inserts == NULL)
        die("memory", "none");
    for (size_t i = 0; i < MODELS; i++)
        prepare(db, &models[i], &inserts[i]);
    while (!atomic_load(&over)) {
        run(db, "START TRANSACTION");
        for (size_t i = 0; i < MODELS; i++)
            execute(&inserts[i]);
        run(db, "COMMIT");
        atomic_fetch_add(&done, 1);
    }
    for (size_t i = 0; i < MODELS; i++)
        mysql_stmt_close(inserts[i].statement);
    free(inserts);
    mysql_close(db);
    return NULL;
}

static double measure(int seconds, int threads) {
    pthread_t workers[MAX_THREADS];
    struct timespec from, to, pause = {.tv_sec = seconds};
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&workers[i], NULL, insert_rows, NULL) != 0)
            die("thread", "cannot be started");
    nanosleep(&pause, NULL);
    long long count = atomic_load(&done);
    clock_gettime(CLOCK_MONOTONIC, &to);
    atomic_store(&over, true);
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    return (double)count /
           ((double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}

int main(int argc, char *argv[]) {
    if (argc != 7) {
        fputs("usage: bench_insert SECONDS THREADS SOCKET USER PASSWORD DATABASE\n", stderr);
        return 2;
    }
    int seconds = atoi(argv[1]), threads = atoi(argv[2]);
    arguments = argv;
    if (threads < 1 || threads > MAX_THREADS)
        die("threads", "1 to 64");
    MYSQL *db = dial();
    for (size_t i = 0; i < MODELS; i++) {
        char like[128];
        snprintf(like, sizeof like, "LIKE %s", models[i].table);
        run_on(db, "DROP TABLE IF EXISTS", models[i].table, "");
        run_on(db, "CREATE TABLE", models[i].table, like);
        read_model(db, &models[i]);
    }
    double rate = measure(seconds, threads);
    for (size_t i = 0; i < MODELS; i++)
        run_on(db, "DROP TABLE IF EXISTS", models[i].table, "");
    mysql_close(db);
    printf("%.1f\n", rate);
    return 0;
}
