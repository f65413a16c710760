#include "base/clock.h"
#include "base/encode.h"
#include "ca/key_use.h"
#include "net/fetch.h"
#include "store/organisations.h"
#include "tls/internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACCOUNT "tls-acme-account"
#define POINT 65 /* uncompressed, P-256 */
#define MOST_US (60 * US_PER_SECOND)
#define MOST_WAIT_S 10

DEFINE_AUTO(ECDSA_SIG, ECDSA_SIG_free)

static bool away(const struct acme_client *s, const char *step, const char *why, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "tls-acme", "The ACME server of %.150s, %s: %.200s", s->use->directory, step, why);
}

/* --- the account's key ------------------------------------------------------------------------------------------- */

static bool stored_key(struct acme_client *s, struct uuid *ret_id, bool *ret_found, struct error *err) {
    const char *text = NULL, *directory = NULL, *id = NULL;
    const struct json *document;
    bool done = false;
    TX(tx, core_db(s->core), &done, err)
        tx.ok = setting_get(tx.tx, s->arena, ACCOUNT, &text, err);
    TRY(done);
    *ret_found = false;
    if (text == NULL)
        return true;
    TRY(json_parse(s->arena, view_text(text), &document, err) && json_string(document, "directory", &directory, err) &&
        json_string(document, "key", &id, err));
    *ret_found = directory != NULL && id != NULL && strcmp(directory, s->use->directory) == 0 && uuid_parse(id, ret_id);
    return true;
}

static bool make_key(struct acme_client *s, struct error *err) {
    struct organisation organisation;
    struct key_record key;
    bool done = false;
    TX(tx, core_db(s->core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, s->arena, "default", &organisation, err);
    TRY(done && key_make(s->core, s->arena, "P-256", NULL, KEY_SIGN, organisation.id, &key, &s->key, err));
    keep_EVP_PKEY(s->arena, s->key);
    struct json_writer w = json_writer_on(s->arena);
    json_open_object(&w);
    json_put_string(&w, "directory", s->use->directory);
    json_put_string(&w, "key", uuid_text(s->arena, key.id));
    json_close_object(&w);
    done = false;
    TX(tx, core_db(s->core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && setting_put(tx.tx, ACCOUNT, json_written(&w), err);
    return done;
}

/* rfc7517, and its thumbprint (rfc7638). */
static bool describe_key(struct acme_client *s, struct error *err) {
    uint8_t point[POINT + 1], digest[SHA256_DIGEST_LENGTH];
    size_t len = 0;
    if (EVP_PKEY_get_octet_string_param(s->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1 || len != POINT)
        return fail_internal(err, "the ACME account's key has no point");
    s->jwk = arena_printf(s->arena, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                          base64url_encode(s->arena, view_of(point + 1, 32)),
                          base64url_encode(s->arena, view_of(point + 33, 32)));
    SHA256((const uint8_t *)s->jwk, strlen(s->jwk), digest);
    s->thumbprint = base64url_encode(s->arena, view_of(digest, sizeof digest));
    return true;
}

/* A key that somebody has destroyed is followed by a new one, with a new account. */
static bool open_key(struct acme_client *s, struct error *err) {
    struct error gone = {0};
    struct uuid id;
    bool found;
    TRY(stored_key(s, &id, &found, err));
    if (found && core_key(s->core, id, &s->key, &gone)) {
        keep_EVP_PKEY(s->arena, s->key);
        return describe_key(s, err);
    }
    if (found && gone.kind != ERROR_NOT_FOUND && gone.kind != ERROR_CONFLICT) {
        *err = gone;
        return false;
    }
    return make_key(s, err) && describe_key(s, err);
}

/* --- JWS --------------------------------------------------------------------------------------------------------- */

/* rfc7518#3.4: r and s, 32 octets each. */
static bool sign(const struct acme_client *s, const char *input, uint8_t ret[static 64], struct error *err) {
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    AUTO(ECDSA_SIG) *pair = NULL;
    uint8_t der[128];
    const uint8_t *at = der;
    size_t len = sizeof der;
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, s->key) != 1 ||
        EVP_DigestSign(context, der, &len, (const uint8_t *)input, strlen(input)) != 1) {
        fail(err, ERROR_UNAVAILABLE, "signing-failed", "The ACME account's key does not sign.");
        signer_take_error(err);
        return false;
    }
    pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    if (pair == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret, 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret + 32, 32) != 32)
        return fail_internal(err, "signature of the ACME account's key");
    return true;
}

static const char *flattened(struct arena *arena, const char *protected, const char *payload, struct view signature) {
    return arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", protected, payload,
                        base64url_encode(arena, signature));
}

static const char *encoded(struct arena *arena, const char *text) {
    return base64url_encode(arena, view_text(text));
}

/* rfc8555#6.2 */
static bool make_jws(const struct acme_client *s, const char *url, const char *payload, const char **ret,
                     struct error *err) {
    struct json_writer w = json_writer_on(s->arena);
    uint8_t signature[64];
    json_open_object(&w);
    json_put_string(&w, "alg", "ES256");
    json_put_string(&w, "nonce", s->nonce);
    json_put_string(&w, "url", url);
    if (s->account != NULL)
        json_put_string(&w, "kid", s->account);
    const char *head = json_written(&w);
    head = s->account != NULL ? arena_printf(s->arena, "%s}", head) : arena_printf(s->arena, "%s,\"jwk\":%s}", head, s->jwk);
    const char *protected = encoded(s->arena, head), *body = payload == NULL ? "" : encoded(s->arena, payload);
    TRY(sign(s, arena_printf(s->arena, "%s.%s", protected, body), signature, err));
    *ret = flattened(s->arena, protected, body, view_of(signature, sizeof signature));
    return true;
}

/* rfc8555#7.3.4 */
static bool make_binding(const struct acme_client *s, const char **ret, struct error *err) {
    struct json_writer w = json_writer_on(s->arena);
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = sizeof mac;
    struct view key;
    TRY(own_tls_binding_key(s->core, s->arena, s->use, &key, err));
    json_open_object(&w);
    json_put_string(&w, "alg", "HS256");
    json_put_string(&w, "kid", s->use->kid);
    json_put_string(&w, "url", s->new_account);
    json_close_object(&w);
    const char *protected = encoded(s->arena, json_written(&w)), *payload = encoded(s->arena, s->jwk);
    const char *input = arena_printf(s->arena, "%s.%s", protected, payload);
    if (HMAC(EVP_sha256(), key.at, (int)key.len, (const uint8_t *)input, strlen(input), mac, &len) == NULL)
        return fail_internal(err, "HMAC of an external account binding");
    *ret = flattened(s->arena, protected, payload, view_of(mac, len));
    return true;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static bool ask(struct acme_client *s, const char *step, struct fetch_request *request, struct acme_client_answer *ret,
                struct error *err) {
    struct fetch_reply reply;
    struct error why = {0};
    const char *text;
    request->ca_pem = s->use->anchors;
    if (strncmp(request->url, "https://", 8) != 0) /* rfc8555#6.1 */
        return away(s, step, "its addresses are not https URLs", err);
    if (!fetch(s->arena, request, &reply, &why))
        return away(s, step, why.message, err);
    text = fetch_header(&reply, "Replay-Nonce");
    s->nonce = text == NULL ? NULL : arena_strdup(s->arena, text);
    *ret = (struct acme_client_answer){
        .status = reply.status, .body = reply.body, .location = fetch_header(&reply, "Location")};
    text = fetch_header(&reply, "Retry-After");
    ret->retry_s = text == NULL ? 0 : strtol(text, NULL, 10);
    if (!json_parse(s->arena, reply.body, &ret->document, &why) || ret->document->type != JSON_OBJECT)
        ret->document = NULL;
    return true;
}

static const char *text_of(const struct json *object, const char *name) {
    const struct json *value = json_get(object, name);
    return value == NULL || value->type != JSON_STRING ? NULL : value->text;
}

static bool post_once(struct acme_client *s, const char *step, const char *url, const char *payload,
                      struct acme_client_answer *ret, struct error *err) {
    static const struct fetch_header type = {"Content-Type", "application/jose+json"};
    const char *jws;
    if (s->nonce == NULL) {
        struct fetch_request head = {.method = "HEAD", .url = s->new_nonce};
        TRY(ask(s, "a nonce", &head, ret, err));
        if (s->nonce == NULL)
            return away(s, "a nonce", "it gives none", err);
    }
    TRY(make_jws(s, url, payload, &jws, err));
    struct fetch_request request = {
        .method = "POST", .url = url, .body = view_text(jws), .headers = &type, .header_count = 1};
    return ask(s, step, &request, ret, err);
}

bool acme_client_post(struct acme_client *s, const char *step, const char *url, const char *payload,
                      struct acme_client_answer *ret, struct error *err) {
    static const char bad_nonce[] = "urn:ietf:params:acme:error:badNonce";
    const char *type;
    TRY(post_once(s, step, url, payload, ret, err));
    type = text_of(ret->document, "type");
    if (ret->status == 400 && type != NULL && strcmp(type, bad_nonce) == 0) /* rfc8555#6.5: try again with the new one */
        TRY(post_once(s, step, url, payload, ret, err));
    if (ret->status >= 200 && ret->status < 300)
        return true;
    const char *detail = text_of(ret->document, "detail");
    type = text_of(ret->document, "type");
    return fail(err, ERROR_POLICY, "tls-acme", "The ACME server of %.120s refuses %s: %.200s (%d %.60s).",
                s->use->directory, step, detail == NULL ? "no reason given" : detail, ret->status, type == NULL ? "" : type);
}

bool acme_client_wait(struct acme_client *s, const char *step, int64_t seconds, struct error *err) {
    if (seconds < 1)
        seconds = 1;
    if (seconds > MOST_WAIT_S)
        seconds = MOST_WAIT_S;
    if (clock_monotonic_us() + seconds * US_PER_SECOND > s->until_us)
        return away(s, step, "it has not come to an end within a minute; it is tried again later.", err);
    nanosleep(&(struct timespec){.tv_sec = (time_t)seconds}, NULL);
    return true;
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

static bool read_directory(struct acme_client *s, struct error *err) {
    struct fetch_request request = {.url = s->use->directory};
    struct acme_client_answer answer;
    TRY(ask(s, "its directory", &request, &answer, err));
    s->nonce = NULL;
    s->new_nonce = text_of(answer.document, "newNonce");
    s->new_account = text_of(answer.document, "newAccount");
    s->new_order = text_of(answer.document, "newOrder");
    if (answer.status != 200 || s->new_nonce == NULL || s->new_account == NULL || s->new_order == NULL)
        return away(s, "its directory", arena_printf(s->arena, "status %d, and no directory of RFC 8555", answer.status), err);
    return true;
}

/* A key that has an account gets that one (rfc8555#7.3.1): its URL need not be kept. */
static bool find_account(struct acme_client *s, struct error *err) {
    struct json_writer w = json_writer_on(s->arena);
    struct acme_client_answer answer;
    const char *binding = NULL;
    if (s->use->kid != NULL)
        TRY(make_binding(s, &binding, err));
    json_open_object(&w);
    json_put_bool(&w, "termsOfServiceAgreed", true);
    if (s->use->contact[0] != '\0') {
        json_name(&w, "contact");
        json_open_array(&w);
        json_add_string(&w, s->use->contact);
        json_close_array(&w);
    }
    const char *head = json_written(&w);
    const char *payload = binding == NULL ? arena_printf(s->arena, "%s}", head)
                                          : arena_printf(s->arena, "%s,\"externalAccountBinding\":%s}", head, binding);
    TRY(acme_client_post(s, "the account", s->new_account, payload, &answer, err));
    if (answer.location == NULL)
        return away(s, "the account", "the answer has no Location", err);
    s->account = arena_strdup(s->arena, answer.location);
    return true;
}

bool acme_client_open(struct core *core, struct arena *arena, const struct own_tls_settings *use,
                       struct acme_client *ret, struct error *err) {
    *ret = (struct acme_client){.core = core, .arena = arena, .use = use, .until_us = clock_monotonic_us() + MOST_US};
    return read_directory(ret, err) && open_key(ret, err) && find_account(ret, err);
}
