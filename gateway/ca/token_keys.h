/* Keys that live in PKCS#11 tokens: made, listed, given a CSR, removed; and the token of an authority's key.
 * Tokens are the instance's: MAY_READ_TOKENS to look, MAY_MANAGE_SETTINGS on the instance to change. Each change is an
 * event. URIs are RFC 7512's. */
#ifndef GATEHOUSE_CA_TOKEN_KEYS_H
#define GATEHOUSE_CA_TOKEN_KEYS_H

#include "ca/core.h"
#include "store/cas.h"
#include "store/token_keys.h"

struct token_key_view {
    struct token_key key; /* as the token has it */
    bool made_by_us;
    struct token_key_record record;      /* when made_by_us */
    const char **users;                  /* "the authority example-root" */
    size_t user_count;
};
/* uri NULL: of all tokens that can be used. */
MUST_USE bool token_key_list(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                             struct token_key_view **ret_items, size_t *ret_count, struct error *err);

struct token_key_order {
    const char *uri;         /* the token, and id= or object= where the key goes */
    const char *key_type;    /* canonical; NULL for an import */
    struct view private_key; /* an import: see material_read_key */
    const char *password;    /* of that, or NULL */
    uint8_t pin_policy, touch_policy; /* enum wire_policy */
    bool decrypts;           /* RSA: it decrypts as well */
    const char *officer_pin; /* where the token's security officer alone makes keys, else NULL */
    const char *attestation_root; /* PEM: the token's attestation must lead there; or NULL */
    const struct json *names;     /* {"subject","sans"} of the CSR, or NULL: CN is the key's label */
};
/* Key and CSR in one step; the CSR proves that the key works. ERROR_POLICY "attestation" when a root is given and the
 * token does not attest the key under it (the key stays and can be deleted). */
MUST_USE bool token_key_create(struct core *core, struct arena *arena, const struct actor *actor,
                               const struct token_key_order *order, struct token_key_view *ret,
                               struct view *ret_csr, struct error *err);
/* The same with a key from elsewhere (order->private_key), whose certificate, if it came along, is written beside it.
 * ERROR_POLICY "token-cannot" when the token takes no keys. */
MUST_USE bool token_key_import(struct core *core, struct arena *arena, const struct actor *actor,
                               const struct token_key_order *order, struct token_key_view *ret,
                               struct view *ret_csr, struct error *err);
MUST_USE bool token_key_csr(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                            const struct json *names, struct view *ret_csr, struct error *err);
/* `typed` must be the URI again; ERROR_CONFLICT "confirmation", "key-in-use" (names who uses it). */
MUST_USE bool token_key_remove(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                               const char *typed, const char *officer_pin, struct error *err);
/* Writes a certificate (PEM or DER) beside its key: ERROR_POLICY "key-mismatch" when it is of another key. */
MUST_USE bool token_certificate_store(struct core *core, struct arena *arena, const struct actor *actor,
                                      const char *uri, struct view certificate, const char *officer_pin,
                                      struct error *err);
MUST_USE bool token_checked(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                            struct token_step **ret_steps, size_t *ret_count, struct error *err);

/* The authority's key is found at this URI from now on: in any token that holds the same key, proved by a signature.
 * An authority that had its certificate alone becomes active by it. ERROR_POLICY "key-mismatch". */
MUST_USE bool authority_set_key(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                                const char *uri, struct ca_record *ret, struct error *err);

#endif
