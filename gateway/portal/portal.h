/* What anybody may read:
 *   GET /ca/{ca}.crt|.pem|.p7c   the CA's certificate; .p7c with its issuers (RFC 5280
 * section 4.2.2.1) GET /crl/{ca}.crl|.pem       its CRL GET /healthz /readyz         is the process
 * up; can it work (database, signer) GET / (HTTP), /start             the start page, and what it needs
 * under /assets/ On the HTTP and the HTTPS listener: whoever verifies a certificate cannot yet
 * verify ours. */
#ifndef GATEHOUSE_PORTAL_PORTAL_H
#define GATEHOUSE_PORTAL_PORTAL_H

#include "ca/core.h"
#include "http/types.h"

struct portal;

struct portal *portal_new(struct core *core);
/* After the listeners have stopped. */
void portal_free(struct portal *portal);

/* A further check of readyz: "" in `reason` when it is well. Before the first request; `name` and `context` are
 * not copied. */
struct portal_check {
    const char *name;
    void (*look)(void *context, char *reason, size_t size);
    void *context;
    bool only_warns; /* the node can work all the same: readyz stays 200 and has it as a "warning" */
};
void portal_add_check(struct portal *portal, const struct portal_check *check);

/* Where a list of warnings puts them: one for each thing that cannot be used. */
struct portal_put {
    void (*add)(void *to, const char *name, const char *reason);
    void *to;
};
/* Called with each readyz; before the first request. */
void portal_add_list(struct portal *portal, void (*list)(void *context, const struct portal_put *put), void *context);

/* The member "behindSeconds" of readyz; before the first request. */
void portal_add_age(struct portal *portal, int64_t (*seconds)(void *context), void *context);

/* From now on readyz says that this node is stopping. */
void portal_drain(struct portal *portal);

struct http_room portal_room(struct portal *portal);

#endif
