#include "support.h"

#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <string.h>

#define POISON ((X509_REQ *)(uintptr_t)0x50)

/* How a request is made, and made wrong. */
struct recipe {
    EVP_PKEY *certified, *signer;
    const EVP_MD *digest;
    int extension_requests; /* attributes */
    int sans_in_request;    /* extensions of the same type in it */
    bool challenge_password, unstructured_name;
    int subject_attributes;
};

static void add_extensions(X509_REQ *csr, const struct recipe *r) {
    for (int i = 0; i < r->extension_requests; i++) {
        AUTO(EXTENSION_LIST) *list = NULL;
        struct error err = {0};
        AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
        assert_true(san_add_text(sans, "csr.example", &err));
        for (int j = 0; j < r->sans_in_request; j++)
            assert_int_equal(
                X509V3_add1_i2d(&list, NID_subject_alt_name, sans, 0, X509V3_ADD_APPEND), 1);
        assert_int_equal(
            X509_REQ_add_extensions_nid(csr, list, i == 0 ? NID_ext_req : NID_ms_ext_req), 1);
    }
}

static void add_text_attribute(X509_REQ *csr, int nid) {
    assert_int_equal(
        X509_REQ_add1_attr_by_NID(csr, nid, MBSTRING_UTF8, (const unsigned char *)"secret", 6), 1);
}

static struct view make(struct arena *arena, const struct recipe *r) {
    AUTO(X509_REQ) *csr = X509_REQ_new();
    X509_NAME *subject = X509_REQ_get_subject_name(csr);
    assert_int_equal(X509_REQ_set_version(csr, X509_REQ_VERSION_1), 1);
    for (int i = 0; i < r->subject_attributes; i++)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"csr", 3,
                                   -1, 0);
    assert_int_equal(X509_REQ_set_pubkey(csr, r->certified), 1);
    add_extensions(csr, r);
    if (r->challenge_password)
        add_text_attribute(csr, NID_pkcs9_challengePassword);
    if (r->unstructured_name)
        add_text_attribute(csr, NID_pkcs9_unstructuredName);
    assert_true(X509_REQ_sign(csr, r->signer, r->digest) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(csr, &der);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

static struct recipe plain(const char *type) {
    return (struct recipe){
        .certified = test_key(type),
        .signer = test_key(type),
        .digest = key_type_digest(type),
        .extension_requests = 1,
        .sans_in_request = 1,
        .subject_attributes = 1,
    };
}

static void refused(struct arena *arena, struct view csr, enum error_kind kind, const char *type,
                    const char *why) {
    struct error err = {0};
    X509_REQ *out = POISON;
    struct view der = VIEW_LITERAL("poison");
    if (csr_decode(arena, csr, &out, &der, &err))
        fail_msg("accepted: %s %s", type, why == NULL ? "" : why);
    expect_error(&err, kind, type, why);
    assert_ptr_equal(out, POISON);
    assert_true(view_is(der, "poison"));
    expect_clean_queue(type);
}

static void every_key_type(void **state) {
    static const char *const types[] = {
        "RSA-2048",
        "RSA-3072",
        "P-256",
        "P-384",
        "P-521",
        "Ed25519",
        "Ed448",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
        "SLH-DSA-SHA2-128f",
        "SLH-DSA-SHAKE-128f",
        "SLH-DSA-SHA2-256f",
    };
    static const char *const labels[] = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"};
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct recipe r = plain(types[i]);
        struct view der = make(arena, &r), got;
        struct error err = {0};
        for (size_t form = 0; form < 3; form++) {
            AUTO(X509_REQ) *csr = NULL;
            AUTO(GENERAL_NAMES) *sans = NULL;
            struct view in =
                form == 0 ? der
                          : view_text(arena_printf(arena, "0 some text\n%s\nmore",
                                                   pem_encode(arena, labels[form - 1], der)));
            expect_done(csr_decode(arena, in, &csr, &got, &err), &err, types[i]);
            assert_true(view_equal(got, der));
            expect_done(csr_sans(csr, &sans, &err), &err, types[i]);
            assert_string_equal(san_text(arena, sk_GENERAL_NAME_value(sans, 0), NULL),
                                "DNS:csr.example");
        }
        expect_clean_queue(types[i]);
    }
}

static void without_extensions(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct recipe r = plain("Ed25519");
    struct error err = {0};
    struct view der;
    AUTO(X509_REQ) *csr = NULL;
    AUTO(GENERAL_NAMES) *sans = NULL;
    AUTO(EXTENSION_LIST) *list = NULL;
    r.extension_requests = 0;
    r.challenge_password = true;
    r.subject_attributes = 0;
    expect_done(csr_decode(arena, make(arena, &r), &csr, &der, &err), &err, "decode");
    expect_done(csr_sans(csr, &sans, &err), &err, "sans");
    assert_int_equal(sk_GENERAL_NAME_num(sans), 0);
    expect_done(csr_extensions(csr, &list, &err), &err, "extensions");
    assert_null(list);
    assert_string_equal(csr_challenge_password(arena, csr), "secret");
}

static void cut_and_changed(void **state) {
    static const char *const types[] = {"P-256", "Ed25519", "RSA-2048"};
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct recipe r = plain(types[t]);
        struct view der = make(arena, &r);
        uint8_t *bytes = arena_alloc(arena, der.len + 1);
        memcpy(bytes, der.at, der.len);
        /* every truncation; an empty one is refused as PEM */
        refused(arena, view_of(bytes, 0), ERROR_MALFORMED, "malformed-pem", "empty");
        for (size_t len = 1; len < der.len; len++)
            refused(arena, view_of(bytes, len), ERROR_MALFORMED, "malformed-csr", NULL);
        refused(arena, view_of(bytes, der.len + 1), ERROR_MALFORMED, "malformed-csr", NULL);
        /* every byte changed: nothing but a signature that is still right may pass, and none is */
        for (size_t at = 0; at < der.len; at++) {
            struct error err = {0};
            X509_REQ *csr = NULL;
            struct view got;
            bytes[at] ^= 0x04;
            if (csr_decode(arena, view_of(bytes, der.len), &csr, &got, &err))
                fail_msg("%s: byte %zu changed and accepted", types[t], at);
            bytes[at] ^= 0x04;
            expect_clean_queue(types[t]);
        }
        bytes[der.len - 1] ^= 1;
        refused(arena, view_of(bytes, der.len), ERROR_MALFORMED, "bad-signature", "rfc2986#4.2");
    }
}

/* OpenSSL does not make it: turn unstructuredName (9.2) into a second challengePassword (9.7). */
static void attribute_twice(struct arena *arena) {
    static const char prefix[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02";
    struct recipe r = plain("P-256");
    r.challenge_password = r.unstructured_name = true;
    struct view der = make(arena, &r);
    uint8_t *found = memmem(der.at, der.len, prefix, sizeof prefix - 1);
    assert_non_null(found);
    found[sizeof prefix - 2] = 7;
    refused(arena, der, ERROR_MALFORMED, "malformed-csr", "attribute occurs twice");
}

/* Made by a library for Ruby that many use: version 2. */
static const char version_2[] =
    "MIIBRDCBywIBAjAWMRQwEgYDVQQDDAt4LmFjbWUudGVzdDB2MBAGByqGSM49AgEGBSuBBAAiA2IABGU1gAruf1reQzB/GXqzlMxd"
    "CjJMElVqr0UB7852XsmNqgKLTPulw60oZZpBgF/wR7BmfZVvqFO6Uap/m5WQ1Z+WIFIoaYsmeUW00VHhWbeE1e4kWJG3ag7zt39K"
    "L2UgsqA2MDQGCSqGSIb3DQEJDjEnMCUwIwYDVR0RBBwwGoILeC5hY21lLnRlc3SCCyouYWNtZS50ZXN0MAoGCCqGSM49BAMCA2gA"
    "MGUCMGlCSG7F2mkXqlqAJbhHs2h7G9pS2T7BUwiGC2JZICPng8V+x38otqcUXcUXgUkVQAIxAN4QhIH6QvTR8ZvJRjGhHshMw/si"
    "yIszIlmhlIrLyUVzAm/wmi0BIf9BM+I82gWcpg==";

#define VERSION_AT 9

static void other_versions(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(X509_REQ) *csr = NULL;
    struct view made, der;
    struct error err = {0};
    (void)state;
    assert_true(base64_decode(arena, view_text(version_2), &made));
    expect_done(csr_decode(arena, made, &csr, &der, &err), &err, "version 2");
    assert_true(view_equal(made, der));
    expect_clean_queue("version 2");
    static const uint8_t versions[] = {0, 1, 3, 127, 255}; /* what was signed counts, and what is no version known */
    for (size_t i = 0; i < sizeof versions; i++) {
        uint8_t *bytes = arena_alloc(arena, made.len);
        memcpy(bytes, made.at, made.len);
        bytes[VERSION_AT] = versions[i];
        refused(arena, view_of(bytes, made.len), ERROR_MALFORMED, versions[i] < 3 ? "bad-signature" : "malformed-csr",
                versions[i] < 3 ? NULL : "version");
    }
}

static void wrong_structure(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct recipe r;
    (void)state;

    r = plain("P-256");
    r.sans_in_request = 2;
    refused(arena, make(arena, &r), ERROR_MALFORMED, "malformed-csr", "same extension twice");
    r = plain("P-256");
    r.extension_requests = 2;
    refused(arena, make(arena, &r), ERROR_MALFORMED, "malformed-csr", "twice");
    attribute_twice(arena);
    r = plain("P-256");
    r.subject_attributes = 65;
    refused(arena, make(arena, &r), ERROR_MALFORMED, "malformed-csr", "64 attributes");
    r = plain("P-256");
    r.signer = test_key("P-384");
    refused(arena, make(arena, &r), ERROR_MALFORMED, "bad-signature", NULL);
    r = plain("P-256");
    r.signer = test_key("Ed25519");
    r.digest = NULL;
    refused(arena, make(arena, &r), ERROR_MALFORMED, "bad-signature", NULL);
}

/* An extensionRequest whose value is no list of extensions. */
static void broken_extension_request(void **state) {
    static const struct {
        int type;
        const char *bytes;
        int len;
    } rows[] = {
        {V_ASN1_UTF8STRING, "x", 1},
        {V_ASN1_SEQUENCE, "\x30\x03\x02\x01\x01", 5},
        {V_ASN1_SEQUENCE, "\x30\x05\x30\x03\x06\x01\x01", 7},
        {V_ASN1_SEQUENCE, "\x30\x02\x30\x00", 4},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        AUTO(X509_REQ) *csr = X509_REQ_new();
        X509_REQ_set_pubkey(csr, test_key("P-256"));
        assert_int_equal(X509_REQ_add1_attr_by_NID(csr, NID_ext_req, rows[i].type,
                                                   (const unsigned char *)rows[i].bytes,
                                                   rows[i].len),
                         1);
        assert_true(X509_REQ_sign(csr, test_key("P-256"), EVP_sha256()) > 0);
        unsigned char *der = NULL;
        int len = i2d_X509_REQ(csr, &der);
        refused(arena, view_of(der, (size_t)len), ERROR_MALFORMED, "malformed-csr", NULL);
        OPENSSL_free(der);
    }
}

static void weak_keys(void **state) {
    enum { E1, E3, E_EVEN, N_EVEN };
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(BIGNUM) *n = NULL;
    struct recipe r = plain("RSA-1024");
    (void)state;
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-key", "1024 bits");
    r = plain("secp224r1");
    r.digest = EVP_sha256();
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-key", "not certified");
    r = plain("secp224r1");
    r.digest = EVP_sha256();
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-key", "not certified");

    r = plain("RSA-2048");
    assert_int_equal(EVP_PKEY_get_bn_param(r.signer, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    for (int i = E1; i <= N_EVEN; i++) {
        static const unsigned long exponents[] = {1, 3, 65538, 65537};
        AUTO(BIGNUM) *modulus = BN_dup(n);
        if (i == N_EVEN)
            BN_clear_bit(modulus, 0);
        AUTO(EVP_PKEY) *weak = test_rsa_public(modulus, exponents[i]);
        r.certified = weak;
        refused(arena, make(arena, &r), ERROR_POLICY, "weak-key",
                i == N_EVEN ? "even" : "exponent");
    }
}

static void weak_points(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct recipe r = plain("P-256");
    struct view der = make(arena, &r), spki;
    uint8_t *bytes = arena_alloc(arena, der.len);
    (void)state;
    memcpy(bytes, der.at, der.len);
    assert_true(key_spki(arena, r.certified, &spki, NULL));
    uint8_t *found = memmem(bytes, der.len, spki.at, spki.len);
    assert_non_null(found);
    found[spki.len - 1] ^= 1; /* the last octet of y */
    refused(arena, view_of(bytes, der.len), ERROR_POLICY, "weak-key", "curve");
    /* x and y over the field's prime */
    memset(found + spki.len - 64, 0xff, 64);
    refused(arena, view_of(bytes, der.len), ERROR_POLICY, "weak-key", "curve");

    AUTO(EVP_PKEY) *explicit_key = EVP_PKEY_dup(test_key("P-256"));
    assert_int_equal(EVP_PKEY_set_utf8_string_param(explicit_key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                    OSSL_PKEY_EC_ENCODING_EXPLICIT),
                     1);
    r.certified = explicit_key;
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-key", "rfc5480#2.1.1");
}

static void weak_signatures(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct recipe r = plain("RSA-2048");
    (void)state;
    r.digest = EVP_md5();
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-signature", "MD5");
    r.digest = EVP_sha1();
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-signature", "SHA1");
    r = plain("P-256");
    r.digest = EVP_sha1();
    refused(arena, make(arena, &r), ERROR_POLICY, "weak-signature", "SHA1");
}

static struct view make_pss(struct arena *arena, const EVP_MD *digest) {
    AUTO(X509_REQ) *csr = X509_REQ_new();
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;
    X509_REQ_set_pubkey(csr, test_key("RSA-2048"));
    assert_int_equal(EVP_DigestSignInit(ctx, &key_ctx, digest, NULL, test_key("RSA-2048")), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(X509_REQ_sign_ctx(csr, ctx) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(csr, &der);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

static void pss_signatures(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(X509_REQ) *csr = NULL;
    struct view der;
    (void)state;
    expect_done(csr_decode(arena, make_pss(arena, EVP_sha256()), &csr, &der, &err), &err, "PSS");
    refused(arena, make_pss(arena, EVP_sha1()), ERROR_POLICY, "weak-signature", "SHA1");
}

static void not_a_csr(void **state) {
    static const struct {
        const char *bytes, *type;
    } rows[] = {
        {"x", "malformed-csr"},
        {"0", "malformed-csr"},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "malformed-pem"},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n", "malformed-pem"},
        {"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
         "malformed-csr"},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n",
         "malformed-csr"},
        {"-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n",
         "malformed-pem"},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        refused(arena, view_text(rows[i].bytes), ERROR_MALFORMED, rows[i].type, NULL);
    uint8_t *large = arena_alloc(arena, CSR_MAX_SIZE * 2);
    refused(arena, view_of(large, CSR_MAX_SIZE * 2), ERROR_TOO_LARGE, "csr-too-large", NULL);
    refused(arena, view_of(large, CSR_MAX_SIZE + 1), ERROR_TOO_LARGE, "csr-too-large", NULL);
    /* deep nesting */
    memset(large, 0x30, 4000);
    for (size_t i = 1; i < 4000; i += 2)
        large[i] = 0x80;
    refused(arena, view_of(large, 4000), ERROR_MALFORMED, "malformed-csr", NULL);
}

static void build(void **state) {
    static const char *const types[] = {"RSA-2048", "P-384", "Ed25519", "ML-DSA-44",
                                        "SLH-DSA-SHA2-128f"};
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct view der, got;
        AUTO(X509_NAME) *subject = test_name(i == 1 ? "" : "CN=Example CA,O=Example");
        AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new(), *read = NULL;
        AUTO(X509_REQ) *csr = NULL;
        AUTO(EXTENSION_LIST) *list = NULL;
        assert_true(san_add_text(sans, "ca.example", &err));
        expect_done(csr_build(arena, subject, sans, test_key(types[i]), key_type_digest(types[i]),
                              &der, &err),
                    &err, types[i]);
        expect_done(csr_decode(arena, der, &csr, &got, &err), &err, types[i]);
        assert_int_equal(X509_NAME_cmp(X509_REQ_get_subject_name(csr), subject), 0);
        expect_done(csr_sans(csr, &read, &err), &err, types[i]);
        assert_int_equal(sk_GENERAL_NAME_num(read), 1);
        expect_done(csr_extensions(csr, &list, &err), &err, types[i]);
        /* critical when the subject is empty */
        assert_int_equal(X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(list, 0)), i == 1);
    }
}

static void build_without_private_key(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view spki, der = VIEW_LITERAL("poison");
    AUTO(EVP_PKEY) *public_half = NULL;
    AUTO(X509_NAME) *subject = test_name("CN=x");
    (void)state;
    assert_true(key_spki(arena, test_key("P-256"), &spki, &err));
    assert_true(key_from_spki(spki, &public_half, &err));
    assert_false(csr_build(arena, subject, NULL, public_half, EVP_sha256(), &der, &err));
    expect_error(&err, ERROR_UNAVAILABLE, "signing-failed", "CSR");
    assert_true(view_is(der, "poison"));
    expect_clean_queue("no private key");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_type),
        cmocka_unit_test(without_extensions),
        cmocka_unit_test(cut_and_changed),
        cmocka_unit_test(other_versions),
        cmocka_unit_test(wrong_structure),
        cmocka_unit_test(broken_extension_request),
        cmocka_unit_test(weak_keys),
        cmocka_unit_test(weak_points),
        cmocka_unit_test(weak_signatures),
        cmocka_unit_test(pss_signatures),
        cmocka_unit_test(not_a_csr),
        cmocka_unit_test(build),
        cmocka_unit_test(build_without_private_key),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_keys_free();
    return failed;
}
