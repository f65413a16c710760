/* Acts on many certificates in the background: those of a filter or those that were ticked, each with its own result. A job
 * is a row that any node goes on with: killed, it continues after the last chunk that was committed, and what a chunk did
 * to its certificates commits together with the chunk's results. */
#ifndef GATEHOUSE_CA_BULK_H
#define GATEHOUSE_CA_BULK_H

#include "ca/core.h"
#include "ca/inventory.h"
#include "store/bulk.h"

#define BULK_MAX_ITEMS 1000000 /* certificates of a job */
#define BULK_MAX_IDS 10000     /* of them as ticks */
#define BULK_MAX_OPEN 20       /* jobs of one user that are not over */
#define BULK_KEEP_DAYS 30      /* a job and its results, once it is over */

/* --- one certificate, in the caller's transaction --------------------------------------------------- */

enum certificate_action { ACT_REVOKE, ACT_UNHOLD, ACT_EDIT, ACT_EXPORT };
struct certificate_act {
    enum certificate_action action;
    int reason; /* ACT_REVOKE, with certificateHold for holds */
    int64_t invalidity_us;
    struct certificate_edit edit;
};
/* As certificate_revoke, certificate_unhold, certificate_edit; nothing is written when it is refused. After COMMIT of a
 * change of status the caller calls status_cache_forget(). */
MUST_USE bool certificate_act_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                                 const struct certificate_act *act, struct error *err);

/* --- jobs of the actor ------------------------------------------------------------------------------ */

struct bulk_order {
    const char *action, *document; /* as in struct bulk_job */
    const char *filter;            /* NULL: ids */
    int64_t expected;
    const struct uuid *ids;
    size_t id_count;
};
/* ERROR_POLICY "too-many", ERROR_CONFLICT "too-many-jobs". */
MUST_USE bool bulk_start(struct core *core, struct arena *arena, const struct actor *actor, const struct bulk_order *order,
                         struct bulk_job *ret, struct error *err);
/* The actor's own; administrators of the instance see all. ERROR_NOT_FOUND. */
MUST_USE bool bulk_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                       struct bulk_job *ret, struct error *err);
MUST_USE bool bulk_page(struct core *core, struct arena *arena, const struct actor *actor, const struct page *page,
                        struct bulk_job **ret_items, size_t *ret_count, const char **ret_next, struct error *err);
/* outcome -1: all */
MUST_USE bool bulk_results(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id, int outcome,
                           const struct page *page, struct bulk_item **ret_items, size_t *ret_count,
                           const char **ret_next, struct error *err);
/* Ends it after the chunk at hand. ERROR_CONFLICT "job-over". */
MUST_USE bool bulk_cancel(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                          struct bulk_job *ret, struct error *err);
/* Certificates of a finished export's items from `first` on, as the actor sees them now, with their DER when wanted;
 * *next is where to go on, `first` again after the last. */
MUST_USE bool bulk_export_read(struct core *core, struct arena *arena, const struct actor *actor, struct uuid job_id,
                               int64_t first, bool want_der, struct certificate_record **ret_items, size_t *ret_count,
                               int64_t *ret_next, struct error *err);

/* --- work ------------------------------------------------------------------------------------------- */

/* The oldest job that nobody is at work on: this holder has it for 30 s, and again when it asks again. */
MUST_USE bool bulk_take(struct core *core, struct arena *arena, struct uuid holder, struct bulk_job *ret, bool *ret_found,
                        struct error *err);
void bulk_give_back(struct core *core, struct uuid holder, const struct bulk_job *job);
/* Whose rights the job has: those that its user has now, within the limits of the token it was asked with. Events carry
 * the job's id. ERROR_FORBIDDEN "job-user" when the user is gone or the token was revoked. */
MUST_USE bool bulk_actor(struct core *core, struct arena *arena, const struct bulk_job *job, struct actor *ret,
                         struct error *err);
/* Lists one more page of the filter; after the last, compares the number with what was expected. *job is what stands
 * afterwards; *ret_moved false: it was cancelled, or another node is at it. */
MUST_USE bool bulk_count_page(struct core *core, struct arena *arena, const struct actor *actor, struct bulk_job *job,
                              const char *ca_slug, struct certificate_filter *filter, bool *ret_moved, struct error *err);
/* Acts on the next chunk of items. */
MUST_USE bool bulk_act_chunk(struct core *core, struct arena *arena, const struct actor *actor, struct bulk_job *job,
                             const struct certificate_act *act, bool *ret_moved, struct error *err);
/* The job ends for this reason. */
MUST_USE bool bulk_stop(struct core *core, struct arena *arena, struct bulk_job *job, const struct error *why,
                        struct error *err);
/* Forgets what has been over for BULK_KEEP_DAYS. */
MUST_USE bool bulk_forget_old(struct core *core, struct arena *arena, struct error *err);

#endif
