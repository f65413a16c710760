#include "ocsp/response.h"

#include "base/clock.h"
#include "x509/sct.h"

#include <string.h>

static ASN1_GENERALIZEDTIME *set_time(ASN1_GENERALIZEDTIME *time, int64_t us) {
    return ASN1_GENERALIZEDTIME_set(time, (time_t)(us / US_PER_SECOND));
}

/* rfc6960#4.4.4 */
static bool add_cutoff(OCSP_SINGLERESP *single, int64_t cutoff_us, struct error *err) {
    AUTO(ASN1_GENERALIZEDTIME) *cutoff = set_time(NULL, cutoff_us);
    return (cutoff != NULL &&
            OCSP_SINGLERESP_add1_ext_i2d(single, NID_id_pkix_OCSP_archiveCutoff, cutoff, 0, 0) == 1) ||
           fail_internal(err, "ocsp: cannot add the archive cutoff");
}

/* rfc6960#4.4.5: extensions of CRL entries are extensions of single responses, too; rfc5280#5.3.2. */
static bool add_invalidity(OCSP_SINGLERESP *single, int64_t invalidity_us, struct error *err) {
    AUTO(ASN1_GENERALIZEDTIME) *date = set_time(NULL, invalidity_us);
    return (date != NULL && OCSP_SINGLERESP_add1_ext_i2d(single, NID_invalidity_date, date, 0, 0) == 1) ||
           fail_internal(err, "ocsp: cannot add the invalidity date");
}

/* rfc6962#3.3 */
static bool add_scts(OCSP_SINGLERESP *single, struct view scts, struct error *err) {
    AUTO(ASN1_OBJECT) *object = OBJ_txt2obj(SCT_OCSP_OID, 1);
    AUTO(ASN1_OCTET_STRING) *value = ASN1_OCTET_STRING_new();
    AUTO(X509_EXTENSION) *extension = NULL;
    if (object != NULL && value != NULL && ASN1_OCTET_STRING_set(value, scts.at, (int)scts.len) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    return (extension != NULL && OCSP_SINGLERESP_add_ext(single, extension, -1) == 1) ||
           fail_internal(err, "ocsp: cannot add timestamps");
}

/* rfc6960#2.2: a serial that was never issued is on hold since 1970, and the response says what it means. */
static const struct status_answer never_issued = {.status = STATUS_REVOKED,
                                                  .reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD};

static bool add_single(OCSP_BASICRESP *basic, const struct ocsp_plan *plan,
                       const struct ocsp_single *single, struct error *err) {
    static const int states[] = {
        [STATUS_GOOD] = V_OCSP_CERTSTATUS_GOOD,
        [STATUS_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
        [STATUS_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN,
    };
    const struct status_answer *answer = single->never_issued ? &never_issued : &single->answer;
    AUTO(ASN1_TIME) *this_update =
        set_time(NULL, answer->known_us != 0 ? answer->known_us : plan->this_update_us);
    AUTO(ASN1_TIME) *next_update =
        set_time(NULL, answer->until_us != 0 && answer->until_us < plan->next_update_us
                           ? answer->until_us
                           : plan->next_update_us);
    AUTO(ASN1_TIME) *revoked = NULL;
    /* rfc5280#5.3.1: unspecified is said by saying nothing. */
    int reason = answer->reason == 0 ? OCSP_REVOKED_STATUS_NOSTATUS : answer->reason;
    if (answer->status == STATUS_REVOKED)
        revoked = set_time(NULL, answer->revoked_us);
    if (this_update == NULL || next_update == NULL)
        return fail_internal(err, "ocsp: cannot add a single response");
    OCSP_SINGLERESP *added = OCSP_basic_add1_status(basic, (OCSP_CERTID *)single->id, states[answer->status],
                                                    reason, revoked, this_update, next_update);
    if (added == NULL)
        return fail_internal(err, "ocsp: cannot add a single response");
    if (answer->status == STATUS_REVOKED && answer->invalidity_us != 0)
        TRY(add_invalidity(added, answer->invalidity_us, err));
    if (answer->scts.len > 0)
        TRY(add_scts(added, answer->scts, err));
    return plan->archive_us == 0 || add_cutoff(added, plan->this_update_us - plan->archive_us, err);
}

/* rfc6960#4.4.8: id-pkix-ocsp-extended-revoke with NULL, when the response makes use of it */
static bool add_extended_revoke(OCSP_BASICRESP *basic, const struct ocsp_plan *plan, struct error *err) {
    bool used = false;
    for (size_t i = 0; i < plan->count; i++)
        used = used || plan->singles[i].never_issued;
    if (!used)
        return true;
    AUTO(ASN1_OBJECT) *object = OBJ_txt2obj("1.3.6.1.5.5.7.48.1.9", 1);
    AUTO(ASN1_OCTET_STRING) *value = ASN1_OCTET_STRING_new();
    AUTO(X509_EXTENSION) *extension = NULL;
    if (object != NULL && value != NULL && ASN1_OCTET_STRING_set(value, (const unsigned char *)"\5\0", 2) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    return (extension != NULL && OCSP_BASICRESP_add_ext(basic, extension, -1) == 1) ||
           fail_internal(err, "ocsp: cannot add extended-revoke");
}

/* What the signer gave is believed when the certificate's key says so, not before. */
static bool verify(OCSP_BASICRESP *basic, X509 *signer, struct error *err) {
    STACK_OF(X509) *certificates = sk_X509_new_null();
    bool ok = certificates != NULL && sk_X509_push(certificates, signer) > 0 &&
              OCSP_basic_verify(basic, certificates, NULL, OCSP_NOVERIFY) == 1;
    sk_X509_free(certificates);
    return ok ||
           fail_internal(err, "ocsp: the signature does not verify with the signer's certificate");
}

static bool sign(OCSP_BASICRESP *basic, const struct ocsp_plan *plan, struct error *err) {
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    /* The time is ours (OCSP_NOTIME): clocks are injected. There is no setter for producedAt. */
    ASN1_GENERALIZEDTIME *produced = (ASN1_GENERALIZEDTIME *)OCSP_resp_get0_produced_at(basic);
    if (context == NULL || set_time(produced, plan->this_update_us) == NULL)
        return fail_internal(err, "ocsp: cannot set producedAt");
    if (EVP_DigestSignInit(context, NULL, plan->signer->digest, NULL, plan->signer->key) != 1 ||
        OCSP_basic_sign_ctx(basic, plan->signer->certificate, context, NULL,
                            (plan->by_name ? 0 : OCSP_RESPID_KEY) | OCSP_NOTIME) != 1) {
        fail_internal(err, "ocsp: signing failed");
        if (err != NULL) /* the key's token is away, or nothing: the client may come again */
            err->kind = ERROR_UNAVAILABLE;
        return false;
    }
    return verify(basic, plan->signer->certificate, err);
}

bool ocsp_response_build(struct arena *arena, const struct ocsp_plan *plan, struct view *ret_der,
                         struct error *err) {
    AUTO(OCSP_BASICRESP) *basic = OCSP_BASICRESP_new();
    if (basic == NULL)
        return fail_internal(err, "ocsp: no memory");
    for (size_t i = 0; i < plan->count; i++)
        TRY(add_single(basic, plan, &plan->singles[i], err));
    /* rfc6960#4.4.1: the nonce of the request comes back. */
    if (plan->nonce_of != NULL && OCSP_copy_nonce(basic, plan->nonce_of) != 1)
        return fail_internal(err, "ocsp: cannot copy the nonce");
    TRY(add_extended_revoke(basic, plan, err));
    TRY(sign(basic, plan, err));
    AUTO(OCSP_RESPONSE) *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *der = NULL;
    int len = response == NULL ? -1 : i2d_OCSP_RESPONSE(response, &der);
    if (len <= 0)
        return fail_internal(err, "ocsp: cannot encode the response");
    *ret_der = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

int ocsp_status_of(enum error_kind kind) {
    switch (kind) {
    case ERROR_NONE:
        return OCSP_RESPONSE_STATUS_SUCCESSFUL;
    case ERROR_MALFORMED:
    case ERROR_TOO_LARGE:
    case ERROR_POLICY:
        return OCSP_RESPONSE_STATUS_MALFORMEDREQUEST;
    case ERROR_NOT_FOUND: /* rfc5019#2.2.3: not capable of answering authoritatively */
    case ERROR_FORBIDDEN:
    case ERROR_UNAUTHENTICATED:
    case ERROR_CONFLICT:
        return OCSP_RESPONSE_STATUS_UNAUTHORIZED;
    case ERROR_UNAVAILABLE:
    case ERROR_TOO_MANY:
        return OCSP_RESPONSE_STATUS_TRYLATER;
    case ERROR_INTERNAL:
        break;
    }
    return OCSP_RESPONSE_STATUS_INTERNALERROR;
}

struct view ocsp_error_response(int status) {
    /* OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED } */
    static const uint8_t responses[][5] = {
        {0x30, 3, 0x0a, 1, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST},
        {0x30, 3, 0x0a, 1, OCSP_RESPONSE_STATUS_INTERNALERROR},
        {0x30, 3, 0x0a, 1, OCSP_RESPONSE_STATUS_TRYLATER},
        {0x30, 3, 0x0a, 1, OCSP_STATUS_SIG_REQUIRED},
        {0x30, 3, 0x0a, 1, OCSP_RESPONSE_STATUS_UNAUTHORIZED},
    };
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        if (responses[i][4] == status)
            return view_of(responses[i], sizeof responses[i]);
    return view_of(responses[1], sizeof responses[1]);
}
