/* Keys out of keys: Diffie-Hellman, HKDF, AES over data, ML-KEM, RSA-OAEP wrapping. */
#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "p11.h"
#include "suites.h"

static CK_OBJECT_CLASS class_secret = CKO_SECRET_KEY;
static CK_KEY_TYPE type_generic = CKK_GENERIC_SECRET, type_aes = CKK_AES;

#define OPEN_SECRET(type)                                                                          \
    {CKA_CLASS, &class_secret, sizeof class_secret}, {CKA_KEY_TYPE, &(type), sizeof(type)},        \
        A_BOOL(CKA_TOKEN, no), A_BOOL(CKA_SENSITIVE, no), A_BOOL(CKA_EXTRACTABLE, yes)

static const struct key_kind kinds[] = {
    {"P-256", CKM_EC_KEY_PAIR_GEN, CKK_EC,
     (const uint8_t[]){0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10, 32, false},
    {"P-521", CKM_EC_KEY_PAIR_GEN, CKK_EC, (const uint8_t[]){0x06, 0x05, 0x2b, 0x81, 0x04, 0, 0x23},
     7, 66, false},
    {"X25519", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKK_EC_MONTGOMERY,
     (const uint8_t[]){0x06, 0x03, 0x2b, 0x65, 0x6e}, 5, 32, false},
    {"X448", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKK_EC_MONTGOMERY,
     (const uint8_t[]){0x06, 0x03, 0x2b, 0x65, 0x6f}, 5, 56, false},
};

static struct pair make_curve(const struct key_kind *kind) {
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    struct pair pair = {0};
    CK_ATTRIBUTE public[] = {A_BYTES(CKA_EC_PARAMS, kind->params, kind->params_len),
                             A_BOOL(CKA_TOKEN, no)};
    CK_ATTRIBUTE private[] = {A_BOOL(CKA_DERIVE, yes), A_BOOL(CKA_TOKEN, no),
                              A_BOOL(CKA_SENSITIVE, yes)};
    assert_ok(rig.p11->C_GenerateKeyPair(rig.session, &mechanism, public, 2, private, 3,
                                         &pair.public, &pair.private));
    return pair;
}

static CK_RV ecdh(CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE peer, bool bare, CK_EC_KDF_TYPE kdf,
                  CK_ULONG len, CK_OBJECT_HANDLE *ret_key) {
    uint8_t point[256];
    size_t point_len = get_bytes(peer, CKA_EC_POINT, point, sizeof point);
    size_t skip_len = !bare ? 0 : point[1] == 0x81 ? 3 : 2;
    CK_ECDH1_DERIVE_PARAMS params = {kdf, 0, NULL, point_len - skip_len, point + skip_len};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_ATTRIBUTE template[] = {OPEN_SECRET(type_generic), {CKA_VALUE_LEN, &len, sizeof len}};
    return rig.p11->C_DeriveKey(rig.session, &mechanism, private, template,
                                len == 0 ? COUNT(template) - 1 : COUNT(template), ret_key);
}

static void agree(const struct key_kind *kind) {
    struct pair one = make_curve(kind), other = make_curve(kind);
    CK_OBJECT_HANDLE keys[2] = {0};
    uint8_t values[2][128], part[32];
    size_t len;
    assert_ok(ecdh(one.private, other.public, false, CKD_NULL, kind->number, &keys[0]));
    assert_ok(ecdh(other.private, one.public, rig.kind.ours, CKD_NULL, kind->number, &keys[1]));
    len = get_bytes(keys[0], CKA_VALUE, values[0], sizeof values[0]);
    assert_int_equal(len, kind->number);
    assert_int_equal(get_bytes(keys[1], CKA_VALUE, values[1], sizeof values[1]), len);
    assert_memory_equal(values[0], values[1], len);
    assert_false(get_bool(keys[0], CKA_LOCAL));
    assert_false(get_bool(keys[0], CKA_NEVER_EXTRACTABLE));
    if (!rig.kind.ours)
        return;
    assert_ok(ecdh(one.private, other.public, false, CKD_NULL, 16, &keys[1]));
    assert_int_equal(get_bytes(keys[1], CKA_VALUE, part, sizeof part), 16);
    assert_memory_equal(part, values[0] + len - 16, 16); /* the end of it */
    assert_rv(CKR_KEY_SIZE_RANGE,
              ecdh(one.private, other.public, false, CKD_NULL, len + 1, &keys[1]));
    assert_ok(ecdh(one.private, other.public, false, CKD_NULL, 0, &keys[1]));
    assert_int_equal(get_ulong(keys[1], CKA_VALUE_LEN), len);
}

static void diffie_hellman(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!has_mechanism(kinds[i].generate) || !has_mechanism(CKM_ECDH1_DERIVE))
            continue;
        print_message("  %s\n", kinds[i].name);
        agree(&kinds[i]);
    }
}

/* ISO 18033-2's KDF2 as X9.63 has it: the same on OpenSSL's side. */
static void diffie_hellman_kdf(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    struct pair one = make_curve(&kinds[0]), other = make_curve(&kinds[0]);
    CK_OBJECT_HANDLE plain = 0, derived = 0;
    uint8_t shared[32], wanted[40], got[40];
    assert_ok(ecdh(one.private, other.public, false, CKD_NULL, 32, &plain));
    assert_ok(ecdh(one.private, other.public, false, CKD_SHA256_KDF, 40, &derived));
    assert_int_equal(get_bytes(plain, CKA_VALUE, shared, sizeof shared), 32);
    assert_int_equal(get_bytes(derived, CKA_VALUE, got, sizeof got), 40);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, sizeof shared),
        OSSL_PARAM_construct_end(),
    };
    assert_int_equal(EVP_KDF_derive(ctx, wanted, sizeof wanted, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    assert_memory_equal(got, wanted, sizeof wanted);
}

static void diffie_hellman_refused(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    struct pair pair = make_curve(&kinds[0]), x25519 = make_curve(&kinds[2]);
    CK_OBJECT_HANDLE key = 0;
    uint8_t off[65] = {0x04, 1}, zeros[32] = {0};
    CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, sizeof off, off};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_ATTRIBUTE template[] = {OPEN_SECRET(type_generic)};
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, pair.private, template, 5, &key));
    params.ulPublicDataLen = 12;
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, pair.private, template, 5, &key));
    params = (CK_ECDH1_DERIVE_PARAMS){CKD_NULL, 0, NULL, sizeof zeros, zeros}; /* of small order */
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, x25519.private, template, 5, &key));
    params.kdf = 99;
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, x25519.private, template, 5, &key));
    mechanism.ulParameterLen--;
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, pair.private, template, 5, &key));
    assert_rv(CKR_KEY_HANDLE_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, 0x7ffffff, template, 5, &key));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT,
              p11->C_DeriveKey(rig.session, &mechanism, pair.public, template, 5, &key));
    assert_rv(CKR_ARGUMENTS_BAD,
              p11->C_DeriveKey(rig.session, &mechanism, pair.private, template, 5, NULL));
    assert_rv(CKR_ARGUMENTS_BAD,
              p11->C_DeriveKey(rig.session, &mechanism, pair.private, NULL, 5, &key));
    CK_ATTRIBUTE given = A_TEXT(CKA_VALUE, "mine");
    assert_rv(CKR_TEMPLATE_INCONSISTENT,
              p11->C_DeriveKey(rig.session, &mechanism, pair.private, &given, 1, &key));
    struct pair signing = make_pair("P-256"); /* CKA_DERIVE is false when nobody asks for it */
    assert_rv(CKR_KEY_FUNCTION_NOT_PERMITTED,
              ecdh(signing.private, signing.public, false, CKD_NULL, 32, &key));
}

/* rfc5869#A.1 */
static void hkdf(void **state) {
    (void)state;
    need_mechanism(CKM_HKDF_DERIVE);
    static const uint8_t okm[42] =
        "\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f\x2a\x2d\x2d\x0a\x90\xcf\x1a"
        "\x5a\x4c\x5d\xb0\x2d\x56\xec\xc4\xc5\xbf\x34\x00\x72\x08\xd5\xb8\x87\x18\x58\x65";
    uint8_t ikm[22], salt[13], info[10], got[42];
    CK_ULONG len = 42;
    memset(ikm, 0x0b, sizeof ikm);
    for (uint8_t i = 0; i < 13; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < 10; i++)
        info[i] = 0xf0 + i;
    CK_ATTRIBUTE base[] = {OPEN_SECRET(type_generic), A_BOOL(CKA_DERIVE, yes),
                           A_BYTES(CKA_VALUE, ikm, sizeof ikm)};
    CK_ATTRIBUTE derived[] = {OPEN_SECRET(type_generic), {CKA_VALUE_LEN, &len, sizeof len}};
    CK_OBJECT_HANDLE from = 0, key = 0, prk = 0;
    CK_HKDF_PARAMS params = {CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_DATA, salt, 13,
                             0,       info,    10};
    CK_MECHANISM mechanism = {CKM_HKDF_DERIVE, &params, sizeof params};
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(p11->C_CreateObject(rig.session, base, COUNT(base), &from));
    assert_ok(p11->C_DeriveKey(rig.session, &mechanism, from, derived, COUNT(derived), &key));
    assert_int_equal(get_bytes(key, CKA_VALUE, got, sizeof got), 42);
    assert_memory_equal(got, okm, 42);
    /* In two steps, with the salt as a key. */
    CK_ATTRIBUTE middle[] = {OPEN_SECRET(type_generic), A_BOOL(CKA_DERIVE, yes)};
    CK_ATTRIBUTE salted[] = {OPEN_SECRET(type_generic), A_BOOL(CKA_DERIVE, yes),
                             A_BYTES(CKA_VALUE, salt, sizeof salt)};
    params.bExpand = CK_FALSE;
    params.ulSaltType = CKF_HKDF_SALT_KEY;
    assert_ok(p11->C_CreateObject(rig.session, salted, COUNT(salted), &params.hSaltKey));
    assert_ok(p11->C_DeriveKey(rig.session, &mechanism, from, middle, COUNT(middle), &prk));
    params.bExpand = CK_TRUE;
    params.bExtract = CK_FALSE;
    assert_ok(p11->C_DeriveKey(rig.session, &mechanism, prk, derived, COUNT(derived), &key));
    assert_int_equal(get_bytes(key, CKA_VALUE, got, sizeof got), 42);
    assert_memory_equal(got, okm, 42);
    len = 255 * 32 + 1;
    assert_rv(CKR_KEY_SIZE_RANGE,
              p11->C_DeriveKey(rig.session, &mechanism, prk, derived, COUNT(derived), &key));
    params.bExpand = CK_FALSE;
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_DeriveKey(rig.session, &mechanism, prk, derived, COUNT(derived), &key));
}

static void encrypt_data(void **state) {
    (void)state;
    need_mechanism(CKM_AES_ECB_ENCRYPT_DATA);
    CK_ATTRIBUTE use[] = {A_BOOL(CKA_DERIVE, yes), A_BOOL(CKA_ENCRYPT, yes)};
    CK_OBJECT_HANDLE base = make_aes(32, false, use, 2), key = 0;
    uint8_t data[32] = "two blocks of data to encrypt ..", wanted[32], got[32];
    CK_ULONG len = 32, wanted_len = sizeof wanted;
    CK_KEY_DERIVATION_STRING_DATA params = {data, 32};
    CK_MECHANISM mechanism = {CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof params};
    CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0};
    CK_ATTRIBUTE template[] = {OPEN_SECRET(type_aes), {CKA_VALUE_LEN, &len, sizeof len}};
    assert_ok(rig.p11->C_DeriveKey(rig.session, &mechanism, base, template, COUNT(template), &key));
    assert_int_equal(get_bytes(key, CKA_VALUE, got, sizeof got), 32);
    assert_ok(rig.p11->C_EncryptInit(rig.session, &ecb, base));
    assert_ok(rig.p11->C_Encrypt(rig.session, data, 32, wanted, &wanted_len));
    assert_memory_equal(got, wanted, 32);
}

static void public_half(void **state) {
    (void)state;
    need_mechanism(CKM_PUB_KEY_FROM_PRIV_KEY);
    static const char *const names[] = {"RSA-2048", "P-256", "Ed25519", "ML-DSA-44"};
    CK_MECHANISM mechanism = {CKM_PUB_KEY_FROM_PRIV_KEY, NULL, 0};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct pair pair = make_pair(names[i]);
        CK_OBJECT_HANDLE public = 0;
        uint8_t one[4096], other[4096];
        CK_ATTRIBUTE verify = A_BOOL(CKA_VERIFY, yes);
        assert_ok(rig.p11->C_DeriveKey(rig.session, &mechanism, pair.private, &verify, 1, &public));
        assert_int_equal(get_ulong(public, CKA_CLASS), CKO_PUBLIC_KEY);
        assert_false(get_bool(public, CKA_LOCAL));
        size_t len = get_bytes(public, CKA_PUBLIC_KEY_INFO, one, sizeof one);
        assert_int_equal(get_bytes(pair.public, CKA_PUBLIC_KEY_INFO, other, sizeof other), len);
        assert_memory_equal(one, other, len);
    }
}

/* ---- ML-KEM --------------------------------------------------------------------------------- */

static void kem_set(CK_FUNCTION_LIST_3_2 *p11, CK_ULONG set, CK_ULONG wanted_len) {
    CK_MECHANISM generate = {CKM_ML_KEM_KEY_PAIR_GEN, NULL, 0}, kem = {CKM_ML_KEM, NULL, 0};
    CK_ATTRIBUTE public[] = {{CKA_PARAMETER_SET, &set, sizeof set}},
                 private[] = {A_BOOL(CKA_SENSITIVE, yes)};
    CK_ATTRIBUTE secret[] = {OPEN_SECRET(type_aes)};
    CK_OBJECT_HANDLE keys[3] = {0}, pair[2];
    uint8_t wrapped[1600], values[3][32];
    CK_ULONG len = 0;
    assert_ok(rig.p11->C_GenerateKeyPair(rig.session, &generate, public, 1, private, 1, &pair[0],
                                         &pair[1]));
    assert_ok(p11->C_EncapsulateKey(rig.session, &kem, pair[0], secret, 5, NULL, &len, &keys[0]));
    assert_int_equal(len, wanted_len);
    len--;
    assert_rv(CKR_BUFFER_TOO_SMALL, p11->C_EncapsulateKey(rig.session, &kem, pair[0], secret, 5,
                                                          wrapped, &len, &keys[0]));
    assert_int_equal(len, wanted_len);
    assert_ok(
        p11->C_EncapsulateKey(rig.session, &kem, pair[0], secret, 5, wrapped, &len, &keys[0]));
    assert_ok(p11->C_DecapsulateKey(rig.session, &kem, pair[1], secret, 5, wrapped, len, &keys[1]));
    wrapped[7] ^= 1;
    assert_ok(p11->C_DecapsulateKey(rig.session, &kem, pair[1], secret, 5, wrapped, len, &keys[2]));
    for (int i = 0; i < 3; i++)
        assert_int_equal(get_bytes(keys[i], CKA_VALUE, values[i], 32), 32);
    assert_memory_equal(values[0], values[1], 32);
    assert_memory_not_equal(values[0], values[2], 32);
    assert_int_equal(get_ulong(keys[0], CKA_KEY_TYPE), CKK_AES);
    assert_rv(CKR_WRAPPED_KEY_LEN_RANGE, p11->C_DecapsulateKey(rig.session, &kem, pair[1], secret,
                                                               5, wrapped, len - 1, &keys[2]));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncapsulateKey(rig.session, &kem, pair[1], secret,
                                                               5, wrapped, &len, &keys[0]));
    assert_rv(CKR_ARGUMENTS_BAD,
              p11->C_DecapsulateKey(rig.session, &kem, pair[1], secret, 5, NULL, len, &keys[2]));
    CK_MECHANISM sign = {CKM_ML_DSA, NULL, 0};
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, rig.p11->C_SignInit(rig.session, &sign, pair[1]));
}

static void encapsulation(void **state) {
    (void)state;
    need_mechanism(CKM_ML_KEM);
    CK_FUNCTION_LIST_3_2 *p11 = p11_interface()->pFunctionList;
    kem_set(p11, CKP_ML_KEM_512, 768);
    kem_set(p11, CKP_ML_KEM_768, 1088);
    kem_set(p11, CKP_ML_KEM_1024, 1568);
}

/* ---- wrapping with RSA ---------------------------------------------------------------------- */

static void rsa_wrap(CK_MECHANISM *mechanism, const struct pair *kek, CK_OBJECT_HANDLE key) {
    uint8_t wrapped[4096], values[2][32];
    CK_ULONG len = sizeof wrapped;
    CK_OBJECT_HANDLE again = 0;
    CK_ATTRIBUTE template[] = {OPEN_SECRET(type_aes)};
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(p11->C_WrapKey(rig.session, mechanism, kek->public, key, wrapped, &len));
    assert_ok(
        p11->C_UnwrapKey(rig.session, mechanism, kek->private, wrapped, len, template, 5, &again));
    assert_int_equal(get_bytes(key, CKA_VALUE, values[0], 32), 32);
    assert_int_equal(get_bytes(again, CKA_VALUE, values[1], 32), 32);
    assert_memory_equal(values[0], values[1], 32);
    if (!rig.kind.ours)
        return;
    wrapped[9] ^= 1;
    assert_rv(CKR_WRAPPED_KEY_INVALID, p11->C_UnwrapKey(rig.session, mechanism, kek->private,
                                                        wrapped, len, template, 5, &again));
    assert_rv(CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
              p11->C_WrapKey(rig.session, mechanism, key, key, wrapped, &len));
}

static void wrapping_with_rsa(void **state) {
    (void)state;
    CK_ATTRIBUTE more[] = {A_BOOL(CKA_UNWRAP, yes), A_BOOL(CKA_EXTRACTABLE, yes)};
    CK_ATTRIBUTE wraps = A_BOOL(CKA_WRAP, yes);
    CK_ATTRIBUTE open[] = {A_BOOL(CKA_SENSITIVE, no), A_BOOL(CKA_EXTRACTABLE, yes)};
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_RSA_AES_KEY_WRAP_PARAMS both = {256, &oaep};
    CK_MECHANISM direct = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
    CK_MECHANISM indirect = {CKM_RSA_AES_KEY_WRAP, &both, sizeof both};
    struct pair kek;
    assert_ok(try_pair(key_kind("RSA-2048"), false, more, 2, &kek));
    assert_ok(rig.p11->C_SetAttributeValue(rig.session, kek.public, &wraps, 1));
    CK_OBJECT_HANDLE key = make_aes(32, false, open, 2);
    rsa_wrap(&direct, &kek, key);
    if (!has_mechanism(CKM_RSA_AES_KEY_WRAP))
        return;
    rsa_wrap(&indirect, &kek, key);
    uint8_t wrapped[4096];
    CK_ULONG len = sizeof wrapped; /* a whole RSA key goes under the AES key */
    assert_rv(CKR_KEY_NOT_WRAPPABLE,
              rig.p11->C_WrapKey(rig.session, &direct, kek.public, kek.private, wrapped, &len));
    assert_ok(rig.p11->C_WrapKey(rig.session, &indirect, kek.public, kek.private, wrapped, &len));
    both.ulAESKeyBits = 100;
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              rig.p11->C_WrapKey(rig.session, &indirect, kek.public, key, wrapped, &len));
}

int derive_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(diffie_hellman, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(diffie_hellman_kdf, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(diffie_hellman_refused, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(hkdf, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(encrypt_data, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(public_half, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(encapsulation, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(wrapping_with_rsa, test_session, test_session_end),
    };
    return cmocka_run_group_tests_name("derivation", tests, NULL, NULL);
}
