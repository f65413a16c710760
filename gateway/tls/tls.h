/* The instance's own TLS certificate: its REST, its renewal, and the ACME client that gets it elsewhere. */
#ifndef GATEHOUSE_TLS_TLS_H
#define GATEHOUSE_TLS_TLS_H

#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"

struct tls_management {
    struct core *core;
    const char *const *names; /* the configured public names */
    size_t name_count;
    void (*changed)(void *context); /* this node takes the new one over at once; may be NULL */
    void *context;
    struct error failed; /* of the last try, until it is tried again */
    int64_t again_us;
};
struct http_room tls_room(struct tls_management *tls);
/* The next one, when it is time. */
size_t tls_jobs(struct tls_management *tls, int64_t every_us, struct job *table);

#endif
