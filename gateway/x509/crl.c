#include "x509/crl.h"

#include "base/clock.h"
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

static bool bad_plan(struct error *err, const char *rule) {
    return fail(err, ERROR_MALFORMED, "malformed-plan", "CRL: %s", rule);
}

static bool add_reason(X509_REVOKED *revoked, int reason, struct error *err) {
    AUTO(ASN1_ENUMERATED) *value = ASN1_ENUMERATED_new();
    if (value == NULL || ASN1_ENUMERATED_set_int64(value, reason) != 1 ||
        X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, value, 0, X509V3_ADD_APPEND) != 1)
        return fail_internal(err, "CRL entry reason");
    return true;
}

static bool add_invalidity_date(X509_REVOKED *revoked, int64_t us, struct error *err) {
    /* rfc5280#5.3.2: always GeneralizedTime, before 2050 too. */
    AUTO(ASN1_GENERALIZEDTIME) *value =
        ASN1_GENERALIZEDTIME_set(NULL, (time_t)(us / US_PER_SECOND));
    if (value == NULL ||
        X509_REVOKED_add1_ext_i2d(revoked, NID_invalidity_date, value, 0, X509V3_ADD_APPEND) != 1)
        return fail_internal(err, "CRL entry invalidity date");
    return true;
}

static bool set_serial(X509_REVOKED *revoked, struct view serial, struct error *err) {
    if (serial.len == 0 || serial.len > 20)
        return bad_plan(err, "a serial number must have 1 to 20 octets (rfc5280#4.1.2.2).");
    AUTO(BIGNUM) *number = BN_bin2bn(serial.at, (int)serial.len, NULL);
    AUTO(ASN1_INTEGER) *integer = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    if (integer == NULL || X509_REVOKED_set_serialNumber(revoked, integer) != 1)
        return fail_internal(err, "CRL entry serial number");
    return true;
}

static bool add_entry(X509_CRL *crl, const struct crl_entry *entry, struct error *err) {
    AUTO(X509_REVOKED) *revoked = X509_REVOKED_new();
    AUTO(ASN1_TIME) *date = NULL;
    if (revoked == NULL)
        return fail_internal(err, "X509_REVOKED_new");
    if (reason_name(entry->reason) == NULL || entry->reason == REASON_REMOVE_FROM_CRL)
        return bad_plan(err, "an entry's reason is unknown, or removeFromCRL, which only delta "
                             "CRLs may have (rfc5280#5.3.1).");
    TRY(set_serial(revoked, entry->serial, err));
    TRY(asn1_time_from_us(entry->revoked_us, &date, err));
    if (X509_REVOKED_set_revocationDate(revoked, date) != 1)
        return fail_internal(err, "CRL entry date");
    if (entry->reason != REASON_UNSPECIFIED)
        TRY(add_reason(revoked, entry->reason, err));
    if (entry->invalidity_us != 0)
        TRY(add_invalidity_date(revoked, entry->invalidity_us, err));
    if (X509_CRL_add0_revoked(crl, revoked) != 1)
        return fail_internal(err, "X509_CRL_add0_revoked");
    revoked = NULL; /* the CRL owns it now */
    return true;
}

static bool set_dates(X509_CRL *crl, const struct crl_plan *plan, struct error *err) {
    AUTO(ASN1_TIME) *this_update = NULL, *next_update = NULL;
    if (plan->next_update_us / US_PER_SECOND <= plan->this_update_us / US_PER_SECOND)
        return bad_plan(err, "nextUpdate must be later than thisUpdate (rfc5280#5.1.2.5).");
    TRY(asn1_time_from_us(plan->this_update_us, &this_update, err));
    TRY(asn1_time_from_us(plan->next_update_us, &next_update, err));
    if (X509_CRL_set1_lastUpdate(crl, this_update) != 1 ||
        X509_CRL_set1_nextUpdate(crl, next_update) != 1)
        return fail_internal(err, "CRL dates");
    return true;
}

static bool add_number(X509_CRL *crl, int64_t number, struct error *err) {
    AUTO(ASN1_INTEGER) *value = ASN1_INTEGER_new();
    if (number < 0)
        return bad_plan(err, "the CRL number must not be negative (rfc5280#5.2.3).");
    if (value == NULL || ASN1_INTEGER_set_int64(value, number) != 1 ||
        X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, X509V3_ADD_DEFAULT) != 1)
        return fail_internal(err, "CRL number");
    return true;
}

static bool add_authority(X509_CRL *crl, const X509 *issuer, struct error *err) {
    AUTO(AUTHORITY_KEYID) *authority = AUTHORITY_KEYID_new();
    if (authority == NULL)
        return fail_internal(err, "AUTHORITY_KEYID_new");
    authority->keyid = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
    if (authority->keyid == NULL) {
        ERR_clear_error();
        return true; /* an imported CA without the extension: there is nothing to point to */
    }
    if (X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority, 0,
                              X509V3_ADD_DEFAULT) != 1)
        return fail_internal(err, "CRL authority key identifier");
    return true;
}

static bool check_issuer(const X509 *issuer, struct error *err) {
    AUTO(ASN1_BIT_STRING) *usage = X509_get_ext_d2i(issuer, NID_key_usage, NULL, NULL);
    if (usage != NULL && ASN1_BIT_STRING_get_bit(usage, 6) != 1) /* cRLSign */
        return REFUSE(err, ERROR_POLICY, "lint",
                      "CRL: the CA's certificate has keyUsage without cRLSign, so its key may not "
                      "sign CRLs (rfc5280#4.2.1.3). Renew the CA's certificate with cRLSign.");
    return true;
}

bool crl_build(struct arena *arena, const struct crl_plan *plan, EVP_PKEY *issuer_key,
               const EVP_MD *digest, struct view *ret_der, struct error *err) {
    AUTO(X509_CRL) *crl = X509_CRL_new();
    TRY(check_issuer(plan->issuer, err));
    /* rfc5280#5.1.2.1: version 2, since there are extensions */
    if (crl == NULL || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(plan->issuer)) != 1)
        return fail_internal(err, "CRL build");
    TRY(set_dates(crl, plan, err));
    TRY(add_authority(crl, plan->issuer, err));
    TRY(add_number(crl, plan->number, err));
    for (size_t i = 0; i < plan->entry_count; i++)
        TRY(add_entry(crl, &plan->entries[i], err));
    if (X509_CRL_sign(crl, issuer_key, digest) <= 0)
        return signing_failed(err, "CRL");
    if (X509_CRL_verify(crl, X509_get0_pubkey(plan->issuer)) != 1)
        return fail_internal(err, "the signature of the new CRL does not verify");
    struct view der = item_der(arena, crl, ASN1_ITEM_rptr(X509_CRL));
    if (der.len == 0)
        return fail_internal(err, "i2d of the new CRL");
    *ret_der = der;
    return true;
}
