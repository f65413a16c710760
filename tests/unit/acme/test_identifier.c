#include "acme/identifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
    const char *type, *value;
    const char *text; /* NULL: refused */
} identifiers[] = {
    {"dns", "www.Example.ORG", "www.example.org"}, {"dns", "*.example.org", "*.example.org"},
    {"dns", "host", "host"}, {"dns", "xn--bcher-kva.example", "xn--bcher-kva.example"},
    {"ip", "192.0.2.1", "192.0.2.1"}, {"ip", "2001:DB8:0::1", "2001:db8::1"},
    {"dns", "xn--Bcher-KVA.example", "xn--bcher-kva.example"}, {"dns", "*.xn--mnchen-3ya.xn--p1ai", "*.xn--mnchen-3ya.xn--p1ai"},
    {"dns", "xn--mgba3gch31f060k.example", "xn--mgba3gch31f060k.example"}, {"dns", "xn--ls8h.example", "xn--ls8h.example"},
    {"dns", "xn--n3h.example", "xn--n3h.example"}, {"dns", "xn--.example", NULL}, {"dns", "xn--abc-.example", NULL},
    {"dns", "xn--a.example", NULL}, {"dns", "xn---.example", NULL}, {"dns", "xn--99999999.example", NULL},
    {"dns", "xn--bcher-kv.example", NULL}, {"dns", "xn--zzzzzzzzzzzzzzzzzzzz.example", NULL},
    {"dns", "a.xn--8v0b.xn--0.example", NULL}, {"dns", "xn--\xc3\xbc.example", NULL},
    {"dns", "", NULL}, {"dns", ".", NULL}, {"dns", "a..b", NULL}, {"dns", "example.org.", NULL},
    {"dns", "-a.example", NULL}, {"dns", "a_b.example", NULL}, {"dns", "*", NULL}, {"dns", "*.", NULL},
    {"dns", "a.*.example", NULL}, {"dns", "*.*.example", NULL}, {"dns", "f*.example", NULL},
    {"dns", "192.0.2.1", NULL}, {"dns", "b\xc3\xbc""cher.example", NULL}, {"dns", "a b", NULL}, {"dns", "a/b", NULL},
    {"dns", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.example", NULL},
    {"ip", "192.0.2.256", NULL}, {"ip", "192.0.2.1/32", NULL}, {"ip", "[2001:db8::1]", NULL},
    {"ip", "::ffff:192.0.2.1", NULL}, {"ip", "fe80::1%eth0", NULL}, {"ip", "0x7f000001", NULL}, {"ip", "host", NULL},
    {"email", "a@example.org", NULL}, {"", "a", NULL},
};
static const struct {
    const char *pattern, *name;
    bool matches;
} patterns[] = {
    {"example.org", "example.org", true},      {"example.org", "www.example.org", false},
    {"example.org", "*.example.org", false},   {"*.example.org", "www.example.org", true},
    {"*.example.org", "a.b.example.org", true}, {"*.example.org", "*.example.org", true},
    {"*.example.org", "*.a.example.org", true}, {"*.example.org", "example.org", false},
    {"*.example.org", "wwwexample.org", false}, {"*.example.org", "example.org.evil", false},
    {"**.example.org", "example.org", true},   {"**.example.org", "*.example.org", true},
    {"**.example.org", "a.example.org", true}, {"**.example.org", "badexample.org", false},
    {"*", "anything.example", true},           {"*", "*.example", true}, {"*", "192.0.2.1", false},
    {"192.0.2.0/24", "192.0.2.9", true},       {"192.0.2.0/24", "192.0.3.9", false},
    {"2001:db8::/32", "2001:db8::1", true},    {"192.0.2.1", "192.0.2.1", true},
    {"EXAMPLE.org", "example.org", true},
};
static const char *const bad_patterns[] = {"", "***.example.org", "*.*.example.org", "a*.example.org", "10.0.0.0/33",
                                           "exa mple.org", "*example.org", "**", "10.0.0.1/8"};
/* clang-format on */

static bool read(struct arena *arena, const char *type, const char *value, struct identifier *ret) {
    struct json_writer w = json_writer_on(arena);
    const struct json *document;
    struct error err;
    json_open_object(&w);
    json_put_string(&w, "type", type);
    json_put_string(&w, "value", value);
    json_close_object(&w);
    assert_true(json_parse(arena, view_text(json_written(&w)), &document, &err));
    return identifier_read(arena, document, ret, &err);
}

static void test_identifiers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof identifiers / sizeof identifiers[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct identifier one;
        bool ok = read(arena, identifiers[i].type, identifiers[i].value, &one);
        if (ok != (identifiers[i].text != NULL))
            fail_msg("%s %s", identifiers[i].type, identifiers[i].value);
        if (ok)
            assert_string_equal(identifier_text(arena, &one), identifiers[i].text);
    }
}

static void test_patterns(void **state) {
    (void)state;
    struct error err;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct identifier one;
        const char *type = strspn(patterns[i].name, "0123456789.") == strlen(patterns[i].name) ||
                                   strchr(patterns[i].name, ':') != NULL
                               ? "ip"
                               : "dns";
        assert_true(read(arena, type, patterns[i].name, &one));
        assert_true(name_pattern_check(patterns[i].pattern, &err));
        if (name_pattern_matches(patterns[i].pattern, &one) != patterns[i].matches)
            fail_msg("%s %s", patterns[i].pattern, patterns[i].name);
    }
    for (size_t i = 0; i < sizeof bad_patterns / sizeof bad_patterns[0]; i++)
        if (name_pattern_check(bad_patterns[i], &err))
            fail_msg("taken: %s", bad_patterns[i]);
}

static void test_sets(void **state) {
    (void)state;
    struct identifier a[] = {{ACME_DNS, "a.example", false}, {ACME_DNS, "b.example", false}};
    struct identifier b[] = {{ACME_DNS, "b.example", false}, {ACME_DNS, "a.example", false}};
    struct identifier c[] = {{ACME_DNS, "a.example", true}, {ACME_DNS, "b.example", false}};
    struct identifier d[] = {{ACME_DNS, "a.example", false}, {ACME_DNS, "a.example", false}};
    assert_true(identifiers_same(a, 2, b, 2));
    assert_false(identifiers_same(a, 2, c, 2));
    assert_false(identifiers_same(a, 2, b, 1));
    assert_false(identifiers_same(a, 2, d, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
