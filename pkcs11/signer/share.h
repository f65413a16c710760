/* A share of a key-encryption key as text, for paper or a file (docs/keys.md):
 *
 *   ghk1-K-N-X-KEKID-SET-PROOF-SHARE-SUM
 *
 * any K of N shares restore the key, this is number X; then in hexadecimal the key's id, which splitting it is of
 * (4 octets), 8 octets of SHA-256 over "gatehouse-kek-proof", id and key, the share, and 4 octets of SHA-256 over all
 * before the last "-". White space anywhere in it is ignored. */
#ifndef GATEHOUSE_SIGNER_SHARE_H
#define GATEHOUSE_SIGNER_SHARE_H

#include "signer/kek.h"

#define SHARE_TEXT_MAX 512
#define SHARE_SET_SIZE 4
#define SHARE_PROOF_SIZE 8

struct share {
    unsigned k, n, x;
    struct kek kek; /* its id */
    uint8_t set[SHARE_SET_SIZE], proof[SHARE_PROOF_SIZE], value[KEK_SIZE];
    const char *from; /* what to call it in an error: a file's name */
};

/* Splits the key; `shares` has room for n. 2 <= k <= n <= SHAMIR_SHARES_MAX. */
MUST_USE bool shares_make(const struct kek *kek, const uint8_t key[static KEK_SIZE], unsigned k, unsigned n,
                          struct share *shares, struct error *err);
void share_format(const struct share *share, char text[static SHARE_TEXT_MAX]);
/* The first share in the text, and what follows it. ERROR_MALFORMED "bad-share" names `from`; ret_found is false when
 * there is none. */
MUST_USE bool share_parse(struct view *text, const char *from, struct share *ret, bool *ret_found,
                          struct error *err);
/* The key. ERROR_MALFORMED "bad-share" when there are too few, they do not belong together, or one of them is wrong,
 * which is named when there are more than k. */
MUST_USE bool shares_join(const struct share *shares, size_t count, uint8_t ret_key[static KEK_SIZE],
                          struct error *err);

#endif
