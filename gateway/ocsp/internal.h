/* What the responder's files share; nobody else includes it. */
#ifndef GATEHOUSE_OCSP_INTERNAL_H
#define GATEHOUSE_OCSP_INTERNAL_H

#include "ocsp/cache.h"
#include "ocsp/flight.h"
#include "ocsp/ocsp.h"

/* The epochs that a source gives carry the revision of the settings above these bits. */
#define OCSP_EPOCH_BITS 40

struct ocsp_responder {
    struct ocsp_source source;
    struct ocsp_cache *cache;
    struct flights flights;
    _Atomic int64_t logged_us; /* clock_monotonic_us() of the last failure in the log */
};

/* One request on its way. */
struct exchange {
    struct ocsp_responder *responder;
    const struct http_request *request;
    struct http_response *response;
    struct arena *arena;
    const char *slug; /* of the CA that is asked */
    struct view der;
    int64_t now_us;
    struct ca_record ca;
    bool by_get;
    bool ahead; /* to be made anew, whatever is ready */
};
/* Answers x->der for x->slug into x->response. */
MUST_USE bool ocsp_exchange(struct exchange *x, struct error *err);

#endif
