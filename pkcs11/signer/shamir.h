/* Secret sharing after Shamir (1979) over GF(256) with the polynomial of AES, x^8 + x^4 + x^3 + x + 1: each octet of the
 * secret is the value at 0 of a polynomial of degree k - 1 whose other coefficients are random; share x is its value at
 * x. Any k shares give the secret, k - 1 give nothing at all. Time does not depend on what is secret. */
#ifndef GATEHOUSE_SIGNER_SHAMIR_H
#define GATEHOUSE_SIGNER_SHAMIR_H

#include <stddef.h>
#include <stdint.h>

#define SHAMIR_SHARES_MAX 32

/* The value of each octet's polynomial at x: `coefficients` holds k rows of `len` octets, the secret first. */
void shamir_share(const uint8_t *coefficients, unsigned k, size_t len, uint8_t x, uint8_t *ret_share);
/* The value at 0 of the polynomials through k shares; the xs are not 0 and differ. */
void shamir_join(const uint8_t *xs, const uint8_t *const *shares, unsigned k, size_t len,
                 uint8_t *ret_secret);
/* In the field. */
uint8_t shamir_multiply(uint8_t a, uint8_t b);
uint8_t shamir_invert(uint8_t a);

#endif
