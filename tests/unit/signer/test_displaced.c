/* Two cards that take turns in one reader, under threads that go on using both: what is signed is signed by the card that
 * was asked, or it is said that the card is away; with its card back a key works by itself. */
#include "signer/kek.h"
#include "signer/key.h"
#include "signer/objects.h"
#include "signer/token_keys.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#define SWAPS 16

static char folder[] = "/tmp/gatehouse-displaced-XXXXXX";
static struct vault *vault;
static void (*swap_cards)(void), (*swap_before_writing)(void);
static _Thread_local struct error cause;

#define MUST(call)                                                                                                    \
    do {                                                                                                              \
        if (!(call))                                                                                                  \
            fail_msg("%s: %s (%s)", #call, cause.message, cause.detail);                                              \
    } while (0)

static bool sign(struct key *key, struct error *err) {
    static const uint8_t digest[32] = {7};
    struct sign_terms terms = {.data = view_of(digest, sizeof digest), .digest = WIRE_SHA256, .scheme = WIRE_ECDSA};
    struct wire_buffer scratch = {0};
    struct view signature;
    bool done = key_sign(key, &terms, &scratch, &signature, err);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->public_key, NULL);
    if (done && (EVP_PKEY_verify_init(ctx) != 1 ||
                 EVP_PKEY_verify(ctx, signature.at, signature.len, digest, sizeof digest) != 1))
        done = (fail)(err, ERROR_INTERNAL, "wrong-signature", "another card has signed"); /* not cmocka's */
    EVP_PKEY_CTX_free(ctx);
    wire_buffer_free(&scratch);
    return done;
}

static bool is_displaced(const char *label) {
    bool displaced = false;
    pthread_mutex_lock(&vault->lock);
    for (size_t i = 0; i < vault->token_count; i++)
        displaced = displaced || (strcmp(vault->tokens[i]->label, label) == 0 && vault->tokens[i]->displaced);
    pthread_mutex_unlock(&vault->lock);
    return displaced;
}

static struct key *key_of(const char *uri) {
    struct key *key = NULL;
    vault_refresh(vault);
    MUST(keys_find(vault, view_text(uri), &key, &cause));
    return key;
}

static struct key *one, *two;

/* With and without a look at the slots between: a key that is used may be the first to see the other card. */
static void one_at_a_time(void **state) {
    (void)state;
    one = key_of("pkcs11:token=one;id=%01");
    MUST(sign(one, &cause));
    swap_cards();
    two = key_of("pkcs11:token=two;id=%01");
    assert_true(is_displaced("one"));
    for (int i = 0; i < 6; i++) {
        struct error err = {0};
        bool second = i % 2 == 0;
        MUST(sign(second ? two : one, &cause));
        assert_false(sign(second ? one : two, &err));
        assert_string_equal(err.type, "token-unreachable");
        MUST(sign(second ? two : one, &cause));
        swap_cards();
        if (i >= 3)
            vault_refresh(vault);
    }
}

/* ---- what is written: certificates, key-encryption keys ------------------------------------------ */

static struct token *token_of(const char *label) {
    for (size_t i = 0; i < vault->token_count; i++)
        if (strcmp(vault->tokens[i]->label, label) == 0)
            return vault->tokens[i];
    fail_msg("no token \"%s\"", label);
    return NULL;
}

struct rows {
    CK_OBJECT_CLASS class;
    size_t count;
};

static bool count_rows(struct task *task, void *subject, struct error *err) {
    struct rows *rows = subject;
    CK_OBJECT_HANDLE objects[16];
    CK_ATTRIBUTE match[] = {ATTRIBUTE(CKA_CLASS, rows->class)};
    CK_RV rv = objects_find(task->f, task->session.handle, match, 1, objects, 16, &rows->count);
    return rv == CKR_OK || task_fail(task, "C_FindObjects", rv, err);
}

/* Of the token whose card is in the reader. */
static size_t count(const char *label, CK_OBJECT_CLASS class) {
    struct rows rows = {.class = class};
    MUST(task_run(token_of(label), count_rows, &rows, &cause));
    return rows.count;
}

static bool make_kek(struct task *task, void *subject, struct error *err) {
    return kek_make(task, subject, err);
}
static bool write_kek(const char *label, struct error *err) {
    struct kek kek;
    return task_run(token_of(label), make_kek, &kek, err);
}

static bool write_certificate(struct task *task, void *subject, struct error *err) {
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    static const CK_CERTIFICATE_TYPE type = CKC_X_509;
    static const CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE rows[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_CERTIFICATE_TYPE, type), ATTRIBUTE(CKA_TOKEN, yes),
                           ATTRIBUTE_BYTES(CKA_SUBJECT, "0", 1), ATTRIBUTE_BYTES(CKA_VALUE, "0", 1)};
    CK_OBJECT_HANDLE object;
    (void)subject;
    CK_RV rv = task->f->C_CreateObject(task->session.handle, rows, sizeof rows / sizeof rows[0], &object);
    return rv == CKR_OK || task_fail(task, "C_CreateObject", rv, err);
}
static bool write_as_user(const char *label, struct error *err) {
    return token_write(token_of(label), view_of(NULL, 0), write_certificate, NULL, err);
}
static bool write_as_officer(const char *label, struct error *err) {
    return token_write(token_of(label), VIEW_LITERAL("1234"), write_certificate, NULL, err);
}
static bool wrong_officer(const char *label, struct error *err) {
    return token_write(token_of(label), VIEW_LITERAL("4321"), write_certificate, NULL, err);
}

static CK_FLAGS flags_of(const char *label) {
    CK_TOKEN_INFO info;
    struct token *token = token_of(label);
    assert_int_equal(token->module->f->C_GetTokenInfo(token->slot, &info), CKR_OK);
    return info.flags & (CKF_SO_PIN_COUNT_LOW | CKF_USER_PIN_COUNT_LOW);
}

/* Card "one" is in the reader when each begins. The other one takes its place before, or as late as can be. */
static void written_to(void **state) {
    static const struct {
        bool (*write)(const char *label, struct error *err);
        bool good;
    } rows[] = {{write_kek, true}, {write_as_user, true}, {write_as_officer, true}, {wrong_officer, false}};
    struct error ignored = {0};
    (void)state;
    if (!sign(one, &ignored))
        swap_cards();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int late = 0; late < 2; late++) {
            struct error err = {0};
            MUST(sign(one, &cause));
            if (late)
                swap_before_writing();
            else
                swap_cards();
            if (i == 0 && !late)
                MUST(sign(two, &cause)); /* somebody is logged in there */
            if (rows[i].write("one", &err))
                fail_msg("row %zu: written, but where?", i);
            assert_string_equal(err.type, "token-unreachable");
            assert_int_equal(flags_of("two"), 0); /* it has lost no try */
            swap_cards();
            if (rows[i].good)
                MUST(rows[i].write("one", &cause));
        }
    assert_int_equal(count("one", CKO_SECRET_KEY), 2);
    assert_int_equal(count("one", CKO_CERTIFICATE), 4);
    swap_cards();
    assert_int_equal(count("two", CKO_SECRET_KEY), 0);
    assert_int_equal(count("two", CKO_CERTIFICATE), 0);
}

/* ---- signed by threads ---------------------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    struct key *key; /* NULL: it looks at the slots */
    struct error wrong;
    _Atomic unsigned signatures;
};
static atomic_bool enough;

static void *work(void *argument) {
    struct worker *w = argument;
    while (!enough && w->wrong.kind == ERROR_NONE) {
        struct error err = {0};
        if (w->key == NULL)
            vault_refresh(vault);
        else if (sign(w->key, &err))
            w->signatures++;
        else if (err.kind != ERROR_UNAVAILABLE)
            w->wrong = err;
        usleep(500); /* a lock that is always wanted again is not given to who waits */
    }
    OPENSSL_thread_stop();
    return NULL;
}

static void under_threads(void **state) {
    struct worker workers[6] = {{.key = one}, {.key = one}, {.key = two}, {.key = two}, {.key = NULL}, {.key = NULL}};
    (void)state;
    for (int i = 0; i < 6; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    for (int i = 0; i < SWAPS && !enough; i++) {
        unsigned before[4];
        for (int k = 0; k < 4; k++)
            before[k] = workers[k].signatures;
        swap_cards();
        for (int wait = 0; wait < 5000; wait++) { /* one of the card's threads is at it again */
            bool moved = false;
            for (int k = 0; k < 4; k++)
                moved = moved || workers[k].signatures > before[k] + 1 || workers[k].wrong.kind != ERROR_NONE;
            if (moved)
                break;
            usleep(1000);
        }
    }
    enough = true;
    for (int i = 0; i < 6; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < 6; i++)
        if (workers[i].wrong.kind != ERROR_NONE)
            fail_msg("thread %d: %s %s (%s)", i, workers[i].wrong.type, workers[i].wrong.message, workers[i].wrong.detail);
    assert_true(workers[0].signatures + workers[1].signatures >= SWAPS / 4);
    assert_true(workers[2].signatures + workers[3].signatures >= SWAPS / 4);
    for (int i = 0; i < 2; i++) { /* each with its card in the reader */
        struct error first = {0}, second = {0};
        vault_refresh(vault);
        assert_true(sign(one, &first) != sign(two, &second));
        assert_true(is_displaced("one") != is_displaced("two"));
        swap_cards();
    }
    key_release(one);
    key_release(two);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_at_a_time), cmocka_unit_test(written_to),
                                       cmocka_unit_test(under_threads)};
    static char pins[2][96], module[512], command[128];
    static const char *modules[] = {module, NULL}, *both[] = {pins[0], pins[1], NULL};
    if (argc < 3 || mkdtemp(folder) == NULL) {
        fprintf(stderr, "usage: %s SWAPPING-MODULE SOFTTOKEN\n", argv[0]);
        return 2;
    }
    setenv("SWAPPING_MODULE", argv[2], 1);
    setenv("SWAPPING_TOKENS", folder, 1);
    snprintf(pins[0], sizeof pins[0], "one=%s/pin", folder);
    snprintf(pins[1], sizeof pins[1], "two=%s/pin", folder);
    FILE *file = fopen(pins[0] + 4, "w");
    fputs("1234\n", file);
    fclose(file);
    chmod(pins[0] + 4, 0600);
    snprintf(module, sizeof module, "cards=%s", argv[1]);
    struct vault_config config = {.modules = modules, .pins = both, .modules_needed = true};
    if (!vault_open(&config, &vault, &cause)) {
        fprintf(stderr, "%s (%s)\n", cause.message, cause.detail);
        return 1;
    }
    void *cards = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    *(void **)&swap_cards = dlsym(cards, "swap_cards");
    *(void **)&swap_before_writing = dlsym(cards, "swap_before_writing");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", folder);
    fflush(NULL);
    _exit(failed); /* modules are loaded: their destructors crash after OpenSSL's */
}
