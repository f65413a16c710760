/* How people and programs come in: roles, sessions, certificates that log in, registrations, second factors and
 * identity providers, as REST routes (docs/access.md). */
#ifndef GATEHOUSE_ACCESS_ACCESS_ROOM_H
#define GATEHOUSE_ACCESS_ACCESS_ROOM_H

#include "ca/core.h"
#include "http/types.h"

/* The routes, with the core as their context. */
struct http_room access_room(struct core *core);

#endif
