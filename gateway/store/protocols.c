#include "store/protocols.h"

#include "base/clock.h"
#include "store/sql.h"

static const char sql_get[] = "SELECT p.version, p.document, p.changed_us FROM template_protocols p "
                              "WHERE p.template_id = ? AND p.protocol = ?";
static const char sql_add[] = "INSERT INTO template_protocols (template_id, protocol, version, document, "
                              "changed_us) VALUES (?, ?, 1, ?, ?)";
static const char sql_change[] = "UPDATE template_protocols SET version = version + 1, document = ?, "
                                 "changed_us = ? WHERE template_id = ? AND protocol = ? AND version = ?";

bool protocol_get(struct tx *tx, struct arena *arena, struct uuid template_id, const char *protocol,
                  struct protocol_record *ret, struct error *err) {
    struct protocol_record record = {.template_id = template_id, .protocol = protocol, .document = "{}"};
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_get, PARAMS(p_uuid(&template_id), p_text(protocol)), &rows, &found,
                   err));
    if (found) {
        record.version = rows_int(&rows);
        record.document = rows_text(&rows);
        record.changed_us = rows_int(&rows);
        TRY(rows_close(&rows, err));
    }
    *ret = record;
    return true;
}

bool protocol_put(struct tx *tx, const struct protocol_record *record, struct error *err) {
    struct uuid id = record->template_id;
    int64_t now = clock_now_us(), matched = 0;
    bool duplicate = false;
    if (record->version == 0)
        TRY(tx_insert(tx, sql_add,
                      PARAMS(p_uuid(&id), p_text(record->protocol), p_text(record->document),
                             p_int(now)),
                      &duplicate, err));
    else
        TRY(tx_execute(tx, sql_change,
                       PARAMS(p_text(record->document), p_int(now), p_uuid(&id),
                              p_text(record->protocol), p_int(record->version)),
                       &matched, err));
    if (record->version == 0 ? !duplicate : matched == 1)
        return true;
    return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "The %s settings of the template were changed meanwhile; read them again, then repeat "
                "the change.",
                record->protocol);
}
