/* The password of the agent's local page: kept as Argon2id (RFC 9106), sparing of memory, in the state
 * directory. */
#ifndef GATEHOUSE_AGENT_PASSWORD_H
#define GATEHOUSE_AGENT_PASSWORD_H

#include "base/arena.h"

/* ERROR_POLICY "weak-password" under 12 characters. */
MUST_USE bool page_password_set(const char *directory, const char *password, struct error *err);
/* Slow on purpose; one at a time. False also when none was set. */
bool page_password_is(const char *directory, const char *password);

#endif
