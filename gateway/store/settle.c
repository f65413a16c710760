#include "store/settle.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/later.h"
#include "store/pool.h"
#include "store/query.h"

#include <mysqld_error.h>
#include <time.h>

#define MAX_US (20 * US_PER_SECOND)
#define PAUSE_NS 100000000L

#define KEPT_US (3600 * US_PER_SECOND)
#define MOST_FORGOTTEN 20000

static const char sql_claim_event[] =
    "INSERT INTO events (id, at_us, code, outcome, actor, address, object_kind, object, request_id, details) "
    "VALUES (?, ?, 'database.commit-abandoned', 'failure', 'system', '', 'transaction', ?, '', '{}')";
static const char sql_whose_event[] = "SELECT v.code = 'database.commit-abandoned' FROM events v WHERE v.id = ?";
static const char sql_claim_row[] = "INSERT INTO commit_marks (id, at_us, abandoned) VALUES (?, ?, TRUE)";
static const char sql_whose_row[] = "SELECT m.abandoned FROM commit_marks m WHERE m.id = ?";
static const char sql_forget[] = "DELETE FROM commit_marks WHERE at_us < ? ORDER BY at_us LIMIT ?";
static const struct insert insert_row = {.sql = "INSERT INTO commit_marks (id, at_us, abandoned) VALUES (?, ?, FALSE)",
                                         .kind = INSERT_LEAF};

bool settle_mark(struct tx *tx, struct error *err) {
    if (!tx->url->commit_marks || tx->mark.kind != MARK_NONE || !(tx->wrote || later_waits(tx)))
        return true;
    tx->mark = (struct mark){MARK_ROW, uuid_new()};
    return tx_insert_later(tx, &insert_row, PARAMS(p_uuid(&tx->mark.id), p_int(clock_now_us())), err);
}

bool db_forget_marks(struct tx *tx, struct error *err) {
    return tx_execute(tx, sql_forget, PARAMS(p_int(clock_now_us() - KEPT_US), p_int(MOST_FORGOTTEN)), NULL, err);
}

static enum settled whose(struct tx *tx, struct arena *arena, const struct mark *mark) {
    struct rows rows;
    struct error ignored = {0};
    bool found = false;
    if (!rows_first(tx, arena, mark->kind == MARK_EVENT ? sql_whose_event : sql_whose_row, PARAMS(p_uuid(&mark->id)), &rows,
                    &found, &ignored) ||
        !found)
        return SETTLED_UNKNOWN;
    bool ours = rows_bool(&rows);
    if (!rows_close(&rows, &ignored))
        return SETTLED_UNKNOWN;
    return ours ? SETTLED_ABANDONED : SETTLED_COMMITTED;
}

static bool claim_run(struct tx *tx, struct arena *arena, const struct mark *mark, struct outcome *ret, struct error *err) {
    if (mark->kind == MARK_ROW)
        return statement_run(tx, sql_claim_row, PARAMS(p_uuid(&mark->id), p_int(clock_now_us())), ret, err);
    return statement_run(tx, sql_claim_event,
                         PARAMS(p_uuid(&mark->id), p_int(clock_now_us()), p_text(uuid_text(arena, mark->id))), ret, err);
}

/* Without START TRANSACTION: the statement is one of its own. While the lost one is still at work its row holds this
 * one up, and a time-out is as good as no answer. */
static enum settled claim(struct tx *tx, const struct mark *mark) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error ignored = {0};
    struct outcome outcome = {0};
    if (claim_run(tx, arena, mark, &outcome, &ignored))
        return SETTLED_ABANDONED;
    return outcome.number == ER_DUP_ENTRY && tx->trouble == TROUBLE_NONE ? whose(tx, arena, mark) : SETTLED_UNKNOWN;
}

static enum settled settle_once(struct db *db, const struct mark *mark) {
    struct error ignored = {0};
    struct tx *tx;
    if (!pool_take(db, &tx, &ignored))
        return SETTLED_UNKNOWN;
    pool_reset(tx);
    enum settled found = claim(tx, mark);
    if (tx->trouble == TROUBLE_RETRY)
        tx->trouble = TROUBLE_NONE;
    pool_give(db, tx);
    return found;
}

enum settled settle(struct db *db, struct mark mark) {
    static const char *const words[] = {"unknown", "it is stored", "it is not stored and runs again"};
    int64_t until_us = clock_monotonic_us() + MAX_US;
    enum settled found = SETTLED_UNKNOWN;
    while (mark.kind == MARK_EVENT || mark.kind == MARK_ROW) {
        found = settle_once(db, &mark);
        if (found != SETTLED_UNKNOWN || clock_monotonic_us() >= until_us)
            break;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    log_warn("store", "COMMIT was not answered; looked at again: %s", words[found]);
    return found;
}
