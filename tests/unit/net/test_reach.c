#include "net/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
    const char *range, *inside, *outside;
} ranges[] = {
    {"10.0.0.0/8", "10.255.0.1", "11.0.0.1"},
    {"192.0.2.7", "192.0.2.7", "192.0.2.8"},
    {"0.0.0.0/0", "203.0.113.9", "::1"},
    {"fd00::/8", "fdff::1", "fe00::1"},
    {"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
    {"::ffff:10.1.2.3", "10.1.2.3", "::a01:203"},
};
static const char *const bad_ranges[] = {
    "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8x", "10.0.0.1/8", "10.0.0/8", "fd00::/129", "fd00::1/8",
    "example.org", "10.0.0.0/-1", "10.0.0.0/00000000000008", "10.0.0.0 /8",
    "1111111111111111111111111111111111111111111111111111111111111111",
};
static const struct {
    const char *address;
    bool not_local, public;
} reaches[] = {
    {"8.8.8.8", true, true},          {"2606:4700::1", true, true},
    {"127.0.0.1", false, false},      {"127.9.9.9", false, false},
    {"0.0.0.0", false, false},        {"::", false, false},
    {"::1", false, false},            {"::ffff:127.0.0.1", false, false},
    {"169.254.169.254", false, false}, {"fe80::1", false, false},
    {"224.0.0.1", false, false},      {"ff02::1", false, false},
    {"255.255.255.255", false, false},
    {"10.0.0.1", true, false},        {"172.31.255.255", true, false},
    {"172.32.0.1", true, true},       {"192.168.1.1", true, false},
    {"100.64.0.1", true, false},      {"fd12::1", true, false},
    {"::ffff:10.0.0.1", true, false}, {"64:ff9b::7f00:1", false, false}, /* NAT64 of 127.0.0.1 */
    {"64:ff9b::808:808", true, true}, {"64:ff9b::a00:1", true, false},
    {"2002:7f00:1::1", false, false}, /* 6to4 of 127.0.0.1 */
    {"::127.0.0.1", false, false},    {"2001:db8::1", true, false},
};
/* clang-format on */

static struct net_address address_of(const char *text) {
    struct net_address address;
    assert_true(net_address_parse(text, &address));
    return address;
}

static void test_ranges(void **state) {
    (void)state;
    struct error err;
    struct net_range range;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct net_address in = address_of(ranges[i].inside), out = address_of(ranges[i].outside);
        assert_true(net_range_parse(ranges[i].range, &range, &err));
        assert_true(net_range_holds(&range, &in));
        assert_false(net_range_holds(&range, &out));
    }
    for (size_t i = 0; i < sizeof bad_ranges / sizeof bad_ranges[0]; i++) {
        if (net_range_parse(bad_ranges[i], &range, &err))
            fail_msg("taken: %s", bad_ranges[i]);
        assert_string_equal(err.type, "bad-range");
    }
}

static void test_reaches(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof reaches / sizeof reaches[0]; i++) {
        struct net_address address = address_of(reaches[i].address);
        struct net_reach rule;
        assert_true(net_reach_parse(arena, FETCH_NOT_LOCAL, NULL, NULL, &rule, NULL));
        if (net_reach_allows(&rule, &address) != reaches[i].not_local)
            fail_msg("not local: %s", reaches[i].address);
        rule.reach = FETCH_PUBLIC;
        if (net_reach_allows(&rule, &address) != reaches[i].public)
            fail_msg("public: %s", reaches[i].address);
        rule.reach = FETCH_ANYWHERE;
        assert_true(net_reach_allows(&rule, &address));
    }
}

static void test_lists(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *const denied[] = {"10.1.0.0/16", "2606::/16", NULL};
    const char *const allowed[] = {"10.0.0.0/8", "127.0.0.1", NULL};
    const char *const broken[] = {"10.0.0.0/99", NULL};
    struct net_reach rule;
    struct error err;
    assert_true(net_reach_parse(arena, FETCH_PUBLIC, denied, allowed, &rule, &err));
    struct net_address a = address_of("10.2.0.1"), b = address_of("10.1.0.1"),
                       c = address_of("127.0.0.1"), d = address_of("127.0.0.2"),
                       e = address_of("2606::1"), f = address_of("64:ff9b::a01:1");
    assert_true(net_reach_allows(&rule, &a));
    assert_false(net_reach_allows(&rule, &b));
    assert_true(net_reach_allows(&rule, &c));
    assert_false(net_reach_allows(&rule, &d));
    assert_false(net_reach_allows(&rule, &e));
    assert_false(net_reach_allows(&rule, &f)); /* NAT64 of a denied one */
    assert_false(net_reach_parse(arena, FETCH_PUBLIC, broken, NULL, &rule, &err));
    assert_string_equal(err.type, "bad-range");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_reaches),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
