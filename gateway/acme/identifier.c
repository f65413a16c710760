#include "acme/identifier.h"

#include "acme/attest.h"
#include "net/reach.h"
#include "x509/csr.h"
#include "x509/san.h"

#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define DEVICE "device:"

const char *identifier_type(enum acme_kind kind) {
    return kind == ACME_IP ? "ip" : kind == ACME_PERMANENT ? "permanent-identifier" : "dns";
}

static char *lower(struct arena *arena, const char *text) {
    char *out = arena_strdup(arena, text);
    for (char *c = out; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
    return out;
}

static bool read_dns(struct arena *arena, const char *value, struct identifier *ret,
                     struct error *err) {
    struct identifier out = {.kind = ACME_DNS, .value = lower(arena, value)};
    struct net_address address;
    const char *problem = dns_name_problem(out.value, true);
    if (problem == NULL) /* rfc8555#7.1.4 */
        problem = a_label_problem(out.value);
    if (problem != NULL)
        return fail(err, ERROR_MALFORMED, "malformed-identifier", "\"%.100s\" is no DNS name: %s.",
                    value, problem);
    if (net_address_parse(out.value, &address))
        return fail(err, ERROR_MALFORMED, "malformed-identifier",
                    "\"%.100s\" is an IP address: its identifier type is \"ip\" (rfc8738#3).",
                    value);
    if (strncmp(out.value, "*.", 2) == 0) {
        out.wildcard = true;
        out.value += 2;
    }
    *ret = out;
    return true;
}

static bool read_ip(struct arena *arena, const char *value, struct identifier *ret,
                    struct error *err) {
    struct net_address address;
    /* An IPv4-mapped IPv6 address would be read as the IPv4 one: it is another name in a
     * certificate. */
    if (!net_address_parse(value, &address) ||
        (address.family == AF_INET && strchr(value, ':') != NULL))
        return fail(err, ERROR_MALFORMED, "malformed-identifier",
                    "\"%.100s\" is no IP address (rfc8738#3).", value);
    *ret = (struct identifier){.kind = ACME_IP, .value = net_address_text(arena, &address)};
    return true;
}

/* draft-ietf-acme-device-attest#3: a serial number or another name that a device has for life */
static bool read_permanent(struct arena *arena, const char *value, struct identifier *ret,
                           struct error *err) {
    size_t len = strlen(value);
    bool fits = len > 0 && len <= 255;
    for (size_t i = 0; fits && i < len; i++)
        fits = value[i] > 0x20 && value[i] < 0x7f;
    if (!fits)
        return fail(err, ERROR_MALFORMED, "malformed-identifier",
                    "A permanent identifier has 1 to 255 printable ASCII characters.");
    *ret = (struct identifier){.kind = ACME_PERMANENT, .value = arena_strdup(arena, value)};
    return true;
}

bool identifier_read(struct arena *arena, const struct json *document, struct identifier *ret,
                     struct error *err) {
    const char *type = NULL, *value = NULL;
    if (document == NULL || document->type != JSON_OBJECT)
        return fail(err, ERROR_MALFORMED, "malformed-identifier", "An identifier is no object.");
    TRY(json_string(document, "type", &type, err));
    TRY(json_string(document, "value", &value, err));
    if (type == NULL || value == NULL)
        return fail(err, ERROR_MALFORMED, "malformed-identifier",
                    "An identifier needs \"type\" and \"value\" (rfc8555#7.1.3).");
    if (strcmp(type, "dns") == 0)
        return read_dns(arena, value, ret, err);
    if (strcmp(type, "ip") == 0)
        return read_ip(arena, value, ret, err);
    if (strcmp(type, "permanent-identifier") == 0)
        return read_permanent(arena, value, ret, err);
    return fail(err, ERROR_POLICY, "unsupported-identifier",
                "Identifiers of type \"%.40s\" are not supported; use dns, ip or "
                "permanent-identifier.",
                type);
}

static bool same(const struct identifier *a, const struct identifier *b) {
    return a->kind == b->kind && a->wildcard == b->wildcard && strcmp(a->value, b->value) == 0;
}

static size_t add(struct identifier *list, size_t count, const struct identifier *one) {
    for (size_t i = 0; i < count; i++)
        if (same(&list[i], one))
            return count;
    list[count] = *one;
    return count + 1;
}

bool identifiers_read(struct arena *arena, const struct json *array, struct identifier **ret,
                      size_t *ret_count, struct error *err) {
    size_t count = 0;
    if (array == NULL || array->type != JSON_ARRAY || array->count == 0)
        return fail(err, ERROR_MALFORMED, "malformed-identifier",
                    "\"identifiers\" must be an array of at least one identifier (rfc8555#7.4).");
    if (array->count > MAX_IDENTIFIERS)
        return fail(err, ERROR_MALFORMED, "malformed-identifier",
                    "An order has at most %d identifiers.", MAX_IDENTIFIERS);
    struct identifier *list = arena_array(arena, array->count, sizeof *list);
    JSON_EACH (item, array) {
        struct identifier one;
        TRY(identifier_read(arena, item, &one, err));
        count = add(list, count, &one);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

const char *identifier_text(struct arena *arena, const struct identifier *identifier) {
    return identifier->wildcard ? arena_printf(arena, "*.%s", identifier->value)
                                : identifier->value;
}

void identifier_write(struct json_writer *w, struct arena *arena,
                      const struct identifier *identifier, bool with_wildcard) {
    json_open_object(w);
    json_put_string(w, "type", identifier_type(identifier->kind));
    json_put_string(w, "value",
                    with_wildcard ? identifier_text(arena, identifier) : identifier->value);
    json_close_object(w);
}

static bool is_range(const char *pattern) {
    struct net_range range;
    return net_range_parse(pattern, &range, NULL);
}

bool name_pattern_check(const char *pattern, struct error *err) {
    const char *name = pattern;
    if (strcmp(pattern, "*") == 0 || is_range(pattern) ||
        (strncmp(pattern, DEVICE, strlen(DEVICE)) == 0 && pattern[strlen(DEVICE)] != '\0'))
        return true;
    if (strncmp(name, "**.", 3) == 0)
        name += 3;
    else if (strncmp(name, "*.", 2) == 0)
        name += 2;
    const char *problem = dns_name_problem(name, false);
    return problem == NULL ||
           fail(err, ERROR_POLICY, "bad-pattern",
                "\"%.100s\" is no pattern of identifiers: write example.org, *.example.org (all "
                "below), "
                "**.example.org (it and all below), *, an address range such as 10.0.0.0/8, or "
                "device:* for devices.",
                pattern);
}

/* "C02*": what begins so. */
static bool device_matches(const char *pattern, const char *value) {
    size_t len = strlen(pattern);
    if (pattern[len - 1] == '*')
        return strncmp(pattern, value, len - 1) == 0;
    return strcmp(pattern, value) == 0;
}

static bool below(const char *name, const char *domain) {
    size_t len = strlen(name), tail = strlen(domain);
    return len > tail + 1 && name[len - tail - 1] == '.' &&
           strcasecmp(name + len - tail, domain) == 0;
}

bool name_pattern_matches(const char *pattern, const struct identifier *identifier) {
    struct net_range range;
    struct net_address address;
    const char *name = identifier->value;
    if (identifier->kind == ACME_IP)
        return net_range_parse(pattern, &range, NULL) && net_address_parse(name, &address) &&
               net_range_holds(&range, &address);
    bool device = strncmp(pattern, DEVICE, strlen(DEVICE)) == 0;
    if (device || identifier->kind == ACME_PERMANENT)
        return device && identifier->kind == ACME_PERMANENT && pattern[strlen(DEVICE)] != '\0' &&
               device_matches(pattern + strlen(DEVICE), name);
    if (identifier->kind != ACME_DNS || is_range(pattern))
        return false;
    if (strcmp(pattern, "*") == 0)
        return true;
    /* A wildcard is a name below its domain, and never the domain itself. */
    if (strncmp(pattern, "**.", 3) == 0)
        return strcasecmp(name, pattern + 3) == 0 || below(name, pattern + 3);
    if (strncmp(pattern, "*.", 2) == 0)
        return below(name, pattern + 2) ||
               (identifier->wildcard && strcasecmp(name, pattern + 2) == 0);
    return !identifier->wildcard && strcasecmp(name, pattern) == 0;
}

bool name_patterns_match(const struct text_list *patterns, const struct identifier *identifier) {
    for (size_t i = 0; i < patterns->count; i++)
        if (name_pattern_matches(patterns->items[i], identifier))
            return true;
    return false;
}

static bool from_san(struct arena *arena, const GENERAL_NAME *name, struct identifier *ret,
                     struct error *err) {
    const char *type = NULL, *permanent;
    if (permanent_of_name(arena, name, &permanent))
        return read_permanent(arena, permanent, ret, err);
    const char *text = san_text(arena, name, &type);
    const char *colon = strchr(text, ':');
    const char *value = colon == NULL ? text : colon + 1;
    if (strcmp(type, "dns") == 0)
        return read_dns(arena, value, ret, err);
    if (strcmp(type, "ip") == 0)
        return read_ip(arena, value, ret, err);
    return fail(err, ERROR_POLICY, "bad-csr",
                "The CSR has the alternative name %.100s, which is no identifier of the order.",
                text);
}

static bool is_expected(const struct identifier *expected, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (expected[i].kind == ACME_PERMANENT && strcmp(expected[i].value, name) == 0)
            return true;
    return false;
}

static bool common_name(struct arena *arena, const X509_REQ *csr, const struct identifier *expected,
                        size_t expected_count, struct identifier *ret, bool *ret_found,
                        struct error *err) {
    const X509_NAME *subject = X509_REQ_get_subject_name(csr);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    struct net_address address;
    *ret_found = at >= 0;
    if (at < 0)
        return true;
    int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len < 0)
        return fail(err, ERROR_POLICY, "bad-csr", "The CSR's common name cannot be read.");
    char *name = arena_text(arena, view_of(text, (size_t)len));
    OPENSSL_free(text);
    if (strlen(name) != (size_t)len)
        return fail(err, ERROR_POLICY, "bad-csr", "The CSR's common name has a NUL in it.");
    if (is_expected(expected, expected_count, name))
        return read_permanent(arena, name, ret, err);
    return net_address_parse(name, &address) ? read_ip(arena, name, ret, err)
                                             : read_dns(arena, name, ret, err);
}

bool identifiers_of_csr(struct arena *arena, const X509_REQ *csr, const struct identifier *expected,
                        size_t expected_count, struct identifier **ret, size_t *ret_count,
                        bool *ret_common_only, struct error *err) {
    AUTO(GENERAL_NAMES) *sans = NULL;
    struct identifier one;
    bool has_common = false;
    size_t count = 0;
    TRY(csr_sans(csr, &sans, err));
    int names = sk_GENERAL_NAME_num(sans);
    if (names > SAN_MAX_COUNT)
        return fail(err, ERROR_POLICY, "bad-csr", "The CSR has too many names.");
    struct identifier *list = arena_array(arena, (size_t)(names < 0 ? 0 : names) + 1, sizeof *list);
    for (int i = 0; i < names; i++) {
        TRY(from_san(arena, sk_GENERAL_NAME_value(sans, i), &one, err));
        count = add(list, count, &one);
    }
    size_t before = count;
    TRY(common_name(arena, csr, expected, expected_count, &one, &has_common, err));
    if (has_common)
        count = add(list, count, &one);
    *ret_common_only = count > before && one.kind != ACME_PERMANENT;
    *ret = list;
    *ret_count = count;
    return true;
}

static bool has(const struct identifier *list, size_t count, const struct identifier *one) {
    for (size_t i = 0; i < count; i++)
        if (same(&list[i], one))
            return true;
    return false;
}

bool identifiers_same(const struct identifier *a, size_t a_count, const struct identifier *b,
                      size_t b_count) {
    for (size_t i = 0; i < a_count; i++)
        if (a[i].kind != ACME_PERMANENT && !has(b, b_count, &a[i]))
            return false;
    for (size_t i = 0; i < b_count; i++)
        if (!has(a, a_count, &b[i]))
            return false;
    return true;
}
