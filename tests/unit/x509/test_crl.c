#include "support.h"

#include "x509/crl.h"

#include <string.h>

static X509 *make_ca(EVP_PKEY *key, unsigned usage) {
    AUTO(X509_NAME) *name = test_name("CN=Root,O=Example");
    struct certificate_plan plan = test_ca_plan(key, name, NULL);
    plan.key_usage = usage;
    return test_issue(&plan, key);
}

static struct crl_plan make_plan(const X509 *issuer) {
    return (struct crl_plan){
        .issuer = issuer,
        .number = INT64_C(1795238400123),
        .this_update_us = test_time("2026-11-21T00:00:00Z"),
        .next_update_us = test_time("2026-11-28T00:00:00Z"),
    };
}

static void reasons(void **state) {
    (void)state;
    for (int reason = -2; reason < 20; reason++) {
        const char *name = reason_name(reason);
        bool known = reason >= 0 && reason <= 10 && reason != 7;
        assert_int_equal(name != NULL, known);
        if (known)
            assert_int_equal(reason_from_name(name), reason);
    }
    assert_string_equal(reason_name(REASON_CA_COMPROMISE), "cACompromise");
    assert_int_equal(reason_from_name("KeyCompromise"), -1);
    assert_int_equal(reason_from_name(""), -1);
    assert_int_equal(reason_from_name(NULL), -1);
}

static const X509_REVOKED *find(X509_CRL *crl, struct view serial) {
    AUTO(BIGNUM) *number = BN_bin2bn(serial.at, (int)serial.len, NULL);
    AUTO(ASN1_INTEGER) *integer = BN_to_ASN1_INTEGER(number, NULL);
    X509_REVOKED *revoked = NULL;
    return X509_CRL_get0_by_serial(crl, &revoked, integer) == 1 ? revoked : NULL;
}

static void check_entry(const X509_REVOKED *revoked, const struct crl_entry *entry) {
    struct error err = {0};
    int64_t us = 0;
    assert_non_null(revoked);
    expect_done(asn1_time_to_us(X509_REVOKED_get0_revocationDate(revoked), &us, &err), &err,
                "date");
    assert_int_equal(us, entry->revoked_us);
    AUTO(ASN1_ENUMERATED) *reason = X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, NULL, NULL);
    assert_int_equal(reason != NULL, entry->reason != REASON_UNSPECIFIED);
    if (reason != NULL)
        assert_int_equal(ASN1_ENUMERATED_get(reason), entry->reason);
    AUTO(ASN1_GENERALIZEDTIME) *since =
        X509_REVOKED_get_ext_d2i(revoked, NID_invalidity_date, NULL, NULL);
    assert_int_equal(since != NULL, entry->invalidity_us != 0);
    if (since != NULL) {
        expect_done(asn1_time_to_us(since, &us, &err), &err, "invalidity date");
        assert_int_equal(us, entry->invalidity_us);
        assert_int_equal(ASN1_STRING_type(since), V_ASN1_GENERALIZEDTIME);
    }
}

/* OpenSSL's own verifier of chains, with CRL checks: the last word. */
static int verify(X509 *root, X509 *leaf, X509_CRL *crl) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_time(param, (time_t)(test_time("2026-11-22T00:00:00Z") / US_PER_SECOND));
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_X509_STRICT);
    X509_STORE_add_cert(store, root);
    X509_STORE_add_crl(store, crl);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    int done = X509_verify_cert(ctx), why = X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return done == 1 ? X509_V_OK : why;
}

static void every_key_type(void **state) {
    static const char *const types[] = {
        "RSA-2048", "P-256",     "P-384",     "P-521",     "Ed25519",
        "Ed448",    "ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "SLH-DSA-SHA2-128f"};
    static const uint8_t good_serial[] = {0x10}, bad_serial[] = {0x00, 0xff, 0x02};
    (void)state;
    AUTO(X509_NAME) *leaf_name = test_name("CN=leaf");
    for (size_t i = 0; i < COUNT(types); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct view der;
        EVP_PKEY *key = test_key(types[i]);
        AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        struct certificate_plan plan = test_plan(test_key("P-256"), leaf_name, root);
        plan.serial = view_of(good_serial, sizeof good_serial);
        AUTO(X509) *good = test_issue(&plan, key);
        plan.serial = view_of(bad_serial, sizeof bad_serial);
        AUTO(X509) *bad = test_issue(&plan, key);

        struct crl_entry entries[] = {
            {plan.serial, test_time("2026-11-20T12:00:00Z"), REASON_KEY_COMPROMISE,
             test_time("2026-11-01T00:00:00Z")},
            {VIEW_LITERAL("\x01"), test_time("2050-01-01T00:00:00Z"), REASON_UNSPECIFIED, 0},
            {VIEW_LITERAL("\x02"), test_time("2026-11-20T12:00:00Z"), REASON_CERTIFICATE_HOLD, 0},
        };
        struct crl_plan crl_plan = make_plan(root);
        crl_plan.entries = entries;
        crl_plan.entry_count = COUNT(entries);
        bool done = crl_build(arena, &crl_plan, key, key_type_digest(types[i]), &der, &err);
        expect_done(done, &err, types[i]);

        const unsigned char *next = der.at;
        AUTO(X509_CRL) *crl = d2i_X509_CRL(NULL, &next, (long)der.len);
        assert_non_null(crl);
        assert_ptr_equal(next, der.at + der.len);
        for (size_t e = 0; e < COUNT(entries); e++)
            check_entry(find(crl, entries[e].serial), &entries[e]);
        AUTO(ASN1_INTEGER) *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
        int64_t value = 0;
        assert_int_equal(ASN1_INTEGER_get_int64(&value, number), 1);
        assert_int_equal(value, crl_plan.number);
        assert_int_equal(verify(root, good, crl), X509_V_OK);
        assert_int_equal(verify(root, bad, crl), X509_V_ERR_CERT_REVOKED);
        expect_clean_queue(types[i]);
    }
}

static void empty_list(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view der;
    EVP_PKEY *key = test_key("P-256");
    AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    struct crl_plan plan = make_plan(root);
    (void)state;
    expect_done(crl_build(arena, &plan, key, EVP_sha256(), &der, &err), &err, "empty");
    const unsigned char *next = der.at;
    AUTO(X509_CRL) *crl = d2i_X509_CRL(NULL, &next, (long)der.len);
    /* rfc5280#5.1.2.6: absent when nothing is revoked */
    assert_null(X509_CRL_get_REVOKED(crl));
    assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
}

static void bad_plans(void **state) {
    static const struct crl_entry bad_entries[] = {
        {VIEW_LITERAL(""), 0, 0, 0},   {VIEW_LITERAL("123456789012345678901"), 0, 0, 0},
        {VIEW_LITERAL("1"), 0, 7, 0},  {VIEW_LITERAL("1"), 0, -1, 0},
        {VIEW_LITERAL("1"), 0, 11, 0}, {VIEW_LITERAL("1"), 0, REASON_REMOVE_FROM_CRL, 0},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    EVP_PKEY *key = test_key("P-256");
    AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    AUTO(X509) *no_crl_sign = make_ca(key, KU_KEY_CERT_SIGN);
    struct error err = {0};
    struct view der = VIEW_LITERAL("poison");
    struct crl_plan plan;
    (void)state;
    for (size_t i = 0; i < COUNT(bad_entries); i++) {
        plan = make_plan(root);
        plan.entries = &bad_entries[i];
        plan.entry_count = 1;
        assert_false(crl_build(arena, &plan, key, EVP_sha256(), &der, &err));
        expect_error(&err, ERROR_MALFORMED, "malformed-plan", "CRL");
    }
    plan = make_plan(root);
    plan.number = -1;
    assert_false(crl_build(arena, &plan, key, EVP_sha256(), &der, &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-plan", "rfc5280#5.2.3");
    plan = make_plan(root);
    plan.next_update_us = plan.this_update_us;
    assert_false(crl_build(arena, &plan, key, EVP_sha256(), &der, &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-plan", "rfc5280#5.1.2.5");
    plan = make_plan(no_crl_sign);
    assert_false(crl_build(arena, &plan, key, EVP_sha256(), &der, &err));
    expect_error(&err, ERROR_POLICY, "lint", "cRLSign");
    plan = make_plan(root);
    assert_false(crl_build(arena, &plan, test_key("P-384"), EVP_sha384(), &der, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_true(view_is(der, "poison"));
    expect_clean_queue("plans");
}

/* Time per entry must not grow with the number of entries. */
static void many_entries(void **state) {
    enum { SMALL = 2000, LARGE = 40000 };
    EVP_PKEY *key = test_key("P-256");
    AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    int64_t spent[2];
    (void)state;
    for (int round = 0; round < 2; round++) {
        size_t count = round == 0 ? SMALL : LARGE;
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct view der;
        uint8_t(*serials)[16] = arena_array(arena, count, sizeof *serials);
        struct crl_entry *entries = arena_array(arena, count, sizeof *entries);
        for (size_t i = 0; i < count; i++) {
            random_bytes(serials[i], sizeof serials[i]);
            serials[i][0] = 0x40;
            entries[i] = (struct crl_entry){
                view_of(serials[i], 16), test_time("2026-01-01T00:00:00Z"), REASON_SUPERSEDED, 0};
        }
        struct crl_plan plan = make_plan(root);
        plan.entries = entries;
        plan.entry_count = count;
        int64_t start = clock_monotonic_us();
        expect_done(crl_build(arena, &plan, key, EVP_sha256(), &der, &err), &err, "many");
        spent[round] = clock_monotonic_us() - start;
        assert_true(der.len > count * 40);
    }
    /* 20 times the entries; quadratic would be 400 times the time */
    assert_true(spent[1] < 120 * spent[0] + US_PER_SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons),   cmocka_unit_test(every_key_type), cmocka_unit_test(empty_list),
        cmocka_unit_test(bad_plans), cmocka_unit_test(many_entries),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_keys_free();
    return failed;
}
