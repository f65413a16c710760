/* CA/Browser Forum, Baseline Requirements for TLS server certificates (version 2.1 and later
 * ballots). */
#include "x509/lint_internal.h"

#include "base/clock.h"
#include "x509/san.h"

#include <string.h>

#define broken lint_broken

static bool end_entity(const struct lint *l) {
    return !l->is_ca && !lint_has_purpose(l, NID_OCSP_sign);
}

/* BR 6.3.2: the ceiling falls with the date of issue (ballot SC-081v3). */
static bool rule_days(const struct lint *l) {
    static const struct {
        int64_t from_us, days;
    } ceilings[] = {
        {INT64_C(1868227200) * US_PER_SECOND, 47},  /* 2029-03-15 */
        {INT64_C(1805068800) * US_PER_SECOND, 100}, /* 2027-03-15 */
        {INT64_C(1773532800) * US_PER_SECOND, 200}, /* 2026-03-15 */
        {INT64_MIN, 398},
    };
    size_t i = 0;
    while (l->from_us < ceilings[i].from_us)
        i++;
    return !end_entity(l) || lint_days(l) <= ceilings[i].days ||
           broken(l, "it is valid for %d days; %d is the most for its date of issue. Shorten it.",
                  (int)lint_days(l), (int)ceilings[i].days);
}

static bool rule_purposes(const struct lint *l) {
    static const int forbidden[] = {NID_code_sign, NID_email_protect, NID_time_stamp, NID_OCSP_sign,
                                    NID_anyExtendedKeyUsage};
    if (!end_entity(l))
        return true;
    if (!lint_has_purpose(l, NID_server_auth))
        return broken(l, "extendedKeyUsage lacks serverAuth.");
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        if (lint_has_purpose(l, forbidden[i]))
            return broken(l, "extendedKeyUsage must not hold %s.", OBJ_nid2sn(forbidden[i]));
    return true;
}

static bool rule_client_auth(const struct lint *l) {
    return !end_entity(l) || !lint_has_purpose(l, NID_client_auth) ||
           broken(l,
                  "clientAuth beside serverAuth: browsers' root programs end this in 2026. Use a "
                  "template of its own for clients.");
}

static bool rule_sans_there(const struct lint *l) {
    if (!end_entity(l))
        return true;
    if (sk_GENERAL_NAME_num(l->sans) <= 0)
        return broken(l, "subjectAltName must name at least one host.");
    for (int i = 0; i < sk_GENERAL_NAME_num(l->sans); i++) {
        int type = sk_GENERAL_NAME_value(l->sans, i)->type;
        if (type != GEN_DNS && type != GEN_IPADD)
            return broken(l, "subjectAltName may hold DNS names and IP addresses only.");
    }
    return true;
}

static bool internal_name(const char *host) {
    static const char *const suffixes[] = {".local",   ".internal",    ".lan",  ".home",
                                           ".corp",    ".localdomain", ".test", ".example",
                                           ".invalid", ".localhost"};
    size_t len = strlen(host);
    if (strchr(host, '.') == NULL)
        return true;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t end = strlen(suffixes[i]);
        if (len > end && strcasecmp(host + len - end, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static bool rule_internal_names(const struct lint *l) {
    if (!end_entity(l))
        return true;
    for (int i = 0; i < sk_GENERAL_NAME_num(l->sans); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(l->sans, i);
        const char *text = san_text(l->arena, name, NULL);
        if (name->type == GEN_DNS && internal_name(text + strlen("DNS:")))
            return broken(l, "\"%.80s\" is an internal name, which no public certificate may hold.",
                          text);
    }
    return true;
}

/* RFC 1918, loopback, link-local, documentation, shared; unique local and link-local IPv6. */
static bool reserved_address(const ASN1_OCTET_STRING *address) {
    const unsigned char *at = ASN1_STRING_get0_data(address);
    if (ASN1_STRING_length(address) == 4)
        return at[0] == 10 || at[0] == 127 || at[0] == 0 || at[0] >= 224 ||
               (at[0] == 172 && (at[1] & 0xf0) == 16) || (at[0] == 192 && at[1] == 168) ||
               (at[0] == 169 && at[1] == 254) || (at[0] == 100 && (at[1] & 0xc0) == 64) ||
               (at[0] == 192 && at[1] == 0 && at[2] == 2);
    return ASN1_STRING_length(address) == 16 &&
           ((at[0] & 0xfe) == 0xfc || at[0] == 0xff || (at[0] == 0xfe && (at[1] & 0xc0) == 0x80) ||
            at[0] == 0 || (at[0] == 0x20 && at[1] == 1 && at[2] == 0x0d && at[3] == 0xb8));
}

static bool rule_reserved_addresses(const struct lint *l) {
    if (!end_entity(l))
        return true;
    for (int i = 0; i < sk_GENERAL_NAME_num(l->sans); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(l->sans, i);
        if (name->type == GEN_IPADD && reserved_address(name->d.iPAddress))
            return broken(l, "%s is a reserved address, which no public certificate may hold.",
                          san_text(l->arena, name, NULL));
    }
    return true;
}

static bool rule_common_name(const struct lint *l) {
    const char *common_name = lint_subject_text(l, NID_commonName);
    if (!end_entity(l) || common_name == NULL)
        return true;
    if (lint_subject_count(l, NID_commonName) > 1)
        return broken(l, "there is more than one commonName.");
    for (int i = 0; i < sk_GENERAL_NAME_num(l->sans); i++) {
        const char *text = san_text(l->arena, sk_GENERAL_NAME_value(l->sans, i), NULL);
        if (strcmp(strchr(text, ':') + 1, common_name) == 0)
            return true;
    }
    return broken(l, "the commonName \"%.64s\" is none of the names in subjectAltName.",
                  common_name);
}

static bool rule_unit(const struct lint *l) {
    return !end_entity(l) || lint_subject_count(l, NID_organizationalUnitName) == 0 ||
           broken(l, "organizationalUnitName must not be in the subject.");
}

static bool rule_reserved_policy(const struct lint *l) {
    static const char *const levels[] = {"2.23.140.1.2.1", "2.23.140.1.2.2", "2.23.140.1.2.3",
                                         "2.23.140.1.1"};
    int count = 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        count += lint_has_policy(l, levels[i]);
    return !end_entity(l) || count == 1 ||
           broken(
               l,
               "certificatePolicies must hold exactly one of the reserved policies 2.23.140.1.2.1 "
               "(domain), .2.2 (organisation), .2.3 (individual), 2.23.140.1.1 (extended).");
}

static bool rule_subject_by_policy(const struct lint *l) {
    if (!end_entity(l))
        return true;
    bool has_organisation = lint_subject_count(l, NID_organizationName) > 0;
    if (lint_has_policy(l, "2.23.140.1.2.1") &&
        (has_organisation || lint_subject_count(l, NID_localityName) > 0 ||
         lint_subject_count(l, NID_stateOrProvinceName) > 0))
        return broken(l, "a domain-validated subject holds no organisation, locality or state.");
    if (lint_has_policy(l, "2.23.140.1.2.2") &&
        (!has_organisation || lint_subject_count(l, NID_countryName) == 0))
        return broken(l,
                      "an organisation-validated subject holds organizationName and countryName.");
    if (lint_has_policy(l, "2.23.140.1.1") &&
        (!has_organisation || lint_subject_count(l, NID_serialNumber) == 0 ||
         lint_subject_count(l, NID_businessCategory) == 0 ||
         lint_subject_count(l, NID_jurisdictionCountryName) == 0))
        return broken(l, "an extended-validation subject holds organizationName, serialNumber, "
                         "businessCategory and jurisdictionCountryName.");
    return true;
}

static bool rule_status_sources(const struct lint *l) {
    AUTO(AUTHORITY_INFO_ACCESS) *access = NULL;
    int critical;
    if (!end_entity(l))
        return true;
    access = lint_extension(l->x, NID_info_access, &critical);
    bool issuers = false;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++)
        issuers = issuers ||
                  OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, i)->method) == NID_ad_ca_issuers;
    return issuers ||
           broken(l, "authorityInfoAccess lacks caIssuers, where the issuer is fetched.");
}

static bool rule_crl(const struct lint *l) {
    int critical;
    bool ocsp = false;
    if (!end_entity(l) || X509_get_ext_by_NID(l->x, NID_crl_distribution_points, -1) >= 0)
        return true;
    AUTO(AUTHORITY_INFO_ACCESS) *access = lint_extension(l->x, NID_info_access, &critical);
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++)
        ocsp = ocsp || OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, i)->method) == NID_ad_OCSP;
    return ocsp || lint_days(l) <= 7 ||
           broken(l, "neither cRLDistributionPoints nor OCSP: only certificates of 7 days may lack "
                     "both.");
}

static bool rule_key(const struct lint *l) {
    return strncmp(l->key_type, "RSA-", 4) == 0 || strncmp(l->key_type, "P-", 2) == 0 ||
           broken(l, "keys of the type %s are not for public TLS: RSA, P-256, P-384, P-521.",
                  l->key_type);
}

static bool rule_serial_entropy(const struct lint *l) {
    return ASN1_STRING_length(X509_get0_serialNumber(l->x)) >= 8 ||
           broken(l, "the serial number must hold 64 random bits; it is shorter than 8 octets.");
}

static bool rule_usage(const struct lint *l) {
    const unsigned allowed =
        KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT | KU_DATA_ENCIPHERMENT;
    return !end_entity(l) || (l->key_usage & ~allowed) == 0 ||
           broken(l, "keyUsage holds a bit that TLS servers must not have.");
}

const struct lint_rule lint_rules_cabf_tls[] = {
    {"tls-days", "CABF TLS BR 6.3.2", LINT_ERROR, rule_days},
    {"tls-purposes", "CABF TLS BR 7.1.2.7.10", LINT_ERROR, rule_purposes},
    {"tls-client-auth", "CABF TLS BR 7.1.2.7.10; root programs", LINT_WARNING, rule_client_auth},
    {"tls-names", "CABF TLS BR 7.1.2.7.12", LINT_ERROR, rule_sans_there},
    {"tls-internal-name", "CABF TLS BR 4.2.2", LINT_ERROR, rule_internal_names},
    {"tls-reserved-address", "CABF TLS BR 4.2.2", LINT_ERROR, rule_reserved_addresses},
    {"tls-common-name", "CABF TLS BR 7.1.4.3", LINT_ERROR, rule_common_name},
    {"tls-unit", "CABF TLS BR 7.1.4.2", LINT_ERROR, rule_unit},
    {"tls-policy", "CABF TLS BR 7.1.2.7.9", LINT_ERROR, rule_reserved_policy},
    {"tls-subject", "CABF TLS BR 7.1.2.7.2-5", LINT_ERROR, rule_subject_by_policy},
    {"tls-issuer-url", "CABF TLS BR 7.1.2.7.7", LINT_WARNING, rule_status_sources},
    {"tls-status", "CABF TLS BR 7.1.2.11.2", LINT_ERROR, rule_crl},
    {"tls-key", "CABF TLS BR 6.1.1.3, 7.1.3.1", LINT_ERROR, rule_key},
    {"tls-serial", "CABF TLS BR 7.1", LINT_ERROR, rule_serial_entropy},
    {"tls-key-usage", "CABF TLS BR 7.1.2.7.11", LINT_ERROR, rule_usage},
    {NULL, NULL, LINT_NOTICE, NULL},
};
