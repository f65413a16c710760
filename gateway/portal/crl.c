#include "portal/internal.h"

#include "base/encode.h"
#include "ca/status.h"

/* Caches ask again after this time, so that a revocation is seen soon through them as well. */
#define MAX_AGE_SECONDS 300

static bool crl(void *context, const struct http_request *request, struct http_response *response,
                bool as_pem, struct error *err) {
    const struct portal *portal = context;
    struct arena *arena = request->arena;
    struct crl_document current;
    TRY(status_crl(portal->core, arena, request->parameters[0], &current, err));
    int64_t left = (current.next_update_us - clock_now_us()) / US_PER_SECOND;
    struct document document = {
        .content_type = as_pem ? "application/x-pem-file" : "application/pkix-crl",
        .body = as_pem ? view_text(pem_encode(arena, "X509 CRL", current.der)) : current.der,
        /* The number names one CRL of this CA; a long list need not be hashed for it. */
        .etag = arena_printf(arena, "\"%lld%s\"", (long long)current.number, as_pem ? "-pem" : ""),
        .modified_us = current.this_update_us,
        .max_age = left < MAX_AGE_SECONDS ? left : MAX_AGE_SECONDS};
    portal_reply_document(request, response, &document);
    return true;
}

HANDLER(portal_crl_der) {
    return crl(context, request, response, false, err);
}

HANDLER(portal_crl_pem) {
    return crl(context, request, response, true, err);
}
