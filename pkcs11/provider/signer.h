/* The gateway's way to every private key. The signer process does the work; what the gateway holds
 * is an EVP_PKEY of our OpenSSL provider, whose operations go through the wire (pkcs11/wire).
 *
 * Key types are named by one string, the same in templates, the database and the wire:
 *   RSA-2048 ... RSA-8192, P-256, P-384, P-521, secp256k1, brainpoolP256r1/P384r1/P512r1, Ed25519, Ed448, ML-DSA-44/65/87,
 *   SLH-DSA-SHA2-128s ... SLH-DSA-SHAKE-256f.
 * All functions may be called from any thread and may block on a token; a signer that is gone is
 * started or dialled again and the call is tried once more, then ERROR_UNAVAILABLE
 * "signer-unavailable". */
#ifndef GATEHOUSE_PROVIDER_SIGNER_H
#define GATEHOUSE_PROVIDER_SIGNER_H

#include "base/arena.h"

#include <openssl/evp.h>

struct connection;
struct signer;
struct wire_request;
struct wire_response;

struct signer_config {
    const char *socket_path; /* connect to a signer that runs by itself, or NULL: start one */
    const char *program;     /* the signer's program, when it is started here */
    /* Its arguments after argv[0], NULL-terminated, without --fd, which is added. May be NULL. */
    const char *const *arguments;
    /* What a signer of further signers wants; 0 or NULL: as the gateway does. */
    unsigned patience; /* seconds for any answer; then the process is killed, to be started anew */
    bool later;        /* the first call starts it */
    void (*started)(void *context, struct connection *fresh); /* called after each start */
    void *context;
};

/* Starts (fork and exec, over a socketpair) or dials the signer and registers the provider. */
MUST_USE bool signer_open(const struct signer_config *config, struct signer **ret_signer,
                          struct error *err);
/* Stops a signer that was started here and waits for its end. Keys that live on fail cleanly. */
void signer_close(struct signer *signer);
/* The process id of a signer that was started here, else 0. */
int signer_process(const struct signer *signer);

/* Bits: a key for both has KEY_SIGN | KEY_DECRYPT. RSA alone decrypts. KEY_OWNER, beside one of them, makes a person's
 * key: it alone can leave the signer (signer_export). */
enum key_purpose { KEY_SIGN = 1, KEY_DECRYPT = 2, KEY_OWNER = 4 };

/* Why the last OpenSSL call of this thread with a key of the signer failed (X509_sign and its like
 * return no more than 0): fills the error and returns true once; false when it was not the signer.
 */
bool signer_take_error(struct error *ret_error);

/* Makes a key in the managed token: the wrapped blob and the SubjectPublicKeyInfo (DER). */
MUST_USE bool signer_generate(struct signer *signer, struct arena *arena, const char *key_type,
                              enum key_purpose purpose, struct view *ret_blob,
                              struct view *ret_spki, struct error *err);
/* Wraps a key that came from outside (PKCS#8 DER, unencrypted). */
MUST_USE bool signer_import(struct signer *signer, struct arena *arena, struct view pkcs8,
                            enum key_purpose purpose, struct view *ret_blob, struct view *ret_spki,
                            struct error *err);
/* How a person's key leaves. */
enum export_form {
    EXPORT_PLAIN = 1,       /* PKCS#8, in the clear: to its owner inside of TLS alone (rfc7030#4.4.2) */
    EXPORT_PBES2 = 2,       /* EncryptedPrivateKeyInfo under a password, AES-256-CBC */
    EXPORT_TRIPLE_DES = 3,  /* the same for old readers of PKCS#12 */
    EXPORT_CERTIFICATE = 5, /* CMS EnvelopedData to a certificate, */
    EXPORT_PASSWORD = 6,    /* to a password, */
    EXPORT_KEY = 7          /* to an AES key of 16, 24 or 32 octets */
};
struct export_order {
    struct view blob, spki; /* of a key that was made with KEY_OWNER */
    enum export_form form;
    bool bare;              /* the envelope holds PKCS#8 instead of an AsymmetricKeyPackage */
    struct view secret;     /* the password (8 octets or more) or the AES key */
    struct view recipient;  /* the certificate (DER), or the AES key's identifier */
    struct view prefix, suffix; /* what stands around the key in the envelope: together a SignedData */
};
/* ERROR_POLICY "not-exportable" for every other key, whatever is said of it. */
MUST_USE bool signer_export(struct signer *signer, struct arena *arena,
                            const struct export_order *order, struct view *ret_file,
                            struct error *err);
/* Length and digest ("SHA2-256", "SHA2-384", "SHA2-512") of what the envelope holds between prefix and suffix, for whom
 * signs it: the order's blob, spki and bare count. */
MUST_USE bool signer_export_digest(struct signer *signer, struct arena *arena,
                                   const struct export_order *order, const char *digest,
                                   size_t *ret_len, struct view *ret_digest, struct error *err);
/* A managed key as EVP_PKEY; it is unwrapped in the signer at first use and checked against the
 * public key. The blob and the public key are copied. The EVP_PKEY holds a reference on the signer.
 */
MUST_USE bool signer_managed_key(struct signer *signer, struct view blob, struct view spki,
                                 enum key_purpose purpose, EVP_PKEY **ret_key, struct error *err);
/* A key in a token by its PKCS#11 URI (RFC 7512). ret_spki may be NULL. */
MUST_USE bool signer_token_key(struct signer *signer, struct arena *arena, const char *uri,
                               EVP_PKEY **ret_key, struct view *ret_spki, struct error *err);

/* The same when the public key is known: of several tokens that match the one that holds it. ERROR_CONFLICT
 * "key-mismatch" when there is none. */
MUST_USE bool signer_known_token_key(struct signer *signer, const char *uri, struct view spki,
                                     EVP_PKEY **ret_key, struct error *err);

/* The same key, whose RSA signatures are PSS (RFC 8017 section 8.1, salt as long as the digest) when the
 * caller names no padding: for X509_sign and its like. A key that is not RSA is given back as it is. */
MUST_USE bool signer_key_pss(EVP_PKEY *key, EVP_PKEY **ret_key, struct error *err);

/* The same key, wrapped by the token's newest key-encryption key, or by that with kek_id (CKA_ID).
 */
MUST_USE bool signer_rewrap(struct signer *signer, struct arena *arena, struct view blob,
                            struct view spki, struct view kek_id, struct view *ret_blob,
                            struct error *err);

/* Key-encryption keys of the managed token, by id. */
#define SIGNER_KEKS_MAX 16
struct kek_list {
    struct view ids[SIGNER_KEKS_MAX]; /* oldest first */
    size_t count;
};
MUST_USE bool signer_keks(struct signer *signer, struct arena *arena, struct kek_list *ret,
                          struct error *err);
/* One more, which wraps all that is made from then on by this signer. */
MUST_USE bool signer_kek_make(struct signer *signer, struct arena *arena, struct view *ret_id,
                              struct error *err);
/* For good: what it wraps is lost. ERROR_CONFLICT "no-kek", "kek-in-use" for the only one. */
MUST_USE bool signer_kek_remove(struct signer *signer, struct view id, struct error *err);
/* Which of them wrapped this blob; borrowed from it, empty when it is no wrapped key. */
struct view signer_blob_kek(struct view blob);

/* Operations of this process with keys of any signer since they were last taken, of at most `most` keys. What could not
 * be written down is given back. */
struct key_uses {
    uint8_t fingerprint[32]; /* SHA-256 of the SubjectPublicKeyInfo */
    uint64_t uses;
    int64_t last_us;
};
size_t signer_take_uses(struct key_uses *ret, size_t most);
void signer_return_uses(const struct key_uses *items, size_t count);
/* --- what lives in tokens of any module ------------------------------------------------------------- */

struct token_key {
    const char *label, *uri;
    const char *key_type; /* NULL: unknown */
    const char *problem;  /* why there is no public key, or NULL */
    struct view id, spki;
    bool always_authenticate, made_here, extractable;
};
/* A key that is made or imported with more to say. */
struct token_key_terms {
    const char *uri, *key_type; /* the type of one that is made, else NULL */
    struct view pkcs8;          /* of one that is imported */
    enum key_purpose purpose;
    struct view officer_pin;
    uint8_t pin_policy, touch_policy; /* enum wire_policy */
};

/* The private keys that the URI (of a token, or with id or object of one key) names. */
MUST_USE bool signer_token_keys(struct signer *signer, struct arena *arena, const char *uri,
                                struct token_key **ret_keys, size_t *ret_count, struct error *err);
/* As below; an imported key (PKCS#8, DER) is one that has been elsewhere. ERROR_POLICY "token-cannot" when the token takes
 * no such key, or knows no such policy. */
MUST_USE bool signer_token_key_put(struct signer *signer, struct arena *arena, const struct token_key_terms *terms,
                                   struct token_key *ret_key, struct error *err);
/* A key that never leaves the token, under the URI's id and object. officer_pin: where only the security officer
 * makes keys (YubiKey: the management key), else empty. ERROR_CONFLICT "key-exists", ERROR_FORBIDDEN
 * "officer-needed". */
MUST_USE bool signer_token_key_make(struct signer *signer, struct arena *arena, const char *uri,
                                    const char *key_type, enum key_purpose purpose,
                                    struct view officer_pin, struct token_key *ret_key,
                                    struct error *err);
/* A new token in a module that makes them as they are asked for (SoftHSM2, softtoken). The URI has token= (the label)
 * and module-name=; *ret_uri is the token's own. */
MUST_USE bool signer_token_init(struct signer *signer, struct arena *arena, const char *uri,
                                struct view officer_pin, struct view pin, const char **ret_uri,
                                struct error *err);
/* With its public key and the certificates of its id. */
MUST_USE bool signer_token_key_remove(struct signer *signer, const char *uri, struct view officer_pin,
                                      struct error *err);
struct token_certificate {
    const char *label;
    struct view id, der;
};
/* Those with the URI's id, or all of the token. */
MUST_USE bool signer_token_certificates(struct signer *signer, struct arena *arena, const char *uri,
                                        struct token_certificate **ret_items, size_t *ret_count,
                                        struct error *err);
MUST_USE bool signer_token_store(struct signer *signer, const char *uri, struct view certificate,
                                 struct view officer_pin, struct error *err);
struct token_step {
    const char *name, *text;
    bool done, left_out, waits; /* for a person; none of the three: it failed */
};
/* Logs in, finds, signs, verifies, decrypts, wraps. */
MUST_USE bool signer_token_check(struct signer *signer, struct arena *arena, const char *uri,
                                 struct token_step **ret_steps, size_t *ret_count,
                                 struct error *err);

struct token_info {
    const char *module; /* its name in the signer's configuration */
    const char *label, *serial, *manufacturer, *model;
    const char *uri; /* RFC 7512 */
    bool managed;    /* the managed token */
    bool logged_in;
    const char *problem; /* why it cannot be used, or NULL */
    const char *waits_for; /* what a person has to do at the token now, or NULL */
};

MUST_USE bool signer_tokens(struct signer *signer, struct arena *arena,
                            struct token_info **ret_tokens, size_t *ret_count, struct error *err);
/* A round trip that touches the managed token, its log-in and its key-encryption key. */
MUST_USE bool signer_ping(struct signer *signer, struct error *err);
/* Logs in to the token of the URI; the signer keeps the PIN in locked memory until it ends. Without a PIN: at the token's
 * PIN pad, ERROR_UNAVAILABLE "token-waits" until somebody was there. */
MUST_USE bool signer_login(struct signer *signer, const char *uri, struct view pin,
                           struct error *err);
/* Writes a certificate (DER) into a token, under the URI's object label and id. */
MUST_USE bool signer_store_certificate(struct signer *signer, const char *uri, struct view der,
                                       struct error *err);

/* Tokens beyond the signer's: asked for what the signer does not have, for the keys found there, and for their part
 * of the list of tokens. `ret_response` lives on the arena. */
struct signer_elsewhere {
    bool (*call)(void *context, const struct wire_request *request, struct arena *arena,
                 struct wire_response *ret_response, struct error *err);
    /* The signature that this thread was given last does not verify. */
    void (*wrong)(void *context);
    void *context;
};
/* Before the first call; NULL: nowhere else. */
void signer_set_elsewhere(struct signer *signer, const struct signer_elsewhere *elsewhere);

#endif
