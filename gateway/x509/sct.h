/* Signed certificate timestamps (RFC 6962, section 3): what a log signs, checking it, and writing
 * the list. */
#ifndef GATEHOUSE_X509_SCT_H
#define GATEHOUSE_X509_SCT_H

#include "x509/handles.h"

#include "base/arena.h"
#include "base/error.h"

#define SCT_ID_SIZE 32 /* SHA-256 of the log's key */

struct sct {
    uint8_t log_id[SCT_ID_SIZE];
    int64_t timestamp_ms; /* since 1970 */
    struct view extensions;
    struct view signature; /* digitally-signed: hash, algorithm, length, octets (rfc5246#4.7) */
};

/* What is logged: a precertificate's TBSCertificate without poison, or a certificate. */
struct sct_entry {
    bool precertificate;
    uint8_t issuer_key_hash[SCT_ID_SIZE];
    struct view der;
};

/* Adds the critical extension that makes a precertificate of an unsigned certificate (rfc6962#3.1).
 */
MUST_USE bool sct_poison(X509 *certificate, struct error *err);
/* Of a signed precertificate; of a signed certificate. */
MUST_USE bool sct_entry_precertificate(struct arena *arena, const X509 *precertificate,
                                       const X509 *issuer, struct sct_entry *ret,
                                       struct error *err);
MUST_USE bool sct_entry_certificate(struct arena *arena, const X509 *certificate,
                                    struct sct_entry *ret, struct error *err);
/* A log's key, P-256 or RSA of 2048 bits and more (rfc6962#2.1.4), from its SubjectPublicKeyInfo.
 */
MUST_USE bool sct_log_key(struct view spki, EVP_PKEY **ret_key, uint8_t ret_id[static SCT_ID_SIZE],
                          struct error *err);
/* Whether this log signed this entry. */
bool sct_verify(const struct sct *sct, const struct sct_entry *entry, EVP_PKEY *log_key,
                const uint8_t log_id[static SCT_ID_SIZE]);
/* SignedCertificateTimestampList as TLS encodes it, in an OCTET STRING: the value of the extensions
 * of certificates and of OCSP answers (rfc6962#3.3). */
MUST_USE bool sct_list(struct arena *arena, const struct sct *scts, size_t count,
                       struct view *ret_value, struct error *err);
/* Adds the list to an unsigned certificate. */
MUST_USE bool sct_embed(X509 *certificate, struct view list, struct error *err);

#define SCT_OCSP_OID "1.3.6.1.4.1.11129.2.4.5"

#endif
