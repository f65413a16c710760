/* The page's frame, and how texts get into it. No script, no inline style: the policy allows neither. */
#include "agent/page_internal.h"

#include <stdio.h>
#include <string.h>

#define POLICY                                                                                                         \
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Gatehouse agent</title>"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<link rel=\"stylesheet\" href=\"/agent.css\"></head><body>"
    "<header><a href=\"/\">Gatehouse agent</a>"
    "<form method=\"post\" action=\"/reload\"><button class=\"quiet\" title=\"Reads agent.conf, starts the modules and "
    "connects anew\">Reload</button></form></header><main>";

void put(struct buffer *out, const char *text) {
    buffer_add_text(out, text);
}

void put_text(struct buffer *out, const char *text) {
    buffer_add_markup(out, text);
}

void put_query(struct buffer *out, const char *uri) {
    put(out, "?uri=");
    for (const char *at = uri; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        buffer_printf(out, plain ? "%c" : "%%%02X", c);
    }
}

void put_hidden(struct buffer *out, const char *name, const char *value) {
    buffer_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    put_text(out, value);
    put(out, "\">");
}

void page_begin(struct buffer *out, const struct answer *answer) {
    put(out, head);
    if (answer->news != NULL) {
        put(out, answer->bad ? "<p class=\"news bad\" role=\"alert\">" : "<p class=\"news\" role=\"status\">");
        put_text(out, answer->news);
        put(out, "</p>");
    }
    if (answer->pem == NULL)
        return;
    put(out, "<section><h2>");
    put_text(out, answer->what);
    put(out, "</h2><pre tabindex=\"0\">");
    put_text(out, answer->pem);
    put(out, "</pre></section>");
}

void page_end(struct page *page, struct http_response *response, const struct answer *answer, struct buffer *out) {
    (void)page;
    put(out, "</main><footer>gatehouse-agent " GATEHOUSE_VERSION "</footer></body></html>\n");
    http_add_header(response, "Content-Security-Policy", POLICY);
    http_add_header(response, "X-Content-Type-Options", "nosniff");
    http_add_header(response, "Referrer-Policy", "no-referrer");
    http_add_header(response, "Cache-Control", "no-store");
    http_reply(response, answer->status == 0 ? 200 : answer->status, "text/html; charset=utf-8", buffer_view(out));
}
