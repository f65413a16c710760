/* certificate_lint: one row breaks one rule; plans that a template could make, and certificates
 * that only a bug could make. */
#include "support.h"

#include "x509/lint.h"

#include <stdio.h>
#include <string.h>

static struct {
    X509_NAME *root_name, *sub_name, *leaf_name, *empty;
    X509 *root, *narrow, *limited, *leaf_as_issuer;
} g;

static EVP_PKEY *ca_key(void) {
    return test_key("P-384");
}

static X509 *make_root(int path_length) {
    struct certificate_plan plan = test_ca_plan(ca_key(), g.root_name, NULL);
    plan.path_length = path_length;
    return test_issue(&plan, ca_key());
}

static int setup(void **state) {
    (void)state;
    g.root_name = test_name("CN=Root,O=Example");
    g.sub_name = test_name("CN=Sub,O=Example");
    g.leaf_name = test_name("CN=leaf");
    g.empty = test_name("");
    g.root = make_root(-1);
    g.narrow = make_root(0);
    g.limited = make_root(2);
    struct certificate_plan plan = test_plan(ca_key(), g.root_name, NULL);
    g.leaf_as_issuer = test_issue(&plan, ca_key());
    return 0;
}

static int teardown(void **state) {
    (void)state;
    X509_NAME_free(g.root_name);
    X509_NAME_free(g.sub_name);
    X509_NAME_free(g.leaf_name);
    X509_NAME_free(g.empty);
    X509_free(g.root);
    X509_free(g.narrow);
    X509_free(g.limited);
    X509_free(g.leaf_as_issuer);
    test_keys_free();
    return 0;
}

/* Both unsigned, as the core asks before signing, and signed. */
static void expect_lint(const char *row, const struct certificate_plan *plan, const X509 *issuer,
                        const char *rule) {
    struct error err = {0};
    AUTO(X509) *unsigned_one = NULL;
    expect_done(certificate_build(plan, &unsigned_one, &err), &err, row);
    AUTO(X509) *signed_one = test_issue(plan, ca_key());
    const X509 *const both[] = {unsigned_one, signed_one};
    for (size_t i = 0; i < COUNT(both); i++) {
        bool done = certificate_lint(both[i], issuer, &err);
        if (rule == NULL) {
            expect_done(done, &err, row);
        } else {
            if (done)
                fail_msg("passed: %s", row);
            if (strstr(err.message, rule) == NULL)
                fail_msg("%s: %s", row, err.message);
        }
        expect_clean_queue(row);
    }
}

static const char *const server_auth[] = {"serverAuth"};
static const char *const client_auth[] = {"clientAuth"};
static const char *const code_signing[] = {"codeSigning"};
static const char *const time_stamping[] = {"timeStamping"};
static const char *const time_stamping_and[] = {"timeStamping", "serverAuth"};
static const char *const ocsp_signing[] = {"OCSPSigning"};
static const char *const email[] = {"emailProtection"};
static const char *const twice[] = {"serverAuth", "1.3.6.1.5.5.7.3.1"};

#define EKU(list) .eku = list, .eku_count = COUNT(list)

static void key_usages(void **state) {
    static const struct {
        const char *key;
        unsigned usage;
        const char *const *eku;
        size_t eku_count;
        bool eku_critical;
        const char *rule; /* NULL: fine */
    } rows[] = {
        {"RSA-2048", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, EKU(server_auth), .rule = NULL},
        {"RSA-2048", KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT, .rule = NULL},
        {"RSA-2048", KU_KEY_AGREEMENT, .rule = "rfc3279#2.3.1"},
        {"RSA-2048", KU_DIGITAL_SIGNATURE | KU_ENCIPHER_ONLY, .rule = "rfc5280#4.2.1.3"},
        {"RSA-2048", KU_DIGITAL_SIGNATURE | KU_DECIPHER_ONLY, .rule = "rfc5280#4.2.1.3"},
        {"P-256", KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT, .rule = NULL},
        {"P-256", KU_KEY_AGREEMENT | KU_ENCIPHER_ONLY, .rule = NULL},
        {"P-256", KU_KEY_AGREEMENT | KU_DECIPHER_ONLY, .rule = NULL},
        {"P-256", KU_ENCIPHER_ONLY, .rule = "rfc5280#4.2.1.3"},
        {"P-256", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, .rule = "rfc8813#3"},
        {"P-384", KU_DIGITAL_SIGNATURE | KU_DATA_ENCIPHERMENT, .rule = "rfc8813#3"},
        {"Ed25519", KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION, .rule = NULL},
        {"Ed25519", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, .rule = "rfc8410#5"},
        {"Ed448", KU_KEY_AGREEMENT, .rule = "rfc8410#5"},
        {"ML-DSA-44", KU_DIGITAL_SIGNATURE, EKU(server_auth), .rule = NULL},
        {"ML-DSA-44", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, .rule = "rfc9881#5"},
        {"ML-DSA-87", KU_KEY_AGREEMENT, .rule = "rfc9881#5"},
        {"SLH-DSA-SHA2-128f", KU_DIGITAL_SIGNATURE, .rule = NULL},
        {"SLH-DSA-SHA2-128f", KU_DATA_ENCIPHERMENT, .rule = "rfc9909#6"},
        {"P-256", KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN,
         .rule = "only for CAs (rfc5280#4.2.1.9)"},
        {"P-256", KU_CRL_SIGN, .rule = NULL},
        {"P-256", KU_CRL_SIGN, EKU(server_auth), .rule = "rfc5280#4.2.1.12"},
        {"P-256", KU_NON_REPUDIATION, EKU(client_auth), .rule = "rfc5280#4.2.1.12"},
        {"P-256", KU_NON_REPUDIATION, EKU(code_signing), .rule = "rfc5280#4.2.1.12"},
        {"P-256", KU_CRL_SIGN, EKU(email), .rule = "rfc5280#4.2.1.12"},
        {"P-256", KU_NON_REPUDIATION, EKU(email), .rule = NULL},
        {"P-256", KU_KEY_AGREEMENT, EKU(ocsp_signing), .rule = "rfc5280#4.2.1.12"},
        {"P-256", KU_DIGITAL_SIGNATURE, EKU(ocsp_signing), .rule = NULL},
        {"P-256", KU_DIGITAL_SIGNATURE, EKU(time_stamping), true, NULL},
        {"P-256", KU_DIGITAL_SIGNATURE, EKU(time_stamping), false, "rfc3161#2.3"},
        {"P-256", KU_DIGITAL_SIGNATURE, EKU(time_stamping_and), true, "rfc3161#2.3"},
        {"P-256", KU_KEY_AGREEMENT, EKU(time_stamping), true, "rfc5280#4.2.1.12"},
        {"P-256", KU_DIGITAL_SIGNATURE, EKU(twice), .rule = "twice"},
        {"P-256", 0, EKU(server_auth), .rule = NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct certificate_plan plan = test_plan(test_key(rows[i].key), g.leaf_name, g.root);
        char row[80];
        snprintf(row, sizeof row, "row %zu, %s", i, rows[i].key);
        plan.key_usage = rows[i].usage;
        plan.extended_key_usage = rows[i].eku;
        plan.extended_key_usage_count = rows[i].eku_count;
        plan.extended_key_usage_critical = rows[i].eku_critical;
        expect_lint(row, &plan, g.root, rows[i].rule);
    }
}

static void authorities(void **state) {
    const struct {
        const char *row;
        const X509 *issuer;
        bool ca;
        int path_length;
        unsigned usage;
        const char *rule;
    } rows[] = {
        {"sub", g.root, true, -1, KU_KEY_CERT_SIGN | KU_CRL_SIGN, NULL},
        {"sub with length", g.root, true, 3, KU_KEY_CERT_SIGN, NULL},
        {"root", NULL, true, -1, KU_KEY_CERT_SIGN, NULL},
        {"no keyCertSign", g.root, true, -1, KU_CRL_SIGN, "rfc5280#4.2.1.3"},
        {"no keyUsage", g.root, true, -1, 0, "rfc5280#4.2.1.3"},
        {"below 0", g.narrow, true, -1, KU_KEY_CERT_SIGN, "path length 0"},
        {"below 0 with 0", g.narrow, true, 0, KU_KEY_CERT_SIGN, "path length 0"},
        {"leaf below 0", g.narrow, false, -1, KU_DIGITAL_SIGNATURE, NULL},
        {"below 2 without", g.limited, true, -1, KU_KEY_CERT_SIGN, NULL},
        {"below 2 with 1", g.limited, true, 1, KU_KEY_CERT_SIGN, NULL},
        {"below 2 with 2", g.limited, true, 2, KU_KEY_CERT_SIGN, "smaller than the issuer's"},
        {"below a leaf", g.leaf_as_issuer, false, -1, KU_DIGITAL_SIGNATURE, "issuer is no CA"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct certificate_plan plan = test_plan(
            rows[i].issuer == NULL ? ca_key() : test_key("P-256"), g.sub_name, rows[i].issuer);
        plan.is_ca = rows[i].ca;
        plan.path_length = rows[i].path_length;
        plan.key_usage = rows[i].usage;
        expect_lint(rows[i].row, &plan, rows[i].issuer, rows[i].rule);
    }
}

static void dates(void **state) {
    static const struct {
        const char *from, *to, *rule;
    } rows[] = {
        {"2025-01-01T00:00:00Z", "2035-01-01T00:00:00Z", NULL},
        {"2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", NULL},
        {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "notAfter must be later"},
        {"2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "notAfter must be later"},
        {"2024-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "before its issuer"},
        {"2026-01-01T00:00:00Z", "2035-01-01T00:00:01Z", "outlive its issuer"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct certificate_plan plan = test_plan(test_key("P-256"), g.leaf_name, g.root);
        plan.not_before_us = test_time(rows[i].from);
        plan.not_after_us = test_time(rows[i].to);
        expect_lint(rows[i].to, &plan, g.root, rows[i].rule);
    }
}

static void names_and_sans(void **state) {
    static const struct {
        const char *der; /* of GeneralNames, made without the checks of san_add_text */
        size_t len;
        bool subject;
        const char *rule;
    } rows[] = {
        {NULL, 0, true, NULL},
        {NULL, 0, false, "rfc5280#4.1.2.6"},
        {"\x30\x05\x82\x03"
         "a.b",
         7, true, NULL},
        {"\x30\x05\x82\x03"
         "a.b",
         7, false, NULL},
        {"\x30\x05\x82\x03"
         "a_b",
         7, true, "rfc5280#4.2.1.6"},
        {"\x30\x05\x82\x03"
         "a\0b",
         7, true, "rfc5280#4.2.1.6"},
        {"\x30\x05\x82\x03"
         "*.*",
         7, true, "rfc5280#4.2.1.6"},
        {"\x30\x05\x87\x03\x01\x02\x03", 7, true, "rfc5280#4.2.1.6"},
        {"\x30\x04\x81\x02"
         "a@",
         6, true, "rfc5280#4.2.1.6"},
        {"\x30\x03\x86\x01/", 5, true, "rfc5280#4.2.1.6"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct certificate_plan plan =
            test_plan(test_key("P-256"), rows[i].subject ? g.leaf_name : g.empty, g.root);
        AUTO(GENERAL_NAMES) *sans = NULL;
        char row[32];
        snprintf(row, sizeof row, "row %zu", i);
        if (rows[i].der != NULL)
            assert_true(san_from_der(view_of(rows[i].der, rows[i].len), &sans, NULL));
        plan.sans = sans;
        expect_lint(row, &plan, g.root, rows[i].rule);
    }
    AUTO(X509_NAME) *bad = X509_NAME_new();
    X509_NAME_add_entry_by_NID(bad, NID_countryName, V_ASN1_PRINTABLESTRING,
                               (const unsigned char *)"DEU", 3, -1, 0);
    struct certificate_plan plan = test_plan(test_key("P-256"), bad, g.root);
    expect_lint("country of three letters", &plan, g.root, "rfc5280#4.1.2.6");
    struct certificate_plan ca = test_ca_plan(ca_key(), g.empty, NULL);
    expect_lint("root without a name", &ca, NULL, "issuer's name must not be empty");
    AUTO(X509) *other = NULL;
    AUTO(X509_NAME) *other_name = test_name("CN=Other");
    ca = test_ca_plan(ca_key(), other_name, NULL);
    other = test_issue(&ca, ca_key());
    plan = test_plan(test_key("P-256"), g.leaf_name, g.root);
    expect_lint("issued under another name", &plan, other, "issuer's name");
}

/* Breaks a certificate after it was built. */
static void critical_basic_constraints_lost(X509 *x) {
    X509_EXTENSION *e = X509_get_ext(x, X509_get_ext_by_NID(x, NID_basic_constraints, -1));
    X509_EXTENSION_set_critical(e, 0);
}

static void key_usage_not_critical(X509 *x) {
    X509_EXTENSION_set_critical(X509_get_ext(x, X509_get_ext_by_NID(x, NID_key_usage, -1)), 0);
}

static void replace(X509 *x, int nid, void *value, int critical) {
    int at = X509_get_ext_by_NID(x, nid, -1);
    if (at >= 0)
        X509_EXTENSION_free(X509_delete_ext(x, at));
    assert_int_equal(X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND), 1);
}

static void duplicate_extension(X509 *x) {
    X509_EXTENSION *e = X509_get_ext(x, 0);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
}

static void version_one(X509 *x) {
    assert_int_equal(X509_set_version(x, X509_VERSION_1), 1);
}

static void set_serial_bytes(X509 *x, const unsigned char *bytes, int len, bool negative) {
    AUTO(BIGNUM) *number = BN_bin2bn(bytes, len, NULL);
    BN_set_negative(number, negative);
    AUTO(ASN1_INTEGER) *serial = BN_to_ASN1_INTEGER(number, NULL);
    assert_int_equal(X509_set_serialNumber(x, serial), 1);
}

static void serial_zero(X509 *x) {
    set_serial_bytes(x, (const unsigned char *)"\0", 1, false);
}

static void serial_negative(X509 *x) {
    set_serial_bytes(x, (const unsigned char *)"\1", 1, true);
}

static void serial_long(X509 *x) {
    unsigned char bytes[20];
    memset(bytes, 0xff, sizeof bytes); /* 21 octets in DER */
    set_serial_bytes(x, bytes, sizeof bytes, false);
}

static void path_length_on_leaf(X509 *x) {
    AUTO(BASIC_CONSTRAINTS) *value = BASIC_CONSTRAINTS_new();
    value->pathlen = ASN1_INTEGER_new();
    ASN1_INTEGER_set_int64(value->pathlen, 1);
    replace(x, NID_basic_constraints, value, 1);
}

static void negative_path_length(X509 *x) {
    AUTO(BASIC_CONSTRAINTS) *value = BASIC_CONSTRAINTS_new();
    value->ca = 0xff;
    value->pathlen = ASN1_INTEGER_new();
    ASN1_INTEGER_set_int64(value->pathlen, -1);
    replace(x, NID_basic_constraints, value, 1);
}

static void empty_key_usage(X509 *x) {
    AUTO(ASN1_BIT_STRING) *value = ASN1_BIT_STRING_new();
    replace(x, NID_key_usage, value, 1);
}

static void empty_extended_key_usage(X509 *x) {
    AUTO(EXTENDED_KEY_USAGE) *value = EXTENDED_KEY_USAGE_new();
    replace(x, NID_ext_key_usage, value, 0);
}

static void other_authority(X509 *x) {
    AUTO(AUTHORITY_KEYID) *value = AUTHORITY_KEYID_new();
    value->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value->keyid, (const unsigned char *)"other", 5);
    replace(x, NID_authority_key_identifier, value, 0);
}

static void no_authority(X509 *x) {
    X509_EXTENSION_free(
        X509_delete_ext(x, X509_get_ext_by_NID(x, NID_authority_key_identifier, -1)));
}

static void critical_key_id(X509 *x) {
    X509_EXTENSION_set_critical(
        X509_get_ext(x, X509_get_ext_by_NID(x, NID_subject_key_identifier, -1)), 1);
}

static void sans_critical_beside_subject(X509 *x) {
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    assert_true(san_add_text(sans, "a.example", NULL));
    replace(x, NID_subject_alt_name, sans, 1);
}

static void sans_not_critical_without_subject(X509 *x) {
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    assert_true(san_add_text(sans, "a.example", NULL));
    assert_int_equal(X509_set_subject_name(x, g.empty), 1);
    replace(x, NID_subject_alt_name, sans, 0);
}

static void sans_empty(X509 *x) {
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    replace(x, NID_subject_alt_name, sans, 0);
}

static void broken_extension(X509 *x) {
    AUTO(ASN1_OCTET_STRING) *value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x30\x01", 2);
    AUTO(X509_EXTENSION) *e =
        X509_EXTENSION_create_by_NID(NULL, NID_crl_distribution_points, 0, value);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
}

static GENERAL_NAME *raw_uri(const char *uri) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, uri, -1);
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    return name;
}

static void access_with(X509 *x, const char *uri) {
    AUTO(AUTHORITY_INFO_ACCESS) *list = AUTHORITY_INFO_ACCESS_new();
    ACCESS_DESCRIPTION *access = ACCESS_DESCRIPTION_new();
    access->method = OBJ_nid2obj(NID_ad_OCSP);
    GENERAL_NAME_free(access->location);
    access->location = raw_uri(uri);
    sk_ACCESS_DESCRIPTION_push(list, access);
    replace(x, NID_info_access, list, 0);
}

static void access_relative(X509 *x) {
    access_with(x, "/ocsp");
}

static void access_ftp(X509 *x) {
    access_with(x, "ftp://example.com/x");
}

static void access_host(X509 *x) {
    access_with(x, "http://a_b/");
}

static void access_control(X509 *x) {
    access_with(x, "http://a/\n");
}

static void access_empty(X509 *x) {
    AUTO(AUTHORITY_INFO_ACCESS) *list = AUTHORITY_INFO_ACCESS_new();
    replace(x, NID_info_access, list, 0);
}

static void crl_with_space(X509 *x) {
    AUTO(CRL_DIST_POINTS) *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    point->distpoint = DIST_POINT_NAME_new();
    point->distpoint->type = 0;
    point->distpoint->name.fullname = GENERAL_NAMES_new();
    sk_GENERAL_NAME_push(point->distpoint->name.fullname, raw_uri("http://a.example/my crl"));
    sk_DIST_POINT_push(points, point);
    replace(x, NID_crl_distribution_points, points, 0);
}

static void crl_without_name(X509 *x) {
    AUTO(CRL_DIST_POINTS) *points = CRL_DIST_POINTS_new();
    sk_DIST_POINT_push(points, DIST_POINT_new());
    replace(x, NID_crl_distribution_points, points, 0);
}

static void crl_empty(X509 *x) {
    AUTO(CRL_DIST_POINTS) *points = CRL_DIST_POINTS_new();
    replace(x, NID_crl_distribution_points, points, 0);
}

static void policy_twice(X509 *x) {
    AUTO(CERTIFICATEPOLICIES) *policies = CERTIFICATEPOLICIES_new();
    for (int i = 0; i < 2; i++) {
        POLICYINFO *policy = POLICYINFO_new();
        policy->policyid = OBJ_txt2obj("1.2.3.4", 1);
        sk_POLICYINFO_push(policies, policy);
    }
    replace(x, NID_certificate_policies, policies, 0);
}

static void policies_empty(X509 *x) {
    AUTO(CERTIFICATEPOLICIES) *policies = CERTIFICATEPOLICIES_new();
    replace(x, NID_certificate_policies, policies, 0);
}

static void utc_form_in_2050(X509 *x) {
    AUTO(ASN1_TIME) *time = ASN1_STRING_type_new(V_ASN1_GENERALIZEDTIME);
    ASN1_STRING_set(time, "20260601000000Z", -1);
    assert_int_equal(X509_set1_notAfter(x, time), 1);
}

static void foreign_key(X509 *x) {
    assert_int_equal(X509_set_pubkey(x, test_key("secp224r1")), 1);
}

static void broken_afterwards(void **state) {
    static const struct {
        const char *row;
        void (*damage)(X509 *x);
        bool ca;
        const char *rule;
    } rows[] = {
        {"BC not critical", critical_basic_constraints_lost, true, "critical (rfc5280#4.2.1.9)"},
        {"duplicate", duplicate_extension, false, "twice (rfc5280#4.2)"},
        {"version 1", version_one, false, "rfc5280#4.1.2.1"},
        {"serial 0", serial_zero, false, "rfc5280#4.1.2.2"},
        {"serial -1", serial_negative, false, "rfc5280#4.1.2.2"},
        {"serial of 21 octets", serial_long, false, "rfc5280#4.1.2.2"},
        {"path length on a leaf", path_length_on_leaf, false, "only for CAs (rfc5280#4.2.1.9)"},
        {"path length -1", negative_path_length, true, "rfc5280#4.2.1.9"},
        {"no KU bit", empty_key_usage, false, "rfc5280#4.2.1.3"},
        {"no purpose", empty_extended_key_usage, false, "rfc5280#4.2.1.12"},
        {"other AKI", other_authority, false, "rfc5280#4.2.1.1"},
        {"no AKI", no_authority, false, "rfc5280#4.2.1.1"},
        {"critical SKI", critical_key_id, false, "rfc5280#4.2.1.1"},
        {"critical SAN", sans_critical_beside_subject, false, "rfc5280#4.2.1.6"},
        {"SAN not critical", sans_not_critical_without_subject, false, "rfc5280#4.2.1.6"},
        {"empty SAN", sans_empty, false, "rfc5280#4.2.1.6"},
        {"broken CDP", broken_extension, false, "rfc5280#4.2.1.13"},
        {"relative OCSP URL", access_relative, false, "rfc5280#4.2.2.1"},
        {"ftp URL", access_ftp, false, "rfc5280#4.2.2.1"},
        {"host with underscore", access_host, false, "rfc5280#4.2.2.1"},
        {"URL with a control character", access_control, false, "rfc5280#4.2.2.1"},
        {"empty AIA", access_empty, false, "rfc5280#4.2.2.1"},
        {"CRL URL with a space", crl_with_space, false, "rfc5280#4.2.1.13"},
        {"nameless distribution point", crl_without_name, false, "rfc5280#4.2.1.13"},
        {"empty CDP", crl_empty, false, "rfc5280#4.2.1.13"},
        {"policy twice", policy_twice, false, "rfc5280#4.2.1.4"},
        {"no policy", policies_empty, false, "rfc5280#4.2.1.4"},
        {"GeneralizedTime in 2026", utc_form_in_2050, false, "rfc5280#4.1.2.5"},
        {"key of an unknown type", foreign_key, false, "key is not known"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(X509) *x = NULL;
        struct certificate_plan plan = rows[i].ca
                                           ? test_ca_plan(test_key("P-256"), g.sub_name, g.root)
                                           : test_plan(test_key("P-256"), g.leaf_name, g.root);
        expect_done(certificate_build(&plan, &x, &err), &err, rows[i].row);
        expect_done(certificate_lint(x, g.root, &err), &err, rows[i].row);
        rows[i].damage(x);
        if (certificate_lint(x, g.root, &err))
            fail_msg("passed: %s", rows[i].row);
        if (strstr(err.message, rows[i].rule) == NULL)
            fail_msg("%s: %s", rows[i].row, err.message);
        expect_clean_queue(rows[i].row);
    }
}

/* The outer algorithm identifier of a signed certificate, changed. */
/* What only should be so passes certificate_lint and is a warning of lint_certificate. */
static void warned(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct lint_findings findings = {0};
    struct certificate_plan plan = test_plan(test_key("RSA-2048"), g.leaf_name, g.root);
    plan.key_usage = KU_DIGITAL_SIGNATURE;
    AUTO(X509) *x = NULL;
    expect_done(certificate_build(&plan, &x, &err), &err, "build");
    key_usage_not_critical(x);
    expect_done(certificate_lint(x, g.root, &err), &err, "a SHOULD does not refuse");
    expect_done(lint_certificate(arena, x, g.root, LINT_RFC5280, &findings, &err), &err, "lint");
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.items[0].rule, "key-usage-critical");
    assert_string_equal(findings.items[0].source, "RFC 5280 4.2.1.3");
    assert_int_equal(findings.items[0].severity, LINT_WARNING);
    expect_clean_queue("warned");
}

static void algorithms_differ(void **state) {
    static const char sha384[] = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    (void)state;
    struct view der = certificate_der(arena, g.root);
    uint8_t *inner = memmem(der.at, der.len, sha384, sizeof sha384 - 1);
    assert_non_null(inner);
    uint8_t *outer =
        memmem(inner + 1, der.len - (size_t)(inner + 1 - der.at), sha384, sizeof sha384 - 1);
    assert_non_null(outer);
    outer[sizeof sha384 - 2] = 4;
    AUTO(X509) *x = NULL;
    expect_done(certificate_decode(arena, der, &x, &err), &err, "decode");
    assert_false(certificate_lint(x, NULL, &err));
    expect_error(&err, ERROR_POLICY, "lint", "rfc5280#4.1.1.2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_usages),
        cmocka_unit_test(authorities),
        cmocka_unit_test(dates),
        cmocka_unit_test(names_and_sans),
        cmocka_unit_test(broken_afterwards),
        cmocka_unit_test(warned),
        cmocka_unit_test(algorithms_differ),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
