/* Roles of one's own: named sets of permissions. Certificates registered for users. */
#ifndef GATEHOUSE_CA_ACCESS_ROLES_H
#define GATEHOUSE_CA_ACCESS_ROLES_H

#include "ca/core.h"
#include "store/roles.h"

/* Permissions are named in a NULL-free list; unknown ones are ERROR_POLICY "bad-permission". */
MUST_USE bool permissions_from_names(const struct text_list *names, int64_t *ret_bits, struct error *err);

MUST_USE bool access_role_list(struct core *core, struct arena *arena, struct role_record **ret_items,
                               size_t *ret_count, struct error *err);
/* MAY_MANAGE_USERS on the instance, and every permission the role has: nobody makes what they may not. */
MUST_USE bool access_role_create(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct role_record *role, struct error *err);
MUST_USE bool access_role_change(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct role_record *role, struct error *err);
MUST_USE bool access_role_remove(struct core *core, struct arena *arena, const struct actor *actor,
                                 const char *slug, struct error *err);

/* Who may change the user says which certificates it comes in with. */
MUST_USE bool access_certificate_add(struct core *core, struct arena *arena, const struct actor *actor,
                                     struct uuid user_id, const char *label, struct view certificate,
                                     struct user_certificate *ret, struct error *err);
MUST_USE bool access_certificate_list(struct core *core, struct arena *arena, const struct actor *actor,
                                      struct uuid user_id, struct user_certificate **ret_items,
                                      size_t *ret_count, struct error *err);
MUST_USE bool access_certificate_remove(struct core *core, struct arena *arena,
                                        const struct actor *actor, struct uuid user_id,
                                        const uint8_t fingerprint[32], struct error *err);

#endif
