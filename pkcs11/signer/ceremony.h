/* A key-encryption key in the hands of several people: made here and split as it is made, for it can never leave a token
 * afterwards; and joined again on another machine. */
#ifndef GATEHOUSE_SIGNER_CEREMONY_H
#define GATEHOUSE_SIGNER_CEREMONY_H

#include "signer/vault.h"

struct split_order {
    const char *shares;    /* "K/N" */
    const char *directory; /* for kek-share-X-of-N.txt, mode 0600; NULL: shown on the terminal, one after the other */
};
/* Makes a key, splits it, and puts it into the managed token when every share is written. It wraps once a rotation has
 * made it the active one. */
MUST_USE bool ceremony_split(struct vault *vault, const struct split_order *order, struct error *err);
/* Puts the key of these shares into the managed token: files ("-": standard input) with one or more each,
 * NULL-terminated. Nothing happens when the token holds it. */
MUST_USE bool ceremony_join(struct vault *vault, const char *const *files, struct error *err);

#endif
