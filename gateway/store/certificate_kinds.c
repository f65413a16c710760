/* Counting what is valid, by kind of key: all by an index alone, less those that are revoked or held. */
#include "store/certificates.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

#define MOST 100
/* Its newest row says something else than removeFromCRL (8). */
#define NOT_NOW "r.reason <> 8 AND NOT EXISTS (SELECT 1 FROM revocations n WHERE n.certificate_id = r.certificate_id " \
                "AND n.ordinal = r.ordinal + 1)"

/* Every purpose there is: the index begins with it. */
static const char sql_all[] =
    "SELECT c.key_type, COUNT(*), MAX(c.not_after_us) FROM certificates c FORCE INDEX (certificates_by_use) "
    "WHERE c.purpose IN (1, 2, 3, 4, 5, 6, 7) AND c.ca_id = ? AND c.not_after_us > ? GROUP BY c.key_type LIMIT 100";
static const char sql_revoked[] =
    "SELECT c.key_type, COUNT(*), MAX(r.not_after_us) FROM revocations r FORCE INDEX (revocations_by_ca) "
    "STRAIGHT_JOIN certificates c FORCE INDEX (PRIMARY) ON c.id = r.certificate_id "
    "WHERE r.ca_id = ? AND r.not_after_us > ? AND " NOT_NOW " GROUP BY c.key_type LIMIT 100";
static const char sql_last_end[] =
    "SELECT COALESCE(MAX(c.not_after_us), 0) FROM certificates c FORCE INDEX (certificates_by_use) "
    "WHERE c.purpose IN (1, 2, 3, 4, 5, 6, 7) AND c.ca_id = ? AND c.not_after_us > ? AND c.key_type = ? "
    "AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.certificate_id = c.id AND " NOT_NOW ")";
_Static_assert(CERTIFICATE_CMP == 7, "the purposes of sql_all");

static bool read_kinds(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                       struct key_type_count *items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql, params, &rows, err));
    while (count < MOST && rows_next(&rows)) {
        items[count].key_type = rows_text(&rows);
        items[count].count = rows_int(&rows);
        items[count++].last_end_us = rows_int(&rows);
    }
    *ret_count = count;
    return rows_close(&rows, err);
}

static int more_first(const void *a, const void *b) {
    const struct key_type_count *x = a, *y = b;
    return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->key_type, y->key_type);
}

bool certificate_key_types(struct tx *tx, struct arena *arena, struct uuid ca_id, int64_t now_us,
                           struct key_type_count **ret_items, size_t *ret_count, struct error *err) {
    struct key_type_count *items = arena_array(arena, MOST, sizeof *items), *less = arena_array(arena, MOST, sizeof *less);
    size_t count, revoked, kept = 0;
    struct params params = PARAMS(p_uuid(&ca_id), p_int(now_us));
    TRY(read_kinds(tx, arena, sql_all, params, items, &count, err) &&
        read_kinds(tx, arena, sql_revoked, params, less, &revoked, err));
    for (size_t i = 0; i < count; i++) {
        struct key_type_count kind = items[i];
        for (size_t k = 0; k < revoked; k++) {
            if (strcmp(less[k].key_type, kind.key_type) != 0)
                continue;
            kind.count -= less[k].count;
            if (kind.count > 0 && less[k].last_end_us == kind.last_end_us)
                TRY(tx_number(tx, sql_last_end, PARAMS(p_uuid(&ca_id), p_int(now_us), p_text(kind.key_type)),
                              &kind.last_end_us, err));
        }
        if (kind.count > 0)
            items[kept++] = kind;
    }
    qsort(items, kept, sizeof *items, more_first);
    *ret_items = items;
    *ret_count = kept;
    return true;
}
