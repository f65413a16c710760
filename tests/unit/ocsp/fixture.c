#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A P-256 key (RFC 5915) for the fuzzer, whose seeds name this CA. It protects nothing. */
static const unsigned char fixed_key[] = {
    0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20, 0x3b, 0x8d, 0xa6, 0x63, 0xb9, 0x46, 0x20, 0x78, 0xf1,
    0x2b, 0x2f, 0xa4, 0xfd, 0x24, 0x61, 0x5e, 0x0f, 0x95, 0x24, 0xf8, 0xd5, 0xd9, 0xaf, 0x04, 0x35,
    0x7b, 0xbe, 0x2f, 0xf2, 0x82, 0x1f, 0xe9, 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00, 0x04, 0x09, 0x46, 0x7d, 0xa0, 0x5b, 0xab, 0x51,
    0xaf, 0xa0, 0xcf, 0xa2, 0x13, 0x09, 0x8a, 0xba, 0x52, 0x73, 0xd3, 0x3a, 0xa0, 0xb4, 0x52, 0xcb,
    0xf8, 0x36, 0x53, 0x91, 0xef, 0xc9, 0xba, 0xc6, 0x9b, 0x2d, 0x58, 0x4a, 0x33, 0xb5, 0x8a, 0x46,
    0xe8, 0x91, 0x1e, 0x6f, 0xe4, 0x9a, 0x3e, 0x99, 0x4a, 0xc2, 0xfd, 0x97, 0x50, 0x61, 0x79, 0x5c,
    0xd5, 0x3d, 0x37, 0xdf, 0x8c, 0xb1, 0x07, 0xca, 0xef,
};

static EVP_PKEY *make_key(const char *key_type) {
    const unsigned char *at = fixed_key;
    if (strcmp(key_type, "fixed") == 0)
        return d2i_AutoPrivateKey(NULL, &at, sizeof fixed_key);
    if (strcmp(key_type, "EC") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (strcmp(key_type, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    return EVP_PKEY_Q_keygen(NULL, NULL, key_type);
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    AUTO(X509_EXTENSION) *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
        abort();
}

static X509 *make_certificate(const struct fixture *f, const char *name, long serial,
                              EVP_PKEY *key) {
    X509 *certificate = X509_new();
    X509 *issuer = f->ca_certificate == NULL ? certificate : f->ca_certificate;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, key);
    if (issuer == certificate) {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        add_extension(certificate, issuer, NID_ext_key_usage, "OCSPSigning");
        add_extension(certificate, issuer, NID_id_pkix_OCSP_noCheck, "ignored");
    }
    if (X509_sign(certificate, f->ca_key, f->digest) <= 0)
        abort();
    return certificate;
}

static bool refusal(enum error_kind kind, struct error *err) {
    return fail(err, kind, "fixture", "the fixture says no");
}

static bool authority(void *context, struct arena *arena, const char *ca_slug,
                      struct ca_record *ret, struct error *err) {
    struct fixture *f = context;
    (void)arena;
    if (f->authority_fails != ERROR_NONE)
        return refusal(f->authority_fails, err);
    if (strcmp(ca_slug, "demo") != 0)
        return refusal(ERROR_NOT_FOUND, err);
    *ret = f->ca;
    return true;
}

static bool status(void *context, struct arena *arena, const struct ca_record *ca,
                   struct view serial, struct status_answer *ret, struct error *err) {
    struct fixture *f = context;
    long number = 0;
    (void)arena;
    f->look_ups++;
    if (f->status_fails != ERROR_NONE)
        return refusal(f->status_fails, err);
    for (size_t i = 0; i < serial.len && number < 1000; i++)
        number = number << 8 | serial.at[i];
    *ret = (struct status_answer){.status = STATUS_UNKNOWN};
    if (number < 100 && !f->revoke_good)
        ret->status = STATUS_GOOD;
    else if (number < 300)
        *ret = (struct status_answer){.status = STATUS_REVOKED,
                                      .reason = number < 100   ? 0
                                                : number < 200 ? 1
                                                               : 6,
                                      .revoked_us = ca->created_us,
                                      .invalidity_us = f->invalidity_us};
    return true;
}

static void drop_key(void *key) {
    EVP_PKEY_free(key);
}

static void drop_certificate(void *certificate) {
    X509_free(certificate);
}

static bool identity(void *context, struct arena *arena, const struct ca_record *ca,
                     struct service_identity *ret, struct error *err) {
    struct fixture *f = context;
    (void)ca;
    if (f->identity_fails != ERROR_NONE)
        return refusal(f->identity_fails, err);
    f->signatures++;
    X509_up_ref(f->signer_certificate);
    arena_defer(arena, drop_certificate, f->signer_certificate);
    EVP_PKEY_up_ref(f->signer_key);
    arena_defer(arena, drop_key, f->signer_key);
    *ret = (struct service_identity){.certificate = f->signer_certificate,
                                     .key = f->signer_key,
                                     .digest = f->digest,
                                     .not_after_us = f->signer_not_after_us != 0
                                                         ? f->signer_not_after_us
                                                         : clock_now_us() + 30 * US_PER_DAY};
    return true;
}

static bool profile(void *context, struct arena *arena, const struct ca_record *ca,
                    struct ocsp_profile *ret, struct error *err) {
    struct fixture *f = context;
    (void)arena, (void)ca, (void)err;
    *ret = f->profile;
    return true;
}

static bool issuer(void *context, struct arena *arena, const struct issuer_hashes *hashes,
                   const char **ret_slug, struct error *err) {
    struct fixture *f = context;
    unsigned char name[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    (void)arena;
    const EVP_MD *digest = EVP_get_digestbynid(hashes->digest);
    if (digest == NULL || X509_NAME_digest(X509_get_subject_name(f->ca_certificate), digest, name, &len) != 1 ||
        !view_equal(hashes->name, view_of(name, len)))
        return refusal(ERROR_NOT_FOUND, err);
    *ret_slug = "demo";
    return true;
}

struct fixture *fixture_new(const char *key_type) {
    struct fixture *f = must_alloc(sizeof *f);
    memset(f, 0, sizeof *f);
    f->ca_key = make_key(key_type);
    f->signer_key = make_key(key_type);
    if (f->ca_key == NULL || f->signer_key == NULL)
        abort();
    if (EVP_PKEY_is_a(f->ca_key, "EC") || EVP_PKEY_is_a(f->ca_key, "RSA"))
        f->digest = EVP_sha256();
    f->ca_certificate = make_certificate(f, "Demo CA", 1, f->ca_key);
    f->signer_certificate = make_certificate(f, "Demo CA OCSP", 2, f->signer_key);
    unsigned char *at = f->ca_der;
    if (i2d_X509(f->ca_certificate, NULL) > (int)sizeof f->ca_der)
        abort();
    int len = i2d_X509(f->ca_certificate, &at);
    f->ca = (struct ca_record){.id = uuid_new(),
                               .slug = "demo",
                               .name = "Demo CA",
                               .state = CA_ACTIVE,
                               .certificate = view_of(f->ca_der, (size_t)len),
                               .epoch = 1,
                               .created_us = clock_now_us() - US_PER_DAY};
    f->profile = (struct ocsp_profile){.validity_us = FIXTURE_VALIDITY_US};
    struct ocsp_source source = {authority, status, identity, profile, issuer, f};
    f->responder = ocsp_responder_new(&source, (size_t)1024 * 1024);
    return f;
}

void fixture_free(struct fixture *f) {
    ocsp_responder_free(f->responder);
    X509_free(f->ca_certificate);
    X509_free(f->signer_certificate);
    EVP_PKEY_free(f->ca_key);
    EVP_PKEY_free(f->signer_key);
    free(f);
}

OCSP_REQUEST *fixture_request(const struct fixture *f, const EVP_MD *digest, const long *serials,
                              size_t count, size_t nonce_len) {
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (size_t i = 0; i < count; i++) {
        AUTO(ASN1_INTEGER) *serial = ASN1_INTEGER_new();
        ASN1_INTEGER_set(serial, serials[i]);
        OCSP_request_add0_id(request,
                             OCSP_cert_id_new(digest, X509_get_subject_name(f->ca_certificate),
                                              X509_get0_pubkey_bitstr(f->ca_certificate), serial));
    }
    unsigned char nonce[256] = {7};
    if (nonce_len > 0)
        OCSP_request_add1_nonce(request, nonce, (int)nonce_len);
    return request;
}

struct view fixture_request_der(struct arena *arena, OCSP_REQUEST *request) {
    unsigned char *der = NULL;
    int len = i2d_OCSP_REQUEST(request, &der);
    if (len <= 0)
        abort();
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return copy;
}

static void run(struct fixture *f, size_t route, struct http_request *request,
                struct http_response *response) {
    struct http_room room = ocsp_room(f->responder);
    struct error err = {0};
    *response = (struct http_response){.arena = request->arena};
    if (!room.routes[route].handle(room.context, request, response, &err))
        abort(); /* every outcome is an OCSP response */
}

void fixture_post(struct fixture *f, struct arena *arena, const char *ca, struct view body,
                  struct http_response *response) {
    struct http_request request = {.arena = arena,
                                   .method = "POST",
                                   .path = arena_printf(arena, "/ocsp/%s", ca),
                                   .query = "",
                                   .body = body,
                                   .parameters = {ca}};
    request.raw_path = request.path;
    run(f, 0, &request, response);
}

void fixture_get(struct fixture *f, struct arena *arena, const char *ca, const char *rest,
                 const char *if_none_match, struct http_response *response) {
    struct http_request request = {.arena = arena,
                                   .method = "GET",
                                   .raw_path = arena_printf(arena, "/ocsp/%s/%s", ca, rest),
                                   .query = "",
                                   .parameters = {ca, rest}};
    request.path = request.raw_path;
    if (if_none_match != NULL)
        request.headers[request.header_count++] =
            (struct http_header){"if-none-match", if_none_match};
    run(f, 1, &request, response);
}
