#include "store/settle.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/pool.h"
#include "store/query.h"

#include <mysqld_error.h>
#include <string.h>
#include <time.h>

#define MAX_US (20 * US_PER_SECOND)
#define PAUSE_NS 100000000L

static const char sql_claim[] =
    "INSERT INTO events (id, at_us, code, outcome, actor, address, object_kind, object, request_id, details) "
    "VALUES (?, ?, 'database.commit-abandoned', 'failure', 'system', '', 'transaction', ?, '', '{}')";
static const char sql_whose[] = "SELECT v.code FROM events v WHERE v.id = ?";

static enum settled whose(struct tx *tx, struct arena *arena, struct uuid mark) {
    struct rows rows;
    struct error ignored = {0};
    bool found = false;
    if (!rows_first(tx, arena, sql_whose, PARAMS(p_uuid(&mark)), &rows, &found, &ignored) || !found)
        return SETTLED_UNKNOWN;
    bool ours = strcmp(rows_text(&rows), "database.commit-abandoned") == 0;
    if (!rows_close(&rows, &ignored))
        return SETTLED_UNKNOWN;
    return ours ? SETTLED_ABANDONED : SETTLED_COMMITTED;
}

/* Without START TRANSACTION: the statement is one of its own. While the lost one is still at work its row holds this
 * one up, and a time-out is as good as no answer. */
static enum settled claim(struct tx *tx, struct uuid mark) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error ignored = {0};
    struct outcome outcome = {0};
    bool ours = statement_run(tx, sql_claim, PARAMS(p_uuid(&mark), p_int(clock_now_us()), p_text(uuid_text(arena, mark))),
                              &outcome, &ignored);
    if (ours)
        return SETTLED_ABANDONED;
    return outcome.number == ER_DUP_ENTRY && tx->trouble == TROUBLE_NONE ? whose(tx, arena, mark) : SETTLED_UNKNOWN;
}

enum settled settle(struct db *db, struct uuid mark) {
    static const char *const words[] = {"unknown", "it is stored", "it is not stored and runs again"};
    int64_t until_us = clock_monotonic_us() + MAX_US;
    enum settled found = SETTLED_UNKNOWN;
    do {
        struct error ignored = {0};
        struct tx *tx;
        if (pool_take(db, &tx, &ignored)) {
            pool_reset(tx);
            found = claim(tx, mark);
            if (tx->trouble == TROUBLE_RETRY)
                tx->trouble = TROUBLE_NONE;
            pool_give(db, tx);
        }
        if (found == SETTLED_UNKNOWN)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    } while (found == SETTLED_UNKNOWN && clock_monotonic_us() < until_us);
    log_warn("store", "COMMIT was not answered; looked at again: %s", words[found]);
    return found;
}
