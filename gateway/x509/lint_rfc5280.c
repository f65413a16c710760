/* RFC 5280 and the RFCs of the algorithms: one function each rule. */
#include "x509/lint_internal.h"

#include "x509/der.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>

#define broken lint_broken
#define extension lint_extension

static bool read_constraints(struct lint *l) {
    int critical;
    AUTO(BASIC_CONSTRAINTS) *value = extension(l->x, NID_basic_constraints, &critical);
    l->path_length = -1;
    if (value == NULL)
        return critical == -1 || broken(l, "basicConstraints cannot be read (rfc5280#4.2.1.9).");
    l->has_constraints = true;
    l->constraints_critical = critical > 0;
    l->is_ca = value->ca != 0;
    if (value->pathlen != NULL &&
        (ASN1_INTEGER_get_int64(&l->path_length, value->pathlen) != 1 || l->path_length < 0))
        return broken(l, "the path length is negative or absurd (rfc5280#4.2.1.9).");
    return true;
}

static bool read_key_usage(struct lint *l) {
    int critical;
    AUTO(ASN1_BIT_STRING) *value = extension(l->x, NID_key_usage, &critical);
    if (value == NULL)
        return critical == -1 || broken(l, "keyUsage cannot be read (rfc5280#4.2.1.3).");
    l->has_key_usage = true;
    l->key_usage_critical = critical > 0;
    const unsigned char *bits = ASN1_STRING_get0_data(value);
    if (ASN1_STRING_length(value) > 0)
        l->key_usage = bits[0];
    if (ASN1_STRING_length(value) > 1)
        l->key_usage |= (unsigned)bits[1] << 8;
    return true;
}

/* Asked for again and again. One that is too long for any rule is "". */
static void read_policy_oids(struct lint *l) {
    int count = sk_POLICYINFO_num(l->policies);
    l->policy_oids = arena_array(l->arena, (size_t)(count > 0 ? count : 0) + 1, sizeof(char *));
    for (int i = 0; i < count; i++) {
        char text[80];
        int len = OBJ_obj2txt(text, sizeof text, sk_POLICYINFO_value(l->policies, i)->policyid, 1);
        bool fits = len > 0 && (size_t)len < sizeof text;
        l->policy_oids[i] = arena_strdup(l->arena, fits ? text : "");
    }
}

static bool rule_readable(const struct lint *l) {
    struct lint again = {.x = l->x, .err = l->err};
    return l->all_read || (read_constraints(&again) && read_key_usage(&again));
}

/* The key of one that is not signed yet was checked before, and is there only as it will be written. */
static bool read_key_type(struct lint *l) {
    const ASN1_BIT_STRING *signature;
    X509_get0_signature(&signature, NULL, l->x);
    return signature == NULL || ASN1_STRING_length(signature) == 0
               ? key_type_of_spki(X509_get_X509_PUBKEY(l->x), l->key_type)
               : key_type_of(X509_get0_pubkey(l->x), l->key_type);
}

void lint_read(struct lint *l) {
    struct error ignored, *err = l->err;
    l->err = &ignored;
    l->path_length = -1;
    bool constraints = read_constraints(l), usage = read_key_usage(l);
    l->all_read = constraints && usage;
    l->purposes = extension(l->x, NID_ext_key_usage, &l->purposes_critical);
    l->sans = extension(l->x, NID_subject_alt_name, &l->sans_critical);
    l->policies = extension(l->x, NID_certificate_policies, &l->policies_critical);
    read_policy_oids(l);
    arena_defer(l->arena, drop_EXTENDED_KEY_USAGE, l->purposes);
    arena_defer(l->arena, drop_GENERAL_NAMES, l->sans);
    arena_defer(l->arena, drop_CERTIFICATEPOLICIES, l->policies);
    if (!asn1_time_to_us(X509_get0_notBefore(l->x), &l->from_us, &ignored) ||
        !asn1_time_to_us(X509_get0_notAfter(l->x), &l->to_us, &ignored))
        l->from_us = l->to_us = 0;
    if (!read_key_type(l))
        l->key_type[0] = '\0';
    ERR_clear_error();
    l->err = err;
}

static bool rule_key_type(const struct lint *l) {
    return l->key_type[0] != '\0' ||
           broken(l, "the type of its key is not known, so nothing can be said about its usage.");
}

static bool rule_duplicates(const struct lint *l) {
    int count = X509_get_ext_count(l->x);
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *e = X509_get_ext(l->x, i);
        if (X509_get_ext_by_OBJ(l->x, X509_EXTENSION_get_object(e), i) >= 0)
            return broken(l, "an extension occurs twice (rfc5280#4.2).");
    }
    return true;
}

static bool rule_version(const struct lint *l) {
    const ASN1_BIT_STRING *issuer_uid, *subject_uid;
    if (X509_get_ext_count(l->x) > 0 && X509_get_version(l->x) != X509_VERSION_3)
        return broken(l, "it has extensions and must be version 3 (rfc5280#4.1.2.1).");
    X509_get0_uids(l->x, &issuer_uid, &subject_uid);
    if (issuer_uid != NULL || subject_uid != NULL)
        return broken(l, "unique identifiers must not be used (rfc5280#4.1.2.8).");
    return true;
}

static bool rule_serial(const struct lint *l) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(l->x);
    const unsigned char *at = ASN1_STRING_get0_data(serial);
    int len = ASN1_STRING_length(serial);
    bool zero = len == 0 || (len == 1 && at[0] == 0);
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || zero)
        return broken(l, "the serial number must be positive (rfc5280#4.1.2.2).");
    if (len + ((at[0] & 0x80) != 0) > 20)
        return broken(l, "the serial number is longer than 20 octets (rfc5280#4.1.2.2).");
    return true;
}

/* Compares only what is set: before signing the outer algorithm is still empty, as is the inner. */
static bool rule_algorithms(const struct lint *l) {
    const X509_ALGOR *outer;
    X509_get0_signature(NULL, &outer, l->x);
    if (X509_ALGOR_cmp(X509_get0_tbs_sigalg(l->x), outer) != 0)
        return broken(l, "the signature algorithms inside and outside differ (rfc5280#4.1.1.2).");
    return true;
}

static bool date_form_ok(const ASN1_TIME *time, int64_t us) {
    AUTO(ASN1_TIME) *right = NULL;
    struct error ignored;
    return asn1_time_from_us(us, &right, &ignored) &&
           ASN1_STRING_type(right) == ASN1_STRING_type(time) && ASN1_STRING_cmp(right, time) == 0;
}

static bool rule_dates(const struct lint *l) {
    int64_t from, to, issuer_from, issuer_to;
    const ASN1_TIME *not_before = X509_get0_notBefore(l->x), *not_after = X509_get0_notAfter(l->x);
    TRY(asn1_time_to_us(not_before, &from, l->err));
    TRY(asn1_time_to_us(not_after, &to, l->err));
    if (!date_form_ok(not_before, from) || !date_form_ok(not_after, to))
        return broken(l, "dates through 2049 are UTCTime, later ones GeneralizedTime, both with "
                         "seconds and Z (rfc5280#4.1.2.5).");
    if (to <= from)
        return broken(l, "notAfter must be later than notBefore (rfc5280#4.1.2.5).");
    if (l->issuer == NULL)
        return true;
    TRY(asn1_time_to_us(X509_get0_notBefore(l->issuer), &issuer_from, l->err));
    TRY(asn1_time_to_us(X509_get0_notAfter(l->issuer), &issuer_to, l->err));
    if (from < issuer_from)
        return broken(l, "it would begin before its issuer's certificate, when no path to it is "
                         "valid (rfc5280#6.1.3). Choose a later notBefore.");
    if (to > issuer_to)
        return broken(l, "it would outlive its issuer's certificate, when no path to it is valid "
                         "(rfc5280#6.1.3). Choose an earlier notAfter or renew the CA.");
    return true;
}

static bool rule_names(const struct lint *l) {
    const X509_NAME *subject = X509_get_subject_name(l->x), *issuer = X509_get_issuer_name(l->x);
    if (name_empty(issuer))
        return broken(l, "the issuer's name must not be empty (rfc5280#4.1.2.4).");
    if (l->is_ca && name_empty(subject))
        return broken(l, "the subject of a CA must not be empty (rfc5280#4.1.2.6).");
    const X509_NAME *above = l->issuer == NULL ? subject : X509_get_subject_name(l->issuer);
    if (!l->issuer_unknown && X509_NAME_cmp(issuer, above) != 0)
        return broken(l, "the issuer's name is not the subject of the issuer's certificate "
                         "(rfc5280#4.1.2.4).");
    if (name_check(subject, l->err))
        return true;
    error_prefix(l->err, "Certificate: the subject breaks rfc5280#4.1.2.6: ");
    return false;
}

static bool rule_basic_constraints(const struct lint *l) {
    if (l->is_ca && !l->constraints_critical)
        return broken(l, "basicConstraints of a CA must be critical (rfc5280#4.2.1.9).");
    if (!l->is_ca && l->path_length >= 0)
        return broken(l, "a path length is only for CAs (rfc5280#4.2.1.9).");
    if (l->is_ca && !l->has_key_usage)
        return broken(l, "a CA must have keyUsage (rfc5280#4.2.1.3).");
    if (l->is_ca && (l->key_usage & KU_KEY_CERT_SIGN) == 0)
        return broken(l, "a CA must have keyUsage keyCertSign (rfc5280#4.2.1.3).");
    if (!l->is_ca && (l->key_usage & KU_KEY_CERT_SIGN) != 0)
        return broken(l, "keyCertSign is only for CAs (rfc5280#4.2.1.9). Set cA or take it out.");
    return true;
}

static bool rule_issuer(const struct lint *l) {
    struct lint above = {.x = l->issuer, .err = l->err};
    if (l->issuer == NULL)
        return true;
    TRY(read_constraints(&above));
    TRY(read_key_usage(&above));
    if (!above.is_ca)
        return broken(l, "the issuer is no CA (rfc5280#4.2.1.9).");
    if (above.has_key_usage && (above.key_usage & KU_KEY_CERT_SIGN) == 0)
        return broken(l, "the issuer's key may not sign certificates: it has no keyCertSign "
                         "(rfc5280#4.2.1.3).");
    if (!l->is_ca || above.path_length < 0)
        return true;
    if (above.path_length == 0)
        return broken(l, "the issuer has path length 0 and must not sign a CA (rfc5280#4.2.1.9).");
    if (l->path_length >= above.path_length)
        return broken(l, "the path length must be smaller than the issuer's (rfc5280#4.2.1.9).");
    return true;
}

static const char *encipherment_problem(const struct lint *l) {
    const unsigned encipherment = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT;
    const unsigned agreement = KU_KEY_AGREEMENT | KU_ENCIPHER_ONLY | KU_DECIPHER_ONLY;
    if (strncmp(l->key_type, "RSA-", 4) == 0)
        return (l->key_usage & agreement) == 0
                   ? NULL
                   : "an RSA key cannot do keyAgreement (rfc3279#2.3.1).";
    if (key_type_is_ec(l->key_type))
        return (l->key_usage & encipherment) == 0
                   ? NULL
                   : "an EC key must not have keyEncipherment or dataEncipherment (rfc8813#3).";
    if (strncmp(l->key_type, "ML-KEM", 6) == 0)
        return l->key_usage == KU_KEY_ENCIPHERMENT
                   ? NULL
                   : "an ML-KEM key has keyEncipherment and nothing else (rfc9935#5).";
    if ((l->key_usage & (encipherment | agreement)) == 0)
        return NULL;
    if (strncmp(l->key_type, "Ed", 2) == 0)
        return "an EdDSA key only signs: no encipherment, no keyAgreement (rfc8410#5).";
    if (strncmp(l->key_type, "ML-DSA", 6) == 0)
        return "an ML-DSA key only signs: no encipherment, no keyAgreement (rfc9881#5).";
    return "an SLH-DSA key only signs: no encipherment, no keyAgreement (rfc9909#6).";
}

static bool rule_key_usage(const struct lint *l) {
    if (!l->has_key_usage)
        return true;
    if (l->key_usage == 0)
        return broken(l, "keyUsage must have at least one bit (rfc5280#4.2.1.3).");
    if ((l->key_usage & (KU_ENCIPHER_ONLY | KU_DECIPHER_ONLY)) != 0 &&
        (l->key_usage & KU_KEY_AGREEMENT) == 0)
        return broken(l, "encipherOnly and decipherOnly mean nothing without keyAgreement "
                         "(rfc5280#4.2.1.3).");
    const char *problem = encipherment_problem(l);
    return problem == NULL || broken(l, "%s", problem);
}

static bool rule_key_usage_critical(const struct lint *l) {
    return !l->has_key_usage || l->key_usage_critical ||
           broken(l, "keyUsage should be critical (rfc5280#4.2.1.3).");
}

/* rfc5280#4.2.1.12: the bits that make sense with each purpose; one of them must be there. */
static const struct {
    int nid;
    unsigned bits;
    const char *rule;
} purposes[] = {
    {NID_server_auth, KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT,
     "serverAuth needs keyUsage digitalSignature, keyEncipherment or keyAgreement "
     "(rfc5280#4.2.1.12)."},
    {NID_client_auth, KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT,
     "clientAuth needs keyUsage digitalSignature or keyAgreement (rfc5280#4.2.1.12)."},
    {NID_code_sign, KU_DIGITAL_SIGNATURE,
     "codeSigning needs keyUsage digitalSignature (rfc5280#4.2.1.12)."},
    {NID_email_protect,
     KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT,
     "emailProtection needs keyUsage digitalSignature, nonRepudiation, keyEncipherment or "
     "keyAgreement (rfc5280#4.2.1.12)."},
    {NID_time_stamp, KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION,
     "timeStamping needs keyUsage digitalSignature or nonRepudiation (rfc5280#4.2.1.12)."},
    {NID_OCSP_sign, KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION,
     "OCSPSigning needs keyUsage digitalSignature or nonRepudiation (rfc5280#4.2.1.12)."},
};

static bool check_purpose(const struct lint *l, int nid) {
    /* In a CA certificate the purposes bound what it may issue, not what its own key does. */
    if (l->is_ca || !l->has_key_usage)
        return true;
    for (size_t i = 0; i < sizeof purposes / sizeof purposes[0]; i++)
        if (purposes[i].nid == nid && (l->key_usage & purposes[i].bits) == 0)
            return broken(l, "%s", purposes[i].rule);
    return true;
}

static bool rule_extended_key_usage(const struct lint *l) {
    int critical = l->purposes_critical;
    const EXTENDED_KEY_USAGE *usages = l->purposes;
    int count = sk_ASN1_OBJECT_num(usages);
    if (usages == NULL)
        return critical == -1 || broken(l, "extendedKeyUsage cannot be read (rfc5280#4.2.1.12).");
    if (count == 0)
        return broken(l, "extendedKeyUsage must name a purpose (rfc5280#4.2.1.12).");
    for (int i = 0; i < count; i++) {
        const ASN1_OBJECT *usage = sk_ASN1_OBJECT_value(usages, i);
        int nid = OBJ_obj2nid(usage);
        for (int j = 0; j < i; j++)
            if (OBJ_cmp(usage, sk_ASN1_OBJECT_value(usages, j)) == 0)
                return broken(l, "a purpose of extendedKeyUsage occurs twice.");
        TRY(check_purpose(l, nid));
        if (nid == NID_time_stamp && !l->is_ca && (count != 1 || critical != 1))
            return broken(l, "a time-stamping certificate has extendedKeyUsage timeStamping alone, "
                             "and critical (rfc3161#2.3).");
    }
    return true;
}

static bool rule_key_ids(const struct lint *l) {
    int own_critical, authority_critical;
    AUTO(ASN1_OCTET_STRING) *own = extension(l->x, NID_subject_key_identifier, &own_critical);
    AUTO(AUTHORITY_KEYID) *authority =
        extension(l->x, NID_authority_key_identifier, &authority_critical);
    if (own_critical > 0 || authority_critical > 0)
        return broken(l, "key identifiers must not be critical (rfc5280#4.2.1.1, #4.2.1.2).");
    if (l->is_ca && own == NULL)
        return broken(l, "a CA must have a subject key identifier (rfc5280#4.2.1.2).");
    if (authority == NULL || authority->keyid == NULL)
        return (l->issuer == NULL && !l->issuer_unknown) ||
               broken(l, "the authority key identifier is missing (rfc5280#4.2.1.1).");
    if (l->issuer_unknown)
        return true;
    AUTO(ASN1_OCTET_STRING) *above =
        extension(l->issuer == NULL ? l->x : l->issuer, NID_subject_key_identifier, &own_critical);
    if (above != NULL && ASN1_OCTET_STRING_cmp(authority->keyid, above) != 0)
        return broken(l, "the authority key identifier is not the issuer's subject key identifier "
                         "(rfc5280#4.2.1.1).");
    return true;
}

static bool rule_sans(const struct lint *l) {
    int critical = l->sans_critical;
    bool subject_empty = name_empty(X509_get_subject_name(l->x));
    const GENERAL_NAMES *sans = l->sans;
    if (sans == NULL) {
        if (critical != -1)
            return broken(l, "subjectAltName cannot be read (rfc5280#4.2.1.6).");
        return !subject_empty || broken(l, "the subject is empty and there is no subjectAltName "
                                           "(rfc5280#4.1.2.6). Give it a name.");
    }
    if (sk_GENERAL_NAME_num(sans) == 0)
        return broken(l, "subjectAltName must hold a name (rfc5280#4.2.1.6).");
    if (subject_empty != (critical > 0))
        return broken(l, "subjectAltName is critical if and only if the subject is empty "
                         "(rfc5280#4.2.1.6).");
    if (san_check(sans, l->err))
        return true;
    error_prefix(l->err, "Certificate: subjectAltName breaks rfc5280#4.2.1.6: ");
    return false;
}

static bool check_url(const struct lint *l, const GENERAL_NAME *name, const char *where) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *type, *text = san_text(arena, name, &type);
    const char *problem = "is no URI of printable ASCII";
    if (strcmp(type, "uri") == 0)
        problem = uri_problem(text + strlen("URI:"));
    if (problem == NULL && strncmp(text, "URI:http://", 11) != 0 &&
        strncmp(text, "URI:https://", 12) != 0 && strncmp(text, "URI:ldap://", 11) != 0 &&
        strncmp(text, "URI:ldaps://", 12) != 0)
        problem = "must be an http or ldap URL";
    if (problem == NULL)
        return true;
    return REFUSE(l->err, ERROR_POLICY, "lint", "Certificate: %s: \"%.100s\" %s.", where, text,
                  problem);
}

static bool rule_authority_access(const struct lint *l) {
    int critical;
    AUTO(AUTHORITY_INFO_ACCESS) *list = extension(l->x, NID_info_access, &critical);
    if (list == NULL)
        return critical == -1 || broken(l, "authorityInfoAccess cannot be read (rfc5280#4.2.2.1).");
    if (critical > 0 || sk_ACCESS_DESCRIPTION_num(list) == 0)
        return broken(l, "authorityInfoAccess must not be critical nor empty (rfc5280#4.2.2.1).");
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list); i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(list, i);
        TRY(check_url(l, access->location, "authorityInfoAccess (rfc5280#4.2.2.1)"));
    }
    return true;
}

static bool rule_distribution_points(const struct lint *l) {
    int critical;
    AUTO(CRL_DIST_POINTS) *points = extension(l->x, NID_crl_distribution_points, &critical);
    if (points == NULL)
        return critical == -1 ||
               broken(l, "cRLDistributionPoints cannot be read (rfc5280#4.2.1.13).");
    if (sk_DIST_POINT_num(points) == 0)
        return broken(l, "cRLDistributionPoints must not be empty (rfc5280#4.2.1.13).");
    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);
        if (point->distpoint == NULL && point->CRLissuer == NULL)
            return broken(l, "a distribution point must have a name or a CRL issuer "
                             "(rfc5280#4.2.1.13).");
        if (point->distpoint == NULL || point->distpoint->type != 0)
            continue;
        const GENERAL_NAMES *names = point->distpoint->name.fullname;
        for (int j = 0; j < sk_GENERAL_NAME_num(names); j++)
            TRY(check_url(l, sk_GENERAL_NAME_value(names, j),
                          "cRLDistributionPoints (rfc5280#4.2.1.13)"));
    }
    return true;
}

static bool rule_policies(const struct lint *l) {
    const CERTIFICATEPOLICIES *policies = l->policies;
    if (policies == NULL)
        return l->policies_critical == -1 || broken(l, "certificatePolicies cannot be read (rfc5280#4.2.1.4).");
    if (sk_POLICYINFO_num(policies) == 0)
        return broken(l, "certificatePolicies must not be empty (rfc5280#4.2.1.4).");
    for (int i = 0; i < sk_POLICYINFO_num(policies); i++)
        for (int j = 0; j < i; j++)
            if (OBJ_cmp(sk_POLICYINFO_value(policies, i)->policyid,
                        sk_POLICYINFO_value(policies, j)->policyid) == 0)
                return broken(l, "a certificate policy occurs twice (rfc5280#4.2.1.4).");
    return true;
}

static bool rule_name_constraints(const struct lint *l) {
    int critical;
    NAME_CONSTRAINTS *value = extension(l->x, NID_name_constraints, &critical);
    if (value == NULL)
        return critical == -1 || broken(l, "nameConstraints cannot be read (rfc5280#4.2.1.10).");
    bool empty = sk_GENERAL_SUBTREE_num(value->permittedSubtrees) <= 0 &&
                 sk_GENERAL_SUBTREE_num(value->excludedSubtrees) <= 0;
    NAME_CONSTRAINTS_free(value);
    if (empty)
        return broken(l, "nameConstraints must not be empty (rfc5280#4.2.1.10).");
    return l->is_ca ||
           broken(l, "nameConstraints is only for CAs (rfc5280#4.2.1.10). Take it out.");
}

static bool rule_name_constraints_critical(const struct lint *l) {
    int at = X509_get_ext_by_NID(l->x, NID_name_constraints, -1);
    return at < 0 || X509_EXTENSION_get_critical(X509_get_ext(l->x, at)) == 1 ||
           broken(l, "nameConstraints must be critical (rfc5280#4.2.1.10).");
}

/* OpenSSL's check wants a signed certificate (it reads a cache that must not be made of an unsigned
 * one): one with the same names, signed by a key of the moment. */
static X509 *same_names(const struct lint *l) {
    AUTO(X509) *twin = X509_new();
    AUTO(EVP_PKEY) *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    int at = X509_get_ext_by_NID(l->x, NID_subject_alt_name, -1);
    if (twin == NULL || key == NULL ||
        X509_set_subject_name(twin, X509_get_subject_name(l->x)) != 1 ||
        X509_set_issuer_name(twin, X509_get_issuer_name(l->x)) != 1 ||
        X509_set1_notBefore(twin, X509_get0_notBefore(l->x)) != 1 ||
        X509_set1_notAfter(twin, X509_get0_notAfter(l->x)) != 1 ||
        X509_set_pubkey(twin, key) != 1 || X509_set_version(twin, X509_VERSION_3) != 1 ||
        (at >= 0 && X509_add_ext(twin, X509_get_ext(l->x, at), -1) != 1) ||
        X509_sign(twin, key, NULL) <= 0 || X509_check_purpose(twin, -1, 0) != 1)
        return NULL;
    return TAKE(twin);
}

/* rfc5280#6.1.3: a name that the issuer's nameConstraints exclude makes a certificate nobody
 * accepts. */
static bool rule_inside_constraints(const struct lint *l) {
    int critical;
    if (l->issuer == NULL || X509_get_ext_by_NID(l->issuer, NID_name_constraints, -1) < 0)
        return true;
    NAME_CONSTRAINTS *value = extension(l->issuer, NID_name_constraints, &critical);
    if (value == NULL)
        return true;
    AUTO(X509) *twin = same_names(l);
    int result = twin == NULL ? X509_V_ERR_UNSPECIFIED : NAME_CONSTRAINTS_check(twin, value);
    NAME_CONSTRAINTS_free(value);
    ERR_clear_error();
    return result == X509_V_OK ||
           broken(l, "a name is outside the issuer's nameConstraints (%s, rfc5280#6.1.3).",
                  X509_verify_cert_error_string(result));
}

static bool rule_ca_extensions(const struct lint *l) {
    static const int only_ca[] = {NID_policy_mappings, NID_policy_constraints,
                                  NID_inhibit_any_policy};
    for (size_t i = 0; !l->is_ca && i < sizeof only_ca / sizeof only_ca[0]; i++)
        if (X509_get_ext_by_NID(l->x, only_ca[i], -1) >= 0)
            return broken(l, "%s is only for CAs (rfc5280#4.2.1).", OBJ_nid2sn(only_ca[i]));
    return true;
}

static bool rule_extension_values(const struct lint *l) {
    for (int i = 0; i < X509_get_ext_count(l->x); i++) {
        X509_EXTENSION *e = X509_get_ext(l->x, i);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
        if (!der_is_whole(view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value))))
            return broken(l, "the value of the extension %s is no DER (rfc5280#4.2).",
                          oid_text(l->arena, X509_EXTENSION_get_object(e)));
    }
    return true;
}

const struct lint_rule lint_rules_rfc5280[] = {
    {"duplicate-extension", "RFC 5280 4.2", LINT_FATAL,
     rule_duplicates}, /* first: the rest reads them */
    {"key-type", "RFC 5280 4.1.2.7", LINT_FATAL, rule_key_type},
    {"unreadable", "RFC 5280 4.2.1", LINT_FATAL, rule_readable},
    {"version", "RFC 5280 4.1.2.1", LINT_FATAL, rule_version},
    {"serial-number", "RFC 5280 4.1.2.2", LINT_FATAL, rule_serial},
    {"algorithms-differ", "RFC 5280 4.1.1.2", LINT_FATAL, rule_algorithms},
    {"validity", "RFC 5280 4.1.2.5", LINT_FATAL, rule_dates},
    {"names", "RFC 5280 4.1.2.4, 4.1.2.6", LINT_FATAL, rule_names},
    {"basic-constraints", "RFC 5280 4.2.1.9", LINT_ERROR, rule_basic_constraints},
    {"issuer", "RFC 5280 4.2.1.9", LINT_FATAL, rule_issuer},
    {"key-usage", "RFC 5280 4.2.1.3", LINT_ERROR, rule_key_usage},
    {"key-usage-critical", "RFC 5280 4.2.1.3", LINT_WARNING, rule_key_usage_critical},
    {"extended-key-usage", "RFC 5280 4.2.1.12", LINT_ERROR, rule_extended_key_usage},
    {"key-identifiers", "RFC 5280 4.2.1.1, 4.2.1.2", LINT_ERROR, rule_key_ids},
    {"subject-alt-name", "RFC 5280 4.2.1.6", LINT_ERROR, rule_sans},
    {"authority-info-access", "RFC 5280 4.2.2.1", LINT_ERROR, rule_authority_access},
    {"distribution-points", "RFC 5280 4.2.1.13", LINT_ERROR, rule_distribution_points},
    {"policies", "RFC 5280 4.2.1.4", LINT_ERROR, rule_policies},
    {"name-constraints", "RFC 5280 4.2.1.10", LINT_ERROR, rule_name_constraints},
    {"name-constraints-critical", "RFC 5280 4.2.1.10", LINT_ERROR, rule_name_constraints_critical},
    {"inside-name-constraints", "RFC 5280 6.1.3", LINT_ERROR, rule_inside_constraints},
    {"ca-extensions", "RFC 5280 4.2.1", LINT_ERROR, rule_ca_extensions},
    {"empty-extension", "RFC 5280 4.2", LINT_ERROR, rule_extension_values},
    {NULL, NULL, LINT_NOTICE, NULL},
};
