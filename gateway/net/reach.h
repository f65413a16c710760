/* Which addresses may be dialled, and lists of address ranges ("10.0.0.0/8", "fd00::/8",
 * "192.0.2.7"). */
#ifndef GATEHOUSE_NET_REACH_H
#define GATEHOUSE_NET_REACH_H

#include "net/fetch.h"

#include <sys/socket.h>

struct net_address {
    int family;        /* AF_INET or AF_INET6 */
    uint8_t bytes[16]; /* 4 or 16 */
};

/* A literal without brackets, port or zone. An IPv4-mapped IPv6 address becomes the IPv4 one. */
MUST_USE bool net_address_parse(const char *text, struct net_address *ret);
/* False for families other than IPv4 and IPv6. */
MUST_USE bool net_address_of(const struct sockaddr *from, struct net_address *ret);
const char *net_address_text(struct arena *arena, const struct net_address *address);

struct net_range {
    struct net_address first;
    unsigned prefix; /* bits */
};
/* A literal with or without "/bits"; bits beyond the prefix must be zero. ERROR_MALFORMED
 * "bad-range". */
MUST_USE bool net_range_parse(const char *text, struct net_range *ret, struct error *err);
bool net_range_holds(const struct net_range *range, const struct net_address *address);

/* A rule, its lists parsed. */
struct net_reach {
    enum fetch_reach reach;
    struct net_range *denied, *allowed;
    size_t denied_count, allowed_count;
};
/* Lists are NULL-terminated, or NULL. */
MUST_USE bool net_reach_parse(struct arena *arena, enum fetch_reach reach,
                              const char *const *denied, const char *const *allowed,
                              struct net_reach *ret, struct error *err);
/* `denied` wins over `allowed`, that over `reach`. An IPv6 address that carries an IPv4 one
 * (mapped, NAT64, 6to4) is judged by that, too. */
bool net_reach_allows(const struct net_reach *rule, const struct net_address *address);

#endif
