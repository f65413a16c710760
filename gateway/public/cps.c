/* What an authority says about itself: its practice statement, its certificates. */
#include "public/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/handles.h"

#include <openssl/sha.h>
#include <string.h>

bool public_ca(struct core *core, struct arena *arena, const char *slug, struct ca_record *ret,
               struct ca_settings *ret_settings, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_slug(tx.tx, arena, &scope_everything, slug, ret, err);
    TRY(done);
    if (ret->certificate.len == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no authority %.63s.", slug);
    return authority_settings(arena, ret, ret_settings, err);
}

static bool is_url(const char *text) {
    return (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0) &&
           strpbrk(text, " \n\t") == NULL;
}

/* --- a statement after RFC 3647, as a start ------------------------------------------------------------ */

struct facts {
    const struct ca_record *ca;
    const struct ca_settings *settings;
    struct ca_urls urls;
    const char *page, *until;
};

static void add_urls(struct buffer *out, const char *what, const struct text_list *urls) {
    for (size_t i = 0; i < urls->count; i++)
        buffer_printf(out, "%s: %s\n", what, urls->items[i]);
}

static void add_beginning(struct buffer *out, const struct facts *f) {
    buffer_printf(out,
                  "CERTIFICATION PRACTICE STATEMENT\n%s\n\n"
                  "This text follows the outline of RFC 3647. It was made from the settings of the authority, as a\n"
                  "start: whoever runs it should complete it and put its own text in its place.\n\n",
                  f->ca->name);
    buffer_printf(out,
                  "1. INTRODUCTION\n\n"
                  "1.1 Overview. The authority %s signs certificates under the name\n%s\n"
                  "1.2 Document name. This statement is published at %s\n"
                  "1.3 Participants. The authority; those who register requests on its behalf; subscribers, who hold\n"
                  "the keys; relying parties, who verify certificates.\n"
                  "1.4 Certificate usage. What a certificate may be used for stands in its key usage extensions.\n"
                  "1.5 Policy administration. Contact: %s\n\n",
                  f->ca->name, f->ca->subject, f->page,
                  f->settings->contact[0] == '\0' ? "(to be completed)" : f->settings->contact);
    buffer_add_text(out, "2. PUBLICATION AND REPOSITORY\n\n");
    add_urls(out, "Certificate of the authority", &f->urls.ca_issuers);
    add_urls(out, "Revocation list", &f->urls.crl);
    add_urls(out, "OCSP", &f->urls.ocsp);
    buffer_printf(out, "Revocation lists are valid for %lld hours, OCSP answers for %lld hours.\n\n",
                  (long long)f->settings->crl_hours, (long long)f->settings->ocsp_hours);
}

static void add_middle(struct buffer *out) {
    buffer_add_text(
        out,
        "3. IDENTIFICATION AND AUTHENTICATION\n\n"
        "3.1 Naming. Each kind of certificate (template) says which names it takes.\n"
        "3.2 Initial validation. The requester proves possession of the private key by signing the request.\n"
        "Further checks depend on the template: approval by one or two persons, confirmation of the e-mail\n"
        "address, or the checks of the protocol in use (ACME, SCEP, EST, CMP).\n"
        "3.3 Renewal. By the key of the present certificate, where the template allows it.\n"
        "3.4 Revocation. By the authority's staff, or by a protocol that proves possession of the key.\n\n"
        "4. LIFE-CYCLE\n\n"
        "4.1 Application. Online, by the protocols and pages of this service.\n"
        "4.2 Processing. Every request is judged by its template before anything is signed.\n"
        "4.3 Issuance. Every certificate is checked by a linter before it is signed, and its issuance recorded.\n"
        "4.6 Renewal, 4.7 re-key: a new certificate with the same names and, for re-key, another key.\n"
        "4.9 Revocation and suspension. Reasons are those of RFC 5280. A hold can be released.\n"
        "4.10 Status services. Those of section 2.\n\n"
        "5. FACILITY, MANAGEMENT AND OPERATIONAL CONTROLS\n\n"
        "(To be completed: physical access, trusted roles, personnel.)\n"
        "5.4 Audit logging. Every change, refusal and issuance is an event that cannot be altered afterwards.\n\n"
        "6. TECHNICAL SECURITY CONTROLS\n\n");
}

static void add_end(struct buffer *out, const struct facts *f) {
    buffer_printf(out,
                  "6.1 Key pair of the authority: %s, kept in a cryptographic token and used through PKCS#11 alone.\n"
                  "6.2 Private keys of subscribers are made by the subscribers and never sent to the authority,\n"
                  "unless they ask for a key to be made for them.\n"
                  "6.3 The certificate of the authority is valid until %s.\n\n"
                  "7. CERTIFICATE, CRL AND OCSP PROFILES\n\n"
                  "X.509 version 3 and CRLs of version 2 after RFC 5280; OCSP after RFC 6960.\n\n"
                  "8. COMPLIANCE AUDIT\n\n(To be completed.)\n\n"
                  "9. OTHER BUSINESS AND LEGAL MATTERS\n\n(To be completed.)\n",
                  f->ca->key_type, f->until);
}

bool public_statement(struct core *core, struct arena *arena, const struct ca_record *ca,
                      const struct ca_settings *settings, const char **ret_text, struct error *err) {
    struct facts f = {.ca = ca, .settings = settings};
    struct buffer out = buffer_on(arena);
    struct core_urls urls;
    char until[TIME_TEXT_SIZE];
    if (settings->cps[0] != '\0') {
        *ret_text = is_url(settings->cps) ? NULL : settings->cps;
        return true;
    }
    TRY(core_public_urls(core, arena, &urls, err));
    TRY(authority_urls(core, arena, ca, &f.urls, err));
    time_format(ca->not_after_us, until);
    f.until = until;
    f.page = arena_printf(arena, "%s/cps/%s", urls.https, ca->slug);
    add_beginning(&out, &f);
    add_middle(&out);
    add_end(&out, &f);
    *ret_text = buffer_text(&out);
    return true;
}

static const char *fingerprint(struct arena *arena, struct view der) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(der.at, der.len, hash);
    return hex_encode(arena, view_of(hash, sizeof hash));
}

HANDLER(public_authority) {
    struct public_pages *pages = context;
    struct public_settings open;
    struct ca_settings settings;
    struct ca_record ca;
    const char *text;
    TRY(ask_no_query(request, err));
    TRY(public_check_open(pages->core, request->arena, &open, err));
    TRY(public_slow_down(pages, request, err));
    TRY(public_ca(pages->core, request->arena, request->parameters[0], &ca, &settings, err));
    TRY(public_statement(pages->core, request->arena, &ca, &settings, &text, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", ca.slug);
    json_put_string(&w, "name", ca.name);
    json_put_string(&w, "subject", ca.subject);
    put_text_or_null(&w, "contact", settings.contact);
    json_put_string(&w, "statement", text);
    json_put_string(&w, "statementUrl", text == NULL ? settings.cps : NULL);
    json_put_bool(&w, "written", settings.cps[0] != '\0');
    json_put_string(&w, "certificate", certificate_pem(request->arena, ca.certificate));
    json_put_string(&w, "fingerprint", fingerprint(request->arena, ca.certificate));
    json_put_time(&w, "notAfter", ca.not_after_us);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* For those without JavaScript. */
HANDLER(public_statement_text) {
    struct public_pages *pages = context;
    struct public_settings open;
    struct ca_settings settings;
    struct ca_record ca;
    const char *text;
    TRY(public_check_open(pages->core, request->arena, &open, err));
    TRY(public_ca(pages->core, request->arena, request->parameters[0], &ca, &settings, err));
    TRY(public_statement(pages->core, request->arena, &ca, &settings, &text, err));
    if (text == NULL)
        text = arena_printf(request->arena, "The practice statement is at %s\n", settings.cps);
    http_reply_text(response, 200, "text/plain; charset=utf-8", text);
    return true;
}
