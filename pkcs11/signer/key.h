/* The keys that connections use, by handle. A key is entered once, shared by all connections, and
 * stays usable when the token loses its sessions: it knows how to find or unwrap itself again. The
 * least recently used key leaves when there are too many; its handle is then unknown and the client
 * loads it anew. */
#ifndef GATEHOUSE_SIGNER_KEY_H
#define GATEHOUSE_SIGNER_KEY_H

#include "signer/keytype.h"
#include "signer/mechanism.h"
#include "signer/vault.h"

/* PURPOSE_OWNER: a person's key, which may leave (user_key.h); it comes with one of the other two. */
enum { PURPOSE_SIGN = 1, PURPOSE_DECRYPT = 2, PURPOSE_OWNER = 4 };

struct key {
    uint64_t handle; /* hash of what the key was entered by */
    struct vault *vault;
    struct token *token;
    const struct key_type *type;
    EVP_PKEY *public_key;
    struct arena *arena; /* owns what follows */
    unsigned purpose;
    struct view blob;      /* of a managed key, else empty */
    struct pkcs11_uri uri; /* of a key in a token */

    pthread_mutex_t lock; /* guards what follows */
    CK_OBJECT_HANDLE object;
    uint64_t generation; /* of the object; 0: there is none */
    bool always_authenticate;

    /* the cache's, guarded by its lock */
    unsigned references;
    struct key *next_in_bucket, *newer, *older;
};

struct keys *keys_new(struct vault *vault, size_t max);

/* Enters a managed key, unwraps it and checks it against the public key (DER) by a test operation.
 * Release it at the end. ERROR_CONFLICT "key-mismatch" when blob and public key do not belong
 * together. */
MUST_USE bool keys_load(struct vault *vault, struct view blob, struct view spki, unsigned purpose,
                        struct key **ret_key, struct error *err);
/* Enters a private key of a token by its URI. */
MUST_USE bool keys_find(struct vault *vault, struct view uri, struct key **ret_key,
                        struct error *err);
/* ERROR_NOT_FOUND "unknown-handle". */
MUST_USE bool keys_get(struct vault *vault, uint64_t handle, struct key **ret_key,
                       struct error *err);
void key_release(struct key *key);

/* The object's handle now; finds or unwraps the key again when its session was lost. */
MUST_USE bool key_object(struct key *key, CK_OBJECT_HANDLE *ret_object, uint64_t *ret_generation,
                         struct error *err);
/* The object handle turned out stale. */
void key_forget_object(struct key *key, CK_OBJECT_HANDLE object);

/* The result lives in `scratch` until its next use. Signatures come as X.509 wants them. */
MUST_USE bool key_sign(struct key *key, const struct sign_terms *terms, struct wire_buffer *scratch,
                       struct view *ret_signature, struct error *err);
/* Every failure of the decryption itself is one error, ERROR_MALFORMED "decryption-failed". */
MUST_USE bool key_decrypt(struct key *key, const struct decrypt_terms *terms,
                          struct wire_buffer *scratch, struct view *ret_plain, struct error *err);

#endif
