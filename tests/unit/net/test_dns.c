/* Against a small name server on loopback: TXT, A, AAAA and CAA records by name, and faults that
 * are in the first label. */
#include "net/dns.h"

#include "base/clock.h"

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

static int server_socket;
static unsigned short server_port;
static pthread_t server_thread;

/* clang-format off */
static const struct {
    const char *label;
    int type, rcode;
    const char *rdata;
    size_t len;
} zone[] = {
    {"text", DNS_TXT, 0, "\x05hello\x06 world", 13},
    {"both", DNS_A, 0, "\xc0\x00\x02\x07", 4},
    {"both", DNS_AAAA, 0, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 16},
    {"four", DNS_A, 0, "\x7f\0\0\x01", 4},
    {"caa", DNS_CAA, 0, "\x80\x05Issueca.example.org", 21},
    {"missing", 0, 3, NULL, 0},
    {"broken", 0, 2, NULL, 0},
    {"refused", 0, 5, NULL, 0},
    {"silent", 0, -1, NULL, 0},
};
/* clang-format on */

static size_t respond(uint8_t *m, size_t question_end) {
    size_t label_len = m[12], len = question_end;
    int type = m[question_end - 4] << 8 | m[question_end - 3], rcode = 0, answers = 0;
    for (size_t i = 0; i < sizeof zone / sizeof zone[0]; i++) {
        if (strlen(zone[i].label) != label_len ||
            strncasecmp(zone[i].label, (const char *)m + 13, label_len) != 0)
            continue;
        if (zone[i].rcode < 0)
            return 0;
        rcode = zone[i].rcode;
        if (zone[i].type != type)
            continue;
        const uint8_t head[] = {0xc0, 12, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 0,
                                60,   0,  (uint8_t)zone[i].len};
        memcpy(m + len, head, sizeof head);
        memcpy(m + len + sizeof head, zone[i].rdata, zone[i].len);
        len += sizeof head + zone[i].len;
        answers++;
    }
    m[2] = 0x84;
    m[3] = (uint8_t)(0x80 | rcode);
    m[7] = (uint8_t)answers;
    memset(m + 8, 0, 4);
    return len;
}

static void *run_server(void *unused) {
    uint8_t message[1500];
    struct sockaddr_in from;
    for (;;) {
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(server_socket, message, 512, 0, (struct sockaddr *)&from, &from_len);
        if (n <= 16)
            break;
        size_t end = 12;
        while (end < (size_t)n && message[end] != 0)
            end += message[end] + 1u;
        size_t len = respond(message, end + 5);
        if (len > 0)
            sendto(server_socket, message, len, 0, (struct sockaddr *)&from, from_len);
    }
    return unused;
}

static int set_up(void **state) {
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    server_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server_socket, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(server_socket, (struct sockaddr *)&at, &len), 0);
    server_port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&server_thread, NULL, run_server, NULL), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(server_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sendto(server_socket, "", 1, 0, (struct sockaddr *)&at, sizeof at);
    pthread_join(server_thread, NULL);
    close(server_socket);
    return 0;
}

static const char *const local[] = {"127.0.0.1", NULL};

static struct dns_config config(void) {
    return (struct dns_config){.resolvers = local, .port = server_port, .timeout_ms = 5000};
}

static struct dns_reply must(struct arena *arena, const char *name, enum dns_type type) {
    struct dns_config c = config();
    struct dns_reply reply;
    struct error err = {0};
    if (!dns_query(arena, &c, name, type, &reply, &err))
        fail_msg("%s: %s %s (%s)", name, err.type, err.message, err.detail);
    return reply;
}

static void test_answers(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view text;
    struct dns_caa caa;
    struct dns_reply reply = must(arena, "text.example.test", DNS_TXT);
    assert_int_equal(reply.status, DNS_ANSWER);
    assert_int_equal(reply.count, 1);
    assert_true(dns_txt(arena, reply.records[0], &text) && view_is(text, "hello world"));
    assert_false(reply.secure);
    reply = must(arena, "caa.example.internal", DNS_CAA);
    assert_true(dns_caa(arena, reply.records[0], &caa));
    assert_true(caa.critical);
    assert_string_equal(caa.tag, "issue");
    assert_string_equal(caa.value, "ca.example.org");
    assert_int_equal(must(arena, "missing.example.org", DNS_TXT).status, DNS_NO_NAME);
    assert_int_equal(must(arena, "both.example.org", DNS_TXT).status, DNS_NO_DATA);
    assert_int_equal(must(arena, "four", DNS_A).count, 1); /* a bare name */
}

static void test_addresses(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct dns_config c = config();
    struct net_address *addresses;
    size_t count;
    struct error err;
    assert_true(dns_addresses(arena, &c, "both.example.org", &addresses, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(net_address_text(arena, &addresses[0]), "2001:db8::9");
    assert_string_equal(net_address_text(arena, &addresses[1]), "192.0.2.7");
    assert_true(dns_addresses(arena, &c, "text.example.org", &addresses, &count, &err));
    assert_int_equal(count, 0);
}

static void test_faults(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct dns_config c = config();
    struct dns_reply reply;
    struct error err;
    assert_false(dns_query(arena, &c, "broken.example.org", DNS_TXT, &reply, &err));
    assert_string_equal(err.type, "dns-failed");
    assert_false(dns_query(arena, &c, "refused.example.org", DNS_TXT, &reply, &err));
    assert_string_equal(err.type, "dns-failed");
    c.timeout_ms = 300;
    int64_t began = clock_monotonic_us();
    assert_false(dns_query(arena, &c, "silent.example.org", DNS_TXT, &reply, &err));
    assert_string_equal(err.type, "dns-timeout");
    assert_true(clock_monotonic_us() - began < 3 * US_PER_SECOND);
    static const char *const bad[] = {"localhost",     "",          "1.2.3.4@", "1.2.3.4@0",
                                      "1.2.3.4@65536", "1.2.3.4@x", "::1@53@53"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const list[] = {bad[i], NULL};
        c.resolvers = list;
        assert_false(dns_query(arena, &c, "a.example", DNS_A, &reply, &err));
        assert_string_equal(err.type, "bad-resolver");
    }
}

static void test_rdata(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view text;
    struct dns_caa caa;
    assert_false(dns_txt(arena, VIEW_LITERAL("\x06hello"), &text));
    assert_true(dns_txt(arena, view_of("", 0), &text));
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {{"", 0},         {"\0\5", 2},       {"\0\0a", 3},
               {"\0\5issu", 6}, {"\0\5is;uea", 8}, {"\0\1ab\0c", 6}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(dns_caa(arena, view_of(bad[i].bytes, bad[i].len), &caa));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_rdata),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
