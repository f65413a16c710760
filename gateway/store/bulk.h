/* Acts on many certificates in the background: the job, and its items one row each (sql/: bulk_jobs, bulk_items). */
#ifndef GATEHOUSE_STORE_BULK_H
#define GATEHOUSE_STORE_BULK_H

#include "store/certificates.h"

enum bulk_state {
    BULK_COUNTING = 1, /* its items are still being listed; nothing has changed */
    BULK_RUNNING = 2,
    BULK_DONE = 3,
    BULK_CANCELLED = 4, /* what was done before stays done */
    BULK_FAILED = 5,    /* stopped for the reason in `problem` */
};
enum bulk_outcome { BULK_WAITS = 0, BULK_OK = 1, BULK_REFUSED = 2 };

#define BULK_FILTER_MAX 2000 /* octets */

struct bulk_job {
    struct uuid id, user_id, token_id; /* token_id nil: asked for in a session */
    const char *user_name, *action;
    const char *document; /* the act as it was asked for, a JSON object */
    const char *filter;   /* a query as of GET certificates; "" for ticks */
    enum bulk_state state;
    int64_t expected;         /* how many the filter must find */
    int64_t total;            /* items so far (counting), then all */
    int64_t position, failed; /* items that are done with, and how many of them were refused */
    const char *cursor;       /* of the filter's next page, while counting */
    struct error problem;     /* kind, type and message alone */
    int64_t created_us, changed_us, finished_us; /* finished_us 0: not yet */
};
struct bulk_item {
    int64_t ordinal; /* from 0 */
    struct uuid certificate_id;
    enum bulk_outcome outcome;
    struct error problem; /* as above */
};

MUST_USE bool bulk_insert(struct tx *tx, const struct bulk_job *job, struct error *err);
MUST_USE bool bulk_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct bulk_job *ret, struct error *err);
/* Newest first; user nil: everybody's. */
MUST_USE bool bulk_list(struct tx *tx, struct arena *arena, struct uuid user_id, const struct page *page,
                        struct bulk_job **ret_items, size_t *ret_count, const char **ret_next, struct error *err);
/* Those that are not over, oldest first, at most `limit`. */
MUST_USE bool bulk_open(struct tx *tx, struct arena *arena, size_t limit, struct bulk_job **ret_items, size_t *ret_count,
                        struct error *err);
/* Counts those of a user that are not over. */
MUST_USE bool bulk_count_open(struct tx *tx, struct uuid user_id, int64_t *ret_count, struct error *err);

/* Moves the job from where the caller has seen it (state, total and position), which locks it until COMMIT; *ret_moved is
 * false when another has been there first. Takes state, total, position, failed, cursor, problem and times from `to`. */
MUST_USE bool bulk_move(struct tx *tx, const struct bulk_job *from, const struct bulk_job *to, bool *ret_moved,
                        struct error *err);

/* Items with the ordinals first, first + 1, ... */
MUST_USE bool bulk_items_add(struct tx *tx, struct uuid job_id, int64_t first, const struct uuid *certificates,
                             size_t count, struct error *err);
MUST_USE bool bulk_items_read(struct tx *tx, struct arena *arena, struct uuid job_id, int64_t first, size_t limit,
                              struct bulk_item **ret_items, size_t *ret_count, struct error *err);
/* Those from `first` to before `end` are done; then the refused ones among them. */
MUST_USE bool bulk_items_done(struct tx *tx, struct uuid job_id, int64_t first, int64_t end, struct error *err);
MUST_USE bool bulk_item_refused(struct tx *tx, struct uuid job_id, int64_t ordinal, const struct error *why,
                                struct error *err);
/* In their order; outcome -1: all. The page's cursor is the ordinal. */
MUST_USE bool bulk_item_list(struct tx *tx, struct arena *arena, struct uuid job_id, int outcome, const struct page *page,
                             struct bulk_item **ret_items, size_t *ret_count, const char **ret_next, struct error *err);
/* Removes up to `limit` items of jobs that were over before that time, then jobs that have none left. */
MUST_USE bool bulk_prune(struct tx *tx, struct arena *arena, int64_t before_us, int64_t limit, int64_t *ret_removed,
                         struct error *err);

#endif
