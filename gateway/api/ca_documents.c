/* What a CA gives out: its request, its certificate, its URLs, its CRL. */
#include "api/handlers.h"

#include "base/encode.h"
#include "ca/generations.h"
#include "ca/status.h"

#include <string.h>

static bool get_ca(void *context, const struct http_request *request, struct ca_record *ret,
                   struct error *err) {
    return authority_get(context, request->arena, actor_of(request), request->parameters[0], ret,
                         err);
}

/* ?format=pem|der of routes that give a file alone; PEM when it is absent. */
static bool pem_or_der(const struct http_request *request, bool *ret_der, struct error *err) {
    enum document_format format;
    TRY(document_format(request, &format, err));
    if (format != FORMAT_JSON && format != FORMAT_PEM && format != FORMAT_DER)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"format\" is pem or der here.");
    *ret_der = format == FORMAT_DER;
    return true;
}

HANDLER(cas_csr) {
    struct ca_record ca;
    bool der;
    TRY(pem_or_der(request, &der, err));
    TRY(get_ca(context, request, &ca, err));
    if (ca.csr.len == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "The CA \"%s\" was not made as \"CSR only\", so it has no request.", ca.slug);
    struct view bytes = ca.csr;
    if (!der)
        bytes = view_text(pem_encode(request->arena, "CERTIFICATE REQUEST", ca.csr));
    reply_file(response, "application/pkcs10",
               arena_printf(request->arena, "%s.%s", ca.slug, der ? "p10" : "csr"), bytes);
    return true;
}

HANDLER(cas_certificate) {
    struct ca_record ca;
    struct view *ders = NULL;
    size_t count = 0;
    enum document_format format;
    TRY(document_format(request, &format, err));
    if (format == FORMAT_JSON)
        format = FORMAT_PEM;
    TRY(get_ca(context, request, &ca, err));
    if (ca.certificate.len == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "The CA \"%s\" is still waiting for its certificate.", ca.slug);
    TRY(authority_chain(context, request->arena, &ca, &ders, &count, err));
    return document_reply(request, response, format, ca.slug, ders, count, err);
}

static void write_texts(struct json_writer *w, const char *name, const char *const *items,
                        size_t count) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_add_string(w, items[i]);
    json_close_array(w);
}

HANDLER(cas_urls) {
    struct ca_record ca;
    struct ca_urls urls;
    TRY(ask_no_query(request, err));
    TRY(get_ca(context, request, &ca, err));
    TRY(authority_urls(context, request->arena, &ca, &urls, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", ca.slug);
    write_texts(&w, "crl", urls.crl.items, urls.crl.count);
    write_texts(&w, "caIssuers", urls.ca_issuers.items, urls.ca_issuers.count);
    write_texts(&w, "ocsp", urls.ocsp.items, urls.ocsp.count);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

void crl_reply_info(struct http_request *request, struct http_response *response, const char *slug,
                    const struct crl_document *crl) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", slug);
    json_put_int(&w, "number", crl->number);
    json_put_time(&w, "thisUpdate", crl->this_update_us);
    json_put_time(&w, "nextUpdate", crl->next_update_us);
    json_put_int(&w, "size", (int64_t)crl->der.len);
    json_close_object(&w);
    reply_json(response, 200, &w);
}

HANDLER(cas_crl) {
    struct ca_record ca;
    struct crl_document crl;
    enum document_format format;
    TRY(document_format(request, &format, err));
    if (format != FORMAT_JSON && format != FORMAT_PEM && format != FORMAT_DER)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"format\" is json, pem or der here.");
    TRY(get_ca(context, request, &ca, err));
    TRY(status_crl(context, request->arena, generation_slug(request->arena, &ca), &crl, err));
    if (format == FORMAT_JSON) {
        crl_reply_info(request, response, ca.slug, &crl);
        return true;
    }
    bool der = format == FORMAT_DER;
    struct view bytes = der ? crl.der : view_text(pem_encode(request->arena, "X509 CRL", crl.der));
    reply_file(response, der ? "application/pkix-crl" : "application/x-pem-file",
               arena_printf(request->arena, "%s.%s", ca.slug, der ? "crl" : "crl.pem"), bytes);
    return true;
}
