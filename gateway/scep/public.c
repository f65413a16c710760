/* SCEP over HTTP (RFC 8894 section 4). */
#include "scep/room.h"

#include "base/encode.h"
#include "base/log.h"
#include "scep/exchange.h"
#include "store/cas.h"

#include <string.h>
#include <strings.h>

#define CAPS_TYPE "text/plain"

static void reply_text(struct http_response *response, int status, const char *text) {
    http_add_header(response, "Cache-Control", "no-store");
    http_reply_text(response, status, "text/plain; charset=utf-8", text);
}

/* SCEP clients show HTTP's body at best: plain words, no problem document. */
static bool refuse(struct http_request *request, struct http_response *response,
                   const struct error *err) {
    int status = http_status_of(err->kind);
    if (status >= 500)
        log_failure(LOG_ERROR, "scep", request->path, err);
    if (status == 503 || status == 429)
        http_add_header(response, "Retry-After", "30");
    reply_text(response, status == 401 || status == 422 ? 400 : status,
               status == 500 ? "The gateway has failed; its log says why.\n"
                             : arena_printf(request->arena, "%s\n", err->message));
    return true;
}

static bool get_caps(const struct scep_target *target, struct http_request *request,
                     struct http_response *response) {
    struct buffer text = buffer_on(request->arena);
    /* rfc8894#3.5.2. SHA-384 is not in its list, but true; strongSwan 5.9.8 looks at the wrong bits and finds
     * AES and SHA-256 only with it. */
    buffer_add_text(&text, "AES\nPOSTPKIOperation\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n");
    if (target->settings.renewal.enabled)
        buffer_add_text(&text, "Renewal\n");
    if (target->settings.next_ca != NULL)
        buffer_add_text(&text, "GetNextCACert\n");
    if (target->settings.legacy)
        buffer_add_text(&text, "SHA-1\nDES3\n");
    http_reply_text(response, 200, CAPS_TYPE, buffer_text(&text));
    return true;
}

/* Is it its own issuer? */
static bool is_root(struct view der) {
    const unsigned char *at = der.at;
    AUTO(X509) *certificate = d2i_X509(NULL, &at, (long)der.len);
    return certificate != NULL && X509_NAME_cmp(X509_get_subject_name(certificate),
                                                X509_get_issuer_name(certificate)) == 0;
}

/* The CA first, then its issuers; without their root when that is to be left out. */
static bool chain_of(struct core *core, struct arena *arena, const struct ca_record *ca,
                     bool strip_root, struct view **ret_ders, size_t *ret_count, struct error *err) {
    struct view *ders;
    size_t count, kept = 1;
    TRY(authority_chain(core, arena, ca, &ders, &count, err));
    for (size_t i = 1; i < count; i++)
        if (!strip_root || !is_root(ders[i]))
            ders[kept++] = ders[i];
    *ret_ders = ders;
    *ret_count = count == 0 ? 0 : kept;
    return true;
}

static bool get_ca(struct core *core, const struct scep_target *target, struct http_request *request,
                   struct http_response *response, struct error *err) {
    struct arena *arena = request->arena;
    const struct ca_record *ca = &target->enrolment.ca;
    struct scep_recipient *recipients;
    struct view *chain, bag;
    size_t recipient_count, chain_count;
    TRY(scep_recipients(core, arena, ca, &recipients, &recipient_count, err));
    TRY(chain_of(core, arena, ca, target->settings.strip_root, &chain, &chain_count, err));
    /* rfc8894#4.2.1.2: the RA's certificate and the chain. Only the newest: clients take any. */
    struct view *ders = arena_array(arena, chain_count + 1, sizeof *ders);
    ders[0] = certificate_der(arena, recipients[0].certificate);
    memcpy(ders + 1, chain, chain_count * sizeof *ders);
    TRY(scep_degenerate(arena, ders, chain_count + 1, (struct view){0}, &bag, err));
    http_reply(response, 200, "application/x-x509-ca-ra-cert", bag);
    return true;
}

static bool get_next_ca(struct core *core, const struct scep_target *target,
                        struct http_request *request, struct http_response *response,
                        struct error *err) {
    struct arena *arena = request->arena;
    struct scep_recipient *present, *next_recipients;
    struct ca_record next;
    struct view *chain, bag, der;
    size_t count, next_count, chain_count;
    if (target->settings.next_ca == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "There is no next CA; its certificates are announced here when there is one.");
    TRY(authority_public(core, arena, target->settings.next_ca, &next, err));
    TRY(scep_recipients(core, arena, &target->enrolment.ca, &present, &count, err));
    TRY(scep_recipients(core, arena, &next, &next_recipients, &next_count, err));
    TRY(chain_of(core, arena, &next, target->settings.strip_root, &chain, &chain_count, err));
    struct view *ders = arena_array(arena, chain_count + 1, sizeof *ders);
    memcpy(ders, chain, chain_count * sizeof *ders);
    ders[chain_count] = certificate_der(arena, next_recipients[0].certificate);
    TRY(scep_degenerate(arena, ders, chain_count + 1, (struct view){0}, &bag, err));
    TRY(scep_sign(arena, bag, &present[0], &der, err)); /* rfc8894#4.6.1.1 */
    http_reply(response, 200, "application/x-x509-next-ca-cert", der);
    return true;
}

/* rfc8894#4.1: base64 in the query. A plus sign that was not percent-encoded arrives as a space; many clients
 * send it so. */
static bool message_of(struct http_request *request, struct view *ret_der, struct error *err) {
    if (strcmp(request->method, "POST") == 0) {
        *ret_der = request->body;
        return true;
    }
    const char *message = http_query(request, "message");
    if (message == NULL)
        return fail(err, ERROR_MALFORMED, "scep-message",
                    "PKIOperation by GET needs its message in the query.");
    char *text = arena_strdup(request->arena, message);
    for (char *at = text; *at != '\0'; at++)
        if (*at == ' ')
            *at = '+';
    return base64_decode(request->arena, view_text(text), ret_der) ||
           fail(err, ERROR_MALFORMED, "scep-message", "The message in the query is no base64.");
}

static bool operate(struct core *core, const struct scep_target *target,
                    struct http_request *request, struct http_response *response,
                    struct error *err) {
    struct scep_exchange x = {.core = core,
                              .arena = request->arena,
                              .address = request->address,
                              .request_id = request->id,
                              .target = target};
    struct view message, reply;
    TRY(message_of(request, &message, err));
    TRY(scep_operate(&x, message, &reply, err));
    http_add_header(response, "Cache-Control", "no-store");
    http_reply(response, 200, "application/x-pki-message", reply);
    return true;
}

static bool dispatch(struct core *core, struct http_request *request,
                     struct http_response *response, struct error *err) {
    const char *operation = http_query(request, "operation");
    struct scep_target target;
    TRY(scep_target_open(core, request->arena, request->parameters[0], request->address, &target,
                         err));
    if (operation == NULL)
        return fail(err, ERROR_MALFORMED, "scep-message",
                    "A SCEP request names its operation: GetCACaps, GetCACert, GetNextCACert or "
                    "PKIOperation.");
    if (strcmp(operation, "PKIOperation") == 0)
        return operate(core, &target, request, response, err);
    if (strcmp(request->method, "POST") == 0)
        return fail(err, ERROR_MALFORMED, "scep-message", "Only PKIOperation comes by POST.");
    if (strcmp(operation, "GetCACaps") == 0)
        return get_caps(&target, request, response);
    if (strcmp(operation, "GetCACert") == 0 || strcmp(operation, "GetCAChain") == 0)
        return get_ca(core, &target, request, response, err);
    if (strcmp(operation, "GetNextCACert") == 0)
        return get_next_ca(core, &target, request, response, err);
    return fail(err, ERROR_MALFORMED, "scep-message",
                "The operation \"%.40s\" is unknown; there are GetCACaps, GetCACert, GetNextCACert "
                "and PKIOperation.",
                operation);
}

HANDLER(scep_public) {
    struct error why = {0};
    return dispatch(context, request, response, &why) || refuse(request, response, &why);
}

/* What stands behind the template: what old devices append, and "nop/" with anything behind it for those that
 * append something to every URL. */
HANDLER(scep_public_suffix) {
    static const char *const known[] = {"", "pkiclient.exe", "cgi-bin/pkiclient.exe", "nop", "mdm"};
    const char *suffix = request->parameters[1];
    bool fits = strncasecmp(suffix, "nop/", 4) == 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        fits = fits || strcasecmp(suffix, known[i]) == 0;
    if (fits)
        return scep_public(context, request, response, err);
    return fail(err, ERROR_NOT_FOUND, "not-found",
                "There is nothing under this path; a template's SCEP URL ends with its id.");
}
