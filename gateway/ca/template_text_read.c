/* From OpenSSL's configuration form to a template document. */
#include "ca/template_tables.h"
#include "ca/template_text.h"

#include "base/encode.h"
#include "x509/extension.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_LINES 500
#define MARK "#gatehouse:"

struct line {
    const char *section, *key, *value;
    int number;
};

struct reader {
    struct arena *arena;
    struct line lines[MAX_LINES];
    size_t count;
    const struct json *base; /* of the mark, or NULL */
    struct error *err;
};

static bool bad_line(const struct reader *r, int number, const char *problem) {
    return fail(r->err, ERROR_POLICY, "template-text", "Line %d of the text %s.", number, problem);
}

static const char *trim(struct arena *arena, const char *from, const char *to) {
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return arena_text(arena, view_of(from, (size_t)(to - from)));
}

/* "${name}" is another spelling of "{name}". */
static const char *plain_variables(struct arena *arena, const char *value) {
    struct buffer out = buffer_on(arena);
    for (const char *at = value; *at != '\0'; at++)
        if (at[0] != '$' || at[1] != '{')
            buffer_add_byte(&out, (uint8_t)*at);
    return buffer_text(&out);
}

static bool read_line(struct reader *r, const char **section, const char *from, const char *to,
                      int number) {
    const char *text = trim(r->arena, from, to), *equals;
    size_t len = strlen(text);
    if (strncmp(text, MARK, strlen(MARK)) == 0)
        return json_parse(r->arena, view_text(text + strlen(MARK)), &r->base, r->err);
    if (len == 0 || text[0] == '#' || text[0] == ';')
        return true;
    if (text[0] == '.' || strstr(text, "ENV::") != NULL)
        return bad_line(r, number, "includes a file or asks for the environment, which is refused");
    if (text[0] == '[') {
        if (text[len - 1] != ']')
            return bad_line(r, number, "begins a section and does not end it with \"]\"");
        *section = trim(r->arena, text + 1, text + len - 1);
        return true;
    }
    equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return bad_line(r, number, "is neither a section nor NAME = VALUE");
    if (r->count >= MAX_LINES)
        return bad_line(r, number, "is one too many: 500 are taken");
    r->lines[r->count++] =
        (struct line){*section, trim(r->arena, text, equals),
                      plain_variables(r->arena, trim(r->arena, equals + 1, text + len)), number};
    return true;
}

static bool read_lines(struct reader *r, const char *text) {
    const char *section = "req";
    int number = 1;
    for (const char *at = text; *at != '\0'; number++) {
        const char *end = strchrnul(at, '\n');
        TRY(read_line(r, &section, at, end, number));
        at = *end == '\n' ? end + 1 : end;
    }
    return true;
}

static const char *setting(const struct reader *r, const char *key, const char *otherwise) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].section, "req") == 0 && strcmp(r->lines[i].key, key) == 0)
            return r->lines[i].value;
    return otherwise;
}

/* "a, b,c" as items; a leading "critical" is told apart. */
static size_t split(struct arena *arena, const char *value, bool *ret_critical,
                    const char *items[64]) {
    size_t count = 0;
    *ret_critical = false;
    for (const char *at = value; count < 64;) {
        const char *end = strchrnul(at, ',');
        const char *item = trim(arena, at, end);
        if (count == 0 && !*ret_critical && strcmp(item, "critical") == 0)
            *ret_critical = true;
        else if (item[0] != '\0')
            items[count++] = item;
        if (*end == '\0')
            break;
        at = end + 1;
    }
    return count;
}

static void put_items(struct json_writer *w, const char *name, const char *const *items,
                      size_t count) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_add_string(w, items[i]);
    json_close_array(w);
}

static bool put_constraints(struct json_writer *w, const struct reader *r, const struct line *line,
                            const char *const *items, size_t count) {
    bool ca = false;
    int64_t path = -1;
    for (size_t i = 0; i < count; i++) {
        char *end = NULL;
        if (strncasecmp(items[i], "CA:", 3) == 0)
            ca = strcasecmp(items[i] + 3, "true") == 0;
        else if (strncasecmp(items[i], "pathlen:", 8) == 0 && items[i][8] != '\0')
            path = strtol(items[i] + 8, &end, 10);
        if (end != NULL && *end != '\0')
            return bad_line(r, line->number, "has a path length that is no number");
    }
    json_name(w, "basicConstraints");
    json_open_object(w);
    json_put_bool(w, "include", true);
    json_put_bool(w, "ca", ca);
    if (path >= 0)
        json_put_int(w, "pathLength", path);
    else
        json_put_null(w, "pathLength");
    json_close_object(w);
    return true;
}

/* One extension that is a document: DER, a text, or one of the short names. */
static bool put_extension(struct json_writer *w, const struct reader *r, const struct line *line) {
    const char *value = line->value;
    bool critical = strncmp(value, "critical,", 9) == 0;
    value = critical ? trim(r->arena, value + 9, value + strlen(value)) : value;
    bool no_check = strcasecmp(line->key, "noCheck") == 0,
         feature = strcasecmp(line->key, "tlsfeature") == 0;
    json_open_object(w);
    json_put_bool(w, "critical", critical);
    if (no_check || feature) {
        json_put_string(w, "type", no_check ? "ocspNoCheck" : "tlsFeature");
        json_name(w, "value");
        if (feature)
            json_open_array(w);
        feature ? json_add_string(w, value) : json_add_null(w);
        if (feature)
            json_close_array(w);
        json_close_object(w);
        return true;
    }
    bool der = strncmp(value, "DER:", 4) == 0, utf8 = strncmp(value, "ASN1:UTF8String:", 16) == 0 ||
                                                      strncmp(value, "ASN1:UTF8:", 10) == 0;
    if (!der && !utf8)
        return bad_line(r, line->number,
                        "has an extension that is not known here; write it as OID = DER:HEX or "
                        "OID = ASN1:UTF8String:text");
    struct buffer hex = buffer_on(r->arena);
    for (const char *at = value + 4; der && *at != '\0'; at++)
        if (*at != ':' && *at != ' ')
            buffer_add_byte(&hex, (uint8_t)*at);
    json_put_string(w, "oid", line->key);
    json_name(w, "value");
    json_open_object(w);
    json_put_string(w, der ? "der" : "utf8", der ? buffer_text(&hex) : strrchr(value, ':') + 1);
    json_close_object(w);
    json_close_object(w);
    return true;
}

static bool is_member(const char *key) {
    static const char *const keys[] = {"basicConstraints",      "keyUsage",
                                       "extendedKeyUsage",      "subjectAltName",
                                       "certificatePolicies",   "subjectKeyIdentifier",
                                       "authorityKeyIdentifier"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static bool put_member(struct json_writer *w, const struct reader *r, const struct line *line) {
    const char *items[64];
    bool critical;
    size_t count = split(r->arena, line->value, &critical, items);
    if (strcmp(line->key, "basicConstraints") == 0)
        return put_constraints(w, r, line, items, count);
    if (strcmp(line->key, "keyUsage") == 0) {
        put_items(w, "keyUsage", items, count);
        json_put_bool(w, "keyUsageCritical", critical);
    } else if (strcmp(line->key, "extendedKeyUsage") == 0) {
        put_items(w, "extendedKeyUsage", items, count);
        json_put_bool(w, "extendedKeyUsageCritical", critical);
    } else if (strcmp(line->key, "certificatePolicies") == 0) {
        put_items(w, "policies", items, count);
    } else if (strcmp(line->key, "subjectAltName") == 0) {
        json_name(w, "sans");
        json_open_object(w);
        if (r->base == NULL)
            put_items(w, "types", san_type_names, SAN_TYPE_COUNT);
        put_items(w, "add", items, count);
        json_close_object(w);
    } else if (strcmp(line->key, "subjectKeyIdentifier") == 0 && strcmp(line->value, "none") == 0) {
        json_put_string(w, "subjectKeyId", "none");
    } else if (strcmp(line->key, "authorityKeyIdentifier") == 0) {
        json_put_string(w, "authorityKeyId",
                        strstr(line->value, "issuer") != NULL ? "keyIdAndIssuer"
                        : strcmp(line->value, "none") == 0    ? "none"
                                                              : "keyId");
    }
    return true;
}

/* The base's extension of that OID when the line says the same in DER: its own form is kept. */
static const struct json *same_extension(const struct reader *r, const struct line *line) {
    const struct extension_place place = {.arena = r->arena, .not_after_us = INT64_C(1) << 52};
    JSON_EACH (document, json_get(r->base, "extensions")) {
        AUTO(X509_EXTENSION) *extension = NULL;
        struct error ignored;
        const char *oid;
        if (!extension_oid(r->arena, document, &oid, &ignored) || strcmp(oid, line->key) != 0 ||
            !extension_from_json(&place, document, &extension, &ignored))
            continue;
        const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(extension);
        struct view der =
            view_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets));
        const char *again = arena_printf(
            r->arena, "%sDER:%s", X509_EXTENSION_get_critical(extension) == 1 ? "critical," : "",
            hex_encode(r->arena, der));
        if (strcmp(again, line->value) == 0)
            return document;
    }
    return NULL;
}

static bool holds_variable(const struct json *value) {
    if (value != NULL && value->type == JSON_STRING)
        return strchr(value->text, '{') != NULL;
    if (value != NULL && (value->type == JSON_ARRAY || value->type == JSON_OBJECT))
        JSON_EACH (item, value)
            if (holds_variable(item))
                return true;
    return false;
}

/* A text without our document means what it does not say: nothing, not our defaults. */
static void put_absent(struct json_writer *w, const struct reader *r, const char *section) {
    static const char *const keys[] = {"keyUsage", "extendedKeyUsage", "basicConstraints"};
    for (size_t k = 0; r->base == NULL && k < 3; k++) {
        bool there = false;
        for (size_t i = 0; i < r->count; i++)
            there = there || (strcmp(r->lines[i].section, section) == 0 &&
                              strcmp(r->lines[i].key, keys[k]) == 0);
        if (there)
            continue;
        json_name(w, keys[k]);
        k < 2 ? json_open_array(w) : json_open_object(w);
        if (k == 2)
            json_put_bool(w, "include", false);
        k < 2 ? json_close_array(w) : json_close_object(w);
    }
}

static bool put_extensions(struct json_writer *w, const struct reader *r, const char *section) {
    bool any = false;
    put_absent(w, r, section);
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].section, section) == 0 && is_member(r->lines[i].key))
            TRY(put_member(w, r, &r->lines[i]));
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->lines[i].section, section) != 0 || is_member(r->lines[i].key))
            continue;
        if (!any) {
            json_name(w, "extensions");
            json_open_array(w);
        }
        any = true;
        const struct json *same = same_extension(r, &r->lines[i]);
        if (same != NULL)
            json_add_value(w, same);
        else
            TRY(put_extension(w, r, &r->lines[i]));
    }
    JSON_EACH (document, json_get(r->base, "extensions"))
        if (any && holds_variable(json_get(document, "value")))
            json_add_value(w, document);
    if (any)
        json_close_array(w);
    return true;
}

/* "{csr.TYPE}" and nothing else takes the attribute from the request. */
static bool from_request(struct arena *arena, const struct line *line) {
    return strcmp(line->value, arena_printf(arena, "{csr.%s}", line->key)) == 0;
}

static void put_subject(struct json_writer *w, const struct reader *r, const char *section) {
    size_t lines = 0, requested = 0;
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].section, section) == 0) {
            lines++;
            requested += from_request(r->arena, &r->lines[i]);
        }
    if (lines == 0)
        return;
    json_name(w, "subject");
    json_open_object(w);
    bool csr = requested == lines;
    json_put_string(w, "from", csr ? "csr" : "expression");
    json_name(w, csr ? "attributes" : "expression");
    csr ? json_open_array(w) : json_open_object(w);
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->lines[i].section, section) != 0)
            continue;
        if (csr)
            json_add_string(w, r->lines[i].key);
        else
            json_put_string(w, r->lines[i].key, r->lines[i].value);
    }
    csr ? json_close_array(w) : json_close_object(w);
    json_close_object(w);
}

static const struct json *base_variable(const struct reader *r, const char *name) {
    JSON_EACH (variable, json_get(r->base, "variables")) {
        const struct json *known = json_get(variable, "name");
        if (known != NULL && known->type == JSON_STRING && strcmp(known->text, name) == 0)
            return variable;
    }
    return NULL;
}

static void put_variables(struct json_writer *w, const struct reader *r) {
    bool any = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct line *line = &r->lines[i];
        if (strcmp(line->section, "variables") != 0)
            continue;
        if (!any) {
            json_name(w, "variables");
            json_open_array(w);
        }
        any = true;
        json_open_object(w);
        JSON_EACH (member, base_variable(r, line->key)) /* its description and rules stay */
            if (strcmp(member->name, "name") != 0 && strcmp(member->name, "default") != 0) {
                json_name(w, member->name);
                json_add_value(w, member);
            }
        json_put_string(w, "name", line->key);
        json_put_string(w, "default", line->value);
        json_close_object(w);
    }
    if (any)
        json_close_array(w);
}

static bool put_settings(struct json_writer *w, const struct reader *r) {
    const char *days = setting(r, "default_days", NULL), *digest = setting(r, "default_md", NULL);
    if (days != NULL) {
        if (days[0] == '\0' || strlen(days) > 6 || days[strspn(days, "0123456789")] != '\0')
            return fail(r->err, ERROR_POLICY, "template-text",
                        "default_days is no number of days.");
        json_name(w, "validity");
        json_open_object(w);
        json_name(w, "days");
        json_add_int(w, strtol(days, NULL, 10));
        json_close_object(w);
    }
    if (digest == NULL || strcmp(digest, "default") == 0)
        return true;
    const char *names[] = {"sha256", "sha384", "sha512"};
    for (size_t i = 0; i < 3; i++)
        if (strcasecmp(digest, names[i]) == 0) {
            json_name(w, "signature");
            json_open_object(w);
            json_put_string(w, "digest", digest_names[i]);
            json_close_object(w);
            return true;
        }
    return fail(r->err, ERROR_POLICY, "template-text",
                "default_md is default, sha256, sha384 or sha512.");
}

/* The members of `over` instead of those of `base`; groups are merged one level deep. */
static void merge(struct json_writer *w, const struct json *base, const struct json *over,
                  int depth) {
    json_open_object(w);
    JSON_EACH (member, over) {
        const struct json *old = json_get(base, member->name);
        json_name(w, member->name);
        if (depth == 0 && member->type == JSON_OBJECT && old != NULL && old->type == JSON_OBJECT)
            merge(w, old, member, 1);
        else
            json_add_value(w, member);
    }
    JSON_EACH (member, base)
        if (json_get(over, member->name) == NULL) {
            json_name(w, member->name);
            json_add_value(w, member);
        }
    json_close_object(w);
}

bool template_from_text(struct arena *arena, const char *text, const struct json **ret_document,
                        struct error *err) {
    struct reader *r = arena_alloc(arena, sizeof *r);
    struct json_writer over = json_writer_on(arena), whole = json_writer_on(arena);
    const struct json *document;
    r->arena = arena;
    r->err = err;
    if (strlen(text) > TEMPLATE_TEXT_MAX)
        return fail(err, ERROR_TOO_LARGE, "template-text", "The text has more than 64 KiB.");
    TRY(read_lines(r, text));
    json_open_object(&over);
    TRY(put_settings(&over, r));
    put_variables(&over, r);
    put_subject(&over, r, setting(r, "distinguished_name", "dn"));
    TRY(put_extensions(&over, r,
                       setting(r, "x509_extensions", setting(r, "req_extensions", "v3_ext"))));
    json_close_object(&over);
    TRY(json_parse(arena, view_text(json_written(&over)), &document, err));
    merge(&whole, r->base, document, 0);
    return json_parse(arena, view_text(json_written(&whole)), ret_document, err);
}
