/* Purposes, policies, the template's extensions, and those that a request may bring. */
#include "template/policy_internal.h"

#include "x509/related.h"
#include "x509/extension.h"

#include <openssl/err.h>

#include <string.h>

/* The OID of the extension, dotted, on the arena. */
static const char *oid_of(const struct policy *p, const X509_EXTENSION *extension) {
    char text[128];
    const ASN1_OBJECT *object = X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)extension);
    int len = OBJ_obj2txt(text, sizeof text, object, 1);
    return arena_strdup(p->arena, len > 0 && (size_t)len < sizeof text ? text : "?");
}

static const X509_EXTENSION *asked_for(const struct policy *p, int nid) {
    int at = X509v3_get_ext_by_NID(p->asked, nid, -1);
    return at < 0 ? NULL : X509v3_get_ext(p->asked, at);
}

static void *decoded(const X509_EXTENSION *extension) {
    void *value = extension == NULL ? NULL : X509V3_EXT_d2i((X509_EXTENSION *)(uintptr_t)extension);
    ERR_clear_error();
    return value;
}

/* --- purposes
 * ------------------------------------------------------------------------------------------- */

static bool purpose_listed(const struct text_list *list, const ASN1_OBJECT *purpose) {
    for (size_t i = 0; i < list->count; i++) {
        AUTO(ASN1_OBJECT) *object = OBJ_txt2obj(list->items[i], 0);
        if (object != NULL && OBJ_cmp(object, purpose) == 0)
            return true;
    }
    return false;
}

static bool add_purpose(struct policy *p, struct text_list *list, const ASN1_OBJECT *purpose) {
    char text[128];
    int len = OBJ_obj2txt(text, sizeof text, purpose, 1);
    if (len <= 0 || (size_t)len >= sizeof text || list->count >= TEMPLATE_MAX_PURPOSES)
        return fail(p->err, ERROR_POLICY, "extension",
                    "The request asks for too many or too long purposes.");
    if (p->t->purposes_allowed.count > 0 && !purpose_listed(&p->t->purposes_allowed, purpose)) {
        if (p->t->requested.refuse_others)
            return fail(p->err, ERROR_POLICY, "request-extension",
                        "The request asks for the purpose %s, which the template does not allow "
                        "(extendedKeyUsageAllowed).",
                        text);
        policy_note(p, "extendedKeyUsage: %s is not allowed by the template", text);
        return true;
    }
    if (!purpose_listed(list, purpose))
        list->items[list->count++] = arena_strdup(p->arena, text);
    return true;
}

static bool requested_purposes(struct policy *p, struct text_list *list) {
    const X509_EXTENSION *extension = asked_for(p, NID_ext_key_usage);
    AUTO(EXTENDED_KEY_USAGE) *asked = decoded(extension);
    if (extension != NULL && asked == NULL)
        return fail(p->err, ERROR_POLICY, "extension",
                    "The request's extendedKeyUsage cannot be read.");
    for (int i = 0; i < sk_ASN1_OBJECT_num(asked); i++)
        TRY(add_purpose(p, list, sk_ASN1_OBJECT_value(asked, i)));
    if (extension != NULL)
        p->plan.extended_key_usage_critical =
            p->plan.extended_key_usage_critical ||
            X509_EXTENSION_get_critical((X509_EXTENSION *)(uintptr_t)extension) == 1;
    return true;
}

/* Purposes asked for of a template that decides them itself. */
static bool compare_purposes(const struct policy *p, const struct text_list *list) {
    AUTO(EXTENDED_KEY_USAGE) *asked = decoded(asked_for(p, NID_ext_key_usage));
    for (int i = 0; i < sk_ASN1_OBJECT_num(asked); i++) {
        const ASN1_OBJECT *purpose = sk_ASN1_OBJECT_value(asked, i);
        char text[128];
        if (purpose_listed(list, purpose))
            continue;
        OBJ_obj2txt(text, sizeof text, purpose, 0);
        if (p->t->requested.refuse_others)
            return fail(p->err, ERROR_POLICY, "request-extension",
                        "The request asks for the purpose %s, which the template does not give.",
                        text);
        policy_note(p, "extendedKeyUsage: %s was asked for, the template does not give it", text);
    }
    return true;
}

static bool make_purposes(struct policy *p) {
    const struct text_list *own = &p->t->extended_key_usage;
    struct text_list list = {
        .items = arena_array(p->arena, TEMPLATE_MAX_PURPOSES + own->count, sizeof(char *))};
    p->plan.extended_key_usage_critical = p->t->purposes_critical;
    if (p->t->purposes_from == PURPOSE_TEMPLATE || p->t->purposes_from == PURPOSE_BOTH)
        for (size_t i = 0; i < own->count; i++)
            list.items[list.count++] = own->items[i];
    if (p->t->purposes_from == PURPOSE_REQUEST || p->t->purposes_from == PURPOSE_BOTH)
        TRY(requested_purposes(p, &list));
    else
        TRY(compare_purposes(p, &list));
    if (p->t->purposes_from == PURPOSE_REQUEST && list.count == 0)
        list = *own;
    p->plan.extended_key_usage = list.items;
    p->plan.extended_key_usage_count = list.count;
    return true;
}

/* --- what the template has members of its own for
 * --------------------------------------------------------- */

/* Asked-for values that the certificate has anyway need no word. */
static bool compare_key_usage(const struct policy *p, const X509_EXTENSION *extension) {
    AUTO(ASN1_BIT_STRING) *asked = decoded(extension);
    unsigned bits = 0;
    for (int i = 0; i < 9; i++)
        if (asked != NULL && ASN1_BIT_STRING_get_bit(asked, i))
            bits |= i < 8 ? 0x80u >> i : (unsigned)KU_DECIPHER_ONLY;
    if ((bits & ~p->plan.key_usage) == 0)
        return true;
    if (p->t->requested.refuse_others)
        return fail(p->err, ERROR_POLICY, "request-extension",
                    "The request asks for a key usage that the template does not give.");
    policy_note(p, "keyUsage: the template decides it; the request asked for more");
    return true;
}

static bool compare_constraints(const struct policy *p, const X509_EXTENSION *extension) {
    AUTO(BASIC_CONSTRAINTS) *asked = decoded(extension);
    bool ca = asked != NULL && asked->ca != 0;
    if (ca == p->t->basic.ca)
        return true;
    if (p->t->requested.refuse_others)
        return fail(p->err, ERROR_POLICY, "request-extension",
                    "The request asks for %s, which the template does not give.",
                    ca ? "an authority's certificate" : "no authority's certificate");
    policy_note(p, "basicConstraints: the template decides; the request asked for %s",
                ca ? "an authority" : "no authority");
    return true;
}

/* --- extensions of the request
 * ---------------------------------------------------------------------------- */

static const struct requested_extension *allowed(const struct policy *p, const char *oid) {
    for (size_t i = 0; i < p->t->requested.count; i++)
        if (strcmp(p->t->requested.items[i].oid, oid) == 0)
            return &p->t->requested.items[i];
    return NULL;
}

static bool push(const struct policy *p, EXTENSION_LIST *list, X509_EXTENSION *extension) {
    if (extension != NULL && sk_X509_EXTENSION_push(list, extension) > 0)
        return true;
    X509_EXTENSION_free(extension);
    return fail_internal(p->err, "sk_X509_EXTENSION_push");
}

static bool copy_extension(const struct policy *p, EXTENSION_LIST *list,
                           const X509_EXTENSION *asked, const struct requested_extension *entry) {
    X509_EXTENSION *copy = X509_EXTENSION_dup((X509_EXTENSION *)(uintptr_t)asked);
    if (copy == NULL)
        return fail_internal(p->err, "X509_EXTENSION_dup");
    bool critical = X509_EXTENSION_get_critical(copy) == 1;
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(copy);
    const ASN1_OBJECT *object = X509_EXTENSION_get_object(copy);
    struct view der = view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    if (!extension_check_value(p->arena, object, der, p->err)) {
        error_prefix(p->err, "The request: ");
        X509_EXTENSION_free(copy);
        return false;
    }
    if (critical && entry->critical == CRITICAL_NO)
        policy_note(p, "%s: taken, but not as critical", extension_label(p->arena, object));
    X509_EXTENSION_set_critical(copy, entry->critical == CRITICAL_YES ||
                                          (entry->critical == CRITICAL_REQUEST && critical));
    return push(p, list, copy);
}

static bool drop_extension(const struct policy *p, const X509_EXTENSION *extension,
                           const char *why) {
    const char *label = extension_label(
        p->arena, X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)extension));
    if (p->t->requested.refuse_others)
        return fail(p->err, ERROR_POLICY, "request-extension",
                    "The request asks for the extension %s: %s; leave it out or have it added to "
                    "the template's "
                    "requestExtensions.allowed.",
                    label, why);
    policy_note(p, "%s: %s", label, why);
    return true;
}

/* What describes the issuer or the key is never a requester's to say. */
static bool never_from_request(int nid) {
    static const int nids[] = {NID_subject_key_identifier,
                               NID_authority_key_identifier,
                               NID_crl_distribution_points,
                               NID_info_access,
                               NID_freshest_crl,
                               NID_issuing_distribution_point,
                               NID_crl_number,
                               NID_crl_reason,
                               NID_invalidity_date,
                               NID_netscape_revocation_url,
                               NID_netscape_ca_revocation_url,
                               NID_delta_crl,
                               NID_ct_precert_scts,
                               NID_ct_precert_poison};
    for (size_t i = 0; i < sizeof nids / sizeof nids[0]; i++)
        if (nids[i] == nid)
            return true;
    return false;
}

static bool judge_asked(struct policy *p, EXTENSION_LIST *list, const X509_EXTENSION *extension) {
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)extension));
    const char *oid = oid_of(p, extension);
    const struct requested_extension *entry = allowed(p, oid);
    if (nid == NID_subject_alt_name || nid == NID_ext_key_usage)
        return true; /* judged where they are made */
    if (nid == NID_key_usage)
        return compare_key_usage(p, extension);
    if (nid == NID_basic_constraints)
        return compare_constraints(p, extension);
    if (never_from_request(nid)) {
        policy_note(p, "%s: only the authority can say it", OBJ_nid2sn(nid));
        return true;
    }
    if (entry == NULL)
        return drop_extension(p, extension, "the template does not take it from requests");
    if (X509v3_get_ext_by_OBJ(
            list, X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)extension), -1) >= 0)
        return drop_extension(p, extension, "the template sets it itself");
    return copy_extension(p, list, extension, entry);
}

/* --- the template's own
 * ------------------------------------------------------------------------------------ */

static bool add_policies(const struct policy *p, const struct extension_place *place,
                         EXTENSION_LIST *list) {
    X509_EXTENSION *extension = NULL;
    if (p->t->policies == NULL || p->t->policies->count == 0)
        return true;
    TRY(extension_of_type(place, "certificatePolicies", false, p->t->policies, &extension, p->err));
    return push(p, list, extension);
}

static bool add_freshest(const struct policy *p, const struct extension_place *place,
                         EXTENSION_LIST *list) {
    struct json_writer w = json_writer_on(p->arena);
    const struct json *urls;
    X509_EXTENSION *extension = NULL;
    if (!p->t->freshest_crl)
        return true;
    const struct text_list *own = &p->t->urls.freshest_crl;
    const struct text_list *list_of = own->count > 0 ? own : &p->in->urls->freshest;
    if (list_of->count == 0)
        return fail(p->err, ERROR_POLICY, "freshest-crl",
                    "The template wants the address of delta CRLs (freshestCrl), but the authority makes none: "
                    "set its crl.deltaHours, or the template's urls.freshestCrl.");
    json_open_array(&w);
    for (size_t i = 0; i < list_of->count; i++)
        json_add_string(&w, list_of->items[i]);
    json_close_array(&w);
    TRY(json_parse(p->arena, view_text(json_written(&w)), &urls, p->err));
    TRY(extension_of_type(place, "freshestCrl", false, urls, &extension, p->err));
    return push(p, list, extension);
}

static bool add_documents(const struct policy *p, const struct extension_place *place,
                          EXTENSION_LIST *list) {
    JSON_EACH (document, p->t->extensions) {
        const struct json *value = json_get(document, "value"), *expanded = NULL;
        X509_EXTENSION *extension = NULL;
        TRY(policy_expand_json(p, document, &expanded));
        /* An extension whose variables are empty is not written. */
        if (expanded == NULL || (value != NULL && json_get(expanded, "value") == NULL))
            continue;
        if (!extension_from_json(place, expanded, &extension, p->err)) {
            error_prefix(p->err, "The template's extensions: ");
            return false;
        }
        TRY(push(p, list, extension));
    }
    return true;
}

/* rfc9763#4: what the flow has found and checked. */
static bool add_related(const struct policy *p, const struct extension_place *place,
                        EXTENSION_LIST *list) {
    static const char refusal[] = "The request names a related certificate (relatedCertRequest), which the "
                                  "template does not take; see its \"related\".";
    X509_EXTENSION *extension = NULL;
    const struct json *value;
    if (p->in->related != NULL) {
        TRY(json_parse(p->arena, view_text(arena_printf(p->arena, "\"%s\"", p->in->related)), &value,
                       p->err));
        TRY(extension_of_type(place, "relatedCertificate", false, value, &extension, p->err));
        return push(p, list, extension);
    }
    if (!related_asked(p->in->csr) || p->t->related.from != RELATED_NONE)
        return true;
    if (p->t->requested.refuse_others)
        return fail(p->err, ERROR_POLICY, "request-extension", "%s", refusal);
    policy_note(p, "relatedCertRequest: the template does not take it");
    return true;
}

static bool add_proposed(struct policy *p, const struct extension_place *place,
                         EXTENSION_LIST *list) {
    JSON_EACH (document, p->in->proposal->extensions) {
        AUTO(X509_EXTENSION) *extension = NULL;
        TRY(extension_from_json(place, document, &extension, p->err));
        TRY(judge_asked(p, list, extension));
    }
    return true;
}

bool policy_extensions(struct policy *p) {
    const struct extension_place place = {.arena = p->arena,
                                          .not_before_us = p->plan.not_before_us,
                                          .not_after_us = p->plan.not_after_us};
    EXTENSION_LIST *list = sk_X509_EXTENSION_new_null();
    if (list == NULL)
        return fail_internal(p->err, "sk_X509_EXTENSION_new_null");
    keep_EXTENSION_LIST(p->arena, list);
    TRY(make_purposes(p));
    TRY(add_policies(p, &place, list) && add_freshest(p, &place, list) &&
        add_related(p, &place, list) && add_documents(p, &place, list));
    TRY(add_proposed(p, &place, list));
    for (int i = 0; i < sk_X509_EXTENSION_num(p->asked); i++)
        TRY(judge_asked(p, list, sk_X509_EXTENSION_value(p->asked, i)));
    p->plan.extensions = list;
    return true;
}
