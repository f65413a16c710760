/* A CA with an OCSP signer in memory, and a table of statuses in place of the core: real keys, real
 * signatures, no database. Shared with the fuzzer. */
#ifndef GATEHOUSE_TESTS_OCSP_FIXTURE_H
#define GATEHOUSE_TESTS_OCSP_FIXTURE_H

#include "base/clock.h"
#include "ocsp/ocsp.h"
#include "ocsp/request.h"

#define FIXTURE_VALIDITY_US (8 * 3600 * US_PER_SECOND)

struct fixture {
    struct ca_record ca; /* slug "demo" */
    X509 *ca_certificate, *signer_certificate;
    EVP_PKEY *ca_key, *signer_key;
    const EVP_MD *digest; /* of both keys; NULL: they have none */
    uint8_t ca_der[16384];
    /* Serials below 100 are good, below 200 revoked by keyCompromise, below 300 held; others
     * unknown. */
    bool revoke_good; /* good ones are revoked from now on */
    int64_t invalidity_us; /* of revoked ones; 0: none */
    enum error_kind authority_fails, status_fails, identity_fails; /* ERROR_NONE: works */
    int64_t signer_not_after_us;                                   /* 0: a month from now */
    int signatures, look_ups; /* how often identity() and status() were asked */
    struct ocsp_profile profile;
    struct ocsp_responder *responder;
};

/* key_type as EVP_PKEY_Q_keygen: "EC" (P-256), "RSA" (2048), "ED25519", "ML-DSA-44" ...; "fixed":
 * always the same P-256 key. */
struct fixture *fixture_new(const char *key_type);
void fixture_free(struct fixture *fixture);

/* A request about these serials. digest: of the CertIDs. nonce_len 0: no nonce. */
OCSP_REQUEST *fixture_request(const struct fixture *fixture, const EVP_MD *digest,
                              const long *serials, size_t count, size_t nonce_len);
struct view fixture_request_der(struct arena *arena, OCSP_REQUEST *request); /* frees the request */

/* Runs the handler as the router would. */
void fixture_post(struct fixture *fixture, struct arena *arena, const char *ca, struct view body,
                  struct http_response *response);
void fixture_get(struct fixture *fixture, struct arena *arena, const char *ca, const char *rest,
                 const char *if_none_match, struct http_response *response);

#endif
