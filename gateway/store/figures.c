#include "store/figures.h"

#include "store/cas.h"
#include "store/query.h"
#include "store/requests.h"

#include <string.h>

/* A revocation counts when no later row of its certificate follows (ordinals have no gaps). */
static const char sql_certificates[] =
    "SELECT c.slug, CAST(COALESCE(t.total, 0) AS SIGNED), CAST(COALESCE(t.expired, 0) AS SIGNED), "
    "CAST(COALESCE(v.revoked, 0) AS SIGNED), CAST(COALESCE(v.held, 0) AS SIGNED) FROM cas c "
    "LEFT JOIN (SELECT x.ca_id, COUNT(*) AS total, SUM(x.not_after_us <= ?) AS expired "
    "FROM certificates x GROUP BY x.ca_id) t ON t.ca_id = c.id "
    "LEFT JOIN (SELECT r.ca_id, SUM(r.reason <> 6) AS revoked, SUM(r.reason = 6) AS held "
    "FROM revocations r LEFT JOIN revocations n ON n.certificate_id = r.certificate_id "
    "AND n.ordinal = r.ordinal + 1 WHERE n.certificate_id IS NULL AND r.not_after_us > ? "
    "AND r.reason <> 8 GROUP BY r.ca_id) v ON v.ca_id = c.id "
    "WHERE c.deleted_us = 0 ORDER BY c.slug";
static const char sql_expiry[] =
    "SELECT 0 AS purpose, c.slug AS slug, c.not_after_us AS until_us FROM cas c "
    "WHERE c.deleted_us = 0 AND c.not_after_us > 0 AND c.state <> 4 "
    "UNION ALL SELECT s.purpose, COALESCE(c.slug, ''), MAX(s.not_after_us) "
    "FROM service_certificates s LEFT JOIN cas c ON c.id = s.ca_id "
    "WHERE s.deleted_us = 0 AND (s.ca_id IS NULL OR c.deleted_us = 0) GROUP BY s.purpose, c.slug "
    "UNION ALL SELECT 100, c.slug, COALESCE((SELECT l.next_update_us FROM crls l "
    "WHERE l.ca_id = c.id AND l.scope = 0 AND l.base_number = -1 ORDER BY l.number DESC LIMIT 1), 0) "
    "FROM cas c WHERE c.deleted_us = 0 AND c.state = 1 "
    "UNION ALL SELECT 101, v.slug, l.next_update_us FROM validators v JOIN validator_lists l ON l.id = v.list_id "
    "WHERE v.deleted_us = 0";
static const char sql_requests[] =
    "SELECT r.state, COUNT(*) FROM requests r WHERE r.state IN (1, 2, 6) GROUP BY r.state";

bool figures_certificates(struct tx *tx, struct arena *arena, int64_t now_us,
                          struct figure_certificates **ret_items, size_t *ret_count, struct error *err) {
    struct figure_certificates *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql_certificates, PARAMS(p_int(now_us), p_int(now_us)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct figure_certificates *f = &items[count++];
        f->ca = rows_text(&rows);
        int64_t total = rows_int(&rows);
        f->expired = rows_int(&rows);
        f->revoked = rows_int(&rows);
        f->held = rows_int(&rows);
        f->valid = total - f->expired - f->revoked - f->held;
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

static const char *kind_of(int64_t purpose) {
    switch (purpose) {
    case 0: return "ca";
    case 100: return "crl";
    case 101: return "validator-list";
    case SERVICE_OCSP: return "ocsp";
    case SERVICE_TSA: return "tsa";
    case SERVICE_SCEP: return "scep";
    case SERVICE_TLS: return "tls";
    case SERVICE_CMP: return "cmp";
    case SERVICE_AGENT: return "agent";
    default: return "other";
    }
}

bool figures_expiry(struct tx *tx, struct arena *arena, struct figure_expiry **ret_items,
                    size_t *ret_count, struct error *err) {
    struct figure_expiry *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql_expiry, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct figure_expiry *f = &items[count];
        f->kind = kind_of(rows_int(&rows));
        f->ca = rows_text(&rows);
        f->not_after_us = rows_int(&rows);
        count += f->not_after_us > 0; /* a CA without a list has none that could end */
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool figures_requests(struct tx *tx, struct arena *arena, struct figure_requests **ret_items,
                      size_t *ret_count, struct error *err) {
    struct figure_requests *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql_requests, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        items[count].state = (int)rows_int(&rows);
        items[count++].count = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
