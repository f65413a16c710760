/* OCSP responses (RFC 6960 section 4.2). */
#ifndef GATEHOUSE_OCSP_RESPONSE_H
#define GATEHOUSE_OCSP_RESPONSE_H

#include "ca/service.h"
#include "ca/status.h"
#include "ocsp/request.h"

struct ocsp_single {
    const OCSP_CERTID *id; /* written back as it came */
    struct status_answer answer;
    bool never_issued; /* rfc6960#2.2, extended definition of revoked */
};

struct ocsp_plan {
    const struct ocsp_single *singles;
    size_t count;
    OCSP_REQUEST *nonce_of; /* the request whose nonce is repeated, or NULL */
    int64_t this_update_us,
        next_update_us; /* producedAt is thisUpdate: answers are made from the database */
    int64_t archive_us; /* rfc6960#4.4.4 archive cutoff, before thisUpdate; 0: none */
    const struct service_identity *signer;
    bool by_name; /* of the signer: its subject instead of its key's hash */
};

/* Builds, signs and verifies a successful response that carries its signer's
 * certificate. The DER lives on the arena. */
MUST_USE bool ocsp_response_build(struct arena *arena, const struct ocsp_plan *plan,
                                  struct view *ret_der, struct error *err);

/* rfc6960#4.2.1 OCSPResponseStatus for an error kind. */
int ocsp_status_of(enum error_kind kind);
#define OCSP_STATUS_SIG_REQUIRED 5
/* The unsigned response that says so; static storage. */
struct view ocsp_error_response(int status);

#endif
