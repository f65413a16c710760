/* Random templates and random requests: whatever they are, either policy or lint refuses with
 * words, or the certificate keeps the template and RFC 5280. Then requests made to hurt. The seed
 * is printed and can be given. */
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
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND)
#define ROUNDS 1500

static struct {
    EVP_PKEY *ec, *rsa, *ed;
    X509 *issuer;
    uint64_t seed;
} g;

static unsigned pick(unsigned count) {
    g.seed = g.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(g.seed >> 33) % count;
}

static bool chance(unsigned percent) {
    return pick(100) < percent;
}

static int setup(void **state) {
    (void)state;
    static const uint8_t serial[] = {1};
    AUTO(X509_NAME) *subject = NULL;
    g.ec = EVP_EC_gen("P-256");
    g.rsa = EVP_RSA_gen(2048);
    g.ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_true(name_from_text("CN=Issuer", &subject, NULL));
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = subject,
                                    .public_key = g.ec,
                                    .not_before_us = NOW - 10 * US_PER_DAY,
                                    .not_after_us = NOW + 2000 * US_PER_DAY,
                                    .basic_constraints = true,
                                    .is_ca = true,
                                    .path_length = -1,
                                    .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN};
    assert_true(certificate_build(&plan, &g.issuer, NULL));
    assert_true(certificate_sign(g.issuer, g.ec, EVP_sha256(), g.ec, NULL));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    X509_free(g.issuer);
    EVP_PKEY_free(g.ec);
    EVP_PKEY_free(g.rsa);
    EVP_PKEY_free(g.ed);
    return 0;
}

static void put_some(struct json_writer *w, const char *name, const char *const *words,
                     unsigned count, unsigned percent) {
    json_name(w, name);
    json_open_array(w);
    for (unsigned i = 0; i < count; i++)
        if (chance(percent))
            json_add_string(w, words[i]);
    json_close_array(w);
}

#define SOME(w, name, words, percent)                                                              \
    put_some(w, name, words, sizeof(words) / sizeof(words)[0], percent)

static const char *const usages[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                     "dataEncipherment", "keyAgreement",   "keyCertSign",
                                     "cRLSign",          "encipherOnly"};
static const char *const purposes[] = {"serverAuth", "clientAuth", "emailProtection",
                                       "timeStamping", "1.2.3.4"};
static const char *const attributes[] = {"CN", "O", "C", "serialNumber", "*"};
static const char *const types[] = {"dns", "ip", "email", "uri", "upn"};
static const char *const keys[] = {"RSA", "EC", "Ed25519"};
static const char *const allowed[] = {"certificatePolicies", "1.2.3.4.5", "microsoftTemplateName"};

static const char *random_template(struct arena *arena) {
    struct json_writer w = json_writer_on(arena);
    unsigned days = 1 + pick(900);
    bool ca = chance(15);
    json_open_object(&w);
    SOME(&w, "keyUsage", usages, 30);
    SOME(&w, "extendedKeyUsage", purposes, 30);
    json_put_string(&w, "extendedKeyUsageFrom",
                    (const char *[]){"template", "request", "both"}[pick(3)]);
    SOME(&w, "keys", keys, 60);
    json_name(&w, "validity");
    json_open_object(&w);
    json_put_int(&w, "days", days);
    json_put_int(&w, "maxDays", days + pick(400));
    json_put_string(&w, "over", chance(50) ? "clamp" : "refuse");
    json_put_string(&w, "align", (const char *[]){"none", "hour", "day"}[pick(3)]);
    json_close_object(&w);
    json_name(&w, "subject");
    json_open_object(&w);
    json_put_string(&w, "from", (const char *[]){"csr", "csr", "none", "expression"}[pick(4)]);
    SOME(&w, "attributes", attributes, 60);
    json_name(&w, "expression");
    json_open_object(&w);
    json_put_string(&w, "CN", "{csr.CN} of {requester}");
    json_close_object(&w);
    json_close_object(&w);
    json_name(&w, "sans");
    json_open_object(&w);
    SOME(&w, "types", types, 70);
    json_put_int(&w, "min", pick(2));
    json_put_int(&w, "max", 1 + pick(5));
    json_put_bool(&w, "commonNameToSan", chance(50));
    json_close_object(&w);
    json_name(&w, "basicConstraints");
    json_open_object(&w);
    json_put_bool(&w, "include", chance(80));
    json_put_bool(&w, "ca", ca);
    json_close_object(&w);
    json_name(&w, "requestExtensions");
    json_open_object(&w);
    SOME(&w, "allowed", allowed, 50);
    json_put_string(&w, "others", chance(70) ? "ignore" : "refuse");
    json_close_object(&w);
    json_close_object(&w);
    return json_written(&w);
}

static const char *random_proposal(struct arena *arena) {
    static const char *const sans[] = {"DNS:a.example.com",   "DNS:*.example.com", "IP:192.0.2.1",
                                       "email:a@example.com", "URI:urn:x:1",       "UPN:a@b"};
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    if (chance(50)) {
        json_name(&w, "subject");
        json_open_object(&w);
        json_put_string(&w, "CN", chance(50) ? "host.example.com" : "Erika Mustermann");
        if (chance(40))
            json_put_string(&w, "O", "Example");
        json_close_object(&w);
    }
    if (chance(60))
        SOME(&w, "sans", sans, 40);
    if (chance(40))
        json_put_int(&w, "validityDays", 1 + pick(1500));
    if (chance(30)) {
        json_name(&w, "extensions");
        json_open_array(&w);
        json_open_object(&w);
        json_put_string(&w, "oid", chance(50) ? "1.2.3.4.5" : "1.2.3.4.6");
        json_put_bool(&w, "critical", chance(50));
        json_name(&w, "value");
        json_open_object(&w);
        json_put_string(&w, "utf8", "x");
        json_close_object(&w);
        json_close_object(&w);
        json_close_array(&w);
    }
    json_close_object(&w);
    return json_written(&w);
}

static bool has_text(const struct text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* Read back from the certificate itself, not from the plan. */
static void expect_kept(struct arena *arena, const struct template *t, const X509 *x,
                        const char *template) {
    int critical;
    int64_t from, to;
    char type[KEY_TYPE_SIZE];
    AUTO(GENERAL_NAMES) *sans = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    AUTO(BASIC_CONSTRAINTS) *basic = X509_get_ext_d2i(x, NID_basic_constraints, &critical, NULL);
    AUTO(ASN1_BIT_STRING) *usage = X509_get_ext_d2i(x, NID_key_usage, &critical, NULL);
    int count = sans == NULL ? 0 : sk_GENERAL_NAME_num(sans);
    if (count < t->sans.min || count > t->sans.max)
        fail_msg("%d names under %s", count, template);
    for (int i = 0; i < count; i++) {
        const char *name_type;
        san_text(arena, sk_GENERAL_NAME_value(sans, i), &name_type);
        if (!has_text(&t->sans.types, name_type))
            fail_msg("a name of type %s under %s", name_type, template);
    }
    assert_true((basic != NULL && basic->ca != 0) == t->basic.ca);
    for (int i = 0; i < 8; i++)
        if (usage != NULL && ASN1_BIT_STRING_get_bit(usage, i) && (t->key_usage & 0x80u >> i) == 0)
            fail_msg("usage bit %d under %s", i, template);
    assert_true(asn1_time_to_us(X509_get0_notBefore(x), &from, NULL));
    assert_true(asn1_time_to_us(X509_get0_notAfter(x), &to, NULL));
    int64_t slack = t->align == ALIGN_DAY    ? US_PER_DAY
                    : t->align == ALIGN_HOUR ? US_PER_DAY / 24
                                             : 0;
    if (to - from > t->max_days * US_PER_DAY + t->backdate_seconds * US_PER_SECOND + slack)
        fail_msg("too long under %s", template);
    assert_true(key_type_of(X509_get0_pubkey(x), type));
    assert_true(key_type_allowed(type, t->keys.items, t->keys.count));
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(X509_get_ext(x, i));
        char dotted[80];
        OBJ_obj2txt(dotted, sizeof dotted, oid, 1);
        bool wanted = false;
        for (size_t j = 0; j < t->requested.count; j++)
            wanted = wanted || strcmp(t->requested.items[j].oid, dotted) == 0;
        if (strncmp(dotted, "1.2.3.4.", 8) == 0 && !wanted)
            fail_msg("extension %s under %s", dotted, template);
    }
}

static X509_REQ *random_csr(struct arena *arena) {
    AUTO(X509_NAME) *subject = NULL;
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    X509_REQ *csr = NULL;
    struct view der;
    EVP_PKEY *key = (EVP_PKEY *[]){g.ec, g.rsa, g.ed}[pick(3)];
    static const char *const names[] = {"CN=www.example.com", "CN=x,O=Example,C=DE", "",
                                        "serialNumber=7,CN=y"};
    assert_true(name_from_text(names[pick(4)], &subject, NULL));
    for (unsigned i = pick(4); i > 0; i--)
        assert_true(san_add_text(sans, arena_printf(arena, "DNS:h%u.example.com", i), NULL));
    assert_true(
        csr_build(arena, subject, sans, key, key == g.ed ? NULL : EVP_sha256(), &der, NULL));
    assert_true(csr_decode(arena, der, &csr, &der, NULL));
    return keep_X509_REQ(arena, csr);
}

/* True when a certificate came out. */
static bool one_round(struct arena *arena, const char *template_text, const char *proposal_text,
                      X509_REQ *csr) {
    static const uint8_t serial[] = {0x11, 2, 3, 4, 5, 6, 7, 8};
    const struct json *document, *beside;
    struct template t;
    struct proposal proposal;
    struct policy_notes notes = {0};
    struct ca_urls urls = {0};
    struct certificate_plan plan;
    struct lint_findings findings;
    struct error err = {0};
    AUTO(X509) *certificate = NULL;
    assert_true(json_parse(arena, view_text(template_text), &document, &err));
    if (!template_from_json(arena, document, &t, &err)) {
        assert_int_not_equal(err.message[0], '\0');
        return false;
    }
    assert_true(json_parse(arena, view_text(proposal_text), &beside, &err));
    struct policy_input input = {.template = &t,
                                 .urls = &urls,
                                 .issuer = g.issuer,
                                 .csr = csr,
                                 .proposal = &proposal,
                                 .now_us = NOW,
                                 .requester = "erika",
                                 .notes = &notes};
    if (!proposal_from_json(arena, beside, &proposal, &err) ||
        !policy_apply(arena, &input, &plan, &err)) {
        if (getenv("VERBOSE") != NULL)
            printf("refused: %s\n", err.message);
        if (err.kind == ERROR_INTERNAL || err.message[0] == '\0')
            fail_msg("%s: %s under %s", err.type, err.detail, template_text);
        return false;
    }
    plan.serial = view_of(serial, sizeof serial);
    plan.issuer = g.issuer;
    assert_true(certificate_build(&plan, &certificate, &err));
    if (!policy_lint(arena, &t, certificate, g.issuer, &findings, &err)) {
        assert_string_equal(err.type, "lint");
        return false;
    }
    assert_true(certificate_sign(certificate, g.ec, EVP_sha256(), g.ec, &err));
    if (!certificate_lint(certificate, g.issuer, &err))
        fail_msg("%s under %s", err.message, template_text);
    expect_kept(arena, &t, certificate, template_text);
    return true;
}

static void random_templates(void **state) {
    (void)state;
    unsigned issued = 0;
    for (int i = 0; i < ROUNDS; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const char *template = random_template(arena), *proposal = random_proposal(arena);
        issued += one_round(arena, template, proposal, random_csr(arena));
    }
    printf("%u of %d random requests gave a certificate\n", issued, ROUNDS);
    assert_true(issued > ROUNDS / 50); /* else it would prove nothing */
}

/* --- requests made to hurt
 * ------------------------------------------------------------------------------- */

static X509_REQ *csr_with_extensions(EXTENSION_LIST *list) {
    X509_REQ *csr = X509_REQ_new();
    AUTO(X509_NAME) *subject = NULL;
    assert_true(name_from_text("CN=hostile.example.com", &subject, NULL));
    assert_int_equal(X509_REQ_set_subject_name(csr, subject), 1);
    assert_int_equal(X509_REQ_set_pubkey(csr, g.ec), 1);
    if (list != NULL)
        assert_int_equal(X509_REQ_add_extensions(csr, list), 1);
    assert_true(X509_REQ_sign(csr, g.ec, EVP_sha256()) > 0);
    return csr;
}

static void push_raw(EXTENSION_LIST *list, const char *oid, bool critical, const void *value,
                     int len) {
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    assert_int_equal(ASN1_OCTET_STRING_set(octets, value, len), 1);
    assert_true(sk_X509_EXTENSION_push(
                    list, X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets)) > 0);
    ASN1_OBJECT_free(object);
}

static bool decode(struct arena *arena, X509_REQ *made, X509_REQ **ret, struct error *err) {
    unsigned char *der = NULL;
    struct view ignored;
    int len = i2d_X509_REQ(made, &der);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    X509_REQ_free(made);
    if (!csr_decode(arena, copy, ret, &ignored, err))
        return false;
    keep_X509_REQ(arena, *ret);
    return true;
}

#define OPEN_TEMPLATE                                                                              \
    "{\"subject\":{\"attributes\":[\"*\"]},\"keyUsage\":[\"digitalSignature\"],\"sans\":{"         \
    "\"types\":[\"dns\","                                                                          \
    "\"other\"],\"min\":0,\"max\":1000,\"commonNameToSan\":false},\"requestExtensions\":{"         \
    "\"allowed\":[\"1.2.3.4\",\"microsoftSid\","                                                   \
    "\"certificatePolicies\"],\"others\":\"ignore\"}}"

static void hostile_extensions(void **state) {
    (void)state;
    static const uint8_t deep[] = {0x30, 0x80, 0, 0}, cut[] = {0x30, 0x10, 0x01},
                         two[] = {0x05, 0, 0x05, 0};
    static const uint8_t not_sid[] = {0x30, 0x03, 0x02, 0x01, 0x05}, good[] = {0x0c, 0x01, 'x'};
    static const struct {
        const char *oid;
        const void *value;
        int len;
        bool issued;
    } rows[] = {
        {"1.2.3.4", good, sizeof good, true},
        {"1.2.3.4", deep, sizeof deep, false},
        {"1.2.3.4", cut, sizeof cut, false},
        {"1.2.3.4", two, sizeof two, false},
        {"1.2.3.4", "", 0, false},
        {"1.3.6.1.4.1.311.25.2", not_sid, sizeof not_sid, false},
        {"2.5.29.32", not_sid, sizeof not_sid, false},
        {"9.9.9", good, sizeof good, true},           /* not allowed: left out */
        {"2.5.29.19", not_sid, sizeof not_sid, true}, /* never taken */
        {"2.5.29.35", cut, sizeof cut, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        AUTO(EXTENSION_LIST) *list = sk_X509_EXTENSION_new_null();
        X509_REQ *csr;
        struct error err = {0};
        if (OBJ_txt2nid(rows[i].oid) == NID_undef && strcmp(rows[i].oid, "9.9.9") == 0)
            push_raw(list, "2.999.9", true, rows[i].value, rows[i].len);
        else
            push_raw(list, rows[i].oid, true, rows[i].value, rows[i].len);
        if (!decode(arena, csr_with_extensions(list), &csr, &err))
            continue; /* refused even earlier */
        bool issued = one_round(arena, OPEN_TEMPLATE, "{}", csr);
        if (issued != rows[i].issued)
            fail_msg("%s in row %zu: %d", rows[i].oid, i, issued);
    }
}

static void twice_and_many(void **state) {
    (void)state;
    static const uint8_t value[] = {0x05, 0};
    SCOPED_ARENA struct arena *arena = arena_new();
    X509_REQ *csr;
    struct error err = {0};
    AUTO(EXTENSION_LIST) *twice = sk_X509_EXTENSION_new_null();
    push_raw(twice, "1.2.3.4", false, value, sizeof value);
    push_raw(twice, "1.2.3.4", false, value, sizeof value);
    assert_false(decode(arena, csr_with_extensions(twice), &csr, &err));
    assert_string_equal(err.type, "malformed-csr");
    AUTO(EXTENSION_LIST) *many = sk_X509_EXTENSION_new_null();
    for (int i = 0; i < 65; i++)
        push_raw(many, arena_printf(arena, "1.2.3.%d", i), false, value, sizeof value);
    assert_false(decode(arena, csr_with_extensions(many), &csr, &err));
}

/* Up to the limit of names, and one more; an otherName of a megabyte does not even decode as a CSR.
 */
static void huge_names(void **state) {
    (void)state;
    for (int count = SAN_MAX_COUNT; count <= SAN_MAX_COUNT + 1; count++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
        AUTO(EXTENSION_LIST) *list = NULL;
        X509_REQ *csr;
        struct error err = {0};
        for (int i = 0; i < count; i++) {
            GENERAL_NAME *name = GENERAL_NAME_new();
            ASN1_IA5STRING *text = ASN1_IA5STRING_new();
            assert_int_equal(ASN1_STRING_set(text, arena_printf(arena, "h%d.example.com", i), -1),
                             1);
            GENERAL_NAME_set0_value(name, GEN_DNS, text);
            assert_true(sk_GENERAL_NAME_push(sans, name) > 0);
        }
        assert_int_equal(X509V3_add1_i2d(&list, NID_subject_alt_name, sans, 0, X509V3_ADD_DEFAULT),
                         1);
        bool issued = decode(arena, csr_with_extensions(list), &csr, &err) &&
                      one_round(arena, OPEN_TEMPLATE, "{}", csr);
        assert_int_equal(issued, count <= SAN_MAX_COUNT);
    }
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(EXTENSION_LIST) *list = sk_X509_EXTENSION_new_null();
    X509_REQ *csr;
    struct error err = {0};
    uint8_t *bomb = arena_alloc(arena, 1000000);
    push_raw(list, "2.5.29.17", false, bomb, 1000000);
    assert_false(decode(arena, csr_with_extensions(list), &csr, &err));
    assert_string_equal(err.type, "csr-too-large");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_templates),
        cmocka_unit_test(hostile_extensions),
        cmocka_unit_test(twice_and_many),
        cmocka_unit_test(huge_names),
    };
    g.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)clock_now_us();
    printf("seed %llu\n", (unsigned long long)g.seed);
    return cmocka_run_group_tests_name("policy under random and hostile input", tests, setup,
                                       teardown);
}
