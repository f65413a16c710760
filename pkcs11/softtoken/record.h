/* The token's own file: who it is, and its key under the user's PIN and under the SO's PIN.
 *
 * There are two keys. The token key is random and is only ever stored wrapped by a PIN's Argon2id
 * key; it seals private objects and every private or secret key. The public key (a secret-less AES
 * key, in clear in this file) seals the attributes of public objects, which must be readable before
 * log-in: there it detects damage, not an attacker who can write the directory.
 */
#ifndef SOFTTOKEN_RECORD_H
#define SOFTTOKEN_RECORD_H

#include "seal.h"

#define TOKEN_SERIAL_LEN 16
#define TOKEN_LABEL_LEN 32
#define TOKEN_INSTANCE_LEN 16
#define PIN_MIN 4
#define PIN_MAX 255

enum role { ROLE_SO, ROLE_USER, ROLE_COUNT };

struct pin_slot {
    bool set;
    struct pin_cost cost;
    uint8_t salt[SEAL_SALT_LEN];
    uint8_t wrapped[SEAL_NONCE_LEN + SEAL_KEY_LEN + SEAL_TAG_LEN];
};

struct token_record {
    char serial[TOKEN_SERIAL_LEN + 1];    /* hexadecimal; also the name of the directory */
    uint8_t label[TOKEN_LABEL_LEN];       /* as C_InitToken got it, padded with blanks */
    uint8_t instance[TOKEN_INSTANCE_LEN]; /* new each time the token is initialised */
    uint8_t public_key[SEAL_KEY_LEN];
    struct pin_slot pins[ROLE_COUNT];
};

CK_RV record_encode(const struct token_record *record, struct bytes *out) MUST_USE;
/* CKR_TOKEN_NOT_RECOGNIZED when it is not a token's file or damaged. */
CK_RV record_decode(const struct bytes *in, struct token_record *ret_record) MUST_USE;

/* Puts the token key under a (new) PIN. */
CK_RV record_set_pin(struct token_record *record, enum role role, const uint8_t *pin,
                     size_t pin_len, const uint8_t key[SEAL_KEY_LEN]) MUST_USE;
/* CKR_PIN_INCORRECT when the PIN is not the one. */
CK_RV record_open(const struct token_record *record, enum role role, const uint8_t *pin,
                  size_t pin_len, uint8_t ret_key[SEAL_KEY_LEN]) MUST_USE;

#endif
