#include "ca/credential_bound.h"

#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>

bool credential_glob(const char *pattern, const char *text) {
    const char *star = NULL, *again = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* --- what a credential is bound to -------------------------------------------------------------------- */

static bool value_fits(const struct json *wanted, const struct json *there) {
    if (there == NULL)
        return false;
    if (wanted->type == JSON_STRING && there->type == JSON_STRING)
        return credential_glob(wanted->text, there->text);
    if (wanted->type != JSON_ARRAY || there->type != JSON_ARRAY || wanted->count != there->count)
        return false;
    const struct json *other = there->first;
    JSON_EACH(item, wanted) {
        if (!value_fits(item, other))
            return false;
        other = other->next;
    }
    return true;
}

static bool check_subject(struct arena *arena, const struct json *wanted, const X509_REQ *csr,
                          struct error *err) {
    struct json_writer w = json_writer_on(arena);
    const struct json *subject;
    name_write_json(&w, arena, X509_REQ_get_subject_name(csr));
    TRY(json_parse(arena, view_text(json_written(&w)), &subject, err));
    JSON_EACH(member, wanted) {
        if (!value_fits(member, json_get(subject, member->name)))
            return fail(err, ERROR_POLICY, "credential-bound",
                        "The challenge password is for another subject: its %.40s differs.",
                        member->name);
    }
    return true;
}

bool credential_bound_sans(struct arena *arena, const struct json *wanted,
                           const GENERAL_NAMES *sans, struct error *err) {
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const char *text = san_text(arena, sk_GENERAL_NAME_value(sans, i), NULL);
        bool fits = false;
        JSON_EACH(item, wanted) {
            if (item->type != JSON_STRING)
                continue;
            const char *colon = strchr(item->text, ':'), *bare = strchr(text, ':');
            fits = fits || credential_glob(item->text, text) ||
                   (colon == NULL && bare != NULL && credential_glob(item->text, bare + 1));
        }
        if (!fits)
            return fail(err, ERROR_POLICY, "credential-bound",
                        "The challenge password is not for the name %.200s.", text);
    }
    return true;
}

bool credential_bound_check(struct arena *arena, const char *bound, const X509_REQ *csr,
                      struct error *err) {
    const struct json *document, *subject = NULL, *sans = NULL;
    AUTO(GENERAL_NAMES) *asked = NULL;
    TRY(json_parse(arena, view_text(bound), &document, err));
    TRY(json_object(document, "subject", &subject, err));
    TRY(json_array(document, "sans", &sans, err));
    if (subject != NULL)
        TRY(check_subject(arena, subject, csr, err));
    if (sans == NULL)
        return true;
    TRY(csr_sans(csr, &asked, err));
    return credential_bound_sans(arena, sans, asked, err);
}
