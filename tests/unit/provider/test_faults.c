/* What goes wrong and must end well: a signer that is killed, keys that do not belong to their
 * public key, damaged blobs, many threads, strangers at the socket. */
#include "harness.h"

#include "base/clock.h"
#include "wire/channel.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

static struct harness harness;

struct blob {
    struct arena *arena;
    struct view blob, spki;
};

static struct blob generate(const char *type) {
    struct error err = {0};
    struct blob b = {.arena = arena_new()};
    if (!signer_generate(harness.signer, b.arena, type, KEY_SIGN, &b.blob, &b.spki, &err))
        fail_msg("%s: %s (%s)", type, err.message, err.detail);
    return b;
}

static EVP_PKEY *managed(struct view blob, struct view spki) {
    struct error err = {0};
    EVP_PKEY *key;
    if (!signer_managed_key(harness.signer, blob, spki, KEY_SIGN, &key, &err))
        fail_msg("%s (%s)", err.message, err.detail);
    return key;
}

/* Signs and verifies; on failure the reason. */
static bool sign_once(EVP_PKEY *key, struct error *ret_error) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *check = EVP_MD_CTX_new();
    unsigned char signature[512], data[64];
    size_t len = sizeof signature;
    random_bytes(data, sizeof data); /* so that an answer to somebody else verifies nowhere */
    bool done = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &len, data, sizeof data) == 1;
    if (!done && !signer_take_error(ret_error))
        snprintf(ret_error->message, sizeof ret_error->message, "no error was left");
    if (done)
        done = EVP_DigestVerifyInit(check, NULL, EVP_sha256(), NULL, key) == 1 &&
               EVP_DigestVerify(check, signature, len, data, sizeof data) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_MD_CTX_free(check);
    ERR_clear_error();
    return done;
}

static void assert_signs(EVP_PKEY *key) {
    struct error err = {0};
    if (!sign_once(key, &err))
        fail_msg("%s (%s)", err.message, err.detail);
}

static void assert_refused(EVP_PKEY *key, const char *type) {
    struct error err = {0};
    assert_false(sign_once(key, &err));
    assert_string_equal(err.type, type);
}

/* ---- the signer dies ------------------------------------------------------------------------- */

static void killed_signer_comes_back(void **state) {
    struct blob b = generate("P-256"), r = generate("RSA-2048");
    EVP_PKEY *key = managed(b.blob, b.spki), *rsa = managed(r.blob, r.spki);
    struct error err = {0};
    (void)state;
    for (int i = 0; i < 5; i++) {
        int before = signer_process(harness.signer);
        assert_signs(key);
        harness_kill(&harness);
        if (i % 2 == 0)
            assert_signs(rsa);
        assert_signs(key);
        assert_int_not_equal(signer_process(harness.signer), before);
    }
    harness_kill(&harness);
    assert_true(signer_ping(harness.signer, &err));
    EVP_PKEY_free(key);
    EVP_PKEY_free(rsa);
    arena_free(b.arena);
    arena_free(r.arena);
}

struct worker {
    pthread_t thread;
    EVP_PKEY *key;
    atomic_int *stop;
    int count, failures;
    int hit_twice; /* on a slow machine two kills may fall into one call, which says so */
    struct error last;
};

static void *work(void *argument) {
    struct worker *w = argument;
    while (!*w->stop || w->count < 20) {
        struct error err = {0};
        if (!sign_once(w->key, &err)) {
            bool twice = strstr(err.message, "under the same call") != NULL;
            w->hit_twice += twice;
            w->failures += !twice;
            w->last = err;
        }
        w->count++;
    }
    OPENSSL_thread_stop();
    return NULL;
}

#define WORKERS 8

static void run_workers(EVP_PKEY *const keys[static 2], int kills) {
    struct worker workers[WORKERS] = {0};
    atomic_int stop = 0;
    for (int i = 0; i < WORKERS; i++) {
        workers[i].key = keys[i % 2];
        workers[i].stop = &stop;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < kills; i++) {
        assert_signs(keys[0]); /* the one before has come back */
        usleep(kills > 10 ? (useconds_t)(i * 7919 % 60000) : 300000);
        harness_kill(&harness);
    }
    usleep(300000);
    stop = 1;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].failures > 0 || workers[i].hit_twice * 50 > workers[i].count)
            fail_msg("%d of %d failed: %s (%s)", workers[i].failures + workers[i].hit_twice, workers[i].count,
                     workers[i].last.message, workers[i].last.detail);
    }
}

static void eight_threads(void **state) {
    struct blob a = generate("P-256"), b = generate("P-256");
    EVP_PKEY *keys[2] = {managed(a.blob, a.spki), managed(b.blob, b.spki)};
    (void)state;
    run_workers(keys, 0);
    run_workers(keys, 3);
    /* Under load, at any moment: no signature is wrong or another caller's, and no call fails that one signer's end
     * alone has met. */
    if (harness.softtoken)
        run_workers(keys, 100);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    arena_free(a.arena);
    arena_free(b.arena);
}

/* ---- keys that do not fit -------------------------------------------------------------------- */

static void wrong_public_key(void **state) {
    static const char *const types[] = {"P-256", "P-384", "RSA-2048"};
    struct blob right = generate("P-256");
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct blob other = generate(types[i]);
        struct error err = {0};
        EVP_PKEY *key = managed(right.blob, other.spki);
        assert_false(sign_once(key, &err));
        assert_true(strcmp(err.type, "key-mismatch") == 0 ||
                    strcmp(err.type, "key-not-unwrapped") == 0);
        EVP_PKEY_free(key);
        arena_free(other.arena);
    }
    arena_free(right.arena);
}

static void damaged_blobs(void **state) {
    struct blob b = generate("P-256");
    EVP_PKEY *key;
    (void)state;
    for (size_t at = 0; at < b.blob.len; at += at < 32 ? 1 : 13) {
        struct view copy = arena_copy(b.arena, b.blob.at, b.blob.len);
        ((uint8_t *)(uintptr_t)copy.at)[at] ^= 0x21;
        struct error err = {0};
        key = managed(copy, b.spki);
        if (sign_once(key, &err))
            fail_msg("a blob with byte %zu changed was accepted", at);
        assert_true(err.kind == ERROR_MALFORMED || err.kind == ERROR_CONFLICT);
        EVP_PKEY_free(key);
    }
    key = managed(view_of(b.blob.at, b.blob.len - 1), b.spki);
    assert_refused(key, "bad-key-blob");
    EVP_PKEY_free(key);
    struct error err = {0};
    key = NULL;
    assert_false(
        signer_managed_key(harness.signer, b.blob, view_of(b.spki.at, 20), KEY_SIGN, &key, &err));
    assert_null(key);
    assert_string_equal(err.type, "bad-public-key");
    arena_free(b.arena);
}

static void bad_key_types(void **state) {
    static const char *const types[] = {"",         "RSA",   "RSA-1024",  "RSA-2049", "RSA-16384",
                                        "rsa-2048", "P-255", "secp112r1", "P-256 ",   "RSA-204\n"};
    SCOPED_ARENA struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct error err = {0};
        struct view blob = VIEW_LITERAL("poison"), spki = blob;
        assert_false(
            signer_generate(harness.signer, arena, types[i], KEY_SIGN, &blob, &spki, &err));
        assert_true(err.kind == ERROR_POLICY || err.kind == ERROR_MALFORMED);
        assert_true(view_is(blob, "poison"));
    }
}

/* ---- import and rewrap ----------------------------------------------------------------------- */

static void import_one(EVP_PKEY *made) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view blob, spki;
    unsigned char *der = NULL, signature[64 * 1024];
    size_t len = sizeof signature;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(made);
    int der_len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    if (!signer_import(harness.signer, arena, view_of(der, (size_t)der_len), KEY_SIGN, &blob, &spki,
                       &err))
        fail_msg("%s: %s (%s)", EVP_PKEY_get0_type_name(made), err.message, err.detail);
    EVP_PKEY *key = managed(blob, spki);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *check = EVP_MD_CTX_new();
    const EVP_MD *md =
        EVP_PKEY_is_a(made, "RSA") || EVP_PKEY_is_a(made, "EC") ? EVP_sha256() : NULL;
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, der, 10), 1);
    assert_int_equal(EVP_DigestVerifyInit(check, NULL, md, NULL, made), 1);
    assert_int_equal(EVP_DigestVerify(check, signature, len, der, 10), 1);
    EVP_MD_CTX_free(ctx);
    EVP_MD_CTX_free(check);
    /* one byte less, one more */
    assert_false(signer_import(harness.signer, arena, view_of(der, (size_t)der_len - 1), KEY_SIGN,
                               &blob, &spki, &err));
    assert_string_equal(err.type, "bad-private-key");
    EVP_PKEY_free(key);
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_free(der);
    EVP_PKEY_free(made);
}

static void imported_keys(void **state) {
    (void)state;
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"));
    if (!harness.softtoken)
        return;
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"));
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65"));
    import_one(EVP_PKEY_Q_keygen(NULL, NULL, "SLH-DSA-SHA2-128f"));
}

static void weak_import(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view blob, spki;
    unsigned char *der = NULL;
    EVP_PKEY *made = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(made);
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    (void)state;
    assert_false(signer_import(harness.signer, arena, view_of(der, (size_t)len), KEY_SIGN, &blob,
                               &spki, &err));
    assert_string_equal(err.type, "weak-key");
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_free(der);
    EVP_PKEY_free(made);
}

static void rewrapped_key(void **state) {
    struct blob b = generate("P-256");
    struct error err = {0};
    struct view again;
    (void)state;
    assert_int_equal(harness_run(&harness, (const char *const[]){"--init", "--new-kek", NULL}), 0);
    harness_kill(
        &harness); /* SoftHSM2 and softtoken show a new object to a new process at the latest */
    assert_true(
        signer_rewrap(harness.signer, b.arena, b.blob, b.spki, view_of(NULL, 0), &again, &err));
    assert_false(view_equal(view_of(b.blob.at, 24), view_of(again.at, 24))); /* another KEK id */
    EVP_PKEY *old = managed(b.blob, b.spki), *new = managed(again, b.spki);
    assert_signs(old);
    assert_signs(new);
    assert_false(signer_rewrap(harness.signer, b.arena, b.blob, b.spki, VIEW_LITERAL("nobody"),
                               &again, &err));
    assert_string_equal(err.type, "no-kek");
    EVP_PKEY_free(old);
    EVP_PKEY_free(new);
    arena_free(b.arena);
}

static void key_encryption_keys(void **state) {
    struct blob b = generate("P-256");
    struct error err = {0};
    struct kek_list before, after;
    struct view id, again, other;
    (void)state;
    assert_true(signer_keks(harness.signer, b.arena, &before, &err));
    assert_in_range(before.count, 1, SIGNER_KEKS_MAX - 1);
    assert_true(view_equal(signer_blob_kek(b.blob), before.ids[before.count - 1]));
    assert_true(signer_kek_make(harness.signer, b.arena, &id, &err));
    assert_true(signer_keks(harness.signer, b.arena, &after, &err));
    assert_int_equal(after.count, before.count + 1);
    assert_true(view_equal(after.ids[after.count - 1], id)); /* it is the newest, */
    struct blob fresh = generate("P-256");
    assert_true(view_equal(signer_blob_kek(fresh.blob), id)); /* and wraps */
    assert_true(signer_rewrap(harness.signer, b.arena, b.blob, b.spki, id, &again, &err));
    assert_true(view_equal(signer_blob_kek(again), id));
    assert_true(signer_rewrap(harness.signer, b.arena, again, b.spki, before.ids[before.count - 1],
                              &other, &err)); /* and back to an older one */
    assert_true(view_equal(signer_blob_kek(other), before.ids[before.count - 1]));
    assert_false(signer_kek_remove(harness.signer, VIEW_LITERAL("nobody"), &err));
    assert_string_equal(err.type, "no-kek");
    assert_true(signer_kek_remove(harness.signer, id, &err));
    harness_kill(&harness); /* unwrapped ones lived in that process */
    EVP_PKEY *lost = managed(again, b.spki), *kept = managed(other, b.spki);
    assert_signs(kept);
    assert_false(sign_once(lost, &err));
    assert_string_equal(err.type, "no-kek");
    EVP_PKEY_free(lost);
    EVP_PKEY_free(kept);
    arena_free(fresh.arena);
    arena_free(b.arena);
}

static void blobs_that_are_none(void **state) {
    (void)state;
    assert_int_equal(signer_blob_kek(view_of(NULL, 0)).len, 0);
    assert_int_equal(signer_blob_kek(VIEW_LITERAL("\1\0\0\2\x10\x20short")).len, 0);
    assert_true(view_equal(signer_blob_kek(VIEW_LITERAL("\1\0\0\2\x10\2id\0\1x")), VIEW_LITERAL("id")));
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void token_list(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct token_info *tokens;
    size_t count;
    struct error err = {0};
    (void)state;
    assert_true(signer_tokens(harness.signer, arena, &tokens, &count, &err));
    assert_int_equal(count, 1);
    assert_true(tokens[0].managed && tokens[0].logged_in && tokens[0].problem == NULL);
    assert_string_equal(tokens[0].label, "gatehouse");
    assert_int_equal(strncmp(tokens[0].uri, "pkcs11:token=gatehouse;", 23), 0);
}

static void unknown_token_key(void **state) {
    static const struct {
        const char *uri, *type;
    } rows[] = {
        {"pkcs11:token=nobody;object=x", "token-not-found"},
        {"pkcs11:token=gatehouse;object=x", "key-not-found"},
        {"pkcs11:token=gatehouse", "bad-uri"},
        {"pkcs11:token=gatehouse;object=x?pin-value=1234", "bad-uri"},
        {"file:/x", "bad-uri"},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        EVP_PKEY *key = NULL;
        assert_false(signer_token_key(harness.signer, arena, rows[i].uri, &key, NULL, &err));
        assert_string_equal(err.type, rows[i].type);
        assert_null(key);
    }
}

/* ---- a signer that runs by itself -------------------------------------------------------------
 */

/* Connects, as soon as somebody listens: the file is there a moment before, and one that was killed leaves it behind. */
static int dial(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    for (int i = 0; connect(fd, (struct sockaddr *)&address, sizeof address) != 0; i++) {
        assert_true(i < 3000);
        usleep(10000);
    }
    return fd;
}

static pid_t start_listening(const char *path, const char *user) {
    const char *list[32] = {harness.program};
    size_t n = 1;
    for (size_t i = 0; harness.arguments[i] != NULL; i++)
        list[n++] = harness.arguments[i];
    list[n++] = "--socket";
    list[n++] = path;
    if (user != NULL) {
        list[n++] = "--allow-user";
        list[n++] = user;
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv(harness.program, (char *const *)(uintptr_t)list);
        _exit(127);
    }
    close(dial(path));
    return pid;
}

static void stop_listening(pid_t pid, int signal) {
    int status;
    assert_int_equal(kill(pid, signal), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (signal == SIGTERM)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void separate_signer(void **state) {
    struct blob b = generate("P-256");
    struct error err = {0};
    char path[128];
    struct signer *signer;
    EVP_PKEY *key;
    (void)state;
    snprintf(path, sizeof path, "%s/socket", harness.folder);
    struct signer_config config = {.socket_path = path};
    pid_t pid = start_listening(path, NULL);
    if (!signer_open(&config, &signer, &err))
        fail_msg("%s (%s)", err.message, err.detail);
    assert_int_equal(signer_process(signer), 0);
    assert_true(signer_managed_key(signer, b.blob, b.spki, KEY_SIGN, &key, &err));
    assert_signs(key);
    stop_listening(pid, SIGKILL); /* the socket file stays behind */
    assert_refused(key, "signer-unavailable");
    pid = start_listening(path, NULL);
    assert_signs(key);
    stop_listening(pid, SIGTERM);
    assert_int_not_equal(access(path, F_OK), 0);
    signer_close(signer);
    assert_refused(key, "signer-unavailable"); /* a key that outlives its signer fails cleanly */
    EVP_PKEY_free(key);
    arena_free(b.arena);
}

static void strangers_are_refused(void **state) {
    struct error err = {0};
    char path[128];
    struct signer *signer = NULL;
    (void)state;
    snprintf(path, sizeof path, "%s/other", harness.folder);
    struct signer_config config = {.socket_path = path};
    pid_t pid = start_listening(path, geteuid() == 0 ? "nobody" : "root");
    assert_false(signer_open(&config, &signer, &err));
    assert_null(signer);
    stop_listening(pid, SIGTERM);
}

/* Rubbish closes that one connection and nothing else. */
static void rubbish_at_the_socket(void **state) {
    static const struct view rows[] = {
        {(const uint8_t *)"\x00\x00\x00\x00", 4},            /* empty frame */
        {(const uint8_t *)"\x07\x00\x00\x01x", 5},           /* unknown flags */
        {(const uint8_t *)"\x00\xff\xff\xffxxxx", 8},        /* too long */
        {(const uint8_t *)"\x00\x00\x00\x05\xff....", 9},    /* unknown operation */
        {(const uint8_t *)"\x00\x00\x00\x06\x02......", 11}, /* bytes after the message */
        {(const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18},
    };
    char path[128], byte;
    struct signer *signer;
    struct error err = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/rubbish", harness.folder);
    pid_t pid = start_listening(path, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = dial(path);
        assert_int_equal(write(fd, rows[i].at, rows[i].len), (ssize_t)rows[i].len);
        shutdown(fd, SHUT_WR);
        assert_true(read(fd, &byte, 1) <= 0);
        close(fd);
    }
    struct signer_config config = {.socket_path = path};
    assert_true(signer_open(&config, &signer, &err));
    assert_true(signer_ping(signer, &err));
    signer_close(signer);
    stop_listening(pid, SIGTERM);
}

static void signer_that_cannot_start(void **state) {
    struct error err = {0};
    struct signer *signer = NULL;
    struct signer_config absent = {.program = "/nonexistent/gatehouse-signer"};
    struct signer_config broken = {.program = harness.program,
                                   .arguments = (const char *const[]){"--no-such-option", NULL}};
    (void)state;
    assert_false(signer_open(&absent, &signer, &err));
    assert_string_equal(err.type, "signer-unavailable");
    assert_false(signer_open(&broken, &signer, &err));
    assert_string_equal(err.type, "signer-unavailable");
    assert_null(signer);
}

/* The signer's life is the control socket's: a gateway that is killed leaves none behind. */
static void signer_ends_with_the_gateway(void **state) {
    int pipe_fds[2], signer_pid = 0;
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t gateway = fork();
    if (gateway == 0) {
        struct signer *signer;
        struct error err;
        struct signer_config config = {.program = harness.program, .arguments = harness.arguments};
        int pid = signer_open(&config, &signer, &err) ? signer_process(signer) : -1;
        if (write(pipe_fds[1], &pid, sizeof pid) != sizeof pid)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(pipe_fds[0], &signer_pid, sizeof signer_pid), sizeof signer_pid);
    assert_true(signer_pid > 0);
    assert_int_equal(kill(signer_pid, 0), 0);
    kill(gateway, SIGKILL);
    waitpid(gateway, NULL, 0);
    bool gone = false;
    for (int i = 0; i < 200 && !gone; i++) {
        char path[64], line[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", signer_pid);
        FILE *file = fopen(path, "r");
        gone =
            file == NULL || fgets(line, sizeof line, file) == NULL || strstr(line, ") Z ") != NULL;
        if (file != NULL)
            fclose(file);
        usleep(10000);
    }
    assert_true(gone);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void too_large(void **state) {
    struct blob b = generate("P-256");
    EVP_PKEY *key = managed(b.blob, b.spki);
    unsigned char signature[256];
    size_t len = sizeof signature;
    struct error err = {0};
    (void)state;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_not_equal(EVP_PKEY_sign(ctx, signature, &len, (const unsigned char *)b.spki.at, 65),
                         1);
    assert_true(signer_take_error(&err));
    assert_string_equal(err.type, "bad-data");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    arena_free(b.arena);
    ERR_clear_error();
}

/* 64 MiB go through in frames, one byte more does not. */
static void long_message(void **state) {
    struct error err = {0};
    size_t size = (size_t)64 * 1024 * 1024, len = 64;
    unsigned char signature[64];
    (void)state;
    if (!harness.softtoken)
        return;
    struct blob b = generate("Ed25519");
    EVP_PKEY *key = managed(b.blob, b.spki);
    unsigned char *data = calloc(1, size + 1);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
    if (EVP_DigestSign(ctx, signature, &len, data, size) != 1) {
        signer_take_error(&err);
        fail_msg("%s (%s)", err.message, err.detail);
    }
    EVP_MD_CTX_reset(ctx);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, signature, len, data, size), 1);
    EVP_MD_CTX_reset(ctx);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
    assert_int_not_equal(EVP_DigestSign(ctx, signature, &len, data, size + 1), 1);
    assert_true(signer_take_error(&err));
    assert_string_equal(err.type, "too-large");
    EVP_MD_CTX_free(ctx);
    free(data);
    EVP_PKEY_free(key);
    arena_free(b.arena);
    ERR_clear_error();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_list),
        cmocka_unit_test(unknown_token_key),
        cmocka_unit_test(killed_signer_comes_back),
        cmocka_unit_test(eight_threads),
        cmocka_unit_test(wrong_public_key),
        cmocka_unit_test(damaged_blobs),
        cmocka_unit_test(bad_key_types),
        cmocka_unit_test(imported_keys),
        cmocka_unit_test(weak_import),
        cmocka_unit_test(rewrapped_key),
        cmocka_unit_test(key_encryption_keys),
        cmocka_unit_test(blobs_that_are_none),
        cmocka_unit_test(separate_signer),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(rubbish_at_the_socket),
        cmocka_unit_test(signer_that_cannot_start),
        cmocka_unit_test(signer_ends_with_the_gateway),
        cmocka_unit_test(too_large),
        cmocka_unit_test(long_message),
    };
    harness_begin(&harness, argc, argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    harness_end(&harness);
    return failed;
}
