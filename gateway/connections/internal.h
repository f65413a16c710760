/* What the files of this room share. */
#ifndef GATEHOUSE_CONNECTIONS_INTERNAL_H
#define GATEHOUSE_CONNECTIONS_INTERNAL_H

#include "base/arena.h"

/* A place to look from; of kind "dns". */
struct connection_view {
    const char *const *resolvers; /* NULL behind the last; none: the system's */
    const char *proxy;            /* ""; for a request by HTTP besides */
};
struct connection {
    const char *target;
    struct connection_view view;
};
/* One look; *ret_says is what was seen. */
typedef bool connection_ask(struct arena *arena, const struct connection *connection, const char **ret_says,
                            struct error *err);
/* NULL for a kind that is none. */
connection_ask *connection_kind(const char *kind);
extern const char *const connection_kinds; /* for a message */

#endif
