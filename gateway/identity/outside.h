/* Identity providers asked: a directory by LDAP, an OpenID provider by the person's browser. What they say goes to
 * ca/identity.h, which makes users of it. */
#ifndef GATEHOUSE_IDENTITY_OUTSIDE_H
#define GATEHOUSE_IDENTITY_OUTSIDE_H

#include "ca/identity.h"

/* The settings of a kind can be used. ERROR_POLICY "bad-setting" names what cannot. */
MUST_USE bool outside_check(struct arena *arena, enum identity_kind kind, const struct json *settings,
                            struct error *err);

/* LDAP (RFC 4511): the person is searched for by name, and bound as with the password. Never in the clear: ldaps://
 * or StartTLS, the directory's certificate verified. *ret_right false: no such person, or another password.
 * ERROR_UNAVAILABLE "directory-failed" when the directory does not do its part. */
MUST_USE bool ldap_authenticate(struct arena *arena, const struct json *settings, const char *secret,
                                const char *username, const char *password, bool *ret_right,
                                struct identity *ret, struct error *err);
/* rfc4515#3: what may not stand in a filter as it is. */
const char *ldap_escape(struct arena *arena, const char *text);

/* access_login with a name and a password that the directory `provider` knows. */
MUST_USE bool outside_login(struct core *core, struct arena *arena, const char *provider,
                            const struct login_order *order, const struct factor_proof *proof,
                            struct login_result *ret, struct error *err);
/* Whether the service account gets in and finds the base. */
MUST_USE bool outside_test(struct core *core, struct arena *arena, const char *provider, struct error *err);
MUST_USE bool outside_check_directory(struct arena *arena, const struct json *settings, struct error *err);
MUST_USE bool ldap_try(struct arena *arena, const struct json *settings, const char *secret,
                       struct error *err);

/* --- OpenID Connect: authorization code with PKCE, state and nonce ------------------------------------------- */

MUST_USE bool openid_check(struct arena *arena, const struct json *settings, struct error *err);
/* Where the browser goes, and the secret that it keeps meanwhile (a cookie, a quarter of an hour). */
MUST_USE bool openid_begin(struct core *core, struct arena *arena, const char *provider, const char **ret_url,
                           const char **ret_secret, struct error *err);
struct openid_return {
    const char *provider, *code, *state; /* as the browser brings them */
    const char *secret;                  /* of its cookie; NULL: none */
};
/* Once for each openid_begin. ERROR_UNAUTHENTICATED "ticket-over", "code-refused", "bad-id-token"; ERROR_UNAVAILABLE
 * "provider-failed"; then as identity_login. */
MUST_USE bool openid_finish(struct core *core, struct arena *arena, const struct openid_return *back,
                            const struct login_order *order, struct login_result *ret, struct error *err);
/* Whether the provider tells what is needed. */
MUST_USE bool openid_try(struct core *core, struct arena *arena, const char *provider, struct error *err);
/* Where the browser ends its session at the provider too; NULL: nowhere. hint: as the session has it, or NULL. */
const char *openid_logout(struct core *core, struct arena *arena, const char *provider, const char *hint);

#endif
