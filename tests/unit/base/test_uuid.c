#include "base/clock.h"
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int64_t at_us;

static int64_t fixed(void) {
    return at_us;
}

static void ones(void *at, size_t len) {
    memset(at, 0xff, len);
}

static void test_layout(void **state) {
    (void)state;
    char text[UUID_TEXT_SIZE];
    /* the example of rfc9562#A.6, but for the random bits */
    at_us = INT64_C(0x017F22E279B0) * 1000;
    clock_set(fixed);
    random_set(ones);
    uuid_format(uuid_new(), text);
    assert_string_equal(text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
    random_set(NULL);
    struct uuid before = uuid_new();
    at_us += 1000;
    struct uuid after = uuid_new();
    assert_true(memcmp(before.bytes, after.bytes, 16) < 0);
    clock_set(NULL);
    assert_false(uuid_equal(uuid_new(), uuid_new()));
    assert_false(uuid_is_nil(before));
    assert_true(uuid_is_nil((struct uuid){{0}}));
}

static void test_parse(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "017f22e2",
        "017f22e279b07fffbfffffffffffffff",
        "017f22e2-79b0-7fff-bfff-fffffffffff",
        "017f22e2-79b0-7fff-bfff-ffffffffffff0",
        "017f22e2-79b0-7fff-bfff-fffffffffffg",
        "{017f22e2-79b0-7fff-bfff-ffffffffff}",
        "017f22e279b0--7fff-bfff-ffffffffffff",
        " 17f22e2-79b0-7fff-bfff-ffffffffffff",
        "017f22e2-79b0-7fff-bfff-ffffffffff-f",
        "017f22e2_79b0_7fff_bfff_ffffffffffff",
        "+17f22e2-79b0-7fff-bfff-ffffffffffff",
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    struct uuid id, same, poison = {{9}};
    assert_true(uuid_parse("017F22E2-79b0-7fff-bfff-fffffffffffA", &id));
    assert_string_equal(uuid_text(arena, id), "017f22e2-79b0-7fff-bfff-fffffffffffa");
    assert_true(uuid_parse(uuid_text(arena, id), &same));
    assert_true(uuid_equal(id, same));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        id = poison;
        assert_false(uuid_parse(bad[i], &id));
        assert_true(uuid_equal(id, poison));
    }
    assert_false(uuid_parse(NULL, &id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
