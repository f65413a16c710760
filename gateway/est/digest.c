#include "est/digest.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define NONCE_LIFE_US (300 * US_PER_SECOND)
#define PLACE "est/digest-nonce"

/* --- the header --------------------------------------------------------------------------------------- */

/* rfc9110#11.2: name=token or name="quoted string". Moves *at behind it and a comma. */
static bool next_pair(struct arena *arena, const char **at, const char **ret_name, const char **ret_value) {
    struct buffer value = buffer_on(arena);
    *at += strspn(*at, " \t,");
    size_t len = strcspn(*at, "= \t,\"");
    if (len == 0 || (*at)[len] != '=')
        return false;
    *ret_name = arena_text(arena, view_of(*at, len));
    *at += len + 1;
    if (**at != '"') {
        len = strcspn(*at, ", \t");
        buffer_add(&value, *at, len);
        *at += len;
    } else {
        for (++*at; **at != '"'; ++*at) {
            if (**at == '\\')
                ++*at;
            if (**at == '\0')
                return false;
            buffer_add_byte(&value, (uint8_t)**at);
        }
        ++*at;
    }
    *ret_value = buffer_text(&value);
    return true;
}

static bool unusable(struct error *err, const char *what) {
    return fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                "Authorization: Digest cannot be used: %s.", what);
}

static bool check(const struct est_exchange *x, const struct est_digest *d, struct error *err) {
    const char *const needed[] = {x->proof.name, d->realm, d->nonce, d->uri, d->response, d->cnonce, d->nc};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (needed[i] == NULL)
            return unusable(err, "username, realm, nonce, uri, response, cnonce and nc must be there");
    if (d->qop == NULL || strcmp(d->qop, "auth") != 0)
        return unusable(err, "qop must be auth");
    if (strcmp(d->realm, EST_REALM) != 0 || strcmp(d->uri, x->proof.path) != 0)
        return unusable(err, "realm and uri must be those of this request"); /* rfc7616#3.4.6 */
    bool md5 = d->algorithm == NULL || strcasecmp(d->algorithm, "MD5") == 0; /* rfc7616#3.3 */
    return (md5 ? x->settings.digest == EST_DIGEST_MD5 : strcasecmp(d->algorithm, "SHA-256") == 0) ||
           unusable(err, "the algorithm is none of those offered");
}

bool est_digest_read(struct est_exchange *x, const char *text, struct error *err) {
    struct est_digest *d = arena_alloc(x->arena, sizeof *d);
    const char *name, *value;
    *d = (struct est_digest){.stale = false};
    const struct {
        const char *name, **value;
    } fields[] = {{"username", &x->proof.name}, {"realm", &d->realm},       {"nonce", &d->nonce},
                  {"uri", &d->uri},             {"response", &d->response}, {"cnonce", &d->cnonce},
                  {"nc", &d->nc},               {"qop", &d->qop},           {"algorithm", &d->algorithm}};
    while (text[strspn(text, " \t,")] != '\0') {
        if (!next_pair(x->arena, &text, &name, &value))
            return unusable(err, "it is not a list of name=value");
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
            if (strcasecmp(name, fields[i].name) == 0)
                *fields[i].value = value;
    }
    if (x->settings.digest == EST_DIGEST_NONE)
        return unusable(err, "the template does not take it");
    TRY(check(x, d, err));
    x->proof.digest = d;
    return true;
}

/* --- nonces: a sealed time, so that every node knows those of all ----------------------------------------- */

static bool nonce_make(struct est_exchange *x, const char **ret, struct error *err) {
    int64_t now = clock_now_us();
    return secret_seal(x->core, x->arena, PLACE, view_of(&now, sizeof now), ret, err);
}

static bool nonce_fresh(struct est_exchange *x, const char *nonce) {
    struct error ignored = {0};
    struct view opened;
    int64_t made, now = clock_now_us();
    if (!secret_open(x->core, x->arena, PLACE, nonce, &opened, &ignored) || opened.len != sizeof made)
        return false;
    memcpy(&made, opened.at, sizeof made);
    return made <= now + NONCE_LIFE_US && made + NONCE_LIFE_US >= now;
}

/* --- the response ---------------------------------------------------------------------------------------- */

static const char *hash(struct arena *arena, const EVP_MD *md, const char *text) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_Digest(text, strlen(text), digest, &len, md, NULL);
    return hex_encode(arena, view_of(digest, len));
}

/* rfc7616#3.4.1 to 3.4.3 */
const char *est_digest_response(const struct est_exchange *x, struct view secret) {
    const struct est_digest *d = x->proof.digest;
    struct arena *arena = x->arena;
    const EVP_MD *md = d->algorithm != NULL && strcasecmp(d->algorithm, "SHA-256") == 0 ? EVP_sha256() : EVP_md5();
    const char *a1 = hash(arena, md, arena_printf(arena, "%s:%s:%s", x->proof.name, d->realm, arena_text(arena, secret)));
    const char *a2 = hash(arena, md, arena_printf(arena, "POST:%s", d->uri));
    return hash(arena, md, arena_printf(arena, "%s:%s:%s:%s:auth:%s", a1, d->nonce, d->nc, d->cnonce, a2));
}

bool est_digest_verify(struct est_exchange *x, struct view secret, struct error *err) {
    struct est_digest *d = x->proof.digest;
    const char *right = est_digest_response(x, secret);
    size_t len = strlen(right);
    if (strlen(d->response) != len || CRYPTO_memcmp(d->response, right, len) != 0)
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "The user name and the secret do not belong together.");
    d->stale = !nonce_fresh(x, d->nonce);
    return !d->stale || unusable(err, "its nonce is over; the answer has a new one");
}

bool est_digest_challenges(struct est_exchange *x, const char *ret[static 2], size_t *ret_count,
                           struct error *err) {
    static const char *const algorithms[] = {"SHA-256", "MD5"};
    const char *nonce;
    *ret_count = x->settings.digest == EST_DIGEST_NONE ? 0 : x->settings.digest == EST_DIGEST_MD5 ? 2 : 1;
    if (*ret_count == 0)
        return true;
    TRY(nonce_make(x, &nonce, err));
    for (size_t i = 0; i < *ret_count; i++)
        ret[i] = arena_printf(x->arena, "Digest realm=\"" EST_REALM "\", qop=\"auth\", algorithm=%s, nonce=\"%s\"%s",
                              algorithms[i], nonce,
                              x->proof.digest != NULL && x->proof.digest->stale ? ", stale=true" : "");
    return true;
}
