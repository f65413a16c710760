/* ETSI EN 319 412: certificates of natural persons (-2), legal persons (-3), websites (-4), and the
 * statements of qualified ones (-5). */
#include "x509/lint_internal.h"

#include <string.h>

#define broken lint_broken
#define QC "0.4.0.1862.1."
#define QC_TYPES QC "6"

/* The statement's information (an empty view when it has none), or false when it is not there. */
static bool statement(const struct lint *l, const char *oid, struct view *ret_information) {
    int at = X509_get_ext_by_NID(l->x, NID_qcStatements, -1);
    if (at < 0)
        return false;
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(l->x, at));
    const unsigned char *next = ASN1_STRING_get0_data(value);
    ASN1_SEQUENCE_ANY *list = d2i_ASN1_SEQUENCE_ANY(NULL, &next, ASN1_STRING_length(value));
    bool found = false;
    for (int i = 0; i < sk_ASN1_TYPE_num(list) && !found; i++) {
        const ASN1_TYPE *item = sk_ASN1_TYPE_value(list, i);
        if (ASN1_TYPE_get(item) != V_ASN1_SEQUENCE)
            continue;
        next = ASN1_STRING_get0_data(item->value.sequence);
        ASN1_SEQUENCE_ANY *pair =
            d2i_ASN1_SEQUENCE_ANY(NULL, &next, ASN1_STRING_length(item->value.sequence));
        const ASN1_TYPE *id = sk_ASN1_TYPE_num(pair) > 0 ? sk_ASN1_TYPE_value(pair, 0) : NULL;
        if (id != NULL && ASN1_TYPE_get(id) == V_ASN1_OBJECT &&
            strcmp(oid_text(l->arena, id->value.object), oid) == 0) {
            found = true;
            *ret_information = view_of(NULL, 0);
            if (sk_ASN1_TYPE_num(pair) > 1)
                *ret_information =
                    item_der(l->arena, sk_ASN1_TYPE_value(pair, 1), ASN1_ITEM_rptr(ASN1_ANY));
        }
        sk_ASN1_TYPE_pop_free(pair, ASN1_TYPE_free);
    }
    sk_ASN1_TYPE_pop_free(list, ASN1_TYPE_free);
    ERR_clear_error();
    return found;
}

static bool has_statement(const struct lint *l, const char *oid) {
    struct view ignored;
    return statement(l, oid, &ignored);
}

/* True when the statement of types holds 0.4.0.1862.1.6.WHICH: 1 signature, 2 seal, 3 website. */
static bool is_type(const struct lint *l, uint8_t which) {
    static const uint8_t prefix[] = {0x06, 0x07, 0x04, 0x00, 0x8e, 0x46, 0x01, 0x06};
    struct view information;
    uint8_t oid[sizeof prefix + 1];
    memcpy(oid, prefix, sizeof prefix);
    oid[sizeof prefix] = which;
    return statement(l, QC_TYPES, &information) &&
           memmem(information.at, information.len, oid, sizeof oid) != NULL;
}

static bool is_qualified(const struct lint *l) {
    return !l->is_ca && has_statement(l, QC "1");
}

static bool rule_critical(const struct lint *l) {
    int at = X509_get_ext_by_NID(l->x, NID_qcStatements, -1);
    return at < 0 || X509_EXTENSION_get_critical(X509_get_ext(l->x, at)) == 0 ||
           broken(l, "qcStatements must not be critical.");
}

static bool rule_compliance(const struct lint *l) {
    return l->is_ca || has_statement(l, QC "1") || has_statement(l, QC "7") ||
           broken(l, "a qualified certificate states compliance (QcCompliance or the country of "
                     "its law).");
}

static bool rule_disclosure(const struct lint *l) {
    struct view information;
    if (!is_qualified(l))
        return true;
    if (!statement(l, QC "5", &information))
        return broken(l, "the PKI disclosure statement (QcPDS) is missing.");
    if (memmem(information.at, information.len, "https://", 8) == NULL)
        return broken(l, "the URL of the PKI disclosure statement must be https.");
    return (memmem(information.at, information.len,
                   "\x13\x02"
                   "en",
                   4) != NULL ||
            memmem(information.at, information.len,
                   "\x13\x02"
                   "EN",
                   4) != NULL) ||
           broken(l, "one PKI disclosure statement must be in English (language \"en\").");
}

static bool rule_one_type(const struct lint *l) {
    if (!is_qualified(l) || !has_statement(l, QC_TYPES))
        return true;
    return is_type(l, 1) + is_type(l, 2) + is_type(l, 3) == 1 ||
           broken(
               l,
               "a qualified certificate is for signatures, seals or websites: exactly one type.");
}

static bool rule_device(const struct lint *l) {
    return !is_qualified(l) || is_type(l, 3) || has_statement(l, QC "4") ||
           broken(l, "no statement that the key is in a qualified device (QcSSCD): signatures with "
                     "it are "
                     "advanced ones, not qualified.");
}

static bool rule_natural_person(const struct lint *l) {
    if (!is_qualified(l) || is_type(l, 2) || is_type(l, 3))
        return true;
    bool person =
        (lint_subject_count(l, NID_givenName) > 0 && lint_subject_count(l, NID_surname) > 0) ||
        lint_subject_count(l, NID_pseudonym) > 0;
    return (person && lint_subject_count(l, NID_countryName) == 1 &&
            lint_subject_count(l, NID_commonName) == 1 &&
            lint_subject_count(l, NID_serialNumber) == 1) ||
           broken(l, "a natural person's subject holds countryName, commonName, serialNumber, and "
                     "givenName "
                     "with surname or a pseudonym.");
}

static bool rule_legal_person(const struct lint *l) {
    return !is_qualified(l) || !is_type(l, 2) ||
           (lint_subject_count(l, NID_countryName) == 1 &&
            lint_subject_count(l, NID_organizationName) == 1 &&
            lint_subject_count(l, NID_organizationIdentifier) >= 1 &&
            lint_subject_count(l, NID_commonName) == 1) ||
           broken(l, "a legal person's subject holds countryName, organizationName, "
                     "organizationIdentifier "
                     "and commonName.");
}

/* VAT, NTR, PSD, LEI ... of three letters, a country, "-" and the identifier. */
static bool rule_identifier(const struct lint *l) {
    const char *text = lint_subject_text(l, NID_organizationIdentifier);
    if (text == NULL)
        return true;
    bool schema =
        strlen(text) > 6 && text[5] == '-' && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ:") >= 5;
    return schema ||
           broken(l, "organizationIdentifier \"%.40s\" is not of the form VATDE-123456789.", text);
}

static bool rule_usage(const struct lint *l) {
    const unsigned agree = KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT;
    unsigned sign = l->key_usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
    if (l->is_ca || is_type(l, 3))
        return true;
    if (!l->has_key_usage ||
        (l->key_usage & ~(agree | KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0)
        return broken(l, "keyUsage is one of the types A to F of EN 319 412-2.");
    return sign != KU_NON_REPUDIATION || (l->key_usage & agree) == 0 ||
           broken(l, "nonRepudiation without digitalSignature stands alone in keyUsage (type A).");
}

static bool rule_policies(const struct lint *l) {
    return l->is_ca || sk_POLICYINFO_num(l->policies) > 0 ||
           broken(l, "certificatePolicies must be there.");
}

static bool rule_access(const struct lint *l) {
    return l->is_ca || X509_get_ext_by_NID(l->x, NID_info_access, -1) >= 0 ||
           broken(l, "authorityInfoAccess must say where the issuer's certificate is.");
}

const struct lint_rule lint_rules_etsi[] = {
    {"qc-critical", "ETSI EN 319 412-5 4.1", LINT_ERROR, rule_critical},
    {"qc-compliance", "ETSI EN 319 412-5 4.2.1", LINT_ERROR, rule_compliance},
    {"qc-disclosure", "ETSI EN 319 412-5 4.3.4", LINT_ERROR, rule_disclosure},
    {"qc-type", "ETSI EN 319 412-5 4.2.3", LINT_ERROR, rule_one_type},
    {"qc-device", "ETSI EN 319 412-5 4.2.2", LINT_NOTICE, rule_device},
    {"qc-natural-person", "ETSI EN 319 412-2 4.2.4", LINT_ERROR, rule_natural_person},
    {"qc-legal-person", "ETSI EN 319 412-3 4.2.1", LINT_ERROR, rule_legal_person},
    {"qc-identifier", "ETSI EN 319 412-1 5.1.4", LINT_ERROR, rule_identifier},
    {"qc-key-usage", "ETSI EN 319 412-2 4.3.2", LINT_ERROR, rule_usage},
    {"qc-policies", "ETSI EN 319 412-2 4.3.3", LINT_ERROR, rule_policies},
    {"qc-issuer-url", "ETSI EN 319 412-2 4.4.1", LINT_ERROR, rule_access},
    {NULL, NULL, LINT_NOTICE, NULL},
};
