#include "portal/internal.h"

#include "base/encode.h"
#include "ca/authority.h"

/* A CA's certificate does not change under its name. */
#define MAX_AGE_SECONDS 3600

static bool ca_of(void *context, const struct http_request *request, struct ca_record *ret,
                  struct error *err) {
    const struct portal *portal = context;
    struct ca_record ca;
    TRY(authority_public(portal->core, request->arena, request->parameters[0], &ca, err));
    if (ca.certificate.len == 0)
        return fail(err, ERROR_NOT_FOUND, "ca-not-active", "CA %s: has no certificate yet",
                    ca.slug);
    *ret = ca;
    return true;
}

static bool reply(const struct http_request *request, struct http_response *response,
                  const struct ca_record *ca, const char *content_type, struct view body) {
    struct document document = {.content_type = content_type,
                                .body = body,
                                .modified_us = ca->not_before_us,
                                .max_age = MAX_AGE_SECONDS};
    portal_reply_document(request, response, &document);
    return true;
}

/* rfc5280#4.2.2.1: a single DER certificate is application/pkix-cert. */
HANDLER(portal_ca_der) {
    struct ca_record ca;
    TRY(ca_of(context, request, &ca, err));
    return reply(request, response, &ca, "application/pkix-cert", ca.certificate);
}

HANDLER(portal_ca_pem) {
    struct ca_record ca;
    TRY(ca_of(context, request, &ca, err));
    return reply(request, response, &ca, "application/x-pem-file",
                 view_text(pem_encode(request->arena, "CERTIFICATE", ca.certificate)));
}

/* rfc5280#4.2.2.1: "certs-only" CMS messages, whose media type is in rfc5751#3.2.2. */
HANDLER(portal_ca_chain) {
    const struct portal *portal = context;
    struct ca_record ca;
    struct view *ders, der;
    size_t count;
    TRY(ca_of(context, request, &ca, err));
    TRY(authority_chain(portal->core, request->arena, &ca, &ders, &count, err));
    TRY(certificate_pkcs7(request->arena, ders, count, &der, err));
    return reply(request, response, &ca, "application/pkcs7-mime; smime-type=certs-only", der);
}
