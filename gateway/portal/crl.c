#include "portal/internal.h"

#include "base/encode.h"
#include "ca/validation.h"

/* Caches ask again after this time, so that a revocation is seen soon through them as well. */
#define MAX_AGE_SECONDS 300

/* The list is not copied: what is sent is what the core holds. */
static void reply(const struct http_request *request, struct http_response *response,
                  const struct crl_document *crl, bool as_pem) {
    struct arena *arena = request->arena;
    int64_t left = (crl->next_update_us - clock_now_us()) / US_PER_SECOND;
    struct document document = {
        .content_type = as_pem ? "application/x-pem-file" : "application/pkix-crl",
        .body = !as_pem             ? crl->der
                : crl->held != NULL ? status_crl_pem(crl)
                                    : view_text(pem_encode(arena, "X509 CRL", crl->der)),
        /* The number names one CRL of this CA; a long list need not be hashed for it. */
        .etag = arena_printf(arena, "\"%lld%s\"", (long long)crl->number, as_pem ? "-pem" : ""),
        .modified_us = crl->this_update_us,
        .max_age = left < MAX_AGE_SECONDS ? left : MAX_AGE_SECONDS};
    portal_reply_document(request, response, &document);
}

static bool complete(const struct portal *portal, const struct http_request *request,
                     struct http_response *response, bool as_pem, struct error *err) {
    struct crl_document current;
    struct error missing = {0};
    const char *slug = request->parameters[0];
    if (!status_crl(portal->core, request->arena, slug, &current, &missing)) {
        if (missing.kind != ERROR_NOT_FOUND) {
            *err = missing;
            return false;
        }
        TRY(validation_crl(portal->core, request->arena, slug, &current, err));
    }
    reply(request, response, &current, as_pem);
    return true;
}

HANDLER(portal_crl_der) {
    return complete(context, request, response, false, err);
}

HANDLER(portal_crl_pem) {
    return complete(context, request, response, true, err);
}

HANDLER(portal_crl_delta) {
    const struct portal *portal = context;
    struct crl_document current;
    TRY(status_crl_delta(portal->core, request->arena, request->parameters[0], &current, err));
    reply(request, response, &current, false);
    return true;
}

HANDLER(portal_crl_partition) {
    const struct portal *portal = context;
    struct crl_document current;
    TRY(status_crl_partition(portal->core, request->arena, request->parameters[0],
                             status_partition_scope(request->parameters[1]), &current, err));
    reply(request, response, &current, false);
    return true;
}
