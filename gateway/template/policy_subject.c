/* The subject: from the request, fixed, or made of variables. */
#include "template/policy_internal.h"

#include <string.h>

/* Lists may name attributes by short name, alias, long name or OID; objects decide. */
static bool lists_object(const struct text_list *list, const ASN1_OBJECT *object) {
    for (size_t i = 0; i < list->count; i++) {
        ASN1_OBJECT *listed = NULL;
        struct error ignored;
        if (strcmp(list->items[i], "*") == 0)
            return true;
        bool same =
            name_attribute_type(list->items[i], &listed, &ignored) && OBJ_cmp(listed, object) == 0;
        ASN1_OBJECT_free(listed);
        if (same)
            return true;
    }
    return false;
}

static bool check_attributes(const struct policy *p, const X509_NAME *name) {
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, i));
        char text[80];
        if (lists_object(&p->t->subject.attributes, object))
            continue;
        int nid = OBJ_obj2nid(object);
        OBJ_obj2txt(text, sizeof text, object, 1);
        return fail(p->err, ERROR_POLICY, "subject-attribute",
                    "The subject has the attribute %s, which the template does not allow; leave it "
                    "out or have it added to the template's subject.attributes.",
                    nid != NID_undef ? OBJ_nid2sn(nid) : text);
    }
    return true;
}

/* Attributes of `values` replace those of the name. */
static bool set_values(const struct policy *p, X509_NAME *name, const X509_NAME *values) {
    for (int i = 0; i < X509_NAME_entry_count(values); i++) {
        const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(X509_NAME_get_entry(values, i));
        for (int at; (at = X509_NAME_get_index_by_OBJ(name, object, -1)) >= 0;)
            X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, at));
    }
    for (int i = 0; i < X509_NAME_entry_count(values); i++)
        if (X509_NAME_add_entry(name, X509_NAME_get_entry(values, i), -1, 0) != 1)
            return fail_internal(p->err, "X509_NAME_add_entry");
    return true;
}

static bool set_fixed(const struct policy *p, X509_NAME *name) {
    AUTO(X509_NAME) *values = NULL;
    if (p->t->subject.fixed == NULL || p->t->subject.fixed->count == 0)
        return true;
    TRY(name_from_json(p->t->subject.fixed, &values, p->err));
    return set_values(p, name, values);
}

static bool make_expression(const struct policy *p, X509_NAME **ret) {
    const struct json *expanded;
    TRY(policy_expand_json(p, p->t->subject.expression, &expanded));
    if (expanded == NULL)
        return (*ret = X509_NAME_new()) != NULL || fail_internal(p->err, "X509_NAME_new");
    if (name_from_json(expanded, ret, p->err))
        return true;
    error_prefix(p->err, "subject.expression: ");
    return false;
}

static bool check_required(const struct policy *p, const X509_NAME *name) {
    for (size_t i = 0; i < p->t->subject.required.count; i++) {
        const char *type = p->t->subject.required.items[i];
        if (name_attribute_text(p->arena, name, type) == NULL)
            return fail(
                p->err, ERROR_POLICY, "subject-attribute",
                "The subject lacks %s, which the template requires; add it to the CSR or the "
                "request's \"subject\".",
                type);
    }
    return true;
}

static bool check_rules(const struct policy *p, const X509_NAME *name) {
    for (size_t i = 0; i < p->t->subject.rules.count; i++) {
        const struct field_rule *rule = &p->t->subject.rules.items[i];
        const char **values;
        size_t count;
        TRY(name_attribute_texts(p->arena, name, rule->field, &values, &count, p->err));
        TRY(policy_check_rule(p, rule, "subject", values, count));
    }
    return true;
}

/* The first DNS name or address asked for, when the subject has no common name. */
static bool set_common_name(const struct policy *p, X509_NAME *name) {
    if (!p->t->subject.first_san_to_common_name || name_common_name(p->arena, name) != NULL)
        return true;
    for (int i = 0; i < sk_GENERAL_NAME_num(p->asked_sans); i++) {
        const char *type,
            *text = san_text(p->arena, sk_GENERAL_NAME_value(p->asked_sans, i), &type);
        const char *value = strchr(text, ':') + 1;
        if ((strcmp(type, "dns") != 0 && strcmp(type, "ip") != 0 && strcmp(type, "email") != 0) ||
            strlen(value) > 64)
            continue;
        if (X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
                                       (const unsigned char *)value, -1, -1, 0) != 1)
            return fail_internal(p->err, "X509_NAME_add_entry_by_NID");
        return true;
    }
    return true;
}

/* What the request's subject says and the certificate's will not. */
static void note_replaced(const struct policy *p, const X509_NAME *asked) {
    if (!name_empty(asked) && X509_NAME_cmp(asked, p->subject) != 0)
        policy_note(p, "subject: the template made %.200s of the %.200s asked for",
                    name_text(p->arena, p->subject), name_text(p->arena, asked));
}

/* A CSR's subject that stays as it is needs no copy. */
static bool is_kept(const struct policy *p, const X509_NAME *asked) {
    const struct template *t = p->t;
    return t->subject.from == SUBJECT_FROM_CSR && (t->subject.fixed == NULL || t->subject.fixed->count == 0) &&
           (!t->subject.first_san_to_common_name || name_common_name(p->arena, asked) != NULL);
}

static bool make_subject(struct policy *p, const X509_NAME *asked) {
    X509_NAME *name = NULL;
    if (p->t->subject.from == SUBJECT_EXPRESSION)
        TRY(make_expression(p, &name));
    else
        name = p->t->subject.from == SUBJECT_FROM_CSR ? X509_NAME_dup(asked) : X509_NAME_new();
    if (name == NULL)
        return fail_internal(p->err, "X509_NAME_dup");
    p->subject = keep_X509_NAME(p->arena, name);
    TRY(name_check(name, p->err));
    if (p->t->subject.from == SUBJECT_FROM_CSR)
        TRY(check_attributes(p, name));
    return set_common_name(p, name) && set_fixed(p, name);
}

bool policy_subject(struct policy *p) {
    const X509_NAME *asked = p->in->proposal->subject != NULL
                                 ? p->in->proposal->subject
                                 : X509_REQ_get_subject_name(p->in->csr);
    if (is_kept(p, asked)) {
        p->subject = asked;
        TRY(name_check(asked, p->err) && check_attributes(p, asked));
    } else {
        TRY(make_subject(p, asked));
    }
    /* rfc5280#4.1.2.4. The name of a CA stays as it is in what it has signed already. */
    if (!p->t->basic.ca)
        TRY(name_modern(p->arena, p->subject, &p->subject, p->err));
    TRY(check_required(p, p->subject) && check_rules(p, p->subject));
    if (p->subject != asked)
        note_replaced(p, asked);
    p->plan.subject = p->subject;
    return true;
}
