/* Who may knock: addresses and ranges. */
#include "scep/settings.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* An address as sixteen octets, IPv4 in its mapped form. */
struct range {
    uint8_t at[16];
    unsigned bits;
};

static bool parse_address(const char *text, uint8_t ret[static 16], bool *ret_four) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct in_addr four;
    *ret_four = inet_pton(AF_INET, text, &four) == 1;
    if (!*ret_four)
        return inet_pton(AF_INET6, text, ret) == 1;
    memcpy(ret, mapped, sizeof mapped);
    memcpy(ret + 12, &four.s_addr, 4);
    return true;
}

static bool parse_range(const char *text, struct range *ret) {
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    bool four;
    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!parse_address(address, ret->at, &four))
        return false;
    unsigned long bits = four ? 32 : 128;
    if (slash != NULL) {
        char *end;
        unsigned long most = bits;
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        bits = strtoul(slash + 1, &end, 10);
        if (*end != '\0' || bits > most)
            return false;
    }
    ret->bits = (unsigned)bits + (four ? 96 : 0);
    return true;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits) {
    for (unsigned i = 0; i < 16; i++) {
        unsigned here = bits > i * 8 ? bits - i * 8 : 0;
        uint8_t mask = here >= 8 ? 0xff : (uint8_t)(0xff << (8 - here));
        if (((a[i] ^ b[i]) & mask) != 0)
            return false;
    }
    return true;
}

bool scep_range_check(const char *range, struct error *err) {
    static const uint8_t zero[16];
    struct range parsed;
    bool ok = parse_range(range, &parsed);
    for (unsigned bit = ok ? parsed.bits : 128; bit < 128; bit++)
        ok = ok && (parsed.at[bit / 8] & (0x80 >> bit % 8)) == zero[bit / 8];
    return ok || fail(err, ERROR_POLICY, "bad-address-range",
                      "\"%.80s\" is no address and no CIDR range whose host bits are zero, such as "
                      "192.0.2.7, 10.0.0.0/8 or 2001:db8::/32.",
                      range);
}

bool scep_access_allows(const struct text_list *ranges, const char *address) {
    uint8_t at[16];
    bool four;
    if (ranges->count == 0)
        return true;
    if (address == NULL || !parse_address(address, at, &four))
        return false;
    for (size_t i = 0; i < ranges->count; i++) {
        struct range range;
        if (parse_range(ranges->items[i], &range) && same_bits(range.at, at, range.bits))
            return true;
    }
    return false;
}
