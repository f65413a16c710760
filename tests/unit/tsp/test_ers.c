/* Evidence records: every leaf of trees of many sizes proves itself, and nothing else does. */
#include "fixture.h"

#include "tsp/ers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void check_size(struct fixture *f, const char *name, size_t count) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct tsp_digest *digest = tsp_digest_by_name(name);
    size_t size = digest->size;
    uint8_t *leaves = arena_array(arena, count, size), *work = arena_array(arena, count, size), root[64];
    struct view token;
    struct error err = {0};
    int64_t at;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(EVP_Digest(&i, sizeof i, leaves + i * size, NULL, tsp_digest_md(name), NULL), 1);
    assert_int_equal(ers_sort(leaves, count, size), count);
    memcpy(work, leaves, count * size);
    assert_true(ers_root(digest, work, count, root, &err));
    struct tsp_query query = {.digest = name, .certificates = true};
    query.imprint = tsp_imprint(arena, digest, view_of(root, size));
    assert_true(tsp_stamp(f->tsp, arena, "demo", "", &query, "", &token, &at, &err));
    for (size_t i = 0; i < count; i++) {
        struct ers_path path = {.count = 0};
        struct ers_verdict verdict;
        struct view leaf = view_of(leaves + i * size, size);
        memcpy(work, leaves, count * size);
        assert_true(ers_climb(arena, digest, work, count, i, &path, &err));
        struct view record = ers_record(arena, digest, leaf, &path, &token, 1);
        struct ers_imprint imprint = {.hash = leaf};
        if (!ers_verify(arena, record, &imprint, 1, &verdict, &err))
            fail_msg("%s, leaf %zu of %zu: %s", name, i, count, err.message);
        assert_int_equal(verdict.time_us, at / US_PER_SECOND * US_PER_SECOND);
        uint8_t other[64];
        memcpy(other, leaf.at, size);
        other[0] ^= 1;
        struct ers_imprint wrong = {.hash = view_of(other, size)};
        assert_false(ers_verify(arena, record, &wrong, 1, &verdict, &err));
        assert_false(ers_verify(arena, view_of(record.at, record.len - 1), &imprint, 1, &verdict, &err));
    }
}

static void test_trees(void **state) {
    static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 31, 33};
    struct fixture *f = fixture_new("EC");
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        check_size(f, i % 2 == 0 ? "SHA-256" : "SHA3-512", counts[i]);
    fixture_free(f);
}

static void test_doubles(void **state) {
    uint8_t hashes[4 * 32];
    (void)state;
    for (int i = 0; i < 4; i++)
        memset(hashes + i * 32L, 3 - i / 2, 32);
    assert_int_equal(ers_sort(hashes, 4, 32), 2);
    assert_int_equal(hashes[0], 2);
    assert_int_equal(hashes[32], 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trees), cmocka_unit_test(test_doubles)};
    return cmocka_run_group_tests_name("evidence records", tests, NULL, NULL);
}
