/* What qualified timestamps ask of an issuer's key and of its neighbours (ETSI EN 319 421 and 319 422). */
#include "tsp/manage.h"

#include "ca/service.h"
#include "tsp/profile.h"
#include "x509/certificate.h"

#include <string.h>

/* EN 319 422, 6.2 */
static bool check_subject(const X509 *certificate, struct error *err) {
    static const int nids[] = {NID_countryName, NID_organizationName, NID_commonName};
    for (size_t i = 0; i < sizeof nids / sizeof *nids; i++)
        if (X509_NAME_get_index_by_NID(X509_get_subject_name(certificate), nids[i], -1) < 0)
            return fail(err, ERROR_POLICY, "tsa-qualified",
                        "qualified: the subject of the timestamping certificate has no %s (ETSI EN 319 422, 6.2); name in "
                        "\"certificate\" one that has C, O and CN.",
                        OBJ_nid2sn(nids[i]));
    return true;
}

bool qualified_certificate(struct arena *arena, struct view der, struct error *err) {
    X509 *certificate;
    TRY(certificate_decode(arena, der, &certificate, err));
    keep_X509(arena, certificate);
    return check_subject(certificate, err);
}

bool qualified_own(struct core *core, struct arena *arena, const struct ca_record *ca, struct error *err) {
    struct service_identity service;
    TRY(service_of(core, arena, ca, SERVICE_TSA, &service, err));
    return check_subject(service.certificate, err);
}

static bool gives(struct arena *arena, const struct tsa_issuer_record *issuer, bool *ret_qualified, bool *ret_enabled,
                  struct error *err) {
    const struct json *document;
    struct tsp_profile profile;
    TRY(json_parse(arena, view_text(issuer->document), &document, err));
    TRY(tsp_profile_read(arena, document, &profile, err));
    *ret_qualified = profile.qualified;
    *ret_enabled = profile.enabled;
    return true;
}

static bool mixed(const char *name, struct error *err) {
    return fail(err, ERROR_POLICY, "tsa-qualified",
                "qualified: the issuer \"%.63s\" signs with the same key, and a key gives either qualified timestamps alone or "
                "none (ETSI EN 319 421, 8.2): name another \"certificate\", or make both alike, or switch one off.",
                name[0] == '\0' ? "default" : name);
}

bool qualified_alone(struct tx *tx, struct arena *arena, const struct ca_record *ca, const char *name,
                     const struct tsp_profile *profile, struct error *err) {
    struct tsa_issuer_record *others;
    size_t count;
    bool own = uuid_is_nil(profile->certificate_id), first_is_stored = name[0] == '\0';
    if (!profile->enabled)
        return true;
    TRY(tsa_issuer_signed_by(tx, arena, ca->id, profile->certificate_id, &others, &count, err));
    for (size_t i = 0; i < count; i++) {
        bool same_ca = uuid_equal(others[i].ca_id, ca->id), qualified, enabled;
        first_is_stored = first_is_stored || (same_ca && others[i].name[0] == '\0');
        if (same_ca && strcmp(others[i].name, name) == 0)
            continue;
        TRY(gives(arena, &others[i], &qualified, &enabled, err));
        if (enabled && qualified != profile->qualified)
            return mixed(others[i].name, err);
    }
    if (!own || first_is_stored || !profile->qualified)
        return true;
    /* The issuer without a name is there without being stored, unless it is stored with another certificate. */
    struct tsa_issuer_record first;
    TRY(tsa_issuer_get(tx, arena, ca->id, "", &first, err));
    return first.version > 0 || mixed("", err);
}
