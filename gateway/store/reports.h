/* Reports that are kept for a while. */
#ifndef GATEHOUSE_STORE_REPORTS_H
#define GATEHOUSE_STORE_REPORTS_H

#include "store/db.h"

struct kept_report {
    struct uuid id;
    const char *report, *format; /* the report's id; "csv" ... */
    int64_t rows, size;          /* size: read only */
    int64_t made_us, until_us;
    struct view content; /* not in lists */
};
MUST_USE bool kept_report_insert(struct tx *tx, const struct kept_report *report, struct error *err);
/* Newest first, at most 500. */
MUST_USE bool kept_report_list(struct tx *tx, struct arena *arena, const char *report, struct kept_report **ret_items,
                               size_t *ret_count, struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool kept_report_get(struct tx *tx, struct arena *arena, const char *report, struct uuid id,
                              struct kept_report *ret, struct error *err);
MUST_USE bool kept_report_purge(struct tx *tx, int64_t now_us, struct error *err);

#endif
