/* How many rows the server touches for a statement, counted by the server itself. */
#ifndef GATEHOUSE_TESTS_STORE_MEASURE_H
#define GATEHOUSE_TESTS_STORE_MEASURE_H

#include "fixture.h"
#include "store/sql.h"

static inline int64_t reads(struct tx *tx) {
    int64_t sum = 0;
    assert_true(tx_number(tx,
                          "SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema."
                          "session_status WHERE variable_name LIKE 'HANDLER_READ%' "
                          "OR variable_name = 'HANDLER_ICP_ATTEMPTS'",
                          NO_PARAMS, &sum, &err));
    return sum;
}

/* Runs a list and reports what it touched. Reading the counters costs reads itself, hence the base.
 */
#define MEASURE(label, at_most, call)                                                              \
    do {                                                                                           \
        bool done_ = false;                                                                        \
        int64_t touched_ = 0, us_ = 0;                                                             \
        TX(loop_, store, &done_, &err) {                                                           \
            struct tx *tx = loop_.tx;                                                              \
            int64_t base_ = reads(tx);                                                             \
            base_ = reads(tx) - base_;                                                             \
            int64_t before_ = reads(tx), began_ = clock_monotonic_us();                            \
            loop_.ok = (call);                                                                     \
            us_ = clock_monotonic_us() - began_;                                                   \
            touched_ = reads(tx) - before_ - base_;                                                \
        }                                                                                          \
        if (!done_)                                                                                \
            fail_msg("%s: %s (%s)", label, err.message, err.detail);                               \
        print_message("%-52s %3zu items %8lld rows %7.1f ms\n", label, count, (long long)touched_, \
                      (double)us_ / 1000.0);                                                       \
        if (touched_ > (at_most))                                                                  \
            fail_msg("%s: touched %lld rows", label, (long long)touched_);                         \
    } while (0)

#endif
