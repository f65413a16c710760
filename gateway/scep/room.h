/* The handlers of the room's routes. Private to it. */
#ifndef GATEHOUSE_SCEP_ROOM_H
#define GATEHOUSE_SCEP_ROOM_H

#include "ca/access.h"
#include "rest/handler.h"

static inline const struct actor *scep_actor(const struct http_request *request) {
    return request->actor;
}

/* basic.c: the session of the console or HTTP Basic. ERROR_UNAUTHENTICATED, with the header that asks for it. */
MUST_USE bool scep_caller(struct core *core, struct http_request *request,
                          struct http_response *response, struct actor *ret, struct error *err);
/* public.c */
HANDLER(scep_public);
HANDLER(scep_public_suffix);
/* ndes.c */
HANDLER(scep_ndes_admin);
HANDLER(scep_ndes);
/* mdm.c */
HANDLER(scep_mdm_describe);
HANDLER(scep_mdm_challenge);
/* mdm_file.c */
HANDLER(scep_mdm_file);
HANDLER(scep_mdm_file_again);
/* apple.c, profiles.c */
HANDLER(scep_profile_page);
HANDLER(scep_profile_download);
HANDLER(scep_profiles_create);
HANDLER(scep_profiles_list);
HANDLER(scep_profiles_revoke);
/* manage.c */
HANDLER(scep_settings_get);
HANDLER(scep_settings_put);
HANDLER(scep_captures_list);
HANDLER(scep_captures_clear);
/* check.c */
HANDLER(scep_check);

#endif
