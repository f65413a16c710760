/* Microsoft Intune as the judge of SCEP requests: OAuth 2 client credentials, service discovery through Graph,
 * ScepActions, revocation requests. Every address is a setting: national clouds have others. */
#include "scep/outside.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/templates.h"
#include "scep/intune_token.h"
#include "store/certificates.h"
#include "x509/crl.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SCEP_SERVICE "ScepRequestValidationFEService"
#define SCEP_VERSION "2018-02-20"
#define REVOCATION_SERVICE "PkiConnectorFEService"
#define REVOCATION_VERSION "5019-05-05"
#define CALLER "Gatehouse"
#define MOST_REVOCATIONS 100

struct call {
    struct core *core;
    struct arena *arena;
    struct uuid template_id;
    const struct scep_intune *intune;
};

static bool unavailable(struct error *err, const char *what, int status) {
    return fail(err, ERROR_UNAVAILABLE, "intune-failed",
                "Intune: %s was answered with status %d; try again later.", what, status);
}

/* GET {graph}/{version}/servicePrincipals/appId={app}/endpoints: where the service of that name is. */
static bool discover(const struct call *c, const char *service, const char **ret_uri,
                     struct error *err) {
    const struct scep_intune *intune = c->intune;
    const char *token;
    struct fetch_reply reply;
    const struct json *answer, *values = NULL;
    TRY(intune_token(c->core, c->arena, c->template_id, intune, intune->graph_url, &token, err));
    struct fetch_header header = {"Authorization", arena_printf(c->arena, "Bearer %s", token)};
    struct fetch_request request = {
        .url = arena_printf(c->arena, "%s/%s/servicePrincipals/appId=%s/endpoints",
                            intune->graph_url, intune->graph_version, intune->intune_app_id),
        .headers = &header,
        .header_count = 1};
    intune_route(intune, &request);
    TRY(fetch(c->arena, &request, &reply, err));
    if (reply.status != 200)
        return unavailable(err, "service discovery", reply.status);
    struct error bad = {0};
    if (!json_parse(c->arena, reply.body, &answer, &bad) ||
        !json_array(answer, "value", &values, &bad))
        return unavailable(err, "service discovery (no JSON list)", reply.status);
    JSON_EACH(item, values) {
        const struct json *name = json_get(item, "providerName"), *uri = json_get(item, "uri");
        if (name != NULL && uri != NULL && name->type == JSON_STRING && uri->type == JSON_STRING &&
            strcasecmp(name->text, service) == 0) {
            *ret_uri = uri->text;
            return true;
        }
    }
    return fail(err, ERROR_UNAVAILABLE, "intune-failed",
                "Intune: the tenant has no service %s; check that the application may read "
                "applications and that Intune is licensed.",
                service);
}

static bool post_once(const struct call *c, const char *service, const char *version,
                      const char *path, const char *body, struct fetch_reply *ret,
                      struct error *err) {
    const char *uri, *token;
    TRY(discover(c, service, &uri, err));
    TRY(intune_token(c->core, c->arena, c->template_id, c->intune, c->intune->intune_resource,
                     &token, err));
    if (strncmp(uri, "https://", 8) != 0)
        return fail(err, ERROR_UNAVAILABLE, "intune-failed",
                    "Intune: service discovery names an address without TLS.");
    struct fetch_header headers[] = {
        {"Authorization", arena_printf(c->arena, "Bearer %s", token)},
        {"Content-Type", "application/json"},
        {"Accept", "application/json"},
        {"api-version", version},
        {"client-request-id", uuid_text(c->arena, uuid_new())},
        {"User-Agent", CALLER},
    };
    struct fetch_request request = {.method = "POST",
                                    .url = arena_printf(c->arena, "%s/%s", uri, path),
                                    .body = view_text(body),
                                    .headers = headers,
                                    .header_count = sizeof headers / sizeof headers[0]};
    intune_route(c->intune, &request);
    return fetch(c->arena, &request, ret, err);
}

/* A token that was taken back early is fetched anew, once. */
static bool post(const struct call *c, const char *service, const char *version, const char *path,
                 const char *body, const struct json **ret_answer, struct error *err) {
    struct fetch_reply reply;
    struct error bad = {0};
    TRY(post_once(c, service, version, path, body, &reply, err));
    if (reply.status == 401) {
        intune_token_forget(c->template_id);
        TRY(post_once(c, service, version, path, body, &reply, err));
    }
    if (reply.status / 100 != 2)
        return unavailable(err, path, reply.status);
    if (reply.body.len == 0)
        reply.body = VIEW_LITERAL("{}");
    return json_parse(c->arena, reply.body, ret_answer, &bad) ||
           unavailable(err, "a request (no JSON)", reply.status);
}

static struct json_writer open_body(struct arena *arena, const char *name, const char *transaction,
                                    struct view csr) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, name);
    json_open_object(&w);
    json_put_string(&w, "transactionId", transaction);
    json_put_string(&w, "certificateRequest", base64_encode(arena, csr));
    json_put_string(&w, "callerInfo", CALLER);
    return w;
}

static const char *close_body(struct json_writer *w) {
    json_close_object(w);
    json_close_object(w);
    return json_written(w);
}

/* {"code":"Success"} or the reason why not. */
static bool check_code(const struct json *answer, struct error *err) {
    const char *code = "", *text = "";
    struct error ignored = {0};
    if (!json_string(answer, "code", &code, &ignored) ||
        !json_string(answer, "errorDescription", &text, &ignored))
        code = "";
    if (strcmp(code, "Success") == 0)
        return true;
    return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge", "Intune refuses the request: %.60s %.240s",
                code, text == NULL ? "" : text);
}

bool scep_intune_validate(struct scep_exchange *x, struct scep_validation *ret, struct error *err) {
    struct call c = {x->core, x->arena, x->target->enrolment.record.id, &x->target->settings.intune};
    const struct json *answer;
    struct json_writer w = open_body(x->arena, "request", x->message.transaction, x->csr_der);
    TRY(post(&c, SCEP_SERVICE, SCEP_VERSION, "ScepActions/validateRequest", close_body(&w), &answer,
             err));
    TRY(check_code(answer, err));
    *ret = (struct scep_validation){
        .approved = true, .requester = "intune", .notify = "intune", .rule = "intune"};
    return true;
}

bool scep_intune_notify(struct core *core, struct arena *arena, const struct scep_settings *settings,
                        const struct scep_news *news, struct error *err) {
    struct call c = {core, arena, news->template_id, &settings->intune};
    struct json_writer w = open_body(arena, "notification", news->transaction, news->csr);
    const struct certificate_record *certificate = news->certificate;
    const char *path = "ScepActions/failureNotification";
    const struct json *answer;
    if (certificate == NULL) {
        json_put_int(&w, "hResult", INT64_C(0x80094012)); /* CERTSRV_E_TEMPLATE_DENIED */
        json_put_string(&w, "errorDescription", news->reason);
    } else {
        uint8_t thumbprint[20];
        EVP_Digest(certificate->der.at, certificate->der.len, thumbprint, NULL, EVP_sha1(), NULL);
        path = "ScepActions/successNotification";
        json_put_string(&w, "certificateThumbprint",
                        hex_encode(arena, view_of(thumbprint, sizeof thumbprint)));
        json_put_string(&w, "certificateSerialNumber", hex_encode(arena, certificate->serial));
        json_put_time(&w, "certificateExpirationDateUtc", certificate->not_after_us);
        json_put_string(&w, "issuingCertificateAuthority", news->ca_slug);
        json_put_string(&w, "caConfiguration", news->template_slug);
        json_put_string(&w, "certificateAuthority", news->ca_slug);
    }
    TRY(post(&c, SCEP_SERVICE, SCEP_VERSION, path, close_body(&w), &answer, err));
    /* The answer is a code only when it was not taken. */
    return json_get(answer, "code") == NULL || check_code(answer, err);
}

/* --- revocation --------------------------------------------------------------------------------------- */

static bool revoke(const struct call *c, struct uuid ca_id, const char *serial, struct error *err) {
    struct certificate_record found;
    struct view bytes;
    bool done = false;
    const char *digits = strlen(serial) % 2 == 0 ? serial : arena_printf(c->arena, "0%s", serial);
    if (!hex_decode(c->arena, view_text(digits), &bytes) || bytes.len == 0 || bytes.len > 20)
        return fail(err, ERROR_MALFORMED, "bad-serial", "The serial number is no hexadecimal.");
    TX(tx, core_db(c->core), &done, err)
        tx.ok = certificate_by_serial(tx.tx, c->arena, ca_id, bytes, &found, err);
    TRY(done);
    if (found.revoked && found.reason != REASON_CERTIFICATE_HOLD)
        return true;
    return certificate_revoke(c->core, c->arena, &actor_system, found.id,
                              REASON_CESSATION_OF_OPERATION, 0, &found, err);
}

static void revoke_and_report(const struct call *c, struct uuid ca_id, const struct json *item,
                              struct json_writer *w) {
    const struct json *context = json_get(item, "requestContext");
    const struct json *serial = json_get(item, "serialNumber");
    struct error err = {0};
    bool ok = serial != NULL && serial->type == JSON_STRING &&
              revoke(c, ca_id, serial->text, &err);
    const char *code = ok                             ? "None"
                       : err.kind == ERROR_NOT_FOUND  ? "CertificateNotFoundError"
                       : err.kind == ERROR_UNAVAILABLE ? "RetryableServerError"
                                                      : "NonRetryableError";
    json_open_object(w);
    json_put_string(w, "requestContext",
                    context != NULL && context->type == JSON_STRING ? context->text : "");
    json_put_bool(w, "succeeded", ok);
    json_put_string(w, "errorCode", code);
    json_put_string(w, "errorMessage", ok ? NULL : err.message);
    json_close_object(w);
    if (!ok)
        log_failure(LOG_WARN, "scep", "revocation for Intune", &err);
}

bool scep_intune_revocations(struct core *core, struct arena *arena, struct uuid template_id,
                             const struct scep_settings *settings, struct error *err) {
    struct call c = {core, arena, template_id, &settings->intune};
    struct template_record template;
    const struct json *answer, *items = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = template_version(tx.tx, arena, template_id, 0, &template, err);
    TRY(done);
    const char *body = arena_printf(
        arena, "{\"downloadParameters\":{\"maxRequests\":%d,\"issuerName\":null}}", MOST_REVOCATIONS);
    TRY(post(&c, REVOCATION_SERVICE, REVOCATION_VERSION,
             "CertificateAuthorityRequests/downloadRevocationRequests", body, &answer, err));
    TRY(json_array(answer, "value", &items, err));
    if (items == NULL || items->count == 0)
        return true;
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "results");
    json_open_array(&w);
    JSON_EACH(item, items)
        revoke_and_report(&c, template.ca_id, item, &w);
    json_close_array(&w);
    json_close_object(&w);
    return post(&c, REVOCATION_SERVICE, REVOCATION_VERSION,
                "CertificateAuthorityRequests/uploadRevocationResults", json_written(&w), &answer,
                err);
}
