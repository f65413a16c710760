/* Trying what is outside before anything depends on it: one look each, with a reason when it does not answer. */
#ifndef GATEHOUSE_CONNECTIONS_CONNECTIONS_H
#define GATEHOUSE_CONNECTIONS_CONNECTIONS_H

#include "ca/core.h"
#include "http/types.h"

struct http_room connections_room(struct core *core);

#endif
