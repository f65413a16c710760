#include "scep/intune_token.h"

#include "base/clock.h"
#include "base/encode.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 32

static struct kept {
    struct uuid template_id;
    char *resource, *token;
    int64_t until_us; /* monotonic */
} kept[KEPT];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

DEFINE_AUTO(PKCS12, PKCS12_free)

static void drop(struct kept *slot) {
    if (slot->token != NULL)
        OPENSSL_cleanse(slot->token, strlen(slot->token));
    free(slot->token);
    free(slot->resource);
    *slot = (struct kept){0};
}

static const char *find(struct arena *arena, struct uuid template_id, const char *resource) {
    const char *token = NULL;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i].token != NULL && kept[i].until_us > clock_monotonic_us() &&
            uuid_equal(kept[i].template_id, template_id) &&
            strcmp(kept[i].resource, resource) == 0)
            token = arena_strdup(arena, kept[i].token);
    pthread_mutex_unlock(&mutex);
    return token;
}

static void keep(struct uuid template_id, const char *resource, const char *token, int64_t seconds) {
    size_t oldest = 0;
    pthread_mutex_lock(&mutex);
    for (size_t i = 1; i < KEPT; i++)
        if (kept[i].until_us < kept[oldest].until_us)
            oldest = i;
    drop(&kept[oldest]);
    kept[oldest] = (struct kept){template_id, must_strdup(resource), must_strdup(token),
                                 clock_monotonic_us() + (seconds - 60) * US_PER_SECOND};
    pthread_mutex_unlock(&mutex);
}

void intune_token_forget(struct uuid template_id) {
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < KEPT; i++)
        if (uuid_equal(kept[i].template_id, template_id))
            drop(&kept[i]);
    pthread_mutex_unlock(&mutex);
}

void intune_route(const struct scep_intune *intune, struct fetch_request *request) {
    if (intune->proxy[0] != '\0')
        request->proxy = intune->proxy;
    if (intune->ca_file[0] != '\0')
        request->ca_file = intune->ca_file;
}

/* application/x-www-form-urlencoded */
static void add_field(struct buffer *form, const char *name, const char *value) {
    buffer_printf(form, "%s%s=", form->len == 0 ? "" : "&", name);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        buffer_printf(form, plain ? "%c" : "%%%02X", c);
    }
}

/* --- with a certificate: rfc7523 -------------------------------------------------------------------- */

static bool open_pkcs12(struct arena *arena, const char *text, const char *password,
                        EVP_PKEY **ret_key, X509 **ret_certificate, struct error *err) {
    struct view der;
    if (!base64_decode(arena, view_text(text), &der))
        return fail(err, ERROR_POLICY, "scep-settings", "Intune: \"pkcs12\" is no base64.");
    const unsigned char *at = der.at;
    AUTO(PKCS12) *bag = d2i_PKCS12(NULL, &at, (long)der.len);
    bool ok = bag != NULL && PKCS12_parse(bag, password, ret_key, ret_certificate, NULL) == 1 &&
              *ret_key != NULL && *ret_certificate != NULL;
    ERR_clear_error();
    return ok || fail(err, ERROR_POLICY, "scep-settings",
                      "Intune: \"pkcs12\" is no PKCS#12 with key and certificate, or its password "
                      "is another.");
}

static bool sign_rs256(struct arena *arena, EVP_PKEY *key, const char *input, struct view *ret,
                       struct error *err) {
    AUTO(EVP_MD_CTX) *hash = EVP_MD_CTX_new();
    size_t len = 0;
    if (!EVP_PKEY_is_a(key, "RSA"))
        return fail(err, ERROR_POLICY, "scep-settings", "Intune: the certificate's key must be RSA.");
    if (EVP_DigestSignInit(hash, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(hash, NULL, &len, (const unsigned char *)input, strlen(input)) != 1)
        return fail_internal(err, "signing a client assertion");
    uint8_t *signature = arena_alloc(arena, len);
    if (EVP_DigestSign(hash, signature, &len, (const unsigned char *)input, strlen(input)) != 1)
        return fail_internal(err, "signing a client assertion");
    *ret = view_of(signature, len);
    return true;
}

static bool assertion(struct core *core, struct arena *arena, struct uuid template_id,
                      const struct scep_intune *intune, const char *url, const char **ret,
                      struct error *err) {
    const char *pkcs12, *password;
    AUTO(EVP_PKEY) *key = NULL;
    AUTO(X509) *certificate = NULL;
    uint8_t thumbprint[20];
    unsigned len = sizeof thumbprint;
    struct view signature;
    TRY(scep_secret(core, arena, template_id, "intune-pkcs12", intune->pkcs12, &pkcs12, err));
    TRY(scep_secret(core, arena, template_id, "intune-pkcs12-password", intune->pkcs12_password,
                    &password, err));
    TRY(open_pkcs12(arena, pkcs12, password, &key, &certificate, err));
    if (X509_digest(certificate, EVP_sha1(), thumbprint, &len) != 1)
        return fail_internal(err, "X509_digest");
    int64_t now = clock_now_us() / US_PER_SECOND;
    const char *head =
        arena_printf(arena, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5t\":\"%s\"}",
                     base64url_encode(arena, view_of(thumbprint, len)));
    const char *claims = arena_printf(
        arena,
        "{\"aud\":\"%s\",\"iss\":\"%s\",\"sub\":\"%s\",\"jti\":\"%s\",\"nbf\":%lld,\"exp\":%lld}",
        url, intune->client_id, intune->client_id, uuid_text(arena, uuid_new()), (long long)now,
        (long long)now + 600);
    const char *input = arena_printf(arena, "%s.%s", base64url_encode(arena, view_text(head)),
                                     base64url_encode(arena, view_text(claims)));
    TRY(sign_rs256(arena, key, input, &signature, err));
    *ret = arena_printf(arena, "%s.%s", input, base64url_encode(arena, signature));
    return true;
}

/* --- asking ------------------------------------------------------------------------------------------- */

static bool fill_form(struct core *core, struct arena *arena, struct uuid template_id,
                      const struct scep_intune *intune, const char *url, const char *resource,
                      struct buffer *form, struct error *err) {
    const char *secret;
    add_field(form, "grant_type", "client_credentials");
    add_field(form, "client_id", intune->client_id);
    add_field(form, "scope", arena_printf(arena, "%s/.default", resource));
    if (intune->pkcs12[0] != '\0') {
        TRY(assertion(core, arena, template_id, intune, url, &secret, err));
        add_field(form, "client_assertion_type",
                  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        add_field(form, "client_assertion", secret);
        return true;
    }
    TRY(scep_secret(core, arena, template_id, "intune-secret", intune->secret, &secret, err));
    add_field(form, "client_secret", secret);
    return true;
}

static bool read_token(struct arena *arena, const struct fetch_reply *reply, const char **ret_token,
                       int64_t *ret_seconds, struct error *err) {
    const struct json *answer = NULL;
    const char *token = NULL, *why = "no reason was given";
    int64_t seconds = 300;
    struct error bad = {0};
    bool ok = json_parse(arena, reply->body, &answer, &bad) &&
              json_string(answer, "error_description", &why, &bad) &&
              json_string(answer, "access_token", &token, &bad) &&
              json_int(answer, "expires_in", 0, 86400 * 7, &seconds, &bad);
    if (!ok || reply->status != 200 || token == NULL)
        return fail(err, ERROR_UNAVAILABLE, "intune-failed",
                    "Intune: no token was given (status %d): %.300s", reply->status, why);
    *ret_token = token;
    *ret_seconds = seconds;
    return true;
}

bool intune_token(struct core *core, struct arena *arena, struct uuid template_id,
                  const struct scep_intune *intune, const char *resource, const char **ret_token,
                  struct error *err) {
    struct buffer form = buffer_on(arena);
    struct fetch_reply reply;
    int64_t seconds;
    const char *token = find(arena, template_id, resource);
    if (token != NULL) {
        *ret_token = token;
        return true;
    }
    const char *url =
        arena_printf(arena, "%s/%s/oauth2/v2.0/token", intune->login_url, intune->tenant);
    TRY(fill_form(core, arena, template_id, intune, url, resource, &form, err));
    struct fetch_header header = {"Content-Type", "application/x-www-form-urlencoded"};
    struct fetch_request request = {.method = "POST",
                                    .url = url,
                                    .body = view_text(buffer_text(&form)),
                                    .headers = &header,
                                    .header_count = 1};
    intune_route(intune, &request);
    TRY(fetch(arena, &request, &reply, err));
    TRY(read_token(arena, &reply, &token, &seconds, err));
    keep(template_id, resource, token, seconds);
    *ret_token = token;
    return true;
}
