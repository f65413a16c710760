#include "ca/slug.h"
#include "store/organisations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void folds(void **state) {
    (void)state;
    static const struct {
        const char *name, *prefix, *slug;
    } rows[] = {
        {"Example Root", NULL, "example-root"},
        {"Web Server", "example-root", "example-root-web-server"},
        {"  spaces  ", NULL, "spaces"},
        {"a//b..c", NULL, "a-b-c"},
        {"UPPER 1.2.3", NULL, "upper-1-2-3"},
        {"\xc3\x84rzte", NULL, "rzte"},
        {"\xe4\xb8\xad\xe6\x96\x87", NULL, "ca"},
        {"../../etc/passwd", NULL, "etc-passwd"},
        {"", NULL, "ca"},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(slug_from_name(arena, rows[i].name, rows[i].prefix), rows[i].slug);
}

static void is_bounded(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(strlen(slug_from_name(arena, name, "prefix")), 63);
}

static void ids_are_checked(void **state) {
    (void)state;
    static const char most[] = "0123456789-bcdefghijklmnopqrstuvwxyz0123456789-bcdefghijklmnopq";
    static const char *const good[] = {"a", "0", "-", "a-b", most};
    static const char *const bad[] = {"", "A", "a b", "a_b", "a.b", "a/", "\xc3\xa4", "a\n"};
    char longer[sizeof most + 1] = "x";
    assert_int_equal(strlen(most), MAX_SLUG);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(slug_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(slug_valid(bad[i]));
    assert_false(slug_valid(strcat(longer, most)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(folds), cmocka_unit_test(is_bounded),
                                       cmocka_unit_test(ids_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
