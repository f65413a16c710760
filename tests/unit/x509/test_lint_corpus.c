/* Known-bad certificates, made here: each row breaks what its rule is for, and the good one beside
 * it does not. */
#include "support.h"

#include "x509/extension.h"
#include "x509/lint.h"

#include <string.h>

static struct {
    X509_NAME *root_name;
    X509 *root;
} g;

static int setup(void **state) {
    (void)state;
    g.root_name = test_name("CN=Root,O=Example,C=DE");
    struct certificate_plan plan = test_ca_plan(test_key("P-384"), g.root_name, NULL);
    plan.not_after_us = test_time("2050-01-01T00:00:00Z");
    g.root = test_issue(&plan, test_key("P-384"));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    X509_NAME_free(g.root_name);
    X509_free(g.root);
    test_keys_free();
    return 0;
}

struct row {
    const char *name; /* of the row */
    unsigned profile;
    const char *rule;                                 /* that it breaks, or NULL */
    const char *subject, *sans, *purposes, *policies; /* lists are separated by spaces */
    const char *from, *to;
    unsigned usage;
    const char *key;
    const char *extensions; /* JSON with ' for " */
    bool no_crl;
};

#define TLS "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", KU_DIGITAL_SIGNATURE, "P-256"
#define YEAR "2026-04-01T00:00:00Z", "2027-03-31T00:00:00Z"
#define QC                                                                                         \
    "[{'type':'qcStatements','value':{'compliance':true,'device':true,'types':['signature'],"      \
    "'disclosure':[{'url':'https://example.com/pds','language':'en'}]}}]"
#define PERSON "CN=Erika Mustermann,GN=Erika,SN=Mustermann,serialNumber=PNODE-1,C=DE"

static const struct row rows[] = {
    {"good tls", LINT_CABF_TLS, NULL, "CN=www.example.org", "www.example.org", "serverAuth",
     "2.23.140.1.2.1", TLS, NULL, false},
    {"too long", LINT_CABF_TLS, "tls-days", "", "www.example.org", "serverAuth", "2.23.140.1.2.1",
     "2026-04-01T00:00:00Z", "2026-10-19T00:00:00Z", KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"201 days before the date", LINT_CABF_TLS, NULL, "", "www.example.org", "serverAuth",
     "2.23.140.1.2.1", "2026-03-01T00:00:00Z", "2026-09-30T00:00:00Z", KU_DIGITAL_SIGNATURE,
     "P-256", NULL, false},
    {"e-mail purpose", LINT_CABF_TLS, "tls-purposes", "", "www.example.org",
     "serverAuth emailProtection", "2.23.140.1.2.1", TLS, NULL, false},
    {"client, too", LINT_CABF_TLS, "tls-client-auth", "", "www.example.org",
     "serverAuth clientAuth", "2.23.140.1.2.1", TLS, NULL, false},
    {"no names", LINT_CABF_TLS, "tls-names", "CN=www.example.org", "", "serverAuth",
     "2.23.140.1.2.1", TLS, NULL, false},
    {"mail name", LINT_CABF_TLS, "tls-names", "", "www.example.org email:a@example.org",
     "serverAuth", "2.23.140.1.2.1", TLS, NULL, false},
    {"internal", LINT_CABF_TLS, "tls-internal-name", "", "srv.corp", "serverAuth", "2.23.140.1.2.1",
     TLS, NULL, false},
    {"one label", LINT_CABF_TLS, "tls-internal-name", "", "server", "serverAuth", "2.23.140.1.2.1",
     TLS, NULL, false},
    {"private address", LINT_CABF_TLS, "tls-reserved-address", "", "10.1.2.3", "serverAuth",
     "2.23.140.1.2.1", TLS, NULL, false},
    {"common name", LINT_CABF_TLS, "tls-common-name", "CN=other.example.org", "www.example.org",
     "serverAuth", "2.23.140.1.2.1", TLS, NULL, false},
    {"unit", LINT_CABF_TLS, "tls-unit", "OU=IT", "www.example.org", "serverAuth", "2.23.140.1.2.1",
     TLS, NULL, false},
    {"no policy", LINT_CABF_TLS, "tls-policy", "", "www.example.org", "serverAuth", "", TLS, NULL,
     false},
    {"two policies", LINT_CABF_TLS, "tls-policy", "O=x,C=DE", "www.example.org", "serverAuth",
     "2.23.140.1.2.1 2.23.140.1.2.2", TLS, NULL, false},
    {"dv with O", LINT_CABF_TLS, "tls-subject", "O=x", "www.example.org", "serverAuth",
     "2.23.140.1.2.1", TLS, NULL, false},
    {"ov without C", LINT_CABF_TLS, "tls-subject", "O=x", "www.example.org", "serverAuth",
     "2.23.140.1.2.2", TLS, NULL, false},
    {"ev without jurisdiction", LINT_CABF_TLS, "tls-subject", "O=x,C=DE", "www.example.org",
     "serverAuth", "2.23.140.1.1", TLS, NULL, false},
    {"no status", LINT_CABF_TLS, "tls-status", "", "www.example.org", "serverAuth",
     "2.23.140.1.2.1", TLS, NULL, true},
    {"ed25519", LINT_CABF_TLS, "tls-key", "", "www.example.org", "serverAuth", "2.23.140.1.2.1",
     "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", KU_DIGITAL_SIGNATURE, "Ed25519", NULL, false},
    {"usage", LINT_CABF_TLS, "tls-key-usage", "", "www.example.org", "serverAuth", "2.23.140.1.2.1",
     "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION,
     "P-256", NULL, false},
    {"good mail", LINT_CABF_SMIME, NULL, "CN=a@example.org", "email:a@example.org",
     "emailProtection", "2.23.140.1.5.1.3", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"mail too long", LINT_CABF_SMIME, "smime-days", "CN=a", "email:a@example.org",
     "emailProtection", "2.23.140.1.5.1.3", "2026-04-01T00:00:00Z", "2029-04-01T00:00:00Z",
     KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"no mailbox", LINT_CABF_SMIME, "smime-mailbox", "CN=a", "www.example.org", "emailProtection",
     "2.23.140.1.5.1.3", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"other mailbox", LINT_CABF_SMIME, "smime-subject-mail", "emailAddress=b@example.org",
     "email:a@example.org", "emailProtection", "2.23.140.1.5.1.3", YEAR, KU_DIGITAL_SIGNATURE,
     "P-256", NULL, false},
    {"strict with client", LINT_CABF_SMIME, "smime-purposes", "CN=a", "email:a@example.org",
     "emailProtection clientAuth", "2.23.140.1.5.1.3", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL,
     false},
    {"mail policy", LINT_CABF_SMIME, "smime-policy", "CN=a", "email:a@example.org",
     "emailProtection", "1.2.3", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"mail without CRL", LINT_CABF_SMIME, "smime-crl", "CN=a", "email:a@example.org",
     "emailProtection", "2.23.140.1.5.1.3", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, true},
    {"good code", LINT_CABF_CODE, NULL, "CN=Example,O=Example,C=DE", "", "codeSigning",
     "2.23.140.1.4.1", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"small RSA", LINT_CABF_CODE, "code-key", "CN=Example,O=Example,C=DE", "", "codeSigning",
     "2.23.140.1.4.1", YEAR, KU_DIGITAL_SIGNATURE, "RSA-2048", NULL, false},
    {"no country", LINT_CABF_CODE, "code-subject", "CN=Example,O=Example", "", "codeSigning",
     "2.23.140.1.4.1", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"code and tls", LINT_CABF_CODE, "code-purposes", "CN=Example,O=Example,C=DE", "",
     "codeSigning serverAuth", "2.23.140.1.4.1", YEAR, KU_DIGITAL_SIGNATURE, "P-256", NULL, false},
    {"code too long", LINT_CABF_CODE, "code-days", "CN=Example,O=Example,C=DE", "", "codeSigning",
     "2.23.140.1.4.1", "2026-04-01T00:00:00Z", "2028-04-01T00:00:00Z", KU_DIGITAL_SIGNATURE,
     "P-256", NULL, false},
    {"code usage", LINT_CABF_CODE, "code-key-usage", "CN=Example,O=Example,C=DE", "", "codeSigning",
     "2.23.140.1.4.1", YEAR, KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION, "P-256", NULL, false},
    {"good person", LINT_ETSI, NULL, PERSON, "", "", "0.4.0.194112.1.2", YEAR, KU_NON_REPUDIATION,
     "P-256", QC, false},
    {"no statement", LINT_ETSI, "qc-compliance", PERSON, "", "", "0.4.0.194112.1.2", YEAR,
     KU_NON_REPUDIATION, "P-256", NULL, false},
    {"no disclosure", LINT_ETSI, "qc-disclosure", PERSON, "", "", "0.4.0.194112.1.2", YEAR,
     KU_NON_REPUDIATION, "P-256",
     "[{'type':'qcStatements','value':{'compliance':true,'device':true,'types':['signature']}}]",
     false},
    {"disclosure by http", LINT_ETSI, "qc-disclosure", PERSON, "", "", "0.4.0.194112.1.2", YEAR,
     KU_NON_REPUDIATION, "P-256",
     "[{'type':'qcStatements','value':{'compliance':true,'device':true,'disclosure':[{'url':'http:/"
     "/example.com/','language':'en'}]}}]",
     false},
    {"two types", LINT_ETSI, "qc-type", PERSON, "", "", "0.4.0.194112.1.2", YEAR,
     KU_NON_REPUDIATION, "P-256",
     "[{'type':'qcStatements','value':{'compliance':true,'device':true,'types':['signature','"
     "website'],'disclosure':[{'url':'https://example.com/','language':'en'}]}}]",
     false},
    {"no serial number", LINT_ETSI, "qc-natural-person", "CN=Erika,C=DE", "", "",
     "0.4.0.194112.1.2", YEAR, KU_NON_REPUDIATION, "P-256", QC, false},
    {"seal without identifier", LINT_ETSI, "qc-legal-person", "CN=Seal,O=Example,C=DE", "", "",
     "0.4.0.194112.1.3", YEAR, KU_NON_REPUDIATION, "P-256",
     "[{'type':'qcStatements','value':{'compliance':true,'device':true,'types':['seal'],'"
     "disclosure':[{'url':'https://example.com/','language':'en'}]}}]",
     false},
    {"odd identifier", LINT_ETSI, "qc-identifier", PERSON ",organizationIdentifier=12345", "", "",
     "0.4.0.194112.1.2", YEAR, KU_NON_REPUDIATION, "P-256", QC, false},
    {"critical statements", LINT_ETSI, "qc-critical", PERSON, "", "", "0.4.0.194112.1.2", YEAR,
     KU_NON_REPUDIATION, "P-256",
     "[{'type':'qcStatements','critical':true,'value':{'compliance':true,'device':true,'disclosure'"
     ":[{'url':'https://example.com/','language':'en'}]}}]",
     false},
    {"mixed usage", LINT_ETSI, "qc-key-usage", PERSON, "", "", "0.4.0.194112.1.2", YEAR,
     KU_NON_REPUDIATION | KU_KEY_ENCIPHERMENT, "RSA-2048", QC, false},
    {"no qualified policy", LINT_ETSI, "qc-policies", PERSON, "", "", "", YEAR, KU_NON_REPUDIATION,
     "P-256", QC, false},
    {"names outside of CA", LINT_RFC5280, "name-constraints", "CN=x", "www.example.org",
     "serverAuth", "", TLS,
     "[{'type':'nameConstraints','value':{'permitted':['DNS:example.org']}}]", false},
    {"mappings outside of CA", LINT_RFC5280, "ca-extensions", "CN=x", "www.example.org",
     "serverAuth", "", TLS,
     "[{'type':'policyMappings','value':[{'issuer':'1.2.3','subject':'1.2.4'}]}]", false},
};

static size_t split(struct arena *arena, const char *text, const char *items[8]) {
    size_t count = 0;
    char *copy = arena_strdup(arena, text), *next = copy;
    while (*next != '\0') {
        items[count++] = next;
        next += strcspn(next, " ");
        if (*next == ' ')
            *next++ = '\0';
    }
    return count;
}

static X509 *make(struct arena *arena, const struct row *row) {
    static const char *crl[] = {"http://pki.example.com/x.crl"},
                      *issuers[] = {"http://pki.example.com/x.crt"};
    static const uint8_t serial[] = {0x71, 2, 3, 4, 5, 6, 7, 8, 9};
    const char *purposes[8], *policies[8], *names[8];
    AUTO(X509_NAME) *subject = test_name(row->subject);
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    AUTO(EXTENSION_LIST) *list = sk_X509_EXTENSION_new_null();
    struct certificate_plan plan = test_plan(test_key(row->key), subject, g.root);
    plan.serial = view_of(serial, sizeof serial);
    plan.not_before_us = test_time(row->from);
    plan.not_after_us = test_time(row->to) - US_PER_SECOND;
    plan.key_usage = row->usage;
    plan.extended_key_usage_count = split(arena, row->purposes, purposes);
    plan.extended_key_usage = purposes;
    plan.policy_count = split(arena, row->policies, policies);
    plan.policies = policies;
    plan.ca_issuers = issuers;
    plan.ca_issuers_count = 1;
    plan.ocsp_count = 0;
    plan.crl = crl;
    plan.crl_count = row->no_crl ? 0 : 1;
    for (size_t i = 0, count = split(arena, row->sans, names); i < count; i++)
        assert_true(san_add_text(sans, names[i], NULL));
    plan.sans = sans;
    if (row->extensions != NULL) {
        const struct extension_place place = {.arena = arena, .not_before_us = plan.not_before_us};
        JSON_EACH (document, test_json(arena, quoted(arena, row->extensions))) {
            X509_EXTENSION *extension = NULL;
            struct error err = {0};
            expect_done(extension_from_json(&place, document, &extension, &err), &err, row->name);
            assert_true(sk_X509_EXTENSION_push(list, extension) > 0);
        }
    }
    plan.extensions = list;
    return test_issue(&plan, test_key("P-384"));
}

static void corpus(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        AUTO(X509) *x = make(arena, &rows[i]);
        struct lint_findings findings;
        struct error err = {0};
        bool found = false;
        expect_done(lint_certificate(arena, x, g.root, rows[i].profile, &findings, &err), &err,
                    rows[i].name);
        for (size_t j = 0; j < findings.count; j++) {
            const struct lint_finding *f = &findings.items[j];
            assert_true(f->source[0] != '\0' && f->text[0] != '\0');
            if (rows[i].rule == NULL)
                fail_msg("%s: %s: %s", rows[i].name, f->rule, f->text);
            found = found || strcmp(f->rule, rows[i].rule) == 0;
        }
        if (rows[i].rule != NULL && !found)
            fail_msg("%s: %s was not found (%zu findings)", rows[i].name, rows[i].rule,
                     findings.count);
        expect_clean_queue(rows[i].name);
    }
}

static void claims(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(X509) *x = rows[i].rule == NULL ? make(arena, &rows[i]) : NULL;
        if (x != NULL)
            assert_int_equal(lint_profiles_claimed(x), LINT_RFC5280 | rows[i].profile);
    }
}

static void own_rules(void **state) {
    (void)state;
    static const struct {
        const char *rules;
        int findings; /* -1: the rules are refused */
    } sets[] = {
        {"[]", 0},
        {"[{'id':'a','field':'subject.CN','pattern':'www[.].*','text':'t'}]", 0},
        {"[{'id':'a','field':'subject.CN','pattern':'ftp[.].*','text':'t'}]", 1},
        {"[{'id':'a','field':'san.dns','forbidden':'.*[.]org','text':'t'}]", 1},
        {"[{'id':'a','field':'days','max':29,'text':'t'}]", 1},
        {"[{'id':'a','field':'days','max':30,'text':'t'}]", 0},
        {"[{'id':'a','field':'extension.2.5.29.31','min':1,'text':'t'}]", 0},
        {"[{'id':'a','field':'extension.2.5.29.30','min':1,'text':'t'}]", 1},
        {"[{'id':'a','field':'keyType','pattern':'RSA.*','text':'t'},{'id':'b','field':'policy','"
         "max':0,'text':'t'}]",
         2},
        {"[{'id':'a','field':'colour','min':1,'text':'t'}]", -1},
        {"[{'id':'a','field':'keyType','text':'demands nothing'}]", -1},
        {"[{'id':'a','field':'keyType','pattern':'(x','text':'t'}]", -1},
        {"[{'id':'a','field':'keyType','pattern':'(x)\\\\1','text':'t'}]", -1},
        {"[{'id':'a','field':'keyType','pattern':'x{999}','text':'t'}]", -1},
        {"[{'id':'a','field':'keyType','min':1,'severity':'fatal','text':'t'}]", -1},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(X509) *x = make(arena, &rows[0]);
    for (size_t i = 0; i < COUNT(sets); i++) {
        const struct json *rules = test_json(arena, quoted(arena, sets[i].rules));
        struct lint_order order = {.certificate = x, .issuer = g.root, .own = rules};
        struct lint_findings findings;
        struct error err = {0};
        if (lint_own_check(rules, &err) != (sets[i].findings >= 0))
            fail_msg("%s: %s", sets[i].rules, err.message);
        if (sets[i].findings < 0)
            continue;
        expect_done(lint_run(arena, &order, &findings, &err), &err, sets[i].rules);
        if (findings.count != (size_t)sets[i].findings)
            fail_msg("%s: %zu findings", sets[i].rules, findings.count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(claims),
                                       cmocka_unit_test(own_rules)};
    return cmocka_run_group_tests_name("lint findings on known-bad certificates", tests, setup,
                                       teardown);
}
