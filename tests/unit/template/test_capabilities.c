/* What templates can express, one row for each capability: a template, a request with extensions of
 * its own and what comes beside it, and lines that the certificate's text has and has not, or the
 * refusal. */
#include "base/clock.h"
#include "template/policy.h"
#include "x509/csr.h"
#include "x509/extension.h"
#include "x509/name.h"
#include "x509/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND) /* 2026-09-21T14:13:20Z */
#define LINES 6

/* The most open template: what a row says is what it is about. */
#define OPEN(rest)                                                                                 \
    "{\"subject\":{\"attributes\":[\"*\"]},\"sans\":{\"types\":[\"dns\",\"ip\",\"email\",\"uri\"," \
    "\"upn\",\"rid\",\"dirName\",\"other\"],\"min\":0,\"max\":100,\"commonNameToSan\":false},"     \
    "\"keyUsage\":[\"digitalSignature\"],\"extendedKeyUsage\":[]" rest "}"

struct row {
    const char *what, *template;
    const char *subject, *extensions; /* of the CSR; lines of OpenSSL's configuration, or NULL */
    const char *proposal;             /* or NULL */
    const char *refusal;              /* error type, or NULL */
    const char *has[LINES], *lacks[LINES], *note;
};

static EVP_PKEY *key;
static X509 *root, *bounded; /* the second may have no authorities below itself */

static X509 *make_issuer(int path_length) {
    static const uint8_t serial[] = {1};
    AUTO(X509_NAME) *subject = NULL;
    X509 *made = NULL;
    assert_true(name_from_text("CN=Issuer", &subject, NULL));
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = subject,
                                    .public_key = key,
                                    .not_before_us = NOW - 10 * US_PER_DAY,
                                    .not_after_us = NOW + 1000 * US_PER_DAY,
                                    .basic_constraints = true,
                                    .is_ca = true,
                                    .path_length = path_length,
                                    .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN};
    assert_true(certificate_build(&plan, &made, NULL));
    assert_true(certificate_sign(made, key, EVP_sha256(), key, NULL));
    return made;
}

static int setup(void **state) {
    (void)state;
    key = EVP_EC_gen("P-256");
    root = make_issuer(-1);
    bounded = make_issuer(0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    X509_free(root);
    X509_free(bounded);
    EVP_PKEY_free(key);
    return 0;
}

static X509_REQ *make_csr(struct arena *arena, const struct row *row) {
    AUTO(X509_NAME) *subject = NULL;
    AUTO(X509_REQ) *made = X509_REQ_new();
    X509_REQ *csr = NULL;
    struct error err = {0};
    unsigned char *der = NULL;
    struct view ignored;
    assert_true(name_from_text(row->subject, &subject, &err));
    assert_true(X509_REQ_set_subject_name(made, subject) == 1 &&
                X509_REQ_set_pubkey(made, key) == 1);
    if (row->extensions != NULL) {
        const char *text = arena_printf(arena, "[x]\n%s\n", row->extensions);
        AUTO(BIO) *in = BIO_new_mem_buf(text, -1);
        CONF *conf = NCONF_new(NULL);
        X509V3_CTX context;
        X509V3_set_ctx(&context, NULL, NULL, made, NULL, 0);
        X509V3_set_nconf(&context, conf);
        if (NCONF_load_bio(conf, in, NULL) != 1 ||
            X509V3_EXT_REQ_add_nconf(conf, &context, "x", made) != 1)
            fail_msg("%s: %s", row->what, row->extensions);
        NCONF_free(conf);
    }
    assert_true(X509_REQ_sign(made, key, EVP_sha256()) > 0);
    int len = i2d_X509_REQ(made, &der);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    if (!csr_decode(arena, copy, &csr, &ignored, &err))
        fail_msg("%s: %s", row->what, err.message);
    return keep_X509_REQ(arena, csr);
}

static const char *text_of(struct arena *arena, X509 *certificate) {
    AUTO(BIO) *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    assert_int_equal(X509_print_ex(bio, certificate, XN_FLAG_RFC2253,
                                   X509_FLAG_NO_SIGDUMP | X509_FLAG_NO_PUBKEY),
                     1);
    long len = BIO_get_mem_data(bio, &at);
    return arena_text(arena, view_of(at, (size_t)len));
}

/* The certificate's text, or NULL and why. */
static const char *issue(struct arena *arena, const struct row *row, const X509 *issuer,
                         struct policy_notes *notes, struct error *err) {
    static const char *http[] = {"http://pki.example/ca.crt"},
                      *ocsp[] = {"http://pki.example/ocsp"}, *crl[] = {"http://pki.example/ca.crl"};
    static const uint8_t serial[] = {0x11, 2, 3, 4, 5, 6, 7, 8};
    struct ca_urls urls = {.crl = {crl, 1}, .ca_issuers = {http, 1}, .ocsp = {ocsp, 1}};
    const struct json *document, *beside;
    struct template t;
    struct proposal proposal = {0};
    struct certificate_plan plan;
    struct lint_findings findings;
    AUTO(X509) *certificate = NULL;
    assert_true(json_parse(arena, view_text(row->template), &document, err));
    TRY(template_from_json(arena, document, &t, err));
    assert_true(
        json_parse(arena, view_text(row->proposal == NULL ? "{}" : row->proposal), &beside, err));
    TRY(proposal_from_json(arena, beside, &proposal, err));
    struct policy_input input = {.template = &t,
                                 .urls = &urls,
                                 .issuer = issuer,
                                 .csr = make_csr(arena, row),
                                 .proposal = &proposal,
                                 .now_us = NOW,
                                 .requester = "erika",
                                 .door = "rest",
                                 .notes = notes};
    TRY(policy_apply(arena, &input, &plan, err));
    plan.serial = view_of(serial, sizeof serial);
    plan.issuer = issuer;
    TRY(certificate_build(&plan, &certificate, err));
    TRY(policy_lint(arena, &t, certificate, issuer, &findings, err));
    TRY(certificate_sign(certificate, key, EVP_sha256(), key, err));
    return text_of(arena, certificate);
}

static void check(const struct row *row, const X509 *issuer) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct policy_notes notes = {0};
    struct error err = {0};
    const char *text = issue(arena, row, issuer, &notes, &err);
    if (row->refusal != NULL) {
        if (text != NULL || strcmp(err.type, row->refusal) != 0)
            fail_msg("%s: wanted %s, got %s: %s", row->what, row->refusal,
                     text != NULL ? text : err.type, err.message);
        return;
    }
    if (text == NULL)
        fail_msg("%s: %s: %s", row->what, err.type, err.message);
    for (size_t i = 0; i < LINES && row->has[i] != NULL; i++)
        if (strstr(text, row->has[i]) == NULL) {
            fputs(text, stderr); /* longer than cmocka's messages may be */
            fail_msg("%s: no \"%s\" in this", row->what, row->has[i]);
        }
    for (size_t i = 0; i < LINES && row->lacks[i] != NULL; i++)
        if (strstr(text, row->lacks[i]) != NULL) {
            fputs(text, stderr);
            fail_msg("%s: \"%s\" in this", row->what, row->lacks[i]);
        }
    bool noted = row->note == NULL;
    for (size_t i = 0; i < notes.count; i++)
        noted = noted || strstr(notes.items[i], row->note) != NULL;
    if (!noted)
        fail_msg("%s: nothing says %s: %s", row->what, row->note, policy_notes_json(arena, &notes));
}

#define CN "CN=a.example"

#define CHECK_ROWS(name)                                                                           \
    static void name(void **state) {                                                               \
        (void)state;                                                                               \
        for (size_t i = 0; i < sizeof name##_rows / sizeof name##_rows[0]; i++)                    \
            check(&name##_rows[i], root);                                                          \
    }

static void authorities(void **state) {
#define CA(rest)                                                                                   \
    "{\"subject\":{\"attributes\":[\"*\"]},\"sans\":{\"types\":[],\"min\":0,\"max\":0,"            \
    "\"commonNameToSan\":false},\"keyUsage\":[\"keyCertSign\",\"cRLSign\"],\"extendedKeyUsage\":[" \
    "],\"validity\":{\"days\":30}," rest "}"
    static const struct row rows[] = {
        {.what = "an authority without a limit",
         .subject = CN,
         .template = CA("\"basicConstraints\":{\"ca\":true}"),
         .has = {"Basic Constraints: critical\n                CA:TRUE\n",
                 "Key Usage: critical\n                Certificate Sign, CRL Sign"},
         .lacks = {"pathlen", "Extended Key Usage"}},
        {.what = "path length 0",
         .subject = CN,
         .template = CA("\"basicConstraints\":{\"ca\":true,\"pathLength\":0}"),
         .has = {"CA:TRUE, pathlen:0"}},
        {.what = "path length 1",
         .subject = CN,
         .template = CA("\"basicConstraints\":{\"ca\":true,\"pathLength\":1}"),
         .has = {"CA:TRUE, pathlen:1"}},
        {.what = "purposes of an authority",
         .subject = CN,
         .template = "{\"subject\":{\"attributes\":[\"*\"]},\"sans\":{\"types\":[],\"min\":0,"
                     "\"max\":0,\"commonNameToSan\":"
                     "false},\"keyUsage\":[\"keyCertSign\"],\"extendedKeyUsage\":[\"serverAuth\"],"
                     "\"basicConstraints\":{\"ca\":true}}",
         .has = {"CA:TRUE", "TLS Web Server Authentication"}},
        {.what = "name constraints",
         .subject = CN,
         .template = CA("\"basicConstraints\":{\"ca\":true},\"extensions\":[{\"type\":"
                        "\"nameConstraints\",\"critical\":true,"
                        "\"value\":{\"permitted\":[\"DNS:example.com\",\"IP:10.0.0.0/"
                        "8\"],\"excluded\":[\"email:x.example\"]}}]"),
         .has = {"Name Constraints: critical", "DNS:example.com", "IP:10.0.0.0/255.0.0.0",
                 "Excluded:\n                  email:x.example"}},
        {.what = "policy mappings, constraints and inhibitAnyPolicy",
         .subject = CN,
         .template =
             CA("\"basicConstraints\":{\"ca\":true},\"policies\":[\"1.2.3.4\"],\"extensions\":["
                "{\"type\":\"policyMappings\",\"critical\":true,\"value\":[{\"issuer\":\"1.2.3.4\","
                "\"subject\":\"1.2.3.5\"}]},"
                "{\"type\":\"policyConstraints\",\"critical\":true,\"value\":{"
                "\"requireExplicitPolicy\":0,\"inhibitPolicyMapping\":1}},"
                "{\"type\":\"inhibitAnyPolicy\",\"critical\":true,\"value\":2}]"),
         .has = {"1.2.3.4:1.2.3.5", "Require Explicit Policy:0, Inhibit Policy Mapping:1",
                 "Inhibit Any Policy: critical\n                2"}},
        {.what = "an authority that agrees on keys",
         .subject = CN,
         .template = "{\"basicConstraints\":{\"ca\":true}}",
         .refusal = "template-invalid"},
    };
    static const struct row below = {.what = "an authority below one that may have none",
                                     .subject = CN,
                                     .template = CA("\"basicConstraints\":{\"ca\":true}"),
                                     .refusal = "lint"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i], root);
    check(&below, bounded);
    struct row self = {
        .what = "self-signed",
        .subject = CN,
        .template = CA("\"basicConstraints\":{\"ca\":true},\"crl\":false,"
                       "\"aia\":false,\"ocsp\":false,\"authorityKeyId\":\"none\""),
        .has = {"Issuer: CN=a.example", "Subject: CN=a.example"},
        .lacks = {"Authority Key Identifier", "CRL Distribution", "Authority Information"}};
    check(&self, NULL);
}

static const struct row usages_and_purposes_rows[] = {
    {.what = "every bit of key usage",
     .subject = CN,
     .template = "{\"keyUsage\":[\"digitalSignature\",\"nonRepudiation\",\"keyAgreement\","
                 "\"encipherOnly\"],"
                 "\"keyUsageCritical\":false}",
     .has = {"X509v3 Key Usage: \n                Digital Signature, Non Repudiation, Key "
             "Agreement, Encipher Only"}},
    {.what = "key usage of a request",
     .subject = CN,
     .template = OPEN(),
     .extensions = "keyUsage=keyCertSign,cRLSign",
     .has = {"Key Usage: critical\n                Digital Signature\n"},
     .lacks = {"Certificate Sign"},
     .note = "keyUsage"},
    {.what = "an end entity says so",
     .subject = CN,
     .template = OPEN(),
     .has = {"Basic Constraints: critical\n                CA:FALSE"}},
    {.what = "or does not",
     .subject = CN,
     .template = OPEN(",\"basicConstraints\":{\"include\":false}"),
     .lacks = {"Basic Constraints"}},
    {.what = "no purposes", .subject = CN, .template = OPEN(), .lacks = {"Extended Key Usage"}},
    {.what = "fixed purposes",
     .subject = CN,
     .extensions = "extendedKeyUsage=codeSigning",
     .template = "{\"extendedKeyUsage\":[\"clientAuth\"],\"extendedKeyUsageFrom\":\"template\"}",
     .has = {"Extended Key Usage: \n                TLS Web Client Authentication\n"},
     .lacks = {"Code Signing"},
     .note = "extendedKeyUsage"},
    {.what = "purposes of the request",
     .subject = CN,
     .extensions = "extendedKeyUsage=critical,clientAuth,1.2.3.4",
     .template = OPEN(",\"extendedKeyUsageFrom\":\"request\""),
     .has = {"Extended Key Usage: critical\n                TLS Web Client Authentication, "
             "1.2.3.4"}},
    {.what = "both",
     .subject = CN,
     .extensions = "extendedKeyUsage=codeSigning",
     .template = "{\"extendedKeyUsage\":[\"clientAuth\"],\"extendedKeyUsageFrom\":\"both\"}",
     .has = {"TLS Web Client Authentication, Code Signing"}},
    {.what = "never",
     .subject = CN,
     .extensions = "extendedKeyUsage=codeSigning",
     .template = OPEN(",\"extendedKeyUsageFrom\":\"never\""),
     .lacks = {"Extended Key Usage", "Code Signing"},
     .note = "extendedKeyUsage"},
    {.what = "a list of those that may be asked for",
     .subject = CN,
     .extensions = "extendedKeyUsage=codeSigning,clientAuth",
     .template =
         OPEN(",\"extendedKeyUsageFrom\":\"request\",\"extendedKeyUsageAllowed\":[\"clientAuth\"]"),
     .has = {"TLS Web Client Authentication\n"},
     .lacks = {"Code Signing"},
     .note = "1.3.6.1.5.5.7.3.3"},
    {.what = "critical purposes",
     .subject = CN,
     .template = "{\"extendedKeyUsage\":[\"OCSPSigning\"],\"extendedKeyUsageCritical\":true,"
                 "\"extensions\":[{\"type\":\"ocspNoCheck\",\"value\":null}]}",
     .has = {"Extended Key Usage: critical\n                OCSP Signing", "OCSP No Check: \n"}},
    {.what = "any, others and a vendor's, in order",
     .subject = CN,
     .template = "{\"extendedKeyUsage\":[\"anyExtendedKeyUsage\",\"1.3.6.1.4.1.311.20.2.2\","
                 "\"clientAuth\",\"1.2.3.4.5\"]}",
     .has = {"Any Extended Key Usage, Microsoft Smartcard Login, TLS Web Client "
             "Authentication, 1.2.3.4.5"}},
    {.what = "policies with qualifiers",
     .subject = CN,
     .template = OPEN(",\"policies\":[{\"oid\":\"1.2.3.4\",\"cps\":\"https://pki.example/"
                      "cps\",\"notice\":\"Read it.\"},\"2.23.146.1.2.1.3\"]"),
     .has = {"Policy: 1.2.3.4\n                  CPS: https://pki.example/cps",
             "Explicit Text: Read it.", "Policy: 2.23.146.1.2.1.3"}},
    {.what = "policies of the request",
     .subject = CN,
     .extensions = "certificatePolicies=1.2.3.9",
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[\"certificatePolicies\"]}"),
     .has = {"Policy: 1.2.3.9"}},
};

CHECK_ROWS(usages_and_purposes)

#define MS                                                                                         \
    "\"microsoftTemplate\",\"microsoftTemplateName\",\"microsoftSid\",\"applicationPolicies\","    \
    "\"smimeCapabilities\""

static const struct row extensions_rows[] = {
    {.what = "Microsoft's extensions of a request",
     .subject = CN,
     .extensions = "1.3.6.1.4.1.311.20.2=ASN1:BMPSTRING:Machine\n"
                   "1.3.6.1.4.1.311.21.7=DER:300f060a2b060104018237150801020164\n"
                   "1.3.6.1.4.1.311.21.10=DER:300c300a06082b06010505070302\n"
                   "1.2.840.113549.1.9.15=DER:300d300b060960864801650304012a",
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[" MS "]}"),
     .has = {"M.a.c.h.i.n.e", "Microsoft certificate template", "Microsoft Application Policies",
             "S/MIME Capabilities"}},
    {.what = "Microsoft's extensions of a template",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"type\":\"microsoftTemplate\",\"value\":{\"oid\":\"1."
                      "3.6.1.4.1.311.21.8.1\",\"major\":100,\"minor\":3}},"
                      "{\"type\":\"microsoftTemplateName\",\"value\":\"Machine\"},{\"type\":"
                      "\"microsoftSid\",\"value\":\"S-1-5-21-1-2-3-1105\"},"
                      "{\"type\":\"applicationPolicies\",\"value\":[\"1.3.6.1.5.5.7.3.2\"]},{"
                      "\"type\":\"smimeCapabilities\",\"value\":[\"AES-256-CBC\"]}]"),
     .has = {"M.a.c.h.i.n.e", "Microsoft certificate template", "S-1-5-21-1-2-3-1105",
             "Microsoft Application Policies", "S/MIME Capabilities"}},
    {.what = "what always is forbidden",
     .subject = CN,
     .extensions = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=00:11:"
                   "22\ncrlDistributionPoints=URI:http://evil.example/x\n"
                   "2.5.29.35=DER:300380010a\n2.5.29.20=ASN1:INTEGER:5",
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[\"certificatePolicies\"]}"),
     .has = {"CA:FALSE"},
     .lacks = {"00:11:22", "evil.example", "CRL Number"},
     .note = "crlDistributionPoints"},
    {.what = "which no template can allow",
     .subject = CN,
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[\"2.5.29.35\"]}"),
     .refusal = "template-invalid"},
    {.what = "an extension nobody allowed, ignored",
     .subject = CN,
     .extensions = "1.2.3.4=ASN1:UTF8String:secret",
     .template = OPEN(),
     .lacks = {"1.2.3.4", "secret"},
     .note = "1.2.3.4"},
    {.what = "an extension nobody allowed, refused",
     .subject = CN,
     .extensions = "1.2.3.4=ASN1:UTF8String:x",
     .template = OPEN(",\"requestExtensions\":{\"others\":\"refuse\"}"),
     .refusal = "request-extension"},
    {.what = "a critical one, which must not be",
     .subject = CN,
     .extensions = "1.2.3.4=critical,ASN1:UTF8String:x",
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[\"1.2.3.4\"]}"),
     .has = {"1.2.3.4: \n"},
     .lacks = {"1.2.3.4: critical"}},
    {.what = "a critical one, as the request says",
     .subject = CN,
     .extensions = "1.2.3.4=critical,ASN1:UTF8String:x",
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[{\"oid\":\"1.2.3.4\",\"critical\":"
                      "\"request\"}]}"),
     .has = {"1.2.3.4: critical"}},
    {.what = "PIV",
     .subject = CN,
     .extensions = "2.16.840.1.101.3.6.9.1=ASN1:BOOLEAN:TRUE",
     .template = OPEN(",\"requestExtensions\":{\"allowed\":[\"pivInterim\"]}"),
     .has = {"2.16.840.1.101.3.6.9.1"}},
    {.what = "must-staple",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"type\":\"tlsFeature\",\"value\":[\"status_request\"]}]"),
     .has = {"TLS Feature: \n                status_request"}},
    {.what = "qualified statements",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"type\":\"qcStatements\",\"value\":{\"compliance\":"
                      "true,\"device\":true,\"types\":[\"signature\"],"
                      "\"disclosure\":[{\"url\":\"https://pki.example/"
                      "pds\",\"language\":\"en\"}],\"limit\":{\"currency\":\"EUR\",\"amount\":"
                      "10,\"exponent\":3},"
                      "\"retentionYears\":10,\"countries\":[\"CH\"]}}]"),
     .has = {"qcStatements", "pki.example/pds", "EUR"}},
    {.what = "attributes of a person",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"type\":\"subjectDirectoryAttributes\",\"value\":{"
                      "\"dateOfBirth\":\"1970-01-31\",\"gender\":\"F\","
                      "\"countryOfCitizenship\":[\"DE\"]}}]"),
     .has = {"Subject Directory Attributes"}},
    {.what = "private key usage period, issuer's names, biometric data as DER",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"type\":\"privateKeyUsagePeriod\",\"value\":{"
                      "\"days\":30}},{\"type\":\"issuerAltNames\",\"value\":"
                      "[\"URI:https://"
                      "pki.example\"]},{\"oid\":\"1.3.6.1.5.5.7.1.2\",\"value\":{\"der\":"
                      "\"300a3008020100800306012a\"}}]"),
     .has = {"Private Key Usage Period", "Issuer Alternative Name", "Biometric Info"}},
    {.what = "typed values",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"oid\":\"1.2.3.4.1\",\"value\":{\"sequence\":[{"
                      "\"integer\":7},{\"utf8\":\"typed\"},{\"explicit\":{\"tag\":0,"
                      "\"value\":{\"boolean\":true}}}]}},{\"oid\":\"1.2.3.4.2\",\"critical\":"
                      "true,\"value\":{\"der\":\"0500\"}}]"),
     .has = {"1.2.3.4.1", "typed", "1.2.3.4.2: critical"}},
    {.what = "no value",
     .subject = CN,
     .template = OPEN(",\"extensions\":[{\"oid\":\"1.2.3.4\",\"value\":{\"der\":\"05\"}}]"),
     .refusal = "template-invalid"},
};

CHECK_ROWS(extensions)

static const struct row names_rows[] = {
    {.what = "any name type",
     .subject = CN,
     .template = OPEN(),
     .extensions = "subjectAltName=DNS:x.example,IP:192.0.2.7,email:a@x.example,URI:urn:x:1,"
                   "RID:1.2.3,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a@b",
     .has = {"DNS:x.example", "IP Address:192.0.2.7", "email:a@x.example", "URI:urn:x:1",
             "Registered ID:1.2.3", "a@b"}},
    {.what = "every common name once",
     .subject = "CN=a.example,CN=b.example,CN=192.0.2.9,CN=Not a host,CN=x.example",
     .extensions = "subjectAltName=DNS:x.example",
     .template = "{\"subject\":{\"attributes\":[\"*\"]},\"sans\":{\"commonNameToSan\":true,"
                 "\"min\":0,\"max\":9}}",
     .has = {"DNS:a.example", "DNS:b.example", "IP Address:192.0.2.9", "DNS:x.example"},
     .lacks = {"DNS:x.example, DNS:x.example", "DNS:Not"}},
    {.what = "many attributes, repeated, and one by its number",
     .template = OPEN(),
     .subject = "C=DE,O=Example,OU=One,OU=Two,GN=Erika,SN=Mustermann,serialNumber=7,title=Dr,1."
                "2.3.4=x," CN,
     .has = {"OU=One", "OU=Two", "GN=Erika", "title=Dr", "1.2.3.4="}},
    {.what = "a fixed subject",
     .subject = "CN=mine,O=Mine",
     .template = "{\"subject\":{\"from\":\"fixed\",\"attributes\":[\"CN\",\"O\"],\"fixed\":"
                 "{\"CN\":\"theirs\",\"O\":\"Fixed\"}},\"sans\":{\"min\":0}}",
     .has = {"CN=theirs", "O=Fixed"},
     .lacks = {"mine", "Mine"}},
    {.what = "an expression",
     .subject = CN,
     .proposal = "{\"variables\":{\"deviceId\":\"D-4711\"}}",
     .template = "{\"subject\":{\"from\":\"expression\",\"attributes\":[\"CN\",\"O\",\"OU\"],"
                 "\"expression\":{\"CN\":\"{deviceId} of {requester}\","
                 "\"O\":\"{csr.CN} by "
                 "{door}\",\"OU\":\"{{{fleet}}}\"}},\"variables\":[{\"name\":\"deviceId\","
                 "\"required\":true,\"pattern\":"
                 "\"[A-Z]-[0-9]+\"},{\"name\":\"fleet\",\"default\":\"cars\"}],\"sans\":{"
                 "\"from\":\"none\",\"types\":[\"uri\"],\"min\":0,\"max\":3,\"add\":[\"URI:urn:"
                 "dev:{deviceId}\"]}}",
     .has = {"CN=D-4711 of erika", "O=a.example by rest", "OU={cars}", "URI:urn:dev:D-4711"}},
    {.what = "a variable that must be there",
     .subject = CN,
     .refusal = "variable",
     .template = "{\"subject\":{\"from\":\"expression\",\"attributes\":[\"CN\"],\"expression\":"
                 "{\"CN\":\"{deviceId}\"}},"
                 "\"variables\":[{\"name\":\"deviceId\",\"required\":true}]}"},
    {.what = "a field's pattern",
     .subject = "CN=UPPER",
     .refusal = "field-rule",
     .template = "{\"subject\":{\"attributes\":[\"CN\"],\"rules\":[{\"field\":\"CN\","
                 "\"pattern\":\"[a-z.]+\"}]},\"sans\":{\"min\":0}}"},
    {.what = "a field's list",
     .subject = "O=Other," CN,
     .refusal = "field-rule",
     .template = "{\"subject\":{\"attributes\":[\"CN\",\"O\"],\"rules\":[{\"field\":\"O\","
                 "\"values\":[\"Example\",\"Sample\"]}]}}"},
    {.what = "a field too often",
     .subject = "OU=1,OU=2," CN,
     .refusal = "field-rule",
     .template = "{\"subject\":{\"attributes\":[\"CN\",\"OU\"],\"rules\":[{\"field\":\"OU\","
                 "\"min\":0,\"max\":1}]}}"},
    {.what = "a name's pattern",
     .subject = CN,
     .extensions = "subjectAltName=DNS:www.other.test",
     .refusal = "field-rule",
     .template = "{\"sans\":{\"types\":[\"dns\"],\"min\":0,\"max\":9,\"commonNameToSan\":false,"
                 "\"rules\":[{\"field\":\"dns\",\"pattern\":\".*[.]example\"}]}}"},
};

CHECK_ROWS(names)

static const struct row keys_dates_addresses_rows[] = {
    {.what = "a key type that is not in the list",
     .subject = CN,
     .template = OPEN(",\"keys\":[\"RSA\"]"),
     .refusal = "key-type"},
    {.what = "the same, logged",
     .subject = CN,
     .template = OPEN(",\"keys\":[\"RSA\"],\"keysLevel\":\"log\""),
     .has = {"CN=a.example"},
     .note = "key"},
    {.what = "the same, off",
     .subject = CN,
     .template = OPEN(",\"keys\":[\"RSA\"],\"keysLevel\":\"off\""),
     .has = {"CN=a.example"}},
    {.what = "past the ceiling, refused",
     .subject = CN,
     .proposal = "{\"validityDays\":400}",
     .template = OPEN(",\"validity\":{\"days\":30,\"maxDays\":90}"),
     .refusal = "validity"},
    {.what = "past the ceiling, clamped",
     .subject = CN,
     .proposal = "{\"validityDays\":400}",
     .note = "validity",
     .template =
         OPEN(",\"validity\":{\"days\":30,\"maxDays\":90,\"over\":\"clamp\",\"align\":\"day\"}"),
     .has = {"Not After : Dec 19 23:59:59 2026"}},
    {.what = "past the authority's end, clamped",
     .subject = CN,
     .proposal = "{\"validityDays\":1500}",
     .note = "validity",
     .template = OPEN(",\"validity\":{\"days\":30,\"maxDays\":2000,\"issuerEnd\":\"clamp\"}"),
     .has = {"Not After : Jun 17 14:13:20 2029"}},
    {.what = "past the authority's end, refused",
     .subject = CN,
     .template = OPEN(",\"validity\":{\"days\":1500,\"maxDays\":2000,\"issuerEnd\":\"refuse\"}"),
     .refusal = "validity"},
    {.what = "dates of the request",
     .subject = CN,
     .proposal = "{\"notBefore\":\"2026-10-01T00:00:00Z\",\"notAfter\":\"2026-10-11T00:00:00Z\"}",
     .template = OPEN(),
     .has = {"Not Before: Oct  1 00:00:00 2026", "Not After : Oct 11 00:00:00 2026"}},
    {.what = "addresses of the authority",
     .subject = CN,
     .template = OPEN(),
     .has = {"OCSP - URI:http://pki.example/ocsp", "CA Issuers - URI:http://pki.example/ca.crt",
             "URI:http://pki.example/ca.crl"}},
    {.what = "no addresses",
     .subject = CN,
     .template = OPEN(",\"aia\":false,\"ocsp\":false,\"crl\":false"),
     .lacks = {"http://"}},
    {.what = "other addresses",
     .subject = CN,
     .template = OPEN(",\"urls\":{\"crl\":[\"http://cdn.example/x.crl\"]}"),
     .has = {"cdn.example"},
     .lacks = {"pki.example/ca.crl"}},
    {.what = "key identifier by RFC 7093 is not SHA-1's",
     .subject = CN,
     .template = OPEN(",\"subjectKeyId\":\"rfc7093-1\""),
     .has = {"Subject Key Identifier", "Authority Key Identifier"}},
    {.what = "no key identifiers",
     .subject = CN,
     .template = OPEN(",\"subjectKeyId\":\"none\",\"authorityKeyId\":\"none\",\"lint\":{"
                      "\"rfc5280\":\"off\"}"),
     .lacks = {"Subject Key Identifier", "Authority Key Identifier"}},
};

CHECK_ROWS(keys_dates_addresses)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorities),          cmocka_unit_test(usages_and_purposes),
        cmocka_unit_test(extensions),           cmocka_unit_test(names),
        cmocka_unit_test(keys_dates_addresses),
    };
    return cmocka_run_group_tests_name("what templates can express", tests, setup, teardown);
}
