#include "ocsp/response.h"

#include "base/clock.h"

#include <string.h>

static ASN1_GENERALIZEDTIME *set_time(ASN1_GENERALIZEDTIME *time, int64_t us) {
    return ASN1_GENERALIZEDTIME_set(time, (time_t)(us / US_PER_SECOND));
}

static bool add_single(OCSP_BASICRESP *basic, const struct ocsp_plan *plan,
                       const struct ocsp_single *single, struct error *err) {
    static const int states[] = {
        [STATUS_GOOD] = V_OCSP_CERTSTATUS_GOOD,
        [STATUS_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
        [STATUS_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN,
    };
    AUTO(ASN1_TIME) *this_update = set_time(NULL, plan->this_update_us);
    AUTO(ASN1_TIME) *next_update = set_time(NULL, plan->next_update_us);
    AUTO(ASN1_TIME) *revoked = NULL;
    /* rfc5280#5.3.1: unspecified is said by saying nothing. */
    int reason = single->answer.reason == 0 ? OCSP_REVOKED_STATUS_NOSTATUS : single->answer.reason;
    if (single->answer.status == STATUS_REVOKED)
        revoked = set_time(NULL, single->answer.revoked_us);
    if (this_update == NULL || next_update == NULL ||
        OCSP_basic_add1_status(basic, (OCSP_CERTID *)single->id, states[single->answer.status],
                               reason, revoked, this_update, next_update) == NULL)
        return fail_internal(err, "ocsp: cannot add a single response");
    return true;
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
                            OCSP_RESPID_KEY | OCSP_NOTIME) != 1) {
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
        {0x30, 3, 0x0a, 1, OCSP_RESPONSE_STATUS_UNAUTHORIZED},
    };
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        if (responses[i][4] == status)
            return view_of(responses[i], sizeof responses[i]);
    return view_of(responses[1], sizeof responses[1]);
}
