/* OpenSSL's own functions with keys that are only in the signer: certificates, requests, CRLs,
 * OCSP, CMS, time stamps, TLS; for every key type of the token. */
#include "harness.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/ts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

static struct harness harness;

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) <= 0) {                                                                         \
            struct error err_ = {0};                                                               \
            signer_take_error(&err_);                                                              \
            ERR_print_errors_fp(stderr);                                                           \
            fail_msg("%s: %s (signer: %s %s)", type, #call, err_.message, err_.detail);            \
        }                                                                                          \
    } while (0)

static void check_certificate(const char *type, struct test_key *test) {
    CHECK(X509_verify(test->certificate, test->public_key));
    CHECK(X509_verify(test->certificate, test->key));
    CHECK(X509_check_private_key(test->certificate, test->key));
    CHECK(EVP_PKEY_eq(test->key, test->public_key));
    CHECK(EVP_PKEY_eq(test->public_key, test->key));
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(test->key)), "gatehouse");
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(test->public_key)),
                        "default");
}

static void check_request(const char *type, struct test_key *test) {
    X509_REQ *request = X509_REQ_new();
    CHECK(X509_REQ_set_version(request, X509_REQ_VERSION_1));
    CHECK(X509_REQ_set_pubkey(request, test->key));
    CHECK(X509_REQ_sign(request, test->key, test->md));
    CHECK(X509_REQ_verify(request, test->public_key));
    CHECK(X509_REQ_verify(request, test->key));
    X509_REQ_free(request);
}

static void check_crl(const char *type, struct test_key *test) {
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(test->certificate));
    X509_CRL_set1_lastUpdate(crl, now);
    CHECK(X509_CRL_sign(crl, test->key, test->md));
    CHECK(X509_CRL_verify(crl, test->public_key));
    ASN1_TIME_free(now);
    X509_CRL_free(crl);
}

static void check_ocsp(const char *type, struct test_key *test) {
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), test->certificate, test->certificate);
    assert_non_null(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, now, NULL));
    CHECK(OCSP_basic_sign(basic, test->certificate, test->key, test->md, NULL, 0));
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, test->certificate);
    CHECK(OCSP_basic_verify(basic, NULL, store, 0));
    X509_STORE_free(store);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    ASN1_TIME_free(now);
}

/* EdDSA, ML-DSA and SLH-DSA need a digest by name here: the one of the signed attributes. */
static void check_cms(const char *type, struct test_key *test) {
    static const char text[] = "a signed message";
    const EVP_MD *md = test->md != NULL ? test->md : EVP_sha512();
    BIO *in = BIO_new_mem_buf(text, sizeof text - 1), *out = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, CMS_PARTIAL | CMS_BINARY);
    assert_non_null(cms);
    CHECK(CMS_add1_signer(cms, test->certificate, test->key, md, CMS_BINARY) != NULL);
    CHECK(CMS_final(cms, in, NULL, CMS_BINARY));
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, test->certificate);
    X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
    CHECK(CMS_verify(cms, NULL, store, NULL, out, CMS_BINARY));
    X509_STORE_free(store);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    BIO_free(out);
}

static void check_nothing_private(const char *type, struct test_key *test) {
    unsigned char *der = NULL;
    BIGNUM *number = NULL;
    OSSL_PARAM *params = NULL;
    unsigned char raw[8192];
    size_t len = sizeof raw;
    (void)type;
    assert_true(i2d_PrivateKey(test->key, &der) <= 0);
    assert_int_not_equal(EVP_PKEY_get_bn_param(test->key, OSSL_PKEY_PARAM_RSA_D, &number), 1);
    assert_int_not_equal(EVP_PKEY_get_bn_param(test->key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
    assert_int_not_equal(EVP_PKEY_get_raw_private_key(test->key, raw, &len), 1);
    assert_int_not_equal(EVP_PKEY_todata(test->key, EVP_PKEY_KEYPAIR, &params), 1);
    assert_null(number);
    BIO *out = BIO_new(BIO_s_mem());
    assert_int_not_equal(PEM_write_bio_PrivateKey(out, test->key, NULL, NULL, 0, NULL, NULL), 1);
    BIO_free(out);
    ERR_clear_error();
}

static void check_stream(const char *type, struct test_key *test) {
    unsigned char signature[1024];
    size_t len = sizeof signature;
    if (test->md == NULL)
        return;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(ctx, NULL, test->md, NULL, test->key));
    CHECK(EVP_DigestSignUpdate(ctx, "one ", 4));
    CHECK(EVP_DigestSignUpdate(ctx, "two", 3));
    CHECK(EVP_DigestSignFinal(ctx, signature, &len));
    EVP_MD_CTX_reset(ctx);
    CHECK(EVP_DigestVerifyInit(ctx, NULL, test->md, NULL, test->public_key));
    CHECK(EVP_DigestVerify(ctx, signature, len, (const unsigned char *)"one two", 7));
    EVP_MD_CTX_free(ctx);
}

static void every_key_type(void **state) {
    (void)state;
    for (const char *const *type = harness_key_types(&harness); *type != NULL; type++) {
        struct test_key test = test_key_make(&harness, *type, KEY_SIGN);
        check_certificate(*type, &test);
        check_request(*type, &test);
        check_crl(*type, &test);
        check_ocsp(*type, &test);
        check_cms(*type, &test);
        check_stream(*type, &test);
        check_nothing_private(*type, &test);
        test_key_free(&test);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* ---- RSA-PSS --------------------------------------------------------------------------------- */

static void certificates_with_pss(void **state) {
    static const struct {
        const EVP_MD *(*md)(void), *(*mgf)(void);
        int salt;
    } rows[] = {{EVP_sha256, EVP_sha256, RSA_PSS_SALTLEN_DIGEST},
                {EVP_sha384, EVP_sha256, 20},
                {EVP_sha512, EVP_sha512, RSA_PSS_SALTLEN_AUTO_DIGEST_MAX},
                {EVP_sha256, EVP_sha1, 0}};
    const char *type = "RSA-PSS";
    struct test_key test = test_key_make(&harness, "RSA-2048", KEY_SIGN);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *params;
        X509 *copy = X509_dup(test.certificate);
        if (!harness.softtoken && rows[i].md() != rows[i].mgf())
            goto next; /* SoftHSM2 wants both digests to be the same */
        CHECK(EVP_DigestSignInit(ctx, &params, rows[i].md(), NULL, test.key));
        CHECK(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING));
        CHECK(EVP_PKEY_CTX_set_rsa_mgf1_md(params, rows[i].mgf()));
        CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, rows[i].salt));
        CHECK(X509_sign_ctx(copy, ctx));
        assert_int_equal(X509_get_signature_nid(copy), NID_rsassaPss);
        CHECK(X509_verify(copy, test.public_key));
    next:
        X509_free(copy);
        EVP_MD_CTX_free(ctx);
    }
    test_key_free(&test);
}

/* ---- decryption ------------------------------------------------------------------------------ */

static void decrypt_cms(struct test_key *test, bool oaep, const EVP_MD *md) {
    static const char text[] = "a secret message";
    const char *type = oaep ? "OAEP" : "PKCS#1";
    char plain[64] = {0};
    BIO *in = BIO_new_mem_buf(text, sizeof text - 1), *out = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = CMS_encrypt(NULL, in, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
    CMS_RecipientInfo *recipient =
        CMS_add1_recipient_cert(cms, test->certificate, CMS_KEY_PARAM | CMS_USE_KEYID);
    assert_non_null(recipient);
    EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(recipient);
    if (oaep) {
        CHECK(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING));
        CHECK(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md));
    }
    CHECK(CMS_final(cms, in, NULL, CMS_BINARY));
    CHECK(CMS_decrypt(cms, test->key, test->certificate, NULL, out, CMS_BINARY));
    assert_int_equal(BIO_read(out, plain, sizeof plain), sizeof text - 1);
    assert_string_equal(plain, text);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    BIO_free(out);
}

static void decryption(void **state) {
    struct test_key test = test_key_make(&harness, "RSA-2048", KEY_SIGN | KEY_DECRYPT);
    (void)state;
    decrypt_cms(&test, false, NULL);
    decrypt_cms(&test, true, EVP_sha1());
    if (harness.softtoken) /* SoftHSM2 2.6 does OAEP with SHA-1 alone */
        decrypt_cms(&test, true, EVP_sha256());
    test_key_free(&test);
}

/* A wrong ciphertext gives other bytes or a plain failure, never a word on what was wrong with it.
 */
static void hostile_ciphertext(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view blob, spki;
    EVP_PKEY *key;
    unsigned char cipher[256] = {0}, plain[256];
    (void)state;
    assert_true(
        signer_generate(harness.signer, arena, "RSA-2048", KEY_DECRYPT, &blob, &spki, &err));
    assert_true(signer_managed_key(harness.signer, blob, spki, KEY_DECRYPT, &key, &err));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    for (int i = 0; i < 8; i++) {
        size_t len = sizeof plain;
        memset(cipher, i * 17, sizeof cipher);
        cipher[0] = 0;
        assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
        if (EVP_PKEY_decrypt(ctx, plain, &len, cipher, sizeof cipher) == 1) {
            assert_true(len <= 245);
            continue;
        }
        assert_true(signer_take_error(&err));
        assert_string_equal(err.type, "decryption-failed");
    }
    size_t len = sizeof plain;
    assert_int_not_equal(EVP_PKEY_decrypt(ctx, plain, &len, cipher, 17), 1);
    /* a key for decryption alone does not sign */
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key), 1);
    len = sizeof plain;
    assert_int_not_equal(EVP_DigestSign(md, plain, &len, (const unsigned char *)"x", 1), 1);
    assert_true(signer_take_error(&err));
    assert_string_equal(err.type, "key-unfit");
    assert_false(signer_take_error(&err));
    EVP_MD_CTX_free(md);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

/* ---- time stamps ----------------------------------------------------------------------------- */

static ASN1_INTEGER *ts_serial(TS_RESP_CTX *ctx, void *data) {
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    (void)ctx, (void)data;
    ASN1_INTEGER_set(serial, 5);
    return serial;
}

static X509 *ts_certificate(const char *type, struct test_key *test) {
    X509 *certificate = X509_dup(test->certificate);
    X509_EXTENSION *usage =
        X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "critical,timeStamping");
    X509_EXTENSION_free(
        X509_delete_ext(certificate, X509_get_ext_by_NID(certificate, NID_basic_constraints, -1)));
    CHECK(X509_add_ext(certificate, usage, -1));
    CHECK(X509_sign(certificate, test->key, test->md));
    X509_EXTENSION_free(usage);
    return certificate;
}

static BIO *ts_request(void) {
    TS_REQ *request = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    unsigned char digest[32] = {1};
    BIO *bio = BIO_new(BIO_s_mem());
    X509_ALGOR_set_md(algorithm, EVP_sha256());
    TS_MSG_IMPRINT_set_algo(imprint, algorithm);
    TS_MSG_IMPRINT_set_msg(imprint, digest, sizeof digest);
    TS_REQ_set_version(request, 1);
    TS_REQ_set_msg_imprint(request, imprint);
    TS_REQ_set_cert_req(request, 1);
    i2d_TS_REQ_bio(bio, request);
    TS_REQ_free(request);
    TS_MSG_IMPRINT_free(imprint);
    X509_ALGOR_free(algorithm);
    return bio;
}

static void time_stamps(void **state) {
    static const char *const types[] = {"RSA-2048", "P-256"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *type = types[i];
        struct test_key test = test_key_make(&harness, type, KEY_SIGN);
        X509 *certificate = ts_certificate(type, &test);
        TS_RESP_CTX *ctx = TS_RESP_CTX_new();
        ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
        CHECK(TS_RESP_CTX_set_signer_cert(ctx, certificate));
        CHECK(TS_RESP_CTX_set_signer_key(ctx, test.key));
        CHECK(TS_RESP_CTX_set_signer_digest(ctx, EVP_sha256()));
        CHECK(TS_RESP_CTX_set_def_policy(ctx, policy));
        CHECK(TS_RESP_CTX_add_md(ctx, EVP_sha256()));
        TS_RESP_CTX_set_serial_cb(ctx, ts_serial, NULL);
        BIO *request = ts_request();
        TS_RESP *response = TS_RESP_create_response(ctx, request);
        assert_non_null(response);
        assert_non_null(TS_RESP_get_token(response));
        X509_STORE *store = X509_STORE_new();
        X509_STORE_add_cert(store, certificate);
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        CHECK(TS_RESP_verify_signature(TS_RESP_get_token(response), NULL, store, NULL));
        X509_STORE_free(store);
        TS_RESP_free(response);
        BIO_free(request);
        ASN1_OBJECT_free(policy);
        TS_RESP_CTX_free(ctx);
        X509_free(certificate);
        test_key_free(&test);
    }
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static void handshake(const char *type, struct test_key *test, int version) {
    SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method()),
            *client_ctx = SSL_CTX_new(TLS_client_method());
    CHECK(SSL_CTX_use_certificate(server_ctx, test->certificate));
    CHECK(SSL_CTX_use_PrivateKey(server_ctx, test->key));
    CHECK(SSL_CTX_check_private_key(server_ctx));
    SSL_CTX_set_min_proto_version(client_ctx, version);
    SSL_CTX_set_max_proto_version(client_ctx, version);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client_ctx), test->certificate);
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
    SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
    BIO *left, *right;
    BIO_new_bio_pair(&left, 0, &right, 0);
    SSL_set_bio(server, left, left);
    SSL_set_bio(client, right, right);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < 20 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server));
         i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    CHECK(SSL_is_init_finished(client) && SSL_is_init_finished(server));
    assert_int_equal(SSL_version(client), version);
    SSL_free(server);
    SSL_free(client);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    ERR_clear_error();
}

static void tls_server(void **state) {
    static const struct {
        const char *type;
        bool tls12, softtoken_only;
    } rows[] = {{"RSA-2048", true, false},
                {"P-256", true, false},
                {"P-384", true, false},
                {"Ed25519", true, true},
                {"ML-DSA-65", false, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].softtoken_only && !harness.softtoken)
            continue;
        struct test_key test = test_key_make(&harness, rows[i].type, KEY_SIGN);
        handshake(rows[i].type, &test, TLS1_3_VERSION);
        if (rows[i].tls12)
            handshake(rows[i].type, &test, TLS1_2_VERSION);
        test_key_free(&test);
    }
}

/* ---- ordinary keys stay with the default provider ---------------------------------------------
 */

static void ordinary_keys(void **state) {
    static const char *const types[] = {"RSA", "EC", "ED25519", "ML-DSA-65"};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        EVP_PKEY *key = i == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                        : i == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
                                 : EVP_PKEY_Q_keygen(NULL, NULL, types[i]);
        assert_non_null(key);
        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "default");
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        unsigned char signature[8192];
        size_t len = sizeof signature;
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, i < 2 ? EVP_sha256() : NULL, NULL, key), 1);
        assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const unsigned char *)"x", 1), 1);
        assert_int_equal(ERR_peek_error(), 0);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, "RSA", NULL);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_SIGNATURE_get0_provider(signature)), "default");
    EVP_SIGNATURE_free(signature);
}

/* ---- keys from outside, in a token -------------------------------------------------------------- */

static EVP_PKEY *key_from_outside(const char *type) {
    if (strncmp(type, "RSA-", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 4));
    if (strncmp(type, "P-", 2) == 0 || strncmp(type, "brain", 5) == 0 || strncmp(type, "secp", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
    return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

/* What the token signs verifies by the key that was put in; a place that is taken is not written to. */
static void imported_into_a_token(void **state) {
    (void)state;
    for (const char *const *type = harness_key_types(&harness); *type != NULL; type++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        EVP_PKEY *outside = key_from_outside(*type), *key;
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(outside);
        unsigned char *der = NULL;
        static unsigned char signature[65536];
        int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
        struct token_key made;
        struct token_key_terms terms = {.uri = arena_printf(arena, "pkcs11:token=gatehouse;object=in-%s", *type),
                                        .pkcs8 = view_of(der, (size_t)len),
                                        .purpose = KEY_SIGN};
        if (!signer_token_key_put(harness.signer, arena, &terms, &made, &err))
            fail_msg("%s: %s (%s)", *type, err.message, err.detail);
        assert_string_equal(made.key_type, *type);
        assert_false(made.extractable || made.made_here);
        assert_false(signer_token_key_put(harness.signer, arena, &terms, &made, &err));
        assert_string_equal(err.type, "key-exists");
        if (!signer_token_key(harness.signer, arena, made.uri, &key, NULL, &err))
            fail_msg("%s: %s (%s)", *type, err.message, err.detail);
        const EVP_MD *md = strncmp(*type, "RSA", 3) == 0 || EVP_PKEY_is_a(outside, "EC") ? EVP_sha256() : NULL;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        size_t signed_len = sizeof signature;
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
        assert_int_equal(EVP_DigestSign(ctx, signature, &signed_len, (const unsigned char *)*type, 5), 1);
        EVP_MD_CTX_reset(ctx);
        assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, md, NULL, outside), 1);
        assert_int_equal(EVP_DigestVerify(ctx, signature, signed_len, (const unsigned char *)*type, 5), 1);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
        EVP_PKEY_free(outside);
        PKCS8_PRIV_KEY_INFO_free(info);
        OPENSSL_free(der);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_type), cmocka_unit_test(certificates_with_pss),
        cmocka_unit_test(decryption),     cmocka_unit_test(hostile_ciphertext),
        cmocka_unit_test(time_stamps),    cmocka_unit_test(tls_server),
        cmocka_unit_test(ordinary_keys),  cmocka_unit_test(imported_into_a_token),
    };
    harness_begin(&harness, argc, argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_end(&harness);
    return failed;
}
