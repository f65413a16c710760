/* The template behind a SCEP URL. */
#include "scep/exchange.h"

#include "store/protocols.h"

bool scep_settings_of(struct core *core, struct arena *arena, struct uuid template_id,
                      struct scep_settings *ret, int64_t *ret_version, struct error *err) {
    struct protocol_record record;
    const struct json *document;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = protocol_get(tx.tx, arena, template_id, SCEP_PROTOCOL, &record, err);
    TRY(done);
    TRY(json_parse(arena, view_text(record.document), &document, err));
    TRY(scep_settings_read(arena, document, ret, err));
    if (ret_version != NULL)
        *ret_version = record.version;
    return true;
}

bool scep_target_open(struct core *core, struct arena *arena, const char *slug, const char *address,
                      struct scep_target *ret, struct error *err) {
    TRY(enrol_target(core, arena, slug, SCEP_PROTOCOL, &ret->enrolment, err));
    TRY(scep_settings_of(core, arena, ret->enrolment.record.id, &ret->settings, NULL, err));
    return scep_access_allows(&ret->settings.scep_access, address) ||
           fail(err, ERROR_FORBIDDEN, "scep-address",
                "The template's access list does not have the address %.64s.", address);
}
