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

/* --- written as OpenSSL would write it ------------------------------------------------------------------ */

static const struct crl_entry odd_entries[] = {
    {VIEW_LITERAL("\x01"), INT64_C(-631152001) * 1000000, REASON_UNSPECIFIED, 0}, /* 1949: GeneralizedTime */
    {VIEW_LITERAL("\x7f"), INT64_C(-631152000) * 1000000, REASON_KEY_COMPROMISE, 0}, /* 1950: UTCTime */
    {VIEW_LITERAL("\x80"), 0, REASON_AA_COMPROMISE, 1},
    {VIEW_LITERAL("\x00\x00\x81\x00"), INT64_C(951782399) * 1000000, REASON_UNSPECIFIED, INT64_C(951782400) * 1000000},
    {VIEW_LITERAL("\x01\x00"), INT64_C(2524607999) * 1000000 + 999999, REASON_SUPERSEDED, 0}, /* end of 2049 */
    {VIEW_LITERAL("\x02\x00"), INT64_C(2524608000) * 1000000, REASON_CERTIFICATE_HOLD, 0},
    {VIEW_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
     INT64_C(253402300799) * 1000000, REASON_PRIVILEGE_WITHDRAWN, INT64_C(253402300799) * 1000000},
};

/* Decoded and encoded again by OpenSSL, every octet is the same. */
static void as_openssl_writes(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    EVP_PKEY *key = test_key("P-256");
    AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    (void)state;
    for (size_t count = 0; count <= COUNT(odd_entries); count++) {
        struct crl_plan plan = make_plan(root);
        struct view der;
        plan.entries = odd_entries;
        plan.entry_count = count;
        expect_done(crl_build(arena, &plan, key, EVP_sha256(), &der, &err), &err, "odd");
        const unsigned char *next = der.at;
        AUTO(X509_CRL) *crl = d2i_X509_CRL(NULL, &next, (long)der.len);
        assert_non_null(crl);
        unsigned char *again = NULL;
        STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);
        assert_int_equal(list == NULL ? 0 : sk_X509_REVOKED_num(list), count);
        assert_int_equal(X509_CRL_verify(crl, key), 1);
        X509_CRL_sort(crl);
        for (size_t i = 0; i < count; i++)
            if (odd_entries[i].invalidity_us != 1)
                check_entry(find(crl, odd_entries[i].serial),
                            &(struct crl_entry){odd_entries[i].serial,
                                                odd_entries[i].revoked_us / 1000000 * 1000000,
                                                odd_entries[i].reason, odd_entries[i].invalidity_us});
        /* each entry alone, encoded anew from its values */
        for (size_t i = 0; i < count; i++) {
            int len = i2d_X509_REVOKED(sk_X509_REVOKED_value(list, (int)i), &again);
            assert_true(len > 0);
            assert_non_null(memmem(der.at, der.len, again, (size_t)len));
            OPENSSL_free(again);
            again = NULL;
        }
    }
    expect_clean_queue("odd");
}

static void extensions(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view der;
    EVP_PKEY *key = test_key("P-256");
    AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    const struct crl_entry removed = {VIEW_LITERAL("\x09"), 0, REASON_REMOVE_FROM_CRL, 0};
    struct crl_plan plan = make_plan(root);
    struct crl_facts facts;
    (void)state;
    plan.freshest_url = "http://example.test/delta.crl";
    plan.distribution_url = "http://example.test/4-2.crl";
    plan.expired_since_us = test_time("2020-01-01T00:00:00Z");
    expect_done(crl_build(arena, &plan, key, EVP_sha256(), &der, &err), &err, "complete");
    const unsigned char *next = der.at;
    AUTO(X509_CRL) *crl = d2i_X509_CRL(NULL, &next, (long)der.len);
    int critical = -1;
    AUTO(ISSUING_DIST_POINT) *idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
    assert_non_null(idp);
    assert_int_equal(critical, 1);
    expect_done(crl_read(der, &facts, &err), &err, "named");
    assert_true(facts.named && !facts.partition && !facts.indirect);
    AUTO(CRL_DIST_POINTS) *freshest = X509_CRL_get_ext_d2i(crl, NID_freshest_crl, &critical, NULL);
    assert_non_null(freshest);
    assert_int_equal(critical, 0);
    AUTO(ASN1_OBJECT) *expired = OBJ_txt2obj("2.5.29.60", 1);
    assert_true(X509_CRL_get_ext_by_OBJ(crl, expired, -1) >= 0);
    expect_done(crl_read(der, &facts, &err), &err, "complete");
    assert_int_equal(facts.base_number.len, 0);

    plan = make_plan(root);
    plan.delta = true;
    plan.base_number = plan.number - 1;
    plan.entries = &removed;
    plan.entry_count = 1;
    expect_done(crl_build(arena, &plan, key, EVP_sha256(), &der, &err), &err, "delta");
    next = der.at;
    AUTO(X509_CRL) *delta = d2i_X509_CRL(NULL, &next, (long)der.len);
    AUTO(ASN1_INTEGER) *base = X509_CRL_get_ext_d2i(delta, NID_delta_crl, &critical, NULL);
    int64_t number = 0;
    assert_int_equal(ASN1_INTEGER_get_int64(&number, base), 1);
    assert_int_equal(number, plan.base_number);
    assert_int_equal(critical, 1);
    expect_done(crl_read(der, &facts, &err), &err, "delta");
    assert_true(facts.base_number.len > 0);
    plan.base_number = plan.number;
    assert_false(crl_build(arena, &plan, key, EVP_sha256(), &der, &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-plan", "rfc5280#5.2.4");
    expect_clean_queue("extensions");
}

/* --- reading -------------------------------------------------------------------------------------------- */

static void read_back(void **state) {
    static const char *const types[] = {"RSA-2048", "P-384", "Ed25519", "Ed448", "ML-DSA-65", "SLH-DSA-SHA2-128f"};
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct view der;
        EVP_PKEY *key = test_key(types[t]);
        AUTO(X509) *root = make_ca(key, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        AUTO(X509) *other = make_ca(test_key("P-256"), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        struct crl_plan plan = make_plan(root);
        struct crl_facts facts;
        struct crl_entry entry;
        plan.entries = odd_entries;
        plan.entry_count = COUNT(odd_entries);
        expect_done(crl_build(arena, &plan, key, key_type_digest(types[t]), &der, &err), &err, types[t]);
        expect_done(crl_read(der, &facts, &err), &err, types[t]);
        assert_int_equal(facts.this_update_us, plan.this_update_us);
        assert_int_equal(facts.next_update_us, plan.next_update_us);
        assert_true(facts.authority_key.len == 20 && facts.number.len > 0 && !facts.partition && !facts.named);
        for (size_t i = 0; i < COUNT(odd_entries); i++) {
            assert_true(crl_next(&facts.entries, &entry, &err));
            assert_int_equal(entry.reason, odd_entries[i].reason);
            int64_t want = odd_entries[i].revoked_us, second = want / 1000000 - (want % 1000000 < 0);
            assert_int_equal(entry.revoked_us, second * 1000000);
        }
        assert_false(crl_next(&facts.entries, &entry, &err));
        assert_int_equal(err.kind, ERROR_NONE);
        expect_done(crl_verify(der, root, &err), &err, types[t]);
        assert_false(crl_verify(der, other, &err));
        expect_error(&err, ERROR_POLICY, "crl-signature", "CRL");
        /* every octet counts: broken ones are refused, by the outline or by the signature */
        for (size_t i = 0; i < der.len; i += 1 + der.len / 97) {
            uint8_t *broken = arena_alloc(arena, der.len);
            memcpy(broken, der.at, der.len);
            broken[i] ^= 0x20;
            assert_false(crl_read(view_of(broken, der.len), &facts, &err) &&
                         crl_verify(view_of(broken, der.len), root, &err));
        }
        assert_false(crl_read(view_of(der.at, der.len - 1), &facts, &err));
        expect_error(&err, ERROR_MALFORMED, "crl", "CRL");
        expect_clean_queue(types[t]);
    }
}

static void hostile_lists(void **state) {
    static const struct {
        const char *label;
        struct view der;
    } rows[] = {
        {"empty", {NULL, 0}},
        {"one octet", VIEW_LITERAL("\x30")},
        {"indefinite", VIEW_LITERAL("\x30\x80\x00\x00")},
        {"longer than it is", VIEW_LITERAL("\x30\x84\xff\xff\xff\xff")},
        {"five octets of length", VIEW_LITERAL("\x30\x85\x00\x00\x00\x00\x00")},
        {"empty sequence", VIEW_LITERAL("\x30\x00")},
        {"tbs is no sequence", VIEW_LITERAL("\x30\x02\x02\x00")},
        {"text", VIEW_LITERAL("-----BEGIN X509 CRL-----")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        struct crl_facts facts;
        assert_false(crl_read(rows[i].der, &facts, &err));
        expect_error(&err, ERROR_MALFORMED, "crl", "CRL");
    }
    static const struct view entries[] = {
        VIEW_LITERAL("\x30\x00"),
        VIEW_LITERAL("\x30\x80\x02\x01\x01"),
        VIEW_LITERAL("\x30\x05\x02\x01\x01\x17\x00"),
        VIEW_LITERAL("\x30\x12\x02\x01\x01\x17\x0d" "261321000000Z"), /* month 13 */
        VIEW_LITERAL("\x30\x12\x02\x01\x01\x17\x0d" "260230000000Z"), /* 30 February */
        VIEW_LITERAL("\x30\x12\x02\x01\x01\x17\x0d" "260221000000+"),
        VIEW_LITERAL("\x30\x20\x02\x01\x01\x17\x0d" "260221000000Z\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x07"),
        VIEW_LITERAL("\x30\x1c\x02\x01\x01\x17\x0d" "260221000000Z\x30\x08\x30\x06\x06\x01\x2a\x01\x01\xff"),
    };
    for (size_t i = 0; i < COUNT(entries); i++) {
        struct error err = {0};
        struct crl_entry entry;
        struct view rest = entries[i];
        assert_false(crl_next(&rest, &entry, &err));
        expect_error(&err, ERROR_MALFORMED, "crl", "CRL");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons),   cmocka_unit_test(every_key_type), cmocka_unit_test(empty_list),
        cmocka_unit_test(bad_plans), cmocka_unit_test(many_entries),
        cmocka_unit_test(as_openssl_writes), cmocka_unit_test(extensions),
        cmocka_unit_test(read_back), cmocka_unit_test(hostile_lists),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_keys_free();
    return failed;
}
