/* Softtoken's files under processes that are killed, that write at once, and that find no room. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "p11.h"
#include "suites.h"

static bool begin(void) {
    CK_SLOT_ID slots[4];
    CK_ULONG count = COUNT(slots);
    return rig.p11->C_Initialize(NULL) == CKR_OK &&
           rig.p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK &&
           rig.p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                  &rig.session) == CKR_OK &&
           rig.p11->C_Login(rig.session, CKU_USER, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)) ==
               CKR_OK;
}

static CK_RV make(const char *label, CK_OBJECT_HANDLE *ret_key) {
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE template[] = {A_BOOL(CKA_TOKEN, yes),
                               A_ULONG(CKA_VALUE_LEN, 32),
                               {CKA_LABEL, (void *)label, strlen(label)}};
    return rig.p11->C_GenerateKey(rig.session, &mechanism, template, COUNT(template), ret_key);
}

static size_t count_label(const char *label) {
    CK_ATTRIBUTE wanted = {CKA_LABEL, (void *)label, strlen(label)};
    return count_objects(rig.session, &wanted, 1);
}

static unsigned damaged(void) {
    CK_SESSION_INFO info;
    assert_ok(rig.p11->C_GetSessionInfo(rig.session, &info));
    return (unsigned)info.ulDeviceError;
}

/* Makes, renames and destroys without end; tells each key that is durable through the pipe. */
static void churn(int tell) {
    if (!begin())
        _exit(1);
    for (;;) {
        CK_OBJECT_HANDLE kept, gone;
        CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "kept");
        if (make("unfinished", &kept) != CKR_OK || make("unfinished", &gone) != CKR_OK ||
            rig.p11->C_SetAttributeValue(rig.session, kept, &label, 1) != CKR_OK ||
            rig.p11->C_DestroyObject(rig.session, gone) != CKR_OK || write(tell, "k", 1) != 1)
            _exit(1);
    }
}

/* kill -9 in the middle of writing: what was acknowledged is there, and nothing is half there. */
static void killed(void **state) {
    (void)state;
    size_t promised = 0;
    for (int round = 0; round < 8; round++) {
        int pipe_of[2];
        char told[256];
        assert_int_equal(pipe(pipe_of), 0);
        pid_t child = fork();
        if (child == 0)
            churn(pipe_of[1]);
        (void)close(pipe_of[1]);
        assert_int_equal(read(pipe_of[0], told, 1), 1); /* it is at work */
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000L * (7 + round * 3)}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        ssize_t got;
        promised++;
        while ((got = read(pipe_of[0], told, sizeof told)) > 0)
            promised += (size_t)got;
        (void)close(pipe_of[0]);
        size_t kept = count_label("kept"); /* one more may be there that was not told any more */
        assert_true(kept >= promised && kept <= promised + (size_t)round + 1);
        assert_int_equal(damaged(), 0);
        promised = kept;
    }
    for (int i = 0; i < 2; i++) {
        CK_ATTRIBUTE label = i == 0 ? (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "kept")
                                    : (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "unfinished");
        CK_OBJECT_HANDLE found[64];
        CK_ULONG got;
        do {
            assert_ok(rig.p11->C_FindObjectsInit(rig.session, &label, 1));
            assert_ok(rig.p11->C_FindObjects(rig.session, found, COUNT(found), &got));
            assert_ok(rig.p11->C_FindObjectsFinal(rig.session));
            for (CK_ULONG k = 0; k < got; k++)
                assert_ok(rig.p11->C_DestroyObject(rig.session, found[k]));
        } while (got > 0);
    }
}

static int make_thirty(void) {
    CK_OBJECT_HANDLE key;
    if (!begin())
        return 1;
    for (int i = 0; i < 30; i++)
        if (make("crowd", &key) != CKR_OK)
            return 1;
    return rig.p11->C_Finalize(NULL) != CKR_OK;
}

static void crowd(void **state) {
    (void)state;
    pid_t children[4];
    for (size_t i = 0; i < COUNT(children); i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(make_thirty());
    }
    for (size_t i = 0; i < COUNT(children); i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_label("crowd"), 120);
    assert_int_equal(damaged(), 0);
}

/* No file may grow beyond 100 octets: nothing can be stored, but all that is there can be used. */
static int no_room(void) {
    CK_OBJECT_HANDLE key, found;
    CK_ULONG got = 0;
    uint8_t random[16];
    CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "crowd");
    CK_MECHANISM cbc = {CKM_AES_CBC, random, sizeof random};
    struct rlimit limit = {100, 100};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || !begin())
        return 1;
    if (make("too much", &key) != CKR_DEVICE_MEMORY)
        return 2;
    if (rig.p11->C_FindObjectsInit(rig.session, &label, 1) != CKR_OK ||
        rig.p11->C_FindObjects(rig.session, &found, 1, &got) != CKR_OK || got != 1 ||
        rig.p11->C_FindObjectsFinal(rig.session) != CKR_OK)
        return 3;
    if (rig.p11->C_EncryptInit(rig.session, &cbc, found) != CKR_OK)
        return 4;
    return rig.p11->C_DestroyObject(rig.session, found) == CKR_OK ? 0 : 5; /* which makes room */
}

static void disk_full(void **state) {
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(no_room());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_label("too much"), 0);
    assert_int_equal(count_label("crowd"), 119);
    assert_int_equal(damaged(), 0);
}

/* kill -9 in the middle of a log-in, more often than there are tries: none is spent. */
static void killed_in_login(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    for (int round = 0; round < 15; round++) {
        int pipe_of[2];
        char told;
        assert_int_equal(pipe(pipe_of), 0);
        pid_t child = fork();
        if (child == 0) {
            CK_SLOT_ID slots[4];
            CK_ULONG count = COUNT(slots);
            if (rig.p11->C_Initialize(NULL) != CKR_OK ||
                rig.p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK ||
                rig.p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &rig.session) != CKR_OK ||
                write(pipe_of[1], "b", 1) != 1)
                _exit(1);
            for (;;) { /* wrong ones would be counted when they are told, so it is the right one */
                (void)rig.p11->C_Login(rig.session, CKU_USER, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN));
                (void)rig.p11->C_Logout(rig.session);
            }
        }
        (void)close(pipe_of[1]);
        assert_int_equal(read(pipe_of[0], &told, 1), 1);
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000L * (5 + round * 4)}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        (void)close(pipe_of[0]);
    }
    CK_TOKEN_INFO info;
    assert_ok(rig.p11->C_GetTokenInfo(rig.slot, &info));
    assert_int_equal(info.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int crash_tests(void) {
    const struct CMUnitTest tests[] = {T(killed), T(killed_in_login), T(crowd), T(disk_full)};
    return cmocka_run_group_tests_name("crashes", tests, NULL, NULL);
}
