/* Service certificates: the delegated certificates an authority needs to answer (OCSP, TSA, SCEP, CMP), made
 * on demand, renewed before they end. */
#ifndef GATEHOUSE_CA_SERVICE_H
#define GATEHOUSE_CA_SERVICE_H

#include "ca/authority.h"

struct service_identity {
    X509 *certificate;  /* referenced; the arena drops it */
    EVP_PKEY *key;      /* remote key; the arena drops it */
    const EVP_MD *digest;
    int64_t not_after_us;
};
/* A service certificate holds from so long before it is made. One that was made later than so long from now was made by a
 * clock that was ahead, and another one is made in its place. */
#define SERVICE_SKEW_US (INT64_C(300) * 1000000)

/* The present identity of a CA for one use, made when there is none or the present one has less than a third
 * of its life left; one maker at a time among all nodes. A newer one that cannot be made now leaves the
 * present one in use until it ends.
 *   SERVICE_OCSP  extendedKeyUsage OCSPSigning, id-pkix-ocsp-nocheck
 *   SERVICE_TSA   critical extendedKeyUsage timeStamping (rfc3161#2.3); ten years, whose private key usage period
 *                 is one: it is renewed by that
 *   SERVICE_SCEP  always RSA, signs and decrypts
 *   SERVICE_CMP   extendedKeyUsage cmcRA and cmKGA (rfc9480#2.2)
 * Keys are of the CA's own type where that is quick to sign with (SLH-DSA CAs get ML-DSA-65 ones). */
MUST_USE bool service_of(struct core *core, struct arena *arena, const struct ca_record *ca,
                         enum service_use use, struct service_identity *ret, struct error *err);
/* All of that use that have not expired, newest first: what was encrypted to an older one can be read still. */
MUST_USE bool service_all(struct core *core, struct arena *arena, const struct ca_record *ca,
                          enum service_use use, struct service_identity **ret_items, size_t *ret_count,
                          struct error *err);
/* service_of with SERVICE_OCSP. */
MUST_USE bool service_ocsp(struct core *core, struct arena *arena, const struct ca_record *ca,
                           struct service_identity *ret, struct error *err);

#endif
