#include "ca/policy.h"

#include "base/clock.h"
#include "ca/template_tables.h"
#include "x509/csr.h"

#include <inttypes.h>
#include <string.h>

static bool listed(const struct text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* Lists may name attributes by short name, long name or OID; objects decide. */
static bool lists_object(const struct text_list *list, const ASN1_OBJECT *object) {
    for (size_t i = 0; i < list->count; i++) {
        ASN1_OBJECT *listed_object = OBJ_txt2obj(list->items[i], 0);
        bool same = listed_object != NULL && OBJ_cmp(listed_object, object) == 0;
        ASN1_OBJECT_free(listed_object);
        if (same)
            return true;
    }
    return false;
}

static bool check_attributes(const struct template *t, const X509_NAME *name, struct error *err) {
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, i));
        char text[80];
        if (lists_object(&t->subject.attributes, object))
            continue;
        int nid = OBJ_obj2nid(object);
        if (nid != NID_undef)
            return fail(err, ERROR_POLICY, "subject-attribute",
                        "The subject has the attribute %s, which the template does not allow; leave it "
                        "out or have it added to the template's subject.attributes.",
                        OBJ_nid2sn(nid));
        OBJ_obj2txt(text, sizeof text, object, 1);
        return fail(err, ERROR_POLICY, "subject-attribute",
                    "The subject has the attribute %s, which the template does not allow.", text);
    }
    return true;
}

/* Attributes that the template fixes replace those of the request. */
static bool set_fixed(X509_NAME *name, const struct json *fixed, struct error *err) {
    AUTO(X509_NAME) *values = NULL;
    if (fixed == NULL || fixed->count == 0)
        return true;
    TRY(name_from_json(fixed, &values, err));
    for (int i = 0; i < X509_NAME_entry_count(values); i++) {
        const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(X509_NAME_get_entry(values, i));
        for (int at; (at = X509_NAME_get_index_by_OBJ(name, object, -1)) >= 0;)
            X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, at));
    }
    for (int i = 0; i < X509_NAME_entry_count(values); i++)
        if (X509_NAME_add_entry(name, X509_NAME_get_entry(values, i), -1, 0) != 1)
            return fail_internal(err, "X509_NAME_add_entry");
    return true;
}

static bool check_required(const struct template *t, const X509_NAME *name, struct error *err) {
    for (size_t i = 0; i < t->subject.required.count; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(t->subject.required.items[i], 0);
        bool there = object != NULL && X509_NAME_get_index_by_OBJ(name, object, -1) >= 0;
        ASN1_OBJECT_free(object);
        if (!there)
            return fail(err, ERROR_POLICY, "subject-attribute",
                        "The subject lacks %s, which the template requires; add it to the CSR or the "
                        "request's \"subject\".",
                        t->subject.required.items[i]);
    }
    return true;
}

static bool make_subject(struct arena *arena, const struct policy_input *in,
                         const X509_NAME **ret_subject, struct error *err) {
    const struct template *t = in->template;
    const X509_NAME *from = NULL;
    if (t->subject.from == SUBJECT_FROM_CSR)
        from = in->proposal->subject != NULL ? in->proposal->subject
                                             : X509_REQ_get_subject_name(in->csr);
    X509_NAME *name = from == NULL ? X509_NAME_new() : X509_NAME_dup(from);
    if (name == NULL)
        return fail_internal(err, "X509_NAME_dup");
    keep_X509_NAME(arena, name);
    TRY(name_check(name, err));
    TRY(check_attributes(t, name, err));
    TRY(set_fixed(name, t->subject.fixed, err));
    TRY(check_required(t, name, err));
    *ret_subject = name;
    return true;
}

static bool has_san(struct arena *arena, const GENERAL_NAMES *sans, const char *text) {
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++)
        if (strcasecmp(san_text(arena, sk_GENERAL_NAME_value(sans, i), NULL), text) == 0)
            return true;
    return false;
}

/* The common name as a SAN, when it is a DNS name or an address that the template allows. */
static bool add_common_name(struct arena *arena, const struct template *t, const X509_NAME *subject,
                            GENERAL_NAMES *sans) {
    const char *name = name_common_name(arena, subject);
    AUTO(GENERAL_NAMES) *probe = GENERAL_NAMES_new();
    const char *type = NULL;
    if (name == NULL || strchr(name, ':') == name || !san_add_text(probe, name, NULL))
        return true;
    const char *text = san_text(arena, sk_GENERAL_NAME_value(probe, 0), &type);
    if ((strcmp(type, "dns") != 0 && strcmp(type, "ip") != 0) || !listed(&t->sans.types, type) ||
        has_san(arena, sans, text))
        return true;
    return san_add_text(sans, text, NULL);
}

static bool check_sans(struct arena *arena, const struct template *t, const GENERAL_NAMES *sans,
                       struct error *err) {
    int64_t count = sk_GENERAL_NAME_num(sans);
    for (int i = 0; i < count; i++) {
        const char *type = NULL;
        const char *text = san_text(arena, sk_GENERAL_NAME_value(sans, i), &type);
        if (!listed(&t->sans.types, type))
            return fail(err, ERROR_POLICY, "san-type",
                        "The name %.100s is of the type \"%s\", which the template does not allow; "
                        "leave it out or have the type added to sans.types.",
                        text, type);
    }
    if (count < t->sans.min || count > t->sans.max)
        return fail(err, ERROR_POLICY, "san-count",
                    "The request has %" PRId64 " subject alternative names; the template wants %" PRId64
                    " to %" PRId64 ".",
                    count, t->sans.min, t->sans.max);
    return true;
}

static bool make_sans(struct arena *arena, const struct policy_input *in, const X509_NAME *subject,
                      const GENERAL_NAMES **ret_sans, struct error *err) {
    GENERAL_NAMES *sans = NULL;
    if (in->proposal->sans != NULL) {
        struct view der = san_der(arena, in->proposal->sans);
        sans = GENERAL_NAMES_new();
        if (sk_GENERAL_NAME_num(in->proposal->sans) > 0) {
            GENERAL_NAMES_free(sans);
            TRY(san_from_der(der, &sans, err));
        }
    } else {
        TRY(csr_sans(in->csr, &sans, err));
    }
    keep_GENERAL_NAMES(arena, sans);
    if (in->template->sans.common_name_to_san && !add_common_name(arena, in->template, subject, sans))
        return fail_internal(err, "common name to SAN");
    TRY(check_sans(arena, in->template, sans, err));
    if (name_empty(subject) && sk_GENERAL_NAME_num(sans) == 0)
        return fail(err, ERROR_POLICY, "no-names",
                    "The request names nothing: neither subject nor subject alternative names.");
    *ret_sans = sans;
    return true;
}

static bool explicit_end(const struct policy_input *in, int64_t not_before, int64_t *not_after,
                         struct error *err) {
    const struct template *t = in->template;
    if (in->proposal->validity_days > t->max_days)
        return fail(err, ERROR_POLICY, "validity",
                    "The validity of %" PRId64 " days is more than the template's %" PRId64
                    " (validity.maxDays).",
                    in->proposal->validity_days, t->max_days);
    *not_after = in->proposal->not_after_us != 0
                     ? in->proposal->not_after_us
                     : not_before + in->proposal->validity_days * US_PER_DAY - US_PER_SECOND;
    if (*not_after <= not_before)
        return fail(err, ERROR_POLICY, "validity", "The certificate would end before it begins.");
    if (*not_after <= in->now_us)
        return fail(err, ERROR_POLICY, "validity", "The certificate would have expired already.");
    if (*not_after - not_before > t->max_days * US_PER_DAY + t->backdate_seconds * US_PER_SECOND)
        return fail(err, ERROR_POLICY, "validity",
                    "The validity is longer than the template's %" PRId64
                    " days (validity.maxDays).",
                    t->max_days);
    return true;
}

static bool make_dates(const struct policy_input *in, struct certificate_plan *plan,
                       struct error *err) {
    const struct template *t = in->template;
    int64_t issuer_from, issuer_to, from, to;
    char text[TIME_TEXT_SIZE];
    TRY(asn1_time_to_us(X509_get0_notBefore(in->issuer), &issuer_from, err) &&
        asn1_time_to_us(X509_get0_notAfter(in->issuer), &issuer_to, err));
    from = in->proposal->not_before_us;
    if (from == 0) {
        from = in->now_us - t->backdate_seconds * US_PER_SECOND;
        from = from < issuer_from ? issuer_from : from;
    }
    bool explicitly = in->proposal->validity_days != 0 || in->proposal->not_after_us != 0;
    if (explicitly)
        TRY(explicit_end(in, from, &to, err));
    else
        to = from + t->days * US_PER_DAY - US_PER_SECOND;
    time_format(issuer_to, text);
    if (issuer_to <= in->now_us)
        return fail(err, ERROR_POLICY, "issuer-expired",
                    "The authority's own certificate expired at %s.", text);
    if (to > issuer_to && explicitly)
        return fail(err, ERROR_POLICY, "validity",
                    "The certificate would outlive the authority, which ends at %s; ask for less.", text);
    if (from < issuer_from || from > issuer_to)
        return fail(err, ERROR_POLICY, "validity",
                    "The certificate would begin outside the authority's own validity.");
    plan->not_before_us = from;
    plan->not_after_us = to > issuer_to ? issuer_to : to;
    return true;
}

/* rfc5280#4.2.1.3, rfc8410#5, rfc9881#5, rfc9909#5: bits that the key cannot do are not written. */
static unsigned usable_bits(const char *key_type, unsigned bits) {
    if (strncmp(key_type, "RSA", 3) == 0)
        return bits & ~(unsigned)KU_KEY_AGREEMENT;
    if (key_type_is_ec(key_type))
        return bits & ~(unsigned)(KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT);
    return bits & ~(unsigned)(KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT);
}

static bool take_key(struct arena *arena, const struct policy_input *in, struct certificate_plan *plan,
                     struct error *err) {
    char key_type[KEY_TYPE_SIZE];
    const struct text_list *allowed = &in->template->keys;
    EVP_PKEY *key = X509_REQ_get_pubkey((X509_REQ *)(uintptr_t)in->csr);
    if (key == NULL)
        return fail_internal(err, "X509_REQ_get_pubkey");
    keep_EVP_PKEY(arena, key);
    if (!key_type_of(key, key_type) || !key_type_allowed(key_type, allowed->items, allowed->count))
        return fail(err, ERROR_POLICY, "key-type",
                    "The CSR's key is not of a type that the template allows (keys).");
    plan->public_key = key;
    plan->key_usage = usable_bits(key_type, in->template->key_usage);
    return true;
}

bool policy_apply(struct arena *arena, const struct policy_input *in,
                  struct certificate_plan *ret_plan, struct error *err) {
    const struct template *t = in->template;
    struct certificate_plan plan = {
        .basic_constraints = t->basic.include,
        .is_ca = t->basic.ca,
        .path_length = (int)t->basic.path_length,
        .extended_key_usage = t->extended_key_usage.items,
        .extended_key_usage_count = t->extended_key_usage.count,
        .policies = t->policies.items,
        .policy_count = t->policies.count,
    };
    TRY(take_key(arena, in, &plan, err));
    TRY(make_subject(arena, in, &plan.subject, err));
    TRY(make_sans(arena, in, plan.subject, &plan.sans, err));
    TRY(make_dates(in, &plan, err));
    if (t->aia) {
        plan.ca_issuers = in->urls->ca_issuers.items;
        plan.ca_issuers_count = in->urls->ca_issuers.count;
    }
    if (t->ocsp) {
        plan.ocsp = in->urls->ocsp.items;
        plan.ocsp_count = in->urls->ocsp.count;
    }
    if (t->crl) {
        plan.crl = in->urls->crl.items;
        plan.crl_count = in->urls->crl.count;
    }
    *ret_plan = plan;
    return true;
}
