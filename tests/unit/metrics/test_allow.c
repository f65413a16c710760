/* Who may read /metrics without a token. */
#include "metrics/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_networks(void **state) {
    (void)state;
    static const struct {
        const char *network, *address;
        bool inside;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", true},          {"127.0.0.1", "127.0.0.2", false},
        {"10.0.0.0/8", "10.255.1.2", true},        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.168.4.0/22", "192.168.7.255", true}, {"192.168.4.0/22", "192.168.8.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},        {"0.0.0.0/0", "2001:db8::1", false},
        {"::1", "::1", true},                      {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false}, {"::/0", "10.0.0.1", true},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},   {"10.0.0.0/8", "", false},
        {"10.0.0.0/8", "10.0.0.1 ", false},        {"::/0", "unix", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct allowed allowed;
        struct error err = {0};
        assert_true(allowed_read(rows[i].network, &allowed, &err));
        if (allowed_has(&allowed, 1, rows[i].address) != rows[i].inside)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
    }
    assert_false(allowed_has(NULL, 0, "127.0.0.1"));
}

static void test_what_is_no_network(void **state) {
    (void)state;
    static const char *const rows[] = {"",           "localhost",     "10.0.0.0/33", "::/129", "10.0.0.0/",
                                       "10.0.0.0/x", "10.0.0.0/8 ",   "10.0.0/8",    "/8",     "10.0.0.0/-1",
                                       "10.0.0.0/+8", "1111111111111111111111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct allowed allowed;
        struct error err = {0};
        if (allowed_read(rows[i], &allowed, &err))
            fail_msg("\"%s\" was taken", rows[i]);
        assert_string_equal(err.type, "bad-option");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_what_is_no_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
