#include "fixture.h"

#include <openssl/ts.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *make_key(const char *key_type) {
    if (strcmp(key_type, "EC") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (strcmp(key_type, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    return EVP_PKEY_Q_keygen(NULL, NULL, key_type);
}

static void add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    AUTO(X509_EXTENSION) *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
        abort();
}

static void make_certificate(struct fixture *f) {
    bool whole = !EVP_PKEY_is_a(f->key, "EC") && !EVP_PKEY_is_a(f->key, "RSA");
    f->certificate = X509_new();
    X509_set_version(f->certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(f->certificate), 4711);
    X509_gmtime_adj(X509_getm_notBefore(f->certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(f->certificate), 30 * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(f->certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"Demo TSA", -1, -1, 0);
    X509_set_issuer_name(f->certificate, X509_get_subject_name(f->certificate));
    X509_set_pubkey(f->certificate, f->key);
    add_extension(f->certificate, NID_key_usage, "critical,digitalSignature");
    add_extension(f->certificate, NID_ext_key_usage, "critical,timeStamping");
    if (X509_sign(f->certificate, f->key, whole ? NULL : EVP_sha256()) <= 0)
        abort();
}

static bool load(void *context, struct arena *arena, const char *ca_slug, const char *issuer,
                 struct tsp_loaded *ret, struct error *err) {
    struct fixture *f = context;
    f->loads++;
    if (f->away)
        return fail(err, ERROR_UNAVAILABLE, "database-unavailable", "away");
    if (strcmp(ca_slug, "demo") != 0 || issuer[0] != '\0')
        return fail(err, ERROR_NOT_FOUND, "not-found", "no such issuer");
    *ret = (struct tsp_loaded){.ca_id = f->id, .owner_id = f->id, .document = arena_strdup(arena, f->document)};
    ret->identity = (struct tsp_identity){.certificate = f->certificate, .key = f->key};
    X509_up_ref(f->certificate);
    keep_X509(arena, f->certificate);
    EVP_PKEY_up_ref(f->key);
    keep_EVP_PKEY(arena, f->key);
    return true;
}

static bool order(void *context, struct arena *arena, struct uuid owner_id, int64_t now_us, int64_t *ret_us,
                  struct error *err) {
    struct fixture *f = context;
    (void)arena, (void)owner_id, (void)err;
    f->last_us = now_us > f->last_us ? now_us : f->last_us + 1;
    *ret_us = f->last_us;
    return true;
}

static bool keep(void *context, const struct tsp_issuer *issuer, const struct tsp_kept *kept,
                 struct error *err) {
    struct fixture *f = context;
    (void)issuer, (void)kept, (void)err;
    f->kept++;
    return true;
}

static bool password(void *context, const struct http_request *request, const char *username,
                     const char *password, struct error *err) {
    (void)context, (void)request;
    return (strcmp(username, "alice") == 0 && strcmp(password, "right") == 0) ||
           fail(err, ERROR_UNAUTHENTICATED, "bad-credentials", "wrong");
}

static bool client(void *context, struct arena *arena, struct view der, const char *ca_slug,
                   struct error *err) {
    (void)context, (void)arena, (void)ca_slug;
    return view_is(der, "good") || fail(err, ERROR_FORBIDDEN, "tsa-access", "unknown");
}

struct fixture *fixture_new(const char *key_type) {
    struct fixture *f = must_alloc(sizeof *f);
    struct clock_settings settings = {.max_error_us = US_PER_SECOND, .interval_us = US_PER_DAY};
    struct tsp_source source = {load, order, keep, password, client, f};
    memset(f, 0, sizeof *f);
    f->key = make_key(key_type);
    if (f->key == NULL)
        abort();
    make_certificate(f);
    f->id = uuid_new();
    f->document = "{}";
    f->clock = tsp_clock_new(&settings, NULL, NULL);
    tsp_clock_look(f->clock);
    f->tsp = tsp_new(&source, f->clock);
    return f;
}

void fixture_free(struct fixture *f) {
    tsp_free(f->tsp);
    tsp_clock_free(f->clock);
    X509_free(f->certificate);
    EVP_PKEY_free(f->key);
    free(f);
}

bool fixture_post(struct fixture *f, struct arena *arena, struct view body, struct http_response *ret,
                  struct error *err) {
    struct http_room room = tsp_room(f->tsp);
    struct http_request request = {.arena = arena,
                                   .id = "test",
                                   .listener = LISTENER_HTTPS,
                                   .method = "POST",
                                   .path = "/tsa/demo",
                                   .query = "",
                                   .address = "127.0.0.1",
                                   .body = body,
                                   .parameters = {"demo"}};
    *ret = (struct http_response){.arena = arena};
    return room.routes[0].handle(room.context, &request, ret, err);
}

struct view fixture_query(struct arena *arena) {
    TS_REQ *request = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_INTEGER *nonce = ASN1_INTEGER_new();
    unsigned char hash[32], *der = NULL;
    memset(hash, 'h', sizeof hash);
    X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL);
    TS_MSG_IMPRINT_set_algo(imprint, algorithm);
    TS_MSG_IMPRINT_set_msg(imprint, hash, sizeof hash);
    TS_REQ_set_version(request, 1);
    TS_REQ_set_msg_imprint(request, imprint);
    ASN1_INTEGER_set_uint64(nonce, 0xfedcba9876543210);
    TS_REQ_set_nonce(request, nonce);
    TS_REQ_set_cert_req(request, 1);
    int len = i2d_TS_REQ(request, &der);
    if (len <= 0)
        abort();
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    ASN1_INTEGER_free(nonce);
    X509_ALGOR_free(algorithm);
    TS_MSG_IMPRINT_free(imprint);
    TS_REQ_free(request);
    return copy;
}
