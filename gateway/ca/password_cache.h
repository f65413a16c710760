/* Passwords that were right a moment ago, for protocols that send them with every call (HTTP Basic of EST, SCEP,
 * timestamps): each Argon2id costs 64 MiB and a tenth of a second. What is remembered, for ten seconds, is an HMAC
 * under a key of this process over the user's stored hash and the password: useless elsewhere, and void at once
 * when the password is changed on any node, since the stored hash then differs. */
#ifndef GATEHOUSE_CA_PASSWORD_CACHE_H
#define GATEHOUSE_CA_PASSWORD_CACHE_H

#include "ca/core.h"

bool password_cache_has(const struct core *core, const char *encoded, const char *password);
void password_cache_put(const struct core *core, const char *encoded, const char *password);

#endif
