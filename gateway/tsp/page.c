#include "tsp/page.h"

#include "base/buffer.h"
#include "base/clock.h"

static void add_rules(struct buffer *out, const struct tsp_profile *profile) {
    buffer_add_text(out, "<h2>What it gives</h2><ul><li>Hash algorithms: ");
    for (size_t i = 0, shown = 0; i < tsp_digest_count; i++)
        if ((profile->digests & 1u << i) != 0)
            buffer_printf(out, "%s%s", shown++ > 0 ? ", " : "", tsp_digests[i].name);
    buffer_add_text(out, "</li><li>Policies, the first without being asked for: ");
    for (size_t i = 0; i < profile->policy_count; i++)
        buffer_printf(out, "%s%s", i > 0 ? ", " : "", profile->policies[i]);
    buffer_add_text(out, "</li>");
    if (profile->has_accuracy)
        buffer_printf(out, "<li>Accuracy: %lld.%06lld s</li>", (long long)(profile->accuracy_us / US_PER_SECOND),
                      (long long)(profile->accuracy_us % US_PER_SECOND));
    buffer_printf(out, "<li>Authenticode (signtool /t): %s</li></ul>", profile->authenticode ? "yes" : "no");
}

void tsp_page(const struct tsp_issuer *issuer, const struct http_request *request,
              struct http_response *response) {
    struct buffer out = buffer_on(request->arena), url = buffer_on(request->arena);
    const char *host = http_header(request, "Host");
    buffer_printf(&url, "%s://%s/tsa/%s%s%s", request->listener == LISTENER_HTTP ? "http" : "https",
                  host == NULL ? "localhost" : host, issuer->ca_slug, issuer->name[0] != '\0' ? "/" : "",
                  issuer->name);
    const char *address = buffer_text(&url);
    buffer_add_text(&out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<meta name=\"viewport\" content=\"width=device-width\">"
                          "<title>Timestamps</title></head><body><h1>Timestamps</h1><p>This address answers "
                          "RFC 3161 timestamp requests by HTTP POST.</p><h2>How to use it</h2>"
                          "<pre>openssl ts -query -data FILE -sha256 -cert -out FILE.tsq\n"
                          "curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE.tsq \\\n"
                          "    -o FILE.tsr ");
    buffer_add_markup(&out, address);
    buffer_add_text(&out, "\nopenssl ts -verify -data FILE -in FILE.tsr -CAfile ROOT.pem\n\n"
                          "osslsigncode sign -ts ");
    buffer_add_markup(&out, address);
    buffer_add_text(&out, " ...\njarsigner -tsa ");
    buffer_add_markup(&out, address);
    buffer_add_text(&out, " ...\nsigntool sign /tr ");
    buffer_add_markup(&out, address);
    buffer_add_text(&out, " /td SHA256 ...</pre>");
    add_rules(&out, &issuer->profile);
    buffer_add_text(&out, "</body></html>\n");
    http_reply_text(response, 200, "text/html; charset=utf-8", buffer_text(&out));
}
