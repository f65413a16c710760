/* OpenID Connect (Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0) with PKCE (RFC 7636), in its parts. What
 * is "the provider" here is the OpenID provider; the person's browser goes there and comes back with a code. */
#ifndef GATEHOUSE_IDENTITY_OPENID_H
#define GATEHOUSE_IDENTITY_OPENID_H

#include "ca/identity.h"

struct openid {
    const char *issuer, *client_id, *scope;
    const char *ca; /* PEM; NULL: the instance's */
    const char *username, *display_name, *email, *groups; /* claims */
    bool logout;
};
/* ERROR_POLICY "bad-setting" names what cannot be used. */
MUST_USE bool openid_read(const struct json *settings, struct openid *ret, struct error *err);

/* --- openid_fetch.c: asking the provider. ERROR_UNAVAILABLE "provider-failed" says at which step ------------- */

struct openid_places {
    const char *authorization, *token, *jwks;
    const char *userinfo, *end_session; /* NULL: there is none */
    bool secret_in_body;                /* client_secret_post is the one way */
};
/* Kept for some minutes, by `key` (who asks with which revision of the settings). */
MUST_USE bool openid_discover(struct arena *arena, const struct openid *openid, const char *key,
                              struct openid_places *ret, struct error *err);
MUST_USE bool openid_keys(struct arena *arena, const struct openid *openid, const struct openid_places *places,
                          const struct json **ret_keys, struct error *err);
struct openid_exchange {
    const char *code, *verifier, *redirect_uri;
    const char *secret; /* of the client; NULL: it has none */
};
/* *ret_id_token NULL when the provider refuses the code. */
MUST_USE bool openid_exchange(struct arena *arena, const struct openid *openid, const struct openid_places *places,
                              const struct openid_exchange *exchange, const char **ret_id_token,
                              const char **ret_access_token, struct error *err);
/* The claims at the userinfo endpoint, of that subject (openid-connect-core#5.3.2). */
MUST_USE bool openid_userinfo(struct arena *arena, const struct openid *openid, const struct openid_places *places,
                              const char *access_token, const char *subject, const struct json **ret_claims,
                              struct error *err);
/* application/x-www-form-urlencoded: name=value, with "&" before all but the first. */
void openid_field(struct buffer *form, const char *name, const char *value);

/* --- openid_token.c: ID tokens ------------------------------------------------------------------------------- */

struct openid_expected {
    const char *issuer, *client_id, *nonce;
    int64_t now_us;
};
/* openid-connect-core#3.1.3.7, with a minute for clocks that differ. keys: a JWK set (RFC 7517). Signatures of
 * public-key algorithms alone. ERROR_UNAUTHENTICATED "bad-id-token" says what is wrong. */
MUST_USE bool openid_verify(struct arena *arena, const char *token, const struct json *keys,
                            const struct openid_expected *expected, const struct json **ret_claims,
                            struct error *err);

#endif
