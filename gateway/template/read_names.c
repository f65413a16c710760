/* Reading a template document: whom it names, and the variables of expressions. */
#include "template/internal.h"

#include "x509/pattern.h"

#include <string.h>

#define MAX_VARIABLES 32

static bool type_known(const char *name) {
    ASN1_OBJECT *object = NULL;
    struct error ignored;
    bool known = name_attribute_type(name, &object, &ignored);
    ASN1_OBJECT_free(object);
    return known;
}

static bool read_rule(struct arena *arena, const struct json *value, const char *member,
                      bool subject, struct field_rule *ret, struct error *err) {
    static const char *const names[] = {"field", "pattern", "values", "min", "max", NULL};
    struct field_rule rule = {.max = SAN_MAX_COUNT};
    TRY(json_only(value, names, err));
    TRY(json_string(value, "field", &rule.field, err) &&
        json_string(value, "pattern", &rule.pattern, err));
    TRY(read_list(arena, value, "values", NULL, &rule.values, err));
    TRY(json_int(value, "min", 0, SAN_MAX_COUNT, &rule.min, err) &&
        json_int(value, "max", 0, SAN_MAX_COUNT, &rule.max, err));
    size_t i = 0;
    while (!subject && rule.field != NULL && san_type_names[i] != NULL &&
           strcmp(san_type_names[i], rule.field) != 0)
        i++;
    if (rule.field == NULL || (subject ? !type_known(rule.field) : san_type_names[i] == NULL))
        return template_invalid(err, "%s.rules: \"%.60s\" is no field; %s.", member,
                                rule.field == NULL ? "" : rule.field,
                                subject ? "an attribute such as CN is" : "a type such as dns is");
    if (rule.min > rule.max)
        return template_invalid(err, "%s.rules: min of %s is more than max.", member, rule.field);
    TRY(rule.pattern == NULL || regex_check(rule.pattern, err));
    *ret = rule;
    return true;
}

static bool read_rules(struct arena *arena, const struct json *object, const char *member,
                       bool subject, struct field_rules *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(object, "rules", &array, err));
    if (array == NULL)
        return true;
    if (array->count > TEMPLATE_MAX_ITEMS)
        return template_invalid(err, "%s.rules has more than %d entries.", member,
                                TEMPLATE_MAX_ITEMS);
    struct field_rules rules = {.items = arena_array(arena, array->count + 1, sizeof *rules.items)};
    JSON_EACH (value, array)
        TRY(read_rule(arena, value, member, subject, &rules.items[rules.count++], err));
    *ret = rules;
    return true;
}

static bool read_variable(struct arena *arena, const struct json *value,
                          struct template_variable *ret, struct error *err) {
    static const char *const names[] = {"name",   "description", "required", "pattern",
                                        "values", "default",     NULL};
    struct template_variable v = {.description = "", .value = ""};
    TRY(json_only(value, names, err));
    TRY(json_string(value, "name", &v.name, err) &&
        json_string(value, "description", &v.description, err) &&
        json_bool(value, "required", &v.required, err) &&
        json_string(value, "pattern", &v.pattern, err) &&
        json_string(value, "default", &v.value, err));
    TRY(read_list(arena, value, "values", NULL, &v.values, err));
    if (v.name == NULL || v.name[0] == '\0' || strlen(v.name) >= VARIABLE_NAME_SIZE ||
        v.name[strspn(v.name,
                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] != '\0')
        return template_invalid(err,
                                "variables: a name has 1 to 60 letters, digits, \"_\" and \"-\".");
    if (variable_built_in(v.name))
        return template_invalid(err, "variables: \"%s\" is a name that is always there.", v.name);
    if (strlen(v.description) > 500 || strlen(v.value) > 1000)
        return template_invalid(err, "variables: the description or default of \"%s\" is too long.",
                                v.name);
    TRY(v.pattern == NULL || regex_check(v.pattern, err));
    *ret = v;
    return true;
}

static const struct template_variable *find_variable(const struct template *t, const char *name) {
    for (size_t i = 0; i < t->variables.count; i++)
        if (strcmp(t->variables.items[i].name, name) == 0)
            return &t->variables.items[i];
    return NULL;
}

bool read_variables(struct arena *arena, const struct json *document, struct template *t,
                    struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, "variables", &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_VARIABLES)
        return template_invalid(err, "variables: more than %d.", MAX_VARIABLES);
    t->variables.items = arena_array(arena, array->count + 1, sizeof *t->variables.items);
    t->variables.count = 0;
    JSON_EACH (value, array) {
        struct template_variable variable;
        TRY(read_variable(arena, value, &variable, err));
        if (find_variable(t, variable.name) != NULL)
            return template_invalid(err, "variables: \"%s\" occurs twice.", variable.name);
        t->variables.items[t->variables.count++] = variable;
    }
    return true;
}

static bool check_text(const struct template *t, const char *member, const char *text,
                       struct error *err) {
    char name[VARIABLE_NAME_SIZE];
    for (const char *at = text, *end = NULL; at != NULL; at = end) {
        if (!variable_next(&at, name, &end))
            return template_invalid(
                err, "%s: \"%.80s\" has a brace that begins no {variable}; write {{ for a brace.",
                member, text);
        if (at == NULL)
            break;
        if (!variable_built_in(name) && find_variable(t, name) == NULL)
            return template_invalid(
                err,
                "%s: the variable {%s} is neither in \"variables\" nor one of csr.TYPE, "
                "san.TYPE, requester, door, key.",
                member, name);
    }
    return true;
}

bool check_variables(const struct template *t, const char *member, const struct json *value,
                     struct error *err) {
    if (value == NULL)
        return true;
    if (value->type == JSON_STRING)
        return check_text(t, member, value->text, err);
    if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        JSON_EACH (item, value)
            TRY(check_variables(t, member, item, err));
    return true;
}

static bool check_expression(const struct template *t, const struct json *expression,
                             struct error *err) {
    if (t->subject.from == SUBJECT_EXPRESSION && (expression == NULL || expression->count == 0))
        return template_invalid(err, "subject.from \"expression\" needs subject.expression.");
    JSON_EACH (member, expression) {
        bool texts = member->type == JSON_STRING || member->type == JSON_ARRAY;
        for (const struct json *item = member->type == JSON_ARRAY ? member->first : NULL;
             item != NULL; item = item->next)
            texts = texts && item->type == JSON_STRING;
        if (!type_known(member->name) || !texts)
            return template_invalid(
                err, "subject.expression: \"%.60s\" must be an attribute with a text or texts.",
                member->name);
    }
    return check_variables(t, "subject.expression", expression, err);
}

bool read_subject(struct arena *arena, const struct json *document, struct template *t,
                  struct error *err) {
    static const char *const names[] = {
        "from",  "attributes",           "required", "fixed", "expression",
        "rules", "firstSanToCommonName", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "subject", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    READ_CHOICE(object, "from", subject_source_names, t->subject.from, err);
    TRY(read_list(arena, object, "attributes", NULL, &t->subject.attributes, err));
    TRY(read_list(arena, object, "required", NULL, &t->subject.required, err));
    TRY(json_object(object, "fixed", &t->subject.fixed, err));
    TRY(json_object(object, "expression", &t->subject.expression, err));
    TRY(read_rules(arena, object, "subject", true, &t->subject.rules, err));
    TRY(json_bool(object, "firstSanToCommonName", &t->subject.first_san_to_common_name, err));
    for (size_t i = 0; i < t->subject.attributes.count; i++)
        if (strcmp(t->subject.attributes.items[i], "*") != 0 &&
            !type_known(t->subject.attributes.items[i]))
            return template_invalid(err, "subject: \"%.60s\" is no known attribute type.",
                                    t->subject.attributes.items[i]);
    for (size_t i = 0; i < t->subject.required.count; i++)
        if (!type_known(t->subject.required.items[i]))
            return template_invalid(err, "subject.required: \"%.60s\" is no known attribute type.",
                                    t->subject.required.items[i]);
    if (t->subject.fixed != NULL && t->subject.fixed->count > 0) {
        AUTO(X509_NAME) *name = NULL; /* refused now, not when somebody needs a certificate */
        TRY(name_from_json(t->subject.fixed, &name, err));
    }
    return check_expression(t, t->subject.expression, err);
}

bool read_sans(struct arena *arena, const struct json *document, struct template *t,
               struct error *err) {
    static const char *const names[] = {"types", "min", "max",   "commonNameToSan",
                                        "from",  "add", "rules", NULL};
    const struct json *object = NULL;
    unsigned none = t->sans.none;
    TRY(json_object(document, "sans", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(read_list(arena, object, "types", san_type_names, &t->sans.types, err));
    TRY(json_int(object, "min", 0, SAN_MAX_COUNT, &t->sans.min, err));
    TRY(json_int(object, "max", 0, SAN_MAX_COUNT, &t->sans.max, err));
    TRY(json_bool(object, "commonNameToSan", &t->sans.common_name_to_san, err));
    TRY(read_choice(object, "from", san_source_names, &none, err));
    t->sans.none = none != 0;
    TRY(read_list(arena, object, "add", NULL, &t->sans.add, err));
    TRY(check_variables(t, "sans.add", json_get(object, "add"), err));
    TRY(read_rules(arena, object, "sans", false, &t->sans.rules, err));
    return t->sans.min <= t->sans.max || template_invalid(err, "sans: min is more than max.");
}
