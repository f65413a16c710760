/* Which names a caller may ask for, beside what the template says. */
#include "est/exchange.h"

#include "ca/credential_bound.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>
#include <strings.h>

static bool same_name_in(const GENERAL_NAMES *names, const GENERAL_NAME *name) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), (GENERAL_NAME *)(uintptr_t)name) == 0)
            return true;
    return false;
}

/* rfc7030#4.2.2: subject and alternative names stay. Who names none keeps those of the old certificate. */
static bool same_names(struct est_exchange *x, const struct json **ret_proposal, struct error *err) {
    AUTO(GENERAL_NAMES) *asked = NULL;
    AUTO(GENERAL_NAMES) *had = X509_get_ext_d2i(x->caller.x509, NID_subject_alt_name, NULL, NULL);
    TRY(csr_sans(x->csr, &asked, err));
    if (X509_NAME_cmp(X509_REQ_get_subject_name(x->csr), X509_get_subject_name(x->caller.x509)) != 0)
        return fail(err, ERROR_POLICY, "est-names",
                    "The subject must be that of the client certificate, \"%.300s\".",
                    name_text(x->arena, X509_get_subject_name(x->caller.x509)));
    for (int i = 0; i < sk_GENERAL_NAME_num(asked); i++)
        if (!same_name_in(had, sk_GENERAL_NAME_value(asked, i)))
            return fail(err, ERROR_POLICY, "est-names",
                        "The alternative name %.200s is not in the client certificate.",
                        san_text(x->arena, sk_GENERAL_NAME_value(asked, i), NULL));
    if (sk_GENERAL_NAME_num(asked) > 0 || had == NULL)
        return true;
    struct json_writer w = json_writer_on(x->arena);
    json_open_object(&w);
    json_name(&w, "sans");
    san_write_json(&w, x->arena, had);
    json_close_object(&w);
    return json_parse(x->arena, view_text(json_written(&w)), ret_proposal, err);
}

/* --- "names": "caller" -------------------------------------------------------------------------------- */

#define MAX_OWN_NAMES 128
static const char *const identities[] = {"CN", "serialNumber", "UID", "emailAddress"};

struct own_names {
    const char *items[MAX_OWN_NAMES];
    size_t count;
};

static void add(struct own_names *own, const char *text) {
    if (text != NULL && text[0] != '\0' && own->count < MAX_OWN_NAMES)
        own->items[own->count++] = text;
}

static const char *bare(struct arena *arena, const GENERAL_NAME *name) {
    const char *text = san_text(arena, name, NULL), *colon = strchr(text, ':');
    return colon == NULL ? text : colon + 1;
}

static bool add_certificate(struct est_exchange *x, struct own_names *own, struct error *err) {
    const X509_NAME *subject = X509_get_subject_name(x->caller.x509);
    GENERAL_NAMES *sans = X509_get_ext_d2i(x->caller.x509, NID_subject_alt_name, NULL, NULL);
    if (sans != NULL)
        keep_GENERAL_NAMES(x->arena, sans);
    for (size_t i = 0; i < sizeof identities / sizeof identities[0]; i++) {
        const char **values;
        size_t count;
        TRY(name_attribute_texts(x->arena, subject, identities[i], &values, &count, err));
        for (size_t k = 0; k < count; k++)
            add(own, values[k]);
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++)
        add(own, bare(x->arena, sk_GENERAL_NAME_value(sans, i)));
    return true;
}

static bool check_one(const struct own_names *own, const char *text, struct error *err) {
    for (size_t i = 0; i < own->count; i++)
        if (strcasecmp(own->items[i], text) == 0)
            return true;
    return fail(err, ERROR_POLICY, "est-names",
                "The name \"%.200s\" is not the caller's own (\"names\": \"caller\" in the template's "
                "EST settings).",
                text);
}

static bool names_of_caller(struct est_exchange *x, struct error *err) {
    struct own_names own = {{NULL}, 0};
    AUTO(GENERAL_NAMES) *asked = NULL;
    if (x->caller.kind == EST_USER)
        add(&own, x->caller.name);
    else
        TRY(add_certificate(x, &own, err));
    TRY(csr_sans(x->csr, &asked, err));
    for (size_t i = 0; i < sizeof identities / sizeof identities[0]; i++) {
        const char **values;
        size_t count;
        TRY(name_attribute_texts(x->arena, X509_REQ_get_subject_name(x->csr), identities[i], &values,
                                 &count, err));
        for (size_t k = 0; k < count; k++)
            TRY(check_one(&own, values[k], err));
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(asked); i++)
        TRY(check_one(&own, bare(x->arena, sk_GENERAL_NAME_value(asked, i)), err));
    return true;
}

bool est_check_names(struct est_exchange *x, const struct json **ret_proposal, struct error *err) {
    *ret_proposal = NULL;
    switch (x->caller.kind) {
    case EST_CREDENTIAL:
        return credential_bound_check(x->arena, x->caller.credential.bound, x->csr, err);
    case EST_OWN:
        return (!x->renewal && x->settings.own == EST_OWN_ANY) || same_names(x, ret_proposal, err);
    case EST_USER:
    case EST_DEVICE:
        return !x->settings.names_of_caller || names_of_caller(x, err);
    case EST_RA:
    case EST_NOBODY:
        break;
    }
    return true;
}
