/* Protection of messages (RFC 9810 section 5.1.3, algorithms of RFC 9481): PasswordBasedMac, PBMAC1, signatures. */
#ifndef GATEHOUSE_CMP_PROTECT_H
#define GATEHOUSE_CMP_PROTECT_H

#include "cmp/message.h"
#include "x509/minima.h"

/* What is accepted; names as in settings.h. */
struct cmp_algorithms {
    bool pbm, pbmac1, signature;
    bool sha1;              /* HMAC-SHA1 as the MAC of PBM, SHA-1 as its one-way function */
    int64_t max_iterations; /* of either MAC */
    struct minima least;    /* SHA-1, where allowed, is under any */
};

enum cmp_protection { CMP_UNPROTECTED, CMP_BY_MAC, CMP_BY_SIGNATURE };
/* Which it is, by the algorithm. ERROR_POLICY "cmp-algorithm" for one that is not known or not allowed, and for
 * parameters out of bounds (salt 8-64 octets, 100 iterations up to the limit): checked before any is computed. */
MUST_USE bool cmp_protection_kind(struct arena *arena, const struct cmp_message *message,
                                  const struct cmp_algorithms *allowed, enum cmp_protection *ret,
                                  struct error *err);
/* ERROR_UNAUTHENTICATED "cmp-protection". */
MUST_USE bool cmp_verify_mac(struct arena *arena, const struct cmp_message *message, struct view secret,
                             struct error *err);
MUST_USE bool cmp_verify_signature(const struct cmp_message *message, EVP_PKEY *key, struct error *err);
/* The MAC of CRMF's publicKeyMAC (rfc4211#4.1): over the DER of a SubjectPublicKeyInfo. */
MUST_USE bool cmp_check_public_key_mac(struct arena *arena, const CRMF_MAC *mac, struct view spki,
                                       struct view secret, const struct cmp_algorithms *allowed,
                                       struct error *err);
/* A signature of any type by an AlgorithmIdentifier that came from outside: MD5 and SHA-1 are refused.
 * object: what an ASN1_ITEM encodes. ERROR_UNAUTHENTICATED "cmp-protection", ERROR_POLICY "cmp-algorithm". */
MUST_USE bool cmp_signature_allowed(const X509_ALGOR *algorithm, struct error *err);

/* Makes the whole message: by the algorithm of `like` and its secret (a fresh salt), or by the key. */
MUST_USE bool cmp_seal_mac(struct arena *arena, const struct cmp_answer *answer, const X509_ALGOR *like,
                           struct view secret, struct view *ret_der, struct error *err);
/* certificate: whose key it is; digest NULL when the key type has none. */
MUST_USE bool cmp_seal_signature(struct arena *arena, const struct cmp_answer *answer, EVP_PKEY *key,
                                 const X509 *certificate, const EVP_MD *digest, struct view *ret_der,
                                 struct error *err);
struct view cmp_seal_nothing(struct arena *arena, const struct cmp_answer *answer);

#endif
