/* Signatures a second, by THREADS threads at once: through provider, wire and signer with a key that only the
 * signer has, and in this process with OpenSSL alone. The two take turns, so that a busy machine slows both.
 *
 *   bench_sign ROUNDS SECONDS THREADS KEY-TYPE SIGNER ARGUMENTS...
 *
 * Prints "ours VALUE" and "bare VALUE" lines, one each a round. */
#include "provider/signer.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE 1000 /* about a TBSCertificate */
#define MAX_THREADS 64

struct load {
    EVP_PKEY *key;
    const EVP_MD *digest;
    atomic_bool over;
    atomic_llong done;
};

static _Noreturn void die(const char *what, const struct error *err) {
    fprintf(stderr, "bench_sign: %s: %s\n", what, err == NULL ? "failed" : err->message);
    exit(1);
}

static bool sign_once(const struct load *load) {
    unsigned char message[MESSAGE_SIZE] = {1}, signature[16384];
    size_t len = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL &&
              EVP_DigestSignInit(context, NULL, load->digest, NULL, load->key) == 1 &&
              EVP_DigestSign(context, signature, &len, message, sizeof message) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static void *work(void *context) {
    struct load *load = context;
    while (!atomic_load(&load->over)) {
        if (!sign_once(load))
            die("signing", NULL);
        atomic_fetch_add(&load->done, 1);
    }
    return NULL;
}

static double measure(EVP_PKEY *key, const EVP_MD *digest, int threads, int seconds) {
    struct load load = {.key = key, .digest = digest};
    pthread_t ids[MAX_THREADS];
    int64_t from = clock_monotonic_us();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, &load) != 0)
            die("thread", NULL);
    struct timespec pause = {.tv_sec = seconds};
    nanosleep(&pause, NULL);
    long long done = atomic_load(&load.done);
    int64_t spent = clock_monotonic_us() - from;
    atomic_store(&load.over, true);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return (double)done * (double)US_PER_SECOND / (double)spent;
}

static EVP_PKEY *own_key(const char *key_type) {
    if (strncmp(key_type, "RSA-", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(key_type + 4, NULL, 10));
    if (strncmp(key_type, "P-", 2) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", key_type);
    return EVP_PKEY_Q_keygen(NULL, NULL, key_type);
}

static EVP_PKEY *remote_key(struct signer *signer, const char *key_type) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct view blob, spki;
    EVP_PKEY *key;
    if (!signer_generate(signer, arena, key_type, KEY_SIGN, &blob, &spki, &err) ||
        !signer_managed_key(signer, blob, spki, KEY_SIGN, &key, &err))
        die(key_type, &err);
    return key;
}

int main(int argc, char *argv[]) {
    if (argc < 6) {
        fputs("usage: bench_sign ROUNDS SECONDS THREADS KEY-TYPE SIGNER ARGUMENTS...\n", stderr);
        return 2;
    }
    int rounds = atoi(argv[1]), seconds = atoi(argv[2]), threads = atoi(argv[3]);
    const char *key_type = argv[4];
    struct signer_config config = {.program = argv[5],
                                   .arguments = (const char *const *)(argv + 6)};
    struct signer *signer;
    struct error err = {0};
    if (threads < 1 || threads > MAX_THREADS)
        die("threads", NULL);
    if (!signer_open(&config, &signer, &err))
        die("signer", &err);
    EVP_PKEY *ours = remote_key(signer, key_type), *bare = own_key(key_type);
    if (bare == NULL)
        die(key_type, NULL);
    bool hashes = strncmp(key_type, "RSA-", 4) == 0 || strncmp(key_type, "P-", 2) == 0;
    const EVP_MD *digest = hashes ? EVP_sha256() : NULL;
    for (int i = 0; i < rounds; i++) {
        printf("ours %.1f\n", measure(ours, digest, threads, seconds));
        printf("bare %.1f\n", measure(bare, digest, threads, seconds));
        fflush(stdout);
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(bare);
    signer_close(signer);
    return 0;
}
