/* Authorizations that an order has used on this node, for the account's next order of the same name. Whether one is still
 * valid is asked by the statement that stores that order (post_spend), so one that another node has changed is of no harm:
 * then the database is asked which there are. */
#include "acme/internal.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 1024

struct reusable {
    struct acme_authorization authorization;
    char identifier[];
};

struct reuse {
    pthread_mutex_t lock;
    struct reusable *slots[SLOTS]; /* of two in one slot the newer is kept */
};

struct reuse *reuse_new(void) {
    struct reuse *reuse = must_alloc(sizeof *reuse);
    memset(reuse, 0, sizeof *reuse);
    pthread_mutex_init(&reuse->lock, NULL);
    return reuse;
}

void reuse_free(struct reuse *reuse) {
    for (size_t i = 0; i < SLOTS; i++)
        free(reuse->slots[i]);
    pthread_mutex_destroy(&reuse->lock);
    free(reuse);
}

/* FNV-1a; ids end with random bits (rfc9562#5.7). */
static struct reusable **slot_of(struct reuse *reuse, const struct acme_authorization *one) {
    uint32_t hash = (uint32_t)one->account_id.bytes[14] << 8 | one->account_id.bytes[15];
    for (const char *at = one->identifier; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * UINT32_C(16777619);
    return &reuse->slots[hash % SLOTS];
}

static bool same(const struct acme_authorization *a, const struct acme_authorization *b) {
    return uuid_equal(a->account_id, b->account_id) && uuid_equal(a->policy_id, b->policy_id) && a->kind == b->kind &&
           a->wildcard == b->wildcard && strcmp(a->identifier, b->identifier) == 0;
}

void reuse_keep(struct reuse *reuse, const struct acme_authorization *authorization) {
    size_t len = strlen(authorization->identifier);
    struct reusable *fresh = must_alloc(sizeof *fresh + len + 1);
    fresh->authorization = *authorization;
    memcpy(fresh->identifier, authorization->identifier, len + 1);
    fresh->authorization.identifier = fresh->identifier;
    fresh->authorization.challenges = "[]";
    pthread_mutex_lock(&reuse->lock);
    struct reusable **slot = slot_of(reuse, authorization), *old = *slot;
    *slot = fresh;
    pthread_mutex_unlock(&reuse->lock);
    free(old);
}

bool reuse_find(struct reuse *reuse, int64_t until_us, struct acme_authorization *ret) {
    pthread_mutex_lock(&reuse->lock);
    const struct reusable *known = *slot_of(reuse, ret);
    bool found = known != NULL && known->authorization.expires_us > until_us && same(&known->authorization, ret);
    if (found) {
        ret->id = known->authorization.id;
        ret->state = known->authorization.state;
        ret->expires_us = known->authorization.expires_us;
    }
    pthread_mutex_unlock(&reuse->lock);
    return found;
}
