/* Nonces that this process alone gives out and takes, numbered: which were used is remembered here and in no row. */
#ifndef GATEHOUSE_ACME_OWN_NONCES_H
#define GATEHOUSE_ACME_OWN_NONCES_H

#include <stdbool.h>
#include <stdint.h>

#define OWN_NONCES (UINT64_C(1) << 22) /* so many newest ones can be taken: an hour of a thousand a second */

struct own_nonces;
struct own_nonces *own_nonces_new(void);
void own_nonces_free(struct own_nonces *own);
uint64_t own_nonces_next(struct own_nonces *own);
/* True once for each number that was given out and is among the newest. */
bool own_nonces_take(struct own_nonces *own, uint64_t number);

#endif
