#include "net/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool net_address_parse(const char *text, struct net_address *ret) {
    struct net_address out = {.family = AF_INET};
    if (inet_pton(AF_INET, text, out.bytes) == 1) {
        *ret = out;
        return true;
    }
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
        return false;
    return net_address_of((const struct sockaddr *)&six, ret);
}

bool net_address_of(const struct sockaddr *from, struct net_address *ret) {
    struct net_address out = {.family = from->sa_family};
    if (from->sa_family == AF_INET) {
        memcpy(out.bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(six)) {
            out.family = AF_INET;
            memcpy(out.bytes, six->s6_addr + 12, 4);
        } else {
            memcpy(out.bytes, six->s6_addr, 16);
        }
    } else {
        return false;
    }
    *ret = out;
    return true;
}

const char *net_address_text(struct arena *arena, const struct net_address *address) {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(address->family, address->bytes, text, sizeof text);
    return arena_strdup(arena, text);
}

static bool bit(const uint8_t *bytes, unsigned i) {
    return (bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

bool net_range_parse(const char *text, struct net_range *ret, struct error *err) {
    char host[INET6_ADDRSTRLEN] = "";
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    struct net_range out;
    if (len >= sizeof host)
        return fail(err, ERROR_MALFORMED, "bad-range", "'%.60s' is no address range", text);
    memcpy(host, text, len);
    if (!net_address_parse(host, &out.first))
        return fail(err, ERROR_MALFORMED, "bad-range",
                    "'%.60s' is no address range; write it like 10.0.0.0/8 or fd00::/8", text);
    unsigned bits = out.first.family == AF_INET ? 32 : 128;
    out.prefix = bits;
    if (slash != NULL) {
        unsigned value = 0, digits = 0;
        for (const char *c = slash + 1; *c >= '0' && *c <= '9' && digits < 4; c++, digits++)
            value = value * 10 + (unsigned)(*c - '0');
        if (digits == 0 || slash[1 + digits] != '\0' || value > bits)
            return fail(err, ERROR_MALFORMED, "bad-range",
                        "'%.60s': the prefix length must be 0 to %u", text, bits);
        out.prefix = value;
    }
    for (unsigned i = out.prefix; i < bits; i++)
        if (bit(out.first.bytes, i))
            return fail(err, ERROR_MALFORMED, "bad-range",
                        "'%.60s': the address has bits beyond its prefix length", text);
    *ret = out;
    return true;
}

bool net_range_holds(const struct net_range *range, const struct net_address *address) {
    if (range->first.family != address->family)
        return false;
    for (unsigned i = 0; i < range->prefix; i++)
        if (bit(range->first.bytes, i) != bit(address->bytes, i))
            return false;
    return true;
}

static bool parse_list(struct arena *arena, const char *const *list, struct net_range **ret_ranges,
                       size_t *ret_count, struct error *err) {
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    struct net_range *ranges = arena_array(arena, count, sizeof *ranges);
    for (size_t i = 0; i < count; i++)
        TRY(net_range_parse(list[i], &ranges[i], err));
    *ret_ranges = ranges;
    *ret_count = count;
    return true;
}

bool net_reach_parse(struct arena *arena, enum fetch_reach reach, const char *const *denied,
                     const char *const *allowed, struct net_reach *ret, struct error *err) {
    struct net_reach out = {.reach = reach};
    TRY(parse_list(arena, denied, &out.denied, &out.denied_count, err));
    TRY(parse_list(arena, allowed, &out.allowed, &out.allowed_count, err));
    *ret = out;
    return true;
}

/* The special-purpose registries of IANA (rfc6890 and later). */
static const char *const local_ranges[] = {
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
    "::/128",    "::1/128",     "fe80::/10",      "ff00::/8",
};
static const char *const private_ranges[] = {
    "10.0.0.0/8",     "100.64.0.0/10",  "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "240.0.0.0/4",    "fc00::/7",       "fec0::/10",     "100::/64",        "2001:db8::/32",
    "64:ff9b:1::/48", "2001::/23",      "3fff::/20",     "5f00::/16",
};

static bool in_table(const char *const *table, size_t count, const struct net_address *address) {
    struct net_range range;
    for (size_t i = 0; i < count; i++)
        if (net_range_parse(table[i], &range, NULL) && net_range_holds(&range, address))
            return true;
    return false;
}

static bool in_list(const struct net_range *list, size_t count, const struct net_address *address) {
    for (size_t i = 0; i < count; i++)
        if (net_range_holds(&list[i], address))
            return true;
    return false;
}

/* NAT64 (rfc6052), 6to4 (rfc3056) and the old IPv4-compatible form reach the IPv4 address inside.
 */
static bool embedded(const struct net_address *address, struct net_address *ret) {
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t compatible[12] = {0};
    struct net_address out = {.family = AF_INET};
    if (address->family != AF_INET6)
        return false;
    if (memcmp(address->bytes, nat64, 12) == 0 || memcmp(address->bytes, compatible, 12) == 0)
        memcpy(out.bytes, address->bytes + 12, 4);
    else if (address->bytes[0] == 0x20 && address->bytes[1] == 0x02)
        memcpy(out.bytes, address->bytes + 2, 4);
    else
        return false;
    *ret = out;
    return true;
}

static bool allows(const struct net_reach *rule, const struct net_address *address) {
    if (in_list(rule->denied, rule->denied_count, address))
        return false;
    if (in_list(rule->allowed, rule->allowed_count, address) || rule->reach == FETCH_ANYWHERE)
        return true;
    if (in_table(local_ranges, sizeof local_ranges / sizeof local_ranges[0], address))
        return false;
    return rule->reach != FETCH_PUBLIC ||
           !in_table(private_ranges, sizeof private_ranges / sizeof private_ranges[0], address);
}

bool net_reach_allows(const struct net_reach *rule, const struct net_address *address) {
    struct net_address inner;
    if (!allows(rule, address))
        return false;
    if (!embedded(address, &inner))
        return true;
    return in_list(rule->allowed, rule->allowed_count, address) || allows(rule, &inner);
}
