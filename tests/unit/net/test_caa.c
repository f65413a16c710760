/* CAA as RFC 8659 and RFC 8657 have it, against name servers on loopback: whole names, one record
 * each or several, and one server that knows nothing, so that a quorum has something to decide. */
#include "net/caa.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct record {
    const char *name, *tag, *value;
    unsigned flags;
};
static const struct record zone[] = {
    {"ours.test", "issue", "ca.example", 0},
    {"shouted.test", "ISSUE", "  CA.Example ; ", 0},
    {"theirs.test", "issue", "other.example", 0},
    {"both.test", "issue", "other.example", 0},
    {"both.test", "issue", "ca.example", 0},
    {"nobody.test", "issue", ";", 0},
    {"mail.test", "iodef", "mailto:a@example.org", 0},
    {"wild.test", "issue", "ca.example", 0},
    {"wild.test", "issuewild", ";", 0},
    {"onlywild.test", "issuewild", "ca.example", 0},
    {"critical.test", "future", "x", 128},
    {"lenient.test", "future", "x", 0},
    {"account.test", "issue", "ca.example; accounturi=https://ca.example/acct/7", 0},
    {"accounts.test", "issue", "ca.example; accounturi=https://ca.example/acct/7; accounturi=x", 0},
    {"method.test", "issue", "ca.example; validationmethods=dns-01,tls-alpn-01", 0},
    {"longer.test", "issue", "ca.example; validationmethods=x-dns-01-x", 0},
    {"spaced.test", "issue", "ca.example;validationmethods = http-01 , dns-01", 0},
    {"broken.test", "is sue", "ca.example", 0},
    {"stop.theirs.test", "issue", "ca.example", 0},
};

struct server {
    int socket;
    unsigned short port;
    const struct record *zone;
    size_t count;
    pthread_t thread;
};
static struct server full, empty;

static size_t respond(const struct server *server, uint8_t *m, const char *name, size_t len) {
    int type = m[len - 4] << 8 | m[len - 3], answers = 0;
    if (strncmp(name, "fails.", 6) == 0)
        m[3] = 0x82;
    else
        m[3] = 0x80;
    for (size_t i = 0; type == DNS_CAA && i < server->count; i++) {
        const struct record *r = &server->zone[i];
        if (strcasecmp(r->name, name) != 0)
            continue;
        size_t tag = strlen(r->tag), value = strlen(r->value), rdata = 2 + tag + value;
        const uint8_t head[] = {0xc0,
                                12,
                                1,
                                1,
                                0,
                                1,
                                0,
                                0,
                                0,
                                60,
                                (uint8_t)(rdata >> 8),
                                (uint8_t)rdata,
                                (uint8_t)r->flags,
                                (uint8_t)tag};
        memcpy(m + len, head, sizeof head);
        memcpy(m + len + sizeof head, r->tag, tag);
        memcpy(m + len + sizeof head + tag, r->value, value);
        len += sizeof head + tag + value;
        answers++;
    }
    m[2] = 0x84;
    m[7] = (uint8_t)answers;
    memset(m + 8, 0, 4);
    return len;
}

static void *run(void *context) {
    struct server *server = context;
    uint8_t message[1500];
    struct sockaddr_in from;
    for (;;) {
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(server->socket, message, 512, 0, (struct sockaddr *)&from, &from_len);
        char name[256];
        size_t end = 12, at = 0;
        if (n <= 16)
            return NULL;
        while (end < (size_t)n && message[end] != 0 && at + message[end] + 2 < sizeof name) {
            memcpy(name + at, message + end + 1, message[end]);
            at += message[end];
            name[at++] = '.';
            end += message[end] + 1u;
        }
        name[at == 0 ? 0 : at - 1] = '\0';
        size_t len = respond(server, message, name, end + 5);
        sendto(server->socket, message, len, 0, (struct sockaddr *)&from, from_len);
    }
}

static void start(struct server *server, const struct record *records, size_t count) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    server->zone = records;
    server->count = count;
    server->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->socket, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(server->socket, (struct sockaddr *)&at, &len), 0);
    server->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

static void stop(struct server *server) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(server->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sendto(server->socket, "", 1, 0, (struct sockaddr *)&at, sizeof at);
    pthread_join(server->thread, NULL);
    close(server->socket);
}

static int set_up(void **state) {
    (void)state;
    start(&full, zone, sizeof zone / sizeof zone[0]);
    start(&empty, NULL, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stop(&full);
    stop(&empty);
    return 0;
}

static const char *const local[] = {"127.0.0.1", NULL};
static const char *const us[] = {"ca.example", NULL};

static struct dns_config view(const struct server *server) {
    return (struct dns_config){.resolvers = local, .port = server->port, .timeout_ms = 5000};
}

enum verdict { YES, NO, UNKNOWN };

static void test_records(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool wildcard;
        const char *account, *method;
        bool any_method;
        enum verdict verdict;
    } rows[] = {
        {"free.test", false, NULL, NULL, false, YES},
        {"ours.test", false, NULL, NULL, false, YES},
        {"deep.down.ours.test", false, NULL, NULL, false, YES},
        {"ours.test", true, NULL, NULL, false, YES},
        {"shouted.test", false, NULL, NULL, false, YES},
        {"theirs.test", false, NULL, NULL, false, NO},
        {"a.b.c.theirs.test", false, NULL, NULL, false, NO},
        {"x.stop.theirs.test", false, NULL, NULL, false, YES},
        {"both.test", false, NULL, NULL, false, YES},
        {"nobody.test", false, NULL, NULL, false, NO},
        {"mail.test", false, NULL, NULL, false, YES},
        {"wild.test", false, NULL, NULL, false, YES},
        {"wild.test", true, NULL, NULL, false, NO},
        {"onlywild.test", false, NULL, NULL, false, YES},
        {"onlywild.test", true, NULL, NULL, false, YES},
        {"critical.test", false, NULL, NULL, false, NO},
        {"lenient.test", false, NULL, NULL, false, YES},
        {"account.test", false, NULL, NULL, false, NO},
        {"account.test", false, "https://ca.example/acct/7", NULL, false, YES},
        {"account.test", false, "https://ca.example/acct/70", NULL, false, NO},
        {"accounts.test", false, "https://ca.example/acct/7", NULL, false, NO},
        {"method.test", false, NULL, NULL, false, NO},
        {"method.test", false, NULL, NULL, true, YES},
        {"method.test", false, NULL, "dns-01", false, YES},
        {"method.test", false, NULL, "http-01", false, NO},
        {"longer.test", false, NULL, "dns-01", false, NO},
        {"spaced.test", false, NULL, "dns-01", false, YES},
        {"broken.test", false, NULL, NULL, false, NO},
        {"fails.ours.test", false, NULL, NULL, false, UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct dns_config dns = view(&full);
        struct caa_name name = {rows[i].name, rows[i].wildcard};
        struct caa_issuer issuer = {us, rows[i].account, rows[i].method, rows[i].any_method};
        struct error err = {0};
        bool ok = caa_check(arena, &dns, &name, &issuer, &err);
        if (ok != (rows[i].verdict == YES))
            fail_msg("%s%s: %s", name.wildcard ? "*." : "", name.name,
                     ok ? "permitted" : err.message);
        if (!ok) {
            assert_string_equal(err.type, rows[i].verdict == NO ? "caa" : "caa-unavailable");
            assert_int_equal(err.kind, rows[i].verdict == NO ? ERROR_POLICY : ERROR_UNAVAILABLE);
        }
    }
}

static bool ask(const char *first, const char *second, size_t fulls, size_t empties, size_t quorum,
                struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct dns_config views[CAA_MAX_VIEWS];
    struct caa_name names[] = {{first, false}, {second, false}};
    struct caa_question q = {
        views, fulls + empties, quorum, names, second == NULL ? 1 : 2, {us, NULL, NULL, false}, 0};
    for (size_t i = 0; i < q.view_count; i++)
        views[i] = view(i < fulls ? &full : &empty);
    return caa_ask(arena, &q, err);
}

static void test_quorum(void **state) {
    (void)state;
    struct error err = {0};
    assert_true(ask("ours.test", "free.test", 1, 0, 0, &err));
    assert_true(ask("ours.test", "free.test", 2, 3, 0, &err));
    /* Three see no record, one sees what forbids. */
    assert_false(ask("theirs.test", NULL, 1, 3, 0, &err));
    assert_string_equal(err.type, "caa");
    assert_non_null(strstr(err.message, "3 of 4 resolvers"));
    assert_true(ask("theirs.test", NULL, 1, 3, 3, &err));
    assert_false(ask("theirs.test", NULL, 2, 2, 3, &err));
    /* Every name counts, and a failure is no permission; what forbids is told first. */
    assert_false(ask("ours.test", "theirs.test", 1, 0, 0, &err));
    assert_false(ask("fails.ours.test", NULL, 2, 0, 1, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_quorum),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
