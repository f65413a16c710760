/* OCSP requests (RFC 6960 section 4.1, nonces by RFC 9654): strict DER, bounded. */
#ifndef GATEHOUSE_OCSP_REQUEST_H
#define GATEHOUSE_OCSP_REQUEST_H

#include "base/arena.h"
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
 * signature on the request is not looked at: whoever asks may know (rfc6960#4.1.1 leaves it
 * optional). Errors: ERROR_MALFORMED "ocsp-request", ERROR_TOO_LARGE "ocsp-request". */
MUST_USE bool ocsp_request_decode(struct arena *arena, struct view der,
                                  struct ocsp_query *ret_query, struct error *err);

/* The request in a GET's path, "/ocsp/{ca}/{percent-encoded base64}" (rfc6960#A.1.1). The raw path
 * is needed, because base64 knows "+", "/" and "//". */
MUST_USE bool ocsp_request_from_path(struct arena *arena, const char *raw_path,
                                     struct view *ret_der, struct error *err);

/* The serial number of a CertID as the store knows serials: content octets of the DER INTEGER.
 * False for one no certificate can have: zero, negative or longer than 20 octets (rfc5280#4.1.2.2).
 */
bool ocsp_id_serial(struct arena *arena, const OCSP_CERTID *id, struct view *ret_serial);

/* True when the CertID names `ca` as the issuer, by the hash the client chose (SHA-1, SHA-2,
 * SHA-3). */
bool ocsp_id_issuer_is(const OCSP_CERTID *id, const X509 *ca);

#endif
