/* The generic webhook. A POST of JSON, signed:
 *
 *   X-Gatehouse-Timestamp: seconds since 1970
 *   X-Gatehouse-Signature: sha256=HEX of HMAC-SHA256(secret, timestamp + "." + body)
 *
 *   {"type":"validate","template":..,"transaction":..,"address":..,"csr":BASE64,"challenge":..}
 *       -> 200 {"allow":true|false,"reason":"...","requester":"..."}
 *   {"type":"issued","template":..,"transaction":..,"csr":BASE64,"certificate":BASE64,"serial":..}
 *   {"type":"failed",...,"reason":"..."}
 *   {"type":"ping","template":..}
 *       -> 2xx
 */
#include "scep/outside.h"

#include "base/clock.h"
#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static bool post(struct core *core, struct arena *arena, struct uuid template_id,
                 const struct scep_webhook *webhook, const char *body, struct fetch_reply *ret,
                 struct error *err) {
    const char *secret;
    unsigned char mac[32];
    unsigned len = sizeof mac;
    TRY(scep_secret(core, arena, template_id, "webhook", webhook->secret, &secret, err));
    const char *now = arena_printf(arena, "%lld", (long long)(clock_now_us() / US_PER_SECOND));
    const char *signed_text = arena_printf(arena, "%s.%s", now, body);
    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)signed_text,
             strlen(signed_text), mac, &len) == NULL)
        return fail_internal(err, "HMAC");
    struct fetch_header headers[] = {
        {"Content-Type", "application/json"},
        {"X-Gatehouse-Timestamp", now},
        {"X-Gatehouse-Signature",
         arena_printf(arena, "sha256=%s", hex_encode(arena, view_of(mac, len)))}};
    struct fetch_request request = {.method = "POST",
                                    .url = webhook->url,
                                    .body = view_text(body),
                                    .headers = headers,
                                    .header_count = 3,
                                    .max_bytes = 65536};
    if (webhook->ca_file[0] != '\0')
        request.ca_file = webhook->ca_file;
    return fetch(arena, &request, ret, err);
}

bool scep_webhook_validate(struct scep_exchange *x, struct scep_validation *ret, struct error *err) {
    const struct enrolment_target *target = &x->target->enrolment;
    struct json_writer w = json_writer_on(x->arena);
    struct fetch_reply reply;
    const struct json *answer;
    const char *reason = "no reason was given", *requester = "webhook";
    bool allow = false;
    json_open_object(&w);
    json_put_string(&w, "type", "validate");
    json_put_string(&w, "template", target->record.slug);
    json_put_string(&w, "transaction", x->message.transaction);
    json_put_string(&w, "address", x->address);
    json_put_string(&w, "csr", base64_encode(x->arena, x->csr_der));
    json_put_string(&w, "challenge", x->challenge);
    json_close_object(&w);
    TRY(post(x->core, x->arena, target->record.id, &x->target->settings.webhook, json_written(&w),
             &reply, err));
    if (reply.status != 200)
        return fail(err, ERROR_UNAVAILABLE, "webhook-failed",
                    "The webhook that validates requests answered with status %d; try again.",
                    reply.status);
    struct error bad = {0};
    if (!json_parse(x->arena, reply.body, &answer, &bad) || !json_bool(answer, "allow", &allow, &bad) ||
        !json_string(answer, "reason", &reason, &bad) ||
        !json_string(answer, "requester", &requester, &bad))
        return fail(err, ERROR_UNAVAILABLE, "webhook-failed",
                    "The webhook that validates requests gave no JSON answer that is understood.");
    if (!allow)
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "The webhook refuses the request: %.300s", reason);
    *ret = (struct scep_validation){.approved = true,
                                    .requester = arena_printf(x->arena, "%.190s", requester),
                                    .notify = x->target->settings.webhook.notify ? "webhook" : NULL,
                                    .rule = "webhook"};
    return true;
}

bool scep_webhook_notify(struct core *core, struct arena *arena,
                         const struct scep_settings *settings, const struct scep_news *news,
                         struct error *err) {
    const struct certificate_record *certificate = news->certificate;
    struct json_writer w = json_writer_on(arena);
    struct fetch_reply reply;
    json_open_object(&w);
    json_put_string(&w, "type", certificate == NULL ? "failed" : "issued");
    json_put_string(&w, "template", news->template_slug);
    json_put_string(&w, "transaction", news->transaction);
    json_put_string(&w, "csr", base64_encode(arena, news->csr));
    if (certificate == NULL) {
        json_put_string(&w, "reason", news->reason);
    } else {
        json_put_string(&w, "certificate", base64_encode(arena, certificate->der));
        json_put_string(&w, "serial", hex_encode(arena, certificate->serial));
        json_put_time(&w, "notAfter", certificate->not_after_us);
    }
    json_close_object(&w);
    TRY(post(core, arena, news->template_id, &settings->webhook, json_written(&w), &reply, err));
    return reply.status / 100 == 2 || fail(err, ERROR_UNAVAILABLE, "webhook-failed",
                                           "The webhook answered with status %d.", reply.status);
}

bool scep_webhook_ping(struct core *core, struct arena *arena, struct uuid template_id,
                       const char *slug, const struct scep_settings *settings, struct error *err) {
    struct fetch_reply reply;
    const char *body = arena_printf(arena, "{\"type\":\"ping\",\"template\":\"%s\"}", slug);
    TRY(post(core, arena, template_id, &settings->webhook, body, &reply, err));
    return reply.status / 100 == 2 || fail(err, ERROR_UNAVAILABLE, "webhook-failed",
                                           "The webhook answered with status %d.", reply.status);
}
