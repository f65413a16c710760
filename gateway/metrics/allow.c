#include "metrics/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool address_read(const char *text, uint8_t out[16], bool *ret_v4) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    *ret_v4 = inet_pton(AF_INET, text, out + 12) == 1;
    if (*ret_v4)
        memcpy(out, mapped, sizeof mapped);
    return *ret_v4 || inet_pton(AF_INET6, text, out) == 1;
}

bool allowed_read(const char *text, struct allowed *ret, struct error *err) {
    char host[64] = "";
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    bool v4 = false;
    char *end = NULL;
    if (len < sizeof host)
        memcpy(host, text, len);
    bool ok = address_read(host, ret->address, &v4);
    unsigned long most = v4 ? 32 : 128;
    unsigned long bits = slash == NULL ? most : strtoul(slash + 1, &end, 10);
    ok = ok && bits <= most &&
         (slash == NULL || (slash[1] >= '0' && slash[1] <= '9' && *end == '\0'));
    ret->bits = (unsigned)bits + (v4 ? 96 : 0);
    return ok || fail(err, ERROR_MALFORMED, "bad-option",
                      "\"%.60s\" is no address or network; write it like 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32.",
                      text);
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits) {
    for (unsigned i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) & (0x80u >> i % 8)) != 0)
            return false;
    return true;
}

bool allowed_has(const struct allowed *allowed, size_t count, const char *address) {
    uint8_t bytes[16];
    bool v4;
    if (address == NULL || !address_read(address, bytes, &v4))
        return false;
    for (size_t i = 0; i < count; i++)
        if (same_bits(allowed[i].address, bytes, allowed[i].bits))
            return true;
    return false;
}
