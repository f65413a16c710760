#include "identity/openid.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/jwk.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TOKEN ((size_t)64 * 1024)
#define MAX_KEYS 100
#define LEEWAY_S 60

static bool bad(struct error *err, const char *what) {
    return fail(err, ERROR_UNAUTHENTICATED, "bad-id-token", "The identity provider's ID token %s.", what);
}

/* --- the signature: rfc7515 ----------------------------------------------------------------------------------- */

struct compact {
    struct view input, payload, signature;
    const char *alg, *kid; /* kid NULL: none */
};

static bool read_header(struct arena *arena, struct view header, struct compact *ret, struct error *err) {
    const struct json *document;
    struct error why = {0};
    bool ok = json_parse(arena, header, &document, &why) && json_string(document, "alg", &ret->alg, &why) &&
              json_string(document, "kid", &ret->kid, &why) && ret->alg != NULL;
    if (!ok)
        return bad(err, "has a header that cannot be read");
    /* rfc7515#4.1.11: what must be understood is not; rfc7797 changes what is signed. */
    return (json_get(document, "crit") == NULL && json_get(document, "b64") == NULL) ||
           bad(err, "has \"crit\" or \"b64\" in its header, of which nothing is understood");
}

static bool read_compact(struct arena *arena, const char *token, struct compact *ret, struct error *err) {
    size_t len = strnlen(token, MAX_TOKEN + 1);
    const char *first = strchr(token, '.'), *second = first == NULL ? NULL : strchr(first + 1, '.');
    struct compact out = {0};
    struct view header;
    if (len > MAX_TOKEN || second == NULL || strchr(second + 1, '.') != NULL)
        return bad(err, "is no signed token of three parts");
    out.input = view_of((const uint8_t *)token, (size_t)(second - token));
    if (!base64url_decode(arena, view_of((const uint8_t *)token, (size_t)(first - token)), &header) ||
        !base64url_decode(arena, view_of((const uint8_t *)first + 1, (size_t)(second - first - 1)), &out.payload) ||
        !base64url_decode(arena, view_text(second + 1), &out.signature))
        return bad(err, "has a part that is no base64url");
    TRY(read_header(arena, header, &out, err));
    *ret = out;
    return true;
}

/* rfc7517#4: for signatures, and for this algorithm where it says so. */
static bool is_candidate(const struct json *key, const struct compact *token) {
    const char *use = NULL, *alg = NULL, *kid = NULL;
    struct error ignored = {0};
    return json_string(key, "use", &use, &ignored) && json_string(key, "alg", &alg, &ignored) &&
           json_string(key, "kid", &kid, &ignored) && (use == NULL || strcmp(use, "sig") == 0) &&
           (alg == NULL || strcmp(alg, token->alg) == 0) &&
           (token->kid == NULL || (kid != NULL && strcmp(kid, token->kid) == 0));
}

/* jwk_fits knows no "none" and no MAC, and a key is good for the algorithms of its own type alone: a public key
 * that is taken for a shared secret verifies nothing here (rfc8725#2.1). */
static bool check_signature(struct arena *arena, const struct compact *token, const struct json *set,
                            struct error *err) {
    const struct json *keys = NULL;
    struct error ignored = {0};
    size_t looked = 0, tried = 0;
    if (!json_array(set, "keys", &keys, &ignored))
        keys = NULL;
    JSON_EACH (item, keys) {
        struct jwk key;
        struct error unfit = {0};
        if (looked++ == MAX_KEYS)
            break;
        if (!is_candidate(item, token) || !jwk_read(arena, item, &key, &unfit) || !jwk_fits(&key, token->alg))
            continue;
        tried++;
        if (jwk_verify(&key, token->alg, token->input, token->signature))
            return true;
    }
    return bad(err, tried == 0 ? "is not signed by a key that the provider publishes, or by an algorithm without public key"
                               : "has a wrong signature");
}

/* --- the claims ------------------------------------------------------------------------------------------------- */

static const char *text_claim(const struct json *claims, const char *name) {
    const struct json *claim = json_get(claims, name);
    return claim != NULL && claim->type == JSON_STRING ? claim->text : NULL;
}

static bool text_is(const char *text, const char *wanted) {
    return text != NULL && strcmp(text, wanted) == 0;
}

/* rfc7519#2: seconds, perhaps with a fraction. */
static bool date_claim(const struct json *claims, const char *name, double *ret) {
    const struct json *claim = json_get(claims, name);
    if (claim == NULL || claim->type != JSON_NUMBER)
        return false;
    *ret = strtod(claim->text, NULL);
    return true;
}

static bool check_audience(const struct json *claims, const char *client_id, struct error *err) {
    const struct json *aud = json_get(claims, "aud"), *azp = json_get(claims, "azp");
    bool found = false;
    size_t count = 1;
    if (aud != NULL && aud->type == JSON_STRING)
        found = text_is(aud->text, client_id);
    if (aud != NULL && aud->type == JSON_ARRAY) {
        count = aud->count;
        JSON_EACH (item, aud)
            found = found || (item->type == JSON_STRING && text_is(item->text, client_id));
    }
    if (!found)
        return bad(err, "is for another client (aud)");
    if (azp == NULL && count > 1)
        return bad(err, "is for several clients and does not say which asked for it (azp)");
    return azp == NULL || (azp->type == JSON_STRING && text_is(azp->text, client_id)) ||
           bad(err, "was asked for by another client (azp)");
}

static bool check_dates(const struct json *claims, int64_t now_us, struct error *err) {
    double now = (double)now_us / (double)US_PER_SECOND, exp = 0, iat = 0, nbf = 0;
    if (!date_claim(claims, "exp", &exp) || !date_claim(claims, "iat", &iat))
        return bad(err, "does not say when it was made and when it expires (iat, exp)");
    if (!(now < exp + LEEWAY_S))
        return bad(err, "has expired; look at the clocks");
    if (!(iat < now + LEEWAY_S) || (json_get(claims, "nbf") != NULL &&
                                    (!date_claim(claims, "nbf", &nbf) || !(nbf < now + LEEWAY_S))))
        return bad(err, "is from the future; look at the clocks");
    return true;
}

static bool check_claims(const struct json *claims, const struct openid_expected *expected, struct error *err) {
    const char *subject = text_claim(claims, "sub");
    if (!text_is(text_claim(claims, "iss"), expected->issuer))
        return bad(err, "is of another issuer (iss)");
    if (subject == NULL || subject[0] == '\0' || strlen(subject) > 255)
        return bad(err, "does not say who it is about (sub)");
    TRY(check_audience(claims, expected->client_id, err));
    TRY(check_dates(claims, expected->now_us, err));
    return text_is(text_claim(claims, "nonce"), expected->nonce) ||
           bad(err, "is not of this log-in (nonce)");
}

bool openid_verify(struct arena *arena, const char *token, const struct json *keys,
                   const struct openid_expected *expected, const struct json **ret_claims, struct error *err) {
    struct compact compact;
    const struct json *claims;
    struct error why = {0};
    TRY(read_compact(arena, token, &compact, err));
    TRY(check_signature(arena, &compact, keys, err));
    if (!json_parse(arena, compact.payload, &claims, &why) || claims->type != JSON_OBJECT)
        return bad(err, "has claims that are no JSON object");
    TRY(check_claims(claims, expected, err));
    *ret_claims = claims;
    return true;
}
