/* What a template of EST or CMP asks at least of the algorithms that clients bring: beside what nobody may use at all
 * (key_check, SHA-1), which needs no setting. */
#ifndef GATEHOUSE_X509_MINIMA_H
#define GATEHOUSE_X509_MINIMA_H

#include "base/json.h"

#include <openssl/x509.h>

struct minima {
    int64_t key_strength; /* bits of NIST SP 800-57 part 1 table 2: 112 (RSA-2048), 128 (RSA-3072, P-256, Ed25519), 192, 256 */
    int64_t digest_bits;  /* of hash and MAC functions: 224, 256, 384, 512 */
};
extern const struct minima minima_default; /* 112, 224: what everybody must have */

/* Members "leastKeyStrength" and "leastDigestBits" of a document; absent ones are left as they are. ERROR_POLICY
 * "bad-minimum". */
MUST_USE bool minima_read(const struct json *document, struct minima *m, struct error *err);
void minima_write(struct json_writer *w, const struct minima *m);

/* `object` names it: "CSR", "client certificate". Keys whose strength is not known are refused once more than the
 * default is asked for. ERROR_POLICY "weak-key". */
MUST_USE bool minima_key(const struct minima *m, EVP_PKEY *key, const char *object, struct error *err);
/* The digest of a signature; algorithms that sign the whole message (EdDSA, ML-DSA, SLH-DSA) have none of their own.
 * ERROR_POLICY "weak-signature". */
MUST_USE bool minima_signature(const struct minima *m, const X509_ALGOR *algorithm, const char *object,
                               struct error *err);
/* A digest, or an HMAC by its digest. */
bool minima_digest(const struct minima *m, const EVP_MD *digest);
/* The digest inside a signature's AlgorithmIdentifier: NID_undef for one that has none; false when the algorithm is
 * not known. */
MUST_USE bool signature_digest(const X509_ALGOR *algorithm, int *ret_nid);

#endif
