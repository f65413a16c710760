/* The start page: plain HTML made here, without scripts, so that it works in every browser and
 * under the strictest policy. */
#include "portal/internal.h"

#include "base/encode.h"
#include "ca/authority.h"

#include <openssl/evp.h>
#include <string.h>

#define POLICY                                                                                     \
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "  \
    "frame-ancestors 'none'"

static void add(struct buffer *out, const char *html) {
    buffer_add_text(out, html);
}

static void add_field(struct buffer *out, const char *name, const char *value, bool is_code) {
    buffer_printf(out, "<dt>%s</dt><dd>%s", name, is_code ? "<code>" : "");
    buffer_add_markup(out, value);
    buffer_printf(out, "%s</dd>\n", is_code ? "</code>" : "");
}

/* A link to one of the CA's documents; people who hear the page need to know which CA it is of. */
static void add_link(struct buffer *out, const struct ca_record *ca, const char *folder,
                     const char *suffix, const char *text) {
    buffer_printf(out, "<li><a href=\"/%s/", folder);
    buffer_add_markup(out, ca->slug);
    buffer_printf(out, "%s\">%s<span class=\"unseen\"> of ", suffix, text);
    buffer_add_markup(out, ca->name);
    add(out, "</span></a></li>\n");
}

static const char *fingerprint(struct arena *arena, struct view der) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct buffer out = buffer_on(arena);
    if (EVP_Digest(der.at, der.len, digest, NULL, EVP_sha256(), NULL) == 1)
        for (int i = 0; i < 32; i++)
            buffer_printf(&out, "%s%02X", i == 0 ? "" : ":", digest[i]);
    return buffer_text(&out);
}

static bool add_ca(struct buffer *out, struct core *core, const struct ca_record *ca,
                   struct error *err) {
    struct arena *arena = out->arena;
    struct ca_urls urls;
    char until[TIME_TEXT_SIZE];
    TRY(authority_urls(core, arena, ca, &urls, err));
    time_format(ca->not_after_us, until);
    until[strcspn(until, "T")] = '\0';
    add(out, "<article>\n<h3>");
    buffer_add_markup(out, ca->name);
    add(out, "</h3>\n<dl>\n");
    add_field(out, "Subject", ca->subject, false);
    add_field(out, "Key", ca->key_type, false);
    add_field(out, "Valid until", until, false);
    add_field(out, "SHA-256 fingerprint", fingerprint(arena, ca->certificate), true);
    if (urls.ocsp.count > 0)
        add_field(out, "OCSP responder", urls.ocsp.items[0], true);
    add(out, "</dl>\n<ul class=\"links\">\n");
    add_link(out, ca, "ca", ".crt", "Certificate (DER)");
    add_link(out, ca, "ca", ".pem", "Certificate (PEM)");
    add_link(out, ca, "ca", ".p7c", "Chain (PKCS #7)");
    add_link(out, ca, "crl", ".crl", "CRL (DER)");
    add_link(out, ca, "crl", ".pem", "CRL (PEM)");
    add(out, "</ul>\n</article>\n");
    return true;
}

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Gatehouse</title>\n"
    "<link rel=\"icon\" type=\"image/svg+xml\" href=\"/assets/icon.svg\">\n"
    "<link rel=\"stylesheet\" href=\"/assets/start.css\">\n"
    "</head>\n"
    "<body>\n"
    "<header>\n"
    "<img src=\"/assets/icon.svg\" alt=\"\" width=\"40\" height=\"40\">\n"
    "<h1>Gatehouse</h1>\n"
    "</header>\n"
    "<main>\n"
    "<p>Certification authorities, certificate requests, revocation lists and OCSP.</p>\n"
    "<h2>Certification authorities</h2>\n";

static bool add_authorities(struct buffer *out, struct core *core, struct error *err) {
    struct ca_record *items;
    size_t count;
    TRY(authority_public_list(core, out->arena, &items, &count, err));
    if (count == 0)
        add(out, "<p>There is none yet. An administrator makes the first one with the API.</p>\n");
    for (size_t i = 0; i < count; i++)
        TRY(add_ca(out, core, &items[i], err));
    return true;
}

static bool add_programs(struct buffer *out, struct core *core, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, out->arena, &urls, err));
    add(out, "<h2>For programs</h2>\n<p>The REST API is described by its <a href=\"");
    buffer_add_markup(out, urls.https);
    add(out, "/api/v1/openapi.json\">OpenAPI document</a>; its address is <code>");
    buffer_add_markup(out, urls.https);
    add(out, "/api/v1</code>.</p>\n</main>\n</body>\n</html>\n");
    return true;
}

HANDLER(portal_start) {
    const struct portal *portal = context;
    struct buffer out = buffer_on(request->arena);
    add(&out, head);
    TRY(add_authorities(&out, portal->core, err));
    TRY(add_programs(&out, portal->core, err));
    http_add_header(response, "Content-Security-Policy", POLICY);
    http_add_header(response, "Cache-Control", "no-cache");
    http_reply(response, 200, "text/html; charset=utf-8", buffer_view(&out));
    return true;
}

static bool asset(const struct http_request *request, struct http_response *response,
                  const char *content_type, const unsigned char *at, unsigned long size) {
    struct document document = {
        .content_type = content_type, .body = view_of(at, size), .modified_us = 0, .max_age = 600};
    portal_reply_document(request, response, &document);
    return true;
}

HANDLER(portal_style) {
    (void)context, (void)err;
    return asset(request, response, "text/css; charset=utf-8", asset_start_css,
                 asset_start_css_size);
}

HANDLER(portal_icon) {
    (void)context, (void)err;
    return asset(request, response, "image/svg+xml", asset_icon_svg, asset_icon_svg_size);
}
