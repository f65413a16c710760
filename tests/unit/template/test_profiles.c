/* Every starter, as a certificate: what each profile means is a text file in profiles/, compared
 * here, and each is issued by an EC, an RSA and an ML-DSA authority. `test_template_profiles --write`
 * writes the files again; PROFILES_OUT=DIR keeps the certificates for other programs to read
 * (tests/interop/profile-parsers.sh). */
#include "base/clock.h"
#include "base/encode.h"
#include "template/policy.h"
#include "template/starters.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND) /* 2026-09-21 */

static struct {
    EVP_PKEY *ec, *rsa;       /* subjects */
    EVP_PKEY *issuer_keys[3]; /* EC, RSA, ML-DSA */
    X509 *issuers[3];
    bool write;
} g;
static const char *const issuer_names[] = {"ec", "rsa", "ml-dsa"};

static EVP_PKEY *load_key(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pem", KEYS_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(key);
    return key;
}

static X509 *make_issuer(EVP_PKEY *key) {
    static const uint8_t serial[] = {0x4c};
    AUTO(X509_NAME) *subject = NULL;
    X509 *issuer = NULL;
    char type[KEY_TYPE_SIZE];
    assert_true(name_from_text("CN=Example Authority,O=Example,C=DE", &subject, NULL));
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = subject,
                                    .public_key = key,
                                    .not_before_us = NOW - 10 * US_PER_DAY,
                                    .not_after_us = NOW + 40000 * US_PER_DAY,
                                    .basic_constraints = true,
                                    .is_ca = true,
                                    .path_length = -1,
                                    .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN};
    assert_true(key_type_of(key, type));
    assert_true(certificate_build(&plan, &issuer, NULL));
    assert_true(certificate_sign(issuer, key, key_type_digest(type), key, NULL));
    return issuer;
}

static int setup(void **state) {
    (void)state;
    g.ec = load_key("subject-ec");
    g.rsa = load_key("subject-rsa");
    g.issuer_keys[0] = load_key("issuer-ec");
    g.issuer_keys[1] = load_key("issuer-rsa");
    g.issuer_keys[2] = load_key("issuer-ml-dsa");
    for (int i = 0; i < 3; i++)
        g.issuers[i] = make_issuer(g.issuer_keys[i]);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    EVP_PKEY_free(g.ec);
    EVP_PKEY_free(g.rsa);
    for (int i = 0; i < 3; i++) {
        EVP_PKEY_free(g.issuer_keys[i]);
        X509_free(g.issuers[i]);
    }
    return 0;
}

/* A value for each attribute that a template requires. */
static const struct {
    const char *type, *value;
} samples[] = {
    {"C", "DE"},
    {"O", "Example"},
    {"CN", "device.example.com"},
    {"serialNumber", "PNODE-12345"},
    {"GN", "Erika"},
    {"SN", "Mustermann"},
    {"organizationIdentifier", "VATDE-123456789"},
    {"MatterNodeId", "DEDEDEDE00010001"},
    {"MatterFabricId", "FAB000000000001D"},
    {"MatterIcacId", "CACACACA00000003"},
    {"MatterVid", "FFF1"},
    {"MatterPid", "8000"},
};

static bool lists(const struct text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0 || strcmp(list->items[i], "*") == 0)
            return true;
    return false;
}

static X509_NAME *sample_subject(struct arena *arena, const char *id, const struct template *t) {
    struct json_writer w = json_writer_on(arena);
    const struct json *document;
    X509_NAME *name = NULL;
    bool person = lists(&t->subject.attributes, "GN") && strncmp(id, "qualified", 9) == 0;
    json_open_object(&w);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const char *type = samples[i].type, *value = samples[i].value;
        bool usual = i < 3 || (person && (strcmp(type, "GN") == 0 || strcmp(type, "SN") == 0));
        if (!lists(&t->subject.required, type) && !(usual && lists(&t->subject.attributes, type)))
            continue;
        if (strcmp(id, "kubernetes-kubelet") == 0)
            value = i == 1 ? "system:nodes" : "system:node:worker-1";
        if (strcmp(id, "public-mailbox") == 0 && i == 2)
            value = "erika@example.com";
        if (strncmp(id, "public-tls", 10) == 0 && i == 2)
            value = "www.example-corp.com";
        json_put_string(&w, type, value);
    }
    json_close_object(&w);
    assert_true(json_parse(arena, view_text(json_written(&w)), &document, NULL));
    assert_true(name_from_json(document, &name, NULL));
    return name;
}

static GENERAL_NAMES *sample_sans(const char *id, const struct template *t) {
    GENERAL_NAMES *sans = GENERAL_NAMES_new();
    bool rules = t->sans.rules.count > 0;
    if (t->sans.max == 0 || t->sans.none)
        return sans;
    const char *host =
        strncmp(id, "public-tls", 10) == 0 ? "DNS:www.example-corp.com" : "DNS:device.example.com";
    if (lists(&t->sans.types, "upn") && (rules || !lists(&t->sans.types, "dns")))
        assert_true(san_add_text(sans, "UPN:erika@example.com", NULL));
    else if (lists(&t->sans.types, "dns"))
        assert_true(san_add_text(sans, host, NULL));
    else
        assert_true(san_add_text(sans, "email:erika@example.com", NULL));
    return sans;
}

static const struct json *sample_proposal(struct arena *arena, const struct template *t) {
    struct json_writer w = json_writer_on(arena);
    const struct json *document;
    json_open_object(&w);
    json_name(&w, "variables");
    json_open_object(&w);
    for (size_t i = 0; i < t->variables.count; i++)
        if (t->variables.items[i].required || strcmp(t->variables.items[i].name, "sid") == 0)
            json_put_string(&w, t->variables.items[i].name,
                            strcmp(t->variables.items[i].name, "sid") == 0 ? "S-1-5-21-1-2-3-1105"
                                                                           : "sensor-17");
    json_close_object(&w);
    json_close_object(&w);
    assert_true(json_parse(arena, view_text(json_written(&w)), &document, NULL));
    return document;
}

/* Encryption asks for RSA, agreement for EC; the rest is EC where it may. */
static EVP_PKEY *sample_key(const struct template *t) {
    bool rsa = !key_type_allowed("P-256", t->keys.items, t->keys.count) ||
               (t->key_usage & KU_KEY_ENCIPHERMENT) != 0;
    return rsa && key_type_allowed("RSA-3072", t->keys.items, t->keys.count) ? g.rsa : g.ec;
}

static bool plan_of(struct arena *arena, const struct template_starter *starter,
                    const struct template *t, const X509 *issuer, struct certificate_plan *ret,
                    struct error *err) {
    static const char *http[] = {"http://pki.example.com/ca/example.crt"},
                      *ocsp[] = {"http://pki.example.com/ocsp/example"},
                      *crl[] = {"http://pki.example.com/crl/example.crl"};
    static const uint8_t serial[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    struct ca_urls urls = {.crl = {crl, 1}, .ca_issuers = {http, 1}, .ocsp = {ocsp, 1}};
    struct proposal proposal;
    struct view der;
    X509_REQ *csr = NULL;
    AUTO(X509_NAME) *subject = sample_subject(arena, starter->id, t);
    AUTO(GENERAL_NAMES) *sans = sample_sans(starter->id, t);
    TRY(csr_build(arena, subject, sans, sample_key(t), EVP_sha256(), &der, err));
    TRY(csr_decode(arena, der, &csr, &der, err));
    keep_X509_REQ(arena, csr);
    TRY(proposal_from_json(arena, sample_proposal(arena, t), &proposal, err));
    struct policy_input input = {.template = t,
                                 .urls = &urls,
                                 .issuer = issuer,
                                 .csr = csr,
                                 .proposal = &proposal,
                                 .now_us = NOW,
                                 .requester = "erika",
                                 .door = "rest"};
    TRY(policy_apply(arena, &input, ret, err));
    ret->serial = view_of(serial, sizeof serial);
    return true;
}

/* Without the key's and the signature's octets, which say nothing to a reader. */
static const char *readable(struct arena *arena, X509 *certificate) {
    AUTO(BIO) *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    assert_int_equal(X509_print_ex(bio, certificate, XN_FLAG_RFC2253,
                                   X509_FLAG_NO_SIGDUMP | X509_FLAG_NO_PUBKEY),
                     1);
    long len = BIO_get_mem_data(bio, &at);
    return arena_text(arena, view_of(at, (size_t)len));
}

static const char *read_file(struct arena *arena, const char *path) {
    struct buffer text = buffer_on(arena);
    char block[4096];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
        buffer_add(&text, block, len);
    fclose(file);
    return buffer_text(&text);
}

static void write_file(const char *path, struct view bytes) {
    FILE *file = fopen(path, "w");
    if (file == NULL)
        fail_msg("%s cannot be written", path);
    assert_int_equal(fwrite(bytes.at, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

static void compare(struct arena *arena, const char *id, const char *text) {
    const char *path = arena_printf(arena, "%s/%s.txt", PROFILES_DIR, id);
    if (g.write) {
        write_file(path, view_text(text));
        return;
    }
    const char *kept = read_file(arena, path);
    if (kept == NULL)
        fail_msg("%s is missing; run test_template_profiles --write and read what it wrote", path);
    if (strcmp(kept, text) != 0)
        fail_msg("%s differs from what the template makes now:\n%s", path, text);
}

static void issue(struct arena *arena, const struct template_starter *starter,
                  const struct template *t, int by) {
    bool self = strcmp(starter->id, "authority-root") == 0;
    const X509 *issuer = self ? NULL : g.issuers[by];
    struct certificate_plan plan;
    struct lint_findings findings;
    struct error err = {0};
    char type[KEY_TYPE_SIZE];
    AUTO(X509) *certificate = NULL;
    if (!plan_of(arena, starter, t, issuer, &plan, &err))
        fail_msg("%s: %s", starter->id, err.message);
    plan.issuer = issuer;
    if (self)
        plan.public_key = g.issuer_keys[by];
    if (!certificate_build(&plan, &certificate, &err) ||
        !policy_lint(arena, t, certificate, issuer, &findings, &err))
        fail_msg("%s: %s", starter->id, err.message);
    assert_true(key_type_of(g.issuer_keys[by], type));
    if (!certificate_sign(certificate, g.issuer_keys[by], key_type_digest(type), g.issuer_keys[by],
                          &err))
        fail_msg("%s: %s", starter->id, err.message);
    /* Signed it says the same, and every rule of RFC 5280 holds. */
    if (!certificate_lint(certificate, issuer, &err))
        fail_msg("%s by %s: %s", starter->id, issuer_names[by], err.message);
    if (by == 0)
        compare(arena, starter->id, readable(arena, certificate));
    if (getenv("PROFILES_OUT") != NULL)
        write_file(arena_printf(arena, "%s/%s-%s.pem", getenv("PROFILES_OUT"), starter->id,
                                issuer_names[by]),
                   view_text(certificate_pem(arena, certificate_der(arena, certificate))));
}

static void every_starter(void **state) {
    (void)state;
    size_t count;
    const struct template_starter *starters = template_starters(&count);
    assert_true(count > 100);
    for (size_t i = 0; i < count; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *document;
        struct template t;
        struct error err = {0};
        if (!json_parse(arena, view_text(starters[i].document), &document, &err) ||
            !template_from_json(arena, document, &t, &err))
            fail_msg("%s: %s", starters[i].id, err.message);
        for (int by = 0; by < 3; by++)
            issue(arena, &starters[i], &t, by);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_starter)};
    g.write = argc > 1 && strcmp(argv[1], "--write") == 0;
    return cmocka_run_group_tests_name("every profile as a certificate", tests, setup, teardown);
}
