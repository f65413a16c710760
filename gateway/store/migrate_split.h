/* SQL text into statements. Private to this room. */
#ifndef GATEHOUSE_STORE_MIGRATE_SPLIT_H
#define GATEHOUSE_STORE_MIGRATE_SPLIT_H

#include "base/arena.h"

/* Splits at every ";" that stands outside of quotes ('' "" `` with doubled quotes and backslashes) and
 * comments (-- and # to the end of the line, C style). Pieces of comments and white space alone are left
 * out. ERROR_INTERNAL when a quote or comment is left open, or the last statement has no ";". */
MUST_USE bool migrate_split(struct arena *arena, struct view text, struct view **ret_statements,
                            size_t *ret_count, struct error *err);

#endif
