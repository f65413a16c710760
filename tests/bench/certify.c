/* What OpenSSL itself can do: certificates like one that the gateway issued, built and signed in this process with
 * nothing else. Each takes the CSR apart and verifies it, copies the model's extensions, signs and encodes.
 *
 *   bench_certify SECONDS THREADS CSR.pem CERTIFICATE.pem
 *
 * Prints the certificates a second, and those a second of processor time. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_THREADS 64

static atomic_bool over;
static atomic_llong done;
static EVP_PKEY *issuer_key;
static X509 *model;
static unsigned char *csr;
static int csr_len;

static _Noreturn void die(const char *what) {
    fprintf(stderr, "bench_certify: %s\n", what);
    exit(1);
}

static void must(bool ok, const char *what) {
    if (!ok)
        die(what);
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void set_serial(X509 *certificate) {
    unsigned char bytes[16];
    must(RAND_bytes(bytes, sizeof bytes) == 1, "random octets");
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 1);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    must(number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL, "serial number");
    BN_free(number);
}

static X509 *build(X509_REQ *request) {
    X509 *certificate = X509_new();
    must(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1, "certificate");
    set_serial(certificate);
    must(X509_set_issuer_name(certificate, X509_get_issuer_name(model)) == 1 &&
             X509_set_subject_name(certificate, X509_REQ_get_subject_name(request)) == 1 &&
             X509_set1_notBefore(certificate, X509_get0_notBefore(model)) == 1 &&
             X509_set1_notAfter(certificate, X509_get0_notAfter(model)) == 1 &&
             X509_set_pubkey(certificate, X509_REQ_get0_pubkey(request)) == 1,
         "names, dates and key");
    for (int i = 0; i < X509_get_ext_count(model); i++)
        must(X509_add_ext(certificate, X509_get_ext(model, i), -1) == 1, "extension");
    return certificate;
}

static void one(void) {
    const unsigned char *at = csr;
    unsigned char *der = NULL;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, csr_len);
    must(request != NULL && X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) == 1, "CSR");
    X509 *certificate = build(request);
    must(X509_sign(certificate, issuer_key, EVP_sha256()) > 0 && i2d_X509(certificate, &der) > 0, "signature");
    OPENSSL_free(der);
    X509_free(certificate);
    X509_REQ_free(request);
}

static void *certify(void *context) {
    (void)context;
    while (!atomic_load(&over)) {
        one();
        atomic_fetch_add(&done, 1);
    }
    return NULL;
}

static void read_files(const char *csr_file, const char *certificate_file) {
    FILE *file = fopen(csr_file, "r");
    X509_REQ *request = file == NULL ? NULL : PEM_read_X509_REQ(file, NULL, NULL, NULL);
    must(request != NULL && (csr_len = i2d_X509_REQ(request, &csr)) > 0, csr_file);
    fclose(file);
    X509_REQ_free(request);
    file = fopen(certificate_file, "r");
    model = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
    must(model != NULL, certificate_file);
    fclose(file);
}

int main(int argc, char *argv[]) {
    if (argc != 5) {
        fputs("usage: bench_certify SECONDS THREADS CSR.pem CERTIFICATE.pem\n", stderr);
        return 2;
    }
    pthread_t workers[MAX_THREADS];
    struct timespec pause = {.tv_sec = atoi(argv[1])};
    int threads = atoi(argv[2]);
    must(threads >= 1 && threads <= MAX_THREADS, "threads: 1 to 64");
    read_files(argv[3], argv[4]);
    issuer_key = EVP_EC_gen("P-256");
    must(issuer_key != NULL, "key");
    double from = seconds_of(CLOCK_MONOTONIC), used_from = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < threads; i++)
        must(pthread_create(&workers[i], NULL, certify, NULL) == 0, "a thread cannot be started");
    nanosleep(&pause, NULL);
    double made = (double)atomic_load(&done);
    printf("%.1f\t%.1f\n", made / (seconds_of(CLOCK_MONOTONIC) - from),
           made / (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used_from));
    atomic_store(&over, true);
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    X509_free(model);
    EVP_PKEY_free(issuer_key);
    OPENSSL_free(csr);
    return 0;
}
