/* Proof of possession for keys that cannot sign: a secret is encapsulated to the key, and who can open it shows that
 * by a MAC. Nothing is stored: what the second step needs goes out sealed, and comes back. */
#ifndef GATEHOUSE_CA_KEY_CHALLENGE_H
#define GATEHOUSE_CA_KEY_CHALLENGE_H

#include "ca/issue.h"

#define KEY_CHALLENGE_LIFE_US (INT64_C(600) * US_PER_SECOND)

struct key_challenge {
    const char *key_type;   /* "ML-KEM-768" */
    struct view ciphertext; /* FIPS 203: Decaps gives the secret */
    const char *token;      /* printable; what the MAC is made over */
    int64_t expires_us;
};
/* For whoever may make requests under the template. ERROR_POLICY "key-proof" for keys that can sign. */
MUST_USE bool key_challenge_make(struct core *core, struct arena *arena, const struct actor *actor,
                                 const char *template_slug, struct view spki, struct key_challenge *ret,
                                 struct error *err);
/* Is `proof` HMAC-SHA256 of the token under the secret that was encapsulated to this key, for this template, not long
 * ago? A token can be shown again while it lives: it proves the same of the same key. ERROR_POLICY "key-proof". */
MUST_USE bool key_challenge_check(struct core *core, struct arena *arena, struct uuid template_id, EVP_PKEY *key,
                                  const struct key_proof *proof, struct error *err);

#endif
