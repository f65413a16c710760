/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_PORTAL_INTERNAL_H
#define GATEHOUSE_PORTAL_INTERNAL_H

#include "base/buffer.h"
#include "base/clock.h"
#include "portal/portal.h"

#include <pthread.h>
#include <stdatomic.h>

#define PORTAL_MAX_CHECKS 16

struct portal {
    struct core *core;
    struct portal_check checks[PORTAL_MAX_CHECKS];
    size_t check_count;
    struct {
        void (*list)(void *context, const struct portal_put *put);
        void *context;
    } lists[PORTAL_MAX_CHECKS];
    size_t list_count;
    int64_t (*age)(void *context); /* NULL: not told */
    void *age_context;
    atomic_bool draining;
    pthread_mutex_t lock;            /* of what follows: the last look at database and signer */
    int64_t checked_us;              /* clock_monotonic_us(); 0: never */
    char database[256], signer[256]; /* why it cannot be used; "": it can */
};

/* -- document.c: bytes that caches may keep -- */

struct document {
    const char *content_type;
    struct view body;
    const char *etag;    /* with its quotes; NULL: from the bytes */
    int64_t modified_us; /* Last-Modified */
    int64_t max_age;     /* seconds; must be revalidated afterwards */
};
/* Answers 304 without a body when the client has it already (rfc9110#13). */
void portal_reply_document(const struct http_request *request, struct http_response *response,
                           struct document *document);

/* -- handlers; context is struct portal -- */

#define HANDLER(name)                                                                              \
    bool name(void *context, struct http_request *request, struct http_response *response,         \
              struct error *err)
HANDLER(portal_ca_der);
HANDLER(portal_ca_pem);
HANDLER(portal_ca_chain);
HANDLER(portal_crl_der);
HANDLER(portal_crl_pem);
HANDLER(portal_crl_delta);
HANDLER(portal_crl_partition);
HANDLER(portal_healthz);
HANDLER(portal_readyz);
HANDLER(portal_start);
HANDLER(portal_style);
HANDLER(portal_icon);

/* -- made from admin-ui/start by the build -- */
extern const unsigned char asset_start_css[], asset_icon_svg[];
extern const unsigned long asset_start_css_size, asset_icon_svg_size;

#endif
