/* Nonces of one process: each number that was given out can be taken once, also by many at once, while it is new. */
#include "acme/own_nonces.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int make(void **state) {
    *state = own_nonces_new();
    return 0;
}

static int end(void **state) {
    own_nonces_free(*state);
    return 0;
}

static void numbers_are_taken_once(void **state) {
    struct own_nonces *own = *state;
    uint64_t first = own_nonces_next(own), second = own_nonces_next(own), third = own_nonces_next(own);
    assert_true(second != first && third != second && third != first);
    assert_true(own_nonces_take(own, second));
    assert_false(own_nonces_take(own, second));
    assert_true(own_nonces_take(own, first));
    assert_true(own_nonces_take(own, third));
    assert_false(own_nonces_take(own, first));
}

static void what_was_not_given_out_is_refused(void **state) {
    struct own_nonces *own = *state;
    uint64_t last = own_nonces_next(own);
    const uint64_t hostile[] = {last + 1, last + OWN_NONCES, last - OWN_NONCES, UINT64_MAX, UINT64_MAX / 2};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        assert_false(own_nonces_take(own, hostile[i]));
    assert_true(own_nonces_take(own, last));
}

static void old_ones_are_refused(void **state) {
    struct own_nonces *own = *state;
    uint64_t used = own_nonces_next(own), first = own_nonces_next(own), second = own_nonces_next(own);
    assert_true(own_nonces_take(own, used));
    while (own_nonces_next(own) < first + OWN_NONCES)
        ;
    assert_false(own_nonces_take(own, used));
    assert_false(own_nonces_take(own, first)); /* the place is that of a newer one */
    assert_true(own_nonces_take(own, second));
    assert_true(own_nonces_take(own, first + OWN_NONCES));
    assert_false(own_nonces_take(own, first + OWN_NONCES));
}

struct race {
    struct own_nonces *own;
    atomic_int taken;
};
enum { NUMBERS = 1000, THREADS = 4 };

static void *take_all(void *context) {
    struct race *race = context;
    for (uint64_t i = 0; i < NUMBERS; i++)
        if (own_nonces_take(race->own, i))
            atomic_fetch_add(&race->taken, 1);
    return NULL;
}

static void threads_do_not_share_one(void **state) {
    struct race race = {.own = *state};
    pthread_t threads[THREADS];
    for (int i = 0; i < NUMBERS; i++)
        own_nonces_next(race.own);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, &race), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&race.taken), NUMBERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_taken_once, make, end),
        cmocka_unit_test_setup_teardown(what_was_not_given_out_is_refused, make, end),
        cmocka_unit_test_setup_teardown(old_ones_are_refused, make, end),
        cmocka_unit_test_setup_teardown(threads_do_not_share_one, make, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
