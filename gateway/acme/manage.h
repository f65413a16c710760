#ifndef GATEHOUSE_ACME_MANAGE_H
#define GATEHOUSE_ACME_MANAGE_H

#include "acme/internal.h"
#include "rest/handler.h"

/* manage_policies.c */
HANDLER(acme_policies_list);
HANDLER(acme_policies_create);
HANDLER(acme_policies_get);
HANDLER(acme_policies_change);
HANDLER(acme_policies_remove);
HANDLER(acme_bindings_list);
HANDLER(acme_bindings_create);
HANDLER(acme_bindings_revoke);
HANDLER(acme_settings_show);
HANDLER(acme_settings_change);
/* manage.c */
HANDLER(acme_accounts_list);
HANDLER(acme_accounts_get);
HANDLER(acme_accounts_deactivate);
HANDLER(acme_accounts_agree);
HANDLER(acme_account_orders_list);
HANDLER(acme_orders_list);
HANDLER(acme_orders_get);

static inline const struct actor *manage_actor(const struct http_request *request) {
    return request->actor;
}
/* The policy that the path names, if the actor may do that with it. */
MUST_USE bool manage_policy(struct acme *acme, const struct http_request *request,
                            enum permission permission, struct uuid id,
                            struct acme_policy_record *ret, struct error *err);

#endif
