#include "signer/shamir.h"

#include <string.h>

/* Bit by bit, without a table that a cache could tell of. */
uint8_t shamir_multiply(uint8_t a, uint8_t b) {
    unsigned product = 0, left = a;
    for (int bit = 0; bit < 8; bit++) {
        product ^= left & (0u - ((unsigned)b >> bit & 1));
        left = left << 1 ^ (0x11bu & (0u - (left >> 7)));
    }
    return (uint8_t)product;
}

/* a^254, for a^255 is 1. */
uint8_t shamir_invert(uint8_t a) {
    uint8_t square = a, result = 1;
    for (int bit = 1; bit < 8; bit++) {
        square = shamir_multiply(square, square);
        result = shamir_multiply(result, square);
    }
    return result;
}

void shamir_share(const uint8_t *coefficients, unsigned k, size_t len, uint8_t x, uint8_t *ret_share) {
    memset(ret_share, 0, len);
    for (unsigned row = k; row-- > 0;) /* Horner's rule */
        for (size_t i = 0; i < len; i++)
            ret_share[i] = shamir_multiply(ret_share[i], x) ^ coefficients[row * len + i];
}

void shamir_join(const uint8_t *xs, const uint8_t *const *shares, unsigned k, size_t len,
                 uint8_t *ret_secret) {
    memset(ret_secret, 0, len);
    for (unsigned i = 0; i < k; i++) {
        uint8_t weight = 1; /* Lagrange's polynomial of share i at 0: the xs are no secret */
        for (unsigned j = 0; j < k; j++)
            if (j != i)
                weight = shamir_multiply(
                    weight, shamir_multiply(xs[j], shamir_invert((uint8_t)(xs[j] ^ xs[i]))));
        for (size_t at = 0; at < len; at++)
            ret_secret[at] ^= shamir_multiply(shares[i][at], weight);
    }
}
