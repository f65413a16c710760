/* Users from outside: what an identity provider (LDAP, OpenID Connect) says about a person becomes a user with roles,
 * at every log-in anew. How the provider is asked is not known here. */
#ifndef GATEHOUSE_CA_IDENTITY_H
#define GATEHOUSE_CA_IDENTITY_H

#include "ca/factors.h"
#include "store/identity.h"

/* --- what all providers' settings have: "requiredGroup", "organisation", "roles" ------------------------------ */

struct identity_role {
    const char *group;  /* as the provider names it; compared without regard to case */
    const char *role, *scope, *object;
};
struct identity_rules {
    const char *required_group; /* NULL: none */
    const char *organisation;   /* slug of new users' organisation; "default" */
    struct identity_role *roles;
    size_t role_count;
};
/* ERROR_POLICY "bad-setting", "bad-role". */
MUST_USE bool identity_rules_read(struct arena *arena, const struct json *settings,
                                  struct identity_rules *ret, struct error *err);
bool identity_has_group(const struct text_list *groups, const char *group);

/* --- management: MAY_MANAGE_SETTINGS and MAY_MANAGE_USERS on the instance ---------------------------------------- */

MUST_USE bool identity_providers(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct identity_provider **ret_items, size_t *ret_count,
                                 struct error *err);
/* Inserts (revision 0) or updates. secret NULL: as it is; "": none. Nobody maps to a role they could not give. */
MUST_USE bool identity_save(struct core *core, struct arena *arena, const struct actor *actor,
                            struct identity_provider *provider, const char *secret, struct error *err);
MUST_USE bool identity_remove(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, struct error *err);
/* Those that are enabled: for the page of the log-in, open to everybody. */
MUST_USE bool identity_choices(struct core *core, struct arena *arena, struct identity_provider **ret_items,
                               size_t *ret_count, struct error *err);

/* --- log-in ---------------------------------------------------------------------------------------------------------- */

/* The enabled provider with its secret opened (NULL: it has none). ERROR_NOT_FOUND. */
MUST_USE bool identity_open(struct core *core, struct arena *arena, const char *slug, enum identity_kind kind,
                            struct identity_provider *ret, const char **ret_secret, struct error *err);
/* Before a password is tried there: a known user's guessing is slowed as a local one's. */
MUST_USE bool identity_may_try(struct core *core, struct arena *arena, const struct identity_provider *provider,
                               const struct login_order *order, struct error *err);
/* The provider says no: an event, and the same error as for a wrong local password. Returns false. */
bool identity_refused(struct core *core, struct arena *arena, const struct login_order *order,
                      struct error *err);

struct identity {
    const char *subject;  /* what the provider never gives to another: entryUUID, "sub" */
    const char *username, *display_name, *email; /* the latter two: NULL or "" when not told */
    struct text_list groups;
};
/* The provider vouches for the person: the user is made or brought up to date (name, roles), and goes on to the
 * second factor or a session. ERROR_FORBIDDEN "group-needed", "no-role"; ERROR_CONFLICT "exists" when the name is
 * that of another user. */
MUST_USE bool identity_login(struct core *core, struct arena *arena, const struct identity_provider *provider,
                             const struct identity *who, const struct login_order *order,
                             const struct factor_proof *proof, struct login_result *ret, struct error *err);

/* --- log-ins that begin here and end after a visit to the provider (ca/identity_ticket.c) ------------------------ */

/* A secret for the browser, good for a quarter of an hour. */
MUST_USE bool identity_ticket(struct core *core, struct arena *arena, const char *provider, const char **ret_secret,
                              struct error *err);
/* Once, and for the same provider; ERROR_UNAUTHENTICATED "ticket-over". */
MUST_USE bool identity_ticket_take(struct core *core, struct arena *arena, const char *secret, const char *provider,
                                   struct error *err);
/* What came back is not believed, as `why` says: an event. */
void identity_distrusted(struct core *core, struct arena *arena, const struct identity_provider *provider,
                         const struct login_order *order, const struct error *why);

#endif
