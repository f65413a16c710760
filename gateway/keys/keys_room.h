/* The keys of people: made, used and given out here; recovery of kept ones by two persons; Java trust stores
 * (docs/keys.md). */
#ifndef GATEHOUSE_KEYS_KEYS_ROOM_H
#define GATEHOUSE_KEYS_KEYS_ROOM_H

#include "ca/core.h"
#include "http/types.h"

/* The routes, with the core as their context. */
struct http_room keys_room(struct core *core);

#endif
