#include "support.h"

#include "x509/pkcs12.h"

#include <openssl/pkcs12.h>
#include <string.h>

static struct arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* A root and a leaf of that type; ders[0] is the leaf. */
static EVP_PKEY *make_line(const char *type, struct view ders[static 2]) {
    AUTO(X509_NAME) *root_name = test_name("CN=Root");
    AUTO(X509_NAME) *leaf_name = test_name("CN=leaf.example");
    EVP_PKEY *root_key = test_key("P-256"), *key = test_key(type);
    struct certificate_plan plan = test_ca_plan(root_key, root_name, NULL);
    AUTO(X509) *root = test_issue(&plan, root_key);
    plan = test_plan(key, leaf_name, root);
    AUTO(X509) *leaf = test_issue(&plan, root_key);
    ders[0] = certificate_der(arena, leaf);
    ders[1] = certificate_der(arena, root);
    return key;
}

static void make_and_open(void **state) {
    (void)state;
    static const char *const types[] = {"P-256", "RSA-2048", "Ed25519", "ML-DSA-65"};
    for (size_t i = 0; i < COUNT(types); i++)
        for (enum pkcs12_protection p = PKCS12_MODERN; p <= PKCS12_LEGACY; p++) {
            struct view ders[2], der;
            struct pkcs12_contents contents;
            struct error err = {0};
            EVP_PKEY *key = make_line(types[i], ders);
            struct pkcs12_order order = {.key = key,
                                         .ders = ders,
                                         .count = 2,
                                         .name = "Lück",
                                         .password = "geheim-Ärger",
                                         .protection = p};
            expect_done(pkcs12_make(arena, &order, &der, &err), &err, types[i]);
            expect_done(pkcs12_open(arena, der, "geheim-Ärger", &contents, &err), &err, types[i]);
            assert_int_equal(contents.key_count, 1);
            assert_int_equal(contents.certificate_count, 2);
            assert_int_equal(EVP_PKEY_eq(contents.keys[0], key), 1);
            assert_true(view_equal(certificate_der(arena, contents.certificates[0]), ders[0]));
            assert_false(pkcs12_open(arena, der, "something else", &contents, &err));
            expect_error(&err, ERROR_POLICY, "wrong-password", "password");
            expect_clean_queue(types[i]);
        }
}

/* OpenSSL's own reader agrees, and sees Java's mark of trust. */
static void trust_store(void **state) {
    (void)state;
    struct view ders[2], der;
    struct error err = {0};
    make_line("P-256", ders);
    struct pkcs12_order order = {.ders = ders,
                                 .count = 2,
                                 .name = "example",
                                 .trust_store = true,
                                 .password = "changeit",
                                 .protection = PKCS12_COMPATIBLE};
    expect_done(pkcs12_make(arena, &order, &der, &err), &err, "trust store");
    const unsigned char *at = der.at;
    PKCS12 *file = d2i_PKCS12(NULL, &at, (long)der.len);
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(file);
    STACK_OF(PKCS12_SAFEBAG) *bags =
        PKCS12_unpack_p7encdata(sk_PKCS7_value(safes, 0), "changeit", -1);
    assert_int_equal(PKCS12_verify_mac(file, "changeit", -1), 1);
    assert_int_equal(sk_PKCS12_SAFEBAG_num(bags), 2);
    for (int i = 0; i < 2; i++) {
        const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
        const ASN1_TYPE *mark = PKCS12_SAFEBAG_get0_attr(bag, NID_oracle_jdk_trustedkeyusage);
        assert_non_null(mark);
        assert_int_equal(OBJ_obj2nid(mark->value.object), NID_anyExtendedKeyUsage);
        char *name = PKCS12_get_friendlyname((PKCS12_SAFEBAG *)(uintptr_t)bag);
        assert_string_equal(name, i == 0 ? "example-1" : "example-2");
        OPENSSL_free(name);
    }
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(file);
}

static void passwords(void **state) {
    (void)state;
    static const struct {
        const char *password;
        bool good;
    } rows[] = {
        {"", false},
        {"short12", false},
        {"long enough", true},
        {"tab\tulator", false},
        {"broken\xff\xfe utf8", false},
        {"Ärger mit Umlaut", true},
    };
    char longest[PKCS12_MAX_PASSWORD + 2];
    struct error err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(pkcs12_password_check(rows[i].password, &err), rows[i].good);
        if (!rows[i].good)
            expect_error(&err, ERROR_POLICY, "bad-password", "password");
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(pkcs12_password_check(longest, &err));
}

/* A key that does not belong to the certificate makes no file that looks right. */
static void wrong_key(void **state) {
    (void)state;
    struct view ders[2], der = {0};
    struct error err = {0};
    make_line("P-256", ders);
    struct pkcs12_order order = {
        .key = test_key("P-384"), .ders = ders, .count = 2, .password = "long enough"};
    assert_false(pkcs12_make(arena, &order, &der, &err));
    expect_error(&err, ERROR_POLICY, "wrong-certificate", "key");
    assert_int_equal(der.len, 0);
}

static struct view der_of(PKCS12 *file) {
    unsigned char *der = NULL;
    int len = i2d_PKCS12(file, &der);
    assert_true(len > 0);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

static void hostile(void **state) {
    (void)state;
    struct view ders[2], good, der;
    struct pkcs12_contents contents;
    struct error err = {0};
    EVP_PKEY *key = make_line("P-256", ders);
    struct pkcs12_order order = {.key = key, .ders = ders, .count = 2, .password = "long enough"};
    expect_done(pkcs12_make(arena, &order, &good, &err), &err, "good");
    for (size_t len = 0; len < good.len; len += 7) /* cut off anywhere */
        assert_false(pkcs12_open(arena, view_of(good.at, len), "long enough", &contents, &err));
    uint8_t *more = arena_alloc(arena, good.len + 1);
    memcpy(more, good.at, good.len);
    assert_false(pkcs12_open(arena, view_of(more, good.len + 1), "long enough", &contents, &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-pkcs12", "bytes follow");

    /* Two thousand million iterations are refused before they are run. */
    const unsigned char *at = good.at;
    PKCS12 *file = d2i_PKCS12(NULL, &at, (long)good.len);
    assert_int_equal(PKCS12_set_mac(file, "long enough", -1, NULL, 0, 1, EVP_sha256()), 1);
    const ASN1_INTEGER *iterations = NULL;
    assert_int_equal(PKCS12_setup_mac(file, 2000000000, NULL, 0, EVP_sha256()), 1);
    PKCS12_get0_mac(NULL, NULL, NULL, &iterations, file);
    assert_int_equal(ASN1_INTEGER_get(iterations), 2000000000);
    der = der_of(file);
    PKCS12_free(file);
    assert_false(pkcs12_open(arena, der, "long enough", &contents, &err));
    expect_error(&err, ERROR_POLICY, "pkcs12-protection", "iterations");
    expect_clean_queue("hostile");
}

static void encrypted_keys(void **state) {
    (void)state;
    struct view der = {0};
    struct error err = {0};
    EVP_PKEY *key = test_key("P-256"), *again = NULL;
    expect_done(pkcs8_encrypt(arena, key, "long enough", &der, &err), &err, "encrypt");
    expect_done(pkcs8_decrypt(arena, der, "long enough", &again, &err), &err, "decrypt");
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    assert_false(pkcs8_decrypt(arena, der, "wrong", &again, &err));
    expect_error(&err, ERROR_POLICY, "wrong-password", "password");
    assert_false(pkcs8_decrypt(arena, view_of(der.at, der.len - 1), "long enough", &again, &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-key", "encrypted");
    assert_false(pkcs8_encrypt(arena, key, "short", &der, &err));
    expect_clean_queue("keys");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(make_and_open, setup, teardown),
        cmocka_unit_test_setup_teardown(trust_store, setup, teardown),
        cmocka_unit_test_setup_teardown(passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_key, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(encrypted_keys, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("pkcs12", tests, NULL, NULL);
    test_keys_free();
    return failed;
}
