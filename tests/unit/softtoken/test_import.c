/* Keys made by OpenSSL, given to the token as attributes, used there, read back. */
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "p11.h"
#include "suites.h"

static CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY;
static const uint8_t message[] = "signed by a key from elsewhere";

/* A template whose values it owns. */
struct template {
    CK_ATTRIBUTE attrs[24];
    CK_ULONG count;
    uint8_t values[24][6000];
};

static void add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *at, size_t len) {
    uint8_t *value = template->values[template->count];
    assert_true(len <= sizeof template->values[0]);
    memcpy(value, at, len);
    template->attrs[template->count++] = (CK_ATTRIBUTE){type, value, len};
}

static void add_number(struct template *template, CK_ATTRIBUTE_TYPE type, EVP_PKEY *pkey,
                       const char *name) {
    BIGNUM *number = NULL;
    uint8_t raw[1024];
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
    add(template, type, raw, (size_t)BN_bn2bin(number, raw));
    BN_clear_free(number);
}

static void add_octets(struct template *template, CK_ATTRIBUTE_TYPE type, EVP_PKEY *pkey,
                       const char *name) {
    uint8_t raw[6000];
    size_t len = 0;
    assert_int_equal(EVP_PKEY_get_octet_string_param(pkey, name, raw, sizeof raw, &len), 1);
    add(template, type, raw, len);
}

static void begin(struct template *template, CK_KEY_TYPE key_type, CK_BBOOL sensitive,
                  CK_BBOOL extractable) {
    template->count = 0;
    add(template, CKA_CLASS, &class_private, sizeof class_private);
    add(template, CKA_KEY_TYPE, &key_type, sizeof key_type);
    add(template, CKA_SIGN, &yes, 1);
    add(template, CKA_PRIVATE, &yes, 1);
    add(template, CKA_SENSITIVE, &sensitive, 1);
    add(template, CKA_EXTRACTABLE, &extractable, 1);
}

static void check_signature(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, EVP_PKEY *pkey,
                            const char *digest) {
    static uint8_t signature[60000];
    uint8_t der[160];
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_ULONG len = sizeof signature;
    assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, key));
    assert_ok(rig.p11->C_Sign(rig.session, (CK_BYTE *)message, sizeof message, signature, &len));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, pkey, NULL), 1);
    bool ecdsa = EVP_PKEY_is_a(pkey, "EC");
    size_t der_len = ecdsa ? ecdsa_der(signature, len, der) : 0;
    assert_int_equal(EVP_DigestVerify(ctx, ecdsa ? der : signature, ecdsa ? der_len : len, message,
                                      sizeof message),
                     1);
    EVP_MD_CTX_free(ctx);
}

/* What went in comes out again, of a key that may be read. */
static void check_readable(const struct template *template, CK_OBJECT_HANDLE key) {
    static uint8_t value[6000];
    for (CK_ULONG i = 6; i < template->count; i++) {
        size_t len = get_bytes(key, template->attrs[i].type, value, sizeof value);
        assert_int_equal(len, template->attrs[i].ulValueLen);
        assert_memory_equal(value, template->attrs[i].pValue, len);
    }
}

static struct template template;

static CK_RV create(CK_OBJECT_HANDLE *ret_key) {
    return rig.p11->C_CreateObject(rig.session, template.attrs, template.count, ret_key);
}

static void rsa(void **state) {
    (void)state;
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    CK_OBJECT_HANDLE key;
    for (int crt = 1; crt >= 0; crt--) {
        if (!rig.kind.ours && crt == 0)
            break;
        begin(&template, CKK_RSA, CK_FALSE, CK_TRUE);
        add_number(&template, CKA_MODULUS, pkey, OSSL_PKEY_PARAM_RSA_N);
        add_number(&template, CKA_PUBLIC_EXPONENT, pkey, OSSL_PKEY_PARAM_RSA_E);
        add_number(&template, CKA_PRIVATE_EXPONENT, pkey, OSSL_PKEY_PARAM_RSA_D);
        if (crt == 1) {
            add_number(&template, CKA_PRIME_1, pkey, OSSL_PKEY_PARAM_RSA_FACTOR1);
            add_number(&template, CKA_PRIME_2, pkey, OSSL_PKEY_PARAM_RSA_FACTOR2);
            add_number(&template, CKA_EXPONENT_1, pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1);
            add_number(&template, CKA_EXPONENT_2, pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2);
            add_number(&template, CKA_COEFFICIENT, pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
        }
        assert_ok(create(&key));
        check_signature(key, CKM_SHA256_RSA_PKCS, pkey, "SHA256");
        check_readable(&template, key);
        if (crt == 0)
            assert_int_equal(get_rv(key, CKA_PRIME_1), CKR_OK); /* found again */
    }
    EVP_PKEY *other = EVP_RSA_gen(2048);
    if (rig.kind.ours) { /* another key's modulus */
        begin(&template, CKK_RSA, CK_TRUE, CK_FALSE);
        add_number(&template, CKA_MODULUS, other, OSSL_PKEY_PARAM_RSA_N);
        add_number(&template, CKA_PUBLIC_EXPONENT, pkey, OSSL_PKEY_PARAM_RSA_E);
        add_number(&template, CKA_PRIVATE_EXPONENT, pkey, OSSL_PKEY_PARAM_RSA_D);
        assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, create(&key));
        template.count--;
        assert_rv(CKR_TEMPLATE_INCOMPLETE, create(&key));
    }
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other);
}

static void curves(void **state) {
    (void)state;
    const struct {
        const char *curve;
        CK_MECHANISM_TYPE mechanism;
        const char *digest;
    } rows[] = {{"P-256", CKM_ECDSA_SHA256, "SHA256"},
                {"P-384", CKM_ECDSA_SHA384, "SHA384"},
                {"P-521", CKM_ECDSA_SHA512, "SHA512"}};
    if (!rig.kind.ours)
        skip(); /* the other hashes only outside */
    for (size_t i = 0; i < COUNT(rows); i++) {
        CK_OBJECT_HANDLE key;
        EVP_PKEY *pkey = EVP_EC_gen(rows[i].curve);
        const struct key_kind *kind = key_kind(rows[i].curve);
        begin(&template, CKK_EC, CK_TRUE, CK_FALSE);
        add(&template, CKA_EC_PARAMS, kind->params, kind->params_len);
        add_number(&template, CKA_VALUE, pkey, OSSL_PKEY_PARAM_PRIV_KEY);
        assert_ok(create(&key));
        check_signature(key, rows[i].mechanism, pkey, rows[i].digest);
        assert_int_equal(get_rv(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
        assert_false(get_bool(key, CKA_ALWAYS_SENSITIVE));
        EVP_PKEY_free(pkey);
    }
}

static void raw_keys(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    const char *names[] = {"ED25519", "ED448", "ML-DSA-44", "ML-DSA-87", "SLH-DSA-SHA2-128f"};
    const CK_MECHANISM_TYPE mechanisms[] = {CKM_EDDSA, CKM_EDDSA, CKM_ML_DSA, CKM_ML_DSA,
                                            CKM_SLH_DSA};
    const CK_KEY_TYPE types[] = {CKK_EC_EDWARDS, CKK_EC_EDWARDS, CKK_ML_DSA, CKK_ML_DSA,
                                 CKK_SLH_DSA};
    for (size_t i = 0; i < COUNT(names); i++) {
        CK_OBJECT_HANDLE key;
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, names[i]);
        begin(&template, types[i], CK_FALSE, CK_TRUE);
        if (types[i] == CKK_EC_EDWARDS) {
            const struct key_kind *kind = key_kind(i == 0 ? "Ed25519 by OID" : "Ed448");
            add(&template, CKA_EC_PARAMS, kind->params, kind->params_len);
        } else {
            const struct key_kind *kind = key_kind(names[i]);
            add(&template, CKA_PARAMETER_SET, &kind->number, sizeof kind->number);
        }
        assert_rv(CKR_TEMPLATE_INCOMPLETE, create(&key));
        add_octets(&template, CKA_VALUE, pkey, OSSL_PKEY_PARAM_PRIV_KEY);
        assert_ok(create(&key));
        check_signature(key, mechanisms[i], pkey, NULL);
        check_readable(&template, key);
        if (types[i] == CKK_ML_DSA) { /* by its seed alone, then by both */
            add_octets(&template, CKA_SEED, pkey, OSSL_PKEY_PARAM_ML_DSA_SEED);
            assert_ok(create(&key));
            check_signature(key, mechanisms[i], pkey, NULL);
            check_readable(&template, key);
            template.attrs[template.count - 2] = template.attrs[template.count - 1];
            template.count--;
            assert_ok(create(&key));
            check_signature(key, mechanisms[i], pkey, NULL);
        }
        template.attrs[template.count - 1].ulValueLen--;
        assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, create(&key));
        EVP_PKEY_free(pkey);
    }
}

/* CKA_CHECK_VALUE in a template must be right; an empty one wants none. FIPS 197, appendix C.1's key. */
static void check_values(void **state) {
    static CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    static CK_KEY_TYPE type = CKK_AES;
    uint8_t value[16], check[3] = {0}, read[8];
    CK_OBJECT_HANDLE key;
    (void)state;
    if (!rig.kind.ours)
        skip();
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)i;
    CK_ATTRIBUTE given[] = {A_ULONG(CKA_CLASS, class), A_ULONG(CKA_KEY_TYPE, type),
                            A_BYTES(CKA_VALUE, value, sizeof value), A_BYTES(CKA_CHECK_VALUE, check, sizeof check)};
    assert_ok(rig.p11->C_CreateObject(rig.session, given, 3, &key));
    assert_int_equal(get_bytes(key, CKA_CHECK_VALUE, read, sizeof read), sizeof check);
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, rig.p11->C_CreateObject(rig.session, given, 4, &key));
    memcpy(check, read, sizeof check);
    assert_memory_equal(check, "\xc6\xa1\x3b", 3);
    assert_ok(rig.p11->C_CreateObject(rig.session, given, 4, &key));
    given[3].ulValueLen = 2;
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, rig.p11->C_CreateObject(rig.session, given, 4, &key));
    given[3].ulValueLen = 0;
    assert_ok(rig.p11->C_CreateObject(rig.session, given, 4, &key));
    assert_int_equal(get_bytes(key, CKA_CHECK_VALUE, read, sizeof read), 0);
    CK_ATTRIBUTE wrong = A_BYTES(CKA_CHECK_VALUE, "\0\0\0", 3), none = A_BYTES(CKA_CHECK_VALUE, "", 0), *more[] = {&wrong, &none};
    CK_MECHANISM generate = {CKM_AES_KEY_GEN, NULL, 0};
    for (size_t i = 0; i < 2; i++) {
        static CK_ULONG len = 32;
        CK_ATTRIBUTE rows[] = {A_ULONG(CKA_VALUE_LEN, len), *more[i]};
        assert_rv(i == 0 ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK,
                  rig.p11->C_GenerateKey(rig.session, &generate, rows, 2, &key));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int import_tests(void) {
    const struct CMUnitTest tests[] = {T(rsa), T(curves), T(raw_keys), T(check_values)};
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
