/* Users, their roles, sessions and API tokens. */
#ifndef GATEHOUSE_STORE_USERS_H
#define GATEHOUSE_STORE_USERS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

enum user_state { USER_ACTIVE = 1, USER_SUSPENDED = 2, USER_PENDING = 3 /* waits for approval */ };
/* Numbers from ROLE_CUSTOM_FIRST on are roles that the instance's administrators made (roles.h). */
enum role {
    ROLE_ADMINISTRATOR = 1,
    ROLE_OFFICER = 2,
    ROLE_REQUESTER = 3,
    ROLE_AUDITOR = 4,
    ROLE_CUSTOM_FIRST = 16,
    ROLE_CUSTOM_LAST = 127,
};
enum role_scope { ROLE_SCOPE_INSTANCE = 1, ROLE_SCOPE_ORGANISATION = 2, ROLE_SCOPE_CA = 3 };

struct user {
    struct uuid id, organisation_id;
    const char *username;      /* unique in the instance, case-insensitive, stored as given */
    const char *display_name;  /* may be "" */
    const char *email;         /* may be "" */
    const char *password_hash; /* encoded Argon2id; "" when there is no password */
    bool must_change_password;
    enum user_state state;
    int failed_logins;         /* since the last success */
    int64_t retry_after_us;    /* no log-in is tried before this time; 0: none */
    int64_t created_us, last_login_us; /* last_login_us 0: never */
    const char *provider;      /* slug of the identity provider that vouches for it; "" or NULL: local */
    const char *subject;       /* its name there; "" or NULL: local */
};

struct grant {
    enum role role;
    enum role_scope scope;
    struct uuid object; /* organisation or CA; nil for the instance */
    /* Read only, of a custom role: its permissions as bits, and whether of requests and certificates it sees
     * those its user made alone. */
    int64_t permissions;
    bool own_only;
    char slug[MAX_SLUG + 1]; /* of a custom role, else "" */
};

MUST_USE bool user_insert(struct tx *tx, const struct user *user, struct error *err); /* ERROR_CONFLICT "exists" */
/* Exact but for capitals (Unicode's simple mapping). Before anybody is known: takes no scope. */
MUST_USE bool user_by_name(struct tx *tx, struct arena *arena, const char *username, struct user *ret,
                           struct error *err);
/* A user belongs to an organisation: a scope of single CAs alone shows nobody. */
MUST_USE bool user_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                         struct user *ret, struct error *err);
/* By user name. */
MUST_USE bool user_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                        const struct page *page, struct user **ret_items, size_t *ret_count,
                        const char **ret_next, struct error *err);
/* Addresses of active users who may decide requests of that CA: administrators and officers of it, its organisation or
 * the instance, and whose own roles have one of those permissions (bits). At most a thousand, by address. */
struct deciders {
    const char **emails;
    size_t count;
};
MUST_USE bool user_deciders(struct tx *tx, struct arena *arena, struct uuid organisation_id, struct uuid ca_id,
                            int64_t permissions, struct deciders *ret, struct error *err);
MUST_USE bool user_count(struct tx *tx, int64_t *ret_count, struct error *err);
MUST_USE bool user_set_password(struct tx *tx, struct uuid id, const char *password_hash,
                                bool must_change, struct error *err);
/* ERROR_CONFLICT "last-administrator" as grant_replace. */
MUST_USE bool user_set_state(struct tx *tx, struct uuid id, enum user_state state, struct error *err);
/* Everybody with a password must change it at the next log-in. */
MUST_USE bool user_require_password_change(struct tx *tx, int64_t *ret_count, struct error *err);
MUST_USE bool user_set_must_change(struct tx *tx, struct uuid id, bool must_change, struct error *err);
/* By what its identity provider calls it. ERROR_NOT_FOUND. */
MUST_USE bool user_by_subject(struct tx *tx, struct arena *arena, const char *provider,
                              const char *subject, struct user *ret, struct error *err);
MUST_USE bool user_count_state(struct tx *tx, enum user_state state, int64_t *ret_count,
                               struct error *err);
/* display name and e-mail */
MUST_USE bool user_set_profile(struct tx *tx, struct uuid id, const char *display_name,
                               const char *email, struct error *err);
/* Success: failures 0, last_login set. Failure: failures + 1, retry_after set. Call it before session_insert:
 * the other order lets two log-ins of one user wait for each other (retried, but slower). */
MUST_USE bool user_record_login(struct tx *tx, struct uuid id, bool success, int64_t now_us,
                                int64_t retry_after_us, struct error *err);
MUST_USE bool grant_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                         struct grant **ret_items, size_t *ret_count, struct error *err);
/* Replaces all grants of the user. ERROR_CONFLICT "last-administrator" when there was an active user with
 * ROLE_ADMINISTRATOR on the instance, and none would be left. */
MUST_USE bool grant_replace(struct tx *tx, struct uuid user_id, const struct grant *grants,
                            size_t count, struct error *err);

/* Sessions and API tokens are found by SHA-256 of the secret; the secret itself is never stored. */
struct session {
    uint8_t hash[32];
    struct uuid user_id;
    int64_t created_us, expires_us;
    const char *method;  /* "password", "certificate", "passkey" or an identity provider's slug */
    bool by_certificate; /* session_find's: that method */
    bool strong;         /* a second factor was shown */
    const char *address, *agent;
    int64_t idle_us;     /* longest pause; 0: none */
    int64_t last_seen_us;
    const char *hint;    /* what its provider wants to hear at its end, sealed; "" or NULL: nothing */
};
MUST_USE bool session_insert(struct tx *tx, const struct session *session, struct error *err);
MUST_USE bool session_find(struct tx *tx, const uint8_t hash[32], int64_t now_us, struct session *ret,
                           struct error *err); /* ERROR_NOT_FOUND also when expired; without texts */
MUST_USE bool session_touch(struct tx *tx, const uint8_t hash[32], int64_t now_us, struct error *err);
/* Those of one user that are alive, newest first. */
MUST_USE bool session_list(struct tx *tx, struct arena *arena, struct uuid user_id, int64_t now_us,
                           struct session **ret_items, size_t *ret_count, struct error *err);
/* One of the user's by the first 16 octets of its hash. */
MUST_USE bool session_delete_one(struct tx *tx, struct uuid user_id, const uint8_t prefix[16],
                                 struct error *err);
/* All of the user's but that one. */
MUST_USE bool session_delete_others(struct tx *tx, struct uuid user_id, const uint8_t hash[32],
                                    struct error *err);
MUST_USE bool session_delete(struct tx *tx, const uint8_t hash[32], struct error *err);
MUST_USE bool session_delete_user(struct tx *tx, struct uuid user_id, struct error *err);
/* At most 10000 a call. */
MUST_USE bool session_delete_expired(struct tx *tx, int64_t now_us, struct error *err);

struct api_token {
    struct uuid id, user_id;
    const char *label;
    uint8_t hash[32];
    int64_t created_us, expires_us, last_used_us; /* 0: never */
    bool revoked;
    const char *limits; /* JSON; "" or NULL: all that the owner has */
};
MUST_USE bool api_token_insert(struct tx *tx, const struct api_token *token, struct error *err);
/* ERROR_NOT_FOUND when unknown, revoked or expired. */
MUST_USE bool api_token_find(struct tx *tx, struct arena *arena, const uint8_t hash[32], int64_t now_us,
                             struct api_token *ret, struct error *err);
/* Notes the use, at most once a minute: skip the call (and its transaction) while the token's last_used_us
 * is younger than that. */
#define TOKEN_TOUCH_US INT64_C(60000000)
MUST_USE bool api_token_touch(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);
/* Those of one user, newest first, revoked ones too. */
MUST_USE bool api_token_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                             struct api_token **ret_items, size_t *ret_count, struct error *err);
MUST_USE bool api_token_revoke(struct tx *tx, struct uuid user_id, struct uuid id, struct error *err);
MUST_USE bool api_token_revoke_all(struct tx *tx, struct uuid user_id, int64_t *ret_count,
                                   struct error *err);

#endif
