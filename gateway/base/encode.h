/* Hex, numbers as octets, base64 (RFC 4648) and PEM (RFC 7468). */
#ifndef GATEHOUSE_BASE_ENCODE_H
#define GATEHOUSE_BASE_ENCODE_H

#include "base/arena.h"

int hex_digit(char c); /* 0-15, or -1 */
char *hex_encode(struct arena *arena, struct view bytes); /* lower case */
/* Even number of digits, either case. */
MUST_USE bool hex_decode(struct arena *arena, struct view text, struct view *ret_bytes);

/* A number that is not negative as the content of a DER INTEGER (X.690 8.3): without leading zeros, but for one before a
 * first bit that is set. `octets` are big-endian; of hexadecimal digits there may be an odd number. */
struct view der_number(struct arena *arena, struct view octets);
MUST_USE bool der_number_of_hex(struct arena *arena, const char *digits, struct view *ret_octets);

char *base64_encode(struct arena *arena, struct view bytes);    /* padded, one line */
char *base64url_encode(struct arena *arena, struct view bytes); /* rfc4648#5, no padding */
/* White space (space, tab, CR, LF) is skipped; padding is required and must be exact; the unused bits of the
 * last character must be zero (rfc4648#3.5), so every value has one encoding. */
MUST_USE bool base64_decode(struct arena *arena, struct view text, struct view *ret_bytes);
/* No padding, no white space. */
MUST_USE bool base64url_decode(struct arena *arena, struct view text, struct view *ret_bytes);

/* One PEM block with lines of 64 characters. */
char *pem_encode(struct arena *arena, const char *label, struct view der);
/* The first block with that label; text before and after it is ignored (rfc7468#2). False when there is
 * none or it is broken. */
MUST_USE bool pem_decode(struct arena *arena, struct view text, const char *label, struct view *ret_der);

#endif
