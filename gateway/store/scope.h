/* What an actor may see. Every list and every look-up on behalf of an actor takes one; what lies outside
 * is not found (design.md section 8, tenancy). */
#ifndef GATEHOUSE_STORE_SCOPE_H
#define GATEHOUSE_STORE_SCOPE_H

#include "base/uuid.h"

struct scope {
    bool everything;                  /* the instance */
    const struct uuid *organisations; /* whole organisations */
    size_t organisation_count;
    const struct uuid *cas;           /* single CAs */
    size_t ca_count;
    bool own_only;                    /* of requests: only those this actor made */
    struct uuid actor;                /* user id, for own_only */
};

/* For what the instance itself does, and for public documents. */
extern const struct scope scope_everything;

static inline bool scope_covers(const struct scope *scope, struct uuid organisation_id, struct uuid ca_id) {
    bool covers = scope->everything;
    for (size_t i = 0; !covers && i < scope->organisation_count; i++)
        covers = uuid_equal(scope->organisations[i], organisation_id);
    for (size_t i = 0; !covers && i < scope->ca_count; i++)
        covers = uuid_equal(scope->cas[i], ca_id);
    return covers;
}

struct page {
    unsigned limit;     /* 1-500; else ERROR_MALFORMED "bad-limit" */
    const char *cursor; /* opaque, from the last page; NULL or "": the first. ERROR_MALFORMED "bad-cursor" when
                           this list has not made it */
    bool mine;          /* of requests: only those that the caller made */
    bool oldest_first;  /* where the list can be walked from its other end: certificates, requests, events, ACME */
};

#endif
