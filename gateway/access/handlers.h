/* The handlers of this room. */
#ifndef GATEHOUSE_ACCESS_HANDLERS_H
#define GATEHOUSE_ACCESS_HANDLERS_H

#include "ca/core.h"
#include "rest/handler.h"

/* An array of strings as the core takes them; absent: an empty list. */
MUST_USE bool access_ask_list(struct arena *arena, const struct json *document, const char *name,
                              struct text_list *ret, struct error *err);

/* roles.c */
HANDLER(roles_list);
HANDLER(roles_create);
HANDLER(roles_change);
HANDLER(roles_remove);
/* sessions.c */
HANDLER(sessions_own);
HANDLER(sessions_own_end);
HANDLER(sessions_own_end_one);
HANDLER(sessions_of_user);
HANDLER(sessions_of_user_end);
/* settings.c */
HANDLER(settings_show);
HANDLER(settings_change);
HANDLER(require_password_change);
HANDLER(registrations_show);
HANDLER(registrations_create);
/* factors.c */
HANDLER(factors_list);
HANDLER(factors_remove);
HANDLER(factors_reset);
HANDLER(totp_begin);
HANDLER(totp_confirm);
HANDLER(keys_begin);
HANDLER(keys_finish);
HANDLER(recovery_show);
HANDLER(recovery_renew);
/* providers.c */
HANDLER(providers_list);
HANDLER(providers_open);
HANDLER(providers_create);
HANDLER(providers_change);
HANDLER(providers_remove);
HANDLER(providers_test);
/* certificates.c */
HANDLER(user_certificates_list);
HANDLER(user_certificates_add);
HANDLER(user_certificates_remove);

#endif
