/* Expressions: texts with {variables}, and rules on values. */
#include "template/policy_internal.h"

#include "x509/pattern.h"

#include <inttypes.h>
#include <string.h>

static bool value_fits(const struct policy *p, const char *pattern, const struct text_list *values,
                       const char *value) {
    return (pattern == NULL || regex_matches(p->arena, pattern, value)) &&
           (values->count == 0 || text_list_has(values, value));
}

bool policy_check_rule(const struct policy *p, const struct field_rule *rule, const char *where,
                       const char *const *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!value_fits(p, rule->pattern, &rule->values, values[i]))
            return fail(p->err, ERROR_POLICY, "field-rule",
                        "The %s %s \"%.80s\" does not fit the template's rule (%s%.150s).", where,
                        rule->field, values[i],
                        rule->pattern != NULL ? "pattern " : "one of its values",
                        rule->pattern != NULL ? rule->pattern : "");
    if ((int64_t)count < rule->min || (int64_t)count > rule->max)
        return fail(p->err, ERROR_POLICY, "field-rule",
                    "The %s has %zu of %s; the template wants %" PRId64 " to %" PRId64 ".", where,
                    count, rule->field, rule->min, rule->max);
    return true;
}

/* What the request says of a declared variable, else its default. */
static const char *declared_value(const struct policy *p,
                                  const struct template_variable *variable) {
    const struct json *given = json_get(p->in->proposal->variables, variable->name);
    return given != NULL && given->type == JSON_STRING && given->text[0] != '\0' ? given->text
                                                                                 : variable->value;
}

static bool check_given(const struct policy *p, const struct json *given) {
    for (size_t i = 0; i < p->t->variables.count; i++)
        if (strcmp(p->t->variables.items[i].name, given->name) == 0) {
            if (given->type != JSON_STRING || strlen(given->text) > 1000)
                return fail(p->err, ERROR_POLICY, "variable",
                            "The variable \"%.60s\" must be a text of at most 1000 bytes.",
                            given->name);
            return true;
        }
    return fail(p->err, ERROR_POLICY, "variable",
                "The template has no variable \"%.60s\"; its \"variables\" list what it has.",
                given->name);
}

bool policy_check_variables(const struct policy *p) {
    JSON_EACH (given, p->in->proposal->variables)
        TRY(check_given(p, given));
    for (size_t i = 0; i < p->t->variables.count; i++) {
        const struct template_variable *v = &p->t->variables.items[i];
        const char *value = declared_value(p, v);
        if (value[0] == '\0' && v->required)
            return fail(p->err, ERROR_POLICY, "variable",
                        "The request lacks the variable \"%s\" (%.200s); give it in "
                        "\"variables\".",
                        v->name, v->description);
        if (value[0] != '\0' && !value_fits(p, v->pattern, &v->values, value))
            return fail(p->err, ERROR_POLICY, "variable",
                        "The variable \"%s\" must not be \"%.100s\": it does not fit the "
                        "template's rule.",
                        v->name, value);
    }
    return true;
}

/* The first value of that attribute in what was asked for. */
static const char *asked_attribute(const struct policy *p, const char *type) {
    const X509_NAME *name = p->in->proposal->subject != NULL
                                ? p->in->proposal->subject
                                : X509_REQ_get_subject_name(p->in->csr);
    return name_attribute_text(p->arena, name, type);
}

static const char *asked_san(const struct policy *p, const char *wanted) {
    for (int i = 0; i < sk_GENERAL_NAME_num(p->asked_sans); i++) {
        const char *type,
            *text = san_text(p->arena, sk_GENERAL_NAME_value(p->asked_sans, i), &type);
        if (strcmp(type, wanted) == 0)
            return strchr(text, ':') + 1;
    }
    return NULL;
}

static const char *variable_value(const struct policy *p, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < p->t->variables.count; i++)
        if (strcmp(p->t->variables.items[i].name, name) == 0)
            return declared_value(p, &p->t->variables.items[i]);
    if (strncmp(name, "csr.", 4) == 0)
        value = asked_attribute(p, name + 4);
    else if (strncmp(name, "san.", 4) == 0)
        value = asked_san(p, name + 4);
    else if (strcmp(name, "requester") == 0)
        value = p->in->requester;
    else if (strcmp(name, "door") == 0)
        value = p->in->door;
    else if (strcmp(name, "key") == 0)
        value = p->key_type;
    return value == NULL ? "" : value;
}

static void add_plain(struct buffer *out, const char *from, const char *to) {
    for (const char *at = from; at < to; at++) {
        buffer_add_byte(out, (uint8_t)*at);
        if (*at == '{') /* "{{" is one brace */
            at++;
    }
}

bool policy_expand(const struct policy *p, const char *text, const char **ret) {
    struct buffer out = buffer_on(p->arena);
    char name[VARIABLE_NAME_SIZE];
    for (const char *from = text, *at = text, *end = NULL;; from = at = end) {
        if (!variable_next(&at, name, &end))
            return fail(p->err, ERROR_POLICY, "expression",
                        "The template's expression \"%.100s\" is broken.", text);
        if (at == NULL) {
            add_plain(&out, from, from + strlen(from));
            break;
        }
        add_plain(&out, from, at);
        const char *value = variable_value(p, name);
        if (value[0] == '\0') {
            *ret = NULL;
            return true;
        }
        buffer_add_text(&out, value);
    }
    *ret = buffer_text(&out);
    return true;
}

bool policy_expand_json(const struct policy *p, const struct json *value, const struct json **ret) {
    struct json *copy = arena_alloc(p->arena, sizeof *copy);
    const struct json **end = &copy->first;
    *copy = *value;
    copy->next = NULL;
    if (value->type == JSON_STRING) {
        TRY(policy_expand(p, value->text, &copy->text));
        *ret = copy->text == NULL ? NULL : copy;
        return true;
    }
    copy->first = NULL;
    copy->count = 0;
    JSON_EACH (item, value) {
        const struct json *expanded;
        TRY(policy_expand_json(p, item, &expanded));
        if (expanded == NULL)
            continue;
        *end = expanded;
        end = &((struct json *)(uintptr_t)expanded)->next;
        copy->count++;
    }
    /* A document whose every text was empty is empty itself. */
    bool container = value->type == JSON_ARRAY || value->type == JSON_OBJECT;
    *ret = container && value->count > 0 && copy->count == 0 ? NULL : copy;
    return true;
}
