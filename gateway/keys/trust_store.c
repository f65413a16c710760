/* A CA's certificate and its issuers as a trust store that Java takes as it is. */
#include "keys/handlers.h"

HANDLER(trust_store_create) {
    static const char *const members[] = {"password", NULL};
    const struct json *document;
    struct ca_record ca;
    struct view file, ders[1];
    struct pkcs12_order order = {
        .ders = ders, .count = 1, .protection = PKCS12_COMPATIBLE, .trust_store = true};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "password", &order.password, err));
    TRY(pkcs12_password_check(order.password, err));
    TRY(authority_get(context, request->arena, actor_of(request), request->parameters[0], &ca, err));
    if (ca.certificate.len == 0)
        return fail(err, ERROR_CONFLICT, "ca-state", "The authority %s has no certificate yet.",
                    ca.slug);
    ders[0] = ca.certificate;
    order.name = ca.slug;
    TRY(pkcs12_make(request->arena, &order, &file, err));
    reply_file(response, "application/pkcs12", arena_printf(request->arena, "%s-trust.p12", ca.slug),
               file);
    return true;
}
