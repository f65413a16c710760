#include "ca/hook.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "ca/templates.h"
#include "net/fetch.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define MAX_HOOK_REASON 300

static bool secret_of(struct core *core, struct arena *arena, struct uuid template_id, int64_t generation,
                      const char **ret_secret, struct error *err) {
    uint8_t key[32];
    TRY(secret_derive(core,
                      arena_printf(arena, "template-hook/%s/%lld", uuid_text(arena, template_id),
                                   (long long)generation),
                      key, err));
    *ret_secret = base64url_encode(arena, view_of(key, sizeof key));
    OPENSSL_cleanse(key, sizeof key);
    return true;
}

bool hook_secret(struct core *core, struct arena *arena, const struct actor *actor,
                 const char *template_slug, const char **ret_secret, struct error *err) {
    struct template_record record;
    struct ca_record ca;
    struct template t;
    struct scope scope;
    const struct json *document;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(core), &done, err)
    tx.ok = template_by_slug(tx.tx, arena, &scope, template_slug, &record, err) &&
            ca_by_id(tx.tx, arena, &scope, record.ca_id, &ca, err) &&
            actor_may(actor, MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err) &&
            template_note(tx.tx, actor, &ca, "template.hook-secret-read", record.slug, NULL, err);
    TRY(done);
    TRY(json_parse(arena, view_text(record.document), &document, err));
    TRY(template_from_json(arena, document, &t, err));
    return secret_of(core, arena, record.id, t.hook.generation, ret_secret, err);
}

static const char *signature(struct arena *arena, const char *secret, const char *first, struct view body) {
    unsigned char mac[32];
    unsigned len = 0;
    struct buffer text = buffer_on(arena);
    buffer_printf(&text, "%s.", first);
    buffer_add(&text, body.at, body.len);
    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), text.at, text.len, mac, &len) == NULL || len != 32)
        return NULL;
    return arena_printf(arena, "sha256=%s", hex_encode(arena, view_of(mac, len)));
}

static const char *question(struct arena *arena, const struct request_context *c,
                            const struct certificate_plan *plan, const char *id) {
    struct json_writer w = json_writer_on(arena);
    char key_type[KEY_TYPE_SIZE] = "";
    json_open_object(&w);
    json_put_string(&w, "type", "decide");
    json_put_string(&w, "id", id);
    json_put_string(&w, "stage", c->approver == NULL ? "submit" : "sign");
    json_name(&w, "template");
    json_open_object(&w);
    json_put_string(&w, "id", c->template_record.slug);
    json_put_string(&w, "ca", c->ca.slug);
    json_put_int(&w, "version", c->template_record.version);
    json_close_object(&w);
    json_put_string(&w, "requester", c->requester);
    json_put_string(&w, "approver", c->approver);
    json_put_string(&w, "door", c->door);
    json_put_string(&w, "csr", base64_encode(arena, c->csr_der));
    json_put_string(&w, "keyType", key_type_of(plan->public_key, key_type) ? key_type : NULL);
    json_put_string(&w, "subject", name_text(arena, plan->subject));
    json_name(&w, "sans");
    san_write_json(&w, arena, plan->sans);
    json_put_time(&w, "notBefore", plan->not_before_us);
    json_put_time(&w, "notAfter", plan->not_after_us);
    json_close_object(&w);
    return json_written(&w);
}

static bool failed(struct error *err, const char *why) {
    return fail(err, ERROR_UNAVAILABLE, "hook-failed",
                "The policy hook of the template gave no decision, so the request is refused: %.300s.", why);
}

static bool post(struct arena *arena, const struct request_context *c, const char *secret, const char *body,
                 struct fetch_reply *ret, struct error *err) {
    const char *now = arena_printf(arena, "%lld", (long long)(clock_now_us() / US_PER_SECOND));
    struct error why = {0};
    int ms = (int)c->template.hook.timeout_seconds * 1000;
    struct fetch_header headers[] = {
        {"Content-Type", "application/json"},
        {"X-Gatehouse-Timestamp", now},
        {"X-Gatehouse-Signature", signature(arena, secret, now, view_text(body))}};
    struct fetch_request request = {
        .method = "POST",
        .url = c->template.hook.url,
        .body = view_text(body),
        .headers = headers,
        .header_count = 3,
        .connect_timeout_ms = ms,
        .total_timeout_ms = ms,
        .max_bytes = 65536,
        .ca_file = *c->template.hook.ca_file == '\0' ? NULL : c->template.hook.ca_file};
    if (headers[2].value == NULL)
        return fail_internal(err, "HMAC");
    if (!fetch(arena, &request, ret, &why))
        return failed(err, why.message);
    return ret->status == 200 || failed(err, arena_printf(arena, "it answered with status %d", ret->status));
}

/* Of the hook, and to this very question. */
static bool is_signed(struct arena *arena, const char *secret, const char *id,
                      const struct fetch_reply *reply) {
    const char *given = fetch_header(reply, "X-Gatehouse-Signature");
    const char *wanted = signature(arena, secret, id, reply->body);
    return given != NULL && wanted != NULL && strlen(given) == strlen(wanted) &&
           CRYPTO_memcmp(given, wanted, strlen(wanted)) == 0;
}

bool hook_ask(struct arena *arena, struct request_context *c, const struct certificate_plan *plan,
              bool *ret_changed, struct error *err) {
    static const char *const members[] = {"allow", "reason", "changes", NULL};
    struct fetch_reply reply;
    const struct json *answer, *changes = NULL;
    const char *secret, *reason = "no reason was given", *id = uuid_text(arena, uuid_new());
    struct proposal over;
    struct error why = {0};
    bool allow = false;
    TRY(secret_of(c->core, arena, c->template_record.id, c->template.hook.generation, &secret, err));
    TRY(post(arena, c, secret, question(arena, c, plan, id), &reply, err));
    if (!is_signed(arena, secret, id, &reply))
        return failed(err, "its answer is not signed with the secret of the template");
    if (!json_parse(arena, reply.body, &answer, &why) || !json_only(answer, members, &why) ||
        !json_bool(answer, "allow", &allow, &why) || !json_string(answer, "reason", &reason, &why) ||
        !json_object(answer, "changes", &changes, &why) ||
        !proposal_from_json(arena, changes, &over, &why))
        return failed(err, why.message);
    if (!allow)
        return fail(err, ERROR_POLICY, "hook-denied", "The policy hook refuses the request: %.*s", MAX_HOOK_REASON,
                    reason == NULL ? "no reason was given" : reason);
    *ret_changed = changes != NULL && changes->count > 0;
    if (*ret_changed)
        proposal_merge(&c->proposal, &over);
    return true;
}
