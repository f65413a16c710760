#include "harness.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

static void write_softhsm_config(struct harness *h) {
    char path[128], tokens[128];
    snprintf(tokens, sizeof tokens, "%s/tokens", h->folder);
    snprintf(path, sizeof path, "%s/softhsm2.conf", h->folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || mkdir(tokens, 0700) != 0)
        abort();
    fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens);
    fclose(file);
    setenv("SOFTHSM2_CONF", path, 1);
}

int harness_run(struct harness *h, const char *const *more) {
    const char *list[64] = {h->program};
    size_t n = 1;
    for (size_t i = 0; h->arguments[i] != NULL; i++)
        list[n++] = h->arguments[i];
    for (size_t i = 0; more != NULL && more[i] != NULL; i++)
        list[n++] = more[i];
    pid_t pid = fork();
    if (pid == 0) {
        execv(h->program, (char *const *)(uintptr_t)list);
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void harness_begin(struct harness *h, int argc, char **argv) {
    struct error err = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: %s softtoken|softhsm SIGNER MODULE\n", argv[0]);
        exit(2);
    }
    h->softtoken = strcmp(argv[1], "softtoken") == 0;
    h->program = argv[2];
    strcpy(h->folder, "/tmp/gatehouse-test-XXXXXX");
    if (mkdtemp(h->folder) == NULL)
        abort();
    snprintf(h->tokens, sizeof h->tokens, "%s/softtoken", h->folder);
    snprintf(h->pin_file, sizeof h->pin_file, "%s/pin", h->folder);
    if (h->softtoken)
        setenv("GATEHOUSE_SOFTTOKEN_DIR", h->tokens, 1);
    else
        write_softhsm_config(h);
    const char *arguments[] = {"--managed-module",
                               argv[3],
                               "--managed-pin-file",
                               h->pin_file,
                               "--log-level",
                               "warn",
                               NULL};
    memcpy(h->arguments, arguments, sizeof arguments);
    if (harness_run(h, (const char *const[]){"--init", NULL}) != 0)
        exit(3);
    struct signer_config config = {.program = h->program, .arguments = h->arguments};
    if (!signer_open(&config, &h->signer, &err)) {
        fprintf(stderr, "signer_open: %s (%s)\n", err.message, err.detail);
        exit(4);
    }
}

void harness_end(struct harness *h) {
    char command[128];
    signer_close(h->signer);
    snprintf(command, sizeof command, "rm -rf %s", h->folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", h->folder);
}

void harness_kill(struct harness *h) {
    int pid = signer_process(h->signer);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    usleep(20000);
}

const char *const *harness_key_types(const struct harness *h) {
    static const char *const softhsm[] = {"RSA-2048", "RSA-3072", "P-256", "P-384", "P-521", NULL};
    static const char *const all[] = {"RSA-2048",
                                      "P-256",
                                      "P-384",
                                      "P-521",
                                      "secp256k1",
                                      "brainpoolP256r1",
                                      "brainpoolP384r1",
                                      "brainpoolP512r1",
                                      "Ed25519",
                                      "Ed448",
                                      "ML-DSA-44",
                                      "ML-DSA-65",
                                      "ML-DSA-87",
                                      "SLH-DSA-SHA2-128s",
                                      "SLH-DSA-SHA2-128f",
                                      "SLH-DSA-SHA2-192f",
                                      "SLH-DSA-SHA2-256f",
                                      "SLH-DSA-SHAKE-128f",
                                      "SLH-DSA-SHAKE-192f",
                                      "SLH-DSA-SHAKE-256f",
                                      NULL};
    return h->softtoken ? all : softhsm;
}

static void add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(EVP_PKEY *key, const EVP_MD *md) {
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 77);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"Test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_subject_key_identifier, "hash");
    if (X509_sign(certificate, key, md) <= 0) {
        struct error err = {.message = "(no error of the signer)"};
        signer_take_error(&err);
        ERR_print_errors_fp(stderr);
        fail_msg("X509_sign: %s (%s)", err.message, err.detail);
    }
    return certificate;
}

struct test_key test_key_make(struct harness *h, const char *key_type, enum key_purpose purpose) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct test_key test = {0};
    struct view blob, spki;
    struct error err = {0};
    if (!signer_generate(h->signer, arena, key_type, purpose, &blob, &spki, &err))
        fail_msg("%s: %s (%s)", key_type, err.message, err.detail);
    if (!signer_managed_key(h->signer, blob, spki, purpose, &test.key, &err))
        fail_msg("%s: %s (%s)", key_type, err.message, err.detail);
    const uint8_t *at = spki.at;
    test.public_key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    assert_non_null(test.public_key);
    if (strncmp(key_type, "RSA", 3) == 0 || strncmp(key_type, "P-", 2) == 0)
        test.md = EVP_sha256();
    test.certificate = make_certificate(test.key, test.md);
    return test;
}

void test_key_free(struct test_key *key) {
    EVP_PKEY_free(key->key);
    EVP_PKEY_free(key->public_key);
    X509_free(key->certificate);
}
