#include "template/renewal.h"

#include "base/clock.h"

#include <inttypes.h>

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_POLICY, "renewal",
                "The certificate that is to be renewed %s; enrol anew.", rule);
}

bool renewal_check(const struct template *t, const struct ca_record *ca,
                   const struct certificate_record *old, int64_t now_us, struct error *err) {
    char text[TIME_TEXT_SIZE];
    if (!t->renewal.by_certificate)
        return fail(err, ERROR_POLICY, "renewal",
                    "The template does not renew by the old certificate (renewal.byCertificate); "
                    "enrol anew.");
    if (!uuid_equal(old->ca_id, ca->id))
        return fail(
            err, ERROR_POLICY, "renewal",
            "The certificate that is to be renewed is of another authority than %s; enrol anew.",
            ca->slug);
    if (old->revoked)
        return refuse(err, "is revoked or held");
    if (old->not_after_us + t->renewal.grace_days * US_PER_DAY < now_us)
        return refuse(err, t->renewal.grace_days > 0 ? "has expired, and the days of grace are over"
                                                     : "has expired");
    int64_t opens = old->not_after_us - t->renewal.window_days * US_PER_DAY;
    if (t->renewal.window_days == 0 || now_us >= opens)
        return true;
    time_format(opens, text);
    return fail(err, ERROR_POLICY, "renewal",
                "It is too early: the template renews in the last %" PRId64
                " days of a certificate (renewal.windowDays), which is from %s on.",
                t->renewal.window_days, text);
}

bool renewal_revokes(const struct template *t) {
    return t->renewal.revoke_old;
}

bool renewal_copy_names(struct arena *arena, const struct template *t, const struct certificate_record *old,
                        struct proposal *proposal, struct error *err) {
    X509 *certificate;
    if (!t->renewal.copy_names)
        return true;
    TRY(certificate_decode(arena, old->der, &certificate, err));
    keep_X509(arena, certificate);
    GENERAL_NAMES *sans = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (sans == NULL && (sans = GENERAL_NAMES_new()) == NULL)
        return fail_internal(err, "GENERAL_NAMES_new");
    proposal->subject = X509_get_subject_name(certificate);
    proposal->sans = keep_GENERAL_NAMES(arena, sans);
    return true;
}
