/* From OpenSSL's configuration form to a template document: the extensions. */
#include "template/text_internal.h"

#include "base/encode.h"
#include "x509/extension.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A number of an entry such as "pathlen:1", or -1 and a finding. */
static int64_t number_of(struct text_reader *r, const struct text_line *line, const char *text) {
    if (text[0] != '\0' && strlen(text) <= 9 && text[strspn(text, "0123456789")] == '\0')
        return strtol(text, NULL, 10);
    text_wrong(r, line, "has \"%.60s\" where a number is needed", text);
    return -1;
}

static void put_constraints(struct json_writer *w, struct text_reader *r, struct text_line *line,
                            const char *const *items, size_t count, bool critical) {
    bool ca = false;
    int64_t path = -1;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(items[i], "CA:TRUE") == 0 || strcasecmp(items[i], "CA:FALSE") == 0)
            ca = strcasecmp(items[i], "CA:TRUE") == 0;
        else if (strncasecmp(items[i], "pathlen:", 8) == 0)
            path = number_of(r, line, items[i] + 8);
        else
            text_wrong(r, line, "has \"%.60s\"; CA:TRUE, CA:FALSE and pathlen:NUMBER are known",
                       items[i]);
    if (!critical)
        text_notice(r, line, "is written as critical all the same (RFC 5280 4.2.1.9)");
    json_name(w, "basicConstraints");
    json_open_object(w);
    json_put_bool(w, "include", true);
    json_put_bool(w, "ca", ca);
    if (path >= 0)
        json_put_int(w, "pathLength", path);
    else
        json_put_null(w, "pathLength");
    json_close_object(w);
}

/* "otherName:OID;UTF8:x" of user principal names; copies of what the request says are left to the template. */
static void put_sans(struct json_writer *w, struct text_reader *r, const struct text_line *line,
                     const char *const *items, size_t count) {
    static const char *const upn[] = {"otherName:1.3.6.1.4.1.311.20.2.3;UTF8:",
                                      "otherName:msUPN;UTF8:"};
    const char *names[TEXT_MAX_ITEMS];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i], "email:copy") == 0 || strcmp(items[i], "email:move") == 0 ||
            strcmp(items[i], "IP:copy") == 0) {
            text_notice(r, line, "has %s, which is left out: \"sans\" of the document says what is "
                                 "taken from requests", items[i]);
            continue;
        }
        if (kept > 0 && strchr(items[i], ':') == NULL &&
            strncmp(names[kept - 1], "dirName:", 8) == 0) { /* its name has commas, too */
            names[kept - 1] = arena_printf(r->arena, "%s,%s", names[kept - 1], items[i]);
            continue;
        }
        names[kept] = items[i];
        for (size_t k = 0; k < 2; k++)
            if (strncmp(items[i], upn[k], strlen(upn[k])) == 0)
                names[kept] = arena_printf(r->arena, "UPN:%s", items[i] + strlen(upn[k]));
        kept++;
    }
    for (size_t i = 0; i < kept; i++) {
        AUTO(GENERAL_NAMES) *parsed = GENERAL_NAMES_new();
        struct error why;
        if (parsed != NULL && strchr(names[i], '{') == NULL && !san_add_text(parsed, names[i], &why))
            text_wrong(r, line, "has a name that is refused: %.300s", why.message);
    }
    json_name(w, "sans");
    json_open_object(w);
    if (r->base == NULL)
        text_put_items(w, "types", san_type_names, SAN_TYPE_COUNT);
    text_put_items(w, "add", names, kept);
    json_close_object(w);
}

/* The text of a notice: userNotice.1 = @name, [name] explicitText = text. */
static const char *notice_text(struct text_reader *r, const struct text_line *line) {
    const struct text_line *text =
        line->value[0] == '@' ? text_find(r, line->value + 1, "explicitText") : NULL;
    if (text == NULL)
        text_wrong(r, line, "names no section with explicitText");
    return text == NULL ? "" : text->value;
}

static void put_policy(struct json_writer *w, struct text_reader *r, const struct text_line *line,
                       const char *section) {
    const char *oid = NULL, *cps = NULL, *notice = NULL;
    for (size_t i = 0; i < r->count; i++) {
        struct text_line *one = &r->lines[i];
        if (strcmp(one->section, section) != 0)
            continue;
        one->used = true;
        if (strcmp(one->key, "policyIdentifier") == 0)
            oid = one->value;
        else if (strncmp(one->key, "CPS", 3) == 0 && cps == NULL)
            cps = one->value;
        else if (strncmp(one->key, "userNotice", 10) == 0 && notice == NULL)
            notice = notice_text(r, one);
        else
            text_wrong(r, one, "has %.60s; a policy has a policyIdentifier, one CPS and one "
                               "userNotice", one->key);
    }
    if (oid == NULL)
        text_wrong(r, line, "names the section [%.60s], which has no policyIdentifier", section);
    json_open_object(w);
    json_put_string(w, "oid", oid);
    if (cps != NULL)
        json_put_string(w, "cps", cps);
    if (notice != NULL)
        json_put_string(w, "notice", notice);
    json_close_object(w);
}

static void put_policies(struct json_writer *w, struct text_reader *r,
                         const struct text_line *line) {
    json_name(w, "policies");
    json_open_array(w);
    for (const char *at = line->value;;) {
        const char *end = strchrnul(at, ',');
        const char *item = text_trim(r->arena, at, end);
        if (item[0] == '@')
            put_policy(w, r, line, item + 1);
        else if (strcmp(item, "critical") == 0)
            text_notice(r, line, "is written as not critical all the same (RFC 5280 4.2.1.4 leaves "
                                 "it to the authority)");
        else if (item[0] != '\0')
            json_add_string(w, item);
        if (*end == '\0')
            break;
        at = end + 1;
    }
    json_close_array(w);
}

static const char *const members[] = {"basicConstraints",    "keyUsage",
                                      "extendedKeyUsage",    "subjectAltName",
                                      "certificatePolicies", "subjectKeyIdentifier",
                                      "authorityKeyIdentifier"};
enum { MEMBER_COUNT = sizeof members / sizeof members[0], MEMBERS_WITH_EMPTY = 5 };

static void put_usages(struct json_writer *w, struct text_reader *r, const struct text_line *line,
                       const char *const *items, size_t count, bool critical) {
    bool key = strcmp(line->key, "keyUsage") == 0;
    for (size_t i = 0; key && i < count; i++)
        if (key_usage_bit(items[i]) == 0)
            text_wrong(r, line, "has the usage \"%.60s\", which RFC 5280 4.2.1.3 does not know",
                       items[i]);
    text_put_items(w, line->key, items, count);
    json_put_bool(w, key ? "keyUsageCritical" : "extendedKeyUsageCritical", critical);
}

static void put_key_ids(struct json_writer *w, const struct text_reader *r,
                        const struct text_line *line) {
    const struct json *old = json_get(r->base, "subjectKeyId");
    bool none = strcmp(line->value, "none") == 0;
    if (strcmp(line->key, "authorityKeyIdentifier") == 0)
        json_put_string(w, "authorityKeyId",
                        strstr(line->value, "issuer") != NULL ? "keyIdAndIssuer"
                        : none                                ? "none"
                                                              : "keyId");
    else if (none || (old != NULL && old->type == JSON_STRING && strcmp(old->text, "none") == 0))
        json_put_string(w, "subjectKeyId", none ? "none" : "sha1");
}

static void put_member(struct json_writer *w, struct text_reader *r, struct text_line *line) {
    const char *items[TEXT_MAX_ITEMS];
    bool critical;
    if (strcmp(line->key, "certificatePolicies") == 0)
        return put_policies(w, r, line);
    if (strstr(line->key, "KeyIdentifier") != NULL)
        return put_key_ids(w, r, line);
    size_t count = text_items(r, line, &critical, items);
    if (strcmp(line->key, "basicConstraints") == 0)
        put_constraints(w, r, line, items, count, critical);
    else if (strcmp(line->key, "subjectAltName") == 0)
        put_sans(w, r, line, items, count);
    else
        put_usages(w, r, line, items, count, critical);
}

/* What has no line (any more) is not in the certificate. */
static void put_absent(struct json_writer *w, const char *key) {
    bool constraints = strcmp(key, "basicConstraints") == 0,
         sans = strcmp(key, "subjectAltName") == 0;
    if (!constraints && !sans) {
        text_put_items(w, strcmp(key, "certificatePolicies") == 0 ? "policies" : key, NULL, 0);
        return;
    }
    json_name(w, constraints ? key : "sans");
    json_open_object(w);
    if (constraints)
        json_put_bool(w, "include", false);
    else
        text_put_items(w, "add", NULL, 0);
    json_close_object(w);
}

static void put_members(struct json_writer *w, struct text_reader *r, const char *section) {
    for (size_t k = 0; k < MEMBER_COUNT; k++) {
        struct text_line *line = text_find(r, section, members[k]);
        bool was = r->written != NULL && text_find(r->written, "v3_ext", members[k]) != NULL;
        if (line != NULL && !text_unchanged(r, "v3_ext", line))
            put_member(w, r, line);
        else if (line == NULL && k < MEMBERS_WITH_EMPTY && (was || !r->marked))
            put_absent(w, members[k]);
    }
}

/* Addresses by the member of "urls" that they go to. */
struct addresses {
    const char *member, *flag, *prefix;
    const char *items[TEXT_MAX_ITEMS];
    size_t count;
};

static void sort_addresses(struct text_reader *r, struct text_line *line, struct addresses *kinds,
                           size_t count) {
    const char *items[TEXT_MAX_ITEMS];
    bool critical;
    size_t found = text_items(r, line, &critical, items);
    for (size_t i = 0; i < found; i++) {
        size_t k = 0;
        while (k < count && strncmp(items[i], kinds[k].prefix, strlen(kinds[k].prefix)) != 0)
            k++;
        if (k < count)
            kinds[k].items[kinds[k].count++] = items[i] + strlen(kinds[k].prefix);
        else
            text_wrong(r, line, "has \"%.60s\", which is no %s address%s", items[i],
                       kinds[0].prefix, count > 1 ? " and no OCSP;URI: address" : "");
    }
}

/* One line of addresses: what it says, or that it is gone. */
static void put_addresses(struct json_writer *urls, struct json_writer *w, struct text_reader *r,
                          const char *section, const char *key, struct addresses *kinds,
                          size_t count) {
    struct text_line *line = text_find(r, section, key);
    bool was = r->written != NULL && text_find(r->written, "v3_ext", key) != NULL;
    if (line != NULL && text_unchanged(r, "v3_ext", line))
        return;
    if (line == NULL && !was)
        return;
    if (line != NULL)
        sort_addresses(r, line, kinds, count);
    for (size_t k = 0; k < count; k++) {
        text_put_items(urls, kinds[k].member, kinds[k].items, kinds[k].count);
        if (line != NULL && (kinds[k].count > 0 || !r->marked))
            json_put_bool(w, kinds[k].flag, kinds[k].count > 0);
    }
}

static void put_urls(struct json_writer *w, struct text_reader *r, const char *section) {
    struct json_writer urls = json_writer_on(r->arena);
    struct addresses access[] = {{.member = "caIssuers", .flag = "aia", .prefix = "caIssuers;URI:"},
                                 {.member = "ocsp", .flag = "ocsp", .prefix = "OCSP;URI:"}};
    struct addresses crl = {.member = "crl", .flag = "crl", .prefix = "URI:"};
    struct addresses fresh = {.member = "freshestCrl", .flag = "freshestCrl", .prefix = "URI:"};
    const struct json *read;
    struct error ignored;
    json_open_object(&urls);
    put_addresses(&urls, w, r, section, "authorityInfoAccess", access, 2);
    put_addresses(&urls, w, r, section, "crlDistributionPoints", &crl, 1);
    put_addresses(&urls, w, r, section, "freshestCRL", &fresh, 1);
    json_close_object(&urls);
    if (!json_parse(r->arena, view_text(json_written(&urls)), &read, &ignored) || read->count == 0)
        return;
    json_name(w, "urls");
    json_add_value(w, read);
}

static void put_constraint_lists(struct json_writer *w, struct text_reader *r,
                                 const struct text_line *line, const char *const *items,
                                 size_t count) {
    static const char *const kinds[] = {"permitted", "excluded"};
    json_open_object(w);
    for (size_t k = 0; k < 2; k++) {
        json_name(w, kinds[k]);
        json_open_array(w);
        size_t len = strlen(kinds[k]);
        for (size_t i = 0; i < count; i++)
            if (strncmp(items[i], kinds[k], len) == 0 && items[i][len] == ';')
                json_add_string(w, items[i] + len + 1);
        json_close_array(w);
    }
    for (size_t i = 0; i < count; i++)
        if (strncmp(items[i], "permitted;", 10) != 0 && strncmp(items[i], "excluded;", 9) != 0)
            text_wrong(r, line, "has \"%.60s\", which begins with neither permitted; nor excluded;",
                       items[i]);
    json_close_object(w);
}

/* "requireExplicitPolicy:0" and the like, "OID:OID" of mappings. */
static void put_pairs(struct json_writer *w, struct text_reader *r, const struct text_line *line,
                      const char *const *items, size_t count, bool mappings) {
    mappings ? json_open_array(w) : json_open_object(w);
    for (size_t i = 0; i < count; i++) {
        const char *colon = strchr(items[i], ':');
        if (colon == NULL) {
            text_wrong(r, line, "has \"%.60s\", which is no NAME:VALUE", items[i]);
            continue;
        }
        const char *name = arena_text(r->arena, view_of(items[i], (size_t)(colon - items[i])));
        if (mappings) {
            json_open_object(w);
            json_put_string(w, "issuer", name);
            json_put_string(w, "subject", colon + 1);
            json_close_object(w);
        } else {
            json_put_int(w, name, number_of(r, line, colon + 1));
        }
    }
    mappings ? json_close_array(w) : json_close_object(w);
}

static const struct {
    const char *key, *type;
} typed[] = {{"nameConstraints", "nameConstraints"},     {"issuerAltName", "issuerAltNames"},
             {"tlsfeature", "tlsFeature"},               {"noCheck", "ocspNoCheck"},
             {"inhibitAnyPolicy", "inhibitAnyPolicy"},   {"policyMappings", "policyMappings"},
             {"policyConstraints", "policyConstraints"}};

static void put_typed(struct json_writer *w, struct text_reader *r, struct text_line *line,
                      const char *type) {
    const char *items[TEXT_MAX_ITEMS];
    bool critical;
    size_t count = text_items(r, line, &critical, items);
    json_put_string(w, "type", type);
    json_put_bool(w, "critical", critical);
    json_name(w, "value");
    if (strcmp(type, "ocspNoCheck") == 0) {
        json_add_null(w);
    } else if (strcmp(type, "inhibitAnyPolicy") == 0) {
        json_add_int(w, number_of(r, line, count == 1 ? items[0] : ""));
    } else if (strcmp(type, "nameConstraints") == 0) {
        put_constraint_lists(w, r, line, items, count);
    } else if (strncmp(type, "policy", 6) == 0) {
        put_pairs(w, r, line, items, count, strcmp(type, "policyMappings") == 0);
    } else {
        json_open_array(w);
        for (size_t i = 0; i < count; i++)
            json_add_string(w, items[i]);
        json_close_array(w);
    }
}

/* "ASN1:UTF8String:text" as {"utf8":"text"}. */
static bool put_asn1(struct json_writer *w, struct text_reader *r, const struct text_line *line,
                     const char *value) {
    static const struct {
        const char *type, *member;
    } types[] = {{"UTF8String", "utf8"},      {"UTF8", "utf8"},           {"IA5STRING", "ia5"},
                 {"IA5", "ia5"},              {"PRINTABLESTRING", "printable"},
                 {"PRINTABLE", "printable"},  {"VISIBLESTRING", "visible"}, {"VISIBLE", "visible"},
                 {"NUMERICSTRING", "numeric"}, {"NUMERIC", "numeric"},    {"BMPSTRING", "bmp"},
                 {"BMP", "bmp"},              {"OBJECT", "oid"},          {"OID", "oid"},
                 {"INTEGER", "integer"},      {"INT", "integer"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t len = strlen(types[i].type);
        if (strncasecmp(value, types[i].type, len) != 0 || value[len] != ':')
            continue;
        json_open_object(w);
        if (strcmp(types[i].member, "integer") == 0)
            json_put_int(w, "integer", number_of(r, line, value + len + 1));
        else
            json_put_string(w, types[i].member, value + len + 1);
        json_close_object(w);
        return true;
    }
    return false;
}

/* An extension by its OID: DER, or a text. */
static void put_raw(struct json_writer *w, struct text_reader *r, const struct text_line *line) {
    const char *value = line->value, *oid = extension_oid_of(r->arena, line->key);
    bool critical = strncmp(value, "critical,", 9) == 0;
    value = critical ? text_trim(r->arena, value + 9, value + strlen(value)) : value;
    struct buffer hex = buffer_on(r->arena);
    bool der = strncmp(value, "DER:", 4) == 0;
    for (const char *at = value + 4; der && *at != '\0'; at++)
        if (*at != ':' && *at != ' ')
            buffer_add_byte(&hex, (uint8_t)*at);
    json_put_bool(w, "critical", critical);
    json_put_string(w, "oid", oid == NULL ? line->key : oid);
    json_name(w, "value");
    if (der) {
        json_open_object(w);
        json_put_string(w, "der", buffer_text(&hex));
        json_close_object(w);
    } else if (oid == NULL || strncmp(value, "ASN1:", 5) != 0 || !put_asn1(w, r, line, value + 5)) {
        json_add_null(w);
        text_wrong(r, line, "has an extension that is not known here; write it as OID = DER:HEX or "
                            "OID = ASN1:UTF8String:text");
    }
}

/* The base's extension when its line stands as we wrote it: its own form is kept. */
static const struct json *same_extension(const struct text_reader *r,
                                         const struct text_line *line) {
    const char *wanted = extension_oid_of(r->arena, line->key), *oid;
    struct error ignored;
    if (wanted == NULL || !text_unchanged(r, "v3_ext", line))
        return NULL;
    JSON_EACH (document, json_get(r->base, "extensions"))
        if (extension_oid(r->arena, document, &oid, &ignored) && strcmp(oid, wanted) == 0)
            return document;
    return NULL;
}

static void put_extension(struct json_writer *w, struct text_reader *r, struct text_line *line) {
    const struct json *same = same_extension(r, line);
    size_t k = 0, count = sizeof typed / sizeof typed[0];
    line->used = true;
    if (same != NULL)
        return json_add_value(w, same);
    while (k < count && strcmp(line->key, typed[k].key) != 0)
        k++;
    json_open_object(w);
    if (k < count && strstr(line->value, "DER:") == NULL)
        put_typed(w, r, line, typed[k].type);
    else
        put_raw(w, r, line);
    json_close_object(w);
}

static bool is_address(const char *key) {
    return strcmp(key, "authorityInfoAccess") == 0 || strcmp(key, "crlDistributionPoints") == 0 ||
           strcmp(key, "freshestCRL") == 0;
}

void text_put_extensions(struct json_writer *w, struct text_reader *r) {
    const char *asked = text_setting(r, "req_extensions", "v3_ext");
    const char *section = text_setting(r, "x509_extensions", asked);
    put_members(w, r, section);
    put_urls(w, r, section);
    json_name(w, "extensions");
    json_open_array(w);
    for (size_t i = 0; i < r->count; i++) {
        struct text_line *line = &r->lines[i];
        bool member = is_address(line->key);
        for (size_t k = 0; k < MEMBER_COUNT; k++)
            member = member || strcmp(members[k], line->key) == 0;
        if (strcmp(line->section, section) == 0 && !member)
            put_extension(w, r, line);
    }
    JSON_EACH (document, json_get(r->base, "extensions"))
        if (r->marked && text_holds_variable(json_get(document, "value")))
            json_add_value(w, document); /* it has no line, but a comment */
    json_close_array(w);
}
