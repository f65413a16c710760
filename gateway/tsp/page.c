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

static void add_tools(struct buffer *out, const char *address) {
    static const char *const lines[][2] = {
        {"osslsigncode sign -ts ", " ...\n"}, {"jarsigner -tsa ", " ...\n"}, {"signtool sign /tr ", " /td SHA256 ..."}};
    buffer_add_text(out, "\nopenssl ts -verify -data FILE -in FILE.tsr -CAfile ROOT.pem\n\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        buffer_add_text(out, lines[i][0]);
        buffer_add_markup(out, address);
        buffer_add_text(out, lines[i][1]);
    }
    buffer_add_text(out, "</pre>");
}

static void add_cms(struct buffer *out, const char *address) {
    (void)address;
    buffer_add_text(out, "\nopenssl ts -reply -in FILE.tsr -token_out -out FILE.tst\n"
                         "openssl cms -verify -inform DER -in FILE.tst -CAfile ROOT.pem -purpose timestampsign -out FILE.info\n"
                         "openssl ts -reply -in FILE.tsr -text    # its message data is the hash of FILE\n"
                         "openssl dgst -sha256 FILE</pre><p>The signature is of a kind that openssl ts -verify and tools "
                         "for code signing do not know.</p>");
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
    /* openssl ts and the signing tools know RSA and EC alone. */
    (issuer->signer.whole ? add_cms : add_tools)(&out, address);
    add_rules(&out, &issuer->profile);
    buffer_add_text(&out, "</body></html>\n");
    http_reply_text(response, 200, "text/html; charset=utf-8", buffer_text(&out));
}
