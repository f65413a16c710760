/* Roles that the instance's administrators made, certificates that log in. The built-in roles are the program's. */
#ifndef GATEHOUSE_STORE_ROLES_H
#define GATEHOUSE_STORE_ROLES_H

#include "store/users.h"

struct role_record {
    enum role number; /* ROLE_CUSTOM_FIRST to ROLE_CUSTOM_LAST; given by role_insert */
    const char *slug, *name;
    int64_t permissions; /* bits of enum permission */
    bool own_only;
    int64_t created_us;
};
/* ERROR_CONFLICT "exists" on its slug, "too-many" when all numbers are taken. */
MUST_USE bool role_insert(struct tx *tx, struct role_record *role, struct error *err);
MUST_USE bool role_update(struct tx *tx, const struct role_record *role, struct error *err);
/* ERROR_CONFLICT "in-use" while somebody has it. */
MUST_USE bool role_delete(struct tx *tx, const struct role_record *role, struct error *err);
/* By slug. */
MUST_USE bool role_all(struct tx *tx, struct arena *arena, struct role_record **ret_items,
                       size_t *ret_count, struct error *err);
MUST_USE bool role_by_slug(struct tx *tx, struct arena *arena, const char *slug,
                           struct role_record *ret, struct error *err);

struct user_certificate {
    uint8_t fingerprint[32]; /* SHA-256 of the DER */
    struct uuid user_id;
    const char *label, *subject;
    int64_t not_after_us, created_us;
};
/* ERROR_CONFLICT "exists" when it logs somebody in already. */
MUST_USE bool user_certificate_insert(struct tx *tx, const struct user_certificate *certificate,
                                      struct error *err);
MUST_USE bool user_certificate_find(struct tx *tx, struct arena *arena, const uint8_t fingerprint[32],
                                    struct user_certificate *ret, struct error *err);
MUST_USE bool user_certificate_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                                    struct user_certificate **ret_items, size_t *ret_count,
                                    struct error *err);
MUST_USE bool user_certificate_delete(struct tx *tx, struct uuid user_id, const uint8_t fingerprint[32],
                                      struct error *err);

#endif
