#include "support.h"

#include "base/encode.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static void every_key_type(void **state) {
    static const char *const types[] = {
        "RSA-2048",          "RSA-4096", "P-256",     "P-384",     "P-521",
        "Ed25519",           "Ed448",    "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
        "SLH-DSA-SHA2-128f",
    };
    static const char *const algorithms[] = {
        "sha256WithRSAEncryption",
        "sha512WithRSAEncryption",
        "ecdsa-with-SHA256",
        "ecdsa-with-SHA384",
        "ecdsa-with-SHA512",
        "ED25519",
        "ED448",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
        "SLH-DSA-SHA2-128f",
    };
    (void)state;
    AUTO(X509_NAME) *root_name = test_name("CN=Root,O=Example"), *leaf_name = test_name("CN=leaf");
    for (size_t i = 0; i < COUNT(types); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct certificate_facts facts;
        EVP_PKEY *key = test_key(types[i]);
        struct certificate_plan plan = test_ca_plan(key, root_name, NULL);
        AUTO(X509) *root = test_issue(&plan, key), *again = NULL, *from_pem = NULL;
        expect_done(certificate_lint(root, NULL, &err), &err, types[i]);
        plan = test_plan(test_key("P-256"), leaf_name, root);
        AUTO(X509) *leaf = test_issue(&plan, key);
        expect_done(certificate_lint(leaf, root, &err), &err, types[i]);

        struct view der = certificate_der(arena, root);
        expect_done(certificate_decode(arena, der, &again, &err), &err, types[i]);
        assert_int_equal(X509_verify(again, key), 1);
        expect_done(
            certificate_decode(arena, view_text(certificate_pem(arena, der)), &from_pem, &err),
            &err, types[i]);
        assert_true(view_equal(certificate_der(arena, from_pem), der));
        expect_done(certificate_read(arena, again, &facts, &err), &err, types[i]);
        assert_string_equal(facts.key_type, types[i]);
        assert_string_equal(facts.signature_algorithm, algorithms[i]);
        assert_string_equal(facts.subject, "CN=Root,O=Example");
        assert_string_equal(facts.issuer, "CN=Root,O=Example");
        assert_true(facts.is_ca);
        assert_int_equal(facts.path_length, -1);
        expect_done(certificate_check_ca(again, key, NULL, plan.not_before_us, &err), &err,
                    types[i]);
        expect_clean_queue(types[i]);
    }
}

static void facts_of_a_leaf(void **state) {
    static const uint8_t serial[] = {0x00, 0xff, 0x01};
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct certificate_facts facts;
    AUTO(X509_NAME) *subject = test_name("CN=leaf.example,OU=a\\,b"),
                    *root_name = test_name("CN=Root");
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    (void)state;
    struct certificate_plan plan = test_ca_plan(test_key("P-384"), root_name, NULL);
    plan.path_length = 0;
    AUTO(X509) *root = test_issue(&plan, test_key("P-384"));
    assert_true(san_add_text(sans, "leaf.example", &err) &&
                san_add_text(sans, "2001:db8::1", &err));
    plan = test_plan(test_key("Ed25519"), subject, root);
    plan.serial = view_of(serial, sizeof serial);
    plan.sans = sans;
    AUTO(X509) *leaf = test_issue(&plan, test_key("P-384"));

    expect_done(certificate_read(arena, leaf, &facts, &err), &err, "read");
    assert_string_equal(facts.subject, "CN=leaf.example,OU=a\\,b");
    assert_string_equal(facts.issuer, "CN=Root");
    assert_string_equal(facts.common_name, "leaf.example");
    assert_string_equal(facts.serial, "00ff01");
    assert_true(view_equal(facts.serial_bytes, plan.serial));
    assert_int_equal(facts.not_before_us, plan.not_before_us);
    assert_int_equal(facts.not_after_us, plan.not_after_us);
    assert_string_equal(facts.key_type, "Ed25519");
    assert_string_equal(facts.sans, "DNS:leaf.example, IP:2001:db8::1");
    assert_int_equal(strlen(facts.subject_key_id), 40);
    assert_false(facts.is_ca);
    assert_int_equal(facts.path_length, -1);
    uint8_t digest[32];
    struct view der = certificate_der(arena, leaf);
    EVP_Digest(der.at, der.len, digest, NULL, EVP_sha256(), NULL);
    assert_memory_equal(digest, facts.fingerprint_sha256, 32);
    assert_true(key_spki(arena, test_key("Ed25519"), &der, &err));
    EVP_Digest(der.at, der.len, digest, NULL, EVP_sha256(), NULL);
    assert_memory_equal(digest, facts.spki_sha256, 32);

    expect_done(certificate_read(arena, root, &facts, &err), &err, "read");
    assert_int_equal(facts.path_length, 0);
    assert_string_equal(facts.sans, "");
    assert_null(facts.common_name == NULL ? "no CN" : NULL);
    expect_clean_queue("facts");
}

static void dates(void **state) {
    static const struct {
        const char *time;
        int type;
        const char *encoded;
    } rows[] = {
        {"2026-11-21T05:12:57Z", V_ASN1_UTCTIME, "261121051257Z"},
        {"1950-01-01T00:00:00Z", V_ASN1_UTCTIME, "500101000000Z"},
        {"1949-12-31T23:59:59Z", V_ASN1_GENERALIZEDTIME, "19491231235959Z"},
        {"1969-12-31T23:59:59Z", V_ASN1_UTCTIME, "691231235959Z"},
        {"2049-12-31T23:59:59Z", V_ASN1_UTCTIME, "491231235959Z"},
        {"2050-01-01T00:00:00Z", V_ASN1_GENERALIZEDTIME, "20500101000000Z"},
        {"9999-12-31T23:59:59Z", V_ASN1_GENERALIZEDTIME, "99991231235959Z"},
        {"2028-02-29T12:00:00Z", V_ASN1_UTCTIME, "280229120000Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(ASN1_TIME) *time = NULL;
        int64_t back = 0, us = test_time(rows[i].time);
        /* what is below the second is cut, towards the past */
        expect_done(asn1_time_from_us(us + 999999, &time, &err), &err, rows[i].time);
        assert_int_equal(ASN1_STRING_type(time), rows[i].type);
        assert_string_equal((const char *)ASN1_STRING_get0_data(time), rows[i].encoded);
        expect_done(asn1_time_to_us(time, &back, &err), &err, rows[i].time);
        assert_int_equal(back, us);
    }
}

static void hostile_dates(void **state) {
    static const struct {
        int type;
        const char *text;
    } rows[] = {
        {V_ASN1_UTCTIME, ""},
        {V_ASN1_UTCTIME, "2611210512"},
        {V_ASN1_UTCTIME, "261321051257Z"},
        {V_ASN1_UTCTIME, "260230051257Z"},
        {V_ASN1_GENERALIZEDTIME, "261121051257Z"},
        {V_ASN1_GENERALIZEDTIME, "20261121251257Z"},
        {V_ASN1_UTCTIME, "nonsense"},
    };
    struct error err = {0};
    int64_t us = 7;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(ASN1_TIME) *time = ASN1_STRING_type_new(rows[i].type);
        ASN1_STRING_set(time, rows[i].text, -1);
        assert_false(asn1_time_to_us(time, &us, &err));
        expect_error(&err, ERROR_MALFORMED, "malformed-time", NULL);
        assert_int_equal(us, 7);
        expect_clean_queue(rows[i].text);
    }
    assert_false(asn1_time_to_us(NULL, &us, &err));
    AUTO(ASN1_TIME) *none = NULL;
    assert_false(asn1_time_from_us(INT64_MAX, &none, &err));
    assert_false(asn1_time_from_us(INT64_MIN, &none, &err));
    expect_error(&err, ERROR_POLICY, "date-range", NULL);
    assert_null(none);
}

/* A certificate over the boundary says UTCTime and GeneralizedTime, and OpenSSL reads it back. */
static void dates_over_2050(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(X509_NAME) *name = test_name("CN=Root");
    struct certificate_plan plan = test_ca_plan(test_key("P-256"), name, NULL);
    (void)state;
    plan.not_before_us = test_time("2049-12-31T23:59:59Z");
    plan.not_after_us = test_time("2050-01-01T00:00:00Z");
    AUTO(X509) *root = test_issue(&plan, test_key("P-256"));
    expect_done(certificate_lint(root, NULL, &err), &err, "lint");
    struct view der = certificate_der(arena, root);
    assert_non_null(memmem(der.at, der.len,
                           "\x17\x0d"
                           "491231235959Z\x18\x0f"
                           "20500101000000Z",
                           32));
}

static void bad_plans(void **state) {
    static const uint8_t zero[20] = {0}, negative[] = {0x80}, large[21] = {1};
    static const char *const bad_oid[] = {"not-a-purpose"}, *const bad_url[] = {"http://a b/"},
                             *const relative[] = {"/ca.crl"}, *const policy[] = {"1.2."};
    AUTO(X509_NAME) *name = test_name("CN=x");
    const struct certificate_plan good = test_plan(test_key("P-256"), name, NULL);
    struct certificate_plan rows[10];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i] = good;
    rows[count++].serial = view_of(zero, 0);
    rows[count++].serial = view_of(zero, 20);
    rows[count++].serial = view_of(negative, 1);
    rows[count++].serial = view_of(large, 21);
    rows[count].extended_key_usage = bad_oid;
    rows[count++].extended_key_usage_count = 1;
    rows[count].ca_issuers = bad_url;
    rows[count++].ca_issuers_count = 1;
    rows[count].ocsp = relative;
    rows[count++].ocsp_count = 1;
    rows[count].crl = relative;
    rows[count++].crl_count = 1;
    rows[count].policies = policy;
    rows[count++].policy_count = 1;
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        X509 *certificate = (X509 *)(uintptr_t)0x50;
        if (certificate_build(&rows[i], &certificate, &err))
            fail_msg("accepted: row %zu", i);
        expect_error(&err, ERROR_MALFORMED, "malformed-plan", NULL);
        assert_ptr_equal(certificate, (X509 *)(uintptr_t)0x50);
        expect_clean_queue("plan");
    }
}

static void signing_fails(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view spki;
    AUTO(X509_NAME) *name = test_name("CN=x");
    AUTO(EVP_PKEY) *public_half = NULL;
    AUTO(X509) *certificate = NULL;
    (void)state;
    struct certificate_plan plan = test_ca_plan(test_key("P-256"), name, NULL);
    assert_true(key_spki(arena, test_key("P-256"), &spki, &err));
    assert_true(key_from_spki(spki, &public_half, &err));
    assert_true(certificate_build(&plan, &certificate, &err));
    assert_false(certificate_sign(certificate, public_half, EVP_sha256(), public_half, &err));
    expect_error(&err, ERROR_UNAVAILABLE, "signing-failed", "certificate");
    assert_true(err.detail[0] != '\0');
    /* a token that answers with another key's signature */
    assert_false(certificate_sign(certificate, test_key("P-384"), EVP_sha384(), public_half, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    expect_clean_queue("sign");
}

/* What a broken token may answer, for each of ECDSA, which is verified over what was encoded, and the others. */
static void a_wrong_signature_is_seen(void **state) {
    static const char *const types[] = {"P-256", "P-384", "RSA-2048", "Ed25519"};
    (void)state;
    AUTO(X509_NAME) *name = test_name("CN=x");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
            SCOPED_ARENA struct arena *arena = arena_new();
            AUTO(X509) *certificate = NULL;
            struct error err = {0};
            struct view der = {NULL, 0};
            EVP_PKEY *key = test_key(types[i]), *other = test_key(types[k]);
            AUTO(EVP_PKEY) *second = EVP_EC_gen("P-256");
            struct certificate_plan plan = test_ca_plan(key, name, NULL);
            assert_true(certificate_build(&plan, &certificate, &err));
            bool done = certificate_sign_encoded(arena, certificate, key, key_type_digest(types[i]), other, &der, &err);
            assert_int_equal(done, i == k);
            assert_int_equal(X509_verify(certificate, key), 1);
            assert_true(!done || view_equal(der, certificate_der(arena, certificate)));
            assert_true(done || (err.kind == ERROR_INTERNAL && der.len == 0));
            assert_false(certificate_sign(certificate, key, key_type_digest(types[i]), second, &err));
            assert_int_equal(err.kind, ERROR_INTERNAL);
            ERR_clear_error();
        }
}

static void not_a_certificate(void **state) {
    static const struct {
        const char *bytes, *type;
    } rows[] = {
        {"", "malformed-pem"},
        {"hello", "malformed-certificate"},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "malformed-certificate"},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
         "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
         "malformed-certificate"},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n",
         "malformed-pem"},
        {"-----BEGIN CERTIFICATE-----\nMA\n-----END CERTIFICATE-----\n", "malformed-pem"},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        X509 *out = (X509 *)(uintptr_t)0x50;
        assert_false(certificate_decode(arena, view_text(rows[i].bytes), &out, &err));
        expect_error(&err, ERROR_MALFORMED, rows[i].type, NULL);
        assert_ptr_equal(out, (X509 *)(uintptr_t)0x50);
        expect_clean_queue(rows[i].type);
    }
    /* truncated, and with bytes behind */
    AUTO(X509_NAME) *name = test_name("CN=x");
    struct certificate_plan plan = test_plan(test_key("Ed25519"), name, NULL);
    AUTO(X509) *certificate = test_issue(&plan, test_key("Ed25519")), *out = NULL;
    struct view der = certificate_der(arena, certificate);
    uint8_t *copy = arena_alloc(arena, der.len + 1);
    memcpy(copy, der.at, der.len);
    for (size_t len = 0; len <= der.len + 1; len++)
        if (len != der.len)
            assert_false(certificate_decode(arena, view_of(copy, len), &out, NULL));
    assert_false(certificate_decode(arena, view_of(copy, CERTIFICATE_MAX_SIZE + 1), &out, NULL));
}

/* Certificates with changed bytes must be read or refused, never more. */
static void changed_bytes(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(X509_NAME) *name = test_name("CN=x,C=DE");
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    (void)state;
    assert_true(san_add_text(sans, "x.example", NULL) && san_add_text(sans, "UPN:a@b", NULL));
    struct certificate_plan plan = test_ca_plan(test_key("P-256"), name, NULL);
    plan.sans = sans;
    AUTO(X509) *certificate = test_issue(&plan, test_key("P-256"));
    struct view der = certificate_der(arena, certificate);
    uint8_t *bytes = arena_alloc(arena, der.len);
    memcpy(bytes, der.at, der.len);
    for (size_t i = 0; i < der.len * 3; i++) {
        static const uint8_t masks[] = {0x01, 0x80, 0xff};
        SCOPED_ARENA struct arena *row = arena_new();
        AUTO(X509) *changed = NULL;
        struct certificate_facts facts;
        struct error err = {0};
        bytes[i / 3] ^= masks[i % 3];
        if (certificate_decode(row, view_of(bytes, der.len), &changed, &err)) {
            if (certificate_read(row, changed, &facts, &err))
                assert_non_null(facts.subject);
            (void)!certificate_lint(changed, NULL, &err);
            if (certificate_check_ca(changed, test_key("P-256"), certificate, plan.not_before_us,
                                     &err))
                fail_msg("byte %zu changed and accepted", i / 3);
            assert_non_null(certificate_text(row, changed));
        }
        bytes[i / 3] ^= masks[i % 3];
        ERR_clear_error();
    }
}

static void imported_ca(void **state) {
    AUTO(X509_NAME) *root_name = test_name("CN=Root"), *sub_name = test_name("CN=Sub");
    EVP_PKEY *root_key = test_key("P-384"), *key = test_key("P-256");
    struct certificate_plan plan = test_ca_plan(root_key, root_name, NULL);
    plan.path_length = 0;
    AUTO(X509) *narrow = test_issue(&plan, root_key);
    plan.path_length = -1;
    AUTO(X509) *root = test_issue(&plan, root_key);
    struct certificate_plan good = test_ca_plan(key, sub_name, root), row = good;
    int64_t now = test_time("2026-06-01T00:00:00Z");
    (void)state;

    AUTO(X509) *sub = test_issue(&good, root_key);
    row.is_ca = false;
    AUTO(X509) *no_ca = test_issue(&row, root_key);
    row = good;
    row.key_usage = KU_CRL_SIGN;
    AUTO(X509) *no_cert_sign = test_issue(&row, root_key);
    row = good;
    row.issuer = NULL;
    AUTO(X509) *other_name = test_issue(&row, root_key);
    AUTO(X509) *forged = test_issue(&good, key);
    row = good;
    row.issuer = no_ca;
    AUTO(X509) *below_no_ca = test_issue(&row, root_key);

    const struct {
        const X509 *certificate;
        EVP_PKEY *key;
        const X509 *issuer;
        int64_t now;
        const char *why; /* NULL: fine */
    } rows[] = {
        {sub, key, root, now, NULL},
        {sub, key, NULL, now, NULL},
        {root, root_key, NULL, now, NULL},
        {sub, root_key, root, now, "not the key"},
        {no_ca, key, root, now, "basicConstraints"},
        {no_cert_sign, key, root, now, "keyCertSign"},
        {sub, key, root, test_time("2024-12-31T23:59:59Z"), "not valid yet"},
        {sub, key, root, test_time("2035-01-01T00:00:01Z"), "expired"},
        {sub, key, root, test_time("2035-01-01T00:00:00Z"), NULL},
        {other_name, key, root, now, "name"},
        {other_name, key, NULL, now, "does not verify"},
        {forged, key, root, now, "not signed by"},
        {sub, key, narrow, now, "path length 0"},
        {below_no_ca, key, no_ca, now, "no CA"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        bool done = certificate_check_ca(rows[i].certificate, rows[i].key, rows[i].issuer,
                                         rows[i].now, &err);
        if (rows[i].why == NULL) {
            expect_done(done, &err, "check");
            continue;
        }
        if (done)
            fail_msg("accepted: row %zu, %s", i, rows[i].why);
        expect_error(&err, ERROR_POLICY, "wrong-certificate", rows[i].why);
        expect_clean_queue(rows[i].why);
    }
}

static void pkcs7(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(X509_NAME) *a_name = test_name("CN=a longer name sorts last in DER"),
                    *b_name = test_name("CN=b");
    struct certificate_plan plan = test_plan(test_key("P-256"), a_name, NULL);
    AUTO(X509) *a = test_issue(&plan, test_key("P-256"));
    plan.subject = b_name;
    AUTO(X509) *b = test_issue(&plan, test_key("P-256"));
    struct view ders[] = {certificate_der(arena, a), certificate_der(arena, b)}, bag;
    (void)state;
    for (size_t count = 0; count <= 2; count++) {
        expect_done(certificate_pkcs7(arena, ders, count, &bag, &err), &err, "bag");
        const unsigned char *next = bag.at;
        AUTO(PKCS7) *read = d2i_PKCS7(NULL, &next, (long)bag.len);
        assert_non_null(read);
        assert_ptr_equal(next, bag.at + bag.len);
        assert_true(PKCS7_type_is_signed(read));
        assert_true(PKCS7_type_is_data(read->d.sign->contents));
        assert_null(read->d.sign->contents->d.data); /* rfc5652#5.2: eContent absent */
        int read_count = sk_X509_num(read->d.sign->cert);
        assert_int_equal(read_count < 0 ? 0 : read_count, count);
        if (count == 2) {
            assert_int_equal(X509_cmp(sk_X509_value(read->d.sign->cert, 0), a), 0);
            assert_int_equal(X509_cmp(sk_X509_value(read->d.sign->cert, 1), b), 0);
        }
    }
    ders[1].len--;
    bag = VIEW_LITERAL("poison");
    assert_false(certificate_pkcs7(arena, ders, 2, &bag, &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-certificate", NULL);
    assert_true(view_is(bag, "poison"));
}

/* Two certificates in every kind of file, and files that are none. */
static void bundles(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(X509_NAME) *a_name = test_name("CN=a"), *b_name = test_name("CN=b");
    struct certificate_plan plan = test_plan(test_key("P-256"), a_name, NULL);
    AUTO(X509) *a = test_issue(&plan, test_key("P-256"));
    plan.subject = b_name;
    AUTO(X509) *b = test_issue(&plan, test_key("P-256"));
    struct view ders[] = {certificate_der(arena, a), certificate_der(arena, b)}, bag, none;
    expect_done(certificate_pkcs7(arena, ders, 2, &bag, &err), &err, "bag");
    expect_done(certificate_pkcs7(arena, ders, 0, &none, &err), &err, "empty bag");
    const char *pem = arena_printf(arena, "some words\n%s-----BEGIN X-----\nAAAA\n-----END X-----\n%s",
                                   certificate_pem(arena, ders[0]), certificate_pem(arena, ders[1]));
    const char *cut = arena_text(arena, view_of(pem, strlen(pem) - 60));
    AUTO(PKCS7) *plain = PKCS7_new();
    unsigned char *data = NULL;
    PKCS7_set_type(plain, NID_pkcs7_data);
    ASN1_OCTET_STRING_set(plain->d.data, (const unsigned char *)"no certificate", 14);
    int data_len = i2d_PKCS7(plain, &data);
    assert_true(data_len > 0);
    const struct {
        struct view bytes;
        size_t most, count; /* 0: refused */
        const char *problem;
    } rows[] = {
        {ders[0], 2, 1, NULL},
        {view_text(certificate_pem(arena, ders[0])), 2, 1, NULL},
        {view_text(pem), 2, 2, NULL},
        {bag, 2, 2, NULL},
        {view_text(pem_encode(arena, "PKCS7", bag)), 2, 2, NULL},
        {view_text(cut), 2, 1, NULL}, /* what ends nowhere is no block */
        {view_text(pem), 1, 0, "chain-too-long"},
        {bag, 1, 0, "chain-too-long"},
        {none, 2, 0, "malformed-certificate"},
        {view_of(data, (size_t)data_len), 2, 0, "malformed-certificate"},
        {view_of(bag.at, bag.len - 1), 2, 0, "malformed-certificate"},
        {view_of(ders[0].at, ders[0].len - 1), 2, 0, "malformed-certificate"},
        {VIEW_LITERAL(""), 2, 0, "malformed-pem"},
        {VIEW_LITERAL("0"), 2, 0, "malformed-certificate"},
        {VIEW_LITERAL("\x30\x01\x06"), 2, 0, "malformed-certificate"},
        {VIEW_LITERAL("-----BEGIN CERTIFICATE-----"), 2, 0, "malformed-certificate"},
        {VIEW_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 2, 0, "malformed-certificate"},
        {view_of(arena_alloc(arena, 1024 * 1024 + 1), 1024 * 1024 + 1), 2, 0, "too-large"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        X509 *read[3] = {NULL, NULL, b};
        size_t count = 0;
        bool done = certificates_read(arena, rows[i].bytes, read, rows[i].most, &count, &err);
        assert_ptr_equal(read[2], b);
        if (done != (rows[i].count > 0) || (done && count != rows[i].count) ||
            (!done && strcmp(err.type, rows[i].problem) != 0))
            fail_msg("row %zu: %zu certificates, %s %s", i, count, err.type, err.message);
        if (done)
            assert_int_equal(X509_cmp(read[0], a), 0);
        if (done && count == 2)
            assert_int_equal(X509_cmp(read[1], b), 0);
    }
    OPENSSL_free(data);
}

/* The point G: a public key that is the same each time. */
static EVP_PKEY *fixed_p256(struct arena *arena) {
    static const char spki[] = "3059301306072a8648ce3d020106082a8648ce3d030107034200"
                               "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                               "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    struct error err = {0};
    struct view der;
    EVP_PKEY *key = NULL;
    assert_true(hex_decode(arena, view_text(spki), &der));
    expect_done(key_from_spki(der, &key, &err), &err, "G");
    return key;
}

/* What a web server's certificate of a certain plan means, byte for byte: a change shows in review.
 */
static void snapshot(void **state) {
    static const char *const usages[] = {"serverAuth", "1.3.6.1.5.5.7.3.2"};
    static const char *const ca_issuers[] = {"http://pki.example/ca/root.crt"};
    static const char *const ocsp[] = {"http://pki.example/ocsp/root"};
    static const char *const crl[] = {"http://pki.example/crl/root.crl"};
    static const char *const policies[] = {"2.23.140.1.2.1"};
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(EVP_PKEY) *root_key = test_ed25519(7), *key = fixed_p256(arena);
    AUTO(X509_NAME) *root_name = test_name("CN=Example Root,O=Example");
    AUTO(X509_NAME) *subject = test_name("CN=www.example.com,O=M\xc3\xbcller\\, Inc.,C=DE");
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    (void)state;
    struct certificate_plan plan = test_ca_plan(root_key, root_name, NULL);
    AUTO(X509) *root = test_issue(&plan, root_key);
    assert_true(san_add_text(sans, "www.example.com", &err) &&
                san_add_text(sans, "192.0.2.1", &err));
    plan = test_plan(key, subject, root);
    plan.extended_key_usage = usages;
    plan.extended_key_usage_count = COUNT(usages);
    plan.sans = sans;
    plan.ca_issuers = ca_issuers;
    plan.ocsp = ocsp;
    plan.crl = crl;
    plan.policies = policies;
    plan.ca_issuers_count = plan.ocsp_count = plan.crl_count = plan.policy_count = 1;
    AUTO(X509) *leaf = test_issue(&plan, root_key);
    expect_done(certificate_lint(leaf, root, &err), &err, "lint");

    const char *text = certificate_text(arena, leaf);
    static char stored[16384];
    FILE *file = fopen(SNAPSHOT_DIR "/web-server.txt", "r");
    size_t len = file == NULL ? 0 : fread(stored, 1, sizeof stored - 1, file);
    if (file != NULL)
        fclose(file);
    stored[len] = '\0';
    if (strcmp(text, stored) != 0) {
        fputs(text, stderr);
        fail_msg(
            "%s",
            "the text above is not snapshots/web-server.txt; if the change is meant, store it");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_type),  cmocka_unit_test(facts_of_a_leaf),
        cmocka_unit_test(dates),           cmocka_unit_test(hostile_dates),
        cmocka_unit_test(dates_over_2050), cmocka_unit_test(bad_plans),
        cmocka_unit_test(signing_fails),
        cmocka_unit_test(a_wrong_signature_is_seen),   cmocka_unit_test(not_a_certificate),
        cmocka_unit_test(changed_bytes),   cmocka_unit_test(imported_ca),
        cmocka_unit_test(pkcs7),           cmocka_unit_test(bundles),
        cmocka_unit_test(snapshot),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_keys_free();
    return failed;
}
