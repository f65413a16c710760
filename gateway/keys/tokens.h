/* The tokens of this node's signer: looked at now and then, for readyz, for metrics and for events; and log-in by a PIN
 * that somebody types. */
#ifndef GATEHOUSE_KEYS_TOKENS_H
#define GATEHOUSE_KEYS_TOKENS_H

#include "ca/core.h"
#include "jobs/jobs.h"
#include "portal/portal.h"

struct token_watch;

struct token_watch *token_watch_new(struct core *core);
void token_watch_free(struct token_watch *watch); /* NULL is accepted */
/* Everywhere. A token or module that cannot be used any more, or can be again, is an event (token.lost, token.back). */
MUST_USE bool token_watch_run(void *watch, struct arena *arena, struct error *err);
/* For portal_add_list. */
void token_watch_list(void *watch, const struct portal_put *put);

#endif
