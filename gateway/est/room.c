/* EST over HTTP (RFC 7030 section 3.2). */
#include "est/est.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "est/digest.h"
#include "est/manage.h"
#include "store/organisations.h"
#include "x509/certificate.h"

#include <string.h>
#include <strings.h>

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS) /* rfc7030#3.3: never without */
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define CERTS_ONLY "application/pkcs7-mime; smime-type=certs-only"

/* --- answering ---------------------------------------------------------------------------------------- */

/* rfc8951#3.1: base64, and Content-Transfer-Encoding means nothing any more; older clients want to see it. */
static void reply(struct http_response *response, const char *type, enum est_form form,
                  struct view der) {
    http_add_header(response, "Content-Transfer-Encoding", form == EST_DER ? "binary" : "base64");
    http_add_header(response, "Cache-Control", "no-store");
    http_reply(response, 200, type, est_body_encode(response->arena, form, der));
}

/* EST clients show the body at best (rfc7030#4.2.3): plain words, no problem document. */
static void reply_text(struct http_response *response, int status, const char *text) {
    http_add_header(response, "Cache-Control", "no-store");
    http_reply_text(response, status, "text/plain; charset=utf-8", text);
}

static void refuse(struct http_request *request, struct http_response *response,
                   const struct error *err) {
    int status = http_status_of(err->kind);
    if (status >= 500)
        log_failure(LOG_ERROR, "est", request->path, err);
    if (status == 503 || status == 429)
        http_add_header(response, "Retry-After", "30");
    if (status == 401)
        http_add_header(response, "WWW-Authenticate",
                        "Basic realm=\"" EST_REALM "\", charset=\"UTF-8\"");
    /* How every client begins that has a password; Bouncy Castle's goes on only when there is no body. */
    if (status == 401 && http_header(request, "Authorization") == NULL && request->client_certificate.len == 0) {
        http_reply(response, status, NULL, (struct view){0});
        return;
    }
    reply_text(response, status == 422 || status == 409 ? 400 : status,
               status == 500 ? "The gateway has failed; its log says why.\n"
                             : arena_printf(request->arena, "%s\n", err->message));
}

/* --- asking ------------------------------------------------------------------------------------------- */

/* The template behind the path: its label, or the instance's default. */
static bool open_exchange(struct core *core, struct http_request *request, bool labelled,
                          struct est_exchange *x, struct error *err) {
    const char *slug = labelled ? request->parameters[0] : NULL;
    *x = (struct est_exchange){.core = core,
                               .arena = request->arena,
                               .address = request->address,
                               .request_id = request->id,
                               .proof = {.path = request->raw_path == NULL ? request->path : request->raw_path,
                                         .certificate = request->client_certificate,
                                         .chain = request->client_chain,
                                         .chain_count = request->client_chain_count,
                                         .tls_exporter = request->tls_exporter,
                                         .tls_unique = request->tls_unique}};
    if (!labelled) {
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = setting_get(tx.tx, request->arena, EST_DEFAULT_SETTING, &slug, err);
        TRY(done);
        if (slug == NULL || slug[0] == '\0')
            return fail(err, ERROR_NOT_FOUND, "not-found",
                        "No template answers here by default; use /.well-known/est/{template}.");
    }
    return est_open(x, slug, err);
}

/* rfc7617#2, rfc7616#3.4 */
static bool read_authorization(struct http_request *request, struct est_exchange *x, struct error *err) {
    const char *header = http_header(request, "Authorization");
    struct est_proof *proof = &x->proof;
    struct view decoded;
    if (header == NULL) /* a client that is going to use Digest keeps its CSR until it has seen the challenge */
        return request->body.len > 0 || x->settings.digest == EST_DIGEST_NONE || proof->certificate.len > 0 ||
               fail(err, ERROR_UNAUTHENTICATED, "authentication-needed", "EST needs a log-in.");
    if (strncasecmp(header, "Digest ", 7) == 0)
        return est_digest_read(x, header + 7, err);
    if (strncasecmp(header, "Basic ", 6) == 0 &&
        base64_decode(request->arena, view_text(header + 6), &decoded) && utf8_valid(decoded)) {
        char *text = arena_text(request->arena, decoded), *colon = strchr(text, ':');
        if (colon != NULL) {
            *colon = '\0';
            proof->name = text;
            proof->password = colon + 1;
            return true;
        }
    }
    return fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                "EST takes Authorization: Basic with a user name and a password.");
}

/* rfc7030#4.2.3 */
static void reply_waiting(struct http_request *request, struct http_response *response,
                          const struct est_exchange *x) {
    http_add_header(response, "Retry-After",
                    arena_printf(request->arena, "%lld", (long long)x->settings.retry_s));
    http_add_header(response, "Cache-Control", "no-store");
    http_reply(response, 202, NULL, (struct view){0}); /* a body stops Bouncy Castle's client */
}

/* Who is refused for want of a log-in learns how to: Digest goes first (rfc7616#3.7). */
static bool offer_digest(struct est_exchange *x, struct http_response *response, const struct error *why) {
    const char *challenges[2];
    struct error ignored = {0};
    size_t count = 0;
    if (why->kind == ERROR_UNAUTHENTICATED && est_digest_challenges(x, challenges, &count, &ignored))
        for (size_t i = 0; i < count; i++)
            http_add_header(response, "WWW-Authenticate", challenges[i]);
    return false;
}

static bool enroll(struct core *core, struct http_request *request, struct http_response *response,
                   bool labelled, bool renewal, struct error *err) {
    struct est_exchange x;
    struct view certificate, bag;
    const char *type = ask_media_type(request);
    TRY(open_exchange(core, request, labelled, &x, err));
    x.renewal = renewal;
    if (strcmp(type, "application/pkcs10") != 0 && type[0] != '\0') { /* rfc7030#4.2.1 */
        reply_text(response, 415, "A CSR comes with Content-Type: application/pkcs10.\n");
        return true;
    }
    if (!read_authorization(request, &x, err) || !est_enrol(&x, request->body, &certificate, err))
        return offer_digest(&x, response, err);
    if (certificate.len == 0) {
        reply_waiting(request, response, &x);
        return true;
    }
    TRY(certificate_pkcs7(request->arena, &certificate, 1, &bag, err));
    reply(response, CERTS_ONLY, x.form, bag);
    return true;
}

static void add_part(struct buffer *out, const char *boundary, const char *type, struct view der) {
    struct arena *arena = out->arena;
    buffer_add_text(out, arena_printf(arena, "--%s\r\nContent-Type: %s\r\n"
                                             "Content-Transfer-Encoding: base64\r\n\r\n",
                                      boundary, type));
    buffer_add_text(out, base64_encode(arena, der));
    buffer_add_text(out, "\r\n");
}

/* rfc7030#4.4.2: first the key, then the certificate. */
static void reply_key(struct http_response *response, const struct est_made *made, struct view bag) {
    uint8_t octets[16];
    struct buffer out = buffer_on(response->arena);
    random_bytes(octets, sizeof octets);
    const char *boundary = hex_encode(response->arena, view_of(octets, sizeof octets));
    add_part(&out, boundary,
             made->encrypted ? "application/pkcs7-mime; smime-type=server-generated-key"
                             : "application/pkcs8",
             made->key);
    add_part(&out, boundary, CERTS_ONLY, bag);
    buffer_add_text(&out, arena_printf(response->arena, "--%s--\r\n", boundary));
    http_add_header(response, "Cache-Control", "no-store");
    http_reply(response, 200,
               arena_printf(response->arena, "multipart/mixed; boundary=\"%s\"", boundary),
               buffer_view(&out));
}

static bool serverkeygen(struct core *core, struct http_request *request,
                         struct http_response *response, bool labelled, struct error *err) {
    struct est_exchange x;
    struct est_made made;
    struct view bag;
    const char *type = ask_media_type(request);
    TRY(open_exchange(core, request, labelled, &x, err));
    x.keygen = true;
    if (!x.settings.key_generation) {
        reply_text(response, 501,
                   "Keys are not made here for this template (\"serverKeyGeneration\" in its EST "
                   "settings); use simpleenroll.\n");
        return true;
    }
    if (strcmp(type, "application/pkcs10") != 0 && type[0] != '\0') {
        reply_text(response, 415, "A CSR comes with Content-Type: application/pkcs10.\n");
        return true;
    }
    if (!read_authorization(request, &x, err) || !est_make(&x, request->body, &made, err))
        return offer_digest(&x, response, err);
    if (made.certificate.len == 0) {
        reply_waiting(request, response, &x);
        return true;
    }
    TRY(certificate_pkcs7(request->arena, &made.certificate, 1, &bag, err));
    reply_key(response, &made, bag);
    return true;
}

static bool cacerts(struct core *core, struct http_request *request, struct http_response *response,
                    bool labelled, struct error *err) {
    struct est_exchange x;
    struct view bag;
    TRY(open_exchange(core, request, labelled, &x, err));
    TRY(est_ca_certificates(&x, &bag, err));
    reply(response, CERTS_ONLY, EST_BASE64, bag);
    return true;
}

static bool csrattrs(struct core *core, struct http_request *request, struct http_response *response,
                     bool labelled, struct error *err) {
    struct est_exchange x;
    struct view der;
    TRY(open_exchange(core, request, labelled, &x, err));
    TRY(est_attributes(x.arena, &x.target.template, x.settings.binding == EST_BINDING_REQUIRED, &der,
                       err));
    if (der.len == 2) /* rfc7030#4.5.2: nothing to say */
        http_reply(response, 204, NULL, (struct view){0});
    else
        reply(response, "application/csrattrs", EST_BASE64, der);
    return true;
}

/* Full CMC is optional. */
static bool not_here(struct core *core, struct http_request *request, struct http_response *response,
                     bool labelled, const char *what, struct error *err) {
    struct est_exchange x;
    TRY(open_exchange(core, request, labelled, &x, err));
    reply_text(response, 501,
               arena_printf(request->arena, "This server does not implement %s; use simpleenroll.\n",
                            what));
    return true;
}

static bool operate(struct core *core, struct http_request *request, struct http_response *response,
                    bool labelled, struct error *err) {
    const char *operation = request->parameters[labelled ? 1 : 0];
    bool post = strcmp(request->method, "POST") == 0;
    if (strcmp(operation, "cacerts") == 0 && !post)
        return cacerts(core, request, response, labelled, err);
    if (strcmp(operation, "csrattrs") == 0 && !post)
        return csrattrs(core, request, response, labelled, err);
    if (strcmp(operation, "simpleenroll") == 0 && post)
        return enroll(core, request, response, labelled, false, err);
    if (strcmp(operation, "simplereenroll") == 0 && post)
        return enroll(core, request, response, labelled, true, err);
    if (strcmp(operation, "serverkeygen") == 0 && post)
        return serverkeygen(core, request, response, labelled, err);
    if (post && strcmp(operation, "fullcmc") == 0)
        return not_here(core, request, response, labelled, operation, err);
    return fail(err, ERROR_NOT_FOUND, "not-found", "EST has no operation %s %.40s here.",
                request->method, operation);
}

static HANDLER(by_default) {
    struct error why = {0};
    if (!operate(context, request, response, false, &why))
        refuse(request, response, &why);
    return true;
}

static HANDLER(by_label) {
    struct error why = {0};
    if (!operate(context, request, response, true, &why))
        refuse(request, response, &why);
    return true;
}

static const struct http_route routes[] = {
    {"GET", "/.well-known/est/{}", GATE_OPEN, TLS, NO_BODY, by_default, NULL},
    {"POST", "/.well-known/est/{}", GATE_OPEN, TLS, EST_BODY_MAX, by_default, NULL},
    {"GET", "/.well-known/est/{}/{}", GATE_OPEN, TLS, NO_BODY, by_label, NULL},
    {"POST", "/.well-known/est/{}/{}", GATE_OPEN, TLS, EST_BODY_MAX, by_label, NULL},
    {"GET", API_BASE "/est", GATE_ACTOR, TLS, NO_BODY, est_default_get, "settings:read"},
    {"PUT", API_BASE "/est", GATE_ACTOR, TLS, SMALL, est_default_put, "settings:manage"},
    {"GET", API_BASE "/templates/{}/est", GATE_ACTOR, TLS, NO_BODY, est_settings_get, "templates:read"},
    {"PUT", API_BASE "/templates/{}/est", GATE_ACTOR, TLS, SMALL, est_settings_put,
     "templates:manage"},
};

struct http_room est_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}
