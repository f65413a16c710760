/* Identity providers: who vouches for users that have no password here. */
#ifndef GATEHOUSE_STORE_IDENTITY_H
#define GATEHOUSE_STORE_IDENTITY_H

#include "store/db.h"

enum identity_kind { IDENTITY_LDAP = 1, IDENTITY_OIDC = 2 };
struct identity_provider {
    const char *slug, *name;
    enum identity_kind kind;
    bool enabled;
    const char *settings; /* JSON */
    const char *secret;   /* sealed, or "" */
    int64_t revision, created_us;
};
/* ERROR_CONFLICT "exists". */
MUST_USE bool identity_insert(struct tx *tx, const struct identity_provider *provider, struct error *err);
/* provider->revision: the one it is based on; ERROR_CONFLICT "changed-meanwhile" when it is another. */
MUST_USE bool identity_update(struct tx *tx, const struct identity_provider *provider, struct error *err);
MUST_USE bool identity_delete(struct tx *tx, const char *slug, struct error *err); /* ERROR_NOT_FOUND */
MUST_USE bool identity_all(struct tx *tx, struct arena *arena, struct identity_provider **ret_items,
                           size_t *ret_count, struct error *err);
MUST_USE bool identity_by_slug(struct tx *tx, struct arena *arena, const char *slug,
                               struct identity_provider *ret, struct error *err); /* ERROR_NOT_FOUND */

#endif
