#include "ca/authority_profile.h"

#include "base/clock.h"
#include "ca/issue.h"
#include "template/words.h"
#include "x509/name.h"
#include "x509/name_constraints.h"

#include <string.h>

#define ROOT_DAYS 7305        /* 20 years */
#define SUBORDINATE_DAYS 3652 /* 10 years */
#define BACKDATE_SECONDS 300
#define MAX_DAYS 36525
#define MAX_OIDS 50

const char *const ca_profile_members[] = {
    "subject",   "pathLength", "keyUsage",        "extendedKeyUsage", "policies", "nameConstraints",
    "notBefore", "notAfter",   "backdateSeconds", "validityDays",     NULL};

static bool read_subject(struct arena *arena, const struct json *document, struct ca_profile *p,
                         struct error *err) {
    const struct json *subject = json_get(document, "subject");
    X509_NAME *name;
    if (subject == NULL || subject->type == JSON_NULL)
        return true;
    if (!name_from_json(subject, &name, err)) {
        error_prefix(err, "The field \"subject\": ");
        return false;
    }
    keep_X509_NAME(arena, name);
    p->subject = name;
    return true;
}

static bool read_usage(const struct json *document, struct ca_profile *p, struct error *err) {
    const struct json *array = NULL;
    const unsigned needed = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    TRY(json_array(document, "keyUsage", &array, err));
    JSON_EACH(item, array) {
        unsigned bit = item->type == JSON_STRING ? key_usage_bit(item->text) : 0;
        if (bit == 0)
            return fail(err, ERROR_POLICY, "ca-order",
                        "keyUsage: \"%.60s\" is no key usage of RFC 5280 section 4.2.1.3.",
                        item->type == JSON_STRING ? item->text : "");
        p->key_usage |= bit;
    }
    return array == NULL || (p->key_usage & needed) == needed ||
           fail(err, ERROR_POLICY, "ca-order",
                "keyUsage of a CA needs keyCertSign and cRLSign: without them it can neither issue nor "
                "revoke (rfc5280#4.2.1.3). Add them or leave keyUsage out.");
}

static bool read_oids(struct arena *arena, const struct json *document, const char *name,
                      bool short_names, struct text_list *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_OIDS)
        return fail(err, ERROR_POLICY, "ca-order", "%s has more than %d entries.", name, MAX_OIDS);
    struct text_list list = {.items = arena_array(arena, array->count + 1, sizeof(char *))};
    JSON_EACH(item, array) {
        ASN1_OBJECT *oid =
            item->type == JSON_STRING ? OBJ_txt2obj(item->text, short_names ? 0 : 1) : NULL;
        ASN1_OBJECT_free(oid);
        if (oid == NULL)
            return fail(err, ERROR_POLICY, "ca-order", "%s: \"%.60s\" is no dotted OID%s.", name,
                        item->type == JSON_STRING ? item->text : "",
                        short_names ? " or name such as serverAuth" : "");
        list.items[list.count++] = item->text;
    }
    *ret = list;
    return true;
}

static bool read_time(const struct json *document, const char *name, int64_t *ret,
                      struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    if (text == NULL || time_parse(text, ret, err))
        return true;
    error_prefix(err, "The field \"notBefore\" or \"notAfter\": ");
    return false;
}

static bool read_dates(const struct json *document, struct ca_profile *p, struct error *err) {
    TRY(json_int(document, "validityDays", 1, MAX_DAYS, &p->validity_days, err));
    TRY(json_int(document, "backdateSeconds", 0, 366 * 86400, &p->backdate_seconds, err));
    TRY(read_time(document, "notBefore", &p->not_before_us, err));
    TRY(read_time(document, "notAfter", &p->not_after_us, err));
    if (p->not_after_us != 0 && p->validity_days != 0)
        return fail(err, ERROR_POLICY, "validity",
                    "Give either \"validityDays\" or \"notAfter\", not both.");
    if (p->not_before_us != 0 && json_get(document, "backdateSeconds") != NULL)
        return fail(err, ERROR_POLICY, "validity",
                    "Give either \"notBefore\" or \"backdateSeconds\", not both.");
    return true;
}

/* Absent: the default for the kind of CA. null: no limit. */
static bool read_path_length(const struct json *document, struct ca_profile *p, struct error *err) {
    p->path_length = json_get(document, "pathLength") == NULL ? -2 : -1;
    return json_int(document, "pathLength", 0, 64, &p->path_length, err);
}

bool ca_profile_from_json(struct arena *arena, const struct json *document, struct ca_profile *ret,
                          struct error *err) {
    struct ca_profile p = {.backdate_seconds = BACKDATE_SECONDS, .path_length = -2};
    const struct json *constraints = NULL;
    TRY(read_subject(arena, document, &p, err));
    TRY(read_path_length(document, &p, err));
    TRY(read_usage(document, &p, err));
    TRY(read_oids(arena, document, "extendedKeyUsage", true, &p.extended_key_usage, err));
    TRY(read_oids(arena, document, "policies", false, &p.policies, err));
    TRY(read_dates(document, &p, err));
    TRY(json_object(document, "nameConstraints", &constraints, err));
    if (constraints != NULL)
        TRY(name_constraints_from_json(arena, constraints, &p.name_constraints, err));
    *ret = p;
    return true;
}

/* --- from a certificate ------------------------------------------------------------------------------ */

static const char *oid_of(struct arena *arena, const ASN1_OBJECT *object) {
    char text[128];
    return OBJ_obj2txt(text, sizeof text, object, 1) > 0 ? arena_strdup(arena, text) : "";
}

static void take_purposes(struct arena *arena, X509 *x, struct ca_profile *p) {
    AUTO(EXTENDED_KEY_USAGE) *usages = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    int count = sk_ASN1_OBJECT_num(usages);
    if (count <= 0)
        return;
    p->extended_key_usage.items = arena_array(arena, (size_t)count, sizeof(char *));
    for (int i = 0; i < count; i++)
        p->extended_key_usage.items[p->extended_key_usage.count++] =
            oid_of(arena, sk_ASN1_OBJECT_value(usages, i));
}

static void take_policies(struct arena *arena, X509 *x, struct ca_profile *p) {
    AUTO(CERTIFICATEPOLICIES) *policies =
        X509_get_ext_d2i(x, NID_certificate_policies, NULL, NULL);
    int count = sk_POLICYINFO_num(policies);
    if (count <= 0)
        return;
    p->policies.items = arena_array(arena, (size_t)count, sizeof(char *));
    for (int i = 0; i < count; i++)
        p->policies.items[p->policies.count++] =
            oid_of(arena, sk_POLICYINFO_value(policies, i)->policyid);
}

static unsigned usage_of(X509 *x) {
    AUTO(ASN1_BIT_STRING) *bits = X509_get_ext_d2i(x, NID_key_usage, NULL, NULL);
    unsigned usage = 0;
    for (int i = 0; bits != NULL && i < 9; i++)
        if (ASN1_BIT_STRING_get_bit(bits, i) == 1)
            usage |= i < 8 ? 0x80u >> i : (unsigned)KU_DECIPHER_ONLY;
    return usage;
}

bool ca_profile_from_certificate(struct arena *arena, X509 *certificate, struct ca_profile *ret,
                                 struct error *err) {
    struct certificate_facts facts;
    struct ca_profile p = {.backdate_seconds = BACKDATE_SECONDS};
    TRY(certificate_read(arena, certificate, &facts, err));
    X509_NAME *subject = X509_NAME_dup(X509_get_subject_name(certificate));
    keep_X509_NAME(arena, subject);
    p.subject = subject;
    p.path_length = facts.path_length;
    p.key_usage = usage_of(certificate) | KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    p.validity_days =
        (facts.not_after_us - facts.not_before_us + US_PER_DAY / 2) / US_PER_DAY;
    if (p.validity_days < 1)
        p.validity_days = 1;
    take_purposes(arena, certificate, &p);
    take_policies(arena, certificate, &p);
    NAME_CONSTRAINTS *constraints =
        X509_get_ext_d2i(certificate, NID_name_constraints, NULL, NULL);
    if (constraints != NULL)
        p.name_constraints = keep_NAME_CONSTRAINTS(arena, constraints);
    *ret = p;
    return true;
}

/* --- into a certificate ------------------------------------------------------------------------------ */

static bool outlives(const struct ca_record *issuer, struct error *err) {
    char text[TIME_TEXT_SIZE];
    time_format(issuer->not_after_us, text);
    return fail(err, ERROR_POLICY, "validity",
                "The CA would outlive its issuer, which ends at %s; ask for fewer validityDays or an "
                "earlier notAfter.",
                text);
}

static bool make_dates(const struct ca_signing *s, struct certificate_plan *plan,
                       struct error *err) {
    const struct ca_profile *p = s->profile;
    const struct ca_record *issuer = s->issuer;
    int64_t now = clock_now_us(), days = p->validity_days;
    int64_t from = p->not_before_us != 0 ? p->not_before_us
                                         : now - p->backdate_seconds * US_PER_SECOND;
    if (days == 0)
        days = issuer == NULL ? ROOT_DAYS : SUBORDINATE_DAYS;
    if (issuer != NULL && from < issuer->not_before_us) {
        if (p->not_before_us != 0)
            return fail(err, ERROR_POLICY, "validity",
                        "The CA would begin before its issuer does; ask for a later notBefore.");
        from = issuer->not_before_us;
    }
    int64_t to = p->not_after_us != 0 ? p->not_after_us : from + days * US_PER_DAY - US_PER_SECOND;
    if (to <= from || to <= now)
        return fail(err, ERROR_POLICY, "validity",
                    "The CA's certificate would have ended already, or before it begins; ask for a later "
                    "notAfter.");
    if (to - from > (int64_t)MAX_DAYS * US_PER_DAY && to != NO_EXPIRATION_US)
        return fail(err, ERROR_POLICY, "validity",
                    "A CA's certificate lasts at most 100 years, or has no end: 9999-12-31T23:59:59Z (rfc5280#4.1.2.5).");
    if (issuer != NULL && to > issuer->not_after_us) {
        if (p->validity_days != 0 || p->not_after_us != 0)
            return outlives(issuer, err);
        to = issuer->not_after_us;
    }
    plan->not_before_us = from;
    plan->not_after_us = to;
    return true;
}

static int path_length_of(const struct ca_signing *s) {
    if (s->profile->path_length == -2)
        return s->issuer == NULL ? -1 : 0;
    return (int)s->profile->path_length;
}

static void fill_plan(const struct ca_signing *s, struct certificate_plan *plan) {
    const struct ca_profile *p = s->profile;
    plan->subject = p->subject;
    plan->basic_constraints = plan->is_ca = true;
    plan->path_length = path_length_of(s);
    /* rfc5280#4.2.1.3 */
    plan->key_usage = p->key_usage == 0 ? KU_KEY_CERT_SIGN | KU_CRL_SIGN : p->key_usage;
    plan->extended_key_usage = p->extended_key_usage.items;
    plan->extended_key_usage_count = p->extended_key_usage.count;
    plan->policies = p->policies.items;
    plan->policy_count = p->policies.count;
    plan->name_constraints = p->name_constraints;
}

bool ca_certificate_make(struct core *core, struct arena *arena, const struct ca_signing *s,
                         struct certificate_record *ret, struct error *err) {
    struct ca_record self = *s->ca;
    struct ca_urls urls = {0};
    EVP_PKEY *public_key;
    struct issue_order issue = {.ca = s->issuer == NULL ? &self : s->issuer,
                                .issuer_key = s->issuer == NULL ? s->key : s->issuer_key,
                                .use = CERTIFICATE_CA};
    struct certificate_plan *plan = &issue.plan;
    self.certificate = view_of(NULL, 0); /* signs itself, also when it had a certificate before */
    self.state = CA_ACTIVE;
    TRY(key_from_spki(s->spki, &public_key, err));
    plan->public_key = keep_EVP_PKEY(arena, public_key);
    fill_plan(s, plan);
    TRY(make_dates(s, plan, err));
    if (s->issuer != NULL) {
        TRY(authority_urls(core, arena, s->issuer, &urls, err));
        plan->ca_issuers = urls.ca_issuers.items;
        plan->ca_issuers_count = urls.ca_issuers.count;
        plan->ocsp = urls.ocsp.items;
        plan->ocsp_count = urls.ocsp.count;
        plan->crl = urls.crl.items;
        plan->crl_count = urls.crl.count;
    }
    return issue_sign(core, arena, &issue, ret, err);
}

struct view ca_chain_below(struct arena *arena, const struct ca_record *issuer) {
    struct buffer chain = buffer_on(arena);
    buffer_add(&chain, issuer->certificate.at, issuer->certificate.len);
    buffer_add(&chain, issuer->chain.at, issuer->chain.len);
    return buffer_view(&chain);
}
