#include "tsp/profile_access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define MAX_PER_MINUTE 10000000

bool tsp_address_parse(const char *text, uint8_t ret_address[static 16]) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* rfc4291#2.5.5.2 */
    uint8_t v4[4];
    if (inet_pton(AF_INET6, text, ret_address) == 1)
        return true;
    if (inet_pton(AF_INET, text, v4) != 1)
        return false;
    memcpy(ret_address, mapped, sizeof mapped);
    memcpy(ret_address + sizeof mapped, v4, sizeof v4);
    return true;
}

static bool in_range(const uint8_t *address, const struct tsp_range *range) {
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    for (unsigned i = 0; i < whole; i++)
        if (address[i] != range->address[i])
            return false;
    return rest == 0 || ((address[whole] ^ range->address[whole]) >> (8 - rest)) == 0;
}

bool tsp_address_in(const uint8_t address[static 16], const struct tsp_range *ranges,
                    size_t count) {
    for (size_t i = 0; i < count; i++)
        if (in_range(address, &ranges[i]))
            return true;
    return false;
}

/* "192.0.2.0/24", "2001:db8::/32", or one address. */
static bool parse_range(const char *text, struct tsp_range *ret) {
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    unsigned bits = 0, offset;
    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!tsp_address_parse(address, ret->address))
        return false;
    offset = strchr(address, ':') == NULL ? 96 : 0;
    if (slash == NULL) {
        ret->bits = 128;
        return true;
    }
    for (const char *at = slash + 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || at - slash > 3)
            return false;
        bits = bits * 10 + (unsigned)(*at - '0');
    }
    ret->bits = bits + offset;
    return slash[1] != '\0' && ret->bits <= 128;
}

static bool read_texts(struct arena *arena, const struct json *access, const char *name,
                       const char **items, size_t *ret_count, struct error *err) {
    const struct json *list = NULL;
    TRY(json_array(access, name, &list, err));
    if (list != NULL && list->count > TSP_MAX_ENTRIES)
        return fail(err, ERROR_POLICY, "tsa-access", "access.%s: has more than %d entries.", name,
                    TSP_MAX_ENTRIES);
    JSON_EACH (item, list) {
        if (item->type != JSON_STRING || item->text[0] == '\0')
            return fail(err, ERROR_MALFORMED, "wrong-type", "access.%s: every entry is a string.", name);
        items[(*ret_count)++] = arena_strdup(arena, item->text);
    }
    return true;
}

bool tsp_profile_read_access(struct arena *arena, const struct json *document,
                             struct tsp_profile *profile, struct error *err) {
    static const char *const members[] = {"addresses", "basic",     "users",
                                          "clientCertificate", "clientCas", "perMinute",
                                          "perMinuteAndAddress", NULL};
    const struct json *access = NULL;
    TRY(json_object(document, "access", &access, err));
    if (access == NULL)
        return true;
    TRY(json_only(access, members, err));
    TRY(read_texts(arena, access, "addresses", profile->access.address_texts,
                   &profile->access.range_count, err));
    for (size_t i = 0; i < profile->access.range_count; i++)
        if (!parse_range(profile->access.address_texts[i], &profile->access.ranges[i]))
            return fail(err, ERROR_POLICY, "tsa-access",
                        "access.addresses: \"%.60s\" is no address or range such as 192.0.2.0/24.",
                        profile->access.address_texts[i]);
    TRY(json_bool(access, "basic", &profile->access.basic, err));
    TRY(read_texts(arena, access, "users", profile->access.users, &profile->access.user_count, err));
    TRY(json_bool(access, "clientCertificate", &profile->access.client_certificate, err));
    TRY(read_texts(arena, access, "clientCas", profile->access.cas, &profile->access.ca_count, err));
    TRY(json_int(access, "perMinute", 0, MAX_PER_MINUTE, &profile->access.per_minute, err));
    TRY(json_int(access, "perMinuteAndAddress", 0, MAX_PER_MINUTE,
                 &profile->access.per_minute_and_address, err));
    if (profile->access.user_count > 0 && !profile->access.basic)
        return fail(err, ERROR_POLICY, "tsa-access", "access.users: needs \"basic\": true.");
    if (profile->access.ca_count > 0 && !profile->access.client_certificate)
        return fail(err, ERROR_POLICY, "tsa-access",
                    "access.clientCas: needs \"clientCertificate\": true.");
    return true;
}

static void write_texts(struct json_writer *w, const char *name, const char *const *items,
                        size_t count) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_add_string(w, items[i]);
    json_close_array(w);
}

void tsp_profile_write_access(struct json_writer *w, const struct tsp_profile *profile) {
    json_name(w, "access");
    json_open_object(w);
    write_texts(w, "addresses", profile->access.address_texts, profile->access.range_count);
    json_put_bool(w, "basic", profile->access.basic);
    write_texts(w, "users", profile->access.users, profile->access.user_count);
    json_put_bool(w, "clientCertificate", profile->access.client_certificate);
    write_texts(w, "clientCas", profile->access.cas, profile->access.ca_count);
    json_put_int(w, "perMinute", profile->access.per_minute);
    json_put_int(w, "perMinuteAndAddress", profile->access.per_minute_and_address);
    json_close_object(w);
}
