#include "x509/name_constraints.h"

#include "base/encode.h"
#include "x509/internal.h"
#include "x509/name.h"
#include "x509/san.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 200

static bool bad(struct error *err, const char *text, const char *rule) {
    return REFUSE(err, ERROR_MALFORMED, "malformed-name-constraints",
                  "The name constraint \"%.100s\" %s (rfc5280#4.2.1.10).", text, rule);
}

static bool set_text(GENERAL_NAME *name, int type, const char *value, struct error *err) {
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (text == NULL || ASN1_STRING_set(text, value, -1) != 1) {
        ASN1_IA5STRING_free(text);
        return fail_internal(err, "name constraint");
    }
    GENERAL_NAME_set0_value(name, type, text);
    return true;
}

/* An empty DNS constraint covers all; clients read a leading dot in different ways. */
static bool read_dns(GENERAL_NAME *name, const char *entry, const char *value, struct error *err) {
    const char *problem = value[0] == '\0' ? NULL : dns_name_problem(value, false);
    if (value[0] == '.')
        problem = "must not begin with a dot: the domain covers what is below it, too";
    return problem == NULL ? set_text(name, GEN_DNS, value, err) : bad(err, entry, problem);
}

static bool read_host(GENERAL_NAME *name, int type, const char *entry, const char *value,
                      struct error *err) {
    const char *problem = dns_name_problem(value[0] == '.' ? value + 1 : value, false);
    return problem == NULL ? set_text(name, type, value, err) : bad(err, entry, problem);
}

static bool read_email(GENERAL_NAME *name, const char *entry, const char *value,
                       struct error *err) {
    const char *at = strrchr(value, '@');
    if (at == NULL)
        return read_host(name, GEN_EMAIL, entry, value, err);
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f)
            return bad(err, entry, "is no mailbox in ASCII");
    if (at == value || dns_name_problem(at + 1, false) != NULL)
        return bad(err, entry, "is no mailbox such as user@example.com");
    return set_text(name, GEN_EMAIL, value, err);
}

/* The prefix length, or a mask whose ones stand together at its beginning. */
static bool read_mask(const char *text, int family, uint8_t *mask, size_t len) {
    char *end;
    long bits = strtol(text, &end, 10);
    memset(mask, 0, len);
    if (*text >= '0' && *text <= '9' && *end == '\0') {
        if (bits > (long)len * 8)
            return false;
        for (long i = 0; i < bits; i++)
            mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
        return true;
    }
    if (inet_pton(family, text, mask) != 1)
        return false;
    bool ended = false;
    for (size_t i = 0; i < len * 8; i++) {
        bool one = (mask[i / 8] & 0x80 >> i % 8) != 0;
        if (one && ended)
            return false;
        ended = ended || !one;
    }
    return true;
}

static bool read_ip(GENERAL_NAME *name, const char *entry, const char *value, struct error *err) {
    char address[64];
    uint8_t octets[32];
    const char *slash = strchr(value, '/');
    int family = strchr(value, ':') != NULL ? AF_INET6 : AF_INET;
    size_t len = family == AF_INET6 ? 16 : 4;
    if (slash == NULL || (size_t)(slash - value) >= sizeof address)
        return bad(err, entry, "needs a prefix length or mask, such as 10.0.0.0/8");
    memcpy(address, value, (size_t)(slash - value));
    address[slash - value] = '\0';
    if (inet_pton(family, address, octets) != 1 ||
        !read_mask(slash + 1, family, octets + len, len))
        return bad(err, entry, "is no IP address with a prefix length or mask");
    for (size_t i = 0; i < len; i++)
        if ((octets[i] & ~octets[len + i]) != 0)
            return bad(err, entry, "has bits set beyond its mask");
    ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
    if (text == NULL || ASN1_OCTET_STRING_set(text, octets, (int)(2 * len)) != 1) {
        ASN1_OCTET_STRING_free(text);
        return fail_internal(err, "name constraint");
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, text);
    return true;
}

static bool read_directory(GENERAL_NAME *name, const char *value, struct error *err) {
    X509_NAME *directory;
    TRY(name_from_text(value, &directory, err));
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
    return true;
}

static bool read_entry(GENERAL_NAME *name, const char *entry, struct error *err) {
    if (strncasecmp(entry, "DNS:", 4) == 0)
        return read_dns(name, entry, entry + 4, err);
    if (strncasecmp(entry, "IP:", 3) == 0)
        return read_ip(name, entry, entry + 3, err);
    if (strncasecmp(entry, "email:", 6) == 0)
        return read_email(name, entry, entry + 6, err);
    if (strncasecmp(entry, "URI:", 4) == 0)
        return read_host(name, GEN_URI, entry, entry + 4, err);
    if (strncasecmp(entry, "dirName:", 8) == 0)
        return read_directory(name, entry + 8, err);
    return bad(err, entry, "must begin with DNS:, IP:, email:, URI: or dirName:");
}

static bool add_subtree(STACK_OF(GENERAL_SUBTREE) *list, const struct json *item,
                        struct error *err) {
    GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new(); /* minimum 0, no maximum */
    if (subtree == NULL || sk_GENERAL_SUBTREE_push(list, subtree) <= 0) {
        GENERAL_SUBTREE_free(subtree);
        return fail_internal(err, "name constraint");
    }
    if (item->type != JSON_STRING)
        return bad(err, "", "must be a string");
    return read_entry(subtree->base, item->text, err);
}

static bool read_list(const struct json *value, const char *name,
                      STACK_OF(GENERAL_SUBTREE) **ret_list, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(value, name, &array, err));
    if (array == NULL || array->count == 0)
        return true;
    if (array->count > MAX_ENTRIES)
        return bad(err, name, "has too many entries");
    *ret_list = sk_GENERAL_SUBTREE_new_null();
    if (*ret_list == NULL)
        return fail_internal(err, "name constraints");
    JSON_EACH(item, array)
        TRY(add_subtree(*ret_list, item, err));
    return true;
}

bool name_constraints_from_json(struct arena *arena, const struct json *value,
                                const NAME_CONSTRAINTS **ret_constraints, struct error *err) {
    static const char *const members[] = {"permitted", "excluded", NULL};
    NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
    if (constraints == NULL)
        return fail_internal(err, "NAME_CONSTRAINTS_new");
    keep_NAME_CONSTRAINTS(arena, constraints);
    TRY(json_only(value, members, err));
    TRY(read_list(value, "permitted", &constraints->permittedSubtrees, err));
    TRY(read_list(value, "excluded", &constraints->excludedSubtrees, err));
    if (constraints->permittedSubtrees == NULL && constraints->excludedSubtrees == NULL)
        return bad(err, "", "is empty: name something permitted or excluded");
    *ret_constraints = constraints;
    return true;
}

static const char *ip_text(struct arena *arena, const ASN1_OCTET_STRING *octets) {
    char address[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];
    const uint8_t *at = ASN1_STRING_get0_data(octets);
    int len = ASN1_STRING_length(octets) / 2, family = len == 4 ? AF_INET : AF_INET6, bits = 0;
    if (ASN1_STRING_length(octets) != 8 && ASN1_STRING_length(octets) != 32)
        return NULL;
    while (bits < len * 8 && (at[len + bits / 8] & 0x80 >> bits % 8) != 0)
        bits++;
    inet_ntop(family, at, address, sizeof address);
    inet_ntop(family, at + len, mask, sizeof mask);
    for (int i = bits; i < len * 8; i++)
        if ((at[len + i / 8] & 0x80 >> i % 8) != 0)
            return arena_printf(arena, "IP:%s/%s", address, mask);
    return arena_printf(arena, "IP:%s/%d", address, bits);
}

static const char *entry_text(struct arena *arena, const GENERAL_NAME *name) {
    const ASN1_STRING *value = name->d.ia5;
    const char *prefix = name->type == GEN_DNS     ? "DNS:"
                         : name->type == GEN_EMAIL ? "email:"
                         : name->type == GEN_URI   ? "URI:"
                                                   : NULL;
    if (name->type == GEN_IPADD) {
        const char *text = ip_text(arena, name->d.iPAddress);
        if (text != NULL)
            return text;
    }
    if (name->type == GEN_DIRNAME)
        return arena_printf(arena, "dirName:%s", name_text(arena, name->d.directoryName));
    if (prefix != NULL && utf8_valid(view_of(ASN1_STRING_get0_data(value),
                                             (size_t)ASN1_STRING_length(value))))
        return arena_printf(arena, "%s%.*s", prefix, ASN1_STRING_length(value),
                            (const char *)ASN1_STRING_get0_data(value));
    return arena_printf(arena, "other:%s",
                        hex_encode(arena, item_der(arena, name, ASN1_ITEM_rptr(GENERAL_NAME))));
}

static void write_list(struct json_writer *w, struct arena *arena, const char *name,
                       const STACK_OF(GENERAL_SUBTREE) *list) {
    json_name(w, name);
    json_open_array(w);
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(list); i++)
        json_add_string(w, entry_text(arena, sk_GENERAL_SUBTREE_value(list, i)->base));
    json_close_array(w);
}

void name_constraints_write_json(struct json_writer *w, struct arena *arena,
                                 const NAME_CONSTRAINTS *constraints) {
    if (constraints == NULL) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    write_list(w, arena, "permitted", constraints->permittedSubtrees);
    write_list(w, arena, "excluded", constraints->excludedSubtrees);
    json_close_object(w);
}
