/* Secrets of several kinds by their end: for those who shall hear of it in time. */
#ifndef GATEHOUSE_STORE_SECRETS_H
#define GATEHOUSE_STORE_SECRETS_H

#include "store/db.h"

#define MOST_ENDING_SECRETS 2000

struct ending_secret {
    const char *kind;  /* "token", "challenge", "mac", "code", "key", "binding" */
    struct uuid id;
    const char *label; /* as whoever made it called it; may be "" */
    const char *place; /* slug of the template, name of the ACME policy; "" of API tokens */
    const char *owner; /* user name of its owner or maker */
    const char *email; /* theirs; "" when unknown */
    int64_t created_us, expires_us;
};
/* API tokens, credentials of devices and external account bindings that still serve and end after the one time, not
 * after the other. The first to end first, at most MOST_ENDING_SECRETS. */
MUST_USE bool secrets_ending(struct tx *tx, struct arena *arena, int64_t after_us, int64_t until_us,
                             struct ending_secret **ret_items, size_t *ret_count, struct error *err);

#endif
