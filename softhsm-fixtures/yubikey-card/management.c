#include "card.h"

#include <openssl/rand.h>
#include <string.h>

static const struct {
    uint8_t number;
    const char *cipher;
    size_t key, block;
} ciphers[] = {{0x03, "DES-EDE3-ECB", 24, 8},
               {0x08, "AES-128-ECB", 16, 16},
               {0x0A, "AES-192-ECB", 24, 16},
               {0x0C, "AES-256-ECB", 32, 16}};

static int index_of(uint8_t number) {
    for (int i = 0; i < 4; i++)
        if (ciphers[i].number == number)
            return i;
    return -1;
}

size_t management_key_size(uint8_t algorithm) {
    int i = index_of(algorithm);
    return i < 0 ? 0 : ciphers[i].key;
}

size_t management_block_size(uint8_t algorithm) {
    int i = index_of(algorithm);
    return i < 0 ? 0 : ciphers[i].block;
}

static void one_block(const struct card *card, bool encrypt, const uint8_t *in, uint8_t out[static CHALLENGE_MAX]) {
    int i = index_of(card->management_algorithm), len;
    uint8_t block[2 * CHALLENGE_MAX];
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, ciphers[i].cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CipherInit_ex2(ctx, cipher, card->management, NULL, encrypt, NULL);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    EVP_CipherUpdate(ctx, block, &len, in, (int)ciphers[i].block);
    memcpy(out, block, ciphers[i].block);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

static void put_in_template(struct buffer *out, unsigned tag, const uint8_t *at, size_t len) {
    struct buffer inner = buffer_on(out->arena);
    tlv_put(&inner, tag, view_of(at, len));
    tlv_put(out, 0x7C, buffer_view(&inner));
}

/* The host decrypts our witness and gives a challenge of its own to be encrypted. */
static enum status finish_mutual(struct card *card, size_t block, struct view witness, struct view challenge,
                                 struct buffer *out) {
    uint8_t answer[CHALLENGE_MAX];
    bool good = card->has_witness && witness.len == block && challenge.len == block &&
                memcmp(witness.at, card->witness, block) == 0;
    card->has_witness = false;
    if (!good)
        return SW_SECURITY;
    card->managed = true;
    one_block(card, true, challenge.at, answer);
    put_in_template(out, 0x82, answer, block);
    return SW_OK;
}

static enum status finish_external(struct card *card, size_t block, struct view response) {
    uint8_t wanted[CHALLENGE_MAX];
    bool had = card->has_challenge;
    card->has_challenge = false;
    if (!had || response.len != block)
        return SW_SECURITY;
    one_block(card, true, card->challenge, wanted);
    if (memcmp(wanted, response.at, block) != 0)
        return SW_SECURITY;
    card->managed = true;
    return SW_OK;
}

/* SP 800-73-4 part 2, 3.2.4 and appendix A.1 and A.2. */
enum status management_authenticate(struct card *card, uint8_t algorithm, struct view parts, struct buffer *out) {
    struct view witness, challenge, response;
    uint8_t shown[CHALLENGE_MAX];
    size_t block = management_block_size(algorithm);
    if (algorithm != card->management_algorithm)
        return SW_PARAMETERS;
    bool has_witness = tlv_find(parts, 0x80, &witness), has_challenge = tlv_find(parts, 0x81, &challenge);
    if (has_witness && witness.len == 0) {
        RAND_bytes(card->witness, (int)block);
        card->has_witness = true;
        one_block(card, true, card->witness, shown);
        put_in_template(out, 0x80, shown, block);
        return SW_OK;
    }
    if (has_witness && has_challenge)
        return finish_mutual(card, block, witness, challenge, out);
    if (has_challenge && challenge.len == 0) {
        RAND_bytes(card->challenge, (int)block);
        card->has_challenge = true;
        put_in_template(out, 0x81, card->challenge, block);
        return SW_OK;
    }
    return tlv_find(parts, 0x82, &response) ? finish_external(card, block, response) : SW_DATA;
}
