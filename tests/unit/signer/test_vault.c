/* The signer's inside over a real token: keys found by URI, lost sessions and log-ins, PINs, the
 * cache. */
#include "signer/init.h"
#include "signer/key.h"
#include "signer/managed.h"
#include "signer/objects.h"
#include "signer/public_key.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif
/* after the four headers that it needs */
#include <cmocka.h>

static char folder[64] = "/tmp/gatehouse-test-XXXXXX";
static char pin_file[96], so_pin_file[96];
static struct vault *vault;
static struct vault_config config;
static bool close_in_use; /* the module bears it */

static _Thread_local struct error cause;

static void must(bool done, const char *what) {
    if (!done)
        fail_msg("%s: %s (%s)", what, cause.message, cause.detail);
}
/* The call gives its error to `&cause`. */
#define MUST(call) must((call), #call)

static void setup_token(const char *backend) {
    char path[96], tokens[96];
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(pin_file, sizeof pin_file, "%s/pin", folder);
    snprintf(so_pin_file, sizeof so_pin_file, "%s/pin.so", folder);
    snprintf(tokens, sizeof tokens, "%s/tokens", folder);
    setenv("GATEHOUSE_SOFTTOKEN_DIR", tokens, 1);
    if (strcmp(backend, "softhsm") != 0)
        return;
    snprintf(path, sizeof path, "%s/softhsm2.conf", folder);
    FILE *file = fopen(path, "w");
    fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens);
    fclose(file);
    mkdir(tokens, 0700);
    setenv("SOFTHSM2_CONF", path, 1);
}

static struct token *managed_token(void) {
    struct token *token = NULL;
    MUST(vault_managed(vault, &token, &cause));
    return token;
}

static bool read_kek(struct task *task, void *subject, struct error *err) {
    return task_kek(task, view_of(NULL, 0), subject, err);
}

static struct kek newest_kek(void) {
    struct kek kek = {0};
    MUST(task_run(managed_token(), read_kek, &kek, &cause));
    return kek;
}

static void sign_with(struct key *key) {
    struct wire_buffer scratch = {0};
    struct view signature;
    uint8_t digest[32] = {1, 2, 3};
    struct sign_terms terms = {.data = view_of(digest, sizeof digest),
                               .digest = WIRE_SHA256,
                               .scheme = key->type->ckk == CKK_RSA ? WIRE_RSA_PKCS1 : WIRE_ECDSA};
    MUST(key_sign(key, &terms, &scratch, &signature, &cause));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->public_key, NULL);
    EVP_PKEY_verify_init(ctx);
    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256());
    assert_int_equal(EVP_PKEY_verify(ctx, signature.at, signature.len, digest, sizeof digest), 1);
    EVP_PKEY_CTX_free(ctx);
    wire_buffer_free(&scratch);
}

static struct key *managed_key(struct arena *arena, const char *type) {
    struct view blob, spki;
    struct key *key = NULL;
    MUST(managed_generate(vault, arena, view_text(type), PURPOSE_SIGN, &blob, &spki, &cause));
    MUST(keys_load(vault, blob, spki, PURPOSE_SIGN, &key, &cause));
    return key;
}

/* ---- init ------------------------------------------------------------------------------------ */

static void init_is_idempotent(void **state) {
    struct init_config init = {"gatehouse", pin_file, so_pin_file, false};
    struct stat info;
    struct kek first, second;
    (void)state;
    MUST(vault_open(&config, &vault, &cause));
    struct error missing = {0};
    assert_false(vault_ping(vault, &missing));
    assert_string_equal(missing.type, "no-managed-token");
    MUST(init_managed_token(vault, &init, &cause));
    assert_int_equal(stat(pin_file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    first = newest_kek();
    MUST(init_managed_token(vault, &init, &cause));
    second = newest_kek();
    assert_memory_equal(first.id, second.id, first.id_len);
    MUST(vault_ping(vault, &cause));
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* Nothing that the signer holds can be read or wrapped away. */
static void keys_do_not_leave(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key *key = managed_key(arena, "P-256");
    struct token *token = managed_token();
    const CK_FUNCTION_LIST *f = token->module->f;
    struct session session;
    struct kek kek = newest_kek();
    struct view value;
    uint8_t wrapped[512];
    CK_ULONG len = sizeof wrapped;
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
    (void)state;
    MUST(token_take(token, &session, &cause));
    assert_false(object_flag(f, session.handle, key->object, CKA_EXTRACTABLE));
    assert_true(object_flag(f, session.handle, key->object, CKA_SENSITIVE));
    assert_false(object_flag(f, session.handle, key->object, CKA_TOKEN));
    assert_int_not_equal(object_attribute(f, session.handle, key->object, CKA_VALUE, arena, &value),
                         CKR_OK);
    assert_false(object_flag(f, session.handle, kek.object, CKA_EXTRACTABLE));
    assert_true(object_flag(f, session.handle, kek.object, CKA_NEVER_EXTRACTABLE));
    assert_false(object_flag(f, session.handle, kek.object, CKA_DECRYPT));
    assert_int_not_equal(object_attribute(f, session.handle, kek.object, CKA_VALUE, arena, &value),
                         CKR_OK);
    assert_int_not_equal(
        f->C_WrapKey(session.handle, &mechanism, kek.object, key->object, wrapped, &len), CKR_OK);
    mechanism.mechanism = CKM_AES_KEY_WRAP_PAD;
    len = sizeof wrapped;
    assert_int_not_equal(
        f->C_WrapKey(session.handle, &mechanism, kek.object, key->object, wrapped, &len), CKR_OK);
    token_give(token, session, CKR_OK);
    key_release(key);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void sessions_lost(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key *key = managed_key(arena, "P-256"), *rsa = managed_key(arena, "RSA-2048");
    struct token *token = managed_token();
    (void)state;
    for (int i = 0; i < 3; i++) {
        sign_with(key);
        uint64_t before = token->generation;
        assert_int_equal(token->module->f->C_CloseAllSessions(token->slot), CKR_OK);
        sign_with(rsa);
        sign_with(key);
        assert_true(token->generation > before);
    }
    assert_int_equal(token->module->f->C_CloseAllSessions(token->slot), CKR_OK);
    MUST(vault_ping(vault, &cause));
    assert_int_equal(token->module->f->C_CloseAllSessions(token->slot), CKR_OK);
    key_release(managed_key(arena, "P-384"));
    key_release(key);
    key_release(rsa);
}

static void log_in_lost(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key *key = managed_key(arena, "P-256");
    struct token *token = managed_token();
    struct session session;
    (void)state;
    MUST(token_take(token, &session, &cause));
    assert_int_equal(token->module->f->C_Logout(session.handle), CKR_OK);
    token_give(token, session, CKR_OK);
    sign_with(key);
    MUST(vault_ping(vault, &cause));
    key_release(key);
}

static void object_lost(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key *key = managed_key(arena, "P-256");
    struct token *token = managed_token();
    struct session session;
    (void)state;
    MUST(token_take(token, &session, &cause));
    assert_int_equal(token->module->f->C_DestroyObject(session.handle, key->object), CKR_OK);
    token_give(token, session, CKR_OK);
    sign_with(key);
    key_release(key);
}

/* ---- keys in the token ----------------------------------------------------------------------- */

static void make_token_key(const char *label, CK_BYTE id, bool ec) {
    static const CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const CK_ULONG bits = 2048;
    static const CK_BYTE f4[] = {1, 0, 1};
    struct token *token = managed_token();
    const CK_FUNCTION_LIST *f = token->module->f;
    CK_MECHANISM mechanism = {ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_rows[] = {ATTRIBUTE(CKA_TOKEN, yes),
                                  ATTRIBUTE(CKA_VERIFY, yes),
                                  ATTRIBUTE(CKA_ID, id),
                                  ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)),
                                  ATTRIBUTE_BYTES(ec ? CKA_EC_PARAMS : CKA_PUBLIC_EXPONENT,
                                                  ec ? p256 : f4, ec ? sizeof p256 : sizeof f4),
                                  ATTRIBUTE(CKA_MODULUS_BITS, bits)};
    CK_ATTRIBUTE private_rows[] = {ATTRIBUTE(CKA_TOKEN, yes),
                                   ATTRIBUTE(CKA_PRIVATE, yes),
                                   ATTRIBUTE(CKA_SENSITIVE, yes),
                                   ATTRIBUTE(CKA_EXTRACTABLE, no),
                                   ATTRIBUTE(CKA_SIGN, yes),
                                   ATTRIBUTE(CKA_ID, id),
                                   ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label))};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE public_object, private_object;
    assert_int_equal(
        f->C_OpenSession(token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
        CKR_OK);
    assert_int_equal(f->C_GenerateKeyPair(session, &mechanism, public_rows, ec ? 5 : 6,
                                          private_rows, 7, &public_object, &private_object),
                     CKR_OK);
    f->C_CloseSession(session);
}

static void found_by_uri(void **state) {
    struct key *key, *again;
    struct token *token = managed_token();
    (void)state;
    MUST(vault_ping(vault, &cause));
    make_token_key("signing key", 7, true);
    make_token_key("rsa", 8, false);
    make_token_key("twice", 9, true);
    make_token_key("twice", 10, true);
    MUST(keys_find(vault, VIEW_LITERAL("pkcs11:token=gatehouse;object=signing%20key;type=private"),
                   &key, &cause));
    sign_with(key);
    MUST(keys_find(vault, VIEW_LITERAL("pkcs11:token=gatehouse;object=signing%20key;type=private"),
                   &again, &cause));
    assert_ptr_equal(key, again);
    key_release(again);
    assert_int_equal(token->module->f->C_CloseAllSessions(token->slot), CKR_OK);
    sign_with(key);
    key_release(key);
    MUST(keys_find(vault, VIEW_LITERAL("pkcs11:id=%08"), &key, &cause));
    sign_with(key);
    key_release(key);
    MUST(keys_find(vault, VIEW_LITERAL("pkcs11:object=twice;id=%0a?module-name=managed"), &key,
                   &cause));
    sign_with(key);
    key_release(key);
}

static void not_found_by_uri(void **state) {
    static const struct {
        struct view uri;
        const char *type;
    } rows[] = {
        {VIEW_LITERAL("pkcs11:token=gatehouse;object=twice"), "key-ambiguous"},
        {VIEW_LITERAL("pkcs11:token=gatehouse;object=none"), "key-not-found"},
        {VIEW_LITERAL("pkcs11:token=gatehouse;object=gatehouse-kek"), "key-not-found"},
        {VIEW_LITERAL("pkcs11:token=other;object=twice"), "token-not-found"},
        {VIEW_LITERAL("pkcs11:serial=0;object=rsa"), "token-not-found"},
        {VIEW_LITERAL("pkcs11:object=rsa?module-name=other"), "token-not-found"},
        {VIEW_LITERAL("pkcs11:object=rsa;type=public"), "bad-uri"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        struct key *key = NULL;
        assert_false(keys_find(vault, rows[i].uri, &key, &err));
        assert_string_equal(err.type, rows[i].type);
        assert_null(key);
    }
}

static void certificate_is_stored(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    EVP_PKEY *made = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *certificate = X509_new();
    unsigned char *der = NULL;
    struct token *token = managed_token();
    struct session session;
    CK_OBJECT_HANDLE found[2];
    size_t count;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE match[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE_BYTES(CKA_LABEL, "the ca", 6)};
    struct view value;
    (void)state;
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, made);
    X509_sign(certificate, made, EVP_sha256());
    int len = i2d_X509(certificate, &der);
    uint64_t before = token->generation;
    MUST(vault_store_certificate(vault,
                                 VIEW_LITERAL("pkcs11:token=gatehouse;object=the%20ca;id=%07"),
                                 view_of(der, (size_t)len), &cause));
    assert_int_equal(token->generation, before); /* the others' sessions were left alone */
    MUST(token_take(token, &session, &cause));
    assert_int_equal(objects_find(token->module->f, session.handle, match, 2, found, 2, &count),
                     CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(
        object_attribute(token->module->f, session.handle, found[0], CKA_VALUE, arena, &value),
        CKR_OK);
    assert_true(view_equal(value, view_of(der, (size_t)len)));
    token_give(token, session, CKR_OK);
    struct error err = {0};
    assert_false(vault_store_certificate(vault, VIEW_LITERAL("pkcs11:token=gatehouse;id=%07"),
                                         view_of(der, (size_t)len - 1), &err));
    assert_string_equal(err.type, "bad-certificate");
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(made);
}

/* ---- cache ----------------------------------------------------------------------------------- */

static void cache_is_bounded(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    uint64_t first;
    struct key *key = managed_key(arena, "P-256"), *held = managed_key(arena, "P-256"),
               *other = NULL;
    struct error err = {0};
    (void)state;
    first = key->handle;
    key_release(key);
    MUST(keys_get(vault, first, &key, &cause));
    key_release(key);
    for (size_t i = 0; i < config.keys_max + 2; i++)
        key_release(managed_key(arena, "P-256"));
    assert_false(keys_get(vault, first, &other, &err)); /* it was the oldest */
    assert_string_equal(err.type, "unknown-handle");
    assert_null(other);
    sign_with(held); /* in use: it stayed */
    key_release(held);
    assert_false(keys_get(vault, 1, &other, &err));
}

struct worker {
    pthread_t thread;
    struct view blob, spki;
    struct error last; /* cmocka's assertions belong to the main thread */
};

static void *load_and_sign(void *argument) {
    struct worker *w = argument;
    uint8_t digest[32] = {7};
    struct sign_terms terms = {.data = view_of(digest, sizeof digest), .scheme = WIRE_ECDSA};
    struct wire_buffer scratch = {0};
    for (int i = 0; i < 30 && w->last.kind == ERROR_NONE; i++) {
        struct key *key = NULL;
        struct view signature;
        if (keys_load(vault, w->blob, w->spki, PURPOSE_SIGN, &key, &w->last) &&
            !key_sign(key, &terms, &scratch, &signature, &w->last))
            continue;
        key_release(key);
    }
    wire_buffer_free(&scratch);
    OPENSSL_thread_stop();
    return NULL;
}

static void threads_share_keys(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct worker workers[8] = {0};
    struct token *token = managed_token();
    (void)state;
    for (int i = 0; i < 8; i++) {
        if (i < 4)
            MUST(managed_generate(vault, arena, VIEW_LITERAL("P-256"), PURPOSE_SIGN,
                                  &workers[i].blob, &workers[i].spki, &cause));
        workers[i].blob = workers[i % 4].blob;
        workers[i].spki = workers[i % 4].spki;
        pthread_create(&workers[i].thread, NULL, load_and_sign, &workers[i]);
    }
    usleep(20000);
    if (close_in_use) /* SoftHSM2 2.6 frees sessions under the calls that use them */
        token->module->f->C_CloseAllSessions(token->slot);
    for (int i = 0; i < 8; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < 8; i++)
        if (workers[i].last.kind != ERROR_NONE)
            fail_msg("%s (%s)", workers[i].last.message, workers[i].last.detail);
}

/* ---- PINs ------------------------------------------------------------------------------------ */

static void log_out(struct token *token) {
    struct session session;
    MUST(token_take(token, &session, &cause));
    token->module->f->C_Logout(session.handle);
    token_give(token, session, CKR_OK);
    pthread_mutex_lock(&token->lock);
    token->logged_in = false;
    pthread_mutex_unlock(&token->lock);
}

/* A PIN that was refused is not tried again: the token would lock itself. */
static void wrong_pin_once(void **state) {
    struct token *token = managed_token();
    struct session session;
    CK_TOKEN_INFO info;
    (void)state;
    log_out(token);
    char wrong_file[96];
    snprintf(wrong_file, sizeof wrong_file, "%s/wrong", folder);
    FILE *file = fopen(wrong_file, "w");
    fputs("not the pin\n", file);
    fclose(file);
    chmod(wrong_file, 0600);
    token->pin_file = wrong_file;
    for (int i = 0; i < 20; i++) {
        struct error err = {0};
        assert_false(token_take(token, &session, &err));
        assert_string_equal(err.type, "pin-refused");
    }
    assert_int_equal(token->module->f->C_GetTokenInfo(token->slot, &info), CKR_OK);
    assert_int_equal(info.flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED), 0);
    struct error err = {0};
    assert_false(token_login(token, VIEW_LITERAL("not the pin"), &err));
    assert_string_equal(err.type, "pin-refused");
    token->pin_file = pin_file;
    MUST(vault_ping(vault, &cause));
}

static void typed_pin(void **state) {
    struct token *token = managed_token();
    struct session session;
    char *pin;
    (void)state;
    MUST(pin_read(pin_file, &pin, &cause));
    log_out(token);
    token->pin_file = NULL;
    MUST(token_take(token, &session, &cause)); /* without a PIN: public objects alone */
    token_give(token, session, CKR_OK);
    assert_false(token_logged_in(token));
    MUST(vault_login(vault, VIEW_LITERAL("pkcs11:token=gatehouse"), view_text(pin), &cause));
    assert_true(token_logged_in(token));
    log_out(token);
    MUST(vault_ping(vault, &cause)); /* it is kept */
    token->pin_file = pin_file;
    token_pin_free(pin);
}

static void pin_files(void **state) {
    static const struct {
        struct view text;
        mode_t mode;
        bool good;
    } rows[] = {
        {VIEW_LITERAL("1234\n"), 0600, true},
        {VIEW_LITERAL("1234"), 0640, true},
        {VIEW_LITERAL("12 34\r\n"), 0400, true},
        {VIEW_LITERAL("1234\n"), 0604, false},
        {VIEW_LITERAL(""), 0600, false},
        {VIEW_LITERAL("\n"), 0600, false},
        {VIEW_LITERAL("12\n34\n"), 0600, false},
        {VIEW_LITERAL("12\0"
                      "34"),
         0600, false},
    };
    char path[96];
    (void)state;
    snprintf(path, sizeof path, "%s/pin-row", folder);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *pin = NULL;
        struct error err = {0};
        FILE *file = fopen(path, "w");
        fwrite(rows[i].text.at, 1, rows[i].text.len, file);
        fclose(file);
        chmod(path, rows[i].mode);
        assert_int_equal(pin_read(path, &pin, &err), rows[i].good);
        token_pin_free(pin);
        unlink(path);
    }
    char *pin = NULL;
    struct error err = {0};
    assert_false(pin_read("credential:hsm", &pin, &err)); /* not started by systemd */
    assert_non_null(strstr(err.message, "LoadCredential=hsm"));
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    FILE *file = fopen(path, "w");
    fputs("97531\n", file);
    fclose(file);
    chmod(path, 0400);
    assert_true(pin_read("credential:pin-row", &pin, &err));
    assert_string_equal(pin, "97531");
    token_pin_free(pin);
    unlink(path);
    assert_false(pin_read("credential:pin-row", &pin, &err));
    assert_false(pin_read("credential:../pin-row", &pin, &err));
    unsetenv("CREDENTIALS_DIRECTORY");
    setenv("TEST_PIN", "86420", 1);
    assert_true(pin_read("env:TEST_PIN", &pin, &err));
    assert_string_equal(pin, "86420");
    token_pin_free(pin);
    setenv("TEST_PIN", "", 1);
    assert_false(pin_read("env:TEST_PIN", &pin, &err));
    assert_false(pin_read("env:TEST_NO_PIN", &pin, &err));
    assert_non_null(strstr(err.message, "TEST_NO_PIN"));
    assert_false(pin_read("/nonexistent/pin", &pin, NULL));
    assert_false(pin_read("/dev/zero", &pin, NULL));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_is_idempotent), cmocka_unit_test(keys_do_not_leave),
        cmocka_unit_test(sessions_lost),      cmocka_unit_test(log_in_lost),
        cmocka_unit_test(object_lost),        cmocka_unit_test(found_by_uri),
        cmocka_unit_test(not_found_by_uri),   cmocka_unit_test(certificate_is_stored),
        cmocka_unit_test(cache_is_bounded),   cmocka_unit_test(threads_share_keys),
        cmocka_unit_test(wrong_pin_once),     cmocka_unit_test(typed_pin),
        cmocka_unit_test(pin_files),
    };
    if (argc < 3) {
        fprintf(stderr, "usage: %s softtoken|softhsm MODULE\n", argv[0]);
        return 2;
    }
    setup_token(argv[1]);
    close_in_use = strcmp(argv[1], "softtoken") == 0;
    config = (struct vault_config){.managed_module = argv[2],
                                   .managed_token = "gatehouse",
                                   .managed_pin_file = pin_file,
                                   .keys_max = 16};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", folder);
    fflush(NULL);
#if defined(__SANITIZE_ADDRESS__)
    failed += __lsan_do_recoverable_leak_check(); /* _exit leaves it out */
#endif
    _exit(failed); /* modules are loaded: their destructors crash after OpenSSL's */
}
