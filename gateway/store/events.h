/* Events: one row for every change, log-in, failure and refusal, in the transaction of the change. */
#ifndef GATEHOUSE_STORE_EVENTS_H
#define GATEHOUSE_STORE_EVENTS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

struct event {
    struct uuid id;              /* UUIDv7: the order of the stream */
    struct uuid organisation_id; /* nil: the instance */
    struct uuid ca_id;           /* nil: none */
    int64_t at_us;
    const char *code;            /* stable: "certificate.issued", "session.refused" ... */
    const char *outcome;         /* "success", "failure", "refused" */
    struct uuid actor_id;        /* user, or nil */
    const char *actor;           /* name to show: "alice", "system", "anonymous" */
    const char *address;         /* of the client, "" when none */
    const char *object_kind;     /* "certificate" ... or "" */
    const char *object;          /* its id or slug, or "" */
    const char *request_id;      /* of the HTTP request, "" when none */
    const char *details;         /* JSON object; never a secret; "{}" */
};
/* Fills id and at_us when they are nil and 0. Texts that come from outside (actor, address, object_kind,
 * object, request_id) are cut to what fits and made valid UTF-8; NULL is "". Code, outcome and details are
 * ours and must be right. */
MUST_USE bool event_append(struct tx *tx, const struct event *event, struct error *err);
struct event_filter {
    const char *code;   /* prefix, or NULL */
    const char *object; /* exactly, or NULL */
    int64_t since_us, until_us; /* since <= at_us < until; 0: open */
};
/* Newest first, by at_us. Events of the instance (no organisation) are seen by scope->everything alone. */
MUST_USE bool event_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                         const struct event_filter *filter, const struct page *page,
                         struct event **ret_items, size_t *ret_count, const char **ret_next,
                         struct error *err);
/* The events of these ids (16 octets each), oldest first; one that is not there is left out. */
MUST_USE bool event_by_ids(struct tx *tx, struct arena *arena, struct view ids,
                           struct event **ret_items, size_t *ret_count, struct error *err);
/* Needs the schema's owner: the application's account may not. */
MUST_USE bool event_delete(struct tx *tx, struct arena *arena, struct view ids, struct error *err);

#endif
