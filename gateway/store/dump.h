/* The whole database as SQL text, by MariaDB's own programs (mariadb-dump, mariadb), which must be installed. */
#ifndef GATEHOUSE_STORE_DUMP_H
#define GATEHOUSE_STORE_DUMP_H

#include "store/db.h"

/* A consistent picture of one moment, taken while others go on writing. `take` gets it piece by piece. */
MUST_USE bool db_dump(struct db *db, bool (*take)(void *context, struct view piece, struct error *err),
                      void *context, struct error *err);

/* Loads such a text; `give` fills at most `size` octets and says how many (0: the end). */
MUST_USE bool db_load(struct db *db,
                      bool (*give)(void *context, void *at, size_t size, size_t *ret_len, struct error *err),
                      void *context, struct error *err);

/* Whether there is any table. */
MUST_USE bool db_is_empty(struct db *db, bool *ret_empty, struct error *err);

/* After a restore: nobody is signed in any more, no job is leased, and every authority's epoch is another, so
 * that no list or answer from before counts as fresh. */
MUST_USE bool db_after_restore(struct tx *tx, struct error *err);

#endif
