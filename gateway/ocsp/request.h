/* OCSP requests (RFC 6960 section 4.1, nonces by RFC 9654): strict DER, bounded. */
#ifndef GATEHOUSE_OCSP_REQUEST_H
#define GATEHOUSE_OCSP_REQUEST_H

#include "base/arena.h"
#include "ca/status.h"
#include "x509/handles.h"

#define OCSP_REQUEST_MAX ((size_t)10 * 1024)
#define OCSP_MAX_CERTIDS 16
#define OCSP_NONCE_MAX 128 /* rfc9654#2.1 */

struct ocsp_query {
    OCSP_REQUEST *request;                    /* the arena drops it */
    const OCSP_CERTID *ids[OCSP_MAX_CERTIDS]; /* in the request's order; live as long as it */
    size_t count;                             /* at least 1 */
    bool nonce;
};

/* Decodes exactly these bytes: DER alone, nothing after it. Refuses other versions than v1, an
 * empty or too long list, nonces of 0 or more than 128 octets and unknown critical extensions. A
 * signature on the request is not looked at here (rfc6960#4.1.1 leaves it
 * optional). Errors: ERROR_MALFORMED "ocsp-request", ERROR_TOO_LARGE "ocsp-request". */
MUST_USE bool ocsp_request_decode(struct arena *arena, struct view der,
                                  struct ocsp_query *ret_query, struct error *err);

/* Whether the path goes on with the slug of a CA: the base64 of a request begins with a capital M, a slug never
 * does. */
bool ocsp_path_names_ca(const char *raw_path);

/* The request in a GET's path, "/ocsp/{ca}/{percent-encoded base64}" (rfc6960#A.1.1). The raw path
 * is needed, because base64 knows "+", "/" and "//". */
MUST_USE bool ocsp_request_from_path(struct arena *arena, const char *raw_path,
                                     struct view *ret_der, struct error *err);

/* The serial number of a CertID as the store knows serials: content octets of the DER INTEGER.
 * False for one no certificate can have: zero, negative or longer than 20 octets (rfc5280#4.1.2.2).
 */
bool ocsp_id_serial(struct arena *arena, const OCSP_CERTID *id, struct view *ret_serial);

/* The signature on the request, by a certificate that the CA or one of its issuers (DER, concatenated) issued, now.
 * ERROR_UNAUTHENTICATED "ocsp-signature-needed" without one, ERROR_FORBIDDEN "ocsp-signature" for a bad one. */
MUST_USE bool ocsp_request_verify(OCSP_REQUEST *request, struct view ca, struct view chain, int64_t now_us,
                                  struct error *err);

/* What the CertID says about the issuer; the views live as long as it. */
struct issuer_hashes ocsp_id_issuer(const OCSP_CERTID *id);

/* True when the CertID names `ca` as the issuer, by the hash the client chose (SHA-1, SHA-2,
 * SHA-3). */
bool ocsp_id_issuer_is(const OCSP_CERTID *id, const X509 *ca);

#endif
