/* PKCS#10 certification requests (RFC 2986). */
#ifndef GATEHOUSE_X509_CSR_H
#define GATEHOUSE_X509_CSR_H

#include "base/arena.h"
#include "x509/handles.h"

#define CSR_MAX_SIZE ((size_t)256 * 1024) /* an SLH-DSA-256f signature alone is 49,856 bytes */

/* PEM ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST") or DER. Refuses trailing bytes, other
 * versions than 0, keys that key_check refuses, duplicate attributes or extensions, a subject of
 * more than NAME_MAX_ATTRIBUTES, a signature that does not verify (proof of possession,
 * rfc2986#4.2) or uses a digest such as MD5 or SHA-1. ret_der is the DER, on the arena or inside
 * `bytes`. The caller frees *ret_csr. ERROR_MALFORMED "malformed-csr", "malformed-pem",
 * "bad-signature"; ERROR_TOO_LARGE "csr-too-large"; ERROR_POLICY "weak-key", "weak-signature". What
 * the subject and SANs say is not judged here: see name_check and san_check. */
MUST_USE bool csr_decode(struct arena *arena, struct view bytes, X509_REQ **ret_csr,
                         struct view *ret_der, struct error *err);
/* The same for a request whose proof of possession was given otherwise: besides a signature that verifies it
 * may carry the null signature, which is the bare SHA-256 of what would be signed (rfc5272#C.1 in the form of
 * MS-WCCE 2.2.2.6.5). */
MUST_USE bool csr_decode_proven(struct arena *arena, struct view bytes, X509_REQ **ret_csr,
                                struct view *ret_der, struct error *err);
/* The same for a request whose key and signature mean nothing (rfc7030#4.4.1): neither is looked at. */
MUST_USE bool csr_decode_names(struct arena *arena, struct view bytes, X509_REQ **ret_csr,
                               struct view *ret_der, struct error *err);
/* The value of an attribute that is one OCTET STRING; empty when there is none. `oid` in dotted form.
 * ERROR_MALFORMED "malformed-csr". */
MUST_USE bool csr_octets(const X509_REQ *csr, const char *oid, struct view *ret, struct error *err);
/* A request with a null signature, for keys that cannot sign or have proved themselves in another form (CRMF).
 * sans and extensions may be NULL; extensions must not hold subjectAltName when sans are given. */
MUST_USE bool csr_unsigned(struct arena *arena, const X509_NAME *subject, const GENERAL_NAMES *sans,
                           const EXTENSION_LIST *extensions, EVP_PKEY *public_key,
                           struct view *ret_der, struct error *err);
/* The SANs asked for; an empty list when there are none. The caller frees them. */
MUST_USE bool csr_sans(const X509_REQ *csr, GENERAL_NAMES **ret_sans, struct error *err);
/* The extensions asked for (extensionRequest), or NULL when there are none; the caller frees them.
 */
MUST_USE bool csr_extensions(const X509_REQ *csr, EXTENSION_LIST **ret_extensions,
                             struct error *err);
/* The text of the challengePassword attribute (rfc2985#5.4.1) on the arena, or NULL. It is a
 * secret. */
const char *csr_challenge_password(struct arena *arena, const X509_REQ *csr);
/* Whether the request is signed by that key. */
bool csr_verifies(X509_REQ *csr, EVP_PKEY *key);
/* Builds and signs a request, and verifies it: for "CSR only" authorities. sans may be NULL. */
MUST_USE bool csr_build(struct arena *arena, const X509_NAME *subject, const GENERAL_NAMES *sans,
                        EVP_PKEY *key, const EVP_MD *digest, struct view *ret_der,
                        struct error *err);

#endif
