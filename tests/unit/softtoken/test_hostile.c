/* Every function with what nobody should give it: handles of nothing, null pointers, the wrong
 * state. Each answer is the standard's, and none of it takes the token away from who asks rightly.
 */
#include "p11.h"
#include "suites.h"

#define NOTHING 0x0abcdef0UL /* no session, no object */

static CK_BYTE octets[64];
static CK_ULONG len = sizeof octets;
static CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0}, rsa = {CKM_RSA_PKCS, NULL, 0};
static CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "x");
static CK_OBJECT_HANDLE object = NOTHING;
static CK_SESSION_INFO session_info;

/* A call to one function, with the session to use. */
struct row {
    const char *name;
    CK_RV (*call)(CK_SESSION_HANDLE session);
    CK_RV bad_arguments; /* CKR_OK: not asked */
    CK_RV (*call_badly)(CK_SESSION_HANDLE session);
};

#define CALL(name, ...)                                                                            \
    static CK_RV call_##name(CK_SESSION_HANDLE s) {                                                \
        return rig.p11->C_##name(__VA_ARGS__);                                                     \
    }
#define BADLY(name, ...)                                                                           \
    static CK_RV badly_##name(CK_SESSION_HANDLE s) {                                               \
        return rig.p11->C_##name(__VA_ARGS__);                                                     \
    }

CALL(CloseSession, s)
CALL(GetSessionInfo, s, &session_info)
BADLY(GetSessionInfo, s, NULL)
CALL(Login, s, CKU_USER, (CK_UTF8CHAR *)USER_PIN, 4)
CALL(Logout, s)
CALL(InitPIN, s, (CK_UTF8CHAR *)USER_PIN, 4)
CALL(SetPIN, s, (CK_UTF8CHAR *)USER_PIN, 4, (CK_UTF8CHAR *)USER_PIN, 4)
CALL(CreateObject, s, &label, 1, &object)
BADLY(CreateObject, s, NULL, 1, &object)
CALL(CopyObject, s, object, &label, 0, &object)
BADLY(CopyObject, s, object, NULL, 1, NULL)
CALL(DestroyObject, s, NOTHING)
CALL(GetObjectSize, s, NOTHING, &len)
BADLY(GetObjectSize, s, NOTHING, NULL)
CALL(GetAttributeValue, s, NOTHING, &label, 1)
BADLY(GetAttributeValue, s, NOTHING, NULL, 1)
CALL(SetAttributeValue, s, NOTHING, &label, 1)
BADLY(SetAttributeValue, s, NOTHING, NULL, 1)
CALL(FindObjectsInit, s, NULL, 0)
BADLY(FindObjectsInit, s, NULL, 1)
CALL(FindObjects, s, &object, 1, &len)
CALL(FindObjectsFinal, s)
CALL(EncryptInit, s, &rsa, NOTHING)
CALL(Encrypt, s, octets, 1, octets, &len)
CALL(EncryptUpdate, s, octets, 1, octets, &len)
CALL(EncryptFinal, s, octets, &len)
CALL(DecryptInit, s, &rsa, NOTHING)
CALL(Decrypt, s, octets, 1, octets, &len)
CALL(DecryptUpdate, s, octets, 1, octets, &len)
CALL(DecryptFinal, s, octets, &len)
CALL(DigestInit, s, &sha256)
CALL(Digest, s, octets, 1, octets, &len)
CALL(DigestUpdate, s, octets, 1)
CALL(DigestKey, s, NOTHING)
CALL(DigestFinal, s, octets, &len)
CALL(SignInit, s, &rsa, NOTHING)
CALL(Sign, s, octets, 1, octets, &len)
CALL(SignUpdate, s, octets, 1)
CALL(SignFinal, s, octets, &len)
CALL(VerifyInit, s, &rsa, NOTHING)
CALL(Verify, s, octets, 1, octets, 1)
CALL(VerifyUpdate, s, octets, 1)
CALL(VerifyFinal, s, octets, 1)
CALL(GenerateKey, s, &rsa, &label, 1, &object)
BADLY(GenerateKey, s, NULL, &label, 1, &object)
CALL(GenerateKeyPair, s, &rsa, &label, 1, &label, 1, &object, &object)
BADLY(GenerateKeyPair, s, &rsa, &label, 1, &label, 1, NULL, &object)
CALL(WrapKey, s, &rsa, NOTHING, NOTHING, octets, &len)
BADLY(WrapKey, s, NULL, NOTHING, NOTHING, octets, &len)
CALL(UnwrapKey, s, &rsa, NOTHING, octets, 1, &label, 1, &object)
BADLY(UnwrapKey, s, &rsa, NOTHING, NULL, 1, &label, 1, &object)
CALL(DeriveKey, s, &rsa, NOTHING, &label, 1, &object)
BADLY(DeriveKey, s, NULL, NOTHING, &label, 1, &object)
CALL(SeedRandom, s, octets, 1)
BADLY(SeedRandom, s, NULL, 1)
CALL(GenerateRandom, s, octets, 1)
BADLY(GenerateRandom, s, NULL, 1)

#define ROW(name)                                                                                  \
    { #name, call_##name, CKR_OK, NULL }
#define ROW_BAD(name)                                                                              \
    { #name, call_##name, CKR_ARGUMENTS_BAD, badly_##name }

static const struct row rows[] = {
    ROW(CloseSession),
    ROW_BAD(GetSessionInfo),
    ROW(Login),
    ROW(Logout),
    ROW(InitPIN),
    ROW(SetPIN),
    ROW_BAD(CreateObject),
    ROW_BAD(CopyObject),
    ROW(DestroyObject),
    ROW_BAD(GetObjectSize),
    ROW_BAD(GetAttributeValue),
    ROW_BAD(SetAttributeValue),
    ROW_BAD(FindObjectsInit),
    ROW(FindObjects),
    ROW(FindObjectsFinal),
    ROW(EncryptInit),
    ROW(Encrypt),
    ROW(EncryptUpdate),
    ROW(EncryptFinal),
    ROW(DecryptInit),
    ROW(Decrypt),
    ROW(DecryptUpdate),
    ROW(DecryptFinal),
    ROW(DigestInit),
    ROW(Digest),
    ROW(DigestUpdate),
    ROW(DigestKey),
    ROW(DigestFinal),
    ROW(SignInit),
    ROW(Sign),
    ROW(SignUpdate),
    ROW(SignFinal),
    ROW(VerifyInit),
    ROW(Verify),
    ROW(VerifyUpdate),
    ROW(VerifyFinal),
    ROW_BAD(GenerateKey),
    ROW_BAD(GenerateKeyPair),
    ROW_BAD(WrapKey),
    ROW_BAD(UnwrapKey),
    ROW_BAD(DeriveKey),
    ROW_BAD(SeedRandom),
    ROW_BAD(GenerateRandom),
};

static void wrong_sessions(void **state) {
    (void)state;
    CK_SESSION_HANDLE closed = open_session(0);
    assert_ok(rig.p11->C_CloseSession(closed));
    const CK_SESSION_HANDLE handles[] = {CK_INVALID_HANDLE, NOTHING, (CK_ULONG)-1, closed};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t k = 0; k < COUNT(handles); k++) {
            CK_RV rv = rows[i].call(handles[k]);
            if (rv != CKR_SESSION_HANDLE_INVALID)
                print_error("C_%s with session 0x%lx: 0x%lx\n", rows[i].name, handles[k], rv);
            assert_int_equal(rv, CKR_SESSION_HANDLE_INVALID);
        }
    }
}

static void null_pointers(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].call_badly == NULL)
            continue;
        /* SoftHSM2 looks at the object first, or does not know the mechanism. */
        if (!rig.kind.ours && strcmp(rows[i].name, "SetAttributeValue") == 0)
            continue;
        CK_RV rv = rows[i].call_badly(rig.session);
        if (rv != rows[i].bad_arguments)
            print_error("C_%s: 0x%lx\n", rows[i].name, rv);
        assert_int_equal(rv, rows[i].bad_arguments);
    }
}

/* Nothing was begun, so nothing can go on or end. */
static void nothing_begun(void **state) {
    (void)state;
    static const char *const names[] = {
        "FindObjects",  "FindObjectsFinal", "Encrypt",       "EncryptUpdate",
        "EncryptFinal", "Decrypt",          "DecryptUpdate", "DecryptFinal",
        "Digest",       "DigestUpdate",     "DigestFinal",   "Sign",
        "SignUpdate",   "SignFinal",        "Verify",        "VerifyUpdate",
        "VerifyFinal",  "DigestKey",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        for (size_t k = 0; k < COUNT(rows); k++) {
            if (strcmp(rows[k].name, names[i]) != 0)
                continue;
            CK_RV rv = rows[k].call(rig.session);
            if (rv != CKR_OPERATION_NOT_INITIALIZED)
                print_error("C_%s: 0x%lx\n", names[i], rv);
            assert_int_equal(rv, CKR_OPERATION_NOT_INITIALIZED);
        }
    }
}

/* Handles that are nobody's, where a key is wanted. */
static void wrong_keys(void **state) {
    (void)state;
    CK_MECHANISM wrap = {rig.kind.wrap, NULL, 0};
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_rv(rig.kind.no_key, p11->C_SignInit(rig.session, &rsa, NOTHING));
    assert_rv(rig.kind.no_key, p11->C_VerifyInit(rig.session, &rsa, NOTHING));
    assert_rv(rig.kind.no_key, p11->C_EncryptInit(rig.session, &rsa, NOTHING));
    assert_rv(rig.kind.no_key, p11->C_DecryptInit(rig.session, &rsa, NOTHING));
    assert_rv(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(rig.session, NOTHING));
    assert_rv(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(rig.session, NOTHING, &len));
    assert_rv(CKR_OBJECT_HANDLE_INVALID, p11->C_GetAttributeValue(rig.session, NOTHING, &label, 1));
    assert_rv(CKR_OBJECT_HANDLE_INVALID,
              p11->C_CopyObject(rig.session, NOTHING, &label, 0, &object));
    assert_rv(CKR_WRAPPING_KEY_HANDLE_INVALID,
              p11->C_WrapKey(rig.session, &wrap, NOTHING, NOTHING, octets, &len));
    len = sizeof octets;
}

/* One attribute that may not be read does not keep the others back (pkcs11-v3.2#5.7.5). */
static void mixed_attributes(void **state) {
    (void)state;
    CK_ATTRIBUTE use[] = {A_BOOL(CKA_SENSITIVE, yes), A_BOOL(CKA_ENCRYPT, yes)};
    CK_OBJECT_HANDLE key = make_aes(32, false, use, 2);
    CK_ULONG class = 0, value_len = 0;
    uint8_t value[32] = {7}, unknown[8];
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_VALUE, value, sizeof value},
        {CKA_MODULUS, unknown, sizeof unknown},
        {CKA_VALUE_LEN, &value_len, sizeof value_len},
        {CKA_KEY_TYPE, NULL, 0},
        {CKA_CLASS, unknown, 2},
    };
    CK_RV rv = rig.p11->C_GetAttributeValue(rig.session, key, wanted, COUNT(wanted));
    assert_true(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
                rv == CKR_BUFFER_TOO_SMALL);
    assert_int_equal(class, CKO_SECRET_KEY);
    assert_int_equal(value_len, 32);
    assert_int_equal(wanted[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(value[0], 7);
    assert_int_equal(wanted[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(wanted[4].ulValueLen, sizeof(CK_KEY_TYPE));
    assert_int_equal(wanted[5].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_rv(CKR_ATTRIBUTE_SENSITIVE,
              rig.p11->C_GetAttributeValue(rig.session, key, &wanted[1], 1));
    wanted[5].ulValueLen = 2;
    assert_rv(CKR_BUFFER_TOO_SMALL, rig.p11->C_GetAttributeValue(rig.session, key, &wanted[5], 1));
}

/* A read-only session: session objects yes, token objects no. */
static void read_only(void **state) {
    (void)state;
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_SESSION_HANDLE ro = open_session(0);
    CK_OBJECT_HANDLE made = 0;
    CK_ATTRIBUTE data[] = {{CKA_CLASS, &class, sizeof class},
                           A_BOOL(CKA_TOKEN, yes),
                           A_BOOL(CKA_PRIVATE, no),
                           A_TEXT(CKA_VALUE, "v")};
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_CreateObject(ro, data, COUNT(data), &made));
    assert_ok(rig.p11->C_CreateObject(rig.session, data, COUNT(data), &made));
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_DestroyObject(ro, made));
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_SetAttributeValue(ro, made, &label, 1));
    assert_ok(rig.p11->C_DestroyObject(rig.session, made));
    data[1].pValue = &no;
    assert_ok(rig.p11->C_CreateObject(ro, data, COUNT(data), &made));
    assert_ok(rig.p11->C_DestroyObject(ro, made));
    if (rig.kind.ours)
        assert_rv(CKR_SESSION_READ_ONLY,
                  rig.p11->C_SetPIN(ro, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN),
                                    (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)));
}

/* A key that only a trusted key may wrap; trust is the SO's to give. */
static void wrap_with_trusted(void **state) {
    (void)state;
    CK_MECHANISM wrap = {rig.kind.wrap, NULL, 0};
    CK_ATTRIBUTE use[] = {A_BOOL(CKA_WRAP, yes)}, trusted = A_BOOL(CKA_TRUSTED, yes);
    CK_ATTRIBUTE guarded[] = {A_BOOL(CKA_WRAP_WITH_TRUSTED, yes), A_BOOL(CKA_EXTRACTABLE, yes),
                              A_BOOL(CKA_SENSITIVE, yes)};
    CK_ATTRIBUTE never = A_BOOL(CKA_WRAP_WITH_TRUSTED, no);
    CK_OBJECT_HANDLE kek = make_aes(32, false, use, 1), key = make_aes(32, false, guarded, 3);
    CK_ULONG wrapped_len = sizeof octets;
    assert_rv(CKR_KEY_NOT_WRAPPABLE,
              rig.p11->C_WrapKey(rig.session, &wrap, kek, key, octets, &wrapped_len));
    assert_rv(CKR_ATTRIBUTE_READ_ONLY, rig.p11->C_SetAttributeValue(rig.session, kek, &trusted, 1));
    assert_rv(CKR_ATTRIBUTE_READ_ONLY, rig.p11->C_SetAttributeValue(rig.session, key, &never, 1));
}

static void allowed_mechanisms(void **state) {
    (void)state;
    CK_MECHANISM_TYPE allowed[] = {CKM_SHA256_RSA_PKCS};
    CK_ATTRIBUTE more = {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed};
    CK_MECHANISM good = {CKM_SHA256_RSA_PKCS, NULL, 0}, bad = {CKM_SHA384_RSA_PKCS, NULL, 0};
    struct pair pair;
    assert_ok(try_pair(key_kind("RSA-2048"), false, &more, 1, &pair));
    assert_rv(CKR_MECHANISM_INVALID, rig.p11->C_SignInit(rig.session, &bad, pair.private));
    assert_ok(rig.p11->C_SignInit(rig.session, &good, pair.private));
}

int hostile_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_sessions, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(null_pointers, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(nothing_begun, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(wrong_keys, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(mixed_attributes, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(read_only, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(wrap_with_trusted, test_session, test_session_end),
        cmocka_unit_test_setup_teardown(allowed_mechanisms, test_session, test_session_end),
    };
    return cmocka_run_group_tests_name("hostile callers", tests, NULL, NULL);
}
