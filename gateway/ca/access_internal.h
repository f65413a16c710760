/* What the files of log-ins share. Private to this room. */
#ifndef GATEHOUSE_CA_ACCESS_INTERNAL_H
#define GATEHOUSE_CA_ACCESS_INTERNAL_H

#include "ca/access_settings.h"

/* A session or ticket secret (256 bits, base64url), and what the database knows of it. */
const char *access_new_secret(struct arena *arena);
void access_hash(const char *secret, uint8_t ret_hash[static 32]);

void access_fill_actor(const struct user *user, const struct grant *grants, size_t count,
                       const char *address, const char *request_id, struct actor *ret_actor);
/* The person behind a try that may fail: its name is what was typed, which is no secret but may be long. */
struct actor access_stranger(struct arena *arena, const char *username, const char *address,
                             const char *request_id);
/* The user's record and roles in the caller's transaction; ERROR_NOT_FOUND unless it is active. */
MUST_USE bool access_load(struct tx *tx, struct arena *arena, struct uuid user_id, const char *address,
                          const char *request_id, struct actor *ret_actor, struct error *err);

/* An event "session.refused" with that reason, and the error for the person; returns false. */
bool access_refuse(struct core *core, const struct actor *who, const char *why, struct error *err);
/* Every try is charged as a failure before the secret is looked at, so that many at once do not slip through
 * together; success clears the account. */
MUST_USE bool access_charge(struct core *core, const struct user *user, struct error *err);
/* Slowed, charged and verified; the user's record when the password is right. */
MUST_USE bool access_check_password(struct core *core, struct arena *arena,
                                    const struct login_order *order, struct user *ret_user,
                                    struct error *err);
/* The user has shown who it is: a session, and its event. */
struct session_way {
    const char *method; /* "password", "certificate", "passkey" or an identity provider's slug */
    bool strong;
};
MUST_USE bool access_open_session(struct core *core, struct arena *arena, const struct user *user,
                                  const struct login_order *order, const struct session_way *way,
                                  const char **ret_secret, struct actor *ret_actor,
                                  struct error *err);

/* Refused when the user has a second factor or needs one: what was shown alone must not be a way around it. */
MUST_USE bool access_one_factor_is_enough(struct tx *tx, struct arena *arena,
                                          const struct actor *actor, struct error *err);

/* Nobody gives a role over more than they rule themselves, nor one that may more than they. */
MUST_USE bool access_may_give(struct tx *tx, struct arena *arena, const struct actor *actor,
                              const struct grant *grants, size_t count, struct error *err);
/* User name (1-100 bytes, no spaces), display name and e-mail address (NULL: none) can be stored. */
MUST_USE bool access_check_user_texts(const char *username, const char *display_name, const char *email,
                                      struct error *err);

#endif
