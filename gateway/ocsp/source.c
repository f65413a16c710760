#include "ocsp/ocsp.h"

#include "base/clock.h"
#include "ca/reading.h"
#include "ca/validation.h"
#include "ocsp/internal.h"
#include "x509/handles.h"

/* An edit of the settings moves the epoch, too: answers under the old ones are not served any more. */
static bool authority(void *context, struct arena *arena, const char *ca_slug,
                      struct ca_record *ret, struct error *err) {
    struct error missing = {0};
    int64_t as_of_us;
    if (core_reads_only(context)) /* what lies ready is not served either: it may have been revoked since */
        TRY(reading_recent(context, &as_of_us, err));
    if (!status_authority(context, arena, ca_slug, ret, &missing)) {
        if (missing.kind != ERROR_NOT_FOUND) {
            *err = missing;
            return false;
        }
        TRY(validation_authority(context, arena, ca_slug, ret, err));
    }
    ret->epoch += ret->revision << OCSP_EPOCH_BITS;
    return true;
}

/* An authority that is not ours: there is no key of it here. */
static bool is_foreign(const struct ca_record *ca) {
    return uuid_is_nil(ca->key_id);
}

static bool status(void *context, struct arena *arena, const struct ca_record *ca,
                   struct view serial, struct status_answer *ret, struct error *err) {
    if (is_foreign(ca))
        return validation_status(context, arena, ca, serial, ret, err);
    return status_certificate(context, arena, ca, serial, ret, err);
}

/* rfc6960#2.6: the CA itself, or its delegate */
static bool direct(struct core *core, struct arena *arena, const struct ca_record *ca,
                   const struct ca_settings *settings, struct service_identity *ret, struct error *err) {
    EVP_PKEY *key;
    X509 *certificate;
    TRY(certificate_decode(arena, ca->certificate, &certificate, err));
    keep_X509(arena, certificate);
    TRY(core_key(core, ca->key_id, &key, err));
    keep_EVP_PKEY(arena, key);
    *ret = (struct service_identity){certificate, key, authority_digest(ca, settings), ca->not_after_us};
    return true;
}

static bool identity(void *context, struct arena *arena, const struct ca_record *ca,
                     struct service_identity *ret, struct error *err) {
    struct ca_settings settings;
    if (is_foreign(ca))
        return validation_identity(context, arena, ca, ret, err);
    TRY(authority_settings(arena, ca, &settings, err));
    if (settings.ocsp.direct)
        return direct(context, arena, ca, &settings, ret, err);
    return service_ocsp(context, arena, ca, ret, err);
}

static bool foreign_profile(struct arena *arena, const struct ca_record *ca, struct ocsp_profile *ret,
                            struct error *err) {
    const struct json *document;
    struct validation_settings settings;
    TRY(json_parse(arena, view_text(ca->settings), &document, err));
    TRY(validation_settings_read(arena, document, &settings, err));
    *ret = (struct ocsp_profile){.validity_us = settings.ocsp_hours * 3600 * US_PER_SECOND,
                                 .never_issued_revoked = settings.never_issued_revoked,
                                 .require_signed = settings.require_signed,
                                 .by_name = settings.by_name};
    return true;
}

static bool profile(void *context, struct arena *arena, const struct ca_record *ca,
                    struct ocsp_profile *ret, struct error *err) {
    struct ca_settings settings;
    (void)context;
    if (is_foreign(ca))
        return foreign_profile(arena, ca, ret, err);
    TRY(authority_settings(arena, ca, &settings, err));
    *ret = (struct ocsp_profile){
        .validity_us = settings.ocsp_hours * 3600 * US_PER_SECOND,
        .never_issued_revoked = settings.ocsp.never_issued == NEVER_ISSUED_REVOKED,
        .require_signed = settings.ocsp.require_signed,
        .by_name = settings.ocsp.by_name,
        .archive_us = settings.ocsp.archive_days * US_PER_DAY};
    return true;
}

static bool issuer(void *context, struct arena *arena, const struct issuer_hashes *hashes,
                   const char **ret_slug, struct error *err) {
    return status_find_issuer(context, arena, hashes, ret_slug, err);
}

struct ocsp_source ocsp_source_core(struct core *core) {
    return (struct ocsp_source){.authority = authority,
                                .status = status,
                                .identity = identity,
                                .profile = profile,
                                .issuer = issuer,
                                .context = core};
}
