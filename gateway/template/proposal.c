#include "template/proposal.h"

#include "base/clock.h"
#include "x509/name.h"
#include "x509/san.h"

static bool read_time(const struct json *document, const char *name, int64_t *ret_us,
                      struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    return text == NULL || time_parse(text, ret_us, err);
}

static bool read_names(struct arena *arena, const struct json *document, struct proposal *proposal,
                       struct error *err) {
    const struct json *subject = json_get(document, "subject"), *sans = NULL;
    if (subject != NULL && subject->type != JSON_NULL) {
        X509_NAME *name = NULL;
        TRY(name_from_json(subject, &name, err));
        keep_X509_NAME(arena, name);
        proposal->subject = name;
    }
    TRY(json_array(document, "sans", &sans, err));
    if (sans != NULL) {
        GENERAL_NAMES *names = NULL;
        TRY(san_from_json(sans, &names, err));
        keep_GENERAL_NAMES(arena, names);
        proposal->sans = names;
    }
    return true;
}

bool proposal_from_json(struct arena *arena, const struct json *document, struct proposal *ret,
                        struct error *err) {
    static const char *const names[] = {"subject", "sans", "validityDays", "notBefore", "notAfter",
                                        "variables", "extensions", NULL};
    struct proposal proposal = {0};
    if (document == NULL || document->type == JSON_NULL) {
        *ret = proposal;
        return true;
    }
    TRY(json_only(document, names, err));
    TRY(read_names(arena, document, &proposal, err));
    TRY(json_int(document, "validityDays", 1, 36525, &proposal.validity_days, err));
    TRY(read_time(document, "notBefore", &proposal.not_before_us, err));
    TRY(read_time(document, "notAfter", &proposal.not_after_us, err));
    TRY(json_object(document, "variables", &proposal.variables, err));
    TRY(json_array(document, "extensions", &proposal.extensions, err));
    if (proposal.validity_days != 0 && proposal.not_after_us != 0)
        return fail(err, ERROR_POLICY, "validity",
                    "Give either validityDays or notAfter, not both.");
    *ret = proposal;
    return true;
}

void proposal_merge(struct proposal *ret, const struct proposal *over) {
    if (over->subject != NULL)
        ret->subject = over->subject;
    if (over->sans != NULL)
        ret->sans = over->sans;
    if (over->variables != NULL)
        ret->variables = over->variables;
    if (over->extensions != NULL)
        ret->extensions = over->extensions;
    if (over->not_before_us != 0)
        ret->not_before_us = over->not_before_us;
    if (over->validity_days != 0 || over->not_after_us != 0) {
        ret->validity_days = over->validity_days;
        ret->not_after_us = over->not_after_us;
    }
}
