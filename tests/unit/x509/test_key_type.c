#include "support.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

static void canonical_names(void **state) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"RSA-2048", "RSA-2048"},
        {"rsa-3072", "RSA-3072"},
        {"RSA-8192", "RSA-8192"},
        {"p-256", "P-256"},
        {"secp256r1", "P-256"},
        {"prime256v1", "P-256"},
        {"secp384r1", "P-384"},
        {"SECP521R1", "P-521"},
        {"ED25519", "Ed25519"},
        {"ed448", "Ed448"},
        {"ml-dsa-65", "ML-DSA-65"},
        {"slh-dsa-sha2-128S", "SLH-DSA-SHA2-128s"},
        {"SLH-DSA-SHAKE-256f", "SLH-DSA-SHAKE-256f"},
        {"", NULL},
        {"RSA", NULL},
        {"EC", NULL},
        {"RSA-1024", NULL},
        {"RSA-", NULL},
        {"RSA-2048x", NULL},
        {"RSA-16384", NULL},
        {"P-224", NULL},
        {"secp224r1", NULL},
        {"X25519", NULL},
        {"ML-KEM-768", "ML-KEM-768"},
        {"DSA", NULL},
        {NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = key_type_canonical(rows[i].in);
        if (rows[i].out == NULL)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].out);
    }
}

static void json_forms(void **state) {
    static const struct {
        const char *in, *type, *out; /* type NULL: refused */
    } rows[] = {
        {"{'type':'RSA','bits':3072}", "RSA-3072", "{'type':'RSA','bits':3072}"},
        {"{'type':'EC','curve':'P-384'}", "P-384", "{'type':'EC','curve':'P-384'}"},
        {"{'type':'EC','curve':'secp521r1'}", "P-521", "{'type':'EC','curve':'P-521'}"},
        {"{'type':'Ed25519'}", "Ed25519", "{'type':'Ed25519'}"},
        {"{'type':'ML-DSA-65'}", "ML-DSA-65", "{'type':'ML-DSA-65'}"},
        {"{'type':'SLH-DSA-SHA2-128s'}", "SLH-DSA-SHA2-128s", "{'type':'SLH-DSA-SHA2-128s'}"},
        {"{'type':'RSA-2048'}", "RSA-2048", "{'type':'RSA','bits':2048}"},
        {"'P-256'", "P-256", "{'type':'EC','curve':'P-256'}"},
        {"'rsa-4096'", "RSA-4096", "{'type':'RSA','bits':4096}"},
        {"{}", NULL, NULL},
        {"null", NULL, NULL},
        {"1", NULL, NULL},
        {"[]", NULL, NULL},
        {"''", NULL, NULL},
        {"{'type':'RSA'}", NULL, NULL},
        {"{'type':'RSA','bits':'3072'}", NULL, NULL},
        {"{'type':'RSA','bits':1024}", NULL, NULL},
        {"{'type':'RSA','bits':0}", NULL, NULL},
        {"{'type':'RSA','bits':2049}", NULL, NULL},
        {"{'type':'RSA','bits':1e9}", NULL, NULL},
        {"{'type':'RSA','bits':99999999999999999999}", NULL, NULL},
        {"{'type':'EC'}", NULL, NULL},
        {"{'type':'EC','curve':'P-224'}", NULL, NULL},
        {"{'type':'EC','curve':'Ed25519'}", NULL, NULL},
        {"{'type':'EC','curve':'RSA-2048'}", NULL, NULL},
        {"{'type':'EC','curve':'P-256','bits':256}", NULL, NULL},
        {"{'type':'Ed25519','curve':'P-256'}", NULL, NULL},
        {"{'type':'Ed25519','bits':1}", NULL, NULL},
        {"{'type':'nope'}", NULL, NULL},
        {"{'type':'Ed25519','x':1}", NULL, NULL},
        {"{'bits':2048}", NULL, NULL},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        const char *type = "poison";
        bool done = key_type_from_json(test_json(arena, rows[i].in), &type, &err);
        if (rows[i].type == NULL) {
            if (done)
                fail_msg("accepted: %s", rows[i].in);
            assert_int_equal(err.kind, ERROR_MALFORMED);
            assert_string_equal(type, "poison");
            continue;
        }
        expect_done(done, &err, rows[i].in);
        assert_string_equal(type, rows[i].type);
        struct json_writer w = json_writer_on(arena);
        key_type_write_json(&w, type);
        assert_string_equal(json_written(&w), quoted(arena, rows[i].out));
    }
}

static void allowed_lists(void **state) {
    static const struct {
        const char *type, *allowed;
        bool ok;
    } rows[] = {
        {"RSA-2048", "RSA", true},
        {"RSA-1024", "RSA", false},
        {"RSA-2056", "RSA", true},
        {"RSA-2048", "RSA-3072", false},
        {"RSA-4096", "RSA-3072", true},
        {"RSA-3072", "rsa-3072", true},
        {"P-256", "EC", true},
        {"P-256", "P-384", false},
        {"P-384", "P-384", true},
        {"P-256", "RSA", false},
        {"Ed25519", "Ed25519", true},
        {"Ed448", "Ed25519", false},
        {"Ed25519", "EC", false},
        {"ML-DSA-65", "ML-DSA", true},
        {"ML-DSA-65", "ML-DSA-87", false},
        {"ML-DSA-65", "SLH-DSA", false},
        {"SLH-DSA-SHA2-128s", "SLH-DSA", true},
        {"unknown", "RSA", false},
        {"unknown", "unknown", false},
        {"RSA-2048", "", false},
        {"P-256", "secp256r1", true},
        /* the empty list */
        {"RSA-2048", NULL, true},
        {"RSA-2056", NULL, true},
        {"RSA-1024", NULL, false},
        {"P-521", NULL, true},
        {"unknown", NULL, false},
        {"DSA", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool ok = key_type_allowed(rows[i].type, &rows[i].allowed, rows[i].allowed != NULL);
        if (ok != rows[i].ok)
            fail_msg("%s in [%s]", rows[i].type, rows[i].allowed == NULL ? "" : rows[i].allowed);
    }
}

static void digests(void **state) {
    static const struct {
        const char *type, *digest;
    } rows[] = {
        {"RSA-2048", "SHA256"},      {"RSA-3072", "SHA256"}, {"RSA-4096", "SHA512"},
        {"secp256k1", "SHA256"},    {"brainpoolP384r1", "SHA384"}, {"brainpoolP512r1", "SHA512"},
        {"P-256", "SHA256"},         {"P-384", "SHA384"},    {"P-521", "SHA512"},
        {"Ed25519", NULL},           {"Ed448", NULL},        {"ML-DSA-44", NULL},
        {"SLH-DSA-SHA2-128f", NULL}, {"unknown", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const EVP_MD *digest = key_type_digest(rows[i].type);
        if (rows[i].digest == NULL)
            assert_null(digest);
        else
            assert_string_equal(EVP_MD_get0_name(digest), rows[i].digest);
    }
}

static void every_key_type_round_trips(void **state) {
    static const char *const types[] = {
        "RSA-2048",
        "P-256",
        "P-384",
        "P-521",
        "Ed25519",
        "Ed448",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
        "SLH-DSA-SHA2-128s",
        "SLH-DSA-SHA2-128f",
        "SLH-DSA-SHA2-192f",
        "SLH-DSA-SHA2-256f",
        "SLH-DSA-SHAKE-128f",
        "SLH-DSA-SHAKE-192f",
        "SLH-DSA-SHAKE-256f",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        char type[KEY_TYPE_SIZE] = "";
        struct view spki;
        AUTO(EVP_PKEY) *again = NULL, *bad = NULL;
        EVP_PKEY *key = test_key(types[i]);
        assert_true(key_type_of(key, type));
        assert_string_equal(type, types[i]);
        expect_done(key_check(key, "test", &err), &err, types[i]);
        expect_done(key_spki(arena, key, &spki, &err), &err, types[i]);
        expect_done(key_from_spki(spki, &again, &err), &err, types[i]);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        expect_done(key_check(again, "test", &err), &err, types[i]);
        /* truncated, and with a byte more */
        uint8_t *longer = arena_alloc(arena, spki.len + 1);
        memcpy(longer, spki.at, spki.len);
        for (size_t len = 0; len < spki.len; len += 1 + spki.len / 50)
            assert_false(key_from_spki(view_of(longer, len), &bad, &err));
        assert_false(key_from_spki(view_of(longer, spki.len + 1), &bad, &err));
        expect_error(&err, ERROR_MALFORMED, "malformed-key", NULL);
        expect_clean_queue(types[i]);
    }
}

static void keys_nobody_certifies(void **state) {
    static const char *const types[] = {"RSA-1024", "secp224r1", "X25519"};
    char type[KEY_TYPE_SIZE];
    struct error err = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        if (key_check(test_key(types[i]), "CSR", &err))
            fail_msg("accepted: %s", types[i]);
        expect_error(&err, ERROR_POLICY, "weak-key", "CSR: ");
        assert_int_equal(key_type_of(test_key(types[i]), type), strcmp(types[i], "RSA-1024") == 0);
        expect_clean_queue(types[i]);
    }
    assert_false(key_check(NULL, "CSR", &err));
    expect_error(&err, ERROR_POLICY, "weak-key", NULL);
}

static void weak_rsa(void **state) {
    enum { SAME, EVEN, SMALL_FACTOR };
    static const struct {
        int modulus;
        unsigned long e;
        const char *why;
    } rows[] = {
        {SAME, 1, "exponent"},     {SAME, 3, "exponent"},           {SAME, 17, "exponent"},
        {SAME, 65535, "exponent"}, {SAME, 65538, "exponent"},       {SAME, 0, "exponent"},
        {EVEN, 65537, "even"},     {SMALL_FACTOR, 65537, "factor"},
    };
    (void)state;
    AUTO(BIGNUM) *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(test_key("RSA-2048"), OSSL_PKEY_PARAM_RSA_N, &n), 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(BIGNUM) *modulus = BN_dup(n);
        if (rows[i].modulus == EVEN)
            BN_clear_bit(modulus, 0);
        while (rows[i].modulus == SMALL_FACTOR && BN_mod_word(modulus, 751) != 0)
            BN_add_word(modulus, 2);
        AUTO(EVP_PKEY) *key = test_rsa_public(modulus, rows[i].e);
        if (key_check(key, "CSR", &err))
            fail_msg("accepted: row %zu", i);
        expect_error(&err, ERROR_POLICY, "weak-key", rows[i].why);
    }
    AUTO(EVP_PKEY) *good = test_rsa_public(n, 65537);
    assert_true(key_check(good, "CSR", NULL));
    /* 8200 bits */
    BN_lshift(n, n, 8200 - 2048);
    BN_set_bit(n, 0);
    AUTO(EVP_PKEY) *large = test_rsa_public(n, 65537);
    assert_false(key_check(large, "CSR", NULL));
}

static void explicit_curve_parameters(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(EVP_PKEY) *again = NULL;
    AUTO(EVP_PKEY) *key = EVP_PKEY_dup(test_key("P-256"));
    struct view spki;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                    OSSL_PKEY_EC_ENCODING_EXPLICIT),
                     1);
    expect_done(key_spki(arena, key, &spki, &err), &err, "explicit");
    expect_done(key_from_spki(spki, &again, &err), &err, "explicit");
    assert_false(key_check(again, "CSR", &err));
    expect_error(&err, ERROR_POLICY, "weak-key", "rfc5480#2.1.1");
    expect_clean_queue("explicit");
}

/* A point off the curve does not even decode; the point at infinity must not pass either. */
static void broken_points(void **state) {
    static const char head[] =
        "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce"
        "\x3d\x03\x01\x07\x03\x42\x00\x04";
    static const char infinity[] =
        "\x30\x19\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48"
        "\xce\x3d\x03\x01\x07\x03\x02\x00\x00";
    uint8_t off_curve[sizeof head - 1 + 64] = {0};
    (void)state;
    memcpy(off_curve, head, sizeof head - 1);
    off_curve[sizeof off_curve - 1] = 5;
    const struct view rows[] = {
        view_of(off_curve, sizeof off_curve),
        view_of(infinity, sizeof infinity - 1),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(EVP_PKEY) *key = NULL;
        if (key_from_spki(rows[i], &key, &err)) {
            assert_false(key_check(key, "CSR", &err));
            expect_error(&err, ERROR_POLICY, "weak-key", NULL);
        } else {
            expect_error(&err, ERROR_MALFORMED, "malformed-key", NULL);
        }
        expect_clean_queue("point");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_names),
        cmocka_unit_test(json_forms),
        cmocka_unit_test(allowed_lists),
        cmocka_unit_test(digests),
        cmocka_unit_test(every_key_type_round_trips),
        cmocka_unit_test(keys_nobody_certifies),
        cmocka_unit_test(weak_rsa),
        cmocka_unit_test(explicit_curve_parameters),
        cmocka_unit_test(broken_points),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_keys_free();
    return failed;
}
