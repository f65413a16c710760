#include "store/organisations.h"
#include "store/hold.h"
#include "store/query.h"

static const char sql_get[] = "SELECT s.value FROM settings s WHERE s.name = ?";
static const char sql_put[] = "INSERT INTO settings (name, value) VALUES (?, ?) "
                              "ON DUPLICATE KEY UPDATE value = VALUES(value)";
static const char sql_add[] = "INSERT INTO settings (name, value) VALUES (?, ?)";

static const char sql_lease_renew[] = "UPDATE leases SET holder = ?, until_us = ? "
                                      "WHERE name = ? AND (until_us <= ? OR until_us > ? OR holder = ?)";
#define SKEW_US INT64_C(60000000) /* of the clocks of two nodes */
static const char sql_lease_release[] = "UPDATE leases SET until_us = ? WHERE holder = ? AND until_us > ?";
static const char sql_lease_add[] = "INSERT INTO leases (name, holder, until_us) VALUES (?, ?, ?)";

bool setting_get(struct tx *tx, struct arena *arena, const char *name, const char **ret_value,
                 struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_get, PARAMS(p_text(name)), &rows, &found, err));
    const char *value = found ? rows_text(&rows) : NULL;
    if (found)
        TRY(rows_close(&rows, err));
    *ret_value = value;
    return true;
}

bool setting_put(struct tx *tx, const char *name, const char *value, struct error *err) {
    tx_changes_rules(tx);
    return tx_execute(tx, sql_put, PARAMS(p_text(name), p_text(value)), NULL, err);
}

bool setting_default(struct tx *tx, struct arena *arena, const char *name, const char *value,
                     const char **ret_value, struct error *err) {
    const char *standing;
    bool duplicate;
    /* Looked up first: an INSERT that fails would lock the row against others. */
    TRY(setting_get(tx, arena, name, &standing, err));
    if (standing == NULL) {
        TRY(tx_insert(tx, sql_add, PARAMS(p_text(name), p_text(value)), &duplicate, err));
        TRY(setting_get(tx, arena, name, &standing, err));
    }
    if (standing == NULL)
        return fail_internal(err, "setting %s is neither new nor there", name);
    *ret_value = standing;
    return true;
}

bool lease_take(struct tx *tx, const char *name, struct uuid holder, int64_t now_us,
                int64_t until_us, bool *ret_taken, struct error *err) {
    int64_t matched, longest_us = until_us > now_us ? until_us + SKEW_US : INT64_MAX;
    bool duplicate = false;
    TRY(tx_execute(tx, sql_lease_renew,
                   PARAMS(p_uuid(&holder), p_int(until_us), p_text(name), p_int(now_us), p_int(longest_us), p_uuid(&holder)),
                   &matched, err));
    if (matched == 0)
        TRY(tx_insert(tx, sql_lease_add, PARAMS(p_text(name), p_uuid(&holder), p_int(until_us)),
                      &duplicate, err));
    *ret_taken = !duplicate;
    return true;
}

bool lease_release(struct tx *tx, struct uuid holder, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_lease_release, PARAMS(p_int(now_us), p_uuid(&holder), p_int(now_us)), NULL, err);
}
