/* Second factors of users: TOTP (RFC 6238), security keys and passkeys (WebAuthn), recovery codes; and the steps of
 * a log-in that asks for one. A user with a confirmed factor shows one at every log-in; a role can make one
 * compulsory (access settings). */
#ifndef GATEHOUSE_CA_FACTORS_H
#define GATEHOUSE_CA_FACTORS_H

#include "ca/core.h"
#include "store/factors.h"

#include "base/json.h"

#define RECOVERY_CODES 10

/* --- log-in ------------------------------------------------------------------------------------------------ */

/* What access_login found: a session, or the need for a second factor. */
struct login_result {
    const char *secret;   /* of the session; NULL: a second factor is needed */
    struct actor actor;   /* with the session */
    const char *ticket;   /* without: for access_login_second, five minutes and five tries */
    bool totp, recovery;  /* which ways there are */
    const char *passkey;  /* PublicKeyCredentialRequestOptions as JSON; NULL: no security key */
};
/* The second step. Exactly one of code, recovery_code, credential. ERROR_UNAUTHENTICATED "factor-failed". */
struct factor_proof {
    const char *totp, *recovery_code;
    const struct json *credential;
};
MUST_USE bool access_login_second(struct core *core, struct arena *arena, const char *ticket,
                                  const struct factor_proof *proof, const struct login_order *order,
                                  struct login_result *ret, struct error *err);
/* Whoever has shown a first factor of that method goes on here: a session, or a ticket for the second step. */
MUST_USE bool access_login_go_on(struct core *core, struct arena *arena, const struct user *user,
                                 const struct login_order *order, const char *method,
                                 const struct factor_proof *proof, struct login_result *ret,
                                 struct error *err);
/* A passkey alone: options for the browser and a ticket; then its answer. The authenticator must have verified the
 * person, so that it is two factors. */
MUST_USE bool access_passkey_begin(struct core *core, struct arena *arena, const char **ret_ticket,
                                   const char **ret_options, struct error *err);
MUST_USE bool access_passkey_finish(struct core *core, struct arena *arena, const char *ticket,
                                    const struct json *credential, const struct login_order *order,
                                    struct login_result *ret, struct error *err);

/* --- the own factors: in a session, never by token ----------------------------------------------------------- */

MUST_USE bool access_factors(struct core *core, struct arena *arena, const struct actor *actor,
                             struct factor **ret_items, size_t *ret_count, int64_t *ret_codes,
                             struct error *err);
/* An unconfirmed TOTP factor; its secret (base32) and otpauth URI are shown once. */
MUST_USE bool access_totp_begin(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *label, struct factor *ret, const char **ret_secret,
                                const char **ret_uri, struct error *err);
/* Its first code. ret_codes: recovery codes, RECOVERY_CODES of them, when it is the first factor; else NULL. */
MUST_USE bool access_totp_confirm(struct core *core, struct arena *arena, const struct actor *actor,
                                  struct uuid id, const char *code, const char *const **ret_codes,
                                  struct error *err);
MUST_USE bool access_key_begin(struct core *core, struct arena *arena, const struct actor *actor,
                               const char *label, const char **ret_ticket, const char **ret_options,
                               struct error *err);
MUST_USE bool access_key_finish(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *ticket, const struct json *credential, struct factor *ret,
                                const char *const **ret_codes, struct error *err);
MUST_USE bool access_factor_remove(struct core *core, struct arena *arena, const struct actor *actor,
                                   struct uuid id, struct error *err);
/* New ones; the old ones are void. */
MUST_USE bool access_recovery_renew(struct core *core, struct arena *arena, const struct actor *actor,
                                    const char *const **ret_codes, struct error *err);
/* Of another user, who has lost all: who may change the user. */
MUST_USE bool access_factors_reset(struct core *core, struct arena *arena, const struct actor *actor,
                                   struct uuid user_id, struct error *err);

#endif
