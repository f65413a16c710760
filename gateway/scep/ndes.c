/* The pages of Microsoft's Network Device Enrollment Service, as the programs that read them expect: a browser
 * or a program logs in and reads a challenge password out of the text. */
#include "scep/room.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/credentials.h"
#include "scep/exchange.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define SECRET_OCTETS 8 /* sixteen hexadecimal digits, as there */

/* Groups of eight digits, as Windows shows a thumbprint. */
static void add_thumbprint(struct buffer *page, struct view der) {
    uint8_t digest[32];
    EVP_Digest(der.at, der.len, digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < sizeof digest; i++)
        buffer_printf(page, "%02X%s", digest[i], i % 4 == 3 ? " " : "");
}

/* The phrases that callers search for are "enrollment challenge password is: <B> ", "only once and will
 * expire within" and "(hash value) for the CA certificate is: <B> ". */
static const char *page_of(struct arena *arena, struct view ca, const char *secret,
                           int64_t minutes) {
    struct buffer page = buffer_on(arena);
    buffer_add_text(&page,
                    "<HTML><Head><Meta HTTP-Equiv=\"Content-Type\" Content=\"text/html; "
                    "charset=UTF-8\"><Title>Network Device Enrollment Service</Title></Head>"
                    "<Body><P ID=locPageTitle> Network Device Enrollment Service allows you to "
                    "obtain certificates for routers or other network devices using the Simple "
                    "Certificate Enrollment Protocol (SCEP). </P><P> To complete certificate "
                    "enrollment for your network device you will need the following information: "
                    "<P> The thumbprint (hash value) for the CA certificate is: <B> ");
    add_thumbprint(&page, ca);
    buffer_printf(&page,
                  "</B> <P> The enrollment challenge password is: <B> %s </B> <P> This password "
                  "can be used only once and will expire within %lld minutes. <P> Each enrollment "
                  "requires a new challenge password. You can refresh this web page to obtain a "
                  "new challenge password. </P></Body></HTML>\r\n",
                  secret, (long long)minutes);
    return buffer_text(&page);
}

/* NDES itself answers in UTF-16LE with a byte order mark; some callers can only that, some only the other. */
static void reply_page(struct http_response *response, struct arena *arena, const char *page,
                       bool utf16) {
    http_add_header(response, "Cache-Control", "no-store");
    if (!utf16) {
        http_reply_text(response, 200, "text/html; charset=utf-8", page);
        return;
    }
    struct buffer wide = buffer_on(arena);
    buffer_add(&wide, "\xff\xfe", 2);
    for (; *page != '\0'; page++) { /* the page is ASCII */
        buffer_add_byte(&wide, (uint8_t)*page);
        buffer_add_byte(&wide, 0);
    }
    http_reply(response, 200, "text/html; charset=utf-16le", buffer_view(&wide));
}

static bool open_page(struct core *core, struct http_request *request, struct scep_target *target,
                      struct error *err) {
    const struct scep_settings *settings = &target->settings;
    const char *slug = request->parameters[0];
    TRY(enrol_target(core, request->arena, slug, SCEP_PROTOCOL, &target->enrolment, err));
    TRY(scep_settings_of(core, request->arena, target->enrolment.record.id, &target->settings, NULL,
                         err));
    if (!settings->ndes.enabled)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no template %.63s.", slug);
    if (!scep_access_allows(&settings->ndes_access, request->address))
        return fail(err, ERROR_FORBIDDEN, "scep-address",
                    "The template's access list does not have the address %.64s.",
                    request->address);
    return request->listener != LISTENER_HTTP || settings->ndes.insecure_http ||
           fail(err, ERROR_FORBIDDEN, "tls-needed",
                "This page shows passwords: use the https address.");
}

HANDLER(scep_ndes_admin) {
    struct scep_target target;
    struct credential credential;
    struct actor actor;
    const char *secret;
    TRY(open_page(context, request, &target, err));
    struct error why = {0};
    if (!scep_caller(context, request, response, &actor, &why)) {
        if (why.kind != ERROR_UNAUTHENTICATED) {
            *err = why;
            return false;
        }
        /* Said here: the header must stay. */
        http_reply_text(response, 401, "text/plain; charset=utf-8",
                        arena_printf(request->arena, "%s\n", why.message));
        if (http_header(request, "Authorization") != NULL)
            http_add_header(response, "WWW-Authenticate", "Basic realm=\"Gatehouse\"");
        return true;
    }
    struct credential_order order = {
        .template_id = target.enrolment.record.id,
        .kind = CREDENTIAL_CHALLENGE,
        .label = "NDES",
        .secret_octets = SECRET_OCTETS,
        .uses = 1,
        .expires_us = clock_now_us() + target.settings.ndes.minutes * 60 * US_PER_SECOND};
    TRY(credential_create(context, request->arena, &actor, &order, &credential, &secret, err));
    reply_page(response, request->arena,
               page_of(request->arena, target.enrolment.ca.certificate, secret,
                       target.settings.ndes.minutes),
               target.settings.ndes.utf16);
    return true;
}

/* /certsrv/mscep/{template}/mscep.dll/pkiclient.exe is SCEP itself. */
HANDLER(scep_ndes) {
    static const char *const known[] = {"", "mscep.dll", "mscep.dll/pkiclient.exe", "pkiclient.exe"};
    const char *suffix = request->parameters[1] == NULL ? "" : request->parameters[1];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(suffix, known[i]) == 0)
            return scep_public(context, request, response, err);
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is nothing under this path.");
}
