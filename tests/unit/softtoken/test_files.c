/* Softtoken's files: kept over restarts, shared by processes, damaged by somebody. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "p11.h"
#include "suites.h"

static char token_dir[320];

static int find_token_dir(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    assert_ok(rig.p11->C_GetTokenInfo(rig.slot, &info));
    (void)snprintf(token_dir, sizeof token_dir, "%s/%.16s", rig.dir, (char *)info.serialNumber);
    return 0;
}

static void restart(void) {
    CK_SLOT_ID slots[4];
    CK_ULONG count = COUNT(slots);
    assert_ok(rig.p11->C_Finalize(NULL));
    assert_ok(rig.p11->C_Initialize(NULL));
    assert_ok(rig.p11->C_GetSlotList(CK_TRUE, slots, &count));
    assert_int_equal(count, 2);
    rig.slot = slots[0];
    (void)test_session(NULL);
}

static size_t files_with(const char *suffix, char *ret_last, size_t size) {
    DIR *dir = opendir(token_dir);
    const struct dirent *entry;
    size_t count = 0;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, suffix) != 0)
            continue;
        (void)snprintf(ret_last, size, "%s/%s", token_dir, entry->d_name);
        count++;
    }
    (void)closedir(dir);
    return count;
}

static size_t count_all(void) {
    return count_objects(rig.session, NULL, 0);
}

static unsigned damaged(void) {
    CK_SESSION_INFO info;
    assert_ok(rig.p11->C_GetSessionInfo(rig.session, &info));
    return (unsigned)info.ulDeviceError;
}

/* Every kind of key is stored, found again after a restart, and still the same key. */
static void kept(void **state) {
    (void)state;
    const char *kinds[] = {"RSA-2048", "P-384", "Ed25519", "ML-DSA-65", "SLH-DSA-SHA2-128f"};
    const CK_MECHANISM_TYPE mechanisms[] = {CKM_SHA256_RSA_PKCS, CKM_ECDSA_SHA256, CKM_EDDSA,
                                            CKM_ML_DSA, CKM_SLH_DSA};
    static uint8_t signature[60000];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct pair pair;
        uint8_t id[32];
        CK_ULONG len = sizeof signature;
        CK_MECHANISM mechanism = {mechanisms[i], NULL, 0};
        assert_ok(try_pair(key_kind(kinds[i]), true, NULL, 0, &pair));
        assert_int_equal(get_bytes(pair.private, CKA_UNIQUE_ID, id, sizeof id), 32);
        restart();
        CK_ATTRIBUTE wanted = A_BYTES(CKA_UNIQUE_ID, id, 32);
        CK_OBJECT_HANDLE private = find_one(rig.session, &wanted, 1);
        CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
        CK_ATTRIBUTE of_public[] = {{CKA_CLASS, &class, sizeof class}, A_TEXT(CKA_LABEL, "pair")};
        CK_OBJECT_HANDLE public = find_one(rig.session, of_public, 2);
        assert_true(get_bool(private, CKA_NEVER_EXTRACTABLE));
        assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, private));
        assert_ok(rig.p11->C_Sign(rig.session, id, 32, signature, &len));
        assert_ok(rig.p11->C_VerifyInit(rig.session, &mechanism, public));
        assert_ok(rig.p11->C_Verify(rig.session, id, 32, signature, len));
        CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "renamed");
        assert_ok(rig.p11->C_SetAttributeValue(rig.session, private, &label, 1));
        restart();
        assert_int_equal(count_objects(rig.session, &label, 1), 1);
        assert_ok(rig.p11->C_DestroyObject(rig.session, find_one(rig.session, &label, 1)));
        assert_ok(rig.p11->C_DestroyObject(rig.session, find_one(rig.session, of_public, 2)));
    }
    char name[400];
    assert_int_equal(files_with(".prv", name, sizeof name), 0);
    assert_int_equal(files_with(".pub", name, sizeof name), 0);
}

static void permissions(void **state) {
    (void)state;
    struct stat info;
    char name[400];
    CK_OBJECT_HANDLE key = make_aes(32, true, NULL, 0);
    assert_int_equal(stat(token_dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(files_with(".prv", name, sizeof name), 1);
    assert_int_equal(stat(name, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_ok(rig.p11->C_DestroyObject(rig.session, key));
}

static size_t read_file(const char *name, uint8_t *to, size_t room) {
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    size_t len = fread(to, 1, room, file);
    (void)fclose(file);
    return len;
}

static void write_file(const char *name, const uint8_t *at, size_t len) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(at, 1, len, file), len);
    (void)fclose(file);
}

/* One file cut at every length and with every octet changed in turn: that object is gone, the other
 * stays, nothing falls over. */
static void damage(void **state) {
    (void)state;
    static uint8_t whole[4096], broken[4096];
    char name[400];
    CK_OBJECT_HANDLE key = make_aes(32, true, NULL, 0);
    CK_BBOOL *open = &no;
    CK_ATTRIBUTE more[] = {A_BOOL(CKA_PRIVATE, *open), A_TEXT(CKA_LABEL, "undamaged")};
    CK_OBJECT_HANDLE other = make_aes(16, true, more, 2);
    assert_int_equal(files_with(".prv", name, sizeof name), 1);
    size_t len = read_file(name, whole, sizeof whole);
    for (size_t cut = 0; cut < len; cut += len / 16 + 1) {
        write_file(name, whole, cut);
        restart();
        assert_int_equal(count_all(), 1);
        assert_int_equal(damaged(), 1);
    }
    for (size_t at = 0; at < len; at += len / 16 + 1) {
        memcpy(broken, whole, len);
        broken[at] ^= 0x20;
        write_file(name, broken, len);
        restart();
        size_t left = count_all();
        if (left == 2) { /* in the sealed material, which is opened when it is used */
            CK_ATTRIBUTE aes = A_ULONG(CKA_VALUE_LEN, 32);
            CK_MECHANISM cbc = {CKM_AES_CBC, whole, 16};
            assert_rv(CKR_DEVICE_ERROR,
                      rig.p11->C_EncryptInit(rig.session, &cbc, find_one(rig.session, &aes, 1)));
        } else {
            assert_int_equal(left, 1);
            assert_int_equal(damaged(), 1);
        }
    }
    memcpy(broken, whole, len);
    write_file(name, broken, len + 1); /* something after the end */
    restart();
    assert_int_equal(count_all(), 1);
    write_file(name, whole, len);
    restart();
    assert_int_equal(count_all(), 2);
    assert_int_equal(damaged(), 0);
    (void)key;
    (void)other;
}

/* A file in the place of another, of the other kind, or that is none at all. */
static void misplaced(void **state) {
    (void)state;
    static uint8_t content[4096];
    char prv[400], pub[400], path[480];
    assert_int_equal(files_with(".prv", prv, sizeof prv), 1);
    assert_int_equal(files_with(".pub", pub, sizeof pub), 1);
    size_t len = read_file(prv, content, sizeof content);
    (void)snprintf(path, sizeof path, "%s/00112233445566778899aabbccddeeff.prv", token_dir);
    write_file(path, content, len);
    (void)snprintf(path, sizeof path, "%s/00112233445566778899aabbccddeeff.pub", token_dir);
    write_file(path, content, len);
    (void)snprintf(path, sizeof path, "%s/ffffffffffffffffffffffffffffffff.prv", token_dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof path, "%s/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.prv", token_dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    (void)snprintf(path, sizeof path, "%s/README", token_dir);
    write_file(path, content, 10);
    (void)snprintf(path, sizeof path, "%s/.tmp-leftover", token_dir);
    write_file(path, content, 10);
    restart();
    assert_int_equal(access(path, F_OK), -1); /* what a killed writer left is cleared away */
    assert_int_equal(count_all(), 2);
    assert_int_equal(damaged(), 2);
    const char *names[] = {
        "00112233445566778899aabbccddeeff.prv", "00112233445566778899aabbccddeeff.pub",
        "ffffffffffffffffffffffffffffffff.prv", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.prv", "README"};
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", token_dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(unlink(prv), 0);
    assert_int_equal(unlink(pub), 0);
}

static int run_child(int (*work)(void)) {
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(work());
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int child_session(void) {
    CK_SLOT_ID slots[4];
    CK_ULONG count = COUNT(slots);
    if (rig.p11->C_Initialize(NULL) != CKR_OK ||
        rig.p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return 1;
    return rig.p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                  &rig.session) != CKR_OK ||
           rig.p11->C_Login(rig.session, CKU_USER, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)) !=
               CKR_OK;
}

static CK_ATTRIBUTE shared_label = A_TEXT(CKA_LABEL, "shared");

static int child_makes(void) {
    if (child_session() != 0)
        return 1;
    (void)make_aes(32, true, &shared_label, 1);
    return rig.p11->C_Finalize(NULL) != CKR_OK;
}

static int child_renames(void) {
    CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "renamed by another");
    if (child_session() != 0)
        return 1;
    CK_OBJECT_HANDLE key = find_one(rig.session, &shared_label, 1);
    return rig.p11->C_SetAttributeValue(rig.session, key, &label, 1) != CKR_OK;
}

static int child_destroys(void) {
    CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "renamed by another");
    if (child_session() != 0)
        return 1;
    CK_OBJECT_HANDLE key = find_one(rig.session, &label, 1);
    return rig.p11->C_DestroyObject(rig.session, key) != CKR_OK;
}

/* What another process does to the token is seen here at the next search. */
static void several_processes(void **state) {
    (void)state;
    CK_ATTRIBUTE renamed = A_TEXT(CKA_LABEL, "renamed by another");
    assert_int_equal(count_objects(rig.session, &shared_label, 1), 0);
    assert_int_equal(run_child(child_makes), 0);
    CK_OBJECT_HANDLE key = find_one(rig.session, &shared_label, 1);
    assert_int_equal(run_child(child_renames), 0);
    assert_int_equal(count_objects(rig.session, &shared_label, 1), 0);
    assert_int_equal(find_one(rig.session, &renamed, 1), key); /* the same object, same handle */
    assert_int_equal(run_child(child_destroys), 0);
    assert_int_equal(count_objects(rig.session, &renamed, 1), 0);
    assert_int_equal(get_rv(key, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
}

static int child_initialises(void) {
    CK_SLOT_ID slots[4];
    CK_ULONG count = COUNT(slots);
    return rig.p11->C_Initialize(NULL) != CKR_OK ||
           rig.p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK ||
           rig.p11->C_InitToken(slots[0], (CK_UTF8CHAR *)SO_PIN, strlen(SO_PIN),
                                (CK_UTF8CHAR *)"made anew                       ") != CKR_OK;
}

/* The token is initialised under our feet: logged out, nothing of the old one left. */
static void initialised_elsewhere(void **state) {
    (void)state;
    CK_SESSION_INFO info;
    CK_OBJECT_HANDLE key = make_aes(32, true, NULL, 0);
    char name[400];
    assert_int_equal(run_child(child_initialises), 0);
    assert_int_equal(count_all(), 0);
    assert_ok(rig.p11->C_GetSessionInfo(rig.session, &info));
    assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
    assert_int_equal(get_rv(key, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(CKR_USER_PIN_NOT_INITIALIZED,
              rig.p11->C_Login(rig.session, CKU_USER, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)));
    assert_int_equal(token_flags() & CKF_USER_PIN_INITIALIZED, 0);
    assert_int_equal(files_with(".prv", name, sizeof name), 0);
    login(rig.session, CKU_SO, SO_PIN);
    assert_ok(rig.p11->C_InitPIN(rig.session, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)));
}

/* ---- threads -------------------------------------------------------------------------------- */

static struct pair shared_pair;

static void *sign_often(void *context) {
    CK_SESSION_HANDLE session = open_session(CKF_RW_SESSION);
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    size_t *good = context;
    for (int i = 0; i < 200; i++) {
        uint8_t hash[32] = {(uint8_t)i}, signature[64];
        CK_ULONG len = sizeof signature;
        if (rig.p11->C_SignInit(session, &ecdsa, shared_pair.private) == CKR_OK &&
            rig.p11->C_Sign(session, hash, 32, signature, &len) == CKR_OK &&
            rig.p11->C_VerifyInit(session, &ecdsa, shared_pair.public) == CKR_OK &&
            rig.p11->C_Verify(session, hash, 32, signature, len) == CKR_OK)
            (*good)++;
    }
    (void)rig.p11->C_CloseSession(session);
    return NULL;
}

static void *make_and_destroy(void *context) {
    CK_SESSION_HANDLE session = open_session(CKF_RW_SESSION);
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    size_t *good = context;
    for (int i = 0; i < 40; i++) {
        CK_OBJECT_HANDLE key = 0;
        CK_BBOOL on_token = i % 4 == 0;
        CK_ATTRIBUTE template[] = {A_BOOL(CKA_TOKEN, on_token), A_ULONG(CKA_VALUE_LEN, 32),
                                   A_TEXT(CKA_LABEL, "threads")};
        CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "threads, renamed");
        if (rig.p11->C_GenerateKey(session, &mechanism, template, 3, &key) == CKR_OK &&
            rig.p11->C_SetAttributeValue(session, key, &label, 1) == CKR_OK &&
            rig.p11->C_DestroyObject(session, key) == CKR_OK)
            (*good)++;
    }
    (void)rig.p11->C_CloseSession(session);
    return NULL;
}

static void threads(void **state) {
    (void)state;
    pthread_t signers[6], makers[2];
    size_t signed_well[6] = {0}, made_well[2] = {0};
    shared_pair = make_pair("P-256");
    for (size_t i = 0; i < COUNT(signers); i++)
        assert_int_equal(pthread_create(&signers[i], NULL, sign_often, &signed_well[i]), 0);
    for (size_t i = 0; i < COUNT(makers); i++)
        assert_int_equal(pthread_create(&makers[i], NULL, make_and_destroy, &made_well[i]), 0);
    for (size_t i = 0; i < COUNT(signers); i++) {
        assert_int_equal(pthread_join(signers[i], NULL), 0);
        assert_int_equal(signed_well[i], 200);
    }
    for (size_t i = 0; i < COUNT(makers); i++) {
        assert_int_equal(pthread_join(makers[i], NULL), 0);
        assert_int_equal(made_well[i], 40);
    }
    CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "threads");
    assert_int_equal(count_objects(rig.session, &label, 1), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int file_tests(void) {
    const struct CMUnitTest tests[] = {
        T(kept),
        T(permissions),
        T(threads),
        T(damage),
        T(misplaced),
        T(several_processes),
        T(initialised_elsewhere),
    };
    return cmocka_run_group_tests_name("files", tests, find_token_dir, NULL);
}
