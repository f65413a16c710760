/* How often each key of the signer was used, by this process: counted where the key is used, for whoever writes it
 * down now and then. Keys are told apart by the SHA-256 of their SubjectPublicKeyInfo. */
#ifndef GATEHOUSE_PROVIDER_USES_H
#define GATEHOUSE_PROVIDER_USES_H

#include "base/arena.h"

struct uses;

/* The counter of that key, shared by all who have it open; never NULL. */
struct uses *uses_open(struct view spki);
void uses_close(struct uses *uses); /* NULL is accepted; what was counted stays until it is taken */
void uses_count(struct uses *uses);

#endif
