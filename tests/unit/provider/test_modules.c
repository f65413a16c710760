/* A further module that crashes, hangs, loses its token: its own process suffers, the managed token
 * and the other module sign on, and the module comes back by itself. No signature is ever wrong. */
#include "harness.h"

#include "base/clock.h"
#include "cryptoki.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#define PIN "faulty-pin"
#define URI(token) "pkcs11:token=" token ";object=key;type=private"

static struct harness harness;
static char order_file[128];
static EVP_PKEY *faulty, *sound, *managed;

/* ---- making tokens --------------------------------------------------------------------------- */

static void ok(CK_RV rv) {
    if (rv != CKR_OK)
        fail_msg("Cryptoki: 0x%lx", rv);
}

/* The slot of the token with this label of 32, or the free one for NULL. */
static CK_SLOT_ID slot_with(const CK_FUNCTION_LIST *f, const CK_UTF8CHAR *label) {
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_TOKEN_INFO info;
    ok(f->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        ok(f->C_GetTokenInfo(slots[i], &info));
        bool token = (info.flags & CKF_TOKEN_INITIALIZED) != 0;
        if (label == NULL ? !token : token && memcmp(info.label, label, 32) == 0)
            return slots[i];
    }
    fail_msg("no slot");
    return 0;
}

static void make_key(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session) {
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static CK_BBOOL yes = CK_TRUE;
    static CK_BYTE id[] = {7}, label[] = {'k', 'e', 'y'};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_key[] = {{CKA_TOKEN, &yes, sizeof yes},
                                 {CKA_LABEL, label, sizeof label},
                                 {CKA_ID, id, sizeof id},
                                 {CKA_EC_PARAMS, p256, sizeof p256},
                                 {CKA_VERIFY, &yes, sizeof yes}};
    CK_ATTRIBUTE private_key[] = {{CKA_TOKEN, &yes, sizeof yes},
                                  {CKA_LABEL, label, sizeof label},
                                  {CKA_ID, id, sizeof id},
                                  {CKA_SIGN, &yes, sizeof yes}};
    CK_OBJECT_HANDLE public_object, private_object;
    ok(f->C_GenerateKeyPair(session, &mechanism, public_key, 5, private_key, 4, &public_object,
                            &private_object));
}

static void make_token(CK_FUNCTION_LIST *f, const char *folder, const char *label) {
    char name[256];
    CK_UTF8CHAR padded[32], *pin = (CK_UTF8CHAR *)PIN;
    CK_SESSION_HANDLE session;
    (void)mkdir(folder, 0700); /* or it is there */
    snprintf(name, sizeof name, "dir=%s", folder);
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = name};
    ok(f->C_Initialize(&args));
    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, strlen(label));
    ok(f->C_InitToken(slot_with(f, NULL), pin, strlen(PIN), padded));
    ok(f->C_OpenSession(slot_with(f, padded), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                        &session));
    ok(f->C_Login(session, CKU_SO, pin, strlen(PIN)));
    ok(f->C_InitPIN(session, pin, strlen(PIN)));
    ok(f->C_Logout(session));
    ok(f->C_Login(session, CKU_USER, pin, strlen(PIN)));
    make_key(f, session);
    ok(f->C_Finalize(NULL));
}

/* ---- signing --------------------------------------------------------------------------------- */

/* Signs and verifies with the default provider; on failure the reason. */
static bool sign_once(EVP_PKEY *key, struct error *ret_error) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *check = EVP_MD_CTX_new();
    unsigned char signature[512], data[64];
    size_t len = sizeof signature;
    random_bytes(data, sizeof data);
    bool done = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &len, data, sizeof data) == 1;
    if (!done && !signer_take_error(ret_error))
        snprintf(ret_error->message, sizeof ret_error->message, "no error was left");
    if (done) /* what was given out must be right */
        assert_true(EVP_DigestVerifyInit(check, NULL, EVP_sha256(), NULL, key) == 1 &&
                    EVP_DigestVerify(check, signature, len, data, sizeof data) == 1);
    EVP_MD_CTX_free(ctx);
    EVP_MD_CTX_free(check);
    ERR_clear_error();
    return done;
}

static void assert_signs(EVP_PKEY *key) {
    struct error err = {0};
    if (!sign_once(key, &err))
        fail_msg("%s: %s (%s)", err.type, err.message, err.detail);
}

static void assert_others_sign(void) {
    assert_signs(sound);
    assert_signs(managed);
}

static EVP_PKEY *token_key(const char *uri) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    EVP_PKEY *key;
    if (!signer_token_key(harness.signer, arena, uri, &key, NULL, &err))
        fail_msg("%s: %s (%s)", uri, err.message, err.detail);
    return key;
}

static void set_order(const char *text) {
    char name[160];
    snprintf(name, sizeof name, "%s.new", order_file);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(name, order_file), 0);
}

static long module_process(void) {
    char name[160];
    long pid = 0;
    snprintf(name, sizeof name, "%s.pid", order_file);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    return pid;
}

/* ---- the faults ------------------------------------------------------------------------------ */

/* Each module has a process of its own, which is not the signer's. */
static void processes_of_their_own(void **state) {
    (void)state;
    assert_signs(faulty);
    assert_others_sign();
    assert_int_not_equal(module_process(), signer_process(harness.signer));
    assert_int_not_equal(module_process(), getpid());
}

/* `type` NULL: the call succeeds all the same. */
static const struct {
    const char *order, *type;
    bool restarted;
} faults[] = {
    {"crash once", NULL, true},
    {"crash", "module-crashed", true},
    {"device-error once", NULL, false},
    {"device-error", "token-failed", false},
    {"session-lost once", NULL, false},
    {"card-reset once", NULL, false},
    {"disk-full", "token-full", false},
    {"wrong once", "token-failed", false},
    {"hang once", "module-hung", true},
};

static void faults_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct error err = {0};
        long before = module_process();
        int signer = signer_process(harness.signer);
        assert_signs(faulty);
        set_order(faults[i].order);
        bool done = sign_once(faulty, &err);
        if (done != (faults[i].type == NULL) || (!done && strcmp(err.type, faults[i].type) != 0))
            fail_msg("%s: %s: %s (%s)", faults[i].order, done ? "signed" : err.type, err.message,
                     err.detail);
        assert_others_sign();
        unlink(order_file);
        usleep(200000); /* a process that ended twice in a row is not started at once */
        assert_signs(faulty);
        assert_int_equal(module_process() != before, faults[i].restarted);
        assert_int_equal(signer_process(harness.signer), signer);
    }
}

static void pulled_in_a_signature(void **state) {
    struct error err = {0};
    struct token_info *tokens;
    size_t count;
    SCOPED_ARENA struct arena *arena = arena_new();
    (void)state;
    set_order("pulled once");
    assert_false(sign_once(faulty, &err));
    assert_string_equal(err.type, "token-unreachable");
    assert_others_sign();
    assert_true(signer_tokens(harness.signer, arena, &tokens, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(tokens[i].label, "faulty") == 0)
            assert_string_equal(tokens[i].problem, "It is not plugged in.");
    set_order("plugged once");
    assert_true(signer_tokens(harness.signer, arena, &tokens, &count, &err));
    assert_signs(faulty);
}

struct worker {
    pthread_t thread;
    EVP_PKEY *key;
    atomic_int *stop;
    atomic_int count;
    int failures;
    struct error last;
};

static void *work(void *argument) {
    struct worker *w = argument;
    while (!*w->stop) {
        if (!sign_once(w->key, &w->last))
            w->failures++;
        w->count++;
    }
    OPENSSL_thread_stop();
    return NULL;
}

/* While one module hangs, the others' signatures do not wait for it. */
static void others_go_on(void **state) {
    atomic_int stop = 0;
    struct worker workers[3] = {{.key = faulty, .stop = &stop},
                                {.key = sound, .stop = &stop},
                                {.key = managed, .stop = &stop}};
    (void)state;
    set_order("hang once");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    usleep(1000000);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[0].failures, 1);
    assert_string_equal(workers[0].last.type, "module-hung");
    for (int i = 1; i < 3; i++) {
        assert_int_equal(workers[i].failures, 0);
        assert_true(workers[i].count > 5);
    }
    assert_signs(faulty);
}

/* Each has finished a call since: a call bears that a process ends under it, not that all do. */
static void wait_for_all(struct worker *workers, int count) {
    int before[4];
    for (int i = 0; i < count; i++)
        before[i] = workers[i].count;
    for (int i = 0, patience = 10000; i < count; i++)
        while (workers[i].count <= before[i] && patience-- > 0)
            usleep(2000);
}

/* The module's process killed at any moment under load: no call fails, and none is answered wrongly. */
static void killed_under_load(void **state) {
    enum { KILLS = 20 };
    atomic_int stop = 0;
    struct worker workers[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.key = i < 3 ? faulty : sound, .stop = &stop};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < KILLS; i++) {
        assert_signs(faulty); /* the one before has come back */
        wait_for_all(workers, 4);
        usleep((useconds_t)(i * 7919 % 60000));
        kill((pid_t)module_process(), SIGKILL);
        usleep(50000);
    }
    stop = 1;
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].failures > 0)
            fail_msg("%d of %d failed: %s: %s", workers[i].failures, workers[i].count,
                     workers[i].last.type, workers[i].last.message);
    }
}

/* A PIN that was typed is there again after a crash. */
static void typed_pin_survives(void **state) {
    struct error err = {0};
    (void)state;
    if (!signer_login(harness.signer, "pkcs11:token=typed", view_text(PIN), &err))
        fail_msg("%s (%s)", err.message, err.detail);
    EVP_PKEY *key = token_key(URI("typed"));
    assert_signs(key);
    set_order("crash once");
    assert_signs(key);
    EVP_PKEY_free(key);
}

/* What the list says of a token; NULL: nothing. */
static const char *waits_for(struct arena *arena, const char *label) {
    struct token_info *tokens;
    struct error err = {0};
    size_t count;
    assert_true(signer_tokens(harness.signer, arena, &tokens, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(tokens[i].label, label) == 0)
            return tokens[i].waits_for;
    fail_msg("no token %s", label);
    return NULL;
}

static bool find_padded(EVP_PKEY **ret_key, struct error *ret_error) {
    SCOPED_ARENA struct arena *arena = arena_new();
    *ret_error = (struct error){0};
    return signer_token_key(harness.signer, arena, URI("padded"), ret_key, NULL, ret_error);
}

static bool find_when_it_waits_no_more(EVP_PKEY **ret_key, struct error *ret_error) {
    bool found = find_padded(ret_key, ret_error);
    for (int i = 0; i < 100 && !found && strcmp(ret_error->type, "token-waits") == 0; i++) {
        usleep(50000);
        found = find_padded(ret_key, ret_error);
    }
    return found;
}

/* A person is at the PIN pad, and the module blocks everybody else meanwhile: the calls end at once and say what is
 * waited for, its process is not taken for one that hangs, and the key is found as soon as the PIN was typed. */
static void waits_at_the_pin_pad(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    EVP_PKEY *key = NULL;
    long process = module_process();
    (void)state;
    set_order("at-pad");
    assert_false(signer_login(harness.signer, "pkcs11:token=padded", view_text(""), &err));
    assert_string_equal(err.type, "token-waits");
    const char *text = waits_for(arena, "padded");
    assert_true(text != NULL && strstr(text, "PIN pad") != NULL);
    assert_false(find_padded(&key, &err));
    assert_string_equal(err.type, "token-waits");
    assert_others_sign();
    set_order("nobody-comes once");
    assert_false(find_when_it_waits_no_more(&key, &err)); /* and is not begun again at once */
    assert_string_equal(err.type, "token-cancelled");
    set_order("at-pad");
    assert_false(signer_login(harness.signer, "pkcs11:token=padded", view_text(""), &err));
    assert_string_equal(err.type, "token-waits");
    unlink(order_file);
    assert_true(find_when_it_waits_no_more(&key, &err));
    assert_signs(key);
    assert_null(waits_for(arena, "padded"));
    assert_true(signer_login(harness.signer, "pkcs11:token=padded", view_text(""), &err));
    assert_int_equal(module_process(), process);
    EVP_PKEY_free(key);
}

/* A key that has to be touched: the list says so, and comes at once. */
static void waits_to_be_touched(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    atomic_int stop = 0;
    struct worker worker = {.key = faulty, .stop = &stop};
    (void)state;
    assert_signs(faulty);
    set_order("touch");
    assert_int_equal(pthread_create(&worker.thread, NULL, work, &worker), 0);
    const char *text = NULL;
    for (int i = 0; i < 4 && text == NULL; i++) {
        usleep(1000000); /* not before the module is busy: the list would wait for it, too */
        text = waits_for(arena, "faulty");
    }
    assert_true(text != NULL && strstr(text, "touch it") != NULL);
    assert_others_sign();
    stop = 1;
    unlink(order_file);
    pthread_join(worker.thread, NULL);
    assert_int_equal(worker.failures, 0);
    assert_null(waits_for(arena, "faulty"));
}

/* ---- the managed token in a vendor's module --------------------------------------------------- */

static const char *faulty_path; /* of the module */

/* Keys that are kept wrapped sign on through crashes of their token's module, whose process is not the signer's. */
static void managed_by_a_vendor(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct harness other = {.program = harness.program};
    struct error err = {0};
    struct view blob, spki;
    EVP_PKEY *key;
    (void)state;
    snprintf(other.pin_file, sizeof other.pin_file, "%s/vendor.pin", harness.folder);
    const char *arguments[] = {"--managed-module", faulty_path, "--managed-pin-file", other.pin_file,
                               "--log-level",      "warn",      "--module-timeout",   "60", NULL};
    memcpy(other.arguments, arguments, sizeof arguments);
    assert_int_equal(harness_run(&other, (const char *const[]){"--init", NULL}), 0);
    struct signer_config config = {.program = other.program, .arguments = other.arguments};
    assert_true(signer_open(&config, &other.signer, &err));
    assert_true(signer_ping(other.signer, &err));
    assert_true(signer_generate(other.signer, arena, "P-256", KEY_SIGN, &blob, &spki, &err));
    assert_true(signer_managed_key(other.signer, blob, spki, KEY_SIGN, &key, &err));
    int process = signer_process(other.signer);
    for (int i = 0; i < 3; i++) {
        long module = module_process();
        assert_int_not_equal(module, process);
        set_order("crash once");
        assert_signs(key);
        assert_int_not_equal(module_process(), module);
        usleep(300000);
    }
    set_order("crash");
    assert_false(sign_once(key, &err));
    assert_string_equal(err.type, "module-crashed");
    unlink(order_file);
    usleep(500000);
    assert_signs(key);
    assert_true(signer_ping(other.signer, &err));
    assert_int_equal(signer_process(other.signer), process);
    EVP_PKEY_free(key);
    signer_close(other.signer);
}

static void bad_settings(void **state) {
    static const char *const bad[][5] = {
        {"--module", "nameonly", NULL},
        {"--module", "managed=/x.so", NULL},
        {"--module", "twice=/x.so", "--module", "twice=/y.so", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *more[8] = {"--socket", "/tmp/gatehouse-test-never.sock"};
        for (size_t k = 0; bad[i][k] != NULL; k++)
            more[k + 2] = bad[i][k];
        assert_int_equal(harness_run(&harness, more), 1);
    }
}

/* A module that is not there is a row with its reason; nothing else suffers. */
static void missing_module(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct token_info *tokens;
    struct error err = {0};
    size_t count, rows = 0;
    (void)state;
    assert_true(signer_tokens(harness.signer, arena, &tokens, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(tokens[i].module, "missing") == 0) {
            assert_non_null(tokens[i].problem);
            rows++;
        }
    assert_int_equal(rows, 1);
    assert_others_sign();
}

/* ---- all of it ------------------------------------------------------------------------------- */

static CK_FUNCTION_LIST *load(const char *path) {
    CK_FUNCTION_LIST *f = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get =
        library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&f) != CKR_OK)
        abort();
    return f;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0600) != 0)
        abort();
}

static char *joined(const char *first, const char *second) {
    static char texts[16][512]; /* to the program's end, as the arguments they become */
    static size_t used;
    if (used == sizeof texts / sizeof texts[0])
        abort();
    snprintf(texts[used], sizeof texts[used], "%s%s", first, second);
    return texts[used++];
}

/* The harness's signer is closed, tokens are made, and it is opened again with the modules. */
static void prepare(char **argv) {
    struct error err = {0};
    size_t n = 0;
    char *tokens = joined(harness.folder, "/faulty");
    char *pin_file = joined(harness.folder, "/faulty.pin");
    snprintf(order_file, sizeof order_file, "%s/order", harness.folder);
    faulty_path = argv[4];
    signer_close(harness.signer);
    write_file(pin_file, PIN "\n");
    CK_FUNCTION_LIST *f = load(argv[3]);
    make_token(f, tokens, "faulty");
    make_token(f, tokens, "typed");
    make_token(f, tokens, "padded");
    make_token(f, harness.tokens, "sound");
    setenv("FAULTY_ORDER", order_file, 1);
    setenv("FAULTY_TOKENS", tokens, 1);
    setenv("FAULTY_MODULE", argv[3], 1);
    setenv("FAULTY_PIN", PIN, 1);
    const char *const more[] = {"--module",
                                joined("faulty=", argv[4]),
                                "--module",
                                joined("sound=", argv[3]),
                                "--module",
                                joined("missing=", joined(harness.folder, "/none.so")),
                                "--pin",
                                joined("faulty=", pin_file),
                                "--pin",
                                joined("sound=", pin_file),
                                "--module-timeout",
                                "8"};
    while (harness.arguments[n] != NULL)
        n++;
    memcpy(harness.arguments + n, more, sizeof more);
    struct signer_config config = {.program = harness.program, .arguments = harness.arguments};
    if (!signer_open(&config, &harness.signer, &err)) {
        fprintf(stderr, "signer_open: %s (%s)\n", err.message, err.detail);
        exit(4);
    }
}

static EVP_PKEY *managed_key(void) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view blob, spki;
    EVP_PKEY *key = NULL;
    if (!signer_generate(harness.signer, arena, "P-256", KEY_SIGN, &blob, &spki, &err) ||
        !signer_managed_key(harness.signer, blob, spki, KEY_SIGN, &key, &err))
        fail_msg("%s (%s)", err.message, err.detail);
    return key;
}

static int open_keys(void **state) {
    (void)state;
    faulty = token_key(URI("faulty"));
    sound = token_key(URI("sound") "?module-name=sound");
    managed = managed_key();
    return 0;
}

static int close_keys(void **state) {
    (void)state;
    EVP_PKEY_free(faulty);
    EVP_PKEY_free(sound);
    EVP_PKEY_free(managed);
    return 0;
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_of_their_own), cmocka_unit_test(faults_by_name),
        cmocka_unit_test(pulled_in_a_signature),  cmocka_unit_test(others_go_on),
        cmocka_unit_test(killed_under_load),      cmocka_unit_test(typed_pin_survives),
        cmocka_unit_test(waits_at_the_pin_pad),   cmocka_unit_test(waits_to_be_touched),
        cmocka_unit_test(missing_module),         cmocka_unit_test(managed_by_a_vendor),
        cmocka_unit_test(bad_settings),
    };
    if (argc != 5)
        return 2;
    harness_begin(&harness, argc, argv);
    prepare(argv);
    int failed = cmocka_run_group_tests(tests, open_keys, close_keys);
    harness_end(&harness);
    return failed;
}
