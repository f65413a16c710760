/* Secrets that let a device enrol without a user's account: challenge passwords of SCEP, NDES and EST,
 * reference values of CMP, one-time codes. Made for one template, shown once, used up. */
#ifndef GATEHOUSE_CA_CREDENTIALS_H
#define GATEHOUSE_CA_CREDENTIALS_H

#include "ca/core.h"

enum credential_kind { CREDENTIAL_CHALLENGE = 1, CREDENTIAL_MAC = 2, CREDENTIAL_CODE = 3,
                       CREDENTIAL_KEY = 4 /* an AES key in hexadecimal, by its name: EST serverkeygen */ };
const char *credential_kind_name(enum credential_kind kind); /* "challenge", "mac", "code", "key" */
MUST_USE bool credential_kind_from_name(const char *name, enum credential_kind *ret);
enum credential_state { CREDENTIAL_AVAILABLE, CREDENTIAL_CONSUMED, CREDENTIAL_EXPIRED, CREDENTIAL_REVOKED };

struct credential {
    struct uuid id, template_id;
    enum credential_kind kind;
    const char *name;        /* CMP reference value, EST user name; unique per template and kind; "" for none */
    const char *label;       /* for people */
    int64_t uses, used;      /* uses 0: any number */
    int64_t created_us, expires_us, last_used_us; /* expires 0: never */
    struct uuid maker_id;    /* user who made it */
    const char *maker;
    const char *bound;       /* JSON: {"subject":{...},"sans":[...],"variables":{...}} it is good for; "{}" any */
    bool revoked;
};
enum credential_state credential_state_at(const struct credential *credential, int64_t now_us);

struct credential_order {
    struct uuid template_id;
    enum credential_kind kind;
    const char *name, *label; /* NULL: "" */
    const char *secret;       /* NULL: one is made (NDES-like: hexadecimal digits, `secret_octets` random octets) */
    size_t secret_octets;     /* 0: 16 */
    int64_t uses;             /* 0: any number */
    int64_t expires_us;       /* 0: never */
    const char *bound;        /* JSON or NULL */
    struct uuid on_behalf_of; /* nil: the actor */
};
/* A made secret is upper-case hexadecimal. Chosen ones have 8 to 1000 octets, MAC secrets at least 12; AES keys are
 * 16, 24 or 32 octets in hexadecimal and have a name.
 * ERROR_CONFLICT "exists" on a name that is in use, "too-many-credentials" over 16 chosen ones of a kind.
 * MAY_MANAGE_TEMPLATES on the template's CA, or (CHALLENGE alone) MAY_CREATE_REQUESTS for oneself. CREDENTIAL_MAC
 * and CREDENTIAL_KEY are kept sealed (secret.h), the others only as SHA-256 (made) or Argon2id (chosen, fewer than
 * 16 octets ...). */
MUST_USE bool credential_create(struct core *core, struct arena *arena, const struct actor *actor,
                                const struct credential_order *order, struct credential *ret,
                                const char **ret_secret, struct error *err);
/* Who presents this secret? ERROR_UNAUTHENTICATED "bad-challenge" when unknown, used up, over or revoked: the
 * message is the same for all. Guessing is slowed per address (ERROR_TOO_MANY). Does not spend it. */
MUST_USE bool credential_find(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid template_id, enum credential_kind kind, struct view secret,
                              struct credential *ret, struct error *err);
/* By its name, with the secret itself: for MACs and HTTP Digest. Same errors. */
MUST_USE bool credential_by_name(struct core *core, struct arena *arena, struct uuid template_id,
                                 enum credential_kind kind, const char *name, struct credential *ret,
                                 struct view *ret_secret, struct error *err);
/* The credential that a transaction of several messages was begun with (CMP): it may be used up or over by now, but
 * not revoked. ERROR_UNAUTHENTICATED "bad-challenge". */
MUST_USE bool credential_again(struct core *core, struct arena *arena, struct uuid id, struct credential *ret,
                               struct view *ret_secret, struct error *err);
/* One use, in the caller's transaction (enrolment.alongside): affected rows decide, so two nodes cannot both.
 * ERROR_UNAUTHENTICATED when another was quicker. */
MUST_USE bool credential_spend(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);
MUST_USE bool credential_page(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *template_slug, enum credential_kind kind, const struct page *page,
                              struct credential **ret_items, size_t *ret_count, const char **ret_next,
                              struct error *err);
MUST_USE bool credential_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                                struct uuid id, struct error *err);
MUST_USE bool credential_get(struct core *core, struct arena *arena, const struct actor *actor,
                             struct uuid id, struct credential *ret, struct error *err);

/* Which of a template's credentials: those in one state, of one maker. Who may neither manage the template nor
 * read events is shown, and removes, their own alone. */
struct credential_query {
    enum credential_kind kind; /* 0: every kind */
    bool any_state;
    enum credential_state state;
    struct uuid maker_id;      /* nil: everybody's */
};
MUST_USE bool credential_search(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *template_slug, const struct credential_query *query,
                                const struct page *page, struct credential **ret_items,
                                size_t *ret_count, const char **ret_next, struct error *err);
/* Removes them for good; what they were used for stays in the events. */
MUST_USE bool credential_remove(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *template_slug, const struct credential_query *query,
                                int64_t *ret_removed, struct error *err);
/* A made static passphrase (uses 0) that replaces the present ones, which end after overlap_us. */
MUST_USE bool credential_rotate(struct core *core, struct arena *arena, const struct actor *actor,
                                const struct credential_order *order, int64_t overlap_us,
                                struct credential *ret, const char **ret_secret, struct error *err);
/* A job's step: delays of guessers that are a day old are forgotten. */
MUST_USE bool credential_housekeeping(struct core *core, struct error *err);

#endif
