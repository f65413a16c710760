/* What a PKCS #11 module makes of the same calls: signatures by THREADS threads, each in a session
 * of its own, beside OpenSSL in this process; or how fast a token with many keys opens and finds
 * one.
 *
 *   bench_token sign ROUNDS SECONDS THREADS KEY-TYPE MODULE    KEY-TYPE: P-256, RSA-2048
 *   bench_token many COUNT MODULE
 *
 * The module's directory of tokens has to be empty and named in its environment. `sign` prints
 * "ours RATE PER-CPU" and "bare RATE PER-CPU" lines, one each a round; `many` prints one line. */
#include "cryptoki.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 64
#define PIN "bench-pin"
#define LABEL "bench                           "

static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static void need(CK_RV rv, const char *what) {
    if (rv == CKR_OK)
        return;
    fprintf(stderr, "bench_token: %s: 0x%lx\n", what, rv);
    exit(1);
}

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* ---- the token ------------------------------------------------------------------------------- */

static void load(const char *module) {
    void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get =
        library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    need(get == NULL ? CKR_GENERAL_ERROR : get(&p11), module);
}

static void start(void) {
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    need(p11->C_Initialize(&args), "C_Initialize");
}

static void find_slot(bool with_token) {
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    CK_TOKEN_INFO info;
    need(p11->C_GetSlotList(CK_TRUE, NULL, &count), "C_GetSlotList");
    count = 16;
    need(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        need(p11->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
        if (((info.flags & CKF_TOKEN_INITIALIZED) != 0) == with_token)
            slot = slots[i];
    }
}

static CK_SESSION_HANDLE open_session(void) {
    CK_SESSION_HANDLE session;
    need(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    return session;
}

static void make_token(void) {
    CK_UTF8CHAR *pin = (CK_UTF8CHAR *)PIN;
    find_slot(false);
    need(p11->C_InitToken(slot, pin, strlen(PIN), (CK_UTF8CHAR *)LABEL), "C_InitToken");
    find_slot(true);
    CK_SESSION_HANDLE session = open_session();
    need(p11->C_Login(session, CKU_SO, pin, strlen(PIN)), "C_Login");
    need(p11->C_InitPIN(session, pin, strlen(PIN)), "C_InitPIN");
    need(p11->C_CloseSession(session), "C_CloseSession");
}

static CK_OBJECT_HANDLE make_key(CK_SESSION_HANDLE session, bool rsa, uint32_t id, bool on_token) {
    CK_MECHANISM mechanism = {rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ULONG bits = 2048;
    CK_OBJECT_HANDLE public, private;
    CK_ATTRIBUTE kind = {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256};
    if (rsa)
        kind = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
    CK_ATTRIBUTE of_public[] = {kind, {CKA_VERIFY, &yes, 1}, {CKA_TOKEN, &no, 1}};
    CK_ATTRIBUTE of_private[] = {{CKA_TOKEN, on_token ? &yes : &no, 1},
                                 {CKA_SIGN, &yes, 1},
                                 {CKA_PRIVATE, &yes, 1},
                                 {CKA_ID, &id, sizeof id}};
    need(
        p11->C_GenerateKeyPair(session, &mechanism, of_public, 3, of_private, 4, &public, &private),
        "C_GenerateKeyPair");
    need(p11->C_DestroyObject(session, public), "C_DestroyObject");
    return private;
}

/* ---- signatures ------------------------------------------------------------------------------ */

struct load {
    CK_OBJECT_HANDLE object; /* or 0 */
    EVP_PKEY *pkey;
    bool rsa;
    atomic_bool over;
    atomic_llong done;
};

static void by_token(struct load *load) {
    CK_SESSION_HANDLE session = open_session();
    /* DigestInfo of SHA-256 for RSA, the digest alone for ECDSA */
    CK_BYTE data[51] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    CK_BYTE signature[512];
    CK_MECHANISM mechanism = {load->rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
    while (!atomic_load(&load->over)) {
        CK_ULONG len = sizeof signature;
        need(p11->C_SignInit(session, &mechanism, load->object), "C_SignInit");
        need(p11->C_Sign(session, load->rsa ? data : data + 19, load->rsa ? 51 : 32, signature,
                         &len),
             "C_Sign");
        atomic_fetch_add(&load->done, 1);
    }
    need(p11->C_CloseSession(session), "C_CloseSession");
}

static void by_openssl(struct load *load) {
    unsigned char digest[32] = {1}, signature[512];
    while (!atomic_load(&load->over)) {
        size_t len = sizeof signature;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(load->pkey, NULL);
        if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
            EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1 ||
            EVP_PKEY_sign(ctx, signature, &len, digest, sizeof digest) != 1)
            need(CKR_GENERAL_ERROR, "EVP_PKEY_sign");
        EVP_PKEY_CTX_free(ctx);
        atomic_fetch_add(&load->done, 1);
    }
}

static void *work(void *context) {
    struct load *load = context;
    if (load->pkey == NULL)
        by_token(load);
    else
        by_openssl(load);
    return NULL;
}

static void measure(struct load *load, const char *side, int threads, int seconds) {
    pthread_t ids[MAX_THREADS];
    atomic_store(&load->over, false);
    atomic_store(&load->done, 0);
    double from = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, load) != 0)
            need(CKR_HOST_MEMORY, "thread");
    nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
    double done = (double)atomic_load(&load->done);
    double spent = now(CLOCK_MONOTONIC) - from;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    atomic_store(&load->over, true);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    printf("%s %.1f %.1f\n", side, done / spent, done / cpu);
}

static int sign(int rounds, int seconds, int threads, const char *key_type, const char *module) {
    bool rsa = strcmp(key_type, "RSA-2048") == 0;
    if (threads < 1 || threads > MAX_THREADS)
        need(CKR_ARGUMENTS_BAD, "threads");
    load(module);
    start();
    make_token();
    CK_SESSION_HANDLE session = open_session();
    need(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, strlen(PIN)), "C_Login");
    struct load ours = {.object = make_key(session, rsa, 1, false), .rsa = rsa};
    struct load bare = {.pkey = rsa ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                    : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")};
    for (int i = 0; i < rounds; i++) {
        measure(&ours, "ours", threads, seconds);
        measure(&bare, "bare", threads, seconds);
    }
    EVP_PKEY_free(bare.pkey);
    need(p11->C_Finalize(NULL), "C_Finalize");
    return 0;
}

/* ---- many keys ------------------------------------------------------------------------------- */

static void find_key(CK_SESSION_HANDLE session, uint32_t id) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, &id, sizeof id}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    need(p11->C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
    need(p11->C_FindObjects(session, found, 2, &count), "C_FindObjects");
    need(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    need(count == 1 ? CKR_OK : CKR_GENERAL_ERROR, "one key");
}

static int many(uint32_t count, const char *module) {
    enum { FINDS = 1000 };
    load(module);
    start();
    make_token();
    CK_SESSION_HANDLE session = open_session();
    need(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, strlen(PIN)), "C_Login");
    for (uint32_t i = 0; i < count; i++)
        make_key(session, false, i, true);
    need(p11->C_Finalize(NULL), "C_Finalize");
    double from = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    start();
    find_slot(true);
    session = open_session();
    need(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, strlen(PIN)), "C_Login");
    find_key(session, count / 2);
    double opened = now(CLOCK_MONOTONIC) - from;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double finding = now(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < FINDS; i++)
        find_key(session, (uint32_t)((uint64_t)i * 7919 % count));
    finding = now(CLOCK_PROCESS_CPUTIME_ID) - finding;
    printf(
        "%u keys: open, log in and find one in %.3f s (%.3f s of processor time); then %.1f us a "
        "search\n",
        count, opened, cpu, finding / FINDS * 1e6);
    need(p11->C_Finalize(NULL), "C_Finalize");
    return 0;
}

int main(int argc, char *argv[]) {
    if (argc == 7 && strcmp(argv[1], "sign") == 0)
        return sign(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), argv[5], argv[6]);
    if (argc == 4 && strcmp(argv[1], "many") == 0)
        return many((uint32_t)strtoul(argv[2], NULL, 10), argv[3]);
    fputs("usage: bench_token sign ROUNDS SECONDS THREADS KEY-TYPE MODULE\n"
          "       bench_token many COUNT MODULE\n",
          stderr);
    return 2;
}
