/* Our tokens as OpenSSL's own readers see them: TS for RSA and ECDSA, CMS for the rest. */
#include "fixture.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/cms.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <pthread.h>
#include <string.h>

static struct view stamp(struct fixture *f, struct arena *arena) {
    struct http_response response;
    struct error err = {0};
    assert_true(fixture_post(f, arena, fixture_query(arena), &response, &err));
    assert_int_equal(response.status, 200);
    return response.body;
}

static TS_RESP *read_reply(struct view der) {
    const unsigned char *at = der.at;
    TS_RESP *reply = d2i_TS_RESP(NULL, &at, (long)der.len);
    assert_non_null(reply);
    assert_ptr_equal(at, der.at + der.len);
    return reply;
}

static long status_of(struct view der) {
    TS_RESP *reply = read_reply(der);
    long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(reply)));
    TS_RESP_free(reply);
    return status;
}

/* DER comes out as it went in: our writer sorts sets and writes lengths as OpenSSL does. */
static void assert_der(TS_RESP *reply, struct view der) {
    unsigned char *again = NULL;
    int len = i2d_TS_RESP(reply, &again);
    assert_int_equal(len, der.len);
    assert_memory_equal(again, der.at, der.len);
    OPENSSL_free(again);
}

static void verify_by_ts(struct fixture *f, struct view reply_der, struct view query_der) {
    const unsigned char *at = query_der.at;
    TS_REQ *query = d2i_TS_REQ(NULL, &at, (long)query_der.len);
    TS_RESP *reply = read_reply(reply_der);
    TS_VERIFY_CTX *check = TS_REQ_to_TS_VERIFY_CTX(query, NULL);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, f->certificate);
    TS_VERIFY_CTX_set0_store(check, store);
    TS_VERIFY_CTX_add_flags(check, TS_VFY_SIGNATURE);
    assert_int_equal(TS_RESP_verify_response(check, reply), 1);
    assert_der(reply, reply_der);
    TS_VERIFY_CTX_free(check);
    TS_RESP_free(reply);
    TS_REQ_free(query);
}

static void verify_by_cms(struct fixture *f, struct view reply_der) {
    TS_RESP *reply = read_reply(reply_der);
    unsigned char *der = NULL;
    int len = i2d_PKCS7(TS_RESP_get_token(reply), &der);
    const unsigned char *at = der;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, len);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, f->certificate);
    X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
    assert_int_equal(CMS_verify(cms, NULL, store, NULL, NULL, CMS_BINARY), 1);
    X509_STORE_free(store);
    CMS_ContentInfo_free(cms);
    OPENSSL_free(der);
    TS_RESP_free(reply);
}

static void test_algorithms(void **state) {
    static const char *const types[] = {"EC", "RSA", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct fixture *f = fixture_new(types[i]);
        struct view reply = stamp(f, arena);
        if (i < 2)
            verify_by_ts(f, reply, fixture_query(arena));
        verify_by_cms(f, reply);
        fixture_free(f);
    }
}

static void test_options(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fixture *f = fixture_new("EC");
    f->document = "{\"policies\":[\"1.2.3.4\"],\"accuracy\":{\"seconds\":2,\"micros\":7},\"ordering\":true,"
                  "\"serialLength\":20,\"tsaName\":true,\"logTokens\":true,\"signatureDigest\":\"SHA-384\"}";
    struct view der = stamp(f, arena);
    verify_by_ts(f, der, fixture_query(arena));
    TS_RESP *reply = read_reply(der);
    TS_TST_INFO *info = TS_RESP_get_tst_info(reply);
    char policy[32];
    OBJ_obj2txt(policy, sizeof policy, TS_TST_INFO_get_policy_id(info), 1);
    assert_string_equal(policy, "1.2.3.4");
    assert_int_equal(ASN1_INTEGER_get(TS_ACCURACY_get_seconds(TS_TST_INFO_get_accuracy(info))), 2);
    assert_null(TS_ACCURACY_get_millis(TS_TST_INFO_get_accuracy(info)));
    assert_int_equal(ASN1_INTEGER_get(TS_ACCURACY_get_micros(TS_TST_INFO_get_accuracy(info))), 7);
    assert_true(TS_TST_INFO_get_ordering(info));
    assert_int_equal(ASN1_STRING_length(TS_TST_INFO_get_serial(info)), 20);
    assert_non_null(TS_TST_INFO_get_tsa(info));
    assert_int_equal(TS_TST_INFO_get_ext_count(info), 0);
    const PKCS7_SIGNER_INFO *signer = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(TS_RESP_get_token(reply)), 0);
    assert_int_equal(OBJ_obj2nid(signer->digest_alg->algorithm), NID_sha384);
    assert_int_equal(OBJ_obj2nid(signer->digest_enc_alg->algorithm), NID_ecdsa_with_SHA384);
    assert_int_equal(f->kept, 1);
    TS_RESP_free(reply);
    fixture_free(f);
}

/* rfc3161#2.4.1: without certReq there must be no certificates field; the token is right all the same. */
static void test_no_certificates(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fixture *f = fixture_new("RSA");
    struct http_response response;
    struct error err = {0};
    struct view query = fixture_query(arena), plain = arena_copy(arena, query.at, query.len - 3); /* certReq is the last */
    ((uint8_t *)(uintptr_t)plain.at)[1] -= 3;
    assert_true(fixture_post(f, arena, plain, &response, &err));
    TS_RESP *reply = read_reply(response.body);
    PKCS7 *token = TS_RESP_get_token(reply);
    assert_null(token->d.sign->cert);
    assert_null(token->d.sign->crl);
    assert_der(reply, response.body);
    STACK_OF(X509) *known = sk_X509_new_null();
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, f->certificate);
    X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
    sk_X509_push(known, f->certificate);
    assert_int_equal(PKCS7_verify(token, known, store, NULL, NULL, PKCS7_BINARY), 1);
    sk_X509_free(known);
    X509_STORE_free(store);
    TS_RESP_free(reply);
    fixture_free(f);
}

/* ETSI EN 319 421, 7.7.2: a clock that nobody compares gives no qualified timestamp. */
static void test_qualified(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fixture *f = fixture_new("EC");
    f->document = "{\"qualified\":true,\"policies\":[\"1.2.3.4\"]}";
    struct view der = stamp(f, arena);
    assert_int_equal(status_of(der), 2);
    TS_RESP *reply = read_reply(der);
    const ASN1_BIT_STRING *failure = TS_STATUS_INFO_get0_failure_info(TS_RESP_get_status_info(reply));
    assert_int_equal(ASN1_BIT_STRING_get_bit(failure, TSP_TIME_NOT_AVAILABLE), 1);
    TS_RESP_free(reply);
    f->document = "{\"policies\":[\"1.2.3.4\"]}";
    tsp_forget(f->tsp);
    assert_int_equal(status_of(stamp(f, arena)), 0);
    fixture_free(f);
}

static int64_t fixed_now;
static int64_t fixed_clock(void) {
    return fixed_now;
}

/* rfc3161#2.4.2: no trailing zeros, no point before nothing. */
static void test_times(void **state) {
    static const struct {
        int64_t fraction;
        const char *text;
    } rows[] = {{0, "Z"}, {1, ".000001Z"}, {100000, ".1Z"}, {120000, ".12Z"}, {123456, ".123456Z"}, {999999, ".999999Z"}};
    (void)state;
    struct fixture *f = fixture_new("EC");
    f->document = "{\"accuracy\":{\"micros\":9}}";
    int64_t base = clock_now_us() / US_PER_SECOND * US_PER_SECOND;
    clock_set(fixed_clock);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        fixed_now = base + rows[i].fraction;
        tsp_clock_look(f->clock);
        TS_RESP *reply = read_reply(stamp(f, arena));
        const ASN1_GENERALIZEDTIME *time = TS_TST_INFO_get_time(TS_RESP_get_tst_info(reply));
        assert_int_equal(ASN1_STRING_length(time), 14 + strlen(rows[i].text));
        assert_memory_equal(ASN1_STRING_get0_data(time) + 14, rows[i].text, strlen(rows[i].text));
        TS_RESP_free(reply);
    }
    clock_set(NULL);
    fixture_free(f);
}

/* The signature over a signature: as a PKCS #7 that carries the signature as its content. */
static void test_authenticode(void **state) {
    static const char *const types[] = {"EC", "RSA"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct fixture *f = fixture_new(types[i]);
        struct view request, der;
        struct http_response response;
        struct error err = {0};
        assert_true(hex_decode(arena, view_text("3023060a2b060104018237030201301506092a864886f70d010701a0080406736967736967"),
                               &request));
        assert_true(fixture_post(f, arena, view_text(base64_encode(arena, request)), &response, &err));
        assert_true(base64_decode(arena, response.body, &der));
        const unsigned char *at = der.at;
        PKCS7 *token = d2i_PKCS7(NULL, &at, (long)der.len);
        X509_STORE *store = X509_STORE_new();
        X509_STORE_add_cert(store, f->certificate);
        X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
        BIO *content = BIO_new(BIO_s_mem());
        assert_int_equal(PKCS7_verify(token, NULL, store, NULL, content, PKCS7_BINARY), 1);
        char text[16] = "";
        assert_int_equal(BIO_read(content, text, sizeof text), 6);
        assert_string_equal(text, "sigsig");
        BIO_free(content);
        X509_STORE_free(store);
        PKCS7_free(token);
        f->document = "{\"authenticode\":false}";
        tsp_forget(f->tsp);
        assert_false(fixture_post(f, arena, view_text(base64_encode(arena, request)), &response, &err));
        assert_string_equal(err.type, "tsa-authenticode");
        fixture_free(f);
    }
}

static void test_certificate_rules(void **state) {
    static const struct {
        const char *usage, *key_usage;
        bool ok;
    } rows[] = {
        {"critical,timeStamping", "critical,digitalSignature", true},
        {"critical,timeStamping", "nonRepudiation", true},
        {"critical,timeStamping", NULL, true},
        {"timeStamping", "critical,digitalSignature", false},
        {"critical,timeStamping,codeSigning", "critical,digitalSignature", false},
        {"critical,codeSigning", "critical,digitalSignature", false},
        {NULL, "critical,digitalSignature", false},
        {"critical,timeStamping", "critical,digitalSignature,keyCertSign", false},
        {"critical,timeStamping", "critical,keyEncipherment", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO(X509) *certificate = X509_new();
        struct error err = {0};
        if (rows[i].usage != NULL) {
            AUTO(X509_EXTENSION) *e = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, rows[i].usage);
            X509_add_ext(certificate, e, -1);
        }
        if (rows[i].key_usage != NULL) {
            AUTO(X509_EXTENSION) *e = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, rows[i].key_usage);
            X509_add_ext(certificate, e, -1);
        }
        if (tsp_certificate_check(certificate, &err) != rows[i].ok)
            fail_msg("row %zu: %s", i, err.message);
    }
}

/* The issuer read last goes on while the database is away; a refusal by the clock is a TimeStampResp. */
static void test_outage(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fixture *f = fixture_new("EC");
    struct http_response response;
    struct error err = {0};
    assert_int_equal(status_of(stamp(f, arena)), 0);
    int loads = f->loads;
    assert_int_equal(status_of(stamp(f, arena)), 0);
    assert_int_equal(f->loads, loads);
    f->away = true;
    tsp_forget(f->tsp);
    assert_int_equal(status_of(stamp(f, arena)), 0);
    assert_int_equal(f->loads, loads + 1);
    fixed_now = clock_now_us() - 10 * US_PER_SECOND; /* somebody has set the clock back */
    clock_set(fixed_clock);
    assert_int_equal(status_of(stamp(f, arena)), 2);
    tsp_clock_look(f->clock);
    assert_int_equal(status_of(stamp(f, arena)), 0);
    fixed_now += 31 * US_PER_DAY; /* the certificate is over */
    tsp_clock_look(f->clock);
    assert_int_equal(status_of(stamp(f, arena)), 2);
    clock_set(NULL);
    (void)response, (void)err;
    fixture_free(f);
}

#define THREADS 8
#define EACH 50

static void *many(void *context) {
    for (int i = 0; i < EACH; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        if (status_of(stamp(context, arena)) != 0)
            return context;
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    struct fixture *f = fixture_new("EC");
    pthread_t ids[THREADS];
    void *failed;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, many, f), 0);
    for (int i = 0; i < 20; i++)
        tsp_forget(f->tsp);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(tsp_counts(f->tsp).granted, THREADS * EACH);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms),   cmocka_unit_test(test_options),
        cmocka_unit_test(test_no_certificates), cmocka_unit_test(test_qualified),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_authenticode),
        cmocka_unit_test(test_certificate_rules), cmocka_unit_test(test_outage),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("timestamp tokens", tests, NULL, NULL);
}
