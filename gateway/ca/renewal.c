#include "ca/template.h"
#include "store/certificates.h"

bool renewal_check(const struct template *template, const struct ca_record *ca,
                   const struct certificate_record *old, int64_t now_us, struct error *err) {
    (void)template;
    if (!uuid_equal(old->ca_id, ca->id))
        return fail(err, ERROR_POLICY, "renewal",
                    "The certificate that is to be renewed is of another authority than %s; enrol anew.",
                    ca->slug);
    if (old->revoked)
        return fail(err, ERROR_POLICY, "renewal",
                    "The certificate that is to be renewed is revoked or held; enrol anew.");
    if (old->not_after_us < now_us)
        return fail(err, ERROR_POLICY, "renewal",
                    "The certificate that is to be renewed has expired; enrol anew.");
    return true;
}

bool renewal_revokes(const struct template *template) {
    (void)template;
    return false;
}
