/* Who calls and what they may do. Roles are sets of permissions; a grant gives a role on the instance, an
 * organisation or one CA. What an actor may not see does not exist for it (404); what it may see but not do
 * is 403, with an event. */
#ifndef GATEHOUSE_CA_ACCESS_H
#define GATEHOUSE_CA_ACCESS_H

#include "store/events.h"
#include "store/scope.h"
#include "store/users.h"

/* Custom roles are stored as bits of this: only ever appended to, at most 62. */
enum permission {
    MAY_READ_CAS,
    MAY_MANAGE_CAS,
    MAY_READ_TEMPLATES,
    MAY_MANAGE_TEMPLATES,
    MAY_CREATE_REQUESTS,
    MAY_READ_REQUESTS,      /* a requester's: own ones alone */
    MAY_DECIDE_REQUESTS,    /* sign, approve, decline */
    MAY_READ_CERTIFICATES,
    MAY_REVOKE,
    MAY_EDIT_CERTIFICATES,  /* owner, tags, fields, archive */
    MAY_READ_EVENTS,
    MAY_READ_TOKENS,        /* PKCS#11 tokens and keys */
    MAY_READ_USERS,
    MAY_MANAGE_USERS,
    MAY_READ_SETTINGS,
    MAY_MANAGE_SETTINGS,
    MAY_RECOVER_KEYS,       /* kept keys of others, two persons together */
    PERMISSION_COUNT,
};
const char *permission_name(enum permission permission); /* "cas:read" ... */
MUST_USE bool permission_from_name(const char *name, enum permission *ret);
const char *role_name(enum role role); /* "administrator", "officer", "requester", "auditor" */
enum role role_from_name(const char *name); /* 0 when unknown */
bool role_has(enum role role, enum permission permission); /* built-in ones */
bool grant_has(const struct grant *grant, enum permission permission);
const char *grant_role_name(const struct grant *grant);

struct core;

struct actor {
    bool system;               /* the instance itself: jobs, init */
    struct uuid user_id;       /* nil for system and for the public */
    const char *name;          /* "alice", "system", "anonymous" */
    const char *address;       /* client's address, "" when none */
    const char *request_id;    /* HTTP request id, "" when none */
    const struct grant *grants;
    size_t grant_count;
    bool must_change_password; /* nothing else is allowed before */
    bool must_enrol_factor;    /* nothing but setting up a second factor is allowed before */
    bool strong;               /* the session was opened with a second factor */
    bool by_token;             /* API token, not a session */
    bool limited;              /* the token has less than its owner's rights */
    bool by_certificate;       /* of the TLS connection: neither session nor token */
    struct uuid token_id;
    struct uuid organisation_id; /* the user's */
    /* Limits of the token itself; 0: none. See ca/rates.h. */
    int64_t requests_per_second, certificates_per_day;
    uint8_t session_hash[32];  /* of the session, when not by_token */
};

extern const struct actor actor_system;

/* What the actor may see with that permission. Lives on the arena. */
void actor_scope(struct arena *arena, const struct actor *actor, enum permission permission,
                 struct scope *ret_scope);
/* True when the actor has the permission for this CA (ca_id nil: for the organisation; both nil: for the
 * instance). ERROR_FORBIDDEN "forbidden" names permission and object. */
MUST_USE bool actor_may(const struct actor *actor, enum permission permission,
                        struct uuid organisation_id, struct uuid ca_id, struct error *err);
/* Only whether. */
bool actor_can(const struct actor *actor, enum permission permission, struct uuid organisation_id,
               struct uuid ca_id);
/* True when some grant has the permission anywhere: the gate before look-ups. */
bool actor_could(const struct actor *actor, enum permission permission);

/* --- log-in --------------------------------------------------------------------------------------- */

/* Passwords: at least 12 characters (1-1024 bytes of UTF-8), Argon2id (RFC 9106: t=3, 64 MiB, p=4 lanes). */
MUST_USE bool password_check_rules(const char *password, const char *username, struct error *err);
MUST_USE bool password_hash(struct arena *arena, const char *password, const char **ret_encoded,
                            struct error *err);
bool password_verify(const char *encoded, const char *password);

/* Wrong name and wrong password cost and look the same. Guessing is slowed by a growing delay per user
 * (ERROR_TOO_MANY "slow-down"), never a lock-out. Each try is an event. On success a session of 12 hours is
 * made and its secret returned once. */
struct login_order {
    const char *username, *password;
    const char *address, *request_id;
    const char *agent; /* User-Agent, or NULL */
    const char *hint;  /* kept with the session, see struct session; or NULL */
};
struct login_result;
struct factor_proof; /* may be NULL; see ca/factors.h for what follows */
MUST_USE bool access_login(struct core *core, struct arena *arena, const struct login_order *order,
                           const struct factor_proof *proof, struct login_result *ret, struct error *err);
/* One call by user name and password (HTTP Basic of device protocols): no session is made. Slowed and noted
 * as a log-in is; ERROR_FORBIDDEN "password-change-needed" for a password that must be changed first. */
MUST_USE bool access_by_password(struct core *core, struct arena *arena, const char *username,
                                 const char *password, const char *address, const char *request_id,
                                 struct actor *ret_actor, struct error *err);
/* A program by the client certificate of its TLS connection, for one call: a certificate that was registered for a
 * user, or one of an authority whose certificates log in and whose name is that of a user without second factor; alive
 * and, where it is ours, not revoked. ERROR_NOT_FOUND when it is nobody's; ERROR_UNAUTHENTICATED
 * "revoked-certificate", "expired-certificate". */
MUST_USE bool access_by_certificate(struct core *core, struct arena *arena, struct view certificate,
                                    const char *address, const char *request_id,
                                    struct actor *ret_actor, struct error *err);
/* A person, for a session: also with a certificate that a CA of the setting "certificateLogin" issued and whose name
 * is that of a user. A second factor is asked for as after a password. */
MUST_USE bool access_login_certificate(struct core *core, struct arena *arena, struct view certificate,
                                       const struct login_order *order, struct login_result *ret,
                                       struct error *err);
MUST_USE bool access_logout(struct core *core, const struct actor *actor, struct error *err);
/* The actor of a session cookie or a bearer token; ERROR_UNAUTHENTICATED when it is wrong or over. */
MUST_USE bool access_by_session(struct core *core, struct arena *arena, const char *secret,
                                const char *address, const char *request_id, struct actor *ret_actor,
                                struct error *err);
MUST_USE bool access_by_token(struct core *core, struct arena *arena, const char *secret,
                              const char *address, const char *request_id, struct actor *ret_actor,
                              struct error *err);
/* The actor's own password; other sessions of the user end. */
MUST_USE bool access_change_password(struct core *core, struct arena *arena, const struct actor *actor,
                                     const char *old_password, const char *new_password,
                                     struct error *err);
/* An API token of the actor itself ("gh_" and 43 characters), shown once. expires_us 0: never. */
struct token_order {
    const char *label;
    int64_t expires_us;
    const char *const *roles, *const *cas; /* limits: role names, CA slugs; none: all of the owner's */
    size_t role_count, ca_count;
    int64_t requests_per_second, certificates_per_day; /* 0: no limit of its own */
};
MUST_USE bool access_token_create(struct core *core, struct arena *arena, const struct actor *actor,
                                  const struct token_order *order, const char **ret_secret,
                                  struct api_token *ret_token, struct error *err);
/* What is left of the grants under a token's limits. */
MUST_USE bool token_limit_grants(struct tx *tx, struct arena *arena, const char *limits,
                                 struct grant **grants, size_t *count, struct error *err);
/* The numbers among a token's limits. */
MUST_USE bool token_read_rates(struct arena *arena, const char *limits, struct actor *actor, struct error *err);
MUST_USE bool access_token_revoke_all(struct core *core, struct arena *arena, const struct actor *actor,
                                      struct error *err);
MUST_USE bool access_token_list(struct core *core, struct arena *arena, const struct actor *actor,
                                struct api_token **ret_items, size_t *ret_count, struct error *err);
MUST_USE bool access_token_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                                  struct uuid id, struct error *err);

/* --- users (MAY_READ_USERS, MAY_MANAGE_USERS) ------------------------------------------------------- */

struct user_order {
    const char *username, *display_name, *email;
    const char *organisation; /* slug; NULL: the default one */
    const struct grant *grants;
    size_t grant_count;
};
/* Makes the user with a one-time password, returned once. Nobody gives a role they do not have. */
MUST_USE bool access_user_create(struct core *core, struct arena *arena, const struct actor *actor,
                                 const struct user_order *order, struct user *ret_user,
                                 const char **ret_password, struct error *err);
MUST_USE bool access_user_list(struct core *core, struct arena *arena, const struct actor *actor,
                               const struct page *page, struct user **ret_items, size_t *ret_count,
                               const char **ret_next, struct error *err);
MUST_USE bool access_user_get(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, struct user *ret_user, struct grant **ret_grants,
                              size_t *ret_grant_count, struct error *err);
struct user_change { /* NULL or false: unchanged */
    const char *display_name, *email;
    bool set_state;
    enum user_state state;
    const struct grant *grants; /* replaces all, when set_grants */
    size_t grant_count;
    bool set_grants;
    bool must_change_password; /* at the next log-in */
};
MUST_USE bool access_user_update(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct uuid id, const struct user_change *change, struct error *err);
/* A new one-time password; sessions end. Also `gatehouse user reset`, as actor_system. */
MUST_USE bool access_user_reset(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *username, const char **ret_password, struct error *err);

/* Those of another user: who may change the user sees and ends them. */
MUST_USE bool access_user_tokens(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct uuid id, struct api_token **ret_items, size_t *ret_count,
                                 struct error *err);
MUST_USE bool access_user_tokens_revoke(struct core *core, struct arena *arena,
                                        const struct actor *actor, struct uuid id, struct error *err);
MUST_USE bool access_sessions(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid user_id, struct session **ret_items, size_t *ret_count,
                              struct error *err);
/* prefix: the first 16 octets of its hash; NULL: all (of the actor itself: all others). */
MUST_USE bool access_sessions_end(struct core *core, struct arena *arena, const struct actor *actor,
                                  struct uuid user_id, const uint8_t *prefix, struct error *err);
/* Everybody with a password must change it at the next log-in: MAY_MANAGE_USERS on the instance. */
MUST_USE bool access_require_password_change(struct core *core, const struct actor *actor,
                                             struct error *err);
/* In the caller's transaction: the actor may change this user (it rules all that the user rules). */
MUST_USE bool access_may_change(struct tx *tx, struct arena *arena, const struct actor *actor,
                                struct uuid id, struct user *ret_user, struct error *err);

struct registration {
    const char *username, *display_name, *email, *password;
    const char *address, *request_id;
};
/* Anybody, where the setting "registration" allows it: a user with the role of that setting, who waits for
 * approval (state pending) unless the setting says otherwise. */
MUST_USE bool access_register(struct core *core, struct arena *arena, const struct registration *order,
                              struct user *ret_user, struct error *err);

/* --- events ----------------------------------------------------------------------------------------- */

/* Adds an event in the caller's transaction. ids may be nil, texts NULL. details: a JSON object or NULL. */
struct event_note {
    const char *code, *outcome; /* outcome NULL: "success" */
    struct uuid organisation_id, ca_id;
    const char *object_kind, *object;
    const char *details;
};
MUST_USE bool access_note(struct tx *tx, const struct actor *actor, const struct event_note *note,
                          struct error *err);
/* In a transaction of its own, for refusals and failures; a failure to write is logged. */
void access_note_alone(struct core *core, const struct actor *actor, const struct event_note *note);

#endif
