/* The migrations that are compiled in, from sql/NNNN-name.sql. Private to this room; used through
 * db_migrate and db_schema_check.
 *
 * A migration is applied statement by statement, and how many are done is noted after each one: DDL cannot
 * be rolled back, so a migration that was interrupted goes on where it stood. The statement that was being
 * run may run again, hence IF NOT EXISTS and its like in every migration. Before anything is applied, the
 * checksums of what was applied are compared with the files compiled in. A row of schema_lease, which the
 * one who migrates renews every few seconds, keeps others waiting; when it dies, they take over. */
#ifndef GATEHOUSE_STORE_MIGRATE_H
#define GATEHOUSE_STORE_MIGRATE_H

#include "store/db.h"

struct migration {
    unsigned version; /* the number of the file; they grow */
    const char *name; /* "0001-first" */
    struct view text;
};
extern const struct migration migrations[];
extern const size_t migration_count;

/* The same as db_migrate, db_migrate_plan and db_schema_check with other migrations; for tests. */
MUST_USE bool migrate_with(struct db *db, const struct migration *list, size_t count,
                           struct error *err);
MUST_USE bool migrate_plan_with(struct db *db, struct arena *arena, const struct migration *list,
                                size_t count, struct migration_step **ret_steps, size_t *ret_count,
                                struct error *err);
MUST_USE bool schema_check_with(struct db *db, const struct migration *list, size_t count,
                                struct error *err);

#endif
