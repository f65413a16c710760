/* Sessions, log-in, PINs. */
#include "p11.h"
#include "suites.h"

static CK_STATE state_of(CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info;
    assert_ok(rig.p11->C_GetSessionInfo(session, &info));
    assert_int_equal(info.slotID, rig.slot);
    return info.state;
}

static CK_RV try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin) {
    return rig.p11->C_Login(session, user, (CK_UTF8CHAR *)pin, strlen(pin));
}

static void handles(void **state) {
    (void)state;
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE session = 0;
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_GetSessionInfo(0, &info));
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_GetSessionInfo(0x7fff1234, &info));
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_CloseSession((CK_ULONG)-1));
    assert_rv(CKR_SESSION_PARALLEL_NOT_SUPPORTED,
              rig.p11->C_OpenSession(rig.slot, CKF_RW_SESSION, NULL, NULL, &session));
    assert_rv(CKR_ARGUMENTS_BAD,
              rig.p11->C_OpenSession(rig.slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
    session = open_session(0);
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetSessionInfo(session, NULL));
    assert_ok(rig.p11->C_CloseSession(session));
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_CloseSession(session));
    CK_SESSION_HANDLE other = open_session(0); /* may use the same place, not the same handle */
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_GetSessionInfo(session, &info));
    assert_ok(rig.p11->C_CloseSession(other));
}

static void states(void **state) {
    (void)state;
    CK_SESSION_HANDLE ro = open_session(0), rw = open_session(CKF_RW_SESSION);
    assert_int_equal(state_of(ro), CKS_RO_PUBLIC_SESSION);
    assert_int_equal(state_of(rw), CKS_RW_PUBLIC_SESSION);
    assert_rv(CKR_SESSION_READ_ONLY_EXISTS, try_login(rw, CKU_SO, SO_PIN));
    assert_rv(CKR_USER_TYPE_INVALID, try_login(rw, 77, USER_PIN));
    if (rig.kind.ours)
        assert_rv(CKR_USER_NOT_LOGGED_IN, rig.p11->C_Logout(rw));
    login(ro, CKU_USER, USER_PIN);
    assert_int_equal(state_of(ro), CKS_RO_USER_FUNCTIONS);
    assert_int_equal(state_of(rw), CKS_RW_USER_FUNCTIONS);
    assert_rv(CKR_USER_ALREADY_LOGGED_IN, try_login(rw, CKU_USER, USER_PIN));
    assert_ok(rig.p11->C_CloseSession(ro));
    assert_rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, try_login(rw, CKU_SO, SO_PIN));
    assert_ok(rig.p11->C_Logout(rw));
    login(rw, CKU_SO, SO_PIN);
    assert_int_equal(state_of(rw), CKS_RW_SO_FUNCTIONS);
    assert_rv(CKR_SESSION_READ_WRITE_SO_EXISTS,
              rig.p11->C_OpenSession(rig.slot, CKF_SERIAL_SESSION, NULL, NULL, &ro));
    assert_ok(rig.p11->C_CloseAllSessions(rig.slot));
    rw = open_session(CKF_RW_SESSION); /* the last session took the log-in with it */
    assert_int_equal(state_of(rw), CKS_RW_PUBLIC_SESSION);
    assert_ok(rig.p11->C_CloseSession(rw));
}

static void thousand_sessions(void **state) {
    (void)state;
    static CK_SESSION_HANDLE sessions[1000];
    CK_SESSION_INFO info;
    for (size_t i = 0; i < COUNT(sessions); i++)
        sessions[i] = open_session(CKF_RW_SESSION);
    login(sessions[0], CKU_USER, USER_PIN);
    assert_int_equal(state_of(sessions[999]), CKS_RW_USER_FUNCTIONS);
    for (size_t i = 0; i < COUNT(sessions); i += 2)
        assert_ok(rig.p11->C_CloseSession(sessions[i]));
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_GetSessionInfo(sessions[500], &info));
    assert_int_equal(state_of(sessions[501]), CKS_RW_USER_FUNCTIONS);
    assert_ok(rig.p11->C_CloseAllSessions(rig.slot));
    assert_rv(CKR_SESSION_HANDLE_INVALID, rig.p11->C_GetSessionInfo(sessions[501], &info));
}

static void pins(void **state) {
    (void)state;
    CK_SESSION_HANDLE ro = open_session(0), rw = open_session(CKF_RW_SESSION);
    CK_UTF8CHAR *old = (CK_UTF8CHAR *)USER_PIN, *new = (CK_UTF8CHAR *)"another-pin";
    assert_rv(CKR_PIN_INCORRECT, try_login(rw, CKU_USER, "wrong-pin"));
    assert_rv(CKR_PIN_INCORRECT, try_login(rw, CKU_USER, "user-pin-567"));
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_SetPIN(ro, old, 13, new, 11));
    assert_rv(CKR_PIN_INCORRECT, rig.p11->C_SetPIN(rw, new, 11, new, 11));
    assert_rv(CKR_PIN_LEN_RANGE, rig.p11->C_SetPIN(rw, old, 13, new, 3));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_SetPIN(rw, NULL, 13, new, 11));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_SetPIN(rw, old, 13, NULL, 11));
    assert_rv(CKR_USER_NOT_LOGGED_IN, rig.p11->C_InitPIN(rw, new, 11)); /* only the SO may */
    assert_ok(rig.p11->C_SetPIN(rw, old, 13, new, 11));
    assert_rv(CKR_PIN_INCORRECT, try_login(rw, CKU_USER, USER_PIN));
    login(rw, CKU_USER, "another-pin");
    assert_ok(rig.p11->C_SetPIN(rw, new, 11, old, 13));
    assert_ok(rig.p11->C_Logout(rw));
    login(rw, CKU_USER, USER_PIN);
    assert_ok(rig.p11->C_CloseAllSessions(rig.slot));
}

/* Softtoken counts failed tries, over restarts too, and the SO can give the user new ones. */
static void pin_tries(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_FLAGS all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    CK_SESSION_HANDLE session = open_session(CKF_RW_SESSION);
    assert_int_equal(token_flags() & all, 0);
    for (int i = 1; i <= 10; i++) {
        assert_rv(CKR_PIN_INCORRECT, try_login(session, CKU_USER, "not the pin"));
        CK_FLAGS wanted = i == 10  ? CKF_USER_PIN_LOCKED
                          : i == 9 ? CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY
                                   : CKF_USER_PIN_COUNT_LOW;
        assert_int_equal(token_flags() & all, wanted);
    }
    assert_rv(CKR_PIN_LOCKED, try_login(session, CKU_USER, USER_PIN));
    assert_ok(rig.p11->C_Finalize(NULL)); /* a restart does not help */
    assert_ok(rig.p11->C_Initialize(NULL));
    CK_SLOT_ID slots[4];
    CK_ULONG count = COUNT(slots);
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, slots, &count));
    rig.slot = slots[0];
    session = open_session(CKF_RW_SESSION);
    assert_rv(CKR_PIN_LOCKED, try_login(session, CKU_USER, USER_PIN));
    assert_rv(CKR_PIN_LOCKED, rig.p11->C_SetPIN(session, (CK_UTF8CHAR *)USER_PIN, 13,
                                                (CK_UTF8CHAR *)"12345678", 8));
    login(session, CKU_SO, SO_PIN);
    assert_rv(CKR_PIN_LEN_RANGE, rig.p11->C_InitPIN(session, (CK_UTF8CHAR *)USER_PIN, 3));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_InitPIN(session, NULL, 13));
    assert_ok(rig.p11->C_InitPIN(session, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)));
    assert_ok(rig.p11->C_Logout(session));
    assert_int_equal(token_flags() & all, 0);
    login(session, CKU_USER, USER_PIN);
    assert_ok(rig.p11->C_CloseAllSessions(rig.slot));
}

/* Every call with a handle that is none: nothing but CKR_SESSION_HANDLE_INVALID. */
static void wrong_session(void **state) {
    (void)state;
    CK_FUNCTION_LIST *p11 = rig.p11;
    CK_SESSION_HANDLE none = 0x00abcdef;
    CK_BYTE octets[32] = {0};
    CK_ULONG len = sizeof octets;
    CK_OBJECT_HANDLE object;
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_ATTRIBUTE attr = A_BOOL(CKA_TOKEN, no);
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Login(none, CKU_USER, octets, 4));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Logout(none));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_InitPIN(none, octets, 4));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_SetPIN(none, octets, 4, octets, 4));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_CreateObject(none, &attr, 1, &object));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_CopyObject(none, 1, &attr, 1, &object));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_DestroyObject(none, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_GetObjectSize(none, 1, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_GetAttributeValue(none, 1, &attr, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_SetAttributeValue(none, 1, &attr, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_FindObjectsInit(none, &attr, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_FindObjects(none, &object, 1, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_FindObjectsFinal(none));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_DigestInit(none, &mechanism));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Digest(none, octets, 4, octets, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_SignInit(none, &mechanism, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Sign(none, octets, 4, octets, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_SignUpdate(none, octets, 4));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_SignFinal(none, octets, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_VerifyInit(none, &mechanism, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Verify(none, octets, 4, octets, 4));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_EncryptInit(none, &mechanism, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Encrypt(none, octets, 4, octets, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_DecryptInit(none, &mechanism, 1));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_Decrypt(none, octets, 4, octets, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_GenerateKey(none, &mechanism, &attr, 1, &object));
    assert_rv(CKR_SESSION_HANDLE_INVALID,
              p11->C_GenerateKeyPair(none, &mechanism, &attr, 1, &attr, 1, &object, &object));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_WrapKey(none, &mechanism, 1, 1, octets, &len));
    assert_rv(CKR_SESSION_HANDLE_INVALID,
              p11->C_UnwrapKey(none, &mechanism, 1, octets, 16, &attr, 1, &object));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_SeedRandom(none, octets, 4));
    assert_rv(CKR_SESSION_HANDLE_INVALID, p11->C_GenerateRandom(none, octets, 4));
}

int session_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles), cmocka_unit_test(states),    cmocka_unit_test(thousand_sessions),
        cmocka_unit_test(pins),    cmocka_unit_test(pin_tries), cmocka_unit_test(wrong_session),
    };
    return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
