/* Public keys as JSON Web Keys (RFC 7517, 7518, 8037; AKP of ML-DSA for JOSE) and their thumbprints
 * (RFC 7638). */
#ifndef GATEHOUSE_X509_JWK_H
#define GATEHOUSE_X509_JWK_H

#include "base/json.h"
#include "x509/handles.h"

struct jwk {
    const char *canonical;  /* the required members, sorted: what rfc7638#3 hashes */
    uint8_t thumbprint[32]; /* SHA-256 */
    EVP_PKEY *key;          /* the arena drops it */
};
/* EC P-256, P-384, P-521; RSA 2048 to 8192; OKP Ed25519 and Ed448; AKP ML-DSA-44, -65, -87. A
 * private member is refused. ERROR_MALFORMED "bad-jwk", ERROR_POLICY "weak-key". */
MUST_USE bool jwk_read(struct arena *arena, const struct json *document, struct jwk *ret,
                       struct error *err);
/* The same from its canonical text. */
MUST_USE bool jwk_parse(struct arena *arena, const char *text, struct jwk *ret, struct error *err);

/* True when the key can make that signature algorithm's signatures; unknown names, "none" and MACs
 * are false. */
bool jwk_fits(const struct jwk *jwk, const char *alg);
/* Verifies a JWS signature (rfc7518#3, rfc8037#3.1). */
bool jwk_verify(const struct jwk *jwk, const char *alg, struct view input, struct view signature);

#endif
