/* Before and around the token: initialisation, lists, slots, making a token, fork. */
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "p11.h"
#include "suites.h"

static void not_initialized(void **state) {
    (void)state;
    CK_INFO info;
    CK_ULONG count = 0;
    CK_SESSION_HANDLE session;
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED, rig.p11->C_GetInfo(&info));
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED, rig.p11->C_GetSlotList(CK_FALSE, NULL, &count));
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED,
              rig.p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session));
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED, rig.p11->C_CloseSession(1));
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED, rig.p11->C_Sign(1, NULL, 0, NULL, &count));
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED, rig.p11->C_Finalize(NULL));
}

static CK_RV some_mutex(void *mutex) {
    (void)mutex;
    return CKR_OK;
}

static CK_RV make_mutex(void **mutex) {
    *mutex = NULL;
    return CKR_OK;
}

static void initialize_arguments(void **state) {
    (void)state;
    CK_C_INITIALIZE_ARGS half = {.LockMutex = some_mutex, .flags = CKF_OS_LOCKING_OK};
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_Initialize(&half));
    if (rig.kind.ours) {
        CK_C_INITIALIZE_ARGS theirs = {make_mutex, some_mutex, some_mutex, some_mutex, 0, NULL};
        assert_rv(CKR_CANT_LOCK, rig.p11->C_Initialize(&theirs));
        CK_C_INITIALIZE_ARGS odd = {.pReserved = (void *)"colour=blue"};
        assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_Initialize(&odd));
        CK_C_INITIALIZE_ARGS no_pointer = {.pReserved = (void *)1};
        assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_Initialize(&no_pointer));
        CK_C_INITIALIZE_ARGS relative = {.pReserved = (void *)"dir=here"};
        assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_Initialize(&relative));
    }
    assert_ok(rig.p11->C_Initialize(NULL));
    assert_rv(CKR_CRYPTOKI_ALREADY_INITIALIZED, rig.p11->C_Initialize(NULL));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_Finalize(&half));
    assert_ok(rig.p11->C_Finalize(NULL));
    assert_rv(CKR_CRYPTOKI_NOT_INITIALIZED, rig.p11->C_Finalize(NULL));
}

/* The directory can be given with C_Initialize instead of the environment. */
static void reserved_directory(void **state) {
    (void)state;
    char reserved[128];
    CK_ULONG count = 0;
    if (!rig.kind.ours)
        skip();
    (void)snprintf(reserved, sizeof reserved, "dir=%s/elsewhere", rig.dir);
    assert_ok(rig.p11->C_Initialize(&(CK_C_INITIALIZE_ARGS){.pReserved = reserved}));
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, NULL, &count));
    assert_int_equal(count, 1);
    assert_ok(rig.p11->C_Finalize(NULL));
}

static void function_lists(void **state) {
    (void)state;
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetFunctionList(NULL));
    assert_int_equal(rig.p11->version.major, 2);
    assert_int_equal(rig.p11->version.minor, 40);
    /* No holes. */
    void *const *entries = (void *const *)(const void *)&rig.p11->C_Initialize;
    for (size_t i = 0; i < 68; i++)
        assert_non_null(entries[i]);
}

static void interfaces(void **state) {
    (void)state;
    CK_INTERFACE list[8], *one = NULL;
    CK_ULONG count = 0;
    if (!rig.kind.ours)
        skip();
    void *library = dlopen(rig.module_path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetInterfaceList get_list = (CK_C_GetInterfaceList)dlsym(library, "C_GetInterfaceList");
    CK_C_GetInterface get = (CK_C_GetInterface)dlsym(library, "C_GetInterface");
    assert_rv(CKR_ARGUMENTS_BAD, get_list(NULL, NULL));
    assert_ok(get_list(NULL, &count));
    assert_int_equal(count, 3);
    count = 1;
    assert_rv(CKR_BUFFER_TOO_SMALL, get_list(list, &count));
    count = COUNT(list);
    assert_ok(get_list(list, &count));
    assert_ok(get(NULL, NULL, &one, 0));
    CK_FUNCTION_LIST_3_2 *newest = one->pFunctionList;
    assert_int_equal(newest->version.major, 3);
    assert_int_equal(newest->version.minor, 2);
    void *const *entries = (void *const *)(const void *)&newest->C_Initialize;
    for (size_t i = 0; i < 104; i++)
        assert_non_null(entries[i]);
    CK_VERSION old = {2, 40}, none = {4, 0};
    assert_ok(get((CK_UTF8CHAR *)"PKCS 11", &old, &one, 0));
    /* A child has to begin anew, so no list here is fork safe in the sense of the standard. */
    assert_rv(CKR_FUNCTION_FAILED, get(NULL, NULL, &one, CKF_INTERFACE_FORK_SAFE));
    assert_ptr_equal(one->pFunctionList, rig.p11);
    assert_rv(CKR_FUNCTION_FAILED, get(NULL, &none, &one, 0));
    assert_rv(CKR_FUNCTION_FAILED, get((CK_UTF8CHAR *)"Vendor", NULL, &one, 0));
    assert_rv(CKR_ARGUMENTS_BAD, get(NULL, NULL, NULL, 0));
    /* The module gives out Cryptoki and nothing of the library inside it. */
    assert_null(dlsym(library, "EVP_DigestSign"));
    assert_null(dlsym(library, "module_crypto_open"));
    (void)dlclose(library);
}

static void make_token(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    rig_make_token();
    assert_ok(rig.p11->C_GetTokenInfo(rig.slot, &info));
    assert_memory_equal(info.label, LABEL_32, 32);
    CK_FLAGS wanted =
        CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
    assert_int_equal(info.flags & wanted, wanted);
}

static void slots(void **state) {
    (void)state;
    CK_SLOT_ID list[16];
    CK_ULONG count = 0;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token_info;
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetSlotList(CK_FALSE, NULL, NULL));
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, NULL, &count));
    assert_int_equal(count, 2); /* the token and the free slot */
    count = 1;
    assert_rv(CKR_BUFFER_TOO_SMALL, rig.p11->C_GetSlotList(CK_TRUE, list, &count));
    assert_int_equal(count, 2);
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, list, &count));
    assert_int_equal(list[0], rig.slot);
    assert_ok(rig.p11->C_GetTokenInfo(list[1], &token_info));
    assert_int_equal(token_info.flags & CKF_TOKEN_INITIALIZED, 0);
    assert_rv(CKR_SLOT_ID_INVALID, rig.p11->C_GetSlotInfo(0x12345678, &slot_info));
    assert_rv(CKR_SLOT_ID_INVALID, rig.p11->C_GetTokenInfo(0x12345678, &token_info));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetSlotInfo(rig.slot, NULL));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetTokenInfo(rig.slot, NULL));
    assert_rv(CKR_NO_EVENT, rig.p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, list, NULL));
}

static void mechanism_lists(void **state) {
    (void)state;
    CK_MECHANISM_TYPE list[512];
    CK_MECHANISM_INFO info;
    CK_ULONG count = 0;
    assert_ok(rig.p11->C_GetMechanismList(rig.slot, NULL, &count));
    assert_true(count > 10 && count <= COUNT(list));
    CK_ULONG few = count - 1;
    assert_rv(CKR_BUFFER_TOO_SMALL, rig.p11->C_GetMechanismList(rig.slot, list, &few));
    assert_ok(rig.p11->C_GetMechanismList(rig.slot, list, &count));
    for (CK_ULONG i = 0; i < count; i++)
        assert_ok(rig.p11->C_GetMechanismInfo(rig.slot, list[i], &info));
    assert_rv(CKR_MECHANISM_INVALID, rig.p11->C_GetMechanismInfo(rig.slot, 0x7fffffff, &info));
    assert_rv(CKR_SLOT_ID_INVALID, rig.p11->C_GetMechanismList(0x12345678, NULL, &count));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetMechanismList(rig.slot, list, NULL));
}

static void init_token_refused(void **state) {
    (void)state;
    CK_SLOT_ID list[16];
    CK_ULONG count = COUNT(list);
    CK_UTF8CHAR *label = (CK_UTF8CHAR *)LABEL_32, *pin = (CK_UTF8CHAR *)SO_PIN;
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, list, &count));
    assert_rv(CKR_SLOT_ID_INVALID, rig.p11->C_InitToken(0x12345678, pin, 11, label));
    assert_rv(CKR_PIN_INCORRECT, rig.p11->C_InitToken(rig.slot, (CK_UTF8CHAR *)"wrong", 5, label));
    if (rig.kind.ours) {
        assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_InitToken(list[1], NULL, 11, label));
        assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_InitToken(list[1], pin, 11, NULL));
        assert_rv(CKR_PIN_LEN_RANGE, rig.p11->C_InitToken(list[1], pin, 3, label));
        assert_rv(CKR_PIN_LEN_RANGE, rig.p11->C_InitToken(list[1], pin, 256, label));
    }
    CK_SESSION_HANDLE session = open_session(0);
    assert_rv(CKR_SESSION_EXISTS, rig.p11->C_InitToken(rig.slot, pin, strlen(SO_PIN), label));
    assert_ok(rig.p11->C_CloseSession(session));
}

/* Sessions on the free slot, whose token waits to be made. */
static void no_session_without_token(void **state) {
    (void)state;
    CK_SLOT_ID list[16];
    CK_ULONG count = COUNT(list);
    CK_SESSION_HANDLE session;
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, list, &count));
    CK_RV rv = rig.p11->C_OpenSession(list[1], CKF_SERIAL_SESSION, NULL, NULL, &session);
    assert_true(rv == CKR_TOKEN_NOT_RECOGNIZED);
}

/* A child has to initialise for itself; then the token works for it, and goes on for the parent. */
static void after_fork(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_SESSION_HANDLE session = open_session(0);
    pid_t child = fork();
    if (child == 0) {
        CK_SESSION_INFO info;
        CK_SESSION_HANDLE own;
        uint8_t random[8];
        bool fine = rig.p11->C_GetSessionInfo(session, &info) == CKR_CRYPTOKI_NOT_INITIALIZED &&
                    rig.p11->C_Initialize(NULL) == CKR_OK &&
                    rig.p11->C_GetSessionInfo(session, &info) == CKR_SESSION_HANDLE_INVALID;
        CK_SLOT_ID slots[2];
        CK_ULONG count = 2;
        fine =
            fine && rig.p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK &&
            rig.p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &own) == CKR_OK &&
            rig.p11->C_Login(own, CKU_USER, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)) == CKR_OK &&
            rig.p11->C_GenerateRandom(own, random, sizeof random) == CKR_OK &&
            rig.p11->C_Finalize(NULL) == CKR_OK;
        _exit(fine ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    CK_SESSION_INFO info;
    assert_ok(rig.p11->C_GetSessionInfo(session, &info));
    assert_ok(rig.p11->C_CloseSession(session));
}

int general_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_initialized),
        cmocka_unit_test(initialize_arguments),
        cmocka_unit_test(reserved_directory),
        cmocka_unit_test(function_lists),
        cmocka_unit_test(interfaces),
        cmocka_unit_test(make_token),
        cmocka_unit_test(slots),
        cmocka_unit_test(mechanism_lists),
        cmocka_unit_test(init_token_refused),
        cmocka_unit_test(no_session_without_token),
        cmocka_unit_test(after_fork),
    };
    return cmocka_run_group_tests_name("general", tests, NULL, NULL);
}
