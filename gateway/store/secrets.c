#include "store/secrets.h"

#include "store/query.h"

static const char sql_ending[] =
    "SELECT 'token', t.id, t.label, '', u.username, u.email, t.created_us, t.expires_us AS ends "
    "FROM api_tokens t JOIN users u ON u.id = t.user_id "
    "WHERE t.revoked = 0 AND u.state = 1 AND t.expires_us > ? AND t.expires_us <= ? "
    "UNION ALL "
    "SELECT ELT(c.kind, 'challenge', 'mac', 'code', 'key'), c.id, IF(c.name <> '', c.name, c.label), p.slug, c.maker, "
    "COALESCE(u.email, ''), c.created_us, c.expires_us "
    "FROM credentials c JOIN templates p ON p.id = c.template_id LEFT JOIN users u ON u.id = c.maker_id "
    "WHERE c.revoked = 0 AND p.deleted_us = 0 AND (c.uses = 0 OR c.used < c.uses) "
    "AND c.expires_us > ? AND c.expires_us <= ? "
    "UNION ALL "
    "SELECT 'binding', e.id, e.name, p.name, e.maker, COALESCE(u.email, ''), e.created_us, e.expires_us "
    "FROM acme_eabs e JOIN acme_policies p ON p.id = e.policy_id LEFT JOIN users u ON u.username = e.maker "
    "WHERE e.revoked = 0 AND p.deleted_us = 0 AND (e.uses = 0 OR e.used < e.uses) "
    "AND e.expires_us > ? AND e.expires_us <= ? "
    "ORDER BY ends LIMIT 2000";

bool secrets_ending(struct tx *tx, struct arena *arena, int64_t after_us, int64_t until_us,
                    struct ending_secret **ret_items, size_t *ret_count, struct error *err) {
    struct ending_secret *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
    TRY(rows_open(tx, arena, sql_ending,
                  PARAMS(p_int(after_us), p_int(until_us), p_int(after_us), p_int(until_us), p_int(after_us),
                         p_int(until_us)),
                  &rows, err));
    while (count < MOST_ENDING_SECRETS && rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct ending_secret *item = &items[count++];
        item->kind = rows_text(&rows);
        item->id = rows_uuid(&rows);
        item->label = rows_text(&rows);
        item->place = rows_text(&rows);
        item->owner = rows_text(&rows);
        item->email = rows_text(&rows);
        item->created_us = rows_int(&rows);
        item->expires_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
