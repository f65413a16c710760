/* A connection that goes at COMMIT, before or after the server has done it: what is done is told, what is not runs
 * again, and neither happens twice. In between stands a relay that knows the moment. */
#include "fixture.h"
#include "store/sql.h"
#include "store/users.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum cut { CUT_NEVER, CUT_BEFORE, CUT_AFTER };
static _Atomic enum cut next_cut;
static atomic_int pieces; /* that clients have written */
static char server_socket[100]; /* threads of the relay may outlive a test's arena */
static struct uuid organisation;
static struct db *relayed, *with_marks;

static int socket_at(const char *path, bool listens) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    bool ok = listens ? bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 16) == 0
                      : connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    assert_true(ok);
    return fd;
}

/* False when the line shall end. */
static bool pass(int from, int to, bool from_client) {
    char bytes[65536];
    ssize_t len = read(from, bytes, sizeof bytes);
    if (len <= 0)
        return false;
    pieces += from_client;
    bool is_commit = from_client && len == 11 && memcmp(bytes + 4, "\003COMMIT", 7) == 0;
    enum cut cut = is_commit ? atomic_exchange(&next_cut, CUT_NEVER) : CUT_NEVER;
    if (cut == CUT_BEFORE || write(to, bytes, (size_t)len) != len)
        return false;
    if (cut == CUT_AFTER)
        (void)!read(to, bytes, sizeof bytes); /* the server says OK, and nobody hears it */
    return cut == CUT_NEVER;
}

static void *relay_one(void *context) {
    int client = *(int *)context, server = socket_at(server_socket, false);
    struct pollfd ends[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    bool on = true;
    free(context);
    while (on && poll(ends, 2, -1) > 0)
        for (int i = 0; on && i < 2; i++)
            if (ends[i].revents != 0)
                on = pass(ends[i].fd, ends[1 - i].fd, i == 0);
    close(client);
    close(server);
    return NULL;
}

static void *relay(void *context) {
    int listener = *(int *)context;
    for (;;) {
        pthread_t thread;
        int *client = must_alloc(sizeof *client);
        *client = accept(listener, NULL, NULL);
        if (*client < 0) {
            free(client);
            return NULL;
        }
        pthread_create(&thread, NULL, relay_one, client);
        pthread_detach(thread);
    }
}

static int listener;
static pthread_t relay_thread;

static int set_up(void **state) {
    static char path[100];
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    const char *socket_name = strstr(application_url, "socket=") + 7;
    snprintf(server_socket, sizeof server_socket, "%s", socket_name);
    snprintf(path, sizeof path, "%.80s.relay", server_socket);
    unlink(path);
    listener = socket_at(path, true);
    pthread_create(&relay_thread, NULL, relay, &listener);
    const char *url = arena_printf(arena, "%.*s%s", (int)(socket_name - application_url), application_url, path);
    return db_open(url, 4, &relayed, &err) &&
                   db_open(arena_printf(arena, "%s&commit-marks=1", url), 4, &with_marks, &err)
               ? 0
               : -1;
}

static int take_down(void **state) {
    db_close(relayed);
    db_close(with_marks);
    shutdown(listener, SHUT_RDWR);
    pthread_join(relay_thread, NULL);
    close(listener);
    return store_tear_down(state);
}

struct order {
    const char *name;
    atomic_int runs;
};

static bool write_it(struct tx *tx, void *context, struct error *error) {
    struct order *order = context;
    struct event event = {.organisation_id = organisation, .code = "settle.test", .outcome = "success", .actor = "w",
                          .object = order->name};
    order->runs++;
    return setting_put(tx, order->name, "x", error) && event_append(tx, &event, error);
}

static int64_t events_of(const char *code, const char *object) {
    int64_t count = -1;
    DONE(tx_number(tx, "SELECT COUNT(*) FROM events WHERE code = ? AND (? = '' OR object = ?)",
                   PARAMS(p_text(code), p_text(object), p_text(object)), &count, &err));
    return count;
}

static void one(const char *name, enum cut cut, int runs, int64_t abandoned) {
    struct order order = {.name = name};
    int64_t before = events_of("database.commit-abandoned", "");
    bool done = false;
    next_cut = cut;
    TX(tx, relayed, &done, &err)
        tx.ok = write_it(tx.tx, &order, &err);
    if (!done)
        fail_msg("%s: %s (%s)", name, err.message, err.detail);
    assert_int_equal(order.runs, runs);
    assert_int_equal(events_of("settle.test", name), 1);
    assert_int_equal(events_of("database.commit-abandoned", "") - before, abandoned);
}

static void lost_before(void **state) {
    (void)state;
    one("before", CUT_BEFORE, 2, 1);
}

static void lost_after(void **state) {
    (void)state;
    one("after", CUT_AFTER, 1, 0);
}

#define THREADS 8

static void *write_many(void *context) {
    for (int i = 0; i < 20; i++) {
        struct error error = {0};
        char name[40];
        snprintf(name, sizeof name, "many-%d-%d", *(int *)context, i);
        struct order order = {.name = name};
        /* By two of them, for then no transaction meets more than two: a third loss is told to the caller. */
        if (*(int *)context < 2 && i % 3 == 0)
            next_cut = i % 2 == 0 ? CUT_BEFORE : CUT_AFTER;
        if (!tx_together(relayed, write_it, &order, &error))
            fail_msg("%s: %s (%s)", name, error.message, error.detail);
    }
    return NULL;
}

/* Shared transactions, cut again and again: each of theirs once. */
static void many(void **state) {
    pthread_t threads[THREADS];
    int numbers[THREADS];
    int64_t doubles = -1;
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, write_many, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(events_of("settle.test", ""), 2 + THREADS * 20);
    DONE(tx_number(tx, "SELECT COUNT(*) - COUNT(DISTINCT object) FROM events WHERE code = 'settle.test'", NO_PARAMS,
                   &doubles, &err));
    assert_int_equal(doubles, 0);
}

/* The turn to a transaction and its first statement; what waited for the end; COMMIT. */
static void one_piece_each_time(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) { /* statements are prepared at first */
        pieces = 0;
        one(arena_printf(arena, "pieces-%d", i), CUT_NEVER, 1, 0);
    }
    assert_int_equal(pieces, 3);
}

/* Without an event there is nothing to look for. */
static void unmarked(void **state) {
    bool done = true;
    int runs = 0;
    (void)state;
    next_cut = CUT_BEFORE;
    TX(tx, relayed, &done, &err) {
        runs++;
        tx.ok = setting_put(tx.tx, "unmarked", "x", &err);
    }
    assert_false(done);
    assert_int_equal(runs, 1);
    assert_string_equal(err.type, "database-unavailable");
}

static int64_t marks(const char *which) {
    int64_t count = -1;
    DONE(tx_number(tx, arena_printf(arena, "SELECT COUNT(*) FROM commit_marks WHERE %s", which), NO_PARAMS, &count, &err));
    return count;
}

/* A row for the purpose does what an event does; only what changes something leaves one, and it is gone after an hour. */
static void marked_by_row(void **state) {
    static const enum cut cuts[] = {CUT_NEVER, CUT_BEFORE, CUT_AFTER};
    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *name = arena_printf(arena, "row-%d", i), *value = NULL;
        bool done = false;
        int runs = 0;
        next_cut = cuts[i];
        TX(tx, with_marks, &done, &err) {
            runs++;
            tx.ok = setting_put(tx.tx, name, "x", &err);
        }
        assert_true(done);
        assert_int_equal(runs, cuts[i] == CUT_BEFORE ? 2 : 1);
        DONE(setting_get(tx, arena, name, &value, &err));
        assert_string_equal(value, "x");
    }
    assert_int_equal(marks("NOT abandoned"), 3);
    assert_int_equal(marks("abandoned"), 1);
    bool done = false;
    TX(tx, with_marks, &done, &err) /* locks, and changes no row */
        tx.ok = session_delete_expired(tx.tx, 1, &err);
    assert_true(done);
    one("event", CUT_NEVER, 1, 0);
    assert_int_equal(marks("TRUE"), 4);
    root_sql("UPDATE commit_marks SET at_us = at_us - 3601000000 WHERE abandoned");
    DONE(db_forget_marks(tx, &err));
    assert_int_equal(marks("NOT abandoned"), 3);
    assert_int_equal(marks("TRUE"), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_before),
        cmocka_unit_test(lost_after),
        cmocka_unit_test(many),
        cmocka_unit_test(one_piece_each_time),
        cmocka_unit_test(unmarked),
        cmocka_unit_test(marked_by_row),
    };
    return cmocka_run_group_tests_name("store-settle", tests, set_up, take_down);
}
