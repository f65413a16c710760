/* Subject alternative names: those asked for, those of the template, and the rules on them. */
#include "template/policy_internal.h"

#include "x509/csr.h"

#include <inttypes.h>
#include <string.h>

static bool has_san(const struct policy *p, const char *text) {
    for (int i = 0; i < sk_GENERAL_NAME_num(p->sans); i++)
        if (strcasecmp(san_text(p->arena, sk_GENERAL_NAME_value(p->sans, i), NULL), text) == 0)
            return true;
    return false;
}

/* A common name as a SAN, when it is a DNS name or an address that the template allows. */
static bool add_common_name(const struct policy *p, const char *name) {
    AUTO(GENERAL_NAMES) *probe = GENERAL_NAMES_new();
    const char *type = NULL;
    if (strchr(name, ':') == name || !san_add_text(probe, name, NULL))
        return true;
    const char *text = san_text(p->arena, sk_GENERAL_NAME_value(probe, 0), &type);
    if ((strcmp(type, "dns") != 0 && strcmp(type, "ip") != 0) ||
        !text_list_has(&p->t->sans.types, type) || has_san(p, text))
        return true;
    return san_add_text(p->sans, text, p->err);
}

static bool add_common_names(const struct policy *p) {
    const char **names;
    size_t count;
    if (!p->t->sans.common_name_to_san)
        return true;
    TRY(name_attribute_texts(p->arena, p->subject, "CN", &names, &count, p->err));
    for (size_t i = 0; i < count; i++)
        TRY(add_common_name(p, names[i]));
    return true;
}

static bool add_of_template(const struct policy *p) {
    for (size_t i = 0; i < p->t->sans.add.count; i++) {
        const char *text;
        TRY(policy_expand(p, p->t->sans.add.items[i], &text));
        if (text == NULL)
            continue;
        if (!san_add_text(p->sans, text, p->err)) {
            error_prefix(p->err, "sans.add: ");
            return false;
        }
    }
    return true;
}

/* SRV names and XMPP addresses are otherNames: a template that takes every one of those takes them, too. */
static bool type_allowed(const struct policy *p, const char *type) {
    return text_list_has(&p->t->sans.types, type) ||
           ((strcmp(type, "srv") == 0 || strcmp(type, "xmpp") == 0) &&
            text_list_has(&p->t->sans.types, "other"));
}

static bool check_types(const struct policy *p) {
    int64_t count = sk_GENERAL_NAME_num(p->sans);
    for (int i = 0; i < count; i++) {
        const char *type = NULL;
        const char *text = san_text(p->arena, sk_GENERAL_NAME_value(p->sans, i), &type);
        if (!type_allowed(p, type))
            return fail(p->err, ERROR_POLICY, "san-type",
                        "The name %.100s is of the type \"%s\", which the template does not allow; "
                        "leave it out or have the type added to sans.types.",
                        text, type);
    }
    if (count < p->t->sans.min || count > p->t->sans.max)
        return fail(p->err, ERROR_POLICY, "san-count",
                    "The request has %" PRId64
                    " subject alternative names; the template wants %" PRId64 " to %" PRId64 ".",
                    count, p->t->sans.min, p->t->sans.max);
    return true;
}

static bool check_rules(const struct policy *p) {
    int count = sk_GENERAL_NAME_num(p->sans);
    for (size_t i = 0; i < p->t->sans.rules.count; i++) {
        const struct field_rule *rule = &p->t->sans.rules.items[i];
        const char **values = arena_array(p->arena, (size_t)count + 1, sizeof *values);
        size_t found = 0;
        for (int j = 0; j < count; j++) {
            const char *type, *text = san_text(p->arena, sk_GENERAL_NAME_value(p->sans, j), &type);
            if (strcmp(type, rule->field) == 0)
                values[found++] = strchr(text, ':') + 1;
        }
        TRY(policy_check_rule(p, rule, "subjectAltName", values, found));
    }
    return true;
}

bool policy_sans(struct policy *p) {
    GENERAL_NAMES *sans = GENERAL_NAMES_new();
    if (sans == NULL)
        return fail_internal(p->err, "GENERAL_NAMES_new");
    if (!p->t->sans.none && sk_GENERAL_NAME_num(p->asked_sans) > 0) {
        GENERAL_NAMES_free(sans);
        TRY(san_from_der(san_der(p->arena, p->asked_sans), &sans, p->err));
    } else if (sk_GENERAL_NAME_num(p->asked_sans) > 0) {
        policy_note(p, "sans: the template takes none from the request; %d were asked for",
                    sk_GENERAL_NAME_num(p->asked_sans));
    }
    p->sans = keep_GENERAL_NAMES(p->arena, sans);
    TRY(add_common_names(p) && add_of_template(p));
    TRY(check_types(p) && check_rules(p));
    if (name_empty(p->subject) && sk_GENERAL_NAME_num(sans) == 0)
        return fail(p->err, ERROR_POLICY, "no-names",
                    "The request names nothing: neither subject nor subject alternative names.");
    p->plan.sans = sans;
    return true;
}
