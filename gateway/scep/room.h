/* The handlers of the room's routes. Private to it. */
#ifndef GATEHOUSE_SCEP_ROOM_H
#define GATEHOUSE_SCEP_ROOM_H

#include "ca/access.h"
#include "rest/handler.h"

static inline const struct actor *scep_actor(const struct http_request *request) {
    return request->actor;
}

/* public.c */
HANDLER(scep_public);
HANDLER(scep_public_suffix);
/* manage.c */
HANDLER(scep_settings_get);
HANDLER(scep_settings_put);
HANDLER(scep_captures_list);
HANDLER(scep_captures_clear);

#endif
