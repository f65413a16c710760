/* Signatures a second, by THREADS threads at once: through provider, wire and signer with a key
 * that only the signer has, and in this process with OpenSSL alone. The two take turns, so that a
 * busy machine slows both.
 *
 *   bench_sign ROUNDS SECONDS THREADS KEY-TYPE SIGNER ARGUMENTS...
 *
 * Prints "ours RATE PER-CPU" and "bare RATE PER-CPU" lines, one each a round: signatures a second,
 * and signatures a second of processor time, the signer's included. */
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

/* Processor time of this process and of the signer, which is no dead child yet. */
static double cpu_seconds(int signer) {
    struct timespec own, other = {0};
    clockid_t clock;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    if (clock_getcpuclockid(signer, &clock) == 0)
        clock_gettime(clock, &other);
    return (double)(own.tv_sec + other.tv_sec) + (double)(own.tv_nsec + other.tv_nsec) / 1e9;
}

struct bench {
    struct signer *signer;
    const EVP_MD *digest;
    int threads, seconds;
};

static void measure(const struct bench *bench, const char *side, EVP_PKEY *key) {
    struct load load = {.key = key, .digest = bench->digest};
    int threads = bench->threads;
    pthread_t ids[MAX_THREADS];
    int64_t from = clock_monotonic_us();
    double cpu = cpu_seconds(signer_process(bench->signer));
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, &load) != 0)
            die("thread", NULL);
    struct timespec pause = {.tv_sec = bench->seconds};
    nanosleep(&pause, NULL);
    double done = (double)atomic_load(&load.done);
    double spent = (double)(clock_monotonic_us() - from) / (double)US_PER_SECOND;
    cpu = cpu_seconds(signer_process(bench->signer)) - cpu;
    atomic_store(&load.over, true);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    printf("%s %.1f %.1f\n", side, done / spent, done / cpu);
    fflush(stdout);
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
    struct bench bench = {.seconds = atoi(argv[2]), .threads = atoi(argv[3])};
    const char *key_type = argv[4];
    struct signer_config config = {.program = argv[5],
                                   .arguments = (const char *const *)(argv + 6)};
    struct error err = {0};
    if (bench.threads < 1 || bench.threads > MAX_THREADS)
        die("threads", NULL);
    if (!signer_open(&config, &bench.signer, &err))
        die("signer", &err);
    EVP_PKEY *ours = remote_key(bench.signer, key_type), *bare = own_key(key_type);
    if (bare == NULL)
        die(key_type, NULL);
    if (strncmp(key_type, "RSA-", 4) == 0 || strncmp(key_type, "P-", 2) == 0)
        bench.digest = EVP_sha256();
    for (int i = atoi(argv[1]); i > 0; i--) {
        measure(&bench, "ours", ours);
        measure(&bench, "bare", bare);
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(bare);
    signer_close(bench.signer);
    return 0;
}
