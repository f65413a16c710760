/* Key pairs and signatures: every signature is checked by OpenSSL and by the token, and the token
 * checks what OpenSSL cannot be asked about. */
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "p11.h"
#include "suites.h"

static const uint8_t message[] = "The quick brown fox jumps over the lazy dog, and signs it.";
#define MESSAGE_LEN (sizeof message - 1)

static CK_RSA_PKCS_PSS_PARAMS pss_256 = {CKM_SHA256, CKG_MGF1_SHA256, 32};
static CK_RSA_PKCS_PSS_PARAMS pss_512 = {CKM_SHA512, CKG_MGF1_SHA512, 64};
static CK_EDDSA_PARAMS ed_plain = {CK_FALSE, 0, NULL};
static CK_EDDSA_PARAMS ed_context = {CK_FALSE, 3, (CK_BYTE *)"ctx"};
static CK_EDDSA_PARAMS ed_prehash = {CK_TRUE, 0, NULL};
static CK_SIGN_ADDITIONAL_CONTEXT pq_context = {CKH_HEDGE_REQUIRED, (CK_BYTE *)"context", 7};
static CK_SIGN_ADDITIONAL_CONTEXT pq_fixed = {CKH_DETERMINISTIC_REQUIRED, NULL, 0};

struct row {
    const char *name;
    const char *key;
    CK_MECHANISM mechanism;
    const char *digest;  /* for OpenSSL, and what the input of a raw mechanism is */
    bool raw;            /* the mechanism wants the digest (for RSA: in a DigestInfo) */
    const char *context; /* for OpenSSL */
    const char *instance;
};

#define PSS_256                                                                                    \
    { CKM_SHA256_RSA_PKCS_PSS, &pss_256, sizeof pss_256 }
#define PSS_512                                                                                    \
    { CKM_SHA512_RSA_PKCS_PSS, &pss_512, sizeof pss_512 }
#define PSS_RAW                                                                                    \
    { CKM_RSA_PKCS_PSS, &pss_256, sizeof pss_256 }

static const struct row rows[] = {
    {"RSA SHA-256", "RSA-2048", {CKM_SHA256_RSA_PKCS, NULL, 0}, "SHA256", false, NULL, NULL},
    {"RSA SHA-384", "RSA-3072", {CKM_SHA384_RSA_PKCS, NULL, 0}, "SHA384", false, NULL, NULL},
    {"RSA SHA-512", "RSA-2048", {CKM_SHA512_RSA_PKCS, NULL, 0}, "SHA512", false, NULL, NULL},
    {"RSA SHA3-256", "RSA-2048", {CKM_SHA3_256_RSA_PKCS, NULL, 0}, "SHA3-256", false, NULL, NULL},
    {"RSA raw", "RSA-2048", {CKM_RSA_PKCS, NULL, 0}, "SHA256", true, NULL, NULL},
    {"PSS SHA-256", "RSA-2048", PSS_256, "SHA256", false, NULL, NULL},
    {"PSS SHA-512", "RSA-3072", PSS_512, "SHA512", false, NULL, NULL},
    {"PSS raw", "RSA-2048", PSS_RAW, "SHA256", true, NULL, NULL},
    {"ECDSA raw", "P-256", {CKM_ECDSA, NULL, 0}, "SHA256", true, NULL, NULL},
    {"ECDSA raw 384", "P-384", {CKM_ECDSA, NULL, 0}, "SHA384", true, NULL, NULL},
    {"ECDSA raw 521", "P-521", {CKM_ECDSA, NULL, 0}, "SHA512", true, NULL, NULL},
    {"ECDSA SHA-256", "P-256", {CKM_ECDSA_SHA256, NULL, 0}, "SHA256", false, NULL, NULL},
    {"ECDSA SHA-512", "P-256", {CKM_ECDSA_SHA512, NULL, 0}, "SHA512", false, NULL, NULL},
    {"ECDSA SHA-384", "P-384", {CKM_ECDSA_SHA384, NULL, 0}, "SHA384", false, NULL, NULL},
    {"ECDSA SHA3-256", "P-521", {CKM_ECDSA_SHA3_256, NULL, 0}, "SHA3-256", false, NULL, NULL},
    {"Ed25519", "Ed25519", {CKM_EDDSA, NULL, 0}, NULL, false, NULL, NULL},
    {"Ed25519, no flags",
     "Ed25519",
     {CKM_EDDSA, &ed_plain, sizeof ed_plain},
     NULL,
     false,
     NULL,
     NULL},
    {"Ed25519ctx",
     "Ed25519",
     {CKM_EDDSA, &ed_context, sizeof ed_context},
     NULL,
     false,
     "ctx",
     "Ed25519ctx"},
    {"Ed25519ph",
     "Ed25519",
     {CKM_EDDSA, &ed_prehash, sizeof ed_prehash},
     NULL,
     false,
     NULL,
     "Ed25519ph"},
    {"Ed448", "Ed448", {CKM_EDDSA, NULL, 0}, NULL, false, NULL, NULL},
    {"Ed448 context",
     "Ed448",
     {CKM_EDDSA, &ed_context, sizeof ed_context},
     NULL,
     false,
     "ctx",
     NULL},
    {"ML-DSA-44", "ML-DSA-44", {CKM_ML_DSA, NULL, 0}, NULL, false, NULL, NULL},
    {"ML-DSA-65", "ML-DSA-65", {CKM_ML_DSA, NULL, 0}, NULL, false, NULL, NULL},
    {"ML-DSA-87", "ML-DSA-87", {CKM_ML_DSA, NULL, 0}, NULL, false, NULL, NULL},
    {"ML-DSA-65 context",
     "ML-DSA-65",
     {CKM_ML_DSA, &pq_context, sizeof pq_context},
     NULL,
     false,
     "context",
     NULL},
    {"ML-DSA-65 fixed",
     "ML-DSA-65",
     {CKM_ML_DSA, &pq_fixed, sizeof pq_fixed},
     NULL,
     false,
     NULL,
     NULL},
    {"SLH-DSA", "SLH-DSA-SHA2-128f", {CKM_SLH_DSA, NULL, 0}, NULL, false, NULL, NULL},
    {"SLH-DSA context",
     "SLH-DSA-SHAKE-128f",
     {CKM_SLH_DSA, &pq_context, sizeof pq_context},
     NULL,
     false,
     "context",
     NULL},
};

/* What goes into the mechanism: the message, its digest, its DigestInfo. */
static size_t input_of(const struct row *row, uint8_t *to) {
    static const uint8_t sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                          0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                          0x01, 0x05, 0x00, 0x04, 0x20};
    size_t len = 0, header = 0;
    if (!row->raw) {
        memcpy(to, message, MESSAGE_LEN);
        return MESSAGE_LEN;
    }
    if (row->mechanism.mechanism == CKM_RSA_PKCS) {
        memcpy(to, sha256_info, sizeof sha256_info);
        header = sizeof sha256_info;
    }
    assert_int_equal(EVP_Q_digest(NULL, row->digest, NULL, message, MESSAGE_LEN, to + header, &len),
                     1);
    return header + len;
}

static bool openssl_agrees(const struct row *row, CK_OBJECT_HANDLE public, const uint8_t *signature,
                           size_t len) {
    EVP_PKEY *pkey = public_pkey(public);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    OSSL_PARAM params[3], *next = params;
    uint8_t der[160];
    if (row->context != NULL)
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                    (void *)row->context, strlen(row->context));
    if (row->instance != NULL)
        *next++ = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_INSTANCE,
                                                   (char *)row->instance, 0);
    *next = OSSL_PARAM_construct_end();
    assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pctx, row->digest, NULL, NULL, pkey, params), 1);
    if (row->mechanism.pParameter == &pss_256 || row->mechanism.pParameter == &pss_512) {
        const CK_RSA_PKCS_PSS_PARAMS *pss = row->mechanism.pParameter;
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, (int)pss->sLen), 1);
    }
    if (EVP_PKEY_is_a(pkey, "EC")) {
        len = ecdsa_der(signature, len, der);
        signature = der;
    }
    int good = EVP_DigestVerify(ctx, signature, len, message, MESSAGE_LEN);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return good == 1;
}

static CK_RV token_verify(const struct row *row, CK_OBJECT_HANDLE public, const uint8_t *input,
                          size_t input_len, const uint8_t *signature, size_t len) {
    CK_MECHANISM mechanism = row->mechanism;
    assert_ok(rig.p11->C_VerifyInit(rig.session, &mechanism, public));
    return rig.p11->C_Verify(rig.session, (CK_BYTE *)input, input_len, (CK_BYTE *)signature, len);
}

/* The same in parts, and the answers to a buffer that is missing or too small. */
static void sign_in_parts(const struct row *row, const struct pair *pair, const uint8_t *input,
                          size_t input_len) {
    static uint8_t signature[60000];
    CK_MECHANISM mechanism = row->mechanism;
    CK_ULONG len = 0, wanted;
    assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, pair->private));
    assert_ok(rig.p11->C_SignUpdate(rig.session, (CK_BYTE *)input, 10));
    assert_ok(rig.p11->C_SignUpdate(rig.session, (CK_BYTE *)input + 10, 0));
    assert_ok(rig.p11->C_SignUpdate(rig.session, (CK_BYTE *)input + 10, input_len - 10));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED,
              rig.p11->C_Sign(rig.session, (CK_BYTE *)input, 1, signature, &len));
    if (!rig.kind.ours) { /* which ends it there */
        assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, pair->private));
        assert_ok(rig.p11->C_SignUpdate(rig.session, (CK_BYTE *)input, input_len));
    }
    assert_ok(rig.p11->C_SignFinal(rig.session, NULL, &len));
    wanted = len;
    len = wanted - 1;
    assert_rv(CKR_BUFFER_TOO_SMALL, rig.p11->C_SignFinal(rig.session, signature, &len));
    assert_int_equal(len, wanted);
    assert_ok(rig.p11->C_SignFinal(rig.session, signature, &len));
    assert_true(openssl_agrees(row, pair->public, signature, len));
    assert_ok(rig.p11->C_VerifyInit(rig.session, &mechanism, pair->public));
    assert_ok(rig.p11->C_VerifyUpdate(rig.session, (CK_BYTE *)input, 1));
    assert_ok(rig.p11->C_VerifyUpdate(rig.session, (CK_BYTE *)input + 1, input_len - 1));
    assert_ok(rig.p11->C_VerifyFinal(rig.session, signature, len));
}

static void sign_row(const struct row *row, const struct pair *pair) {
    static uint8_t signature[60000];
    uint8_t input[128];
    size_t input_len = input_of(row, input);
    CK_MECHANISM mechanism = row->mechanism;
    CK_ULONG len = 0, wanted;
    assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, pair->private));
    assert_rv(CKR_OPERATION_ACTIVE, rig.p11->C_SignInit(rig.session, &mechanism, pair->private));
    assert_ok(rig.p11->C_Sign(rig.session, input, input_len, NULL, &len));
    wanted = len;
    assert_true(wanted > 0 && wanted <= sizeof signature);
    len = wanted - 1;
    assert_rv(CKR_BUFFER_TOO_SMALL,
              rig.p11->C_Sign(rig.session, input, input_len, signature, &len));
    assert_int_equal(len, wanted);
    assert_ok(rig.p11->C_Sign(rig.session, input, input_len, signature, &len));
    assert_int_equal(len, wanted);
    assert_rv(CKR_OPERATION_NOT_INITIALIZED,
              rig.p11->C_Sign(rig.session, input, input_len, signature, &len));
    if (!openssl_agrees(row, pair->public, signature, len))
        fail_msg("%s: OpenSSL does not accept the signature", row->name);
    assert_ok(token_verify(row, pair->public, input, input_len, signature, len));
    signature[len / 2] ^= 1;
    assert_rv(CKR_SIGNATURE_INVALID,
              token_verify(row, pair->public, input, input_len, signature, len));
    signature[len / 2] ^= 1;
    input[input_len - 1] ^= 1;
    assert_rv(CKR_SIGNATURE_INVALID,
              token_verify(row, pair->public, input, input_len, signature, len));
    input[input_len - 1] ^= 1;
    assert_rv(CKR_SIGNATURE_LEN_RANGE,
              token_verify(row, pair->public, input, input_len, signature, len - 1));
    if (rig.kind.ours || row->digest != NULL)
        if (!row->raw || rig.kind.ours)
            sign_in_parts(row, pair, input, input_len);
}

static void signatures(void **state) {
    (void)state;
    const char *key = NULL;
    struct pair pair = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct key_kind *kind = key_kind(rows[i].key);
        if (!has_mechanism(rows[i].mechanism.mechanism) || !has_mechanism(kind->generate))
            continue;
        if (!rig.kind.ours && rows[i].mechanism.mechanism == CKM_EDDSA &&
            (rows[i].mechanism.pParameter != NULL || strcmp(rows[i].key, "Ed448") == 0))
            continue; /* plain Ed25519 alone */
        print_message("  %s\n", rows[i].name);
        if (key == NULL || strcmp(key, rows[i].key) != 0)
            pair = make_pair(rows[i].key);
        key = rows[i].key;
        sign_row(&rows[i], &pair);
    }
}

static void kinds_of_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < key_kind_count; i++) {
        const struct key_kind *kind = &key_kinds[i];
        struct pair pair = {0};
        uint8_t id[64], other[64];
        if (!has_mechanism(kind->generate) || (kind->slow && getenv("TEST_SLOW_KEYS") == NULL) ||
            (!rig.kind.ours && kind->key_type == CKK_EC_EDWARDS))
            continue;
        print_message("  %s\n", kind->name);
        assert_ok(try_pair(kind, false, NULL, 0, &pair));
        assert_int_equal(get_ulong(pair.private, CKA_KEY_TYPE), kind->key_type);
        assert_int_equal(get_ulong(pair.private, CKA_CLASS), CKO_PRIVATE_KEY);
        assert_int_equal(get_ulong(pair.public, CKA_CLASS), CKO_PUBLIC_KEY);
        assert_int_equal(get_ulong(pair.private, CKA_KEY_GEN_MECHANISM), kind->generate);
        EVP_PKEY *pkey = public_pkey(pair.public);
        assert_non_null(pkey);
        if (rig.kind.ours) { /* the safe defaults; the SubjectPublicKeyInfo is that of the same key,
                                on both halves */
            static uint8_t info[4096];
            CK_ATTRIBUTE_TYPE secret = kind->key_type == CKK_RSA ? CKA_PRIVATE_EXPONENT : CKA_VALUE;
            assert_int_equal(get_rv(pair.private, secret), CKR_ATTRIBUTE_SENSITIVE);
            assert_true(get_bool(pair.private, CKA_SENSITIVE));
            assert_false(get_bool(pair.private, CKA_EXTRACTABLE));
            assert_true(get_bool(pair.private, CKA_NEVER_EXTRACTABLE));
            size_t len = get_bytes(pair.private, CKA_PUBLIC_KEY_INFO, info, sizeof info);
            const uint8_t *next = info;
            EVP_PKEY *same = d2i_PUBKEY(NULL, &next, (long)len);
            assert_int_equal(EVP_PKEY_eq(pkey, same), 1);
            EVP_PKEY_free(same);
            assert_int_equal(get_bytes(pair.private, CKA_UNIQUE_ID, id, sizeof id), 32);
            assert_int_equal(get_bytes(pair.public, CKA_UNIQUE_ID, other, sizeof other), 32);
            assert_memory_not_equal(id, other, 32);
        }
        EVP_PKEY_free(pkey);
    }
}

static void deterministic(void **state) {
    (void)state;
    need_mechanism(CKM_ML_DSA);
    static uint8_t one[4000], other[4000];
    struct pair pair = make_pair("ML-DSA-44");
    CK_MECHANISM fixed = {CKM_ML_DSA, &pq_fixed, sizeof pq_fixed}, hedged = {CKM_ML_DSA, NULL, 0};
    for (int i = 0; i < 2; i++) {
        CK_MECHANISM *mechanism = i == 0 ? &fixed : &hedged;
        CK_ULONG len = sizeof one, other_len = sizeof other;
        assert_ok(rig.p11->C_SignInit(rig.session, mechanism, pair.private));
        assert_ok(rig.p11->C_Sign(rig.session, (CK_BYTE *)message, MESSAGE_LEN, one, &len));
        assert_ok(rig.p11->C_SignInit(rig.session, mechanism, pair.private));
        assert_ok(rig.p11->C_Sign(rig.session, (CK_BYTE *)message, MESSAGE_LEN, other, &other_len));
        assert_int_equal(len, 2420);
        if (i == 0)
            assert_memory_equal(one, other, len);
        else
            assert_memory_not_equal(one, other, len);
    }
}

static void refused_inits(void **state) {
    (void)state;
    struct pair rsa = make_pair("RSA-2048"), ec = make_pair("P-256"), mute = {0};
    CK_MECHANISM sign_rsa = {CKM_SHA256_RSA_PKCS, NULL, 0}, unknown = {0x7fffffff, NULL, 0};
    CK_MECHANISM aes = {CKM_AES_CBC, NULL, 0}, pss = {CKM_RSA_PKCS_PSS, NULL, 0};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    uint8_t octets[600] = {1};
    CK_ULONG len = sizeof octets;
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_rv(rig.kind.no_key, p11->C_SignInit(rig.session, &sign_rsa, 0));
    assert_rv(CKR_MECHANISM_INVALID, p11->C_SignInit(rig.session, &unknown, rsa.private));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(rig.session, octets, 4, octets, &len));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignUpdate(rig.session, octets, 4));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(rig.session, octets, &len));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(rig.session, octets, 4, octets, 4));
    if (!rig.kind.ours)
        return;
    assert_rv(CKR_MECHANISM_INVALID, p11->C_SignInit(rig.session, &aes, rsa.private));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(rig.session, &sign_rsa, rsa.public));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(rig.session, &sign_rsa, ec.private));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, p11->C_VerifyInit(rig.session, &sign_rsa, rsa.private));
    assert_rv(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(rig.session, &pss, rsa.private));
    CK_RSA_PKCS_PSS_PARAMS odd[] = {{CKM_SHA256, 0x99, 32},
                                    {0x99, CKG_MGF1_SHA256, 32},
                                    {CKM_SHA256, CKG_MGF1_SHA256, (CK_ULONG)-1}};
    for (size_t i = 0; i < COUNT(odd); i++) {
        pss = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &odd[i], sizeof odd[i]};
        assert_rv(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(rig.session, &pss, rsa.private));
    }
    CK_MECHANISM extra = {CKM_ECDSA, octets, 4};
    assert_rv(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(rig.session, &extra, ec.private));
    CK_ATTRIBUTE silent = A_BOOL(CKA_SIGN, no);
    assert_ok(p11->C_SetAttributeValue(rig.session, ec.private, &silent, 1));
    assert_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_SignInit(rig.session, &ecdsa, ec.private));
    CK_MECHANISM_TYPE only[] = {CKM_ECDSA_SHA384};
    CK_ATTRIBUTE allowed = {CKA_ALLOWED_MECHANISMS, only, sizeof only};
    assert_ok(try_pair(key_kind("P-256"), false, &allowed, 1, &mute));
    assert_rv(CKR_MECHANISM_INVALID, p11->C_SignInit(rig.session, &ecdsa, mute.private));
    /* Bad calls end the operation; lengths that the mechanism cannot take are told as such. */
    assert_ok(p11->C_SignInit(rig.session, &sign_rsa, rsa.private));
    assert_rv(CKR_ARGUMENTS_BAD, p11->C_Sign(rig.session, NULL, 5, octets, &len));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(rig.session, octets, 4, octets, &len));
    CK_MECHANISM raw = {CKM_RSA_PKCS, NULL, 0};
    assert_ok(p11->C_SignInit(rig.session, &raw, rsa.private));
    assert_rv(CKR_DATA_LEN_RANGE, p11->C_Sign(rig.session, octets, 246, octets, &len));
    pss = (CK_MECHANISM)PSS_RAW;
    assert_ok(p11->C_SignInit(rig.session, &pss, rsa.private));
    assert_rv(CKR_DATA_LEN_RANGE, p11->C_Sign(rig.session, octets, 31, octets, &len));
    assert_ok(p11->C_SignInit(rig.session, &sign_rsa, rsa.private));
    assert_ok(p11->C_SignInit(rig.session, NULL, 0)); /* a NULL mechanism cancels */
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(rig.session, octets, &len));
}

static void refused_templates(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    struct pair pair;
    struct key_kind odd = *key_kind("RSA-2048");
    odd.number = 1016;
    assert_rv(CKR_KEY_SIZE_RANGE, try_pair(&odd, false, NULL, 0, &pair));
    odd.number = 16384;
    assert_rv(CKR_KEY_SIZE_RANGE, try_pair(&odd, false, NULL, 0, &pair));
    odd = *key_kind("ML-DSA-44");
    odd.number = 4;
    assert_rv(CKR_PARAMETER_SET_NOT_SUPPORTED, try_pair(&odd, false, NULL, 0, &pair));
    odd = *key_kind("P-256");
    odd.params_len = 4;
    assert_rv(CKR_CURVE_NOT_SUPPORTED, try_pair(&odd, false, NULL, 0, &pair));
    CK_ATTRIBUTE local = A_BOOL(CKA_LOCAL, yes), modulus = A_TEXT(CKA_MODULUS, "0123");
    assert_rv(CKR_ATTRIBUTE_READ_ONLY, try_pair(key_kind("P-256"), false, &local, 1, &pair));
    assert_rv(CKR_TEMPLATE_INCONSISTENT, try_pair(key_kind("RSA-2048"), false, &modulus, 1, &pair));
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    assert_rv(CKR_TEMPLATE_INCOMPLETE,
              rig.p11->C_GenerateKeyPair(rig.session, &mechanism, NULL, 0, NULL, 0, &pair.public,
                                         &pair.private));
    CK_ATTRIBUTE bits[] = {A_ULONG(CKA_MODULUS_BITS, 2048),
                           A_BYTES(CKA_PUBLIC_EXPONENT, "\x03", 1)};
    mechanism.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID,
              rig.p11->C_GenerateKeyPair(rig.session, &mechanism, bits, 2, NULL, 0, &pair.public,
                                         &pair.private));
}

/* CKA_ALWAYS_AUTHENTICATE: the PIN again for every signature. */
static void always_authenticate(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    struct pair pair;
    uint8_t hash[32] = {1}, signature[64];
    CK_ULONG len = sizeof signature;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_ATTRIBUTE always = A_BOOL(CKA_ALWAYS_AUTHENTICATE, yes);
    assert_ok(try_pair(key_kind("P-256"), false, &always, 1, &pair));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED,
              rig.p11->C_Login(rig.session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)USER_PIN, 13));
    assert_ok(rig.p11->C_SignInit(rig.session, &ecdsa, pair.private));
    assert_rv(CKR_USER_NOT_LOGGED_IN, rig.p11->C_Sign(rig.session, hash, 32, signature, &len));
    CK_MECHANISM hashed = {CKM_ECDSA_SHA256, NULL, 0};
    assert_ok(rig.p11->C_SignInit(rig.session, &hashed, pair.private));
    assert_rv(CKR_USER_NOT_LOGGED_IN, rig.p11->C_SignUpdate(rig.session, hash, 32));
    assert_ok(rig.p11->C_SignInit(rig.session, &hashed, pair.private));
    login(rig.session, CKU_CONTEXT_SPECIFIC, USER_PIN);
    assert_ok(rig.p11->C_SignUpdate(rig.session, hash, 32));
    assert_ok(rig.p11->C_SignFinal(rig.session, signature, &len));
    for (int i = 0; i < 2; i++) {
        assert_ok(rig.p11->C_SignInit(rig.session, &ecdsa, pair.private));
        assert_rv(CKR_PIN_INCORRECT,
                  rig.p11->C_Login(rig.session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)"wrong", 5));
        login(rig.session, CKU_CONTEXT_SPECIFIC, USER_PIN);
        assert_ok(rig.p11->C_Sign(rig.session, hash, 32, signature, &len));
    }
}

/* A key that was destroyed signs no more, not even where it had just been used. */
static void destroyed_key(void **state) {
    (void)state;
    uint8_t hash[32] = {1}, signature[64];
    CK_ULONG len = sizeof signature;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    struct pair pair = make_pair("P-256");
    assert_ok(rig.p11->C_SignInit(rig.session, &ecdsa, pair.private));
    assert_ok(rig.p11->C_Sign(rig.session, hash, 32, signature, &len));
    CK_SESSION_HANDLE other = open_session(0);
    assert_ok(rig.p11->C_DestroyObject(other, pair.private));
    assert_rv(rig.kind.no_key, rig.p11->C_SignInit(rig.session, &ecdsa, pair.private));
    assert_ok(rig.p11->C_CloseSession(other));
}

static void signature_first(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    uint8_t hash[32] = {1}, signature[64];
    CK_ULONG len = sizeof signature;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    struct pair pair = make_pair("P-256");
    CK_INTERFACE *newest = p11_interface();
    CK_FUNCTION_LIST_3_2 *p11 = newest->pFunctionList;
    assert_ok(p11->C_SignInit(rig.session, &ecdsa, pair.private));
    assert_ok(p11->C_Sign(rig.session, hash, 32, signature, &len));
    assert_rv(CKR_SIGNATURE_LEN_RANGE,
              p11->C_VerifySignatureInit(rig.session, &ecdsa, pair.public, signature, 63));
    assert_ok(p11->C_VerifySignatureInit(rig.session, &ecdsa, pair.public, signature, 64));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(rig.session, hash, 32, signature, 64));
    assert_ok(p11->C_VerifySignature(rig.session, hash, 32));
    assert_ok(p11->C_VerifySignatureInit(rig.session, &ecdsa, pair.public, signature, 64));
    assert_ok(p11->C_VerifySignatureUpdate(rig.session, hash, 31));
    assert_rv(CKR_SIGNATURE_INVALID, p11->C_VerifySignatureFinal(rig.session));
    assert_ok(p11->C_SignInit(rig.session, &ecdsa, pair.private));
    assert_ok(p11->C_SessionCancel(rig.session, CKF_SIGN | CKF_VERIFY));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(rig.session, hash, 32, signature, &len));
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int sign_tests(void) {
    const struct CMUnitTest tests[] = {
        T(kinds_of_keys),     T(signatures),    T(deterministic),       T(refused_inits),
        T(refused_templates), T(destroyed_key), T(always_authenticate), T(signature_first),
    };
    return cmocka_run_group_tests_name("signatures", tests, NULL, NULL);
}
