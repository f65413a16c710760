/* Timestamp tokens (RFC 3161 with RFC 5816: ESSCertIDv2) and Authenticode countersignatures: a SignedData
 * (RFC 5652) of one signer, written in one pass from parts that are encoded once per certificate.
 *
 * One writer for every algorithm: RSA and ECDSA, Ed25519 (RFC 8419), ML-DSA (RFC 9882). */
#ifndef GATEHOUSE_TSP_TOKEN_H
#define GATEHOUSE_TSP_TOKEN_H

#include "tsp/request.h"
#include "x509/handles.h"

struct tsp_ready;

/* A certificate and its key, ready to sign. Lives on the arena that it was made on; any thread may use it. */
struct tsp_signer {
    const X509 *certificate;
    EVP_PKEY *key;
    EVP_PKEY *public_key; /* to verify with, from the certificate */
    const EVP_MD *digest; /* of content and attributes; fetched */
    struct tsp_ready *ready; /* set up to sign digests; NULL when `whole` */
    bool whole;           /* the key signs the message itself: EdDSA, ML-DSA */
    bool verify;          /* every signature before it is believed */
    int64_t not_before_us, not_after_us, key_not_after_us;
    struct view digest_algorithm, signature_algorithm, issuer_and_serial;
    struct view ess;          /* the attribute SigningCertificateV2 */
    struct view certificates; /* their DER one after the other, sorted as a SET OF is */
    struct view name;         /* GeneralName directoryName of the subject */
};

struct tsp_identity {
    const X509 *certificate; /* borrowed */
    EVP_PKEY *key;           /* borrowed */
    struct view chain;       /* DER of the issuers, nearest first, one after the other */
    bool managed;            /* made and kept by our own token */
};

/* Checks the certificate (rfc3161#2.3: extendedKeyUsage critical and timeStamping alone; a key usage that
 * signs; the private key usage period) and encodes what does not change. ERROR_POLICY "tsa-certificate". */
MUST_USE bool tsp_signer_make(struct arena *arena, const struct tsp_identity *identity,
                              const char *signature_digest, enum tsp_chain chain,
                              struct tsp_signer *ret, struct error *err);
/* Signs the message by the key, in any thread. ERROR_UNAVAILABLE when the key does not answer. */
MUST_USE bool tsp_signer_sign(struct arena *arena, const struct tsp_signer *signer, struct view message,
                              struct view *ret_signature, struct error *err);
/* The certificate's rules alone, for imports. */
MUST_USE bool tsp_certificate_check(const X509 *certificate, struct error *err);

struct tsp_order {
    const struct tsp_signer *signer;
    const struct tsp_query *query;
    struct view policy; /* DER of the OID */
    struct view serial; /* positive, 8-20 octets */
    int64_t time_us;
    int digits;         /* of the fraction of a second, 0-6 */
    int64_t accuracy_us; /* 0: not said */
    bool ordering, tsa_name, qualified;
};
/* ContentInfo of a TimeStampToken. ERROR_UNAVAILABLE when the key does not answer. */
MUST_USE bool tsp_token_build(struct arena *arena, const struct tsp_order *order,
                              struct view *ret_token, struct error *err);
/* TimeStampResp with a token, or with a refusal. */
struct view tsp_response_granted(struct arena *arena, struct view token);
struct view tsp_response_refused(struct arena *arena, enum tsp_failure failure, const char *text);

/* ContentInfo that countersigns `content` (rfc2985#5.3.6 as Authenticode uses it): PKCS #7 SignedData whose
 * signed attributes are contentType data, signingTime and messageDigest. */
MUST_USE bool tsp_authenticode_build(struct arena *arena, const struct tsp_signer *signer,
                                     struct view content, int64_t time_us, struct view *ret_der,
                                     struct error *err);

#endif
