/* Rules that an organisation writes itself, as data. */
#include "x509/lint_internal.h"

#include "x509/name_attribute.h"
#include "x509/pattern.h"
#include "x509/san.h"

#include <string.h>

#define MAX_RULES 50

struct own_rule {
    const char *id, *source, *severity, *field, *pattern, *forbidden, *text;
    int64_t min, max;
};

static const char *const severities[] = {"notice", "warning", "error"};

static int severity_of(const char *name) {
    for (int i = 0; i < 3; i++)
        if (strcmp(severities[i], name) == 0)
            return i;
    return -1;
}

static bool bad_rule(struct error *err, const char *id, const char *problem) {
    return fail(err, ERROR_POLICY, "lint-rule", "The lint rule \"%.60s\" %s.", id, problem);
}

static bool field_known(const char *field) {
    static const char *const plain[] = {"keyType",          "days",   "keyUsage",
                                        "extendedKeyUsage", "policy", "signature"};
    static const char *const prefixes[] = {"subject.", "issuer.", "extension."};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(field, plain[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i]);
        AUTO(ASN1_OBJECT) *object = NULL;
        struct error ignored;
        if (strncmp(field, prefixes[i], len) == 0)
            return i < 2 ? attribute_type_parse(view_text(field + len), &object, &ignored)
                         : (object = oid_parse(field + len, true)) != NULL;
    }
    return strncmp(field, "san.", 4) == 0 && field[4] != '\0';
}

static bool read_rule(const struct json *value, struct own_rule *ret, struct error *err) {
    static const char *const names[] = {"id",        "source", "severity", "field", "pattern",
                                        "forbidden", "text",   "min",      "max",   NULL};
    struct own_rule rule = {.source = "own rule", .severity = "error", .max = INT64_MAX};
    TRY(json_only(value, names, err));
    TRY(json_string(value, "id", &rule.id, err) &&
        json_string(value, "source", &rule.source, err) &&
        json_string(value, "severity", &rule.severity, err) &&
        json_string(value, "field", &rule.field, err) &&
        json_string(value, "pattern", &rule.pattern, err) &&
        json_string(value, "forbidden", &rule.forbidden, err) &&
        json_string(value, "text", &rule.text, err) &&
        json_int(value, "min", 0, 100000, &rule.min, err) &&
        json_int(value, "max", 0, 100000, &rule.max, err));
    if (rule.id == NULL || rule.id[0] == '\0' || strlen(rule.id) > 60)
        return bad_rule(err, "", "has no \"id\" of 1 to 60 bytes");
    if (severity_of(rule.severity) < 0)
        return bad_rule(err, rule.id, "has a severity other than notice, warning and error");
    if (rule.field == NULL || !field_known(rule.field))
        return bad_rule(
            err, rule.id,
            "has no known \"field\": subject.CN, issuer.O, san.dns, keyType, days, keyUsage, "
            "extendedKeyUsage, policy, extension.OID, signature");
    if (rule.text == NULL || rule.text[0] == '\0' || strlen(rule.text) > 300)
        return bad_rule(err, rule.id, "has no \"text\" of 1 to 300 bytes for people");
    TRY(rule.pattern == NULL || regex_check(rule.pattern, err));
    TRY(rule.forbidden == NULL || regex_check(rule.forbidden, err));
    if (rule.pattern == NULL && rule.forbidden == NULL && rule.min == 0 && rule.max == INT64_MAX)
        return bad_rule(err, rule.id, "demands nothing: pattern, forbidden, min or max");
    *ret = rule;
    return true;
}

bool lint_own_check(const struct json *rules, struct error *err) {
    struct own_rule rule;
    if (rules == NULL)
        return true;
    if (rules->type != JSON_ARRAY || rules->count > MAX_RULES)
        return fail(err, ERROR_POLICY, "lint-rule", "Own lint rules are an array of at most %d.",
                    MAX_RULES);
    JSON_EACH (value, rules)
        TRY(read_rule(value, &rule, err));
    return true;
}

struct values {
    struct arena *arena;
    const char **items;
    size_t count;
};

static void add_value(struct values *values, const char *text) {
    if (values->count < SAN_MAX_COUNT)
        values->items[values->count++] = text;
}

static void name_values(struct values *values, const X509_NAME *name, const char *type) {
    AUTO(ASN1_OBJECT) *object = NULL;
    struct error ignored;
    struct view text;
    if (!attribute_type_parse(view_text(type), &object, &ignored))
        return;
    for (int at = -1; (at = X509_NAME_get_index_by_OBJ(name, object, at)) >= 0;)
        if (attribute_value_text(values->arena,
                                 X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), &text))
            add_value(values, arena_text(values->arena, text));
}

static void usage_values(struct values *values, unsigned bits) {
    static const char *const names[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                        "dataEncipherment", "keyAgreement",   "keyCertSign",
                                        "cRLSign",          "encipherOnly",   "decipherOnly"};
    for (int i = 0; i < 9; i++)
        if ((bits & (i < 8 ? 0x80u >> i : (unsigned)KU_DECIPHER_ONLY)) != 0)
            add_value(values, names[i]);
}

static void field_values(const struct lint *l, const char *field, struct values *v) {
    if (strncmp(field, "subject.", 8) == 0)
        name_values(v, X509_get_subject_name(l->x), field + 8);
    else if (strncmp(field, "issuer.", 7) == 0)
        name_values(v, X509_get_issuer_name(l->x), field + 7);
    else if (strcmp(field, "keyType") == 0)
        add_value(v, l->key_type);
    else if (strcmp(field, "days") == 0)
        add_value(v, arena_printf(v->arena, "%d", (int)lint_days(l)));
    else if (strcmp(field, "keyUsage") == 0)
        usage_values(v, l->key_usage);
    else if (strcmp(field, "signature") == 0)
        add_value(v, OBJ_nid2sn(X509_get_signature_nid(l->x)));
    else if (strncmp(field, "extension.", 10) == 0 && lint_find(l, field + 10) >= 0)
        add_value(v, field + 10);
    for (int i = 0; strcmp(field, "extendedKeyUsage") == 0 && i < sk_ASN1_OBJECT_num(l->purposes);
         i++)
        add_value(v, oid_text(v->arena, sk_ASN1_OBJECT_value(l->purposes, i)));
    for (int i = 0; strcmp(field, "policy") == 0 && i < sk_POLICYINFO_num(l->policies); i++)
        add_value(v, oid_text(v->arena, sk_POLICYINFO_value(l->policies, i)->policyid));
    for (int i = 0; strncmp(field, "san.", 4) == 0 && i < sk_GENERAL_NAME_num(l->sans); i++) {
        const char *type, *text = san_text(v->arena, sk_GENERAL_NAME_value(l->sans, i), &type);
        if (strcmp(type, field + 4) == 0)
            add_value(v, strchr(text, ':') + 1);
    }
}

static bool own_kept(const struct lint *l, const struct own_rule *rule) {
    struct values v = {.arena = l->arena,
                       .items = arena_array(l->arena, SAN_MAX_COUNT, sizeof(char *))};
    field_values(l, rule->field, &v);
    /* Days are a number: min and max bound it, not how many there are. */
    int64_t number = strcmp(rule->field, "days") == 0 ? lint_days(l) : (int64_t)v.count;
    if (number < rule->min || number > rule->max)
        return false;
    for (size_t i = 0; i < v.count; i++)
        if ((rule->pattern != NULL && !regex_matches(l->arena, rule->pattern, v.items[i])) ||
            (rule->forbidden != NULL && regex_matches(l->arena, rule->forbidden, v.items[i])))
            return false;
    return true;
}

bool lint_own_run(const struct lint *l, const struct json *rules, struct lint_findings *findings,
                  struct error *err) {
    JSON_EACH (value, rules) {
        struct own_rule rule;
        TRY(read_rule(value, &rule, err));
        if (!own_kept(l, &rule))
            lint_add(
                l, findings,
                (struct lint_finding){.rule = rule.id,
                                      .source = rule.source,
                                      .text = rule.text,
                                      .severity = (enum lint_severity)severity_of(rule.severity)});
    }
    return true;
}
