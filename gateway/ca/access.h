/* Who calls and what they may do. Roles are sets of permissions; a grant gives a role on the instance, an
 * organisation or one CA. What an actor may not see does not exist for it (404); what it may see but not do
 * is 403, with an event. */
#ifndef GATEHOUSE_CA_ACCESS_H
#define GATEHOUSE_CA_ACCESS_H

#include "store/events.h"
#include "store/scope.h"
#include "store/users.h"

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
    PERMISSION_COUNT,
};
const char *permission_name(enum permission permission); /* "cas:read" ... */
MUST_USE bool permission_from_name(const char *name, enum permission *ret);
const char *role_name(enum role role); /* "administrator", "officer", "requester", "auditor" */
enum role role_from_name(const char *name); /* 0 when unknown */
bool role_has(enum role role, enum permission permission);

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
    bool by_token;             /* API token, not a session */
    struct uuid token_id;
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
MUST_USE bool access_login(struct core *core, struct arena *arena, const char *username,
                           const char *password, const char *address, const char *request_id,
                           const char **ret_secret, struct actor *ret_actor, struct error *err);
/* One call by user name and password (HTTP Basic of device protocols): no session is made. Slowed and noted
 * as a log-in is; ERROR_FORBIDDEN "password-change-needed" for a password that must be changed first. */
MUST_USE bool access_by_password(struct core *core, struct arena *arena, const char *username,
                                 const char *password, const char *address, const char *request_id,
                                 struct actor *ret_actor, struct error *err);
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
MUST_USE bool access_token_create(struct core *core, struct arena *arena, const struct actor *actor,
                                  const char *label, int64_t expires_us, const char **ret_secret,
                                  struct api_token *ret_token, struct error *err);
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
};
MUST_USE bool access_user_update(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct uuid id, const struct user_change *change, struct error *err);
/* A new one-time password; sessions end. Also `gatehouse user reset`, as actor_system. */
MUST_USE bool access_user_reset(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *username, const char **ret_password, struct error *err);

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
