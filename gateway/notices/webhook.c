/* Webhooks: a call with the body that the other side understands, signed so that it can tell who called. */
#include "notices/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "net/fetch.h"

#include <openssl/evp.h>
#include <string.h>

static const char *joined(struct arena *arena, const struct notice *const *notices, size_t count, const char *between) {
    struct buffer out = buffer_on(arena);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&out, "%s%s", i == 0 ? "" : between, notices[i]->text);
    return buffer_text(&out);
}

static void plain(struct json_writer *w, struct arena *arena, const char *rule, const struct notice *const *notices,
                  size_t count) {
    json_open_object(w);
    json_put_string(w, "rule", rule);
    json_name(w, "notices");
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        json_open_object(w);
        json_put_string(w, "text", notices[i]->text);
        put_document(w, arena, "data", notices[i]->data);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

/* Slack's incoming webhooks, Mattermost, Rocket.Chat; Matrix by a bridge such as hookshot. */
static void slack(struct json_writer *w, struct arena *arena, const char *rule, const struct notice *const *notices,
                  size_t count) {
    (void)rule;
    json_open_object(w);
    json_put_string(w, "text", joined(arena, notices, count, "\n"));
    json_close_object(w);
}

static void matrix(struct json_writer *w, struct arena *arena, const char *rule, const struct notice *const *notices,
                   size_t count) {
    (void)rule;
    json_open_object(w);
    json_put_string(w, "username", "Gatehouse");
    json_put_string(w, "text", joined(arena, notices, count, "\n\n")); /* Markdown */
    json_close_object(w);
}

/* An Adaptive Card, which Teams' workflows take. */
static void teams(struct json_writer *w, struct arena *arena, const char *rule, const struct notice *const *notices,
                  size_t count) {
    (void)arena;
    json_open_object(w);
    json_put_string(w, "type", "message");
    json_name(w, "attachments");
    json_open_array(w);
    json_open_object(w);
    json_put_string(w, "contentType", "application/vnd.microsoft.card.adaptive");
    json_name(w, "content");
    json_open_object(w);
    json_put_string(w, "type", "AdaptiveCard");
    json_put_string(w, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    json_put_string(w, "version", "1.4");
    json_name(w, "body");
    json_open_array(w);
    for (size_t i = 0; i <= count; i++) {
        json_open_object(w);
        json_put_string(w, "type", "TextBlock");
        json_put_string(w, "text", i == 0 ? rule : notices[i - 1]->text);
        json_put_bool(w, "wrap", true);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

/* most: bytes of a call's notices. Teams takes 28 KB, Slack cuts a text at 40000 characters, an event of Matrix has 64 KB
 * with all that the bridge adds. */
static const struct shape {
    const char *name;
    void (*write)(struct json_writer *w, struct arena *arena, const char *rule, const struct notice *const *notices,
                  size_t count);
    size_t most;
} shapes[] = {{"json", plain, 500000}, {"slack", slack, 30000}, {"teams", teams, 18000}, {"matrix", matrix, 20000}};
#define SHAPES (sizeof shapes / sizeof shapes[0])
#define AROUND 60 /* bytes that a notice needs beside its text */

bool webhook_shape_known(const char *shape) {
    for (size_t i = 0; i < SHAPES; i++)
        if (strcmp(shapes[i].name, shape) == 0)
            return true;
    return false;
}

static const struct shape *shape_of(const struct json *webhook) {
    const char *name = notices_text(webhook, "shape");
    size_t i = 0;
    while (name != NULL && i + 1 < SHAPES && strcmp(shapes[i].name, name) != 0)
        i++;
    return &shapes[i];
}

size_t webhook_most(const struct json *webhook, const struct notice *const *notices, size_t count) {
    const struct shape *shape = shape_of(webhook);
    size_t len = 0, i = 0;
    for (; i < count; i++) {
        len += strlen(notices[i]->text) + AROUND + (shape->write == plain ? strlen(notices[i]->data) : 0);
        if (len > shape->most && i > 0)
            break;
    }
    return i;
}

/* "t=SECONDS,v1=HEX": HMAC-SHA256 over "SECONDS.BODY", so that an old call cannot be sent again later. */
static bool sign(struct core *core, struct arena *arena, const struct json *webhook, const char *body, const char **ret,
                 struct error *err) {
    const char *sealed = notices_text(webhook, "sealed"), *id = notices_text(webhook, "id");
    struct view secret;
    uint8_t mac[32];
    size_t len = 0;
    *ret = NULL;
    if (sealed == NULL || sealed[0] == '\0')
        return true;
    TRY(secret_open(core, arena, notices_webhook_place(arena, id), sealed, &secret, err));
    long long now = (long long)(clock_now_us() / US_PER_SECOND);
    const char *text = arena_printf(arena, "%lld.%s", now, body);
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA2-256", NULL, secret.at, secret.len, (const unsigned char *)text, strlen(text),
                  mac, sizeof mac, &len) == NULL)
        return fail_internal(err, "HMAC");
    *ret = arena_printf(arena, "t=%lld,v1=%s", now, hex_encode(arena, view_of(mac, len)));
    return true;
}

bool webhook_post(struct core *core, struct arena *arena, const struct json *webhook, const char *rule,
                  const struct notice *const *notices, size_t count, struct error *err) {
    const char *id = notices_text(webhook, "id"), *signature;
    struct json_writer w = json_writer_on(arena);
    struct fetch_reply reply;
    struct error why = {0};
    shape_of(webhook)->write(&w, arena, rule, notices, count);
    const char *body = json_written(&w);
    TRY(sign(core, arena, webhook, body, &signature, err));
    struct fetch_header headers[2] = {{"Content-Type", "application/json"}, {"X-Gatehouse-Signature", signature}};
    struct fetch_request request = {.method = "POST",
                                    .url = notices_text(webhook, "url"),
                                    .body = view_text(body),
                                    .headers = headers,
                                    .header_count = signature == NULL ? 1 : 2,
                                    .ca_pem = notices_text(webhook, "ca")};
    if (!fetch(arena, &request, &reply, &why))
        return fail(err, ERROR_UNAVAILABLE, "notice-failed", "The webhook \"%.60s\" cannot be called: %.300s", id, why.message);
    return (reply.status >= 200 && reply.status < 300) ||
           fail(err, ERROR_UNAVAILABLE, "notice-failed", "The webhook \"%.60s\" answers %d.", id, reply.status);
}
