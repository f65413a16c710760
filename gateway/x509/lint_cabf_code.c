/* CA/Browser Forum, Baseline Requirements for code signing certificates. */
#include "x509/lint_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define broken lint_broken
#define TIMESTAMP_POLICY "2.23.140.1.4.2"

static bool signs_code(const struct lint *l) {
    return !l->is_ca && !lint_has_policy(l, TIMESTAMP_POLICY);
}

static bool rule_days(const struct lint *l) {
    /* Ballot CSC-31: 460 days from 2026-03-01, before that 39 months. */
    int most = l->from_us >= INT64_C(1772323200) * US_PER_SECOND ? 460 : 1187;
    return !signs_code(l) || lint_days(l) <= most ||
           broken(l, "it is valid for %d days; %d is the most for its date of issue. Shorten it.",
                  (int)lint_days(l), most);
}

static bool rule_purposes(const struct lint *l) {
    static const int forbidden[] = {NID_anyExtendedKeyUsage, NID_server_auth, NID_time_stamp};
    if (!signs_code(l))
        return true;
    if (!lint_has_purpose(l, NID_code_sign))
        return broken(l, "extendedKeyUsage lacks codeSigning.");
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        if (lint_has_purpose(l, forbidden[i]))
            return broken(l, "extendedKeyUsage must not hold %s.", OBJ_nid2sn(forbidden[i]));
    return true;
}

static bool rule_key(const struct lint *l) {
    if (l->is_ca)
        return true;
    if (strncmp(l->key_type, "RSA-", 4) == 0)
        return strtol(l->key_type + 4, NULL, 10) >= 3072 ||
               broken(l, "an RSA key has at least 3072 bits.");
    return strncmp(l->key_type, "P-", 2) == 0 ||
           broken(l,
                  "keys of the type %s are not for public code signing: RSA, P-256, P-384, P-521.",
                  l->key_type);
}

static bool rule_subject(const struct lint *l) {
    return !signs_code(l) ||
           (lint_subject_count(l, NID_commonName) == 1 &&
            lint_subject_count(l, NID_organizationName) == 1 &&
            lint_subject_count(l, NID_countryName) == 1) ||
           broken(l, "the subject holds one commonName, organizationName and countryName each.");
}

static bool rule_policy(const struct lint *l) {
    int count = lint_has_policy(l, "2.23.140.1.4.1") + lint_has_policy(l, TIMESTAMP_POLICY) +
                lint_has_policy(l, "2.23.140.1.3");
    return l->is_ca || count == 1 ||
           broken(l, "certificatePolicies must hold exactly one of 2.23.140.1.4.1 (code signing), "
                     "2.23.140.1.3 (extended validation), " TIMESTAMP_POLICY " (time-stamping).");
}

static bool rule_usage(const struct lint *l) {
    return !signs_code(l) || (l->has_key_usage && l->key_usage == KU_DIGITAL_SIGNATURE) ||
           broken(l, "keyUsage is digitalSignature and nothing else.");
}

static bool rule_crl(const struct lint *l) {
    return l->is_ca || X509_get_ext_by_NID(l->x, NID_crl_distribution_points, -1) >= 0 ||
           broken(l, "cRLDistributionPoints must be there.");
}

const struct lint_rule lint_rules_cabf_code[] = {
    {"code-days", "CABF Code Signing BR 6.3.2", LINT_ERROR, rule_days},
    {"code-purposes", "CABF Code Signing BR 7.1.2.3(f)", LINT_ERROR, rule_purposes},
    {"code-key", "CABF Code Signing BR 6.1.5.2", LINT_ERROR, rule_key},
    {"code-subject", "CABF Code Signing BR 7.1.4.2", LINT_ERROR, rule_subject},
    {"code-policy", "CABF Code Signing BR 7.1.6.1", LINT_ERROR, rule_policy},
    {"code-key-usage", "CABF Code Signing BR 7.1.2.3(e)", LINT_ERROR, rule_usage},
    {"code-crl", "CABF Code Signing BR 7.1.2.3(b)", LINT_ERROR, rule_crl},
    {NULL, NULL, LINT_NOTICE, NULL},
};
