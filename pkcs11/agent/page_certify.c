#include "agent/page_certify.h"

#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/csr.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define SERIAL_SIZE 16
#define YEARS_MAX 40

static bool bad_field(struct error *err, const char *what) {
    return fail(err, ERROR_POLICY, "bad-field", "%s", what);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool add_name(X509_NAME *name, int nid, const char *value) {
    return value[0] == '\0' ||
           X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1;
}

static bool name_of(struct arena *arena, const struct certify_order *order, X509_NAME **ret, struct error *err) {
    X509_NAME *name = X509_NAME_new();
    keep_X509_NAME(arena, name);
    if (order->common_name[0] == '\0')
        return bad_field(err, "The CA needs a common name, or a provisioning certificate that has one.");
    if (!add_name(name, NID_countryName, order->country) || !add_name(name, NID_organizationName, order->organisation) ||
        !add_name(name, NID_commonName, order->common_name)) {
        fail_internal(NULL, "empties the error queue");
        return bad_field(err, "A name is not possible: a country has two letters, the others at most 64 characters.");
    }
    *ret = name;
    return true;
}

/* What certificate and CSR have in common; the pattern stays NULL without one. */
static bool read_order(struct arena *arena, const struct certify_order *order, const X509_NAME **ret_name,
                       X509 **ret_pattern, struct error *err) {
    X509_NAME *name;
    *ret_pattern = NULL;
    if (order->pattern[0] == '\0') {
        TRY(name_of(arena, order, &name, err));
        *ret_name = name;
        return true;
    }
    TRY(certificate_decode(arena, view_text(order->pattern), ret_pattern, err));
    keep_X509(arena, *ret_pattern);
    *ret_name = X509_get_subject_name(*ret_pattern);
    return X509_NAME_entry_count(*ret_name) > 0 || bad_field(err, "The provisioning certificate has no subject.");
}

/* ---- the certificate ------------------------------------------------------------------------- */

static bool plan_by_fields(const struct certify_order *order, struct certificate_plan *plan, struct error *err) {
    char *end = NULL;
    long years = strtol(order->years, &end, 10);
    if (end == order->years || *end != '\0' || years < 1 || years > YEARS_MAX)
        return bad_field(err, "A root is valid for 1 to 40 years.");
    plan->not_before_us = clock_now_us();
    plan->not_after_us = plan->not_before_us + years * 365 * US_PER_DAY + years / 4 * US_PER_DAY;
    plan->basic_constraints = plan->is_ca = true;
    plan->key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    return true;
}

/* All but the identifiers of keys, which are those of the pattern's own key. */
static bool plan_by_pattern(struct arena *arena, const X509 *pattern, struct certificate_plan *plan, struct error *err) {
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    keep_EXTENSION_LIST(arena, list);
    for (int i = 0; i < X509_get_ext_count(pattern); i++) {
        X509_EXTENSION *extension = X509_get_ext(pattern, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_subject_key_identifier || nid == NID_authority_key_identifier)
            continue;
        X509_EXTENSION *copy = X509_EXTENSION_dup(extension);
        if (copy == NULL || sk_X509_EXTENSION_push(list, copy) <= 0)
            return fail_internal(err, "copying an extension");
    }
    plan->extensions = list;
    TRY(asn1_time_to_us(X509_get0_notBefore(pattern), &plan->not_before_us, err));
    TRY(asn1_time_to_us(X509_get0_notAfter(pattern), &plan->not_after_us, err));
    return plan->not_after_us > clock_now_us() ||
           bad_field(err, "The provisioning certificate has ended: make a new one at the gateway.");
}

bool certify_self(struct arena *arena, EVP_PKEY *key, const struct certify_order *order, X509 **ret,
                  struct error *err) {
    uint8_t serial[SERIAL_SIZE];
    char type[KEY_TYPE_SIZE];
    X509 *pattern;
    struct certificate_plan plan = {.serial = view_of(serial, sizeof serial), .public_key = key, .path_length = -1};
    TRY(read_order(arena, order, &plan.subject, &pattern, err));
    TRY(pattern == NULL ? plan_by_fields(order, &plan, err) : plan_by_pattern(arena, pattern, &plan, err));
    if (!key_type_of(key, type))
        return fail(err, ERROR_POLICY, "weak-key", "The key in the token is of an unknown type.");
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    AUTO(X509) *certificate = NULL;
    TRY(certificate_build(&plan, &certificate, err));
    TRY(certificate_lint(certificate, NULL, err));
    TRY(certificate_sign(certificate, key, key_type_digest(type), key, err));
    *ret = TAKE(certificate);
    return true;
}

bool certify_request(struct arena *arena, EVP_PKEY *key, const struct certify_order *order, struct view *ret,
                     struct error *err) {
    const X509_NAME *name;
    char type[KEY_TYPE_SIZE];
    X509 *pattern;
    TRY(read_order(arena, order, &name, &pattern, err));
    if (!key_type_of(key, type))
        return fail(err, ERROR_POLICY, "weak-key", "The key in the token is of an unknown type.");
    return csr_build(arena, name, NULL, key, key_type_digest(type), ret, err);
}
