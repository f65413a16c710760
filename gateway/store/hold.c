#include "store/hold.h"

#include "store/sql.h"

#include <stdlib.h>

#define MOST_HELD 64

static const char sql_template[] =
    "SELECT a.organisation_id, t.version, a.revision FROM templates t JOIN cas a ON a.id = t.ca_id "
    "WHERE t.id = ? AND a.id = ? AND t.deleted_us = 0 AND a.deleted_us = 0 LOCK IN SHARE MODE";
static const char sql_ca[] = "SELECT a.organisation_id, a.revision FROM cas a "
                             "WHERE a.id = ? AND a.deleted_us = 0 LOCK IN SHARE MODE";

/* A CA is held with each of its templates. */
static bool is_held(const struct tx *tx, const struct held *wanted, struct held *ret) {
    for (unsigned i = 0; i < tx->held_count; i++)
        if (uuid_equal(tx->held[i].ca_id, wanted->ca_id) &&
            (uuid_is_nil(wanted->template_id) ||
             uuid_equal(tx->held[i].template_id, wanted->template_id))) {
            *ret = tx->held[i];
            return true;
        }
    return false;
}

static bool read_held(struct tx *tx, const struct held *wanted, struct held *ret, struct error *err) {
    bool with_template = !uuid_is_nil(wanted->template_id), found;
    struct rows rows;
    /* No row that waits is asked about, so none has to go before. */
    bool waits = tx->referred_waits;
    tx->referred_waits = false;
    bool ok = with_template
                  ? rows_first(tx, NULL, sql_template,
                               PARAMS(p_uuid(&wanted->template_id), p_uuid(&wanted->ca_id)), &rows,
                               &found, err)
                  : rows_first(tx, NULL, sql_ca, PARAMS(p_uuid(&wanted->ca_id)), &rows, &found, err);
    tx->referred_waits = waits;
    TRY(ok);
    if (!found)
        return with_template ? fail(err, ERROR_NOT_FOUND, "not-found",
                                    "The template of the request is not there any more.")
                             : fail(err, ERROR_NOT_FOUND, "not-found",
                                    "The CA of the certificate is not there any more.");
    *ret = *wanted;
    ret->organisation_id = rows_uuid(&rows);
    ret->template_version = with_template ? rows_int(&rows) : 0;
    ret->ca_revision = rows_int(&rows);
    return rows_close(&rows, err);
}

static bool differs(int64_t wanted, int64_t found) {
    return wanted != 0 && wanted != found;
}

bool hold(struct tx *tx, struct held *held, struct error *err) {
    struct held found;
    if (!is_held(tx, held, &found)) {
        TRY(read_held(tx, held, &found, err));
        if (tx->held == NULL)
            tx->held = must_alloc(MOST_HELD * sizeof *tx->held);
        if (tx->held_count < MOST_HELD)
            tx->held[tx->held_count++] = found;
    }
    if (differs(held->template_version, found.template_version) ||
        differs(held->ca_revision, found.ca_revision))
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The template or its CA was changed by somebody else meanwhile; ask again.");
    *held = found;
    return true;
}

void tx_changes_rules(struct tx *tx) {
    tx->changes_rules = true;
    tx->held_count = 0;
}
