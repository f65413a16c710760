#include "support.h"

#include "base/encode.h"
#include "x509/crl.h"
#include "x509/inspect.h"
#include "x509/pkcs12.h"

#include <openssl/cms.h>
#include <openssl/ct.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <string.h>

#define NOW "2026-06-01T00:00:00Z"

static struct arena *arena;
static X509 *root, *leaf;
static const char *root_pem, *leaf_pem, *key_pem;

static const char *pem_of_key(EVP_PKEY *key) {
    AUTO(BIO) *bio = BIO_new(BIO_s_mem());
    char *at;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &at);
    return arena_text(arena, view_of(at, (size_t)len));
}

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    AUTO(X509_NAME) *root_name = test_name("CN=Root,O=Example");
    AUTO(X509_NAME) *leaf_name = test_name("CN=leaf.example");
    struct certificate_plan plan = test_ca_plan(test_key("P-384"), root_name, NULL);
    root = keep_X509(arena, test_issue(&plan, test_key("P-384")));
    plan = test_plan(test_key("P-256"), leaf_name, root);
    leaf = keep_X509(arena, test_issue(&plan, test_key("P-384")));
    root_pem = certificate_pem(arena, certificate_der(arena, root));
    leaf_pem = certificate_pem(arena, certificate_der(arena, leaf));
    key_pem = pem_of_key(test_key("P-256"));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct json *look(struct view bytes, const char *password) {
    struct json_writer w = json_writer_on(arena);
    const struct json *value;
    struct error err = {0};
    expect_done(inspect(arena, bytes, password, test_time(NOW), &w, &err), &err, "inspect");
    expect_done(json_parse(arena, view_text(json_written(&w)), &value, &err), &err, "its JSON");
    expect_clean_queue("inspect");
    return value;
}

static const struct json *item_at(const struct json *value, size_t at) {
    const struct json *item = json_get(value, "items")->first;
    while (at-- > 0 && item != NULL)
        item = item->next;
    assert_non_null(item);
    return item;
}

static const char *text_at(const struct json *object, const char *name) {
    const struct json *member = json_get(object, name);
    assert_non_null(member);
    return member->text;
}

static bool finds(const struct json *item, const char *what) {
    JSON_EACH (finding, json_get(item, "findings"))
        if (strstr(text_at(finding, "message"), what) != NULL)
            return true;
    return false;
}

static void expect_type(const struct json *value, size_t at, const char *type) {
    assert_string_equal(text_at(item_at(value, at), "type"), type);
}

/* The order of what is pasted does not matter: root, key, leaf. */
static void chain_and_key(void **state) {
    (void)state;
    const struct json *value =
        look(view_text(arena_printf(arena, "Subject: Fwd:\n%s\n%s%s", root_pem, key_pem, leaf_pem)),
             NULL);
    assert_int_equal(json_get(value, "items")->count, 3);
    expect_type(value, 0, "certificate");
    expect_type(value, 1, "private-key");
    expect_type(value, 2, "certificate");
    assert_int_equal(json_get(value, "chains")->count, 1);
    const struct json *chain = json_get(value, "chains")->first;
    assert_true(json_get(chain, "complete")->boolean);
    assert_int_equal(json_get(chain, "problems")->count, 0);
    assert_string_equal(json_get(chain, "items")->first->text, "2");
    assert_string_equal(json_get(chain, "items")->first->next->text, "0");
    const struct json *same = json_get(value, "sameKey")->first;
    assert_string_equal(same->first->text, "1");
    assert_string_equal(same->first->next->text, "2");
    const struct json *details = json_get(item_at(value, 2), "details");
    assert_string_equal(text_at(details, "subject"), "CN=leaf.example");
    assert_string_equal(text_at(details, "issuer"), "CN=Root,O=Example");
    assert_string_equal(text_at(details, "keyType"), "P-256");
    assert_string_equal(text_at(details, "notBefore"), "2026-01-01T00:00:00Z");
    assert_non_null(strstr(text_at(item_at(value, 2), "text"), "leaf.example"));
    assert_int_equal(json_get(item_at(value, 2), "findings")->count, 0);
}

/* No octet of the private key comes back, in whatever form. */
static void private_part_stays(void **state) {
    (void)state;
    BIGNUM *secret = NULL;
    unsigned char octets[32];
    struct json_writer w = json_writer_on(arena);
    struct error err = {0};
    assert_int_equal(EVP_PKEY_get_bn_param(test_key("P-256"), "priv", &secret), 1);
    assert_int_equal(BN_bn2binpad(secret, octets, sizeof octets), 32);
    BN_clear_free(secret);
    expect_done(inspect(arena, view_text(key_pem), NULL, test_time(NOW), &w, &err), &err, "key");
    const char *hex = hex_encode(arena, view_of(octets + 4, 8));
    const char *written = json_written(&w);
    assert_null(strstr(written, hex));
    assert_null(strstr(written, arena_printf(arena, "%02x:%02x:%02x:%02x", octets[4], octets[5],
                                             octets[6], octets[7])));
    assert_null(strstr(written, base64_encode(arena, view_of(octets, 30))));
    assert_non_null(strstr(written, "left its owner's hands"));
}

static void forms(void **state) {
    (void)state;
    struct view der = certificate_der(arena, leaf);
    expect_type(look(der, NULL), 0, "certificate");
    const struct json *value = look(view_text(base64_encode(arena, der)), NULL);
    expect_type(value, 0, "certificate");
    assert_true(json_get(item_at(value, 0), "label")->type == JSON_NULL);
    assert_true(finds(item_at(value, 0), "issuer is not among"));
    assert_false(json_get(json_get(value, "chains")->first, "complete")->boolean);
    value = look(view_text(leaf_pem), NULL);
    assert_string_equal(text_at(item_at(value, 0), "label"), "CERTIFICATE");
}

static struct view make_crl(bool with_leaf) {
    struct certificate_facts facts;
    struct error err = {0};
    struct view der;
    expect_done(certificate_read(arena, leaf, &facts, &err), &err, "facts");
    struct crl_entry entry = {.serial = facts.serial_bytes,
                              .revoked_us = test_time("2026-02-01T00:00:00Z"),
                              .reason = REASON_KEY_COMPROMISE};
    struct crl_plan plan = {.issuer = root,
                            .number = 17,
                            .this_update_us = test_time("2026-05-01T00:00:00Z"),
                            .next_update_us = test_time("2026-05-08T00:00:00Z"),
                            .entries = &entry,
                            .entry_count = with_leaf ? 1 : 0};
    expect_done(crl_build(arena, &plan, test_key("P-384"), EVP_sha384(), &der, &err), &err, "CRL");
    return der;
}

static void crl(void **state) {
    (void)state;
    const char *pem = pem_encode(arena, "X509 CRL", make_crl(true));
    const struct json *value =
        look(view_text(arena_printf(arena, "%s%s%s", leaf_pem, pem, root_pem)), NULL);
    const struct json *item = item_at(value, 1), *details = json_get(item, "details");
    expect_type(value, 1, "crl");
    assert_true(finds(item, "It revokes item 0"));
    assert_true(finds(item, "stale"));
    assert_string_equal(text_at(details, "signedBy"), "2");
    assert_string_equal(text_at(details, "number"), "11");
    assert_string_equal(text_at(json_get(details, "entries")->first, "reason"), "keyCompromise");
}

static void request(void **state) {
    (void)state;
    AUTO(X509_NAME) *name = test_name("CN=asks.example");
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    struct view der;
    struct error err = {0};
    expect_done(san_add_text(sans, "DNS:asks.example", &err), &err, "san");
    expect_done(csr_build(arena, name, sans, test_key("P-256"), EVP_sha256(), &der, &err), &err,
                "CSR");
    const struct json *value = look(der, NULL);
    const struct json *details = json_get(item_at(value, 0), "details");
    expect_type(value, 0, "certificate-request");
    assert_true(json_get(details, "signatureVerifies")->boolean);
    assert_string_equal(json_get(details, "sans")->first->text, "DNS:asks.example");
    uint8_t *broken = arena_alloc(arena, der.len);
    memcpy(broken, der.at, der.len);
    broken[der.len - 1] ^= 1;
    value = look(view_of(broken, der.len), NULL);
    assert_false(json_get(json_get(item_at(value, 0), "details"), "signatureVerifies")->boolean);
    assert_true(finds(item_at(value, 0), "proves no possession"));
}

static void bags(void **state) {
    (void)state;
    struct view ders[2] = {certificate_der(arena, leaf), certificate_der(arena, root)}, der;
    struct error err = {0};
    expect_done(certificate_pkcs7(arena, ders, 2, &der, &err), &err, "PKCS#7");
    const struct json *value = look(view_text(pem_encode(arena, "PKCS7", der)), NULL);
    expect_type(value, 0, "cms");
    expect_type(value, 1, "certificate");
    assert_string_equal(text_at(item_at(value, 2), "within"), "0");
    assert_true(json_get(json_get(value, "chains")->first, "complete")->boolean);

    struct pkcs12_order order = {
        .key = test_key("P-256"), .ders = ders, .count = 2, .password = "long enough"};
    expect_done(pkcs12_make(arena, &order, &der, &err), &err, "PKCS#12");
    value = look(der, "long enough");
    expect_type(value, 0, "pkcs12");
    expect_type(value, 1, "private-key");
    expect_type(value, 2, "certificate");
    assert_int_equal(json_get(value, "sameKey")->count, 1);
    value = look(der, NULL);
    assert_int_equal(json_get(value, "items")->count, 1);
    assert_true(finds(item_at(value, 0), "give its password"));
    value = look(der, "wrong");
    assert_true(finds(item_at(value, 0), "does not open it"));
}

static void keys(void **state) {
    (void)state;
    struct view der;
    struct error err = {0};
    expect_done(pkcs8_encrypt(arena, test_key("P-256"), "long enough", &der, &err), &err, "PKCS#8");
    expect_type(look(der, "long enough"), 0, "private-key");
    assert_true(finds(item_at(look(der, NULL), 0), "encrypted"));
    expect_done(key_spki(arena, test_key("ML-DSA-65"), &der, &err), &err, "SPKI");
    const struct json *value = look(view_text(pem_encode(arena, "PUBLIC KEY", der)), NULL);
    expect_type(value, 0, "public-key");
    assert_string_equal(text_at(json_get(item_at(value, 0), "details"), "keyType"), "ML-DSA-65");

    AUTO(BIO) *bio = BIO_new(BIO_s_mem()); /* RFC 1421's encryption, and RSA's own structure */
    char *at;
    assert_int_equal(
        PEM_write_bio_PrivateKey_traditional(bio, test_key("RSA-2048"), EVP_aes_128_cbc(),
                                             (const unsigned char *)"open", 4, NULL, NULL),
        1);
    long len = BIO_get_mem_data(bio, &at);
    struct view pem = arena_copy(arena, at, (size_t)len);
    value = look(pem, "open");
    assert_string_equal(text_at(json_get(item_at(value, 0), "details"), "keyType"), "RSA-2048");
    assert_true(finds(item_at(look(pem, "wrong"), 0), "encrypted"));
}

static void ocsp(void **state) {
    (void)state;
    AUTO(OCSP_REQUEST) *asks = OCSP_REQUEST_new();
    AUTO(OCSP_BASICRESP) *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, root);
    AUTO(ASN1_TIME) *now = ASN1_TIME_set(NULL, 1780000000);
    OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_REVOKED, OCSP_REVOKED_STATUS_SUPERSEDED,
                           now, now, NULL);
    OCSP_request_add0_id(asks, id);
    assert_int_equal(OCSP_basic_sign(basic, root, test_key("P-384"), EVP_sha384(), NULL, 0), 1);
    AUTO(OCSP_RESPONSE) *answer = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *der = NULL;
    int len = i2d_OCSP_REQUEST(asks, &der);
    const struct json *value = look(arena_copy(arena, der, (size_t)len), NULL);
    OPENSSL_free(der);
    expect_type(value, 0, "ocsp-request");
    assert_int_equal(json_get(json_get(item_at(value, 0), "details"), "requests")->count, 1);
    der = NULL;
    len = i2d_OCSP_RESPONSE(answer, &der);
    value = look(arena_copy(arena, der, (size_t)len), NULL);
    OPENSSL_free(der);
    expect_type(value, 0, "ocsp-response");
    expect_type(value, 1, "certificate");
    const struct json *single = json_get(json_get(item_at(value, 0), "details"), "answers")->first;
    assert_string_equal(text_at(single, "status"), "revoked");
    assert_string_equal(text_at(single, "reason"), "superseded");
}

static void timestamp(void **state) {
    (void)state;
    static const uint8_t digest[32] = {1, 2, 3};
    TS_REQ *asks = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL);
    TS_MSG_IMPRINT_set_algo(imprint, algorithm);
    TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest, sizeof digest);
    TS_REQ_set_version(asks, 1);
    TS_REQ_set_msg_imprint(asks, imprint);
    unsigned char *der = NULL;
    int len = i2d_TS_REQ(asks, &der);
    const struct json *value =
        look(view_text(base64_encode(arena, view_of(der, (size_t)len))), NULL);
    expect_type(value, 0, "timestamp-request");
    assert_memory_equal(text_at(json_get(item_at(value, 0), "details"), "imprint"), "010203", 6);
    OPENSSL_free(der);
    TS_MSG_IMPRINT_free(imprint);
    X509_ALGOR_free(algorithm);
    TS_REQ_free(asks);
    /* A refusal: PKIStatusInfo {2} and no token (rfc3161#2.4.2). */
    static const uint8_t refusal[] = {0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02};
    value = look(view_of(refusal, sizeof refusal), NULL);
    expect_type(value, 0, "timestamp-response");
    assert_string_equal(text_at(json_get(item_at(value, 0), "details"), "status"), "2");
}

static void scts(void **state) {
    (void)state;
    uint8_t list[2 + 2 + 47 + 4] = {0, 53, 0, 51};
    uint8_t *sct =
        list + 4; /* rfc6962#3.2: version, log, time, no extensions, signature of no octets */
    memset(sct + 1, 0xaa, 32);
    sct[39] = 0x10;
    sct[43] = 4; /* SHA-256, ECDSA */
    sct[44] = 3;
    sct[46] = 4;
    const struct json *value = look(view_of(list, sizeof list), NULL);
    expect_type(value, 0, "sct-list");
    const struct json *first = json_get(json_get(item_at(value, 0), "details"), "scts")->first;
    assert_memory_equal(text_at(first, "logId"), "aaaaaaaa", 8);
}

static void wrong_chain(void **state) {
    (void)state;
    AUTO(X509_NAME) *name = test_name("CN=Root,O=Example");
    struct certificate_plan plan = test_ca_plan(test_key("P-521"), name, NULL);
    AUTO(X509) *twin = test_issue(&plan, test_key("P-521"));
    const char *pem = certificate_pem(arena, certificate_der(arena, twin));
    const struct json *value = look(view_text(arena_printf(arena, "%s%s", leaf_pem, pem)), NULL);
    const struct json *chain = json_get(value, "chains")->first;
    assert_false(json_get(chain, "complete")->boolean);
    assert_non_null(strstr(json_get(chain, "problems")->first->text, "not signed by its key"));
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *type;
    } rows[] = {
        {"", "not-recognised"},
        {"hello", "not-recognised"},
        {"MAMCAQA=", "not-recognised"},
        {"-----BEGIN CERTIFICATE-----\nMIIB\n", "malformed-pem"},
        {"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "malformed-pem"},
        {"-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n", "not-recognised"},
        {"-----BEGIN NONSENSE-----\nMAMCAQA=\n-----END NONSENSE-----\n", "not-recognised"},
    };
    struct json_writer w = json_writer_on(arena);
    struct error err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        err = (struct error){0};
        assert_false(inspect(arena, view_text(rows[i].bytes), NULL, test_time(NOW), &w, &err));
        expect_error(&err, ERROR_MALFORMED, rows[i].type, "");
    }
    struct view der = certificate_der(arena, leaf);
    for (size_t len = 0; len < der.len; len++) /* cut anywhere it is nothing */
        assert_false(inspect(arena, view_of(der.at, len), NULL, test_time(NOW), &w, &err));
    struct buffer many = buffer_on(arena);
    for (int i = 0; i <= INSPECT_MAX_ITEMS; i++)
        buffer_add_text(&many, leaf_pem);
    assert_false(inspect(arena, buffer_view(&many), NULL, test_time(NOW), &w, &err));
    expect_error(&err, ERROR_TOO_LARGE, "too-large", "more than");
    assert_int_equal(w.out.len, 0);
    expect_clean_queue("refused");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(chain_and_key), TEST(private_part_stays),
        TEST(forms),         TEST(crl),
        TEST(request),       TEST(bags),
        TEST(keys),          TEST(ocsp),
        TEST(timestamp),     TEST(scts),
        TEST(wrong_chain),   TEST(refused),
    };
    int failed = cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
    test_keys_free();
    return failed;
}
