/* HMAC, AES-CMAC, signatures that give back their data, and two operations over one stream. */
#include "p11.h"
#include "suites.h"

static CK_OBJECT_CLASS class_secret = CKO_SECRET_KEY;

static CK_RV import_secret(CK_KEY_TYPE key_type, const void *value, size_t len,
                           CK_OBJECT_HANDLE *ret_key) {
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class_secret, sizeof class_secret},
        {CKA_KEY_TYPE, &key_type, sizeof key_type},
        A_BOOL(CKA_TOKEN, no),
        A_BOOL(CKA_SIGN, yes),
        A_BOOL(CKA_VERIFY, yes),
        A_BYTES(CKA_VALUE, value, len),
    };
    return rig.p11->C_CreateObject(rig.session, template, COUNT(template), ret_key);
}

struct row {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE key_type;
    const char *key;
    const char *data;
    const char *mac; /* in hexadecimal */
};

#define AES_KEY "\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c" /* rfc4493#4 */
#define TWENTY "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"

#define SIXTEEN "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"

/* rfc2202#3, rfc4231#4.3, #4.2 and #4.7, rfc4493#4; SHA-3: NIST's examples */
static const struct row rows[] = {
    {"SHA-1", CKM_SHA_1_HMAC, CKK_GENERIC_SECRET, "Jefe", "what do ya want for nothing?",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"SHA-224", CKM_SHA224_HMAC, CKK_GENERIC_SECRET, "Jefe", "what do ya want for nothing?",
     "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
    {"SHA-256", CKM_SHA256_HMAC, CKK_GENERIC_SECRET, "Jefe", "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"SHA-256, key of its type", CKM_SHA256_HMAC, CKK_SHA256_HMAC, TWENTY, "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"SHA-256, long key", CKM_SHA256_HMAC, CKK_GENERIC_SECRET,
     SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "\xaa\xaa\xaa",
     "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {"SHA-384", CKM_SHA384_HMAC, CKK_GENERIC_SECRET, "Jefe", "what do ya want for nothing?",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21"
     "6"
     "49"},
    {"SHA-512", CKM_SHA512_HMAC, CKK_GENERIC_SECRET, "Jefe", "what do ya want for nothing?",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e"
     "6"
     "fdcaeab1a34d4a6b4b636e070a38bce737"},
    {"SHA3-256", CKM_SHA3_256_HMAC, CKK_GENERIC_SECRET, "Jefe", "what do ya want for nothing?",
     "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5"},
    {"CMAC", CKM_AES_CMAC, CKK_AES, AES_KEY,
     "\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a",
     "070a16b46b4d4144f79bdd9dd04a287c"},
    {"CMAC of nothing", CKM_AES_CMAC, CKK_AES, AES_KEY, "", "bb1d6929e95937287fa37d129b756746"},
};

static size_t from_hex(const char *hex, uint8_t *to) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned octet;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &octet), 1);
        to[i] = (uint8_t)octet;
    }
    return len;
}

static void verify_row(const struct row *row, CK_OBJECT_HANDLE key, uint8_t *mac, size_t mac_len) {
    CK_MECHANISM mechanism = {row->mechanism, NULL, 0};
    CK_BYTE *data = (CK_BYTE *)row->data;
    size_t len = strlen(row->data);
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(p11->C_VerifyInit(rig.session, &mechanism, key));
    assert_ok(p11->C_Verify(rig.session, data, len, mac, mac_len));
    mac[0] ^= 1;
    assert_ok(p11->C_VerifyInit(rig.session, &mechanism, key));
    assert_rv(CKR_SIGNATURE_INVALID, p11->C_Verify(rig.session, data, len, mac, mac_len));
    mac[0] ^= 1;
    assert_ok(p11->C_VerifyInit(rig.session, &mechanism, key));
    assert_rv(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(rig.session, data, len, mac, mac_len - 1));
    assert_ok(p11->C_VerifyInit(rig.session, &mechanism, key));
    assert_ok(p11->C_VerifyUpdate(rig.session, data, len));
    assert_ok(p11->C_VerifyFinal(rig.session, mac, mac_len));
}

static void mac_row(const struct row *row) {
    CK_OBJECT_HANDLE key = 0;
    CK_MECHANISM mechanism = {row->mechanism, NULL, 0};
    uint8_t wanted[64], mac[64];
    size_t len = strlen(row->data), wanted_len = from_hex(row->mac, wanted);
    CK_ULONG mac_len = 0;
    CK_BYTE *data = (CK_BYTE *)row->data;
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(import_secret(row->key_type, row->key, strlen(row->key), &key));
    assert_ok(p11->C_SignInit(rig.session, &mechanism, key));
    assert_ok(p11->C_Sign(rig.session, data, len, NULL, &mac_len));
    assert_int_equal(mac_len, wanted_len);
    mac_len--;
    assert_rv(CKR_BUFFER_TOO_SMALL, p11->C_Sign(rig.session, data, len, mac, &mac_len));
    assert_int_equal(mac_len, wanted_len);
    assert_ok(p11->C_Sign(rig.session, data, len, mac, &mac_len));
    assert_memory_equal(mac, wanted, wanted_len);
    for (int again = 0; again < 2; again++) { /* the second time with what is set up already */
        assert_ok(p11->C_SignInit(rig.session, &mechanism, key));
        for (size_t at = 0; at < len; at++)
            assert_ok(p11->C_SignUpdate(rig.session, data + at, 1));
        mac_len = sizeof mac;
        assert_ok(p11->C_SignFinal(rig.session, mac, &mac_len));
        assert_memory_equal(mac, wanted, wanted_len);
    }
    verify_row(row, key, mac, wanted_len);
    assert_ok(p11->C_DestroyObject(rig.session, key));
}

static void macs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!has_mechanism(rows[i].mechanism))
            continue;
        if (!rig.kind.ours && strlen(rows[i].key) < 64 && rows[i].key_type != CKK_AES)
            continue; /* SoftHSM2 wants keys as long as the digest */
        print_message("  %s\n", rows[i].name);
        mac_row(&rows[i]);
    }
}

static void short_macs(void **state) {
    (void)state;
    need_mechanism(CKM_SHA256_HMAC_GENERAL);
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG wanted = 10, mac_len = 64;
    uint8_t mac[64];
    CK_MECHANISM mechanism = {CKM_SHA256_HMAC_GENERAL, &wanted, sizeof wanted};
    assert_ok(import_secret(CKK_GENERIC_SECRET, "Jefe", 4, &key));
    assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, key));
    assert_ok(
        rig.p11->C_Sign(rig.session, (CK_BYTE *)"what do ya want for nothing?", 28, mac, &mac_len));
    assert_int_equal(mac_len, 10);
    assert_memory_equal(mac, "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04", 10);
    assert_ok(rig.p11->C_VerifyInit(rig.session, &mechanism, key));
    assert_ok(rig.p11->C_Verify(rig.session, (CK_BYTE *)"what do ya want for nothing?", 28, mac,
                                mac_len));
    for (wanted = 0; wanted <= 33; wanted += 33)
        assert_rv(CKR_MECHANISM_PARAM_INVALID, rig.p11->C_SignInit(rig.session, &mechanism, key));
    mechanism.pParameter = NULL;
    assert_rv(CKR_MECHANISM_PARAM_INVALID, rig.p11->C_SignInit(rig.session, &mechanism, key));
}

static void mac_keys(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_OBJECT_HANDLE key = 0;
    CK_MECHANISM sha384 = {CKM_SHA384_HMAC, NULL, 0}, cmac = {CKM_AES_CMAC, NULL, 0};
    assert_ok(import_secret(CKK_SHA256_HMAC, "twelve bytes", 12, &key));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, rig.p11->C_SignInit(rig.session, &sha384, key));
    assert_rv(CKR_KEY_TYPE_INCONSISTENT, rig.p11->C_SignInit(rig.session, &cmac, key));
    CK_ATTRIBUTE never = A_BOOL(CKA_SIGN, no);
    assert_ok(rig.p11->C_SetAttributeValue(rig.session, key, &never, 1));
    CK_MECHANISM sha256 = {CKM_SHA256_HMAC, NULL, 0};
    assert_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, rig.p11->C_SignInit(rig.session, &sha256, key));
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, import_secret(CKK_GENERIC_SECRET, "", 0, &key));
}

static void recover(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip(); /* SoftHSM2: CKR_FUNCTION_NOT_SUPPORTED */
    CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS, CKM_RSA_X_509};
    CK_ATTRIBUTE more = A_BOOL(CKA_SIGN_RECOVER, yes), too = A_BOOL(CKA_VERIFY_RECOVER, yes);
    struct pair pair;
    uint8_t signature[256], data[256];
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(try_pair(key_kind("RSA-2048"), false, &more, 1, &pair));
    CK_MECHANISM first = {CKM_RSA_PKCS, NULL, 0};
    assert_rv(CKR_KEY_FUNCTION_NOT_PERMITTED,
              p11->C_VerifyRecoverInit(rig.session, &first, pair.public));
    assert_ok(p11->C_SetAttributeValue(rig.session, pair.public, &too, 1));
    for (size_t i = 0; i < COUNT(types); i++) {
        CK_MECHANISM mechanism = {types[i], NULL, 0};
        CK_ULONG len = 0, data_len = 0;
        assert_ok(p11->C_SignRecoverInit(rig.session, &mechanism, pair.private));
        assert_ok(p11->C_SignRecover(rig.session, (CK_BYTE *)"to be found", 11, NULL, &len));
        assert_int_equal(len, 256);
        assert_ok(p11->C_SignRecover(rig.session, (CK_BYTE *)"to be found", 11, signature, &len));
        assert_ok(p11->C_VerifyRecoverInit(rig.session, &mechanism, pair.public));
        assert_ok(p11->C_VerifyRecover(rig.session, signature, len, NULL, &data_len));
        assert_int_equal(data_len, i == 0 ? 11 : 256);
        data_len = 3;
        assert_rv(CKR_BUFFER_TOO_SMALL,
                  p11->C_VerifyRecover(rig.session, signature, len, data, &data_len));
        data_len = sizeof data;
        assert_ok(p11->C_VerifyRecover(rig.session, signature, len, data, &data_len));
        assert_memory_equal(data + data_len - 11, "to be found", 11);
        assert_rv(CKR_OPERATION_NOT_INITIALIZED,
                  p11->C_VerifyRecover(rig.session, signature, len, data, &data_len));
    }
    signature[200] ^= 1;
    CK_ULONG len = sizeof data;
    assert_ok(p11->C_VerifyRecoverInit(rig.session, &first, pair.public));
    assert_rv(CKR_SIGNATURE_INVALID, p11->C_VerifyRecover(rig.session, signature, 256, data, &len));
    CK_MECHANISM hashing = {CKM_SHA256_RSA_PKCS, NULL, 0};
    assert_rv(CKR_MECHANISM_INVALID, p11->C_SignRecoverInit(rig.session, &hashing, pair.private));
}

/* Digest and encrypt, then decrypt and digest: both digests are that of the text. */
static void dual(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip(); /* SoftHSM2: CKR_FUNCTION_NOT_SUPPORTED */
    CK_ATTRIBUTE use[] = {A_BOOL(CKA_ENCRYPT, yes), A_BOOL(CKA_DECRYPT, yes)};
    CK_OBJECT_HANDLE key = make_aes(32, false, use, 2);
    CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, sha = {CKM_SHA256, NULL, 0};
    uint8_t text[32] = "thirty-two octets, two blocks ..", buffer[32], digests[2][32];
    CK_ULONG len = 32, digest_len = 32;
    CK_FUNCTION_LIST *p11 = rig.p11;
    memcpy(buffer, text, sizeof text);
    assert_rv(CKR_OPERATION_NOT_INITIALIZED,
              p11->C_DigestEncryptUpdate(rig.session, text, 32, buffer, &len));
    assert_ok(p11->C_DigestInit(rig.session, &sha));
    assert_ok(p11->C_EncryptInit(rig.session, &ecb, key));
    assert_ok(p11->C_DigestEncryptUpdate(rig.session, buffer, 32, NULL, &len));
    assert_int_equal(len, 32);
    len = 31;
    assert_rv(CKR_BUFFER_TOO_SMALL,
              p11->C_DigestEncryptUpdate(rig.session, buffer, 32, buffer, &len));
    assert_ok(p11->C_DigestEncryptUpdate(rig.session, buffer, 32, buffer, &len)); /* in place */
    assert_memory_not_equal(buffer, text, 32);
    assert_ok(p11->C_DigestFinal(rig.session, digests[0], &digest_len));
    len = 0;
    assert_ok(p11->C_EncryptFinal(rig.session, NULL, &len));
    assert_int_equal(len, 0);
    assert_ok(p11->C_EncryptFinal(rig.session, text, &len));
    assert_ok(p11->C_DigestInit(rig.session, &sha));
    assert_ok(p11->C_DecryptInit(rig.session, &ecb, key));
    len = 32;
    assert_ok(p11->C_DecryptDigestUpdate(rig.session, buffer, 32, buffer, &len));
    assert_memory_equal(buffer, text, 32);
    assert_ok(p11->C_DigestFinal(rig.session, digests[1], &digest_len));
    assert_memory_equal(digests[0], digests[1], 32);
}

int mac_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(macs, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(short_macs, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(mac_keys, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(recover, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(dual, test_session, test_session_end),
    };
    return cmocka_run_group_tests_name("MACs", tests, NULL, NULL);
}
