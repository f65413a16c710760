#include "agent/handshake.h"

#include "agent/envelope.h"
#include "base/clock.h"
#include "base/encode.h"
#include "wire/fields.h"
#include "x509/handles.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#define SHARE_SIZE 32
#define CERTIFICATE_MAX 16384

enum kind { KIND_ENROL = 1, KIND_CONNECT = 2, KIND_WELCOME = 3 };

/* ---- what the messages hold ------------------------------------------------------------------ */

struct greeting {
    uint16_t version;
    struct view nonce, certificate;
};
static const struct wire_field greeting_fields[] = {
    {"version", FIELD_U16, offsetof(struct greeting, version), 1, UINT16_MAX},
    {"nonce", FIELD_BYTES, offsetof(struct greeting, nonce), HANDSHAKE_NONCE, HANDSHAKE_NONCE},
    {"certificate", FIELD_BYTES, offsetof(struct greeting, certificate), 1, CERTIFICATE_MAX},
    {0}};

/* Hello and welcome: `extra` is the code, or the agent's certificate. */
struct body {
    uint8_t kind;
    struct view own_nonce, peer_nonce, share, extra, program;
};
static const struct wire_field body_fields[] = {
    {"kind", FIELD_U8, offsetof(struct body, kind), KIND_ENROL, KIND_WELCOME},
    {"nonce", FIELD_BYTES, offsetof(struct body, own_nonce), HANDSHAKE_NONCE, HANDSHAKE_NONCE},
    {"nonce", FIELD_BYTES, offsetof(struct body, peer_nonce), HANDSHAKE_NONCE, HANDSHAKE_NONCE},
    {"share", FIELD_BYTES, offsetof(struct body, share), SHARE_SIZE, SHARE_SIZE},
    {"extra", FIELD_BYTES, offsetof(struct body, extra), 0, CERTIFICATE_MAX},
    {"program", FIELD_TEXT, offsetof(struct body, program), 1, 64},
    {0}};

static bool bad_handshake(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "bad-handshake", "A message of the handshake %s.", what);
}

static bool decode(const struct wire_field *fields, void *record, struct view bytes,
                   struct error *err) {
    TRY(wire_decode_fields(fields, record, &bytes, err));
    return bytes.len == 0 || bad_handshake(err, "has octets left over");
}

/* The three messages, each with its length before it. */
static void note(struct handshake *h, struct view message) {
    uint8_t length[4] = {(uint8_t)(message.len >> 24), (uint8_t)(message.len >> 16),
                         (uint8_t)(message.len >> 8), (uint8_t)message.len};
    wire_buffer_add(&h->transcript, length, sizeof length);
    wire_buffer_add(&h->transcript, message.at, message.len);
}

void handshake_end(struct handshake *h) {
    EVP_PKEY_free(h->share);
    X509_free(h->peer);
    wire_buffer_free(&h->transcript);
    wire_buffer_free(&h->scratch);
    OPENSSL_cleanse(h, sizeof *h);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool new_share(struct handshake *h, uint8_t public_part[static SHARE_SIZE],
                      struct error *err) {
    size_t len = SHARE_SIZE;
    h->share = EVP_PKEY_Q_keygen(NULL, "provider=default", "X25519");
    return (h->share != NULL && EVP_PKEY_get_raw_public_key(h->share, public_part, &len) == 1) ||
           fail_internal(err, "X25519 key");
}

/* rfc7748#6.1: an all-zero result, from a share of small order, is refused by EVP_PKEY_derive. */
static bool agree(struct handshake *h, uint8_t secret[static SHARE_SIZE], struct error *err) {
    size_t len = SHARE_SIZE;
    AUTO(EVP_PKEY) *peer =
        EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", "provider=default", h->peer_share, SHARE_SIZE);
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, h->share, "provider=default");
    if (peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, secret, &len) == 1)
        return true;
    ERR_clear_error();
    return bad_handshake(err, "has a share that no key can come of");
}

static bool expand(struct view secret, const uint8_t salt[static 32], uint8_t *out, size_t len) {
    static char info[] = "gatehouse agent session 1", digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.at,
                                          secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info - 1),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", "provider=default");
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool done = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

static bool derive(struct handshake *h, struct session_keys *ret, struct error *err) {
    uint8_t secret[SHARE_SIZE], salt[32], out[2 * (SEAL_KEY_SIZE + SEAL_ID_SIZE)];
    TRY(agree(h, secret, err));
    bool done = EVP_Digest(h->transcript.at, h->transcript.len, salt, NULL, EVP_sha256(), NULL) == 1 &&
                expand(view_of(secret, sizeof secret), salt, out, sizeof out);
    if (done) {
        *ret = (struct session_keys){0};
        memcpy(ret->to_agent.key, out, SEAL_KEY_SIZE);
        memcpy(ret->to_gateway.key, out + SEAL_KEY_SIZE, SEAL_KEY_SIZE);
        memcpy(ret->to_agent.id, out + 2 * SEAL_KEY_SIZE, SEAL_ID_SIZE);
        memcpy(ret->to_gateway.id, out + 2 * SEAL_KEY_SIZE + SEAL_ID_SIZE, SEAL_ID_SIZE);
    }
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(out, sizeof out);
    return done || fail_internal(err, "HKDF");
}

/* ---- hello and welcome ----------------------------------------------------------------------- */

static bool send_body(struct handshake *h, const struct party *from, X509 *to, struct body *body,
                      struct wire_buffer *out, struct error *err) {
    uint8_t share[SHARE_SIZE];
    struct wire_buffer content = {0};
    TRY(new_share(h, share, err));
    body->own_nonce = view_of(h->own_nonce, HANDSHAKE_NONCE);
    body->peer_nonce = view_of(h->peer_nonce, HANDSHAKE_NONCE);
    body->share = view_of(share, SHARE_SIZE);
    bool done = wire_encode_fields(body_fields, body, &content, err);
    struct view bytes = view_of(content.at, content.len);
    if (done)
        note(h, bytes);
    done = done && envelope_make(from, to, bytes, out, err);
    wire_buffer_free(&content);
    return done;
}

/* The peer's nonce is new in a hello and known in a welcome; our own must come back in both. */
static bool read_body(struct handshake *h, const struct party *to, X509 *from, struct view message,
                      struct body *ret, struct error *err) {
    struct view content;
    X509 *signer = NULL;
    TRY(envelope_open(to, from, message, &h->scratch, &signer, &content, err));
    X509_free(h->peer);
    h->peer = signer;
    TRY(decode(body_fields, ret, content, err));
    note(h, content);
    if (CRYPTO_memcmp(ret->peer_nonce.at, h->own_nonce, HANDSHAKE_NONCE) != 0)
        return bad_handshake(err, "is of another handshake: it may have been recorded and sent again");
    memcpy(h->peer_share, ret->share.at, SHARE_SIZE);
    return true;
}

/* ---- the gateway's side ---------------------------------------------------------------------- */

bool handshake_greet(struct handshake *h, X509 *certificate, struct wire_buffer *out,
                     struct error *err) {
    uint8_t *der = NULL;
    size_t before = out->len;
    random_bytes(h->own_nonce, sizeof h->own_nonce);
    int len = i2d_X509(certificate, &der);
    struct greeting greeting = {HANDSHAKE_VERSION, view_of(h->own_nonce, HANDSHAKE_NONCE),
                                view_of(der, len > 0 ? (size_t)len : 0)};
    bool done = wire_encode_fields(greeting_fields, &greeting, out, err);
    OPENSSL_free(der);
    if (done)
        note(h, view_of(out->at + before, out->len - before));
    return done;
}

/* Agents make P-256 keys; anything else is somebody who wants work done. */
static bool is_p256(const X509 *certificate) {
    char group[32] = "";
    size_t len = 0;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    return key != NULL && EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

bool handshake_read_hello(struct handshake *h, const struct party *gateway, struct view message,
                          struct hello *ret, struct error *err) {
    struct body body;
    TRY(read_body(h, gateway, NULL, message, &body, err));
    if (body.kind == KIND_WELCOME || !is_p256(h->peer))
        return bad_handshake(err, "is no agent's");
    if (body.extra.len != (body.kind == KIND_ENROL ? HANDSHAKE_CODE : 0))
        return bad_handshake(err, "has a code of the wrong length");
    memcpy(h->peer_nonce, body.own_nonce.at, HANDSHAKE_NONCE);
    *ret = (struct hello){body.kind == KIND_ENROL, body.extra, body.program};
    return true;
}

bool handshake_welcome(struct handshake *h, const struct party *gateway, struct view certificate,
                       struct wire_buffer *out, struct session_keys *ret_keys, struct error *err) {
    struct body body = {
        .kind = KIND_WELCOME, .extra = certificate, .program = VIEW_LITERAL("gatehouse")};
    TRY(send_body(h, gateway, h->peer, &body, out, err));
    return derive(h, ret_keys, err);
}

/* ---- the agent's side ------------------------------------------------------------------------ */

bool handshake_read_greeting(struct handshake *h, struct view message,
                             const uint8_t pin[static HANDSHAKE_PIN], struct error *err) {
    struct greeting greeting;
    uint8_t its[HANDSHAKE_PIN];
    TRY(decode(greeting_fields, &greeting, message, err));
    if (greeting.version != HANDSHAKE_VERSION)
        return fail(err, ERROR_CONFLICT, "wire-version",
                    "The gateway speaks version %u of the agents' protocol, this agent version %d: "
                    "install both from the same release.",
                    greeting.version, HANDSHAKE_VERSION);
    const uint8_t *at = greeting.certificate.at;
    X509_free(h->peer);
    h->peer = d2i_X509(NULL, &at, (long)greeting.certificate.len);
    if (h->peer == NULL || at != greeting.certificate.at + greeting.certificate.len) {
        ERR_clear_error();
        return bad_handshake(err, "has a broken certificate");
    }
    TRY(handshake_pin(h->peer, its, err));
    if (CRYPTO_memcmp(its, pin, HANDSHAKE_PIN) != 0)
        return fail(err, ERROR_FORBIDDEN, "wrong-gateway",
                    "Another key answers than that of the gateway the code was made by: somebody is "
                    "in between, or the gateway is a new one; then enrol again.");
    memcpy(h->peer_nonce, greeting.nonce.at, HANDSHAKE_NONCE);
    note(h, message);
    return true;
}

bool handshake_hello(struct handshake *h, const struct party *agent, struct view code,
                     const char *program, struct wire_buffer *out, struct error *err) {
    struct body body = {.kind = code.len > 0 ? KIND_ENROL : KIND_CONNECT,
                        .extra = code,
                        .program = view_text(program)};
    random_bytes(h->own_nonce, sizeof h->own_nonce);
    return send_body(h, agent, h->peer, &body, out, err);
}

bool handshake_read_welcome(struct handshake *h, const struct party *agent, struct view message,
                            struct view *ret_certificate, struct session_keys *ret_keys,
                            struct error *err) {
    struct body body;
    AUTO(X509) *gateway = h->peer;
    h->peer = NULL;
    TRY(read_body(h, agent, gateway, message, &body, err));
    if (body.kind != KIND_WELCOME ||
        CRYPTO_memcmp(body.own_nonce.at, h->peer_nonce, HANDSHAKE_NONCE) != 0)
        return bad_handshake(err, "is not the gateway's welcome");
    *ret_certificate = body.extra;
    return derive(h, ret_keys, err);
}

/* ---- pins and codes -------------------------------------------------------------------------- */

bool handshake_pin(const X509 *certificate, uint8_t pin[static HANDSHAKE_PIN], struct error *err) {
    uint8_t *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool done = len > 0 && EVP_Digest(der, (size_t)len, pin, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return done || fail_internal(err, "digest of a public key");
}

#define CODE_PREFIX "GH1-"

void code_write(const uint8_t secret[static HANDSHAKE_CODE], const uint8_t pin[static HANDSHAKE_PIN],
                char text[static CODE_TEXT_SIZE]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    uint8_t both[HANDSHAKE_CODE + HANDSHAKE_PIN];
    memcpy(both, secret, HANDSHAKE_CODE);
    memcpy(both + HANDSHAKE_CODE, pin, HANDSHAKE_PIN);
    snprintf(text, CODE_TEXT_SIZE, CODE_PREFIX "%s",
             base64url_encode(arena, view_of(both, sizeof both)));
    OPENSSL_cleanse(both, sizeof both);
}

bool code_read(const char *text, uint8_t secret[static HANDSHAKE_CODE],
               uint8_t pin[static HANDSHAKE_PIN], struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view bytes;
    if (strncmp(text, CODE_PREFIX, sizeof CODE_PREFIX - 1) != 0 ||
        !base64url_decode(arena, view_text(text + sizeof CODE_PREFIX - 1), &bytes) ||
        bytes.len != HANDSHAKE_CODE + HANDSHAKE_PIN)
        return fail(err, ERROR_MALFORMED, "bad-code",
                    "The code is not whole: it begins with " CODE_PREFIX " and has 68 characters.");
    memcpy(secret, bytes.at, HANDSHAKE_CODE);
    memcpy(pin, bytes.at + HANDSHAKE_CODE, HANDSHAKE_PIN);
    return true;
}
