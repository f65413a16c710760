/* The two ways in which the token protects what it writes: AES-256-GCM under a key, and a key from
 * a PIN. */
#ifndef SOFTTOKEN_SEAL_H
#define SOFTTOKEN_SEAL_H

#include "bytes.h"

#define SEAL_KEY_LEN 32
#define SEAL_NONCE_LEN 12
#define SEAL_TAG_LEN 16
#define SEAL_SALT_LEN 16

/* nonce | ciphertext | tag, appended to `out`. The nonce is random: a token key seals far fewer
 * than the 2^32 messages that NIST SP 800-38D allows for that. */
CK_RV seal(const uint8_t key[SEAL_KEY_LEN], const struct bytes *aad, const struct bytes *plain,
           struct bytes *out) MUST_USE;
/* CKR_DEVICE_ERROR when it is damaged, cut off, under another key or for another place. */
CK_RV unseal(const uint8_t key[SEAL_KEY_LEN], const struct bytes *aad, const uint8_t *sealed,
             size_t sealed_len, struct bytes *ret_plain) MUST_USE;

/* Cost of Argon2id (rfc9106); kept in the token's file beside what was made with it. */
struct pin_cost {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
};

extern const struct pin_cost pin_cost_now;
/* A cost that a damaged file could not have asked for. */
bool pin_cost_sane(const struct pin_cost *cost);

CK_RV pin_key(const struct pin_cost *cost, const uint8_t salt[SEAL_SALT_LEN], const uint8_t *pin,
              size_t pin_len, uint8_t ret_key[SEAL_KEY_LEN]) MUST_USE;

/* From our own library context. */
CK_RV random_octets(uint8_t *to, size_t len) MUST_USE;

#endif
