/* What the files of the policy share. */
#ifndef GATEHOUSE_TEMPLATE_POLICY_INTERNAL_H
#define GATEHOUSE_TEMPLATE_POLICY_INTERNAL_H

#include "template/policy.h"
#include "template/words.h"

#define TEMPLATE_MAX_PURPOSES 64

struct policy {
    struct arena *arena;
    const struct policy_input *in;
    const struct template *t;
    char key_type[KEY_TYPE_SIZE];
    const X509_NAME *subject;  /* as it will be; may be the CSR's or the proposal's */
    GENERAL_NAMES *sans;       /* likewise */
    GENERAL_NAMES *asked_sans; /* as asked for */
    EXTENSION_LIST *asked;     /* the extensions asked for, or NULL */
    struct certificate_plan plan;
    struct error *err;
};

void policy_note(const struct policy *p, const char *format, ...) PRINTF_LIKE(2, 3);

MUST_USE bool policy_key(struct policy *p);
MUST_USE bool policy_dates(struct policy *p);
MUST_USE bool policy_subject(struct policy *p);
MUST_USE bool policy_sans(struct policy *p);
MUST_USE bool policy_extensions(struct policy *p);

/* Declared variables: every required one is there, each matches its rule; none is unknown. */
MUST_USE bool policy_check_variables(const struct policy *p);
/* A text with its variables replaced. *ret is NULL when a variable in it is empty: what it stood
 * for is then left out. */
MUST_USE bool policy_expand(const struct policy *p, const char *text, const char **ret);
/* The same in every string of a document; what becomes empty is left out. */
MUST_USE bool policy_expand_json(const struct policy *p, const struct json *value,
                                 const struct json **ret);
MUST_USE bool policy_check_rule(const struct policy *p, const struct field_rule *rule,
                                const char *where, const char *const *values, size_t count);

#endif
