/* What is known of keys that live in tokens: who made them here and what their maker attests; and who uses a key. */
#ifndef GATEHOUSE_STORE_TOKEN_KEYS_H
#define GATEHOUSE_STORE_TOKEN_KEYS_H

#include "store/db.h"

#define TOKEN_KEY_HASH 32

struct token_key_record {
    uint8_t hash[TOKEN_KEY_HASH]; /* SHA-256 of the SubjectPublicKeyInfo */
    const char *uri, *key_type;
    struct view attestation; /* DER certificates, the key's first; empty: none */
    bool attested;           /* verified up to the maker's root */
    const char *created_by;
    int64_t created_us;
};
MUST_USE bool token_key_insert(struct tx *tx, const struct token_key_record *key, struct error *err);
/* *ret_found false: it was not made here. */
MUST_USE bool token_key_get(struct tx *tx, struct arena *arena, const uint8_t hash[static TOKEN_KEY_HASH],
                            struct token_key_record *ret, bool *ret_found, struct error *err);
MUST_USE bool token_key_forget(struct tx *tx, const uint8_t hash[static TOKEN_KEY_HASH], struct error *err);

/* Who uses a key in a token with this public key, as texts for people ("the authority example-root"), at most 50. */
MUST_USE bool token_key_users(struct tx *tx, struct arena *arena, struct view spki, const char ***ret_users,
                              size_t *ret_count, struct error *err);

/* The key of this id is in another token now. */
MUST_USE bool key_set_uri(struct tx *tx, struct uuid id, const char *uri, struct error *err);
/* A CA that had its certificate alone has its key now: ERROR_CONFLICT "ca-state" when it is no such CA any more. */
MUST_USE bool ca_set_key_here(struct tx *tx, struct uuid id, struct error *err);

#endif
