/* arena, views, buffer and error: what every room stands on. */
#include "base/arena.h"
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_memory_is_zeroed_and_aligned(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const size_t sizes[] = {0, 1, 7, 15, 16, 17, 4000, 16383, 16384, 16385, 100000};
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *at = arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(at[k], 0);
            memset(at, 0xaa, sizes[i]); /* the next one must not overlap */
        }
}

/* A thread's next arena takes the memory of the last one. */
static void test_nothing_stays_for_the_next(void **state) {
    (void)state;
    for (int round = 0; round < 8; round++) {
        struct arena *arenas[4];
        for (size_t i = 0; i < 4; i++) {
            arenas[i] = arena_new();
            for (int k = 0; k < 40; k++) {
                unsigned char *at = arena_alloc(arenas[i], 1001);
                for (size_t n = 0; n < 1001; n++)
                    assert_int_equal(at[n], 0);
                memset(at, 0x55, 1001);
            }
        }
        for (size_t i = 0; i < 4; i++)
            arena_free(arenas[i]);
    }
}

static void test_copies(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    assert_string_equal(arena_text(arena, view_of("abcdef", 3)), "abc");
    assert_string_equal(arena_text(arena, view_of(NULL, 0)), "");
    assert_string_equal(arena_strdup(arena, "x"), "x");
    assert_string_equal(arena_printf(arena, "%s-%d", "a", 7), "a-7");
    struct view copy = arena_copy(arena, "a\0b", 3);
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.at, "a\0b", 4);
    assert_true(view_equal(copy, view_of("a\0b", 3)));
    assert_false(view_equal(copy, view_of("a\0c", 3)));
    assert_false(view_equal(copy, view_of("a\0b", 2)));
    assert_true(view_equal(view_of(NULL, 0), view_text("")));
    assert_true(view_equal(view_text(NULL), view_text("")));
    assert_true(view_is(VIEW_LITERAL("abc"), "abc"));
}

static int dropped[3], drops;

static void drop(void *object) {
    dropped[drops++] = *(int *)object;
}

static void test_deferred_run_newest_first(void **state) {
    (void)state;
    int numbers[] = {1, 2, 3};
    struct arena *arena = arena_new();
    for (int i = 0; i < 3; i++)
        arena_defer(arena, drop, &numbers[i]);
    assert_int_equal(drops, 0);
    arena_free(arena);
    assert_int_equal(drops, 3);
    assert_int_equal(dropped[0], 3);
    assert_int_equal(dropped[2], 1);
    arena_free(NULL);
}

static void test_buffer_grows(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer b = buffer_on(arena);
    assert_string_equal(buffer_text(&b), "");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&b, "%d,", i);
    buffer_add(&b, NULL, 0);
    buffer_add_byte(&b, 'x');
    buffer_add_text(&b, "yz");
    const char *text = buffer_text(&b);
    assert_int_equal(strlen(text), b.len);
    assert_int_equal(buffer_view(&b).len, b.len);
    assert_memory_equal(text, "0,1,2,3,", 8);
    assert_string_equal(text + b.len - 7, "999,xyz");
}

static void test_markup(void **state) {
    (void)state;
    static const struct {
        const char *text, *markup;
    } rows[] = {
        {"", ""},
        {"Example Root", "Example Root"},
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"},
        {"a\x01\nb", "a \nb"},
        {"M\xc3\xbcnchen", "M\xc3\xbcnchen"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct buffer out = buffer_on(arena);
        buffer_add_markup(&out, rows[i].text);
        assert_string_equal(buffer_text(&out), rows[i].markup);
    }
}

static void test_errors(void **state) {
    (void)state;
    struct error err = {0};
    char longer[700];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false((fail)(&err, ERROR_POLICY, "weak-key", "key %d", 7));
    assert_int_equal(err.kind, ERROR_POLICY);
    assert_string_equal(err.type, "weak-key");
    assert_string_equal(err.message, "key 7");
    assert_string_equal(err.detail, "");
    error_prefix(&err, "template %s: ", "web");
    error_detail(&err, "a");
    error_detail(&err, "b%d", 1);
    assert_string_equal(err.message, "template web: key 7");
    assert_string_equal(err.detail, "ab1");
    assert_false((fail)(&err, ERROR_CONFLICT, longer, "%s", longer)); /* cut, not overrun */
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(strlen(err.type), sizeof err.type - 1);
    error_prefix(&err, "%s", longer);
    for (int i = 0; i < 3; i++)
        error_detail(&err, "%s", longer);
    assert_int_equal(strlen(err.detail), sizeof err.detail - 1);
    assert_false((fail)(NULL, ERROR_POLICY, "x", "y"));
    assert_false(fail_internal(NULL, "y"));
    error_detail(NULL, "x");
    error_prefix(NULL, "x");
    assert_false(fail_internal(&err, "secret table"));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_null(strstr(err.message, "secret table"));
    assert_string_equal(err.detail, "secret table");
    for (int kind = -1; kind < 20; kind++)
        assert_non_null(error_kind_name((enum error_kind)kind));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_nothing_stays_for_the_next),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_deferred_run_newest_first),
        cmocka_unit_test(test_buffer_grows),
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
