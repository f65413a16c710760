#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/later.h"
#include "store/pool.h"
#include "store/settle.h"

#include <time.h>

#define MAX_RETRIES 12 /* of a transaction that others were in the way of */
#define MAX_LOSSES 3   /* of one whose connection went before COMMIT */
#define MAX_US (20 * US_PER_SECOND)

/* With jitter, so that two who were in each other's way do not meet again at once. */
static void back_off(int attempt) {
    unsigned long most_us = attempt < 7 ? 2000ul << attempt : 250000ul;
    uint32_t random;
    random_bytes(&random, sizeof random);
    unsigned long us = most_us / 2 + random % (most_us / 2);
    nanosleep(&(struct timespec){.tv_sec = 0, .tv_nsec = (long)us * 1000}, NULL);
}

static void give_back(struct tx_loop *loop) {
    if (loop->tx->changes_rules) /* or may have, when nobody answered COMMIT */
        db_note_changed_rules(loop->db);
    later_forget(loop->tx);
    pool_give(loop->db, loop->tx);
    loop->tx = NULL;
}

METRIC(retries, METRIC_COUNTER, "gatehouse_db_retries_total",
       "Transactions that ran again: conflicts, lost connections.", NULL);

/* True while the body may run once more. */
static bool may_repeat(struct tx_loop *loop, enum trouble trouble) {
    int most = trouble == TROUBLE_LOST ? MAX_LOSSES : MAX_RETRIES;
    if (loop->attempt >= most || clock_monotonic_us() - loop->began_us > MAX_US)
        return false;
    metric_add(&retries, 1, NULL);
    log_debug("store", "transaction runs again (attempt %d, %s)", loop->attempt + 1,
              trouble == TROUBLE_LOST ? "connection lost" : "conflict");
    if (trouble == TROUBLE_RETRY)
        back_off(loop->attempt);
    return true;
}

void transaction_enter(struct tx *tx) {
    if (tx->trouble == TROUBLE_NONE) /* else the statement itself is refused */
        tx->begun = true;
}

/* A connection, or false with the error filled. The transaction begins with the first write. */
static bool begin(struct tx_loop *loop) {
    TRY(pool_take(loop->db, &loop->tx, loop->err));
    pool_reset(loop->tx);
    loop->attempt++;
    loop->ok = false;
    return true;
}

static void roll_back(struct tx_loop *loop) {
    struct error ignored;
    if (loop->tx->begun && loop->tx->trouble != TROUBLE_LOST &&
        !connection_run(loop->tx, "ROLLBACK", &ignored))
        loop->tx->trouble = TROUBLE_LOST;
}

/* COMMIT was sent, or a row that commits itself, and nobody answered: it may have happened. Never run again before it
 * is known that it has not. True when the transaction is over. */
static bool resolve(struct tx_loop *loop, struct mark mark) {
    enum settled settled = settle(loop->db, mark);
    if (settled == SETTLED_UNKNOWN) {
        error_detail(loop->err, "; the outcome of COMMIT is unknown");
        if (loop->ret_unknown != NULL)
            *loop->ret_unknown = true;
    }
    if (settled == SETTLED_COMMITTED) {
        *loop->ret_done = true;
        if (loop->err != NULL)
            loop->err->kind = ERROR_NONE;
    }
    return settled != SETTLED_ABANDONED;
}

/* True when the transaction is over for good (*ret_done tells how), false when it may run again. *ret_open: nobody
 * knows. */
static bool commit(struct tx_loop *loop, bool *ret_open) {
    if (!loop->tx->begun || connection_run(loop->tx, "COMMIT", loop->err)) {
        *loop->ret_done = true;
    } else if (loop->tx->trouble == TROUBLE_RETRY) {
        return false;
    } else if (loop->tx->trouble == TROUBLE_LOST && !loop->tx->wrote) {
        *loop->ret_done = true; /* it only read, and had read all it wanted */
    }
    if (*loop->ret_done) {
        if (loop->err !=
            NULL) /* of attempts before, or of a look-up that was allowed to find nothing */
            loop->err->kind = ERROR_NONE;
        return true;
    }
    *ret_open = loop->tx->trouble == TROUBLE_LOST;
    return true;
}

bool tx_again(struct tx_loop *loop) {
    if (loop->attempt == 0) {
        *loop->ret_done = false;
        loop->began_us = clock_monotonic_us();
        return begin(loop);
    }
    struct tx *tx = loop->tx;
    bool open = false;
    loop->ok = loop->ok && (tx->trouble != TROUBLE_NONE ||
                            (settle_mark(tx, loop->err) && later_send(tx, true, loop->err)));
    bool over =
        loop->ok && tx->trouble == TROUBLE_NONE ? commit(loop, &open) : tx->trouble == TROUBLE_NONE;
    enum trouble trouble = tx->trouble;
    open = open || (tx->alone && trouble == TROUBLE_LOST);
    if (!*loop->ret_done)
        roll_back(loop);
    if (trouble == TROUBLE_RETRY && tx->trouble == TROUBLE_RETRY)
        tx->trouble = TROUBLE_NONE;
    struct mark mark = tx->mark;
    give_back(loop); /* its place in the pool is needed to look */
    over = open ? resolve(loop, mark) : over;
    return !over && may_repeat(loop, trouble) && begin(loop);
}
