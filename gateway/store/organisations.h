#ifndef GATEHOUSE_STORE_ORGANISATIONS_H
#define GATEHOUSE_STORE_ORGANISATIONS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

struct organisation {
    struct uuid id;
    const char *slug, *name;
    int64_t created_us;
};

/* ERROR_CONFLICT "exists" on its slug. */
MUST_USE bool organisation_insert(struct tx *tx, const struct organisation *organisation,
                                  struct error *err);
/* ERROR_NOT_FOUND when there is none. */
MUST_USE bool organisation_by_slug(struct tx *tx, struct arena *arena, const char *slug,
                                   struct organisation *ret, struct error *err);
MUST_USE bool organisation_rename(struct tx *tx, struct uuid id, const char *name, struct error *err);
/* By slug. */
MUST_USE bool organisation_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                                struct organisation **ret_items, size_t *ret_count, struct error *err);

/* Slugs of CAs and templates: unique in the instance, kept for life as tombstones (never freed).
 * Claims the first free of wanted, wanted-2, wanted-3 ... (at most 63 characters). Insert-and-check, so two
 * nodes never get the same. ERROR_MALFORMED "bad-slug" when wanted is not made of a-z, 0-9 and "-". */
bool slug_valid(const char *slug); /* 1 to MAX_SLUG characters of a-z, 0-9 and "-": ids that people choose, too */
enum slug_kind { SLUG_CA = 1, SLUG_TEMPLATE = 2 };
MUST_USE bool slug_claim(struct tx *tx, struct arena *arena, enum slug_kind kind, const char *wanted,
                         struct uuid owner, const char **ret_slug, struct error *err);

/* Small settings of the instance: text by name. NULL when absent. */
MUST_USE bool setting_get(struct tx *tx, struct arena *arena, const char *name, const char **ret_value,
                          struct error *err);
MUST_USE bool setting_put(struct tx *tx, const char *name, const char *value, struct error *err);
/* Inserts only when absent; *ret_value is what stands afterwards. */
MUST_USE bool setting_default(struct tx *tx, struct arena *arena, const char *name, const char *value,
                              const char **ret_value, struct error *err);

/* Jobs take leases: true in ret_taken when this holder now has it until until_us. The holder renews it, or
 * gives it back with until_us = now_us. A lease of one name is always of one length: one that ends more than a minute
 * later than this one would was taken by a clock that was ahead, and holds nobody up. */
MUST_USE bool lease_take(struct tx *tx, const char *name, struct uuid holder, int64_t now_us,
                         int64_t until_us, bool *ret_taken, struct error *err);
/* Gives back all that the holder has. */
MUST_USE bool lease_release(struct tx *tx, struct uuid holder, int64_t now_us, struct error *err);

#endif
