/* Certificates in the forms that people download. */
#include "api/handlers.h"

#include <string.h>

static const struct {
    const char *name, *content_type, *suffix;
} formats[] = {
    [FORMAT_JSON] = {"json", NULL, NULL},
    [FORMAT_PEM] = {"pem", "application/x-pem-file", "pem"},
    [FORMAT_DER] = {"der", "application/pkix-cert", "crt"},
    /* rfc8551#3.2: certs-only */
    [FORMAT_P7B] = {"p7b", "application/pkcs7-mime; smime-type=certs-only", "p7b"},
    /* rfc8555#9.1 */
    [FORMAT_CHAIN] = {"chain", "application/pem-certificate-chain", "chain.pem"},
    [FORMAT_TEXT] = {"text", "text/plain; charset=utf-8", "txt"},
};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

bool document_format(const struct http_request *request, enum document_format *ret_format,
                     struct error *err) {
    static const char *const names[] = {"format", NULL};
    TRY(ask_query(request, names, err));
    const char *wanted = http_query(request, "format");
    if (wanted == NULL)
        wanted = "json";
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(wanted, formats[i].name) == 0) {
            *ret_format = (enum document_format)i;
            return true;
        }
    return fail(err, ERROR_MALFORMED, "bad-query",
                "The query parameter \"format\" is json, pem, der, p7b, chain or text.");
}

static struct view chain_pem(struct arena *arena, const struct view *ders, size_t count) {
    struct buffer out = buffer_on(arena);
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&out, certificate_pem(arena, ders[i]));
    return buffer_view(&out);
}

bool document_reply(const struct http_request *request, struct http_response *response,
                    enum document_format format, const char *name, const struct view *ders,
                    size_t count, struct error *err) {
    struct arena *arena = request->arena;
    struct view bytes = ders[0];
    if (format == FORMAT_PEM)
        bytes = view_text(certificate_pem(arena, ders[0]));
    if (format == FORMAT_CHAIN)
        bytes = chain_pem(arena, ders, count);
    if (format == FORMAT_P7B)
        TRY(certificate_pkcs7(arena, ders, count, &bytes, err));
    if (format == FORMAT_TEXT) {
        AUTO(X509) *certificate = NULL;
        TRY(certificate_decode(arena, ders[0], &certificate, err));
        bytes = view_text(certificate_text(arena, certificate));
    }
    reply_file(response, formats[format].content_type,
               arena_printf(arena, "%s.%s", name, formats[format].suffix), bytes);
    return true;
}
