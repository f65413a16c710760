/* Managed keys: made in the managed token, kept outside it as wrapped blobs (see blob.h).
 *
 * The signer fixes every attribute. Only a key that is being made or wrapped anew is ever
 * extractable, for the length of one call, and what leaves is wrapped by the token's own
 * key-encryption key. */
#ifndef GATEHOUSE_SIGNER_MANAGED_H
#define GATEHOUSE_SIGNER_MANAGED_H

#include "signer/blob.h"
#include "signer/key.h"
#include "signer/task.h"

/* Generates, wraps, destroys, unwraps again and proves the result; blob and public key (DER) are on
 * the arena. */
MUST_USE bool managed_generate(struct vault *vault, struct arena *arena, struct view key_type,
                               unsigned purpose, struct view *ret_blob, struct view *ret_spki,
                               struct error *err);
/* The same for a private key from outside (PKCS#8 DER). ERROR_MALFORMED "bad-private-key". */
MUST_USE bool managed_import(struct vault *vault, struct arena *arena, struct view pkcs8,
                             unsigned purpose, struct view *ret_blob, struct view *ret_spki,
                             struct error *err);
/* Wraps the key by another key-encryption key of the same token; `kek_id` empty: the newest. */
MUST_USE bool managed_rewrap(struct vault *vault, struct arena *arena, struct view blob,
                             struct view spki, struct view kek_id, struct view *ret_blob,
                             struct error *err);

/* Fills key->object; the caller holds key->lock. */
MUST_USE bool managed_unwrap_key(struct key *key, struct error *err);
/* Destroys an unwrapped key that nobody uses any more. */
void managed_forget(struct token *token, CK_OBJECT_HANDLE object, uint64_t generation);

/* Wraps an extractable private key object by the key-encryption key of that id (empty: the newest);
 * for generate and import. */
MUST_USE bool managed_wrap(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                           struct view kek_id, struct view *ret_blob, struct error *err);
/* One call of C_WrapKey; the result is on the arena. */
CK_RV wrap_object(struct task *task, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE by,
                  CK_OBJECT_HANDLE object, struct arena *arena, struct view *ret_wrapped);
/* The same by the key-encryption key of that id (empty: the newest) with the first mechanism that the token does:
 * fills the blob's mechanism, KEK id and `wrapped`, which live on the arena. */
MUST_USE bool wrap_by_kek(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                          struct view kek_id, struct key_blob *ret_blob, struct error *err);
/* Modules say "wrong KEK or damaged" in many ways; for the caller it is one thing, "bad-key-blob". */
MUST_USE bool unwrap_failed(struct task *task, CK_RV rv, struct error *err);

/* Loads what was just wrapped, so that a blob that cannot be read back is never handed out. */
MUST_USE bool managed_prove(struct vault *vault, struct view blob, struct view spki,
                            unsigned purpose, struct error *err);

/* What a private key object is checked against. */
struct proof {
    const struct key_type *type;
    EVP_PKEY *public_key;
    unsigned purpose;
};
/* A signature that a key of the type makes over the probe, and whether it is right. */
struct sign_terms proof_terms(const struct key_type *type, struct view probe);
bool proof_verify(const struct key_type *type, EVP_PKEY *public_key, struct view probe,
                  struct view signature);
/* A test signature or decryption with the object. ERROR_CONFLICT "key-mismatch". */
MUST_USE bool key_prove(struct task *task, CK_OBJECT_HANDLE object, const struct proof *proof,
                        struct error *err);

#endif
