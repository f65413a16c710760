#include "ocsp/ocsp.h"

#include "base/clock.h"

static bool authority(void *context, struct arena *arena, const char *ca_slug,
                      struct ca_record *ret, struct error *err) {
    return status_authority(context, arena, ca_slug, ret, err);
}

static bool status(void *context, struct arena *arena, const struct ca_record *ca,
                   struct view serial, struct status_answer *ret, struct error *err) {
    return status_certificate(context, arena, ca, serial, ret, err);
}

static bool identity(void *context, struct arena *arena, const struct ca_record *ca,
                     struct service_identity *ret, struct error *err) {
    return service_ocsp(context, arena, ca, ret, err);
}

static bool validity(void *context, struct arena *arena, const struct ca_record *ca,
                     int64_t *ret_us, struct error *err) {
    (void)context;
    const struct json *document;
    struct ca_settings settings;
    TRY(json_parse(arena, view_text(ca->settings), &document, err));
    TRY(authority_settings_read(arena, document, &settings, err));
    *ret_us = settings.ocsp_hours * 3600 * US_PER_SECOND;
    return true;
}

struct ocsp_source ocsp_source_core(struct core *core) {
    return (struct ocsp_source){.authority = authority,
                                .status = status,
                                .identity = identity,
                                .validity = validity,
                                .context = core};
}
