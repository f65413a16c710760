/* The messages between gateway and signer: what they hold and how they are written as bytes. The
 * byte format is described in PROTOCOL.md beside this file; the framing is in channel.h.
 *
 * Everything here is pure: no I/O, no allocation but the growing output buffer. A decoder takes one
 * whole message; views in its result borrow from that message. Every field has bounds, in both
 * directions, and bytes that are left over are refused. */
#ifndef GATEHOUSE_WIRE_MESSAGES_H
#define GATEHOUSE_WIRE_MESSAGES_H

#include "base/arena.h"

#define WIRE_VERSION 1
#define WIRE_DATA_MAX ((size_t)64 * 1024 * 1024)             /* a message to be signed */
#define WIRE_MESSAGE_MAX (WIRE_DATA_MAX + (size_t)64 * 1024) /* all of a message's bytes */
#define WIRE_BLOB_MAX ((size_t)64 * 1024)                    /* wrapped keys, PKCS#8, public keys */
#define WIRE_CERTIFICATE_MAX ((size_t)256 * 1024)
#define WIRE_RESULT_MAX ((size_t)1024 * 1024) /* signatures, plain texts, exported keys */
#define WIRE_URI_MAX 1024
#define WIRE_TOKENS_MAX 256

/* The numbers are the protocol's: never reuse one. */
enum wire_op {
    WIRE_HELLO = 1,
    WIRE_PING = 2,
    WIRE_TOKENS = 3,
    WIRE_GENERATE = 4,
    WIRE_IMPORT = 5,
    WIRE_LOAD = 6,
    WIRE_FIND = 7,
    WIRE_SIGN = 8,
    WIRE_DECRYPT = 9,
    WIRE_REWRAP = 10,
    WIRE_STORE_CERTIFICATE = 11,
    WIRE_LOGIN = 12,
    WIRE_EXPORT = 13,
    WIRE_KEK = 20,
    WIRE_TOKEN = 24,
    WIRE_OP_END
};

enum wire_scheme {
    WIRE_RSA_PKCS1 = 1, /* RFC 8017, signature and decryption */
    WIRE_RSA_PSS = 2,
    WIRE_RSA_OAEP = 3, /* decryption alone */
    WIRE_ECDSA = 4,    /* the result is DER (RFC 3279 section 2.2.3) */
    WIRE_EDDSA = 5,    /* the whole message, as for the two below */
    WIRE_ML_DSA = 6,
    WIRE_SLH_DSA = 7,
    WIRE_SCHEME_END
};

/* How a person's key leaves the signer. There is no form for any other key. */
enum wire_export_form {
    WIRE_EXPORT_PLAIN = 1,       /* PKCS#8 (rfc5208#5), for rfc7030#4.4.2 inside of TLS */
    WIRE_EXPORT_PBES2 = 2,       /* EncryptedPrivateKeyInfo: AES-256-CBC, PBKDF2-HMAC-SHA-256 */
    WIRE_EXPORT_TRIPLE_DES = 3,  /* EncryptedPrivateKeyInfo of rfc7292#appendix-C, for old readers */
    WIRE_EXPORT_DIGEST = 4,      /* of what the three below put between `prefix` and `suffix` */
    WIRE_EXPORT_CERTIFICATE = 5, /* EnvelopedData to a certificate */
    WIRE_EXPORT_PASSWORD = 6,    /* EnvelopedData to a password (rfc3211) */
    WIRE_EXPORT_KEY = 7,         /* EnvelopedData to an AES key that both sides have */
    WIRE_EXPORT_END
};

/* What is done with the managed token's key-encryption keys. */
enum wire_kek_action {
    WIRE_KEK_LIST = 1,   /* oldest first, each: one octet of length and the id (CKA_ID) */
    WIRE_KEK_MAKE = 2,   /* one more, which wraps what is made from then on; the answer is its id */
    WIRE_KEK_REMOVE = 3, /* that with the id, for good */
    WIRE_KEK_ACTION_END
};

/* What is done with a token of any module, and what stays in it. */
enum wire_token_action {
    WIRE_TOKEN_KEYS = 1,         /* rows: its private keys, or those that the URI names */
    WIRE_TOKEN_MAKE = 2,         /* a key under the URI's object and id; the answer is its row */
    WIRE_TOKEN_REMOVE = 3,       /* the URI's key with its public key and certificates */
    WIRE_TOKEN_CERTIFICATES = 4, /* rows: those with the URI's id, or all */
    WIRE_TOKEN_STORE = 5,        /* a certificate under the URI's object and id */
    WIRE_TOKEN_CHECK = 6,        /* rows: log in, find, sign, verify, decrypt, wrap */
    WIRE_TOKEN_IMPORT = 7,       /* a private key under the URI's object and id; the answer is its row */
    WIRE_TOKEN_INIT = 8,         /* a token out of a blank slot of the URI's module; the answer is its URI */
    WIRE_TOKEN_ACTION_END
};

/* When a token that asks for it wants its PIN, or a touch, for a key; the numbers are a YubiKey's. */
enum wire_policy {
    WIRE_POLICY_DEFAULT = 0,
    WIRE_POLICY_NEVER = 1,
    WIRE_PIN_ONCE = 2,
    WIRE_POLICY_ALWAYS = 3, /* of a PIN */
    WIRE_TOUCH_ALWAYS = 2,
    WIRE_TOUCH_CACHED = 3
};

enum wire_digest {
    WIRE_DIGEST_NONE = 0,
    WIRE_SHA1 = 1,
    WIRE_SHA224 = 2,
    WIRE_SHA256 = 3,
    WIRE_SHA384 = 4,
    WIRE_SHA512 = 5,
    WIRE_SHA3_224 = 6,
    WIRE_SHA3_256 = 7,
    WIRE_SHA3_384 = 8,
    WIRE_SHA3_512 = 9,
    WIRE_DIGEST_END
};

struct wire_digest_info {
    const char *name; /* OpenSSL's */
    size_t size;      /* bytes */
};
/* NULL for WIRE_DIGEST_NONE and numbers that are not in the list. */
const struct wire_digest_info *wire_digest_info(unsigned digest);
/* WIRE_DIGEST_NONE when there is no such name (either case). */
enum wire_digest wire_digest_by_name(const char *name);

struct wire_request {
    uint32_t id; /* the answer repeats it */
    uint8_t op;
    union {
        struct {
            uint16_t version;
        } hello;
        struct {
            struct view key_type;
            uint8_t purpose; /* KEY_SIGN, KEY_DECRYPT, KEY_OWNER as bits */
        } generate;
        struct {
            struct view pkcs8;
            uint8_t purpose;
        } import;
        struct {
            struct view blob, spki;
            uint8_t purpose;
        } load;
        struct {
            struct view uri;
            struct view known; /* its public key, empty: any; a hint that does not travel */
        } find;
        struct {
            uint64_t handle;
            uint8_t scheme, digest, mgf_digest;
            uint16_t salt_length;
            struct view context, data;
        } sign;
        struct {
            uint64_t handle;
            uint8_t scheme, digest, mgf_digest;
            struct view label, data;
        } decrypt;
        struct {
            struct view blob, spki;
            struct view kek; /* CKA_ID of the new wrapping key; empty: the newest */
        } rewrap;
        struct {
            struct view uri, certificate;
        } store_certificate;
        struct {
            struct view uri, pin;
        } login;
        struct {
            struct view blob, spki;
            uint8_t form;   /* enum wire_export_form */
            uint8_t digest; /* of WIRE_EXPORT_DIGEST */
            uint8_t bare;   /* the envelope holds PKCS#8, not an AsymmetricKeyPackage (rfc5958#2) */
            struct view secret;         /* password or AES key */
            struct view recipient;      /* certificate, or identifier of the AES key */
            struct view prefix, suffix; /* what stands around the key inside of the envelope */
        } export;
        struct {
            uint8_t action; /* enum wire_kek_action */
            struct view id; /* of WIRE_KEK_REMOVE */
        } kek;
        struct {
            uint8_t action; /* enum wire_token_action */
            struct view uri;
            struct view key_type; /* of WIRE_TOKEN_MAKE */
            uint8_t purpose;
            struct view officer_pin; /* where the security officer alone writes, else empty */
            struct view certificate; /* of WIRE_TOKEN_STORE */
            struct view private_key; /* of WIRE_TOKEN_IMPORT, PKCS#8 */
            uint8_t pin_policy, touch_policy; /* enum wire_policy, of a key that is made or imported */
            struct view user_pin; /* of WIRE_TOKEN_INIT */
        } token;
    };
};

/* One row of the token list. */
struct wire_token {
    struct view module, label, serial, manufacturer, model, uri, problem;
    uint8_t managed, logged_in;
    struct view waits_for; /* what a person has to do at the token now, or empty */
};

struct wire_response {
    uint32_t id;
    uint8_t op;
    bool failed; /* then `error` alone is set */
    struct error error;
    union {
        struct {
            uint16_t version;
            struct view
                instance; /* 16 random bytes: another value, another process, no handle is valid */
            struct view program; /* version of the program */
        } hello;
        struct {
            struct view list; /* walk it with wire_next_token */
            uint16_t count;
        } tokens;
        struct {
            struct view blob, spki;
        } made; /* generate, import, rewrap (spki empty) */
        struct {
            uint64_t handle;
        } loaded;
        struct {
            uint64_t handle;
            struct view spki, key_type;
        } found;
        struct {
            struct view data;
        } result; /* sign: the signature; decrypt: the plain text; export: the file; kek: ids; token: rows (rows.h) */
    };
};

/* Bytes on the heap that grow; zero it to begin, wire_buffer_free at the end (it wipes). */
struct wire_buffer {
    uint8_t *at;
    size_t len, capacity;
};
void wire_buffer_free(struct wire_buffer *buffer);
/* Makes room for `more` bytes after len. */
void wire_buffer_reserve(struct wire_buffer *buffer, size_t more);
void wire_buffer_add(struct wire_buffer *buffer, const void *at, size_t len);

/* Appends the message to `out`. Fails, with `out` as it was, when a field is out of its bounds. */
MUST_USE bool wire_encode_request(const struct wire_request *request, struct wire_buffer *out,
                                  struct error *err);
MUST_USE bool wire_decode_request(struct view message, struct wire_request *ret_request,
                                  struct error *err);
MUST_USE bool wire_encode_response(const struct wire_response *response, struct wire_buffer *out,
                                   struct error *err);
MUST_USE bool wire_decode_response(struct view message, struct wire_response *ret_response,
                                   struct error *err);

/* Builds the list of a WIRE_TOKENS response; texts are cut to their bounds. */
void wire_add_token(struct wire_buffer *list, const struct wire_token *token);
/* Takes the first token from the list; false at its end (the decoder has checked the list). */
bool wire_next_token(struct view *list, struct wire_token *ret_token);

#endif
