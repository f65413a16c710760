/* bench_acme DIRECTORY CA-FILE KID HMAC-KEY THREADS SECONDS [nonces | after COMMAND]: whole ACME orders a second
 * (new-order, finalize, certificate) by one account, each thread on a connection of its own; or new nonces a second.
 * KID "-": a server that asks for no binding. Names that are not pre-approved are proved by http-01, and a server that
 * issues behind its answer is asked until it has. COMMAND is run with the account's URL before anything is measured;
 * then the first page of the account's orders is read, too, and those that lie 100 pages behind it. Prints the rate
 * alone, and on standard error the medians of what each request of an order took, and of what signing it took the
 * client. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"

#include <curl/curl.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *ca_file;
static EVP_PKEY *account_key;
static char account[500], new_order[500], new_nonce[500];
static atomic_llong done_count;
static atomic_bool ending;

enum step { NEW_ORDER, PROVE, FINALIZE, WAIT, CERTIFICATE, SIGNING, FIRST_PAGE, FAR_PAGE, STEPS };
#define MOST_TIMES 100000
static struct {
    _Atomic uint32_t us[MOST_TIMES];
    atomic_size_t count;
} times[STEPS];

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char nonce[200], location[500], next[800];
    char *body;
    size_t len, room;
    int number;
    char *csr; /* base64url */
};

static void die(const char *what, const struct client *c) {
    fprintf(stderr, "bench_acme: %s: %.*s\n", what, c == NULL ? 0 : (int)c->len,
            c == NULL ? "" : c->body);
    exit(1);
}

static void note_time(enum step step, int64_t began_us) {
    size_t at = atomic_fetch_add(&times[step].count, 1);
    if (at < MOST_TIMES)
        atomic_store(&times[step].us[at], (uint32_t)(clock_monotonic_us() - began_us));
}

static size_t take_body(char *at, size_t size, size_t count, void *context) {
    struct client *c = context;
    size_t len = size * count;
    if (c->len + len + 1 > c->room) {
        c->room = (c->len + len + 1) * 2;
        c->body = realloc(c->body, c->room);
    }
    memcpy(c->body + c->len, at, len);
    c->len += len;
    c->body[c->len] = '\0';
    return len;
}

static void copy_value(const char *from, size_t len, char *to, size_t room) {
    while (len > 0 && (*from == ' ' || *from == '\t'))
        from++, len--;
    while (len > 0 && (from[len - 1] == '\n' || from[len - 1] == '\r'))
        len--;
    snprintf(to, room, "%.*s", (int)len, from);
}

static size_t take_header(char *at, size_t size, size_t count, void *context) {
    struct client *c = context;
    size_t len = size * count;
    if (len > 13 && strncasecmp(at, "Replay-Nonce:", 13) == 0)
        copy_value(at + 13, len - 13, c->nonce, sizeof c->nonce);
    if (len > 9 && strncasecmp(at, "Location:", 9) == 0)
        copy_value(at + 9, len - 9, c->location, sizeof c->location);
    if (len > 7 && strncasecmp(at, "Link: <", 7) == 0 && strstr(at, "rel=\"next\"") != NULL)
        copy_value(at + 7, strcspn(at + 7, ">"), c->next, sizeof c->next);
    return len;
}

static void open_client(struct client *c, int number) {
    *c = (struct client){.curl = curl_easy_init(), .number = number};
    c->headers = curl_slist_append(NULL, "Content-Type: application/jose+json");
    c->headers = curl_slist_append(c->headers, "Expect:");
    curl_easy_setopt(c->curl, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, c);
}

static long perform(struct client *c, const char *url, const char *body) {
    long status = 0;
    c->len = 0;
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    if (body == NULL) {
        curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    } else {
        curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(c->curl);
    if (code != CURLE_OK)
        die(curl_easy_strerror(code), NULL);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static struct view sign(struct arena *arena, const char *input) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char der[100], *raw = arena_alloc(arena, 64);
    const unsigned char *next = der;
    size_t len = sizeof der;
    if (EVP_DigestSignInit_ex(md, NULL, "SHA2-256", NULL, NULL, account_key, NULL) != 1 ||
        EVP_DigestSign(md, der, &len, (const unsigned char *)input, strlen(input)) != 1)
        die("signature", NULL);
    EVP_MD_CTX_free(md);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &next, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    return view_of(raw, 64);
}

static const char *jwk(struct arena *arena) {
    BIGNUM *x = NULL, *y = NULL;
    uint8_t point[64];
    EVP_PKEY_get_bn_param(account_key, OSSL_PKEY_PARAM_EC_PUB_X, &x);
    EVP_PKEY_get_bn_param(account_key, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
    BN_bn2binpad(x, point, 32);
    BN_bn2binpad(y, point + 32, 32);
    BN_free(x);
    BN_free(y);
    return arena_printf(arena, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                        base64url_encode(arena, view_of(point, 32)),
                        base64url_encode(arena, view_of(point + 32, 32)));
}

static long post(struct client *c, struct arena *arena, enum step step, const char *url,
                 const char *payload) {
    int64_t began_us = clock_monotonic_us();
    const char *who = account[0] == '\0' ? arena_printf(arena, "\"jwk\":%s", jwk(arena))
                                         : arena_printf(arena, "\"kid\":\"%s\"", account);
    const char *head = base64url_encode(
        arena,
        view_text(arena_printf(arena, "{\"alg\":\"ES256\",\"nonce\":\"%s\",\"url\":\"%s\",%s}",
                               c->nonce, url, who)));
    const char *body = payload == NULL ? "" : base64url_encode(arena, view_text(payload));
    struct view signature = sign(arena, arena_printf(arena, "%s.%s", head, body));
    const char *whole =
        arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", head,
                     body, base64url_encode(arena, signature));
    note_time(SIGNING, began_us);
    began_us = clock_monotonic_us();
    long status = perform(c, url, whole);
    note_time(step, began_us);
    return status;
}

static const char *member(struct client *c, struct arena *arena, const char *name) {
    const struct json *document;
    const char *text = NULL;
    if (!json_parse(arena, view_of(c->body, c->len), &document, NULL) ||
        !json_string(document, name, &text, NULL) || text == NULL)
        die(name, c);
    return text;
}

static void get_nonce(struct client *c) {
    long status = perform(c, new_nonce, NULL); /* rfc8555#7.2: 204; older servers say 200 */
    if (status != 204 && status != 200)
        die("new-nonce", c);
}

/* Reads a resource until its status is `wanted`. */
static void wait_for(struct client *c, struct arena *arena, enum step step, const char *url, const char *wanted) {
    static const struct timespec pause = {.tv_nsec = 1000000};
    int64_t until_us = clock_monotonic_us() + 30 * 1000000LL;
    while (clock_monotonic_us() < until_us) {
        if (post(c, arena, step, url, NULL) != 200)
            die(wanted, c);
        if (strcmp(member(c, arena, "status"), wanted) == 0)
            return;
        nanosleep(&pause, NULL);
    }
    die(wanted, c);
}

/* The one authorization of the order that the body is. */
static void prove(struct client *c, struct arena *arena) {
    const struct json *document, *list = NULL;
    const char *type = NULL, *url = NULL;
    if (!json_parse(arena, view_of(c->body, c->len), &document, NULL) ||
        !json_array(document, "authorizations", &list, NULL) || list == NULL || list->first == NULL)
        die("authorizations", c);
    const char *authorization = list->first->text;
    if (post(c, arena, PROVE, authorization, NULL) != 200 ||
        !json_parse(arena, view_of(c->body, c->len), &document, NULL) ||
        !json_array(document, "challenges", &list, NULL) || list == NULL)
        die("authorization", c);
    JSON_EACH (one, list)
        if (json_string(one, "type", &type, NULL) && type != NULL && strcmp(type, "http-01") == 0 &&
            !json_string(one, "url", &url, NULL))
            die("challenge", c);
    if (url == NULL || post(c, arena, PROVE, url, "{}") != 200)
        die("challenge", c);
    wait_for(c, arena, PROVE, authorization, "valid");
}

static void make_csr(struct client *c) {
    SCOPED_ARENA struct arena *arena = arena_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(
        list, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                  arena_printf(arena, "DNS:t%d.bench.test", c->number)));
    X509_REQ_add_extensions(csr, list);
    X509_REQ_set_pubkey(csr, key);
    unsigned char *der = NULL;
    if (X509_REQ_sign(csr, key, EVP_sha256()) <= 0)
        die("CSR", NULL);
    int len = i2d_X509_REQ(csr, &der);
    c->csr = strdup(base64url_encode(arena, view_of(der, (size_t)len)));
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
}

static void one_order(struct client *c) {
    SCOPED_ARENA struct arena *arena = arena_new();
    if (post(c, arena, NEW_ORDER, new_order,
             arena_printf(arena,
                          "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"t%d.bench.test\"}]}",
                          c->number)) != 201)
        die("new-order", c);
    const char *order = arena_printf(arena, "%s", c->location), *finalize = member(c, arena, "finalize");
    if (strcmp(member(c, arena, "status"), "ready") != 0) {
        prove(c, arena);
        wait_for(c, arena, WAIT, order, "ready");
    }
    if (post(c, arena, FINALIZE, finalize, arena_printf(arena, "{\"csr\":\"%s\"}", c->csr)) != 200)
        die("finalize", c);
    if (strcmp(member(c, arena, "status"), "valid") != 0)
        wait_for(c, arena, WAIT, order, "valid");
    if (post(c, arena, CERTIFICATE, member(c, arena, "certificate"), NULL) != 200)
        die("certificate", c);
}

static void *run_orders(void *context) {
    struct client c;
    open_client(&c, *(int *)context);
    make_csr(&c);
    get_nonce(&c);
    while (!atomic_load(&ending)) {
        one_order(&c);
        atomic_fetch_add(&done_count, 1);
    }
    return NULL;
}

static void *run_nonces(void *context) {
    struct client c;
    open_client(&c, *(int *)context);
    while (!atomic_load(&ending)) {
        get_nonce(&c);
        atomic_fetch_add(&done_count, 1);
    }
    return NULL;
}

/* rfc8555#7.1.2.1 */
static void read_pages(struct client *c) {
    SCOPED_ARENA struct arena *arena = arena_new();
    for (int round = 0; round < 10; round++) {
        c->next[0] = '\0';
        if (post(c, arena, FIRST_PAGE, arena_printf(arena, "%s/orders", account), NULL) != 200)
            die("orders", c);
    }
    for (int page = 1; page <= 110 && c->next[0] != '\0'; page++) {
        const char *url = arena_printf(arena, "%s", c->next);
        c->next[0] = '\0';
        if (post(c, arena, page <= 100 ? PROVE : FAR_PAGE, url, NULL) != 200)
            die("orders", c);
    }
}

/* rfc8555#7.3.4 */
static const char *binding(struct arena *arena, const char *url, const char *kid, const char *secret) {
    unsigned char mac[64];
    size_t len = 0;
    struct view key;
    const char *head = base64url_encode(
        arena, view_text(arena_printf(arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"url\":\"%s\"}",
                                      kid, url)));
    const char *input =
        arena_printf(arena, "%s.%s", head, base64url_encode(arena, view_text(jwk(arena))));
    if (!base64url_decode(arena, view_text(secret), &key) ||
        EVP_Q_mac(NULL, "HMAC", NULL, "SHA2-256", NULL, key.at, key.len,
                  (const unsigned char *)input, strlen(input), mac, sizeof mac, &len) == NULL)
        die("MAC", NULL);
    return arena_printf(arena,
                        ",\"externalAccountBinding\":{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                        head, strchr(input, '.') + 1, base64url_encode(arena, view_of(mac, len)));
}

static void register_account(struct client *c, const char *directory, const char *kid,
                             const char *secret) {
    SCOPED_ARENA struct arena *arena = arena_new();
    if (perform(c, directory, NULL) != 200)
        die("directory", c);
    snprintf(new_nonce, sizeof new_nonce, "%s", member(c, arena, "newNonce"));
    snprintf(new_order, sizeof new_order, "%s", member(c, arena, "newOrder"));
    const char *url = member(c, arena, "newAccount");
    get_nonce(c);
    const char *bound = strcmp(kid, "-") == 0 ? "" : binding(arena, url, kid, secret);
    if (post(c, arena, NEW_ORDER, url, arena_printf(arena, "{\"termsOfServiceAgreed\":true%s}", bound)) != 201)
        die("new-account", c);
    snprintf(account, sizeof account, "%s", c->location);
}

static void prepare(struct client *c, const char *command) {
    char line[1500];
    snprintf(line, sizeof line, "%s '%s' >&2", command, account);
    if (system(line) != 0)
        die(command, NULL);
    get_nonce(c);
    read_pages(c);
}

static int by_time(const void *a, const void *b) {
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return one < other ? -1 : one > other;
}

static uint32_t median(enum step step) {
    static uint32_t sorted[MOST_TIMES];
    size_t count = atomic_load(&times[step].count);
    count = count < MOST_TIMES ? count : MOST_TIMES;
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        sorted[i] = atomic_load(&times[step].us[i]);
    qsort(sorted, count, sizeof sorted[0], by_time);
    return sorted[count / 2];
}

int main(int argc, char **argv) {
    struct client first;
    pthread_t threads[64];
    int numbers[64];
    if (argc < 7)
        die("usage: bench_acme DIRECTORY CA-FILE KID HMAC-KEY THREADS SECONDS [nonces | after COMMAND]", NULL);
    int count = atoi(argv[5]), seconds = atoi(argv[6]);
    bool nonces = argc > 7 && strcmp(argv[7], "nonces") == 0;
    bool fills = argc > 8 && strcmp(argv[7], "after") == 0;
    ca_file = argv[2];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    account_key = EVP_EC_gen("P-256");
    open_client(&first, 0);
    register_account(&first, argv[1], argv[3], argv[4]);
    if (count < 1 || count > 64)
        die("1 to 64 threads", NULL);
    if (fills)
        prepare(&first, argv[8]);
    for (int i = 0; i < count; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, nonces ? run_nonces : run_orders, &numbers[i]);
    }
    struct timespec warm = {.tv_sec = 1}, whole = {.tv_sec = seconds};
    nanosleep(&warm, NULL);
    int64_t began = clock_monotonic_us();
    long long before = atomic_load(&done_count);
    nanosleep(&whole, NULL);
    long long after = atomic_load(&done_count);
    int64_t took = clock_monotonic_us() - began;
    atomic_store(&ending, true);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    if (!nonces)
        fprintf(stderr, "us: new-order %u, finalize %u, asking again %u, certificate %u; the client's signature %u\n",
                median(NEW_ORDER), median(FINALIZE), median(WAIT), median(CERTIFICATE), median(SIGNING));
    if (fills)
        fprintf(stderr, "us: the first page of orders %u, one 100 pages behind it %u\n", median(FIRST_PAGE), median(FAR_PAGE));
    printf("%.1f\n", (double)(after - before) * 1e6 / (double)took);
    return 0;
}
