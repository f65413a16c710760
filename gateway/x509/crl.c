#include "x509/crl.h"

#include "base/clock.h"
#include "x509/crl_internal.h"
#include "x509/internal.h"

#include <string.h>

static const char *const reason_names[] = {
    [REASON_UNSPECIFIED] = "unspecified",
    [REASON_KEY_COMPROMISE] = "keyCompromise",
    [REASON_CA_COMPROMISE] = "cACompromise",
    [REASON_AFFILIATION_CHANGED] = "affiliationChanged",
    [REASON_SUPERSEDED] = "superseded",
    [REASON_CESSATION_OF_OPERATION] = "cessationOfOperation",
    [REASON_CERTIFICATE_HOLD] = "certificateHold",
    [REASON_REMOVE_FROM_CRL] = "removeFromCRL",
    [REASON_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
    [REASON_AA_COMPROMISE] = "aACompromise",
};
#define REASON_COUNT ((int)(sizeof reason_names / sizeof reason_names[0]))

const char *reason_name(int reason) {
    return reason >= 0 && reason < REASON_COUNT ? reason_names[reason] : NULL;
}

int reason_from_name(const char *name) {
    for (int i = 0; name != NULL && i < REASON_COUNT; i++)
        if (reason_names[i] != NULL && strcmp(name, reason_names[i]) == 0)
            return i;
    return -1;
}

bool crl_bad_plan(struct error *err, const char *rule) {
    return fail(err, ERROR_MALFORMED, "malformed-plan", "CRL: %s", rule);
}

static bool check_issuer(const X509 *issuer, struct error *err) {
    AUTO(ASN1_BIT_STRING) *usage = X509_get_ext_d2i(issuer, NID_key_usage, NULL, NULL);
    if (usage != NULL && ASN1_BIT_STRING_get_bit(usage, 6) != 1) /* cRLSign */
        return REFUSE(err, ERROR_POLICY, "lint",
                      "CRL: the CA's certificate has keyUsage without cRLSign, so its key may not "
                      "sign CRLs (rfc5280#4.2.1.3). Renew the CA's certificate with cRLSign.");
    return true;
}

bool crl_plan_check(const struct crl_plan *plan, struct error *err) {
    AUTO(ASN1_TIME) *this_update = NULL, *next_update = NULL;
    TRY(check_issuer(plan->issuer, err));
    TRY(asn1_time_from_us(plan->this_update_us, &this_update, err));
    TRY(asn1_time_from_us(plan->next_update_us, &next_update, err));
    if (plan->next_update_us / US_PER_SECOND <= plan->this_update_us / US_PER_SECOND)
        return crl_bad_plan(err, "nextUpdate must be later than thisUpdate (rfc5280#5.1.2.5).");
    if (plan->number < 0 || plan->base_number < 0)
        return crl_bad_plan(err, "the CRL number must not be negative (rfc5280#5.2.3).");
    if (plan->delta && plan->base_number >= plan->number)
        return crl_bad_plan(err, "a delta CRL has a higher number than its base (rfc5280#5.2.4).");
    if (plan->delta && plan->freshest_url != NULL)
        return crl_bad_plan(err, "a delta CRL must not point to deltas (rfc5280#5.2.6).");
    return true;
}

/* --- extensions ---------------------------------------------------------------------------------------- */

static bool add(EXTENSION_LIST **list, int nid, void *value, bool critical, struct error *err) {
    return X509V3_add1_i2d(list, nid, value, critical, X509V3_ADD_APPEND) == 1 ||
           fail_internal(err, "CRL extension");
}

static bool add_integer(EXTENSION_LIST **list, int nid, int64_t number, bool critical, struct error *err) {
    AUTO(ASN1_INTEGER) *value = ASN1_INTEGER_new();
    if (value == NULL || ASN1_INTEGER_set_int64(value, number) != 1)
        return fail_internal(err, "CRL number");
    return add(list, nid, value, critical, err);
}

static bool add_authority(EXTENSION_LIST **list, const X509 *issuer, struct error *err) {
    AUTO(AUTHORITY_KEYID) *authority = AUTHORITY_KEYID_new();
    if (authority == NULL)
        return fail_internal(err, "AUTHORITY_KEYID_new");
    authority->keyid = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
    if (authority->keyid == NULL) {
        ERR_clear_error();
        return true; /* an imported CA without the extension: there is nothing to point to */
    }
    return add(list, NID_authority_key_identifier, authority, false, err);
}

/* A DistributionPointName with one URL; NULL without memory. */
static DIST_POINT_NAME *point_name(const char *url) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    AUTO(GENERAL_NAMES) *names = GENERAL_NAMES_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    DIST_POINT_NAME *point = DIST_POINT_NAME_new();
    if (name == NULL || names == NULL || text == NULL || point == NULL ||
        ASN1_STRING_set(text, url, -1) != 1 || sk_GENERAL_NAME_push(names, name) <= 0) {
        ASN1_IA5STRING_free(text);
        DIST_POINT_NAME_free(point);
        return NULL;
    }
    GENERAL_NAME_set0_value(TAKE(name), GEN_URI, text);
    point->type = 0; /* fullName */
    point->name.fullname = TAKE(names);
    return point;
}

/* rfc5280#5.2.5: critical; the name is one of those in the certificates' cRLDistributionPoints */
static bool add_distribution(EXTENSION_LIST **list, const char *url, struct error *err) {
    AUTO(ISSUING_DIST_POINT) *idp = ISSUING_DIST_POINT_new();
    if (idp == NULL || (idp->distpoint = point_name(url)) == NULL)
        return fail_internal(err, "CRL distribution point");
    return add(list, NID_issuing_distribution_point, idp, true, err);
}

static bool add_freshest(EXTENSION_LIST **list, const char *url, struct error *err) {
    AUTO(CRL_DIST_POINTS) *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    if (points == NULL || point == NULL || sk_DIST_POINT_push(points, point) <= 0) {
        DIST_POINT_free(point);
        return fail_internal(err, "CRL freshest");
    }
    if ((point->distpoint = point_name(url)) == NULL)
        return fail_internal(err, "CRL freshest");
    return add(list, NID_freshest_crl, points, false, err);
}

/* X.509 (10/2019) 9.5.2.8: expiredCertsOnCRL ::= GeneralizedTime, not critical. OpenSSL does not know it. */
static bool add_expired(EXTENSION_LIST **list, int64_t since_us, struct error *err) {
    AUTO(ASN1_OBJECT) *object = OBJ_txt2obj("2.5.29.60", 1);
    AUTO(ASN1_GENERALIZEDTIME) *time =
        ASN1_GENERALIZEDTIME_set(NULL, (time_t)(since_us / US_PER_SECOND));
    AUTO(ASN1_OCTET_STRING) *value = ASN1_OCTET_STRING_new();
    AUTO(X509_EXTENSION) *extension = NULL;
    unsigned char *der = NULL;
    int len = time == NULL ? -1 : i2d_ASN1_GENERALIZEDTIME(time, &der);
    bool ok = object != NULL && value != NULL && len > 0 && ASN1_OCTET_STRING_set(value, der, len) == 1;
    OPENSSL_free(der);
    if (ok)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    return (extension != NULL && X509v3_add_ext(list, extension, -1) != NULL) ||
           fail_internal(err, "CRL expiredCertsOnCRL");
}

/* [0] EXPLICIT around the list. */
static struct view wrap(struct arena *arena, const unsigned char *der, int len) {
    unsigned char *out = arena_alloc(arena, (size_t)len + 8), *at = out;
    ASN1_put_object(&at, 1, len, 0, V_ASN1_CONTEXT_SPECIFIC);
    memcpy(at, der, (size_t)len);
    return view_of(out, (size_t)(at - out) + (size_t)len);
}

bool crl_plan_extensions(struct arena *arena, const struct crl_plan *plan, struct view *ret_der,
                         struct error *err) {
    AUTO(EXTENSION_LIST) *list = sk_X509_EXTENSION_new_null();
    unsigned char *der = NULL;
    if (list == NULL)
        return fail_internal(err, "CRL extensions");
    TRY(add_authority(&list, plan->issuer, err));
    TRY(add_integer(&list, NID_crl_number, plan->number, false, err));
    if (plan->delta) /* rfc5280#5.2.4: critical */
        TRY(add_integer(&list, NID_delta_crl, plan->base_number, true, err));
    if (plan->distribution_url != NULL)
        TRY(add_distribution(&list, plan->distribution_url, err));
    if (plan->freshest_url != NULL)
        TRY(add_freshest(&list, plan->freshest_url, err));
    if (plan->expired_since_us != 0)
        TRY(add_expired(&list, plan->expired_since_us, err));
    int len = i2d_X509_EXTENSIONS(list, &der);
    if (len <= 0)
        return fail_internal(err, "CRL extensions");
    *ret_der = wrap(arena, der, len);
    OPENSSL_free(der);
    return true;
}
